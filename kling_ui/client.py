"""Kling's image API over httpx: one POST for a create, and queries.

How a call is signed: the authentication page of Kling's docs.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Self, TypeAlias
from urllib.parse import quote

import httpx
import jwt

from .errors import (
    BadRequest,
    KlingError,
    NoAnswer,
    NotFound,
    NotSent,
)
from .reply import read_reply, unix
from .settings import Secret, Settings
from .task import Answer

Answers: TypeAlias = list[Answer]  # inside the class `list` is the query
Reply: TypeAlias = tuple[int, bytes, httpx.Headers]

IMAGES = "/v1/images/generations"
_CAP, _LIST_CAP = 2_000_000, 8_000_000  # bytes of a reply we are willing to read
_KEPT = 60.0  # seconds a query's connection waits for the next query
_HEADERS = {
    "Content-Type": "application/json",  # Kling wants it on queries too
    "Accept": "application/json",
    "Accept-Encoding": "identity",
}


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. `create` and `read` cover a whole call; httpx's own count per operation only."""

    connect: float = 10
    create: float = 90
    read: float = 30


class KlingClient:
    """The image API at one base URL with one credential. A `transport` that is passed in serves
    every call and is closed with the client."""

    def __init__(
        self,
        *,
        base_url: str,
        auth: httpx.Auth | None,
        transport: httpx.AsyncBaseTransport | None = None,
        deadlines: Deadlines = Deadlines(),
    ) -> None:
        self._url = base_url.rstrip("/") + IMAGES
        self._auth, self._deadlines = auth, deadlines
        if transport:
            self._asking = self._creating = self._http(transport)
            return
        # a kept connection that died in the meantime would make a create ambiguous
        fresh = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        lasting = httpx.Limits(max_connections=100, keepalive_expiry=_KEPT)
        self._asking = self._http(httpx.AsyncHTTPTransport(verify=_tls(), limits=lasting))
        self._creating = self._http(httpx.AsyncHTTPTransport(verify=_tls(), limits=fresh))

    @property
    def endpoint(self) -> str:
        """Where a create is posted."""
        return self._url

    def _http(self, transport: httpx.AsyncBaseTransport) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=transport,
            auth=self._auth,
            headers=_HEADERS,
            follow_redirects=False,
            trust_env=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # keeps none
        )

    async def create(self, payload: Mapping[str, Any]) -> Answer:
        """Posted once, whatever happens; only a refused signature is renewed and posted again.
        `NotSent`: safe to repeat. `NoAnswer`: Kling may have it. `Refused`: it has not."""
        try:
            body = json.dumps(payload, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise BadRequest(f"not JSON: {type(error).__name__}") from None
        data, request_id = await self._ask(
            self._creating, "POST", self._url, deadline=self._deadlines.create, content=body
        )
        return _answer(data, request_id)

    async def get(self, task_id: str) -> Answer:
        """By Kling's id or by an external one. `NotFound` where Kling says it knows no such."""
        # a quoted dot keeps an id of dots from climbing up the path
        name = quote(task_id, safe="", errors="replace").replace(".", "%2E")
        try:
            data, request_id = await self._ask(
                self._asking, "GET", f"{self._url}/{name}", deadline=self._deadlines.read
            )
        except BadRequest as error:
            raise (_not_found(error) or error) from None
        if isinstance(data, dict) and "error" in data and Answer.from_json(data) is None:
            data = {**data, "task_id": task_id}  # gateways: a failed task comes without its id
        return _answer(data, request_id)

    async def list(self, *, page: int = 1, size: int = 30) -> Answers:
        """The account's tasks; `page` counts from 1, `size` is at most 500. Order is not said."""
        data, request_id = await self._ask(
            self._asking,
            "GET",
            self._url,
            deadline=self._deadlines.read,
            cap=_LIST_CAP,
            params={"pageNum": page, "pageSize": size},
        )
        return _answers(data, request_id)

    def signs_with(self, text: str) -> bool:
        """Whether `text` is the key that it signs with, or a part of it."""
        return isinstance(self._auth, BearerAuth | JwtAuth) and Secret(text) in self._auth.secrets

    async def aclose(self) -> None:
        await self._asking.aclose()
        await self._creating.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _ask(
        self,
        http: httpx.AsyncClient,
        method: str,
        url: str,
        *,
        deadline: float,
        cap: int = _CAP,
        **request: Any,
    ) -> tuple[Any, str]:
        request["timeout"] = httpx.Timeout(deadline, connect=self._deadlines.connect)
        with _edge():
            async with asyncio.timeout(deadline):
                reply = await _send(http, method, url, cap=cap, **request)
                if self._signed_anew(reply):
                    reply = await _send(http, method, url, cap=cap, **request)
        return read_reply(*reply)

    def _signed_anew(self, reply: Reply) -> bool:
        """Kling found the token too early or too late: no task was made, once more is safe."""
        status, _, headers = reply
        if status != 401 or not isinstance(self._auth, JwtAuth):
            return False
        try:
            read_reply(*reply)
        except KlingError as error:
            if error.code in (1003, 1004):
                self._auth.renew(headers.get("Date", ""))
                return True
        return False


@cache
def _tls() -> ssl.SSLContext:
    """Reading the certificates takes 25 ms, too long for every visitor's key."""
    return httpx.create_ssl_context(trust_env=False)


class BearerAuth(httpx.Auth):
    """An API key, or a gateway's."""

    def __init__(self, key: Secret) -> None:
        self._key = key
        self.secrets = (key,)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if not self._key.sendable:  # httpx would quote it in the error, or send it as UTF-8
            raise NotSent("the key holds characters that no key has", case="1002")
        request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        yield request


class JwtAuth(httpx.Auth):
    """AccessKey + SecretKey: a token of half an hour, by `clock` (Unix seconds) until Kling's
    own clock is known."""

    def __init__(
        self, access: Secret, secret: Secret, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._access, self._secret, self._clock = access, secret, clock
        self.secrets = (access, secret)
        self._offset = 0.0
        self._token, self._expires = Secret(), 0.0

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if self._expires - self._now() < 60:
            self._sign()
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        yield request

    def renew(self, date: str) -> None:
        """Forget the token; `date` is the ``Date`` header of the reply that refused it."""
        there = unix(date)
        if there is not None:
            self._offset = there - self._clock()
        self._expires = 0

    def _now(self) -> float:
        return self._clock() + self._offset

    def _sign(self) -> None:
        now = int(self._now())
        claims = {"iss": self._access.reveal(), "exp": now + 1800, "nbf": now - 5}
        self._token = Secret(jwt.encode(claims, self._secret.reveal(), algorithm="HS256"))
        self._expires = now + 1800


def auth_of(settings: Settings) -> httpx.Auth | None:
    """The API key wins over the pair; None when neither is whole."""
    if settings.api_key:
        return BearerAuth(settings.api_key)
    if settings.access_key and settings.secret_key:
        return JwtAuth(settings.access_key, settings.secret_key)
    return None


@contextmanager
def _edge() -> Iterator[None]:
    """The one place where foreign exceptions become ours. Their words may quote a header, so
    only the class is told, except of connecting, which knows no header yet."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise NotSent(f"{type(error).__name__}: {error}".rstrip(": ")) from error
    except (
        httpx.PoolTimeout,
        httpx.UnsupportedProtocol,
        httpx.InvalidURL,
        UnicodeError,  # a host name that no wire takes
        jwt.PyJWTError,
    ) as error:
        raise NotSent(type(error).__name__) from None
    except (httpx.HTTPError, httpx.StreamError, OSError) as error:  # OSError: TimeoutError too
        raise NoAnswer(type(error).__name__) from None


async def _send(
    http: httpx.AsyncClient, method: str, url: str, *, cap: int, **request: Any
) -> Reply:
    if http.is_closed:
        raise NotSent("the client is closed")
    async with http.stream(method, url, **request) as response:
        # we asked for plain bytes; other encodings could unpack one chunk into gigabytes
        if response.headers.get("Content-Encoding", "identity").lower() not in _ENCODINGS:
            raise NoAnswer("unreadable encoding", status=response.status_code)
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > cap:
                raise NoAnswer("the reply is too long", status=response.status_code)
    key = response.request.headers.get("Authorization", "").removeprefix("Bearer ").encode()
    return response.status_code, _without(key, bytes(body)), response.headers


def _without(key: bytes, body: bytes) -> bytes:
    """Stars for the key, also where some of its characters are spelled as in JSON or an address."""
    if len(key) < 8:
        return body
    body = body.replace(key, b"***")
    if b"\\" not in body and b"%" not in body:
        return body
    ways = rb"(?:\\?%b|\\u00(?i:%02x)|%%(?i:%02x))"
    spelled = (ways % (re.escape(bytes([one])), one, one) for one in key)
    return re.sub(b"".join(spelled), b"***", body)


_ENCODINGS = {"identity", "gzip", "deflate"}


def _not_found(error: BadRequest) -> NotFound | None:
    words = error.detail.lower().replace("_", " ")
    known = error.code in (1201, None) and re.search(r"task not (found|exist)", words)
    if error.code != 1203 and not known and not (error.code == 1201 and "not found" in words):
        return None
    return NotFound(
        error.detail,
        case="not_found",
        code=error.code,
        status=error.status,
        request_id=error.request_id,
    )


def _answer(data: Any, request_id: str) -> Answer:
    answer = Answer.from_json(data, request_id=request_id)
    if answer is None:
        raise NoAnswer("no task id", request_id=request_id)
    return answer


def _answers(data: Any, request_id: str) -> Answers:
    """Kling sends an array; gateways wrap it. Items that name no task are left out."""
    if isinstance(data, dict):
        data = next((data[key] for key in ("list", "items", "tasks") if key in data), None)
    if not isinstance(data, list):
        raise NoAnswer("no list of tasks", request_id=request_id)
    read = (Answer.from_json(item, request_id=request_id) for item in data)
    return [answer for answer in read if answer]
