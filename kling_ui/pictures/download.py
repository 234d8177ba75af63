"""Fetching a result picture from whatever host a gateway names, without trusting it."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import IO

import httpx

from ..addresses import is_public
from ..errors import KlingError

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]  # host, port → IP addresses

_MOST_REDIRECTS = 3
_MOST_ADDRESSES = 4  # tried one after another when a host has several
_PIECE = 1 << 20  # bytes written at a time
_TIMEOUT = httpx.Timeout(30, connect=10)


class NotFetched(KlingError):
    """`gone`: the address will never work again, and a fresh one must be asked for."""

    fallback = "fetching"

    def __init__(self, detail: str, *, gone: bool = False, status: int | None = None) -> None:
        super().__init__(detail, status=status)
        self.gone = gone


@dataclass(frozen=True, slots=True)
class Fetched:
    bytes: int
    sha256: str


class Downloader:
    """Fetches over https, and http where private hosts are allowed. A host's addresses are
    looked up once, all checked, and the connection goes to one of those. It sends no
    credentials and no cookies, and asks no proxy.

    A `transport`, which leads to a simulator in this process, is used unchecked."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
        deadline: float = 120,
        max_bytes: int = 50_000_000,
        resolve: Resolve | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._in_process = transport is not None
        self._deadline, self._max_bytes = deadline, max_bytes
        self._resolve = resolve or _look_up
        # No connection is used twice: TLS proved it for one host name, and two names may share
        # the address it is known by.
        self._client = httpx.AsyncClient(
            transport=transport,
            trust_env=False,
            follow_redirects=False,
            timeout=_TIMEOUT,
            limits=httpx.Limits(max_keepalive_connections=0),
            headers={"Accept": "image/*", "Accept-Encoding": "identity"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )

    async def aclose(self) -> None:
        await self._client.aclose()

    async def fetch(self, url: str, into: Path) -> Fetched:
        """The body, unchanged, written to `into`; what is there after an error is worthless.
        Raises NotFetched, and OSError when the disk does not take it."""
        try:
            async with asyncio.timeout(self._deadline):
                async with self._answer(url) as response:
                    return await self._save(response, into)
        except TimeoutError as error:
            raise NotFetched(f"took longer than {self._deadline:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, UnicodeError) as error:
            raise NotFetched(type(error).__name__) from error

    @asynccontextmanager
    async def _answer(self, url: str) -> AsyncIterator[httpx.Response]:
        """The first answer that is no redirect; its body is still unread."""
        place = httpx.URL(url)
        for _ in range(_MOST_REDIRECTS + 1):
            response = await self._get(place)
            try:
                if not response.has_redirect_location:
                    yield response
                    return
                place = place.join(response.headers["Location"])
            finally:
                await response.aclose()
        raise NotFetched("too many redirects")

    async def _get(self, place: httpx.URL) -> httpx.Response:
        if place.userinfo:
            raise NotFetched("the address holds a password")
        if self._in_process:
            return await self._client.send(self._client.build_request("GET", place), stream=True)
        self._check_place(place)
        failure: httpx.TransportError | None = None
        for address in (await self._addresses(place))[:_MOST_ADDRESSES]:
            try:
                return await self._client.send(self._pinned(place, address), stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
        raise NotFetched("cannot connect") from failure

    def _check_place(self, place: httpx.URL) -> None:
        plain = place.scheme == "http" and self._allow_private
        if not (place.scheme == "https" or plain) or not place.host:
            raise NotFetched("the address is not https")
        if place.port is not None and not 0 < place.port < 65536:
            raise NotFetched("the address has no such port")

    async def _addresses(self, place: httpx.URL) -> Sequence[str]:
        port = place.port or (443 if place.scheme == "https" else 80)
        try:
            found = await self._resolve(place.raw_host.decode("ascii"), port)
        except (OSError, UnicodeError) as error:
            raise NotFetched("the host is unknown") from error
        if not self._allow_private and not all(is_public(address) for address in found):
            raise NotFetched("the host is not on the public internet")
        return found

    def _pinned(self, place: httpx.URL, address: str) -> httpx.Request:
        """A request to `address` that speaks to, and proves by TLS, the host of `place`."""
        return self._client.build_request(
            "GET",
            place.copy_with(host=address),
            headers={"Host": place.netloc.decode("ascii")},
            extensions={"sni_hostname": place.raw_host.decode("ascii").rstrip(".")},
        )

    async def _save(self, response: httpx.Response, into: Path) -> Fetched:
        _check(response, self._max_bytes)
        size, digest = 0, hashlib.sha256()
        with into.open("wb") as file:
            async for piece in response.aiter_bytes(_PIECE):
                size += len(piece)
                if size > self._max_bytes:
                    raise _too_large(self._max_bytes)
                await asyncio.to_thread(_append, file, digest, piece)
        return Fetched(size, digest.hexdigest())


def _append(file: IO[bytes], digest: hashlib._Hash, piece: bytes) -> None:
    digest.update(piece)
    file.write(piece)


def _check(response: httpx.Response, max_bytes: int) -> None:
    status, length = response.status_code, response.headers.get("Content-Length", "")
    if status != 200:
        raise NotFetched(f"HTTP {status}", gone=status in {403, 404, 410}, status=status)
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise NotFetched("compressed, although asked not to be")
    if length.isdigit() and int(length) > max_bytes:
        raise _too_large(max_bytes)


def _too_large(max_bytes: int) -> NotFetched:
    return NotFetched(f"more than {max_bytes / 1e6:g} MB")


async def _look_up(host: str, port: int) -> Sequence[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
