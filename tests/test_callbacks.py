"""Callbacks: who is heard, what a body is worth, and what the address answers to everybody."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from kling_ui.simulator import Fault
from kling_ui.simulator.callbacks import signature
from kling_ui.studio import CALLBACK_PATH, Callbacks, Clock, Hint, Studio
from kling_ui.studio.callbacks import CLOCKS_APART
from kling_ui.task import State
from kling_ui.web import body
from kling_ui.web import callbacks as web
from kling_ui.web.callbacks import callback_routes
from kling_ui.web.links import PREFIX
from kling_ui.web.owner import Owners

from .conftest import Kling, account, closed, reaches, served, studio_of, submitted

TASK, OTHER = "0123456789abcdef" * 2, "f" * 32
SECRET = b"secret of this installation"
# Kling's own example (contract §7)
WHSEC = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
MOMENT = 1781080794
SIGNED = (
    b'{"id":"1234567890","status":"succeeded","message":"",'
    b'"create_time":1781080778802,"update_time":1781080794151}'
)
HEADERS = {
    "webhook-id": "9876543210",
    "webhook-timestamp": str(MOMENT),
    "webhook-signature": "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=",
}
BARE = {
    "task_id": "831",
    "task_status": "succeed",
    "task_status_msg": "",
    "final_unit_deduction": "8",
    "task_info": {"external_task_id": "kui1-x"},
    "task_result": {"images": [{"index": 0, "url": "https://evil.example/x.png"}]},
}
LOOK = Hint(TASK, "", over=True)


def mac_of(callbacks: Callbacks, task_id: str = TASK) -> str:
    return callbacks.url(task_id).rpartition("/")[2]


def told(body: Any, **options: Any) -> Hint | None:
    """What an unsigned call at the right address is taken for."""
    callbacks = Callbacks("https://host", SECRET)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return callbacks.heard(TASK, mac_of(callbacks), {}, raw, **options)


def verified(headers: dict[str, str], *, now: float = MOMENT, secret: str = WHSEC) -> Hint | None:
    """Kling's example with other headers."""
    callbacks = Callbacks("https://host", SECRET, secret)
    return callbacks.heard(TASK, mac_of(callbacks), headers, SIGNED, now=now)


# the address


def test_every_task_has_an_address_that_nobody_can_guess() -> None:
    callbacks = Callbacks("https://host/studio", SECRET)
    base, mac = callbacks.url(TASK).rsplit("/", 1)
    assert base == f"https://host/studio{CALLBACK_PATH}/{TASK}"
    assert len(mac) == 32
    assert set(mac) <= set("0123456789abcdef")
    others = (Callbacks("https://host", b"another").url(TASK), callbacks.url(OTHER))
    assert len({mac, *(url.rpartition("/")[2] for url in others)}) == 3
    assert callbacks.url(TASK) == Callbacks("https://host/studio", SECRET).url(TASK)


def test_the_address_lies_below_the_prefix_of_our_routes() -> None:
    assert CALLBACK_PATH.startswith(f"{PREFIX}/")


def test_a_call_at_another_address_is_not_heard() -> None:
    callbacks = Callbacks("https://host", SECRET)
    body, mac = json.dumps(BARE).encode(), mac_of(callbacks)
    assert callbacks.heard(TASK, mac, {}, body)
    for odd in ("", "0" * 32, mac[:-1], f"{mac}0", mac.upper(), "é" * 32, "\ud800", "\0"):
        assert callbacks.heard(TASK, odd, {}, body) is None
    assert callbacks.heard(OTHER, mac, {}, body) is None
    for no_id in ("", "x", TASK.upper(), f"{TASK}\n", "../" + TASK):
        assert callbacks.heard(no_id, mac_of(callbacks, no_id), {}, body) is None


# the body


@pytest.mark.parametrize(
    ("body", "remote_id", "over"),
    [
        (BARE, "831", True),
        (BARE | {"task_status": "failed"}, "831", True),
        (BARE | {"task_status": "submitted"}, "831", False),
        (BARE | {"task_status": "processing"}, "831", False),
        (BARE | {"task_status": "Processing"}, "831", False),
        (BARE | {"task_status": "who knows"}, "831", True),
        (BARE | {"task_status": ""}, "831", True),
        (BARE | {"task_status": ["processing"]}, "831", True),
        ({"task_id": "831"}, "831", True),
        ({"code": 0, "message": "SUCCEED", "data": BARE}, "831", True),
        ({"code": 0, "data": BARE | {"task_status": "processing"}}, "831", False),
        ({"id": "event", "data": BARE}, "831", True),
        ({"id": "1234567890", "status": "succeeded", "outputs": []}, "1234567890", True),
        ({"id": "1234567890", "status": "submitted", "outputs": []}, "1234567890", False),
        ({"id": 831, "status": "processing", "data": "x"}, "831", False),
    ],
)
def test_a_body_names_the_task_and_says_whether_to_look(
    body: Any, remote_id: str, over: bool
) -> None:
    assert told(body) == Hint(TASK, remote_id, over)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"\xff\xfe\x00\x80 not utf-8",
        b'{"task_id": "\xe9"}',
        b"[" * 60_000,
        b'{"data":' * 7_000,
        b'{"task_id":' + b"9" * 50_000 + b"}",
        b"null",
        b"[]",
        b"7",
        b"{}",
        {"code": 0, "data": []},
        {"task_status": "processing"},
        {"task_id": True, "task_status": "succeed"},
        {"task_id": {"a": 1}, "task_status": "succeed"},
    ],
)
def test_what_cannot_be_read_is_a_reason_to_look(body: Any) -> None:
    assert told(body) == LOOK


@pytest.mark.parametrize("odd", ["a/b", "..", "a b", "é", "\ud800", "x" * 129, "?a=b", "831\n"])
def test_an_id_that_can_be_none_of_klings_is_left_out(odd: str) -> None:
    assert told(BARE | {"task_id": odd}) == LOOK


def test_a_hint_holds_nothing_else_of_the_body() -> None:
    assert set(Hint.__slots__) == {"task_id", "remote_id", "over"}
    assert "evil" not in repr(told(BARE))


# the signature


def test_klings_own_example_is_verified() -> None:
    assert verified(HEADERS) == Hint(TASK, "1234567890", over=True)
    made = signature(WHSEC, message_id="9876543210", timestamp=MOMENT, body=SIGNED)
    assert made == HEADERS["webhook-signature"]  # the simulator signs as Kling does


def test_a_repeated_message_is_heard_again() -> None:
    callbacks = Callbacks("https://host", SECRET, WHSEC)
    mac = mac_of(callbacks)
    first, second = (callbacks.heard(TASK, mac, HEADERS, SIGNED, now=MOMENT) for _ in range(2))
    assert first
    assert first == second


def test_one_good_signature_of_several_is_enough() -> None:
    good = HEADERS["webhook-signature"]
    other = signature("whsec_b2xk", message_id="9876543210", timestamp=MOMENT, body=SIGNED)
    for several in (f"{other} {good}", f"{good} {other}", f"v1a,x {other} {good}"):
        assert verified(HEADERS | {"webhook-signature": several})
    assert verified(HEADERS | {"webhook-signature": f"{other} {other}"}) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-id": "9876543211"},
        {"webhook-id": ""},
        {"webhook-timestamp": str(MOMENT + 1)},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": f"{MOMENT}.0"},
        {"webhook-timestamp": f"-{MOMENT}"},
        {"webhook-timestamp": "1781080794\n"},
        {"webhook-timestamp": "１７８１０８０７９４"},
        {"webhook-timestamp": "9" * 5000},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": HEADERS["webhook-signature"].removeprefix("v1,")},
        {"webhook-signature": HEADERS["webhook-signature"].replace("v1,", "v2,")},
        {"webhook-signature": HEADERS["webhook-signature"].lower()},
        {"webhook-signature": "v1,é"},
    ],
)
def test_a_forged_signature_is_not_heard(changed: dict[str, str]) -> None:
    assert verified(HEADERS | changed) is None


def test_an_unsigned_call_is_not_heard_where_kling_signs() -> None:
    assert verified({}) is None
    for missing in HEADERS:
        assert verified({k: v for k, v in HEADERS.items() if k != missing}) is None


def test_a_changed_body_is_not_heard() -> None:
    callbacks = Callbacks("https://host", SECRET, WHSEC)
    body = SIGNED.replace(b"succeeded", b"failed")
    assert callbacks.heard(TASK, mac_of(callbacks), HEADERS, body, now=MOMENT) is None


def test_a_good_signature_at_a_wrong_address_is_not_heard() -> None:
    callbacks = Callbacks("https://host", SECRET, WHSEC)
    assert callbacks.heard(TASK, "0" * 32, HEADERS, SIGNED, now=MOMENT) is None


@pytest.mark.parametrize("late", [CLOCKS_APART, -CLOCKS_APART, 0])
def test_a_stale_message_is_not_heard(late: int) -> None:
    assert verified(HEADERS, now=MOMENT + late)
    if late:
        assert verified(HEADERS, now=MOMENT + late + late / abs(late)) is None


def test_the_age_of_a_message_is_measured_by_our_clock() -> None:
    callbacks = Callbacks("https://host", SECRET, WHSEC)
    for age, heard in ((0, True), (CLOCKS_APART + 5, False)):
        sent = int(time.time()) - age
        signed = signature(WHSEC, message_id="m", timestamp=sent, body=b"{}")
        headers = {
            "webhook-id": "m",
            "webhook-timestamp": str(sent),
            "webhook-signature": signed,
        }
        assert (callbacks.heard(TASK, mac_of(callbacks), headers, b"{}") == LOOK) is heard


@pytest.mark.parametrize("broken", ["whsec_", "whsec_?", "secret", "whsec_b2xk"])
def test_with_a_broken_or_another_secret_nothing_is_believed(broken: str) -> None:
    assert verified(HEADERS, secret=broken) is None
    empty = signature("whsec_", message_id="9876543210", timestamp=MOMENT, body=SIGNED)
    assert verified(HEADERS | {"webhook-signature": empty}, secret=broken) is None


# the route


class Ear:
    """A studio as far as callbacks know it."""

    def __init__(self, callbacks: Callbacks | None) -> None:
        self.callbacks, self.hints = callbacks, list[Hint]()

    def hint(self, hint: Hint) -> None:
        self.hints.append(hint)


@pytest.fixture
def ear() -> Any:
    return Ear(Callbacks("https://host", SECRET))


@asynccontextmanager
async def caller(ear: Any, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Our routes as visitors from elsewhere meet them."""
    owners = Middleware(Owners(shared=False).around)
    app = Starlette(routes=[*callback_routes(ear, **options)], middleware=[owners])
    with served(app) as url:
        async with httpx.AsyncClient(base_url=url, timeout=15) as client:
            yield client


def path_of(ear: Any, task_id: str = TASK) -> str:
    assert ear.callbacks
    return str(urlsplit(ear.callbacks.url(task_id)).path)


def is_plain(answer: httpx.Response) -> bool:
    """The one answer that everybody gets."""
    return (answer.status_code, answer.content) == (200, b"") and "set-cookie" not in answer.headers


async def test_a_callback_is_passed_on_and_answered_with_nothing(ear: Any) -> None:
    async with caller(ear) as client:
        assert is_plain(await client.post(path_of(ear), json=BARE))
        text = {"content-type": "text/plain"}
        body = json.dumps(BARE | {"task_status": "processing"})
        assert is_plain(await client.post(path_of(ear), content=body, headers=text))
    assert ear.hints == [Hint(TASK, "831", over=True), Hint(TASK, "831", over=False)]


async def test_a_forged_address_is_answered_alike_and_not_passed_on(ear: Any) -> None:
    async with caller(ear) as client:
        for mac in ("0" * 32, "x", "%00", "%ff", "é", "%ed%a0%80", "9" * 5000):
            for task_id in (TASK, OTHER, "x", "%0a"):
                path = f"{CALLBACK_PATH}/{task_id}/{mac}"
                assert is_plain(await client.post(path, json=BARE)), path
        assert is_plain(await client.post(path_of(ear).replace(TASK, OTHER), json=BARE))
    assert ear.hints == []


async def test_a_signature_is_asked_for_where_kling_signs() -> None:
    ear: Any = Ear(Callbacks("https://host", SECRET, WHSEC))
    now = int(time.time())
    good = {
        "Webhook-Id": "m",
        "Webhook-Timestamp": str(now),
        "Webhook-Signature": signature(WHSEC, message_id="m", timestamp=now, body=SIGNED),
    }
    async with caller(ear) as client:
        for headers in ({}, HEADERS, good | {"Webhook-Signature": "v1,\xe9"}):
            raw = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
            assert is_plain(await client.post(path_of(ear), content=SIGNED, headers=raw))
        assert ear.hints == []
        for _ in range(2):  # a repeated one is a hint once more
            assert is_plain(await client.post(path_of(ear), content=SIGNED, headers=good))
    assert ear.hints == [Hint(TASK, "1234567890", over=True)] * 2


@pytest.mark.parametrize(
    "body", [b"", b"garbage", b"\xff\xfe\x80", b"[" * 65_000, b'{"a":' * 13_000]
)
async def test_garbage_at_the_right_address_is_a_reason_to_look(ear: Any, body: bytes) -> None:
    async with caller(ear) as client:
        assert is_plain(await client.post(path_of(ear), content=body))
    assert ear.hints == [LOOK]


async def test_a_body_is_read_up_to_a_limit(ear: Any) -> None:
    async with caller(ear) as client:
        blank = b" " * (body.LARGEST - len(SIGNED))
        assert is_plain(await client.post(path_of(ear), content=blank + SIGNED))
        assert len(ear.hints) == 1
        assert is_plain(await client.post(path_of(ear), content=b" " + blank + SIGNED))

        async def stream() -> AsyncIterator[bytes]:
            for _ in range(32):
                yield b" " * 2**16

        assert is_plain(await client.post(path_of(ear), content=stream()))
    assert len(ear.hints) == 1


async def test_a_large_body_is_answered_before_its_end(ear: Any) -> None:
    async with caller(ear) as client:
        answer = _spoken(client, path_of(ear), length=2**21, sent=b" " * (body.LARGEST + 1))
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert ear.hints == []


async def test_a_body_that_does_not_arrive_is_not_waited_for(
    ear: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "PATIENCE", 0.2)
    async with caller(ear) as client:
        answer = _spoken(client, path_of(ear), length=len(SIGNED), sent=SIGNED[:-1])
        assert answer.startswith(b"HTTP/1.1 200 OK")
        _spoken(client, path_of(ear), length=len(SIGNED), sent=SIGNED[:-1], wait=False)
        assert is_plain(await client.post(path_of(ear), content=SIGNED))
    assert len(ear.hints) == 1


async def test_a_caller_who_leaves_is_no_trouble(ear: Any) -> None:
    app, answers = Starlette(routes=[*callback_routes(ear)]), list[Any]()

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        answers.append(message)

    scope = {"type": "http", "method": "POST", "path": path_of(ear), "headers": []}
    await app(scope, receive, send)
    assert answers[0]["status"] == 200
    assert ear.hints == []


def _spoken(
    client: httpx.AsyncClient, path: str, *, length: int, sent: bytes, wait: bool = True
) -> bytes:
    """The beginning of the answer to a request of which only a part is sent."""
    where = urlsplit(str(client.base_url))
    with socket.create_connection((where.hostname, where.port), timeout=10) as wire:
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n"
        wire.sendall(head.encode() + sent)
        return wire.recv(4096) if wait else b""


async def test_nothing_but_a_post_is_known_there(ear: Any) -> None:
    async with caller(ear) as client:
        for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"):
            assert (await client.request(method, path_of(ear))).status_code == 405
        for path in (CALLBACK_PATH, f"{CALLBACK_PATH}/{TASK}", f"{path_of(ear)}/x"):
            assert (await client.post(path, json=BARE)).status_code == 404
    assert ear.hints == []


async def test_without_callbacks_there_is_no_such_address(ear: Any) -> None:
    nobody: Any = Ear(None)
    assert callback_routes(nobody) == []
    async with caller(nobody) as client:
        assert (await client.post(path_of(ear), json=BARE)).status_code == 404


async def test_a_studio_in_trouble_is_not_klings_concern(
    ear: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(hint: Hint) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(ear, "hint", broken)
    async with caller(ear) as client:
        assert is_plain(await client.post(path_of(ear), json=BARE))
    assert "a callback could not be followed" in caplog.text
    assert mac_of(ear.callbacks or Callbacks("", b"")) not in caplog.text


# the pace


async def test_a_flood_of_one_task_is_answered_and_mostly_passed_over(ear: Any) -> None:
    now = [1000.9]
    async with caller(ear, clock=lambda: now[0]) as client:
        for _ in range(web.MOST + 5):
            assert is_plain(await client.post(path_of(ear), json=BARE))
        assert len(ear.hints) == web.MOST
        await client.post(path_of(ear, OTHER), json=BARE)
        assert ear.hints[web.MOST :] == [Hint(OTHER, "831", over=True)]
        now[0] += 0.2
        await client.post(path_of(ear), json=BARE)
        assert len(ear.hints) == web.MOST + 2


async def test_calls_that_are_not_heard_use_up_nothing(ear: Any) -> None:
    async with caller(ear, clock=lambda: 0.0) as client:
        for _ in range(web.MOST + 5):
            await client.post(f"{CALLBACK_PATH}/{TASK}/{'0' * 32}", json=BARE)
        await client.post(path_of(ear), json=BARE)
    assert len(ear.hints) == 1


async def test_no_more_than_so_many_tasks_are_remembered_in_a_second(
    ear: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "MOST_TASKS", 3)
    now = [0.0]
    async with caller(ear, clock=lambda: now[0]) as client:
        for k in (1, 2, 3, 4, 1):
            assert is_plain(await client.post(path_of(ear, f"{k:032x}"), json=BARE))
        assert [int(hint.task_id, 16) for hint in ear.hints] == [1, 2, 3, 1]
        now[0] = 1.0
        await client.post(path_of(ear, f"{4:032x}"), json=BARE)
    assert int(ear.hints[-1].task_id, 16) == 4


# the whole way


@asynccontextmanager
async def called_studio(kling: Kling, data: Path, secret: str = "") -> AsyncIterator[Studio]:
    """A studio at work that Kling can reach, and that asks so rarely that only callbacks help."""
    app, one = Starlette(), account(kling.url)
    with served(app) as url:
        callbacks = Callbacks(url, SECRET, secret)
        studio = studio_of(data, one, callbacks=callbacks, clock=Clock(pace=50))
        app.router.routes.extend(callback_routes(_brought_home(studio)))
        try:
            async with studio.running():
                yield studio
        finally:
            await closed(studio)


def _brought_home(studio: Studio) -> Any:
    """Routes and studio share a loop in the program; here the routes have a thread of their own."""
    loop, ear = asyncio.get_running_loop(), Ear(studio.callbacks)
    ear.hint = lambda hint: loop.call_soon_threadsafe(studio.hint, hint)  # type: ignore
    return ear


@pytest.mark.parametrize("secret", ["", WHSEC])
async def test_kling_says_itself_when_a_task_is_done(
    kling: Callable[..., Kling], tmp_path: Path, secret: str
) -> None:
    one = kling(callbacks=True, webhook_secret=secret, seconds=(0.5, 0.6))
    async with called_studio(one, tmp_path, secret) as studio:
        done = await reaches(studio, await submitted(studio), within=10)
        assert done.state is State.SUCCEEDED
        assert studio.callbacks
        assert [create["callback_url"] for create in one.creates] == [studio.callbacks.url(done.id)]


async def test_a_callback_address_of_the_users_own_is_left_alone(
    kling: Callable[..., Kling], tmp_path: Path
) -> None:
    one, own = kling(), "https://mine.example/hook"
    async with called_studio(one, tmp_path) as studio:
        task = await submitted(studio, callback_url=own)
        await reaches(studio, task, State.SUBMITTED)
    assert [create["callback_url"] for create in one.creates] == [own]


async def test_a_task_whose_answer_was_lost_is_found_by_its_callback(
    kling: Callable[..., Kling], tmp_path: Path
) -> None:
    """Where neither external ids nor the list could find it."""

    def lose(moment: str, _: Any) -> Fault | None:
        return Fault(accept=True, drop=True) if moment == "create" else None

    one = kling(callbacks=True, lookup=False, listing=False, faults=lose, seconds=(2.0, 2.2))
    async with called_studio(one, tmp_path) as studio:
        done = await reaches(studio, await submitted(studio), within=15)
    assert (done.state, len(one.creates)) == (State.SUCCEEDED, 1)


NOBODYS = "made-up-by-nobody"  # no random id holds it


async def test_a_forged_callback_changes_no_state(
    kling: Callable[..., Kling], tmp_path: Path
) -> None:
    one = kling(seconds=(60.0, 61.0))
    async with called_studio(one, tmp_path) as studio:
        assert studio.callbacks
        task = await reaches(studio, await submitted(studio), State.SUBMITTED)
        forged = BARE | {
            "task_id": NOBODYS,
            "task_info": {"external_task_id": task.external_task_id},
        }
        before = len(one.calls)
        async with httpx.AsyncClient() as client:
            for status in ("succeed", "failed", "processing"):
                url = studio.callbacks.url(task.id)
                await client.post(url, json=forged | {"task_status": status})
        async with asyncio.timeout(5):
            while True:
                await asyncio.sleep(0.2)
                if len(one.calls) > before:
                    break
        now = await studio.records.get(task.id)
    assert now
    assert (now.state, now.remote_id, now.pictures) == (State.SUBMITTED, task.remote_id, ())
    assert not any(NOBODYS in str(call) for call in one.calls)
