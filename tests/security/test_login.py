"""On a LAN: nothing without the password, no guessing, and a page that is open at a restart."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AuthenticationError

from kling_ui.web.guard import login as policy
from kling_ui.web.guard.login import CROWD, LONGEST, Login

from ..conftest import photo
from ..program import ROOT, Program, app_at
from .conftest import ANN, OPERATOR, running
from .ours import own_routes
from .visitor import STUDIO, Events, Visitor, eventually, nonce
from .wire import Payments

PASSWORD = "correct horse battery staple, 正确"
LAN = {"GRADIO_SERVER_NAME": "127.0.0.1", "KLING_UI_MODE": "lan", "KLING_UI_PASSWORD": PASSWORD}

Come = Callable[..., Visitor]


@pytest.fixture(scope="module")
def lan(bank: Payments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    key = {"KLING_API_KEY": OPERATOR, "KLING_BASE_URL": bank.base_url}
    with running(tmp_path_factory.mktemp("lan"), **LAN, **key) as program:
        yield program


@pytest.fixture
def guest(lan: Program) -> Iterator[Come]:
    """``guest()`` has not logged in; every one asks from an address of their own."""
    here = count(1)
    with ExitStack() as leaving:

        def come() -> Visitor:
            address = f"127.0.{next(here)}.{next(numbers)}"
            who = Visitor(lan, space=False, patient=False, source=address)
            return leaving.enter_context(who)

        yield come


numbers = iter(range(1, 255))


def log_in(one: Visitor, password: str = PASSWORD, name: str = "me") -> httpx.Response:
    """By the form; the cookies are kept as a browser keeps them."""
    answer = one.post("/login", data={"username": name, "password": password})
    given = [line.partition(";")[0] for line in answer.headers.get_list("set-cookie")]
    one.http.cookies.clear()
    if given:
        one.http.headers["cookie"] = "; ".join(given)
    return answer


def logged_in(one: Visitor) -> Visitor:
    assert log_in(one).json() == {"success": True}
    one.events = Events(one.get("/config").json())
    return one


# without the password


def test_the_page_asks_for_it_and_tells_nothing_else(guest: Come) -> None:
    page = guest().get("/")
    assert page.status_code == 200
    assert "auth_required" in page.text
    assert "KLING_UI_PASSWORD" in page.text
    assert '"dependencies":[]' in page.text
    assert '"components":[]' in page.text
    for told in ('"rules"', "first_prompt", "elem_id", "klingai", OPERATOR, PASSWORD):
        assert told not in page.text, told


def test_the_page_that_asks_for_it_does_not_tell_what_scripts_may_ask(guest: Come) -> None:
    page = guest().get("/").text
    for told in ("/submit", "negative_prompt", "kling-v2-1"):
        assert told not in page, told


def test_no_route_of_ours_answers(lan: Program, guest: Come, tmp_path: Path) -> None:
    one = guest()
    for method, path in own_routes(tmp_path):
        filled = re.sub(r"\{\w+\}", "0" * 32, path.replace("{w}x{h}", "3x2"))
        body: Any = {} if method == "GET" else {"json": {"ids": [], "key": ANN, "task_id": "1"}}
        answer = one.http.request(method, filled, **body)
        assert (answer.status_code, answer.text) == (401, "Log in first."), (method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/config"), ("GET", "/config/"), ("GET", "/gradio_api/info")),
        *(("GET", "/gradio_api/heartbeat/x"), ("GET", "/gradio_api/queue/data?session_hash=x")),
        *(("GET", "/gradio_api/upload_progress?upload_id=x"), ("GET", "/gradio_api/call/tasks/x")),
        *(("GET", "/gradio_api/file=/etc/passwd"), ("HEAD", "/gradio_api/file=/etc/passwd")),
        *(("POST", "/gradio_api/run/predict"), ("POST", "/gradio_api/queue/join")),
        *(("POST", "/gradio_api/call/tasks"), ("POST", "/gradio_api/upload")),
    ],
)
def test_nothing_of_gradios_answers(guest: Come, method: str, path: str) -> None:
    one = guest()
    for cookie in (
        "",
        "access-token=x",
        f"access-token-unsecure-{'x' * 22}=",
        "kling_owner=" + "x" * 43,
    ):
        headers = {"cookie": cookie, "authorization": "Basic bWU6bWU="}
        assert one.http.request(method, path, headers=headers).status_code == 401


def test_a_made_up_token_is_none(lan: Program, guest: Come) -> None:
    one = logged_in(guest())
    names = re.findall(r"(access-token[\w-]*)=", one.http.headers["cookie"])
    assert len(names) == 2
    for name in names:
        for value in ("", "x", "None", "null", "me", PASSWORD.encode().hex(), "0"):
            answer = guest().get("/config", headers={"cookie": f"{name}={value}"})
            assert answer.status_code == 401


@pytest.mark.parametrize(
    "password",
    [
        "",
        " ",
        "wrong",
        PASSWORD[:-1],
        f"{PASSWORD} ",
        PASSWORD.upper(),
        "x" * 3000,
        "\0",
        "'--",
        "%",
    ],
)
def test_another_password_is_wrong(guest: Come, password: str) -> None:
    one = guest()
    answer = log_in(one, password)
    assert answer.status_code in (400, 422)
    assert "set-cookie" not in answer.headers
    assert one.get("/config").status_code == 401


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("application/x-www-form-urlencoded", b"username=me"),
        ("application/x-www-form-urlencoded", b"username=me&password=%ff%fe%ed%a0%80"),
        ("application/x-www-form-urlencoded", b"username=me&password=a&password=b"),
        ("application/x-www-form-urlencoded", b"username=me&password[]=a"),
        ("application/json", b'{"username": "me", "password": true}'),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n"),
        ("multipart/form-data", b"nonsense"),
        ("text/plain", b"username=me&password=a"),
        ("", b""),
        ("application/x-www-form-urlencoded", b"username=me&password=" + b"x" * 10_000),
    ],
)
def test_what_is_no_login_is_none(guest: Come, kind: str, content: bytes) -> None:
    answer = guest().post("/login", content=content, headers={"content-type": kind})
    assert answer.status_code in (400, 413, 422)
    assert "Traceback" not in answer.text


def test_another_sites_page_neither_logs_in_nor_out(guest: Come) -> None:
    one = logged_in(guest())
    form = {"username": "me", "password": PASSWORD}
    for told in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert one.post("/login", data=form, headers=told).status_code == 403
        assert one.get("/logout", headers=told).status_code == 403
    leads = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    one.get("/logout", headers=leads)
    assert one.get("/config").status_code == 200


# with it


def test_who_gives_it_uses_everything(bank: Payments, guest: Come) -> None:
    one, prompt = logged_in(guest()), nonce()
    card = one.ended(one.submit(prompt))
    assert card["state"] == "succeeded"
    assert one.get(f"{STUDIO}/pictures/{card['pictures'][0]['id']}").status_code == 200
    assert [create.key for create in bank.of(prompt)] == [OPERATOR]
    assert "window.kling=" in one.get("/").text
    other = logged_in(guest())  # one history for all who know it
    assert other.card(card["id"])["state"] == "succeeded"


def test_a_script_gives_it_too(bank: Payments, lan: Program) -> None:
    prompt, script = nonce(), Client(lan.url, verbose=False, auth=("me", PASSWORD))
    task = script.predict(prompt=prompt, api_name="/submit")
    assert script.predict(task_id=task, api_name="/task")["id"] == task
    eventually(lambda: bank.of(prompt))
    with pytest.raises(ValueError, match="Could not login"):
        Client(lan.url, verbose=False, auth=("me", "wrong"))
    with pytest.raises(AuthenticationError):
        Client(lan.url, verbose=False)


def test_who_leaves_is_out(guest: Come) -> None:
    one = logged_in(guest())
    cookie = one.http.headers["cookie"]
    assert one.get("/logout").status_code in (302, 307)
    assert one.get("/config", headers={"cookie": cookie}).status_code == 401


def test_it_is_written_nowhere(lan: Program, guest: Come) -> None:
    one = logged_in(guest())
    told = [one.get(path).text for path in ("/", "/config", f"{STUDIO}/account")]
    assert not any(PASSWORD in text for text in [*told, *lan.log])
    data = Path(lan.env["KLING_UI_DATA_DIR"])
    written = [path.read_bytes() for path in data.rglob("*") if path.is_file()]
    assert not any(PASSWORD.encode() in content for content in written)


@pytest.mark.parametrize(
    ("env", "told"),
    [
        (LAN | {"KLING_UI_PASSWORD": ""}, "set KLING_UI_PASSWORD and start again"),
        ({"GRADIO_SERVER_NAME": "0.0.0.0"}, "set KLING_UI_PASSWORD and start again"),
        ({"KLING_UI_DATA_DIR": "/proc/studio"}, "Name another KLING_UI_DATA_DIR"),
        (LAN | {"GRADIO_SERVER_NAME": "192.0.2.1"}, "Set GRADIO_SERVER_NAME to an address"),
    ],
)
def test_what_it_cannot_start_with_is_told(tmp_path: Path, env: dict[str, str], told: str) -> None:
    program = app_at(tmp_path, **env)
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=os.environ | program.env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert told in done.stderr
    assert "ready" not in done.stdout
    assert "Traceback" not in done.stderr


# guessing


def test_guessing_takes_longer_and_longer_and_keeps_nobody_else_waiting(guest: Come) -> None:
    guesser, inside, took = guest(), logged_in(guest()), []
    for k in range(4):
        guesser.http.headers["x-forwarded-for"] = f"192.0.2.{k}"  # says who asks, and may lie
        began = time.monotonic()
        assert log_in(guesser, "guess").status_code == 400
        took.append(time.monotonic() - began)
    assert took[2] >= 0.5
    assert took[3] >= 1
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(log_in, guesser, "guess")
        began = time.monotonic()
        assert log_in(guest()).status_code == 200
        assert inside.get("/config").status_code == 200
        assert not waiting.done()
        assert waiting.result().status_code == 400
        assert time.monotonic() - began >= 1.9


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each try waited; nobody really does."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(policy, "asyncio", SimpleNamespace(sleep=sleep, Lock=asyncio.Lock))
    return waited


async def tried(login: Login, caller: str, status: int) -> bool:
    """Whether it was let through to be judged."""
    async with login.trying(caller) as tries:
        if tries is not None:
            login.judge(tries, status)
        return tries is not None


async def test_each_failure_doubles_the_wait_up_to_a_limit(slept: list[float]) -> None:
    login = Login(PASSWORD)
    for _ in range(10):
        assert await tried(login, "a", 400)
    assert slept == [0, 0, 0.5, 1, 2, 4, 8, LONGEST, LONGEST, LONGEST]
    slept.clear()
    await tried(login, "b", 400)  # somebody else's failures are their own
    assert slept == [0]
    await tried(login, "a", 200)  # right at last: all is forgiven
    await tried(login, "a", 400)
    assert slept == [0, LONGEST, 0]


@pytest.mark.parametrize("status", [400, 401, 408, 413, 422, 429, 500])
async def test_whatever_went_wrong_was_a_failure(slept: list[float], status: int) -> None:
    login = Login(PASSWORD)
    for _ in range(4):
        await tried(login, "a", status)
    assert slept == [0, 0, 0.5, 1]


async def test_tries_of_one_caller_come_one_by_one_and_few_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go, at_once, most = asyncio.Event(), 0, 0
    login = Login(PASSWORD)

    async def attempt(caller: str) -> bool:
        nonlocal at_once, most
        async with login.trying(caller) as tries:
            if tries is None:
                return False
            at_once += 1
            most = max(most, at_once)
            await go.wait()
            at_once -= 1
            return True

    crowd = [asyncio.create_task(attempt("a")) for _ in range(3 * CROWD)]
    await asyncio.sleep(0)
    other = asyncio.create_task(attempt("b"))
    await asyncio.sleep(0.01)
    assert [task.done() for task in crowd].count(True) == 2 * CROWD  # turned away at once
    go.set()
    assert await other
    assert sum([await task for task in crowd]) == CROWD
    assert most == 2  # one of each caller
    assert await attempt("a")  # nobody waits any more


async def test_who_is_turned_away_is_told_how_long_the_next_try_takes(
    slept: list[float],
) -> None:
    login = Login(PASSWORD)
    await tried(login, "a", 400)
    assert login.pause("a") == 1
    for _ in range(5):
        await tried(login, "a", 400)
    assert login.pause("a") == 8


async def test_who_goes_away_while_waiting_gives_up_the_place() -> None:
    login, go = Login(PASSWORD), asyncio.Event()

    async def attempt() -> None:
        async with login.trying("a") as tries:
            assert tries is not None
            await go.wait()

    crowd = [asyncio.create_task(attempt()) for _ in range(CROWD)]
    await asyncio.sleep(0.01)
    for task in crowd:
        task.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)
    go.set()
    await attempt()


async def test_so_many_callers_are_remembered_and_no_more(
    slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "MOST", 10)
    login = Login(PASSWORD)
    for k in range(100):
        await tried(login, f"caller {k}", 400)
    assert len(login._tries) == 10


# a page that is open when the program is started anew


def test_an_open_page_asks_again_after_a_restart(lan: Program, guest: Come) -> None:
    one = logged_in(guest())
    task = one.submit("before the restart")
    former = one.http.headers["cookie"]
    with one.listening(f"{STUDIO}/events") as lines:
        next(lines)
        lan.stop()
        assert not any(line.startswith("event: error") for line in lines)  # it ends, and well
    lan.start()
    for method, path in (
        ("GET", f"{STUDIO}/events"),
        ("GET", "/config"),
        ("GET", f"{STUDIO}/tasks"),
    ):
        assert one.http.request(method, path).status_code == 401
    assert one.run(one.events.id("act-star"), [task]).status_code == 401
    files = {"files": ("a.jpg", photo(), "image/jpeg")}
    assert one.post("/gradio_api/upload", files=files).status_code == 401
    assert "auth_required" in one.get("/").text
    logged_in(one)
    assert one.http.headers["cookie"] != former
    assert one.ended(task)["state"] == "succeeded"
