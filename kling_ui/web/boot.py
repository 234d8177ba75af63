"""Puts our script first into the page: before Gradio starts it must know language and theme."""

from __future__ import annotations

import gzip
import hashlib
import json
from asyncio import to_thread
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..text import Lang
from .language import language


class Boot:
    """`facts` is what the page's scripts know, by language: words, rules, links. `scripts` are
    addresses, relative to the page, loaded right after. `mark` tells a page that was opened before
    the program was started anew, with other facts, code or `more` of it, that it is out of date."""

    def __init__(
        self, *, facts: Mapping[Lang, Mapping[str, Any]], code: str, more: str = ""
    ) -> None:
        told = json.dumps([facts, code, more, version("gradio")], ensure_ascii=False)
        self.mark = hashlib.sha256(told.encode()).hexdigest()[:16]
        self._tags = {
            lang: _tag({**known, "page": self.mark}, code) for lang, known in facts.items()
        }

    def around(self, app: ASGIApp) -> ASGIApp:
        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["path"] != "/" or scope["method"] != "GET":
                await app(scope, receive, send)
            else:
                tag = self._tags[language(Request(scope))]
                packed = "gzip" in Headers(scope=scope).get("accept-encoding", "")
                await app(scope, receive, _Insertion(tag, send, packed=packed).send)

        return serve


class _Insertion:
    """Holds an HTML answer back until it is whole, then sends it with `tag` after ``<head>``;
    `packed`, because Gradio packs only what has a file's name, and its page has 200 kB."""

    def __init__(self, tag: bytes, send: Send, *, packed: bool) -> None:
        self._tag, self._send, self._packed = tag, send, packed
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
        body = self._body.replace(b"<head>", b"<head>" + self._tag, 1)
        headers = MutableHeaders(scope=self._start)
        if self._packed:
            body = await to_thread(gzip.compress, body, 6, mtime=0)
            headers["content-encoding"] = "gzip"
        headers["content-length"] = str(len(body))
        headers["vary"] = "accept-encoding, accept-language, cookie"
        headers["cache-control"] = "no-cache"
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": body})


def _is_html(message: Message) -> bool:
    return Headers(scope=message).get("content-type", "").startswith("text/html")


def _tag(facts: Mapping[str, Any], code: str) -> bytes:
    known = json.dumps(facts, ensure_ascii=False).replace("<", "\\u003c")
    return f"<script>window.kling={known};\n{code}</script>".encode()
