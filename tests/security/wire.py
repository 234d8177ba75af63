"""A simulated Kling on a socket that remembers who paid for what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kling_ui.simulator import Options, build

from ..conftest import served

GENERATIONS = "/v1/images/generations"


@dataclass(frozen=True, slots=True)
class Create:
    """A POST as it came. `status` and `answer` are what was said to it, 0 and None where the
    connection was cut."""

    key: str
    body: dict[str, Any]
    status: int
    answer: Any

    @property
    def prompt(self) -> str:
        return str(self.body.get("prompt"))

    @property
    def n(self) -> int:
        return int(self.body.get("n", 1))

    @property
    def accepted(self) -> bool:
        return self.status == 200


@dataclass
class Payments:
    """Everything that was asked, in the order of the answers."""

    url: str = ""
    creates: list[Create] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)  # of every call, whatever it was

    @property
    def base_url(self) -> str:
        return f"{self.url}/kling"

    def of(self, prompt: str) -> list[Create]:
        return [one for one in self.creates if one.prompt == prompt]

    def around(self, app: ASGIApp) -> ASGIApp:
        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            key = Headers(scope=scope).get("authorization", "").removeprefix("Bearer ")
            self.keys.append(key)
            if scope["method"] != "POST" or not scope["path"].endswith(GENERATIONS):
                await app(scope, receive, send)
                return
            asked, said, status = bytearray(), bytearray(), 0

            async def received() -> Message:
                message = await receive()
                asked.extend(message.get("body", b""))
                return message

            async def sent(message: Message) -> None:
                nonlocal status
                status = message.get("status", status)
                said.extend(message.get("body", b""))
                await send(message)

            # uvicorn's own socket, for a simulator that cuts a connection
            vars(received)["__self__"] = getattr(receive, "__self__", None)
            try:
                await app(scope, received, sent)
            finally:
                self.creates.append(Create(key, _json(asked) or {}, status, _json(said)))

        return serve


def _json(text: bytearray) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


@contextmanager
def paid(**options: Any) -> Iterator[Payments]:
    """A simulator with these options."""
    payments = Payments()
    with served(payments.around(build(Options(**options)))) as url:
        payments.url = url
        yield payments
