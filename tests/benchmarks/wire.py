"""One connection of a browser's, kept alive: as little HTTP as a hundred of them need in one
process, so that what they cost is the server's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

LONGEST_LINE = 2**22  # bytes; an event is one line
PATIENCE = 60.0  # seconds for an answer


class Wire:
    """One request after another; made anew where the server has closed it, as it does after a few
    quiet seconds. `cookies` go with each request; those that come are kept."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc
        self._reader = asyncio.StreamReader()
        self._reader.feed_eof()
        self._writer: asyncio.StreamWriter | None = None
        self.cookies: dict[str, str] = {}
        self.headers: dict[str, str] = {}  # of the last answer

    async def _connect(self) -> asyncio.StreamWriter:
        if self._writer is None or self._reader.at_eof():
            name, _, port = self._host.partition(":")
            self._reader, self._writer = await asyncio.open_connection(
                name, int(port), limit=LONGEST_LINE
            )
        return self._writer

    async def ask(self, path: str, body: object = None, *, accept: str = "*/*") -> bytes:
        """The whole answer to a GET, or to a POST of `body` as JSON."""
        await self.begin(path, body, accept=accept)
        async with asyncio.timeout(PATIENCE):
            return b"".join([piece async for piece in self._pieces()])

    async def begin(self, path: str, body: object = None, *, accept: str = "*/*") -> None:
        data = b"" if body is None else json.dumps(body).encode()
        lines = [f"{'POST' if data else 'GET'} {path} HTTP/1.1", f"host: {self._host}"]
        lines += [f"accept: {accept}", "accept-language: en-US", "accept-encoding: gzip, deflate"]
        if data:
            lines += ["content-type: application/json", f"content-length: {len(data)}"]
        if self.cookies:
            lines.append("cookie: " + "; ".join(f"{k}={v}" for k, v in self.cookies.items()))
        writer = await self._connect()
        writer.write("\r\n".join([*lines, "", ""]).encode() + data)
        async with asyncio.timeout(PATIENCE):
            await self._read_head(path)

    async def _read_head(self, path: str) -> None:
        status = await self._reader.readline()
        if b" 200 " not in status:
            raise ConnectionError(f"{path}: {status.decode().strip() or 'no answer'}")
        self.headers = {}
        while line := (await self._reader.readline()).decode().strip():
            name, _, value = line.partition(": ")
            self.headers[name.lower()] = value
            if name.lower() == "set-cookie":
                key, _, kept = value.partition(";")[0].partition("=")
                self.cookies[key] = kept

    async def _pieces(self) -> AsyncIterator[bytes]:
        if "content-length" in self.headers:
            yield await self._reader.readexactly(int(self.headers["content-length"]))
            return
        while size := int(await self._reader.readline(), 16):
            yield (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readline()

    async def events(self) -> AsyncIterator[str]:
        """Of an event stream, as soon as each is whole, its id; endless."""
        mark = b""
        while line := await self._reader.readline():
            if line.startswith(b"id: "):
                mark = line[4:].strip()
            elif line == b"\n" and mark:
                yield mark.decode()
                mark = b""
