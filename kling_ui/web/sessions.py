"""Gradio's sessions, calls and uploads, each for whoever began it, and no more than it can bear.

Gradio sends what a queued call brings to whoever names its session, or the call itself, and once
only. The name is the client's own, and stands in addresses that proxies write down."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Iterable
from itertools import chain
from typing import Any, Protocol

from starlette.datastructures import QueryParams
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..text import Text
from .answers import UNREADABLE, missing, refusal
from .owner import NO_IDENTITY, NOBODY, owner_of_scope

LARGEST = 1024  # bytes of an answer that names a call
# values in a call's JSON, where a form has a hundred, and how deep; Gradio goes into each of them
MOST_VALUES, DEEPEST = 2000, 20
LONGEST_PATH = 4096  # characters; Gradio writes into the log what it finds no file of
MOST_UNREAD = 50  # calls of one owner that wait, or whose answers do
MOST, EACH = 100_000, 500  # names that are remembered, in all and of one owner
NAME = re.compile(r"[\w-]{1,64}", re.ASCII)
_BEGUN = re.compile(r"/gradio_api/(queue/join|run/predict|call/\w+)")  # named in the body
_JOINED, _LISTENED = "/gradio_api/queue/join", "/gradio_api/queue/data"
_ASKED = {  # named in the query
    _LISTENED: "session_hash",
    "/gradio_api/upload": "upload_id",
    "/gradio_api/upload_progress": "upload_id",
}
_KEPT = re.compile(r"/gradio_api/heartbeat/([^/]+)")
_CALLED = re.compile(r"/gradio_api/call/\w+/([^/]+)")

UNREAD = Text(
    "{most} answers wait to be read. Read them, or begin a new session.",
    "有 {most} 个结果尚未读取。请先读取，或开始新的会话。",
)


class Tangled(Exception):
    """JSON that is no form's."""


class Calls(Protocol):
    """What Gradio queues: for scripts. It keeps the answers until they are read."""

    def queued(self, function: object) -> bool: ...
    def there(self, session: str) -> bool: ...
    def unread(self, session: str) -> int: ...
    def forget(self, session: str) -> None: ...


class Sessions:
    """Whoever names a session first has it; a call is for whoever made it."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._owners: OrderedDict[str, str] = OrderedDict()
        self._names: dict[str, OrderedDict[str, None]] = {}  # by owner, the latest last

    def around(self, app: ASGIApp) -> ASGIApp:
        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            owner, path = owner_of_scope(scope), scope["path"].rstrip("/")
            begins, said = scope["method"] == "POST" and _BEGUN.fullmatch(path), None
            try:
                if begins:
                    said, receive = await _said(receive)
            except Tangled:
                refused: Response | None = refusal(scope, 400, UNREADABLE)
            else:
                refused = self._refusal(scope, path, said, owner)
            if refused:
                await refused(scope, receive, send)
            else:
                await app(scope, receive, self._heard(owner, send) if begins else send)

        return serve

    def _refusal(self, scope: Scope, path: str, said: Any, owner: str) -> Response | None:
        """None where the request may go on."""
        name = _text(said, "session_hash") if said is not None else _name_asked(scope, path)
        if not self._may(path, name, owner):
            return missing(scope)
        if path == _LISTENED and not self._calls.there(name):
            return missing(scope)
        if said is None or path.endswith("/run/predict"):
            return None
        if path == _JOINED and not self._calls.queued(said.get("fn_index")):
            return missing(scope)
        if owner == NOBODY:
            return refusal(scope, 403, NO_IDENTITY)
        if sum(map(self._calls.unread, self._names.get(owner, ()))) >= MOST_UNREAD:
            return refusal(scope, 429, UNREAD.fill(most=MOST_UNREAD))
        return None

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
        self._calls.forget(name)
        self._names[owner].pop(name)
        if not self._names[owner]:
            del self._names[owner]

    def _heard(self, owner: str, send: Send) -> Send:
        """`send`, remembering whose the call is that an answer names."""
        body = bytearray()

        async def sent(message: Message) -> None:
            body.extend(message.get("body", b"")[: LARGEST - len(body)])
            whole = message["type"] == "http.response.body" and not message.get("more_body")
            if whole and (call := _text(_read(bytes(body)), "event_id")):
                self._has(call, owner)
            await send(message)

        return sent


def _name_asked(scope: Scope, path: str) -> str:
    """What a request names without saying anything; empty where that is nothing."""
    if asked := _ASKED.get(path):
        return QueryParams(scope["query_string"]).get(asked, "")
    kept = _KEPT.fullmatch(path)
    return kept[1] if kept else ""


async def _said(receive: Receive) -> tuple[dict[str, Any], Receive]:
    """The JSON object that came in, and the request's body as it has yet to be read."""
    messages = await _all(receive)
    said = _read(b"".join(one.get("body", b"") for one in messages))
    if not isinstance(said, dict) or not _bearable(said):
        raise Tangled
    return said, _again(messages, receive)


def _bearable(said: Any) -> bool:
    left, level = MOST_VALUES, [said]
    for _ in range(DEEPEST):
        if not all(map(_sound_path, level)):
            return False
        inside: list[Iterable[Any]] = [
            one.values() if isinstance(one, dict) else one
            for one in level
            if isinstance(one, dict | list)
        ]
        left -= sum(map(len, inside))  # type: ignore[arg-type]
        if left < 0:
            return False
        level = [*chain.from_iterable(inside)]
    return not level


def _sound_path(one: Any) -> bool:
    path = one.get("path") if isinstance(one, dict) else ""
    return not isinstance(path, str) or (len(path) <= LONGEST_PATH and path.isprintable())


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


def _read(body: bytes) -> Any:
    """As JSON; None where it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _text(said: Any, name: str) -> str:
    """What a JSON object has under a name, where that is a text."""
    found = said.get(name) if isinstance(said, dict) else ""
    return found if isinstance(found, str) else ""
