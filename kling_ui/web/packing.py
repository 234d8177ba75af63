"""Scripts and style sheets, Gradio's and ours, packed once. Gradio itself packs each of them anew
for everybody who comes, a fifth of a second of the event loop at every first visit."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import brotli
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .links import PREFIX

MOST_KEPT = 16 * 1024 * 1024  # bytes of packed files
QUALITY = 6  # of 11: smaller than Gradio's own 4, and three times as slow
FILES = re.compile(rf"(/assets|/static|{re.escape(PREFIX)}/assets)/.+\.(js|css|svg|json)")
PACKING = ThreadPoolExecutor(1, "packing")  # the history waits for nobody's page
# who asks for a part, or only for what is new, is not answered from here
PARTIAL = {"range", "if-none-match", "if-modified-since", "if-range"}


@dataclass(frozen=True, slots=True)
class _File:
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Packing:
    """Files do not change while the program runs."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        self._kept = 0

    def around(self, app: ASGIApp) -> ASGIApp:
        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if not _asks_for_a_file(scope):
                await app(scope, receive, send)
            elif file := self._files.get(scope["path"]):
                await _send(file, send)
            else:
                answer = _Answer()
                await app(scope, receive, answer.take)
                await self._first(scope["path"], answer, send)

        return serve

    async def _first(self, path: str, answer: _Answer, send: Send) -> None:
        if answer.status != 200 or "content-encoding" in Headers(raw=answer.headers):
            await answer.send(send)
            return
        loop = asyncio.get_running_loop()
        file = await loop.run_in_executor(PACKING, _packed, answer.headers, bytes(answer.body))
        if path not in self._files and self._kept + len(file.body) <= MOST_KEPT:
            self._files[path] = file
            self._kept += len(file.body)
        await _send(file, send)


class _Answer:
    """As it is sent, held back until it is whole."""

    def __init__(self) -> None:
        self.status, self.headers, self.body = 500, list[tuple[bytes, bytes]](), bytearray()

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], [*message["headers"]]
        else:
            self.body += message.get("body", b"")

    async def send(self, send: Send) -> None:
        await _sent(self.status, self.headers, bytes(self.body), send)


def _asks_for_a_file(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET" or not FILES.fullmatch(scope["path"]):
        return False
    headers = Headers(scope=scope)
    return "br" in headers.get("accept-encoding", "") and PARTIAL.isdisjoint(headers.keys())


def _packed(headers: list[tuple[bytes, bytes]], body: bytes) -> _File:
    packed = brotli.compress(body, mode=brotli.MODE_TEXT, quality=QUALITY)
    told = MutableHeaders(raw=[*headers])
    told["content-encoding"], told["content-length"] = "br", str(len(packed))
    told.add_vary_header("accept-encoding")
    return _File(told.raw, packed)


async def _send(file: _File, send: Send) -> None:
    await _sent(200, file.headers, file.body, send)


async def _sent(status: int, headers: list[tuple[bytes, bytes]], body: bytes, send: Send) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [*headers]})
    await send({"type": "http.response.body", "body": body})
