"""Gradio's sessions, calls and uploads, each for whoever began it.

Gradio sends what a queued call brings to whoever names its session, or the call itself, and once
only. The name is the client's own, and stands in addresses that proxies write down."""

from __future__ import annotations

import json
import re
from collections import OrderedDict

from starlette.datastructures import QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..text import Text
from .answers import missing, refusal
from .owner import NOBODY, owner_of_scope

LARGEST = 1024  # bytes of an answer that names a call
MOST_BRACKETS = 50_000  # of a call's JSON: Gradio goes into each
MOST, EACH = 100_000, 500  # names that are remembered, in all and of one owner
NAME = re.compile(r"[\w-]{1,64}", re.ASCII)
_BEGUN = re.compile(r"/gradio_api/(queue/join|run/predict|call/\w+)")  # named in the body
_ASKED = {  # named in the query
    "/gradio_api/queue/data": "session_hash",
    "/gradio_api/upload": "upload_id",
    "/gradio_api/upload_progress": "upload_id",
}
_KEPT = re.compile(r"/gradio_api/heartbeat/([^/]+)")
_CALLED = re.compile(r"/gradio_api/call/\w+/([^/]+)")


TANGLED = Text("That cannot be read.", "无法读取。")


class Tangled(Exception):
    """JSON of more parts than any form has."""


class Sessions:
    """Whoever names a session first has it; a call is for whoever made it."""

    def __init__(self) -> None:
        self._owners: OrderedDict[str, str] = OrderedDict()
        self._names: dict[str, OrderedDict[str, None]] = {}  # by owner, the latest last

    def around(self, app: ASGIApp) -> ASGIApp:
        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            owner, path = owner_of_scope(scope), scope["path"].rstrip("/")
            try:
                name, receive = await _named(scope, path, receive)
            except Tangled:
                await refusal(scope, 400, TANGLED)(scope, receive, send)
                return
            if not self._may(path, name, owner):
                await missing(scope)(scope, receive, send)
            else:
                begins = _BEGUN.fullmatch(path)
                await app(scope, receive, self._heard(owner, send) if begins else send)

        return serve

    def _may(self, path: str, name: str, owner: str) -> bool:
        if called := _CALLED.fullmatch(path):
            return self._owners.get(called[1], NOBODY) == owner
        return not name or self._has(name, owner)

    def _has(self, name: str, owner: str) -> bool:
        """Whether it is this owner's, from now on if it was nobody's. Whoever names too many loses
        their own oldest."""
        if not NAME.fullmatch(name):
            return False
        if owner == NOBODY:  # has nothing that anybody could take
            return name not in self._owners
        if self._owners.setdefault(name, owner) != owner:
            return False
        own = self._names.setdefault(owner, OrderedDict())
        own[name] = None
        own.move_to_end(name)
        self._owners.move_to_end(name)
        if len(own) > EACH:
            self._drop(next(iter(own)))
        if len(self._owners) > MOST:
            self._drop(next(iter(self._owners)))
        return True

    def _drop(self, name: str) -> None:
        owner = self._owners.pop(name)
        self._names[owner].pop(name)
        if not self._names[owner]:
            del self._names[owner]

    def _heard(self, owner: str, send: Send) -> Send:
        """`send`, remembering whose the call is that an answer names."""
        body = bytearray()

        async def sent(message: Message) -> None:
            body.extend(message.get("body", b"")[: LARGEST - len(body)])
            whole = message["type"] == "http.response.body" and not message.get("more_body")
            if whole and (call := _text(bytes(body), "event_id")):
                self._has(call, owner)
            await send(message)

        return sent


async def _named(scope: Scope, path: str, receive: Receive) -> tuple[str, Receive]:
    """What a request names, empty where that is nothing; and the request's body as it has yet to
    be read."""
    if asked := _ASKED.get(path):
        return QueryParams(scope["query_string"]).get(asked, ""), receive
    if kept := _KEPT.fullmatch(path):
        return kept[1], receive
    if scope["method"] != "POST" or not _BEGUN.fullmatch(path):
        return "", receive
    messages = await _all(receive)
    body = b"".join(one.get("body", b"") for one in messages)
    if body.count(b"[") + body.count(b"{") > MOST_BRACKETS:
        raise Tangled
    return _text(body, "session_hash"), _again(messages, receive)


async def _all(receive: Receive) -> list[Message]:
    messages = [await receive()]
    while messages[-1].get("more_body", False):
        messages.append(await receive())
    return messages


def _again(messages: list[Message], receive: Receive) -> Receive:
    waiting = iter(messages)

    async def received() -> Message:
        return next(waiting, None) or await receive()

    return received


def _text(body: bytes, name: str) -> str:
    """What a JSON object has under a name, where that is a text."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    found = told.get(name) if isinstance(told, dict) else ""
    return found if isinstance(found, str) else ""
