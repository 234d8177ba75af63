"""Scripts and style sheets, Gradio's and ours, packed once. Gradio itself packs each of them anew
for everybody who comes, a fifth of a second of the event loop at every first visit."""

from __future__ import annotations

import asyncio
import gzip
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from weakref import WeakValueDictionary

import brotli
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .links import PREFIX

MOST_KEPT = 16 * 1024 * 1024  # bytes of packed files
QUALITY = 6  # of 11: smaller than Gradio's own 4, and three times as slow
ENCODINGS = ("br", "gzip")  # the better one first, which browsers take over https only
_NAME = r"(?:[\w@+-][\w.@+-]*/)*[\w@+-][\w.@+-]*\.(?:js|css|svg|json)"
GRADIOS = re.compile(rf"/(?:assets|static)/{_NAME}", re.ASCII)
OURS = re.compile(rf"{re.escape(PREFIX)}/assets/[^/]+/({_NAME})", re.ASCII)

# Gradio's gallery brings a player of streamed videos along, a fifth of all that a first visit
# loads; there is no video here
PLAYER = re.compile(r"/assets/hls-[\w-]+\.js", re.ASCII)
_EXPORTS = re.compile(rb"export\{([\w$]+ as [\w$]+(?:,[\w$]+ as [\w$]+)*)\};?\s*$")

_Name = tuple[str, str]  # and how it is packed


@dataclass(frozen=True, slots=True)
class _File:
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def etag(self) -> str:
        return Headers(raw=self.headers).get("etag", "")


class Packing:
    """Files do not change while the program runs. Asked for in part, they come whole."""

    def __init__(self) -> None:
        self._files: dict[_Name, _File] = {}
        self._kept = 0
        self._busy: WeakValueDictionary[_Name, asyncio.Lock] = WeakValueDictionary()
        self._thread = ThreadPoolExecutor(1, "packing")

    def around(self, app: ASGIApp) -> ASGIApp:
        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            name = _file_asked_for(scope)
            if name is None:
                await app(scope, receive, send)
                return
            async with self._busy.setdefault(name, asyncio.Lock()):  # one in memory at a time
                if name not in self._files:
                    answer = _Answer()
                    await app(scope, receive, answer.take)
                    if not await self._kept_as(name, answer):
                        await answer.send(send)
                        return
                file = self._files[name]
            await _send(file, scope, send)

        return serve

    async def _kept_as(self, name: _Name, answer: _Answer) -> bool:
        if answer.status != 200 or "content-encoding" in Headers(raw=answer.headers):
            return False
        loop = asyncio.get_running_loop()
        file, encoding = name
        body = _idle(bytes(answer.body)) if PLAYER.fullmatch(file) else bytes(answer.body)
        packed = await loop.run_in_executor(self._thread, _packed, answer.headers, body, encoding)
        if self._kept + len(packed.body) > MOST_KEPT:
            return False
        self._files[name] = packed
        self._kept += len(packed.body)
        return True


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


def _file_asked_for(scope: Scope) -> _Name | None:
    """Its name, whichever digest stands before one of ours, and how to pack it; None where it is
    none to pack."""
    if scope["type"] != "http" or scope["method"] != "GET":
        return None
    headers, path = Headers(scope=scope), scope["path"]
    taken = headers.get("accept-encoding", "")
    encoding = next((one for one in ENCODINGS if one in taken), "")
    ours = OURS.fullmatch(path)
    if not encoding or not (ours or GRADIOS.fullmatch(path)):
        return None
    return (ours[1] if ours else path), encoding


def _idle(player: bytes) -> bytes:
    """A module of the same names that plays nothing; as it was where they cannot be told."""
    if not (found := _EXPORTS.search(player)):
        return player
    names = [name.split(b" as ")[1] for name in found[1].split(b",")]
    none = b"const none=class{static isSupported(){return false}};export{"
    return none + b",".join(b"none as " + name for name in names) + b"};\n"


def _packed(headers: list[tuple[bytes, bytes]], body: bytes, encoding: str) -> _File:
    if encoding == "br":
        packed = brotli.compress(body, mode=brotli.MODE_TEXT, quality=QUALITY)
    else:
        packed = gzip.compress(body, QUALITY, mtime=0)
    told = MutableHeaders(raw=[*headers])
    told["content-encoding"], told["content-length"] = encoding, str(len(packed))
    told.add_vary_header("accept-encoding")
    return _File(told.raw, packed)


async def _send(file: _File, scope: Scope, send: Send) -> None:
    known = Headers(scope=scope).get("if-none-match", "")
    if file.etag and file.etag in map(str.strip, known.split(",")):
        headers = [one for one in file.headers if one[0] != b"content-length"]
        await _sent(304, headers, b"", send)
    else:
        await _sent(200, file.headers, file.body, send)


async def _sent(status: int, headers: list[tuple[bytes, bytes]], body: bytes, send: Send) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [*headers]})
    await send({"type": "http.response.body", "body": body})
