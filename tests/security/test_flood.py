"""A Space under a flood says that it is busy, answers others meanwhile, and recovers."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest

from ..program import Program, app_at
from .conftest import SPACE, running
from .visitor import SPACE_HOST, STUDIO, Visitor, eventually, nonce

EVENTS, CONNECTIONS, LET_THROUGH = 3_000, 50, 15
DEAR = 1.5  # seconds of the processor
SOON, AFTERWARDS = 10.0, 60.0  # seconds: others' pages meanwhile, everything when it is over
BUSY = (429, 503)


@pytest.fixture(scope="module")
def sea(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with running(tmp_path_factory.mktemp("sea"), **SPACE) as program:
        yield program


async def flood(program: Program, who: Visitor) -> Counter[int]:
    """As fast as it goes: most connections are one browser gone mad, the others are browsers at
    addresses of their own, whom the limits let through."""
    events, statuses = who.events, Counter[int]()
    judged, pressed, tasks = (events.id(name) for name in ("judged", "pressed", "tasks"))

    def body(k: int) -> tuple[str, dict[str, object]]:
        kind = k % 10
        if kind == 0:
            given = {"prompt": f"wave {k}", "model_name": "kling-v3", "nonce": nonce()}
            return "run/predict", {"fn_index": pressed, "data": events.inputs(pressed, **given)}
        if kind < 6:
            return "queue/join", {"fn_index": tasks, "data": []}
        return "run/predict", {"fn_index": judged, "data": events.inputs(judged, prompt="wave")}

    async def pour(number: int) -> None:
        browser = number if number < LET_THROUGH else LET_THROUGH
        headers = {
            "host": SPACE_HOST,
            "x-forwarded-for": f"203.0.113.{browser}",
            "cookie": f"kling_owner=browser-{browser}-of-the-flood",
        }
        url, session = f"{program.url}/gradio_api", f"flood{browser}"
        async with httpx.AsyncClient(headers=headers, verify=False, timeout=60) as line:
            for k in range(number, EVENTS, CONNECTIONS):
                path, asked = body(k)
                asked["session_hash"] = session
                answer = await line.post(f"{url}/{path}", json=asked)
                statuses[answer.status_code] += 1

    await asyncio.gather(*(pour(number) for number in range(CONNECTIONS)))
    return statuses


def test_a_flood_keeps_nobody_else_from_the_page(sea: Program) -> None:
    other = Visitor.come(sea, address="192.0.2.77", patient=False)
    with looking(other, "/", f"{STUDIO}/tasks") as took:
        statuses = asyncio.run(flood(sea, other))
    print(statuses, f"{len(took)} looks, the longest {max(took):.1f} s")
    assert sum(statuses.values()) == EVENTS
    assert {*statuses} <= {200, *BUSY}
    assert statuses[429] > 0
    assert max(took) < SOON

    began = time.monotonic()
    report = other.press("after the flood")
    assert report["task"], report
    eventually(lambda: other.state(report["task"]) != "queued", within=AFTERWARDS)
    assert other.call("tasks")[0] == "complete"
    kind, said = other.call("submit", "by a script", *[None] * 13)
    assert kind == "complete", said
    assert time.monotonic() - began < AFTERWARDS
    began = time.monotonic()
    assert other.get("/").status_code == 200
    assert time.monotonic() - began < SOON
    other.http.close()


HEAVY: dict[str, dict[str, Any]] = {
    "braces": {"prompt": "{" + "|" * 150_000},
    "choices": {"prompt": "{a|b}" * 40_000},
    "path": {"image": {"path": "a/" * 200_000}},
    "elements": {
        "element_list": "1," * 200_000,
        "compare_models": ["kling-v1", "kling-v1-5", "kling-v2", "kling-v2-1"],
        "compare_ratios": ["1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3"],
    },
    "grid": {
        "compare_models": [f"model-{k}" for k in range(15_000)],
        "compare_ratios": [f"{k}:1" for k in range(37)],
    },
}


@pytest.mark.parametrize("fields", HEAVY.values(), ids=HEAVY)
def test_what_one_asks_keeps_nobody_else_waiting(sea: Program, fields: dict[str, Any]) -> None:
    one = Visitor.come(sea)
    event = one.events.id("pressed")
    given = one.events.inputs(event, **{"prompt": "a fox", "nonce": nonce(), **fields})
    with costs(sea):
        assert one.run(event, given).status_code in (200, 400)
    one.http.close()


def test_a_cookie_that_is_hard_to_read_keeps_nobody_else_waiting(sea: Program) -> None:
    one, quoted = Visitor(sea), 'kling_known="' + '\\"' * 30_000 + '"'
    with costs(sea):
        assert one.get(f"{STUDIO}/tasks", headers={"cookie": quoted}).status_code == 403
    one.http.close()


def test_a_tangle_of_brackets_is_no_call(sea: Program) -> None:
    one = Visitor.come(sea)
    event = one.events.id("pressed")
    deep = json.loads("[" * 900 + "]" * 900)
    with costs(sea):
        assert one.run(event, [deep] * 250).status_code == 400
    one.http.close()


def test_lists_that_one_asks_for_again_and_again_keep_nobody_else_waiting(sea: Program) -> None:
    one, other = Visitor.come(sea, patient=False), Visitor.come(sea)
    shapes = [f"{k}:1" for k in range(1, 10)]
    long = {"prompt": "🦊" * 9000, "negative_prompt": "🦊" * 9000, "model_name": "unknown"}
    taken = [one.press(**long, compare_ratios=shapes)["task"] for _ in range(9)]
    assert all(taken[:4])  # and then as many as are finished meanwhile
    with looking(other, f"{STUDIO}/tasks", every=0.05) as looks, ThreadPoolExecutor(60) as pool:
        statuses = Counter(pool.map(lambda _: one.get(f"{STUDIO}/tasks").status_code, range(200)))
    assert {*statuses} == {200, 429}
    assert statuses[200] < 150
    assert len(looks) > statuses[200] / 2  # by turns
    for who in (one, other):
        who.http.close()


@contextmanager
def costs(program: Program) -> Iterator[None]:
    """It takes the program less of the processor than a person would call hung."""
    before = program.cpu
    yield
    took = program.cpu - before
    print(f"{took:.2f} s")
    assert took < DEAR


@contextmanager
def looking(other: Visitor, *paths: str, every: float = 0.2) -> Iterator[list[float]]:
    """Somebody else asks for them meanwhile, again and again: how long each took, in seconds."""
    over, took = Event(), list[float]()

    def look() -> None:
        while not over.wait(every):
            for path in paths:
                began = time.monotonic()
                assert other.get(path).status_code == 200
                took.append(time.monotonic() - began)

    with ThreadPoolExecutor(1) as pool:
        end = pool.submit(look)
        try:
            yield took
        finally:
            over.set()
            end.result()


def test_who_reads_slowly_holds_a_part_of_the_files_and_not_all(tmp_path: Path) -> None:
    """An answer under way is a connection and a file; nobody else waits for either."""
    program = app_at(tmp_path / "data", **SPACE)
    program.command = ["bash", "-c", f"ulimit -n 300; exec {' '.join(program.command)}"]
    program.start()
    one = Visitor.come(program, patient=False)
    with ExitStack() as stack:
        stack.callback(program.stop, signal.SIGKILL)
        files = {"files": ("a.png", bytes(20_000_000), "image/png")}
        (path,) = one.post("/gradio_api/upload", files=files).json()
        told = Counter[int]()
        for number in range(80):
            headers = {"x-forwarded-for": f"192.0.2.{number}"}
            file = one.http.stream("GET", f"/gradio_api/file={path}", headers=headers)
            told[stack.enter_context(file).status_code] += 1
        assert told == {200: 50, 429: 30}
        assert one.get(f"{STUDIO}/events-that-are-none").status_code == 404


def test_who_listens_takes_a_part_of_the_connections_and_not_all(tmp_path: Path) -> None:
    program = app_at(tmp_path / "data", **SPACE)
    program.command = ["bash", "-c", f"ulimit -n 300; exec {' '.join(program.command)}"]
    program.start()
    came = [Visitor.come(program, patient=False) for _ in range(4)]
    with ExitStack() as stack:
        stack.callback(program.stop, signal.SIGKILL)
        told = Counter[int]()
        for number in range(240):
            headers = {"x-forwarded-for": f"192.0.2.{number}"}
            one = came[number % 4].http.stream("GET", f"{STUDIO}/events", headers=headers)
            told[stack.enter_context(one).status_code] += 1
        assert told == {200: 100, 429: 140}
        assert came[0].get("/").status_code == 200
