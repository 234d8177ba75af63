"""Gradio's sessions, each for whoever began it.

Gradio sends what a queued call brings to whoever names its session, and once only. The name is the
client's own, and stands in addresses that proxies write down."""

from __future__ import annotations

import json
from collections import OrderedDict

from starlette.datastructures import QueryParams
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .owner import owner_of_scope

MOST = 20_000  # sessions that are remembered
_BEGUN_BY = ("/gradio_api/queue/join", "/gradio_api/run/predict")
_HEARD_BY = "/gradio_api/queue/data"
_KEPT_BY = "/gradio_api/heartbeat/"


class Sessions:
    """Whoever names a session first has it."""

    def __init__(self) -> None:
        self._owners: OrderedDict[str, str] = OrderedDict()

    def around(self, app: ASGIApp) -> ASGIApp:
        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                name, receive = await _named(scope, receive)
                if name and not self._has(name, owner_of_scope(scope)):
                    await PlainTextResponse("Not found", 404)(scope, receive, send)
                    return
            await app(scope, receive, send)

        return serve

    def _has(self, name: str, owner: str) -> bool:
        found = self._owners.setdefault(name, owner)
        self._owners.move_to_end(name)
        while len(self._owners) > MOST:
            self._owners.popitem(last=False)
        return found == owner


async def _named(scope: Scope, receive: Receive) -> tuple[str, Receive]:
    """The session that a request names, empty where it names none; and the request's body as it
    has yet to be read."""
    path = scope["path"].rstrip("/")
    if path == _HEARD_BY:
        return QueryParams(scope["query_string"]).get("session_hash", ""), receive
    if path.startswith(_KEPT_BY):
        return path.removeprefix(_KEPT_BY), receive
    if path not in _BEGUN_BY or scope["method"] != "POST":
        return "", receive
    messages = await _all(receive)
    return _from_body(b"".join(one.get("body", b"") for one in messages)), _again(messages, receive)


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


def _from_body(body: bytes) -> str:
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    name = asked.get("session_hash") if isinstance(asked, dict) else ""
    return name if isinstance(name, str) else ""
