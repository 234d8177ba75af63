"""Puts our script first into the page: before Gradio starts it must know language and theme."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import secrets
from asyncio import get_running_loop
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..text import Lang
from .guard import KNOWN, page_policy
from .language import language
from .owner import owner_of

_ZIPPING = ThreadPoolExecutor(1, "pages")  # the history waits for nobody's page
_API_INFO = re.compile(rb"(window\.gradio_api_info = )\{.*?\}(;</script>)", re.DOTALL)
_NO_API = rb'\1{"named_endpoints":{},"unnamed_endpoints":{}}\2'


class Boot:
    """`faces` are what the page's scripts know, by language: words, rules, links; a page has the
    face that `face_of` names for its owner. `ancestors` may hold it in a frame. Whoever has yet to
    log in has `before` instead, by language: what its scripts know, code and a style sheet."""

    def __init__(
        self,
        *,
        faces: Mapping[str, Mapping[Lang, Mapping[str, Any]]],
        code: str,
        more: str = "",
        face_of: Callable[[str], str] = lambda _: "",
        before: Mapping[Lang, tuple[Mapping[str, Any], str, str]] | None = None,
        ancestors: str = "'self'",
    ) -> None:
        self._face_of, self._ancestors = face_of, ancestors
        self._marks = {name: _mark(facts, code, more) for name, facts in faces.items()}
        self._tags = {
            (name, lang): _tag({**known, "page": self._marks[name]}, code)
            for name, facts in faces.items()
            for lang, known in facts.items()
        }
        self._before = {
            lang: _tag(known, script) + f"<style>{style}</style>".encode()
            for lang, (known, script, style) in (before or {}).items()
        }

    def mark(self, owner: str) -> str:
        """Tells a page that is open that it is out of date: the program was started anew, with
        other facts, code or `more` of it, or the owner has another face by now."""
        return self._marks[self._face_of(owner)]

    def around(self, app: ASGIApp) -> ASGIApp:
        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
                await app(scope, receive, send)
            else:
                request = Request(scope)
                tag = self._tag(request)
                packed = "gzip" in request.headers.get("accept-encoding", "")
                known = scope.get(KNOWN, True)
                page = _Page(tag, send, packed=packed, known=known, ancestors=self._ancestors)
                await app(scope, receive, page.send)

        return serve

    def _tag(self, request: Request) -> bytes:
        lang = language(request)
        if not request.scope.get(KNOWN, True):
            return self._before[lang]
        return self._tags[self._face_of(owner_of(request)), lang]


class _Page:
    """Holds an HTML answer back until it is whole, then sends it with `tag` after ``<head>`` and
    with a policy that knows its scripts; `packed`, because Gradio packs only what has a file's
    name, and its page has 200 kB."""

    def __init__(
        self, tag: bytes, send: Send, *, packed: bool, known: bool, ancestors: str
    ) -> None:
        self._tag, self._send, self._known = tag, send, known
        self._packed, self._ancestors = packed, ancestors
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_html(message):
            self._start = message
        elif self._start is None:
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._finish()

    async def _finish(self) -> None:
        assert self._start is not None
        nonce = secrets.token_urlsafe(16)
        if not self._known:  # what scripts may ask is for who may
            self._body = _API_INFO.sub(_NO_API, self._body)
        body = self._body.replace(b"<head>", b"<head>" + self._tag, 1)
        body = body.replace(b"<script", f'<script nonce="{nonce}"'.encode())
        headers = MutableHeaders(scope=self._start)
        headers["content-security-policy"] = page_policy(nonce=nonce, ancestors=self._ancestors)
        if self._packed:
            body = await get_running_loop().run_in_executor(_ZIPPING, _zipped, body)
            headers["content-encoding"] = "gzip"
        headers["content-length"] = str(len(body))
        headers["vary"] = "accept-encoding, accept-language, cookie"
        headers["cache-control"] = "no-cache"
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": body})


def _zipped(body: bytes) -> bytes:
    return gzip.compress(body, 6, mtime=0)


def _is_html(message: Message) -> bool:
    return Headers(scope=message).get("content-type", "").startswith("text/html")


def _mark(facts: Mapping[Lang, Mapping[str, Any]], code: str, more: str) -> str:
    told = json.dumps([facts, code, more, version("gradio")], ensure_ascii=False)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _tag(facts: Mapping[str, Any], code: str) -> bytes:
    known = json.dumps(facts, ensure_ascii=False).replace("<", "\\u003c")
    return f"<script>window.kling={known};\n{code}</script>".encode()
