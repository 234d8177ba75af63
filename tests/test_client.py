from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import logging
import re
import socket
import struct
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_ui.client import BearerAuth, Deadlines, JwtAuth, KlingClient, auth_of
from kling_ui.errors import (
    AccountBlocked,
    BadRequest,
    ContentBlocked,
    KeyRejected,
    KlingError,
    NoAnswer,
    NotFound,
    NotSent,
    Refused,
    TooFast,
)
from kling_ui.reply import read_reply
from kling_ui.settings import Secret, Settings, trimmed

from .test_errors import CODES

KEY = "api-key-kling-0123456789"
ACCESS, SECRET = "access-key-of-a-test", "secret-key-of-a-test-0123456789abcdef"
NOW = 1_790_000_000.9
TASK = {"task_id": "t1", "task_status": "submitted", "created_at": 1, "updated_at": 2}

Act = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Heard:
    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n")[0].decode()

    def header(self, name: str) -> str:
        return re.search(rf"(?im)^{name}: (.*)\r$", self.head.decode("latin-1"))[1]  # type: ignore[index]


@dataclass
class Server:
    """Says on a real socket what it is told to, and remembers what it heard. The last act of
    the script is repeated."""

    script: tuple[Act, ...] = ()
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0
    url: str = ""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self.connections += 1
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: (\d+)", head)
                body = await reader.readexactly(int(length[1]) if length else 0)
                self.heard.append(Heard(head, body))
                await self.script[min(len(self.heard), len(self.script)) - 1](writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client has left, or the test is over
        finally:
            writer.transport.abort()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Server]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.url = "http://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)


def reply(status: int = 200, body: Any = b"", **headers: str) -> Act:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status} X", f"Content-Length: {len(raw)}", *lines])

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(head.encode() + b"\r\n\r\n" + raw)
        await writer.drain()

    return act


def says(text: bytes, then: str) -> Act:
    """`text`, and then "close", "reset" or "sleep"."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()
        if then == "sleep":
            await asyncio.sleep(30)
        if then == "reset":
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        writer.close()
        await writer.wait_closed()

    return act


async def drip(writer: asyncio.StreamWriter) -> None:
    """Never silent for long, never done: no timeout per operation notices it."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


def ok(data: Any = TASK) -> Act:
    return reply(200, {"code": 0, "message": "SUCCEED", "request_id": "r1", "data": data})


def refused(status: int, code: Any, message: str = "no", **headers: str) -> Act:
    return reply(status, {"code": code, "message": message, "request_id": "r2"}, **headers)


@pytest.fixture(autouse=True)
def dead_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment must not see a key; every test runs with a dead one."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server().running() as running:
        yield running


def client_of(server: Server, *script: Act, **options: Any) -> KlingClient:
    server.script = script or (ok(),)
    options = {"base_url": server.url, "auth": BearerAuth(Secret(KEY)), **options}
    return KlingClient(**options)


async def error_of(server: Server, *script: Act, **options: Any) -> KlingError:
    async with client_of(server, *script, **options) as client:
        with pytest.raises(KlingError) as caught:
            await client.create({"prompt": "a cat"})
    return caught.value


def signer(at: float = NOW) -> JwtAuth:
    return JwtAuth(Secret(ACCESS), Secret(SECRET), clock=lambda: at)


def claims_of(heard: Heard) -> dict[str, Any]:
    token = heard.header("Authorization").removeprefix("Bearer ")
    unchecked = {"verify_exp": False, "verify_nbf": False}
    claims: dict[str, Any] = jwt.decode(token, SECRET, algorithms=["HS256"], options=unchecked)
    return claims


# What goes out


async def test_a_create_is_one_post_of_the_payload_as_json(server: Server) -> None:
    async with client_of(server) as client:
        answer = await client.create({"prompt": "猫 \ud83d", "n": 2})
    (heard,) = server.heard
    assert heard.line == "POST /v1/images/generations HTTP/1.1"
    assert json.loads(heard.body) == {"prompt": "猫 \ud83d", "n": 2}
    assert (answer.task_id, answer.status, answer.request_id) == ("t1", "submitted", "r1")


async def test_every_call_says_what_it_sends_and_what_it_takes(server: Server) -> None:
    async with client_of(server, ok(), ok(), ok([])) as client:
        await client.create({})
        await client.get("t1")
        await client.list()
    assert len(server.heard) == 3
    for heard in server.heard:
        assert heard.header("Content-Type") == "application/json"
        assert heard.header("Accept") == "application/json"
        assert heard.header("Accept-Encoding") == "identity"
        assert heard.head.count(f"\r\nAuthorization: Bearer {KEY}\r\n".encode()) == 1


async def test_without_a_credential_no_authorization_is_sent(server: Server) -> None:
    async with client_of(server, auth=None) as client:
        await client.create({})
    assert b"authorization" not in server.heard[0].head.lower()


async def test_every_create_has_a_connection_of_its_own_and_queries_share_one(
    server: Server,
) -> None:
    async with client_of(server) as client:
        for _ in range(3):
            await client.get("t1")
        assert server.connections == 1
        for _ in range(2):
            await client.create({})
        assert server.connections == 3


async def test_a_connection_outlasts_the_pause_between_two_queries(server: Server) -> None:
    """httpx's own five seconds would make a new one for nearly every look at a task."""
    async with client_of(server) as client:
        await client.get("t1")
        await asyncio.sleep(5.2)
        await client.get("t1")
    assert server.connections == 1


@pytest.mark.parametrize(
    ("pasted", "path"),
    [
        ("{}", ""),
        ("{}/", ""),
        (" '{}' ", ""),
        ("{}/v1/", ""),
        ("{}/kling", "/kling"),
        ("{}/kling//", "/kling"),
        ("{}/kling/v1", "/kling"),
        ("{}/kling/v1/images", "/kling"),
        ("{}/kling/v1/images/generations", "/kling"),
        ("{}/kling/v1/images/generations/t1?x=1#y", "/kling"),
    ],
)
async def test_a_base_url_reaches_the_same_endpoint_however_it_was_pasted(
    server: Server, pasted: str, path: str
) -> None:
    async with client_of(server, base_url=trimmed(pasted.format(server.url))) as client:
        await client.create({})
    assert server.heard[0].line == f"POST {path}/v1/images/generations HTTP/1.1"


@pytest.mark.parametrize(
    ("task_id", "path"),
    [
        ("kui1-0a", "kui1-0a"),
        ("../secrets?a=b#c", "%2E%2E%2Fsecrets%3Fa%3Db%23c"),
        ("..", "%2E%2E"),
        ("我的 id", "%E6%88%91%E7%9A%84%20id"),
        ("%2f", "%252f"),
    ],
)
async def test_an_id_stays_one_step_of_the_path(server: Server, task_id: str, path: str) -> None:
    async with client_of(server) as client:
        await client.get(task_id)
    assert server.heard[0].line == f"GET /v1/images/generations/{path} HTTP/1.1"


async def test_the_list_is_asked_for_by_page_and_size(server: Server) -> None:
    async with client_of(server, ok([])) as client:
        await client.list(page=2, size=500)
    assert server.heard[0].line == "GET /v1/images/generations?pageNum=2&pageSize=500 HTTP/1.1"


async def test_a_payload_that_is_no_json_is_refused_unsent(server: Server) -> None:
    async with client_of(server) as client:
        with pytest.raises(BadRequest):
            await client.create({"image_fidelity": float("nan")})
    assert not server.heard


# Signing


async def test_a_token_holds_issuer_and_times_and_nothing_else(server: Server) -> None:
    async with client_of(server, auth=signer()) as client:
        await client.create({})
    token = server.heard[0].header("Authorization").removeprefix("Bearer ")
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    assert claims_of(server.heard[0]) == {
        "iss": ACCESS,
        "exp": 1_790_001_800,
        "nbf": 1_789_999_995,
    }


async def test_a_token_is_used_until_less_than_a_minute_is_left(server: Server) -> None:
    now = [1_790_000_000.0]
    auth = JwtAuth(Secret(ACCESS), Secret(SECRET), clock=lambda: now[0])
    async with client_of(server, auth=auth) as client:
        for later in (0, 1740, 1741):
            now[0] = 1_790_000_000.0 + later
            await client.get("t1")
    first, second, third = (heard.header("Authorization") for heard in server.heard)
    assert first == second != third


@pytest.mark.parametrize("code", [1003, 1004])
async def test_a_refused_token_is_signed_anew_once_by_the_clock_of_the_reply(
    server: Server, code: int
) -> None:
    late = refused(401, code, Date="Thu, 01 Jan 2026 00:00:00 GMT")
    async with client_of(server, late, ok(), auth=signer()) as client:
        assert (await client.create({"prompt": "x"})).task_id == "t1"
        await client.get("t1")
    first, second, third = server.heard
    assert first.body == second.body
    assert claims_of(second)["nbf"] == 1_767_225_600 - 5  # 2026-01-01
    assert claims_of(third) == claims_of(second)


async def test_a_token_refused_again_is_not_signed_a_third_time(server: Server) -> None:
    error = await error_of(server, refused(401, 1004), auth=signer())
    assert (type(error), error.case, len(server.heard)) == (KeyRejected, "1004", 2)


@pytest.mark.parametrize(
    ("status", "code", "auth"),
    [(401, 1002, signer()), (500, 1004, signer()), (401, 1004, BearerAuth(Secret(KEY)))],
)
async def test_only_an_untimely_token_is_signed_anew(
    server: Server, status: int, code: int, auth: httpx.Auth
) -> None:
    await error_of(server, refused(status, code), auth=auth)
    assert len(server.heard) == 1


def test_an_api_key_wins_over_a_pair_and_half_a_pair_is_nothing() -> None:
    key, access, secret = Secret("k" * 8), Secret("a" * 8), Secret("s" * 8)
    both = Settings(api_key=key, access_key=access, secret_key=secret)
    assert isinstance(auth_of(both), BearerAuth)
    assert isinstance(auth_of(Settings(access_key=access, secret_key=secret)), JwtAuth)
    assert auth_of(Settings(access_key=access)) is None
    assert auth_of(Settings()) is None


CANARY = "Canary_0123456789"


@pytest.mark.parametrize("key", [CANARY, f"{CANARY}\n{CANARY}", f"{CANARY}я"])
async def test_the_key_shows_nowhere(
    server: Server, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)  # at DEBUG httpcore prints what a server echoes in headers
    auth = BearerAuth(Secret(key))
    echo = {"message": f"bad key {key} of Bearer {key}", "code": key, "request_id": key}
    told = [repr(auth), str(vars(auth))]
    for script in (
        reply(401, echo),
        reply(401, {"error": echo}),
        ok({"task_id": "t1", "task_status_msg": f"your {key}"}),
        reply(307, b"", Location=f"/?{CANARY}"),
        says(f"HTTP/1.1 {key}\r\n\r\n".encode(), "close"),
    ):
        async with client_of(server, script, auth=auth) as client:
            told += [repr(client), str(vars(client))]
            try:
                told.append(str((answer := await client.create({}), answer.raw)))
            except KlingError as error:
                told += [repr(error), str(vars(error)), *traceback.format_exception(error)]
    assert "Canary" not in "".join(told) + caplog.text


async def test_a_pair_and_its_token_show_nowhere(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    auth = signer()
    error = await error_of(server, refused(401, 1002), auth=auth)
    token = server.heard[0].header("Authorization").removeprefix("Bearer ")
    echo = await error_of(server, refused(401, 1002, f"bad {token}"), auth=auth)
    told = "".join(map(str, (vars(auth), vars(error), vars(echo), caplog.text)))
    for secret in (SECRET, ACCESS, token):
        assert secret not in told


@pytest.mark.parametrize("key", [f"{CANARY}\n{CANARY}", f"{CANARY}я"])
async def test_a_key_no_header_takes_is_not_sent(server: Server, key: str) -> None:
    error = await error_of(server, auth=BearerAuth(Secret(key)))
    assert isinstance(error, NotSent)
    assert not server.heard


# What may have been accepted, and what was never sent


async def test_a_refused_connection_was_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    error = await error_of(Server(), base_url=f"http://127.0.0.1:{port}")
    assert type(error) is NotSent
    assert error.detail.startswith("ConnectError")


async def test_a_name_nobody_knows_was_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = await error_of(Server(), base_url="https://kling.invalid")
    assert type(error) is NotSent
    assert "Name or service not known" in error.detail


async def test_a_server_without_tls_was_not_sent_to(server: Server) -> None:
    https = server.url.replace("http:", "https:")
    error = await error_of(server, base_url=https, deadlines=Deadlines(connect=0.2))
    assert type(error) is NotSent
    assert not server.heard


@pytest.mark.parametrize("url", ["", "ftp://x", "https://", "http://[::1", "http://a..b"])
async def test_an_address_that_is_none_was_not_sent_to(url: str) -> None:
    assert type(await error_of(Server(), base_url=url)) is NotSent


async def test_a_closed_client_sends_nothing(server: Server) -> None:
    client = client_of(server)
    await client.aclose()
    with pytest.raises(NotSent):
        await client.create({})
    assert not server.heard


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n"
TWICE = gzip.compress(gzip.compress(json.dumps(TASK).encode()))
SHORT = Deadlines(connect=5, create=0.3, read=0.3)


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(says(b"", "close"), id="closed after the body was read"),
        pytest.param(says(b"", "reset"), id="reset after the body was read"),
        pytest.param(says(HEAD, "close"), id="half the headers"),
        pytest.param(says(HEAD + b"\r\n" + b'{"code":0,"data":{"ta', "close"), id="cut off"),
        pytest.param(says(HEAD + b"\r\n{", "reset"), id="reset in the reply"),
        pytest.param(says(b"SSH-2.0-x\r\n\r\n", "close"), id="not http"),
        pytest.param(says(b"", "sleep"), id="silence"),
        pytest.param(drip, id="a slow drip"),
        pytest.param(reply(200, b""), id="empty"),
        pytest.param(reply(200, b"<html>Welcome</html>"), id="html"),
        pytest.param(reply(200, b'"SUCCEED"'), id="a word"),
        pytest.param(reply(200, {}), id="an empty object"),
        pytest.param(ok(None), id="no data"),
        pytest.param(ok({"task_id": ""}), id="an empty task id"),
        pytest.param(ok([TASK]), id="a list"),
        pytest.param(reply(200, b"[" * 100_000), id="nested too deep"),
        pytest.param(reply(200, b'{"code":' + b"9" * 5000 + b"}"), id="a huge number"),
        pytest.param(reply(200, b" " * 2_000_001), id="too long"),
        pytest.param(reply(200, TWICE, Content_Encoding="gzip, gzip"), id="packed twice"),
        pytest.param(reply(200, b"{}", Content_Encoding="gzip"), id="said to be packed"),
        pytest.param(reply(408), id="408"),
        pytest.param(reply(409, {"message": "balance"}), id="409"),
        pytest.param(reply(425), id="425"),
        pytest.param(reply(502, b"<html>Bad gateway</html>"), id="502"),
        pytest.param(reply(524, b""), id="524"),
        pytest.param(refused(500, 1302), id="500 around a throttle"),
        pytest.param(refused(500, "task_failed", "balance"), id="500 around a word"),
    ],
)
async def test_what_may_have_been_accepted_is_posted_once(server: Server, act: Act) -> None:
    error = await error_of(server, act, deadlines=SHORT)
    assert isinstance(error, NoAnswer)
    assert [heard.line[:5] for heard in server.heard] == ["POST "]


async def test_a_reset_is_told_from_a_close(server: Server) -> None:
    assert (await error_of(server, says(b"", "reset"))).detail == "ReadError"
    assert (await error_of(server, says(b"", "close"))).detail == "RemoteProtocolError"


async def test_the_deadline_covers_the_whole_call(server: Server) -> None:
    started = asyncio.get_running_loop().time()
    error = await error_of(server, drip, deadlines=SHORT)
    assert error.detail == "TimeoutError"
    assert asyncio.get_running_loop().time() - started < 2


async def test_queries_have_a_deadline_of_their_own(server: Server) -> None:
    async with client_of(server, drip, deadlines=Deadlines(create=9, read=0.2)) as client:
        for query in (client.get("t1"), client.list()):
            with pytest.raises(NoAnswer):
                await asyncio.wait_for(query, 3)


async def test_a_redirect_is_refused_and_not_followed(server: Server) -> None:
    async with Server((ok(),)).running() as other:
        error = await error_of(server, reply(307, b"", Location=other.url + "/v1"))
        assert not other.heard
    assert (type(error), error.case, error.status) == (BadRequest, "redirect", 307)
    assert len(server.heard) == 1


# What the replies mean


@pytest.mark.parametrize(("status", "code", "kind"), CODES)
async def test_every_code_has_its_error(
    server: Server, status: int, code: int, kind: type[KlingError]
) -> None:
    error = await error_of(server, refused(status, code, "why"))
    assert (type(error), error.case, error.code, error.status) == (kind, str(code), code, status)
    assert (error.detail, error.request_id, len(server.heard)) == ("why", "r2", 1)
    for wrapped in (refused(200, code), refused(status, str(code))):  # gateways do both
        error = await error_of(server, wrapped)
        assert (type(error), error.case) == (kind, str(code))


NEW_API = {"message": "token expired", "type": "new_api_error", "code": ""}


@pytest.mark.parametrize(
    ("status", "body", "kind", "case"),
    [
        (401, {"error": NEW_API}, KeyRejected, "1002"),
        (403, {"error": NEW_API}, AccountBlocked, "1103"),
        (200, {"error": NEW_API}, Refused, "refused"),
        (400, {"error": {"message": "x", "code": "1301"}}, ContentBlocked, "1301"),
        (403, {"error": {"code": "insufficient_user_quota"}}, AccountBlocked, "1102"),
        (401, {"error": {"message": "该令牌额度已用尽"}}, AccountBlocked, "1102"),
        (400, {"code": "task_failed", "message": "x", "data": None}, BadRequest, "1200"),
        (200, {"code": "task_failed", "message": "x", "data": None}, Refused, "refused"),
        (200, {"code": 77, "message": "x"}, Refused, "refused"),
        (200, {"code": 1301, "message": "x", "data": TASK}, ContentBlocked, "1301"),
        (429, {"code": 400, "message": "Account balance not enough"}, AccountBlocked, "1102"),
        (429, {"code": 400, "message": "model_name is invalid"}, Refused, "refused"),
        (429, {"code": 1302, "message": "over quota"}, TooFast, "1302"),
        (429, b"", TooFast, "1302"),
        (429, b" \r\n", TooFast, "1302"),
        (429, b"<html>Too Many Requests</html>", Refused, "refused"),
        (404, {"timestamp": "…", "status": 404, "error": "Not Found"}, BadRequest, "1202"),
        (404, b"<html>nginx</html>", BadRequest, "1202"),
        (404, {"error": {"message": "x", "code": "model_not_found"}}, BadRequest, "1200"),
        (405, b"", BadRequest, "1202"),
        (400, b"garbage", BadRequest, "1200"),
        (401, b"", KeyRejected, "1002"),
        (403, b"<html>Forbidden</html>", AccountBlocked, "1103"),
        (413, b"<html>Too large</html>", BadRequest, "1200"),
        (400, '{"code":1301,"message":"敏感"}'.encode("gbk"), ContentBlocked, "1301"),
        (400, b"\xef\xbb\xbf" + b'{"code":1301}', ContentBlocked, "1301"),
    ],
)
async def test_gateways_refuse_in_other_shapes(
    server: Server, status: int, body: Any, kind: type[KlingError], case: str
) -> None:
    error = await error_of(server, reply(status, body))
    assert (type(error), error.case, len(server.heard)) == (kind, case, 1)


FLAT = {"task_id": "t1", "task_status": "submitted"}


@pytest.mark.parametrize(
    "body",
    [
        {"code": "0", "message": "success", "data": TASK},
        {"code": "success", "message": "", "data": TASK},
        {"code": 200, "data": TASK},
        {"data": TASK},
        {"data": {"id": "t1", "status": "submitted"}, "error": None},
        FLAT,
        {"code": 0, "data": None, **FLAT},
        {"code": 20001, "message": "queued", "data": TASK},
        {"code": 0, "data": {"task_id": "t1", "task_info": None, "task_result": []}},
    ],
)
async def test_gateways_accept_in_other_shapes(server: Server, body: Any) -> None:
    async with client_of(server, reply(201, body)) as client:
        assert (await client.create({})).task_id == "t1"


async def test_a_gateway_that_packs_its_replies_is_understood(server: Server) -> None:
    packed = gzip.compress(json.dumps({"code": 0, "data": TASK}).encode())
    async with client_of(server, reply(200, packed, Content_Encoding="gzip")) as client:
        assert (await client.create({})).task_id == "t1"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("99999", 3600.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Fri, 01 Jan 2999 00:00:00 GMT", 3600.0),
        ("nan", None),
        ("soon", None),
        ("", None),
    ],
)
async def test_retry_after_is_seconds_or_a_date(
    server: Server, value: str, seconds: float | None
) -> None:
    error = await error_of(server, refused(429, 1302, Retry_After=value))
    assert error.retry_after == seconds


# Queries


async def got(server: Server, body: Any) -> Any:
    async with client_of(server, reply(200, body)) as client:
        return await client.get("asked")


async def test_a_finished_task_brings_its_pictures(server: Server) -> None:
    images = [{"index": 0, "url": "https://x/a"}, {"id": "", "url": "https://x/b"}, {"url": ""}, 7]
    done = {"task_id": "t1", "task_status": "succeeded", "task_result": {"images": images}}
    answer = await got(server, {"code": 0, "data": done})
    assert answer.succeeded
    assert [(picture.index, picture.url) for picture in answer.pictures] == [
        (0, "https://x/a"),
        (None, "https://x/b"),
    ]


@pytest.mark.parametrize(
    ("body", "task_id"),
    [
        ({"status": "failed", "error": {"message": "why", "code": "x"}}, "asked"),
        ({"id": "t1", "status": "failed", "error": {"message": "why"}}, "t1"),
        ({"code": 0, "data": {"status": "failed", "error": {"message": "why"}}}, "asked"),
        ({"code": 0, "data": {**TASK, "task_status": "failed", "task_status_msg": "why"}}, "t1"),
        ({"code": "fail_to_fetch_task", "data": {**FLAT, "status": "failed"}}, "t1"),
    ],
)
async def test_a_failed_task_is_an_answer(server: Server, body: Any, task_id: str) -> None:
    answer = await got(server, {"error": {"message": "why"}, **body})
    assert (answer.task_id, answer.failed or "code" in body) == (task_id, True)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"code": 1201, "message": "Task not found by id/external id: x"}),
        (400, {"code": "1201", "message": "Task not found by id/external id: x"}),
        (404, {"code": 1203, "message": "no such"}),
        (400, {"code": "task_not_exist", "message": "task_not_exist", "data": None}),
    ],
)
async def test_a_task_kling_does_not_know_is_not_found(
    server: Server, status: int, body: Any
) -> None:
    async with client_of(server, reply(status, body)) as client:
        with pytest.raises(NotFound) as caught:
            await client.get("x")
    assert (caught.value.case, caught.value.status) == ("not_found", status)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"timestamp": "…", "status": 404, "error": "Not Found", "message": "No message"}),
        (404, {"detail": "Not Found"}),
        (404, b"<html>Not Found</html>"),
        (404, {"code": 1202, "message": "not found"}),
        (400, {"code": 1201, "message": "value 'x' is invalid"}),
        (302, b""),
    ],
)
async def test_a_wrong_address_is_no_evidence_that_a_task_is_unknown(
    server: Server, status: int, body: Any
) -> None:
    async with client_of(server, reply(status, body)) as client:
        with pytest.raises(BadRequest):
            await client.get("x")


@pytest.mark.parametrize("body", [{"code": 0, "data": {}}, {}, b"<html>", {"code": 0, "data": []}])
async def test_a_query_without_a_task_is_no_answer(server: Server, body: Any) -> None:
    with pytest.raises(NoAnswer):
        await got(server, body)


@pytest.mark.parametrize(
    "body",
    [
        {"code": 0, "data": [TASK, None, {"x": 1}, "y", {**TASK, "task_id": "t2"}]},
        {"code": 0, "data": {"list": [TASK, {**TASK, "task_id": "t2"}]}},
        {"code": 0, "data": {"items": [TASK, {**TASK, "task_id": "t2"}]}},
        {"tasks": [TASK, {**TASK, "task_id": "t2"}]},
        [TASK, {**TASK, "task_id": "t2"}],
    ],
)
async def test_a_list_is_read_however_it_is_wrapped(server: Server, body: Any) -> None:
    async with client_of(server, reply(200, body)) as client:
        assert [answer.task_id for answer in await client.list()] == ["t1", "t2"]


async def test_an_empty_list_is_an_answer_and_no_list_is_none(server: Server) -> None:
    async with client_of(server, ok([]), ok({"total": 0}), ok("x")) as client:
        assert await client.list() == []
        for _ in range(2):
            with pytest.raises(NoAnswer):
                await client.list()


async def test_a_list_may_be_longer_than_a_task(server: Server) -> None:
    long = [{**TASK, "prompt": "x" * 3_000_000}]
    async with client_of(server, ok(long), ok(long * 3)) as client:
        assert len(await client.list()) == 1
        with pytest.raises(NoAnswer):
            await client.list()


# Anything at all


def _values() -> st.SearchStrategy[Any]:
    nasty = st.sampled_from(
        [0, "0", 1302, "1302", 1301, 5000, "task_failed", -1, True, 0.0, "", "1"]
    )
    leaves = nasty | st.none() | st.floats() | st.integers() | st.text(max_size=9)
    keys = st.sampled_from(["task_id", "id", "message", "code", "status", "task_status", "error"])
    inner = st.dictionaries(keys, leaves, max_size=4) | st.lists(leaves, max_size=3)
    return leaves | inner


def _bodies() -> st.SearchStrategy[bytes]:
    names = ["code", "message", "request_id", "data", "error", "status", "task_id", "msg"]
    envelopes = st.fixed_dictionaries({}, optional={name: _values() for name in names})
    surrogates = st.sampled_from([r'{"code":1,"message":"\ud800"}', r'{"task_id":"\udfff\ud83d"}'])
    return (
        st.binary(max_size=64)
        | envelopes.map(lambda value: json.dumps(value).encode())
        | _values().map(lambda value: json.dumps(value).encode())
        | surrogates.map(str.encode)
    )


@settings(max_examples=500, deadline=None)
@given(
    status=st.integers(100, 599) | st.sampled_from([200, 400, 408, 429, 500]),
    body=_bodies(),
    wait=st.text("0123456789-.eninfa ,:GMT", max_size=12),
)
def test_any_reply_is_data_or_one_of_our_errors(status: int, body: bytes, wait: str) -> None:
    try:
        data, request_id = read_reply(status, body, httpx.Headers({"Retry-After": wait}))
    except KlingError as error:
        assert not (isinstance(error, Refused) and (status >= 500 or status == 408))
        if isinstance(error, TooFast):
            assert error.code in (1302, 1303) or not body.strip()
        assert error.retry_after is None or 0 <= error.retry_after <= 3600
        str(error).encode()
    else:
        assert 200 <= status < 300
        json.dumps([data, request_id], ensure_ascii=False).encode()
