"""Thousands of calls that nobody would make: nothing breaks, nothing is told, nothing wrong is
sent to Kling."""

from __future__ import annotations

import json
import math
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from kling_ui.catalog import MODELS, RATIOS, RESOLUTIONS

from ..conftest import QUICK
from ..program import Program
from .conftest import OPERATOR, running
from .ours import own_routes
from .visitor import STUDIO, Visitor, eventually, nonce
from .wire import Create, Payments, paid

CALLS, HANDS = 5_000, 8
INSIDE = ("Traceback", "site-packages", 'File "/', "history.db", "sqlite", OPERATOR, "KeyError")
CONTENT = (1300, 1301)  # Kling's codes for what was asked, not how
BUSY = 429


@pytest.fixture(scope="module")
def till() -> Iterator[Payments]:
    with paid(seconds=QUICK, quota=100_000) as one:
        yield one


@pytest.fixture(scope="module")
def target(till: Payments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    key = {"KLING_BASE_URL": till.base_url, "KLING_API_KEY": OPERATOR}
    with running(tmp_path_factory.mktemp("target"), **key) as program:
        yield program


@pytest.fixture
def come(target: Program) -> Iterator[Callable[[], Visitor]]:
    """``come()`` is somebody new with the page open."""
    with ExitStack() as leaving:
        yield lambda: leaving.enter_context(Visitor.come(target, space=False))


TEXTS = (
    *("", " ", "a fox", "a fox #policy", "0", "1", "-1", "true", "null", "NaN", "1e400", "x" * 600),
    *("x" * 30_000, "\0", "\ud800", "\udfff\ud800", "\u202e", "🦊" * 50, "٣", "²", "ﬀ", "\x1b[2J"),
    *("../../secret", "/etc/passwd", "C:\\x", "file:///etc/passwd", "reference:x", "//x"),
    *("http://127.0.0.1:9/a.png", "https://example.com/a.png", "http://[", "javascript:alert(1)"),
    *("<script>alert(1)</script>", "${7*7}", "{{7*7}}", "%s%n", "' OR 1=1 --", "\r\nX-Evil: 1"),
    *("Bearer x", "0" * 32, "f" * 31, "g" * 32),
)
NUMBERS = (
    *(0, -1, 1, 2, 9, 10, 2**31, 2**63, 2**64, 10**4000, -(10**100), 0.5, -0.0, 1e308),
    *(math.nan, math.inf, -math.inf),
)
SOUND: dict[str, tuple[Any, ...]] = {
    "prompt": (*["a fox #policy"] * 12, *["三只狐狸 #policy"] * 12, "a fox"),  # few are drawn
    "negative_prompt": ("", None, "dull"),
    "model_name": (*MODELS, "  kling-v3 "),
    "image": (None, "", "https://example.com/a.png"),
    "image_url": ("", None, "https://example.com/a.png"),
    "image_reference": ("", "subject", "face", None),
    "image_fidelity": (None, "", 0.5, "0.5", 1, 0, "1e-3"),
    "human_fidelity": (None, "", 0.5, "0.5", 1, 0),
    "resolution": (*RESOLUTIONS, "", None),
    "aspect_ratio": (*RATIOS, "", None),
    "n": (1, "1", 2, "2", 1.0, None, ""),
    "watermark_info": (False, True, None, "yes", {"enabled": True}),
    "callback_url": ("", "https://example.com/hook"),
    "external_task_id": ("", None),
    "element_list": ("", "1, 2", [{"element_id": 1}], [1]),
    "compare_models": ([], None, ["kling-v2-1"], ["kling-v3", "kling-v2-1"]),
    "compare_ratios": ([], None, ["1:1", "16:9"]),
    "nonce": ("", None),
}
FIELDS = (  # of /submit, in its order
    *("prompt", "model_name", "negative_prompt", "image", "image_reference", "image_fidelity"),
    *("human_fidelity", "resolution", "n", "aspect_ratio", "watermark_info", "callback_url"),
    *("external_task_id", "element_list"),
)
# just beside what a field takes
NEAR: dict[str, tuple[Any, ...]] = {
    "prompt": ("", " \n", "a" * 2_501, "a" * 501, "🦊" * 2_500, "#policy" * 400),
    "negative_prompt": ("a" * 2_501, "a" * 201, "\u200b"),
    "model_name": ("", "kling-v9", "KLING-V3", "kling-v3\n", "a" * 129),
    "image": ("http://127.0.0.1/a.png", "ftp://example.com/a.png", "data:image/png;base64,AA"),
    "image_url": ("http://127.0.0.1/a.png", "https://", "https://user:pw@example.com/a.png"),
    "image_reference": ("Subject", "style", "face "),
    "image_fidelity": (-0.01, 1.01, "1,5", "2", True),
    "human_fidelity": (-0.01, 1.01, "1,5", "2", True),
    "resolution": ("1K", "4k", "2k "),
    "n": (0, 10, "10", 1.5, "1.5", -1, True, 9.000001, "1e1"),
    "aspect_ratio": ("5:4", "16:9 ", "9:16:9", "1:0"),
    "watermark_info": (2, "maybe", {"enabled": "x"}, {}, []),
    "callback_url": ("https://", "ftp://example.com", "https://example.com:0/", "//example.com"),
    "external_task_id": ("two words", "a" * 257, "é", "my id\n"),
    "element_list": ("a", "0", "9" * 20, ",".join("1" * 12), [{"element_id": "x"}], "1.5"),
    "compare_models": (["kling-v9"], [""], ["kling-v3"] * 40, "kling-v3"),
    "compare_ratios": (["5:4"], [None], ["1:1"] * 40, "1:1"),
    "nonce": ("x", "0" * 33),
}


def in_address(text: str) -> str:
    """As much of it as an address can say."""
    return text.encode("utf-8", "replace").decode()


class Nonsense:
    """Values of every kind, and now and then a sound one."""

    def __init__(self, random: Random, known: list[str]) -> None:
        self.random, self.known = random, known

    def text(self) -> str:
        pick = self.random
        kind = pick.randrange(10)
        if kind < 7:
            return pick.choice(TEXTS)
        if kind < 9:
            return pick.choice(self.known)
        return "".join(chr(pick.randrange(1, 0xD800)) for _ in range(pick.randrange(40)))

    def value(self, depth: int = 0) -> Any:
        pick = self.random
        kind = pick.randrange(9 if depth < 4 else 6)
        if kind < 3:
            return self.text()
        if kind < 5:
            return pick.choice(NUMBERS)
        if kind == 5:
            return pick.choice((None, True, False))
        if kind == 6:
            return [self.value(depth + 1) for _ in range(pick.randrange(5))]
        if kind == 7:
            return self.file()
        return {self.text()[:50]: self.value(depth + 1) for _ in range(pick.randrange(4))}

    def file(self) -> Any:
        name = self.text()
        meta = self.random.choice(({"_type": "gradio.FileData"}, {}, None, "x"))
        return {"path": name, "url": name, "meta": meta, "is_stream": self.random.random() < 0.3}

    def form(self, names: Iterable[str], *, page: bool) -> list[Any]:
        """Mostly what the fields are for, or less so. In a page's a picture is a file."""
        sound = SOUND | ({"image": (None,)} if page else {})
        odd = self.random.choice((0, 0, 0.05, 0.3))
        return [
            self.value() if self.random.random() < odd else self.random.choice(sound[name])
            for name in names
        ]


class Caller:
    """Makes one call after the other; remembers what came back."""

    def __init__(self, who: Visitor, random: Random, known: list[str], own: list[Any]) -> None:
        self.who, self.random, self.own = who, random, own
        self.nonsense = Nonsense(random, known)
        self.statuses: Counter[int] = Counter()

    def miss(self, field: str, value: Any) -> None:
        """Two calls whose one field holds what is just beside what it takes."""
        sound = {"prompt": "a fox #policy", "model_name": "kling-v3", "nonce": nonce()}
        given = sound | {field: value}
        event = self.who.events.id("pressed")
        body = {"fn_index": event, "data": self.who.events.inputs(event, **given)}
        self.judge(*self.ask("POST", "/gradio_api/run/predict", body))
        data = [given.get(name) for name in FIELDS]
        self.judge(*self.heard(*self.ask("POST", "/gradio_api/call/submit", {"data": data})))

    def make(self, calls: int) -> None:
        for _ in range(calls):
            ways = (self.event, self.route, self.press, self.script)
            (ask,) = self.random.choices(ways, (4, 6, 1, 1))
            described, answer = ask()
            self.statuses[answer.status_code] += 1
            self.judge(described, answer)

    @staticmethod
    def judge(described: str, answer: httpx.Response) -> None:
        text = answer.text
        told = [word for word in INSIDE if word in text]
        assert not told, (described, answer.status_code, told)
        if answer.status_code >= 500 and answer.status_code != 503:  # that one is a full queue
            short = ('{"error":null}', "Something went wrong here.")
            assert answer.status_code == 500, described
            named = (
                "is not in the cache folder" in text
            )  # Gradio's word on what was named as a file
            assert text in short or named, (described, text[:300])

    def event(self) -> tuple[str, httpx.Response]:
        pick, any_value = self.random, self.nonsense.value
        one = pick.choice(self.who.events.all)
        count = len(one["inputs"]) if pick.random() < 0.8 else pick.randrange(25)
        body = {
            "fn_index": one["id"] if pick.random() < 0.9 else any_value(),
            "data": [any_value() for _ in range(count)] if pick.random() < 0.9 else any_value(),
            "session_hash": self.who.session if pick.random() < 0.8 else any_value(),
        }
        for name in ("event_data", "trigger_id", "event_id", "simple_format", "batched"):
            if pick.random() < 0.3:
                body[name] = any_value()
        if pick.random() < 0.3:
            body["event_data"] = {"task_id": any_value(), "question": any_value()}
        path = pick.choice(("run/predict", "queue/join"))
        described, answer = self.ask("POST", f"/gradio_api/{path}", body)
        if path == "queue/join" and answer.status_code == 200:
            session = body["session_hash"] or answer.json()["event_id"]
            if session == in_address(session):  # else nobody can ask for it
                answer = self.who.get("/gradio_api/queue/data", params={"session_hash": session})
        return described, answer

    def press(self) -> tuple[str, httpx.Response]:
        """The form, with values of which most may be sound."""
        events, pick = self.who.events, self.random
        event = events.id(pick.choice(("pressed", "judged")))
        data = self.nonsense.form(events.names(event), page=True)
        body = {"fn_index": event, "data": data, "session_hash": self.who.session}
        return self.ask("POST", "/gradio_api/run/predict", body)

    def script(self) -> tuple[str, httpx.Response]:
        name = self.random.choice(("submit", "submit", "task", "tasks"))
        data = {
            "submit": self.nonsense.form(FIELDS, page=False),
            "task": [self.nonsense.value()],
            "tasks": [],
        }[name]
        if self.random.random() < 0.1:
            data = data + [self.nonsense.value()] * self.random.randrange(3)
        return self.heard(*self.ask("POST", f"/gradio_api/call/{name}", {"data": data}))

    def heard(self, described: str, answer: httpx.Response) -> tuple[str, httpx.Response]:
        """What a call brings that was taken."""
        if answer.status_code != 200:
            return described, answer
        path = f"{answer.request.url.path}/{answer.json()['event_id']}"
        return described, self.who.get(path)

    def route(self) -> tuple[str, httpx.Response]:
        method, path = self.random.choice(self.own)
        word = self.random.choice((self.nonsense.text(), *self.nonsense.known))
        word = str(httpx.QueryParams({"x": in_address(word)}))[2:2002]
        path = path.replace("{w}", str(self.random.randrange(6000))).replace("{h}", "2")
        for name in ("id", "side", "digest", "name"):
            path = path.replace(f"{{{name}}}", word)
        query = {
            name: in_address(self.nonsense.text())[:2000]
            for name in ("q", "filter", "offset", "before", "download", "settings", "deep_link")
            if self.random.random() < 0.3
        }
        body = None if method == "GET" else self.nonsense.value()
        if isinstance(body, dict) and self.random.random() < 0.7:
            name = self.random.choice(("key", "ids", "task_id"))
            body = {name: self.nonsense.value()}
        return self.ask(method, path, body, params=query)

    def ask(self, method: str, path: str, body: Any, **options: Any) -> tuple[str, httpx.Response]:
        content = None if body is None else json.dumps(body).encode()[:400_000]
        if content and self.random.random() < 0.03:  # broken on the way
            content = content[: self.random.randrange(len(content))]
        kind = {"content-type": "application/json"}
        answer = self.who.http.request(method, path, content=content, headers=kind, **options)
        return f"{method} {path} {options} {(content or b'')[:2000]!r}", answer


def test_nothing_breaks_and_nothing_wrong_is_sent(
    till: Payments,
    target: Program,
    come: Callable[[], Visitor],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    seed = request.config.getoption("--seed")
    print(f"--seed {seed}")
    first = come()
    card = first.ended(first.submit("known from the start"))
    known = [card["id"], card["pictures"][0]["id"], card["ids"]["task_id"]]
    known += [card["ids"]["external_task_id"], f"{card['created']!r}-{card['id']}"]
    own = sorted(own_routes(tmp_path) - {("GET", f"{STUDIO}/events"), ("POST", f"{STUDIO}/key")})
    callers = [Caller(come(), Random(f"{seed} {k}"), known, own) for k in range(HANDS)]
    for field, values in NEAR.items():
        for value in values:
            callers[0].miss(field, value)
    with ThreadPoolExecutor(HANDS) as pool:
        [*pool.map(lambda one: one.make(CALLS // HANDS), callers)]
    statuses = sum((one.statuses for one in callers), Counter[int]())
    print(statuses)
    assert statuses[200] > CALLS / 10  # else nothing of it was understood
    assert statuses[BUSY] == 0

    assert len(till.creates) > 30  # some of it was sound
    wrong = [create for create in till.creates if not well_formed(create)]
    assert wrong == []

    report = first.press("after all of it")
    assert first.ended(report["task"], within=60)["state"] == "succeeded"
    assert first.get("/").status_code == 200
    assert OPERATOR not in "".join(target.log)
    path = Path(target.env["KLING_UI_DATA_DIR"]) / "database" / "history.db"
    history = sqlite3.connect(path)
    assert history.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    history.close()


def well_formed(create: Create) -> bool:
    """Kling took it, or refused what was asked for; a model that nobody knows is the caller's."""
    if create.accepted or create.answer["code"] in CONTENT:
        return True
    unknown = create.body["model_name"] not in MODELS
    return unknown and "model_name" in create.answer["message"]


def test_the_simulator_would_tell() -> None:
    """Else the test above would hold of anything."""
    with paid(seconds=QUICK) as bank:
        for body in (
            {"prompt": "a", "n": 10},
            {"prompt": ""},
            {"prompt": "a", "aspect_ratio": "x"},
        ):
            asked = {"model_name": "kling-v3", **body}
            headers = {"authorization": "Bearer x"}
            httpx.post(f"{bank.base_url}/v1/images/generations", json=asked, headers=headers)
        eventually(lambda: len(bank.creates) == 3)
        assert not any(map(well_formed, bank.creates))
