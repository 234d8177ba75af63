"""``kill -9`` again and again: nothing is lost and nothing is paid for twice.

The worker is a process of its own on one data folder; the simulated Kling outlives it, in the
test's process. ``--kills`` says how often (50 unless told), ``--seed`` draws the same again.
"""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import shutil
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from io import BytesIO
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from PIL import Image

from kling_ui.simulator import Fault
from kling_ui.studio import Studio
from kling_ui.task import State, Task

from ..conftest import Kling
from . import worker
from .worker import Press, at_work, pressed

SECONDS = (0.05, 0.4)  # a task's life at Kling
QUOTA = 14  # pictures at once, so that some presses have to wait
KILLS = 25  # in one data folder; more of them begin anew
EARLY = 3  # of these come while the folder is made
LAST = 120.0  # seconds of the last life at most
PATIENCE = 0.6  # seconds a life waits for the moment it is to end at


def noise(*, prompt: str, index: int, width: int, height: int, reference: Any = None) -> bytes:
    """A small picture; no two are alike, and none fits into one packet."""
    file = BytesIO()
    pixels = Random(f"{prompt} {index}").randbytes(240 * 135 * 3)
    Image.frombytes("RGB", (240, 135), pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


CUT = noise(prompt="", index=0, width=0, height=0)[:9000]
BUSY = b'{"code": 1302, "message": "too fast", "request_id": "r"}'
CREATES = {  # what a press may meet; but for the last two Kling has the task in the end
    "busy": Fault(status=429, body=BUSY, content_type="application/json"),  # twice
    "lost": Fault(drop=True, accept=True),
    "500": Fault(status=500, body=b"oops", accept=True),
    "garbage": Fault(status=200, body=b"<html>", accept=True),
    "late": Fault(delay=0.25),
    "dropped": Fault(drop=True),
    "502": Fault(status=502, body=b"<html>Bad gateway</html>"),
}
QUERIES = [Fault(status=503, body=b"busy"), Fault(status=200, body=b"<html>"), Fault(drop=True)]
PICTURES = [
    *[Fault(status=404, body=b"Not Found")] * 2,
    *[Fault(status=200, body=CUT, content_type="image/png")] * 2,
    Fault(status=503, body=b"busy"),
    Fault(drop=True),
    Fault(delay=0.2),
]


@dataclass
class Wire:
    """What goes wrong on the way, and when a worker is to die. The simulator asks it, in a thread
    of its own; `prey` is the moment waited for and how many more of them must come."""

    chance: Random
    calm: bool = False
    prey: tuple[str, int] = ("", 0)
    holds: bool = False  # whether the create that is waited for is answered late
    struck: threading.Event = field(default_factory=threading.Event)
    tries: Counter[str] = field(default_factory=Counter)  # of a prompt
    fetched: set[str] = field(default_factory=set)

    def hunt(self, end: End) -> None:
        self.struck.clear()
        self.prey = ("create" if end.moment == "answer" else end.moment, end.count)
        self.holds = end.moment == "create"

    def __call__(self, moment: str, info: Mapping[str, Any]) -> Fault | None:
        if self.calm:
            return None
        struck = self._strikes(moment)
        match moment:
            case "create":
                held = Fault(delay=0.05) if struck and self.holds else None
                return self._luck(info["body"].get("prompt", "")) or held
            case "picture" if info["path"] not in self.fetched:
                self.fetched.add(info["path"])
                return self._maybe(PICTURES, 0.4)
            case "get" | "list":
                return self._maybe(QUERIES, 0.05)
        return None

    def _luck(self, prompt: str) -> Fault | None:
        self.tries[prompt] += 1
        luck = prompt.partition(": ")[0]
        return None if luck == "busy" and self.tries[prompt] > 2 else CREATES.get(luck)

    def _strikes(self, moment: str) -> bool:
        wanted, left = self.prey
        if moment != wanted:
            return False
        self.prey = (wanted, left - 1)
        if left == 1:
            self.struck.set()
        return left == 1

    def _maybe(self, faults: Sequence[Fault], probability: float) -> Fault | None:
        return self.chance.choice(faults) if self.chance.random() < probability else None


@dataclass(frozen=True)
class End:
    """When a life ends: `delay` seconds after the `count`-th `moment`."""

    moment: str  # start, ready and queued are told by the worker; others happen on the wire
    count: int
    delay: float

    @classmethod
    def drawn(cls, chance: Random, *, early: bool) -> End:
        longest = {"start": 0.05, "ready": 0.4, "queued": 0.01}
        longest |= {"create": 0.03, "answer": 0.03, "get": 0.02, "picture": 0.05}
        moment = "start" if early else chance.choice([*longest, "ready", "picture"])
        return cls(moment, chance.randint(1, 3), chance.uniform(0, longest[moment]))


@dataclass
class Life:
    """One worker process and what it told."""

    process: BaseProcess
    told: Connection
    heard: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def begun(cls, data: Path, url: str, presses: list[Press]) -> Life:
        """A fork of a server that has imported what a worker needs: some ten milliseconds."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["__main__", worker.__name__])
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=worker.live, args=(data, url, presses, there), daemon=True)
        process.start()
        there.close()
        return cls(process, here)

    def lasts(self, end: End, wire: Wire) -> None:
        if end.moment == "queued":
            self._hears("queued", end.count, within=PATIENCE)
        elif end.moment != "start":
            self._hears("ready", 1, within=10)
            if end.moment != "ready":
                wire.struck.wait(PATIENCE)
        time.sleep(end.delay)

    def _hears(self, word: str, count: int, *, within: float) -> None:
        until = time.monotonic() + within
        while sum(said == word for said, _ in self.heard) < count:
            if not self._listens(max(0, until - time.monotonic())):
                return

    def _listens(self, seconds: float) -> bool:
        try:
            if self.told.poll(seconds):
                self.heard.append(self.told.recv())
                return True
        except EOFError:
            pass
        return False

    def killed(self) -> None:
        self.process.kill()
        self.process.join(10)
        while self._listens(0):
            pass
        assert self.process.exitcode == -signal.SIGKILL, self.heard
        self.told.close()
        self.process.close()


@dataclass
class Campaign:
    """Many lives on one data folder."""

    server: Kling
    data: Path
    wire: Wire
    chance: Random
    to_come: list[Press]
    made: list[Press] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)  # nonces of presses that somebody saw queued
    posts: dict[str, list[int]] = field(default_factory=dict)  # external id → statuses
    ends: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)  # states of tasks at the deaths

    def life(self, *, early: bool) -> None:
        end = End.drawn(self.chance, early=early)
        self.wire.hunt(end)
        one = Life.begun(self.data, self.server.url, self._due())
        one.lasts(end, self.wire)
        one.killed()
        assert [text for word, text in one.heard if word == "error"] == []
        self.answered |= {nonce for word, nonce in one.heard if word == "queued"}
        self.ends[end.moment] += 1
        self._autopsy()
        self._collect()

    def _due(self) -> list[Press]:
        """New presses, those whose answer nobody saw, and one that is pressed again for nothing."""
        for _ in range(min(self.chance.randint(0, 6), len(self.to_come))):
            self.made.append(self.to_come.pop())
        again = self.chance.sample(self.made, min(1, len(self.made)))
        return [press for press in self.made if press.nonce not in self.answered] + again

    def _autopsy(self) -> None:
        """What the dead left, looked at in a copy: the next must find it as it was."""
        copy = self.data.with_name("autopsy")
        copy.mkdir(parents=True, exist_ok=True)
        for name in ("history.db", "history.db-wal"):
            (copy / name).unlink(missing_ok=True)
            if (self.data / name).exists():
                shutil.copy(self.data / name, copy)
        rows = tasks(copy) if (copy / "history.db").exists() else []
        assert self.answered <= {row["nonce"] for row in rows}
        self.left.update(row["state"] for row in rows if not State(row["state"]).over)

    def _collect(self) -> None:
        """The simulator keeps only so many calls."""
        calls = self.server.app.state.simulator.calls
        while calls:
            call = calls.pop(0)
            if call.method == "POST" and call.external_task_id:  # else it died in mid-sentence
                self.posts.setdefault(call.external_task_id, []).append(call.status)

    async def end(self) -> None:
        """A last life that nobody ends."""
        self.made += self.to_come
        async with at_work(self.data, self.server.url) as studio:
            await asyncio.gather(*(pressed(studio, press) for press in self.made))
            await self._rest(studio, until=time.monotonic() + LAST)
        self.wire.calm = True
        self._collect()

    async def _rest(self, studio: Studio, *, until: float) -> None:
        while left := open_tasks(studio, taken(self.server)):
            assert time.monotonic() < until, left
            await asyncio.sleep(0.05)


def open_tasks(studio: Studio, known: Mapping[str, Any]) -> list[Task]:
    """What is still to come to an end. A task that Kling never had stays unconfirmed for ever."""
    return [
        task
        for task in studio.history.unfinished()
        if task.state is not State.UNCONFIRMED or task.external_task_id in known
    ]


def taken(server: Kling) -> dict[str, list[Any]]:
    """The tasks that Kling took, by external id: its own books, which no test may change, tell
    also those whose answer never left."""
    found: dict[str, list[Any]] = {}
    for task in [*server.app.state.simulator._api._ledger._tasks.values()]:
        found.setdefault(task.external_id, []).append(task)
    return found


def tasks(data: Path) -> list[sqlite3.Row]:
    """Every row of a sound history."""
    with closing(sqlite3.connect(data / "history.db")) as db:
        db.row_factory = sqlite3.Row
        assert [row[0] for row in db.execute("PRAGMA integrity_check")] == ["ok"]
        if not db.execute("PRAGMA user_version").fetchone()[0]:
            return []
        return db.execute("SELECT * FROM task ORDER BY created").fetchall()


def pictures(data: Path) -> dict[str, list[sqlite3.Row]]:
    """By task, in their order."""
    found: dict[str, list[sqlite3.Row]] = {}
    with closing(sqlite3.connect(data / "history.db")) as db:
        db.row_factory = sqlite3.Row
        for row in db.execute("SELECT * FROM picture ORDER BY position"):
            found.setdefault(row["task_id"], []).append(row)
    return found


def drawn(chance: Random, number: int) -> Press:
    """A press and its luck, which stands in its prompt."""
    luck = chance.choice([*CREATES, *["fine"] * 14])
    return Press(
        nonce=f"{number:032x}",
        prompt=f"{luck}: fox {number}",
        n=chance.choice([1, 1, 1, 2, 3]),
        clicks=chance.choice([1, 1, 1, 2]),
        regret=chance.uniform(0, 0.1) if chance.random() < 0.1 else None,
    )


def test_workers_killed_at_any_moment_lose_nothing_and_pay_nothing_twice(
    tmp_path: Path,
    kling: Callable[..., Kling],
    pytestconfig: pytest.Config,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seed, kills = pytestconfig.getoption("seed"), pytestconfig.getoption("kills")
    print(f"--kills={kills} --seed={seed}")
    monkeypatch.setattr("kling_ui.simulator.painter.paint", noise)
    for done in range(0, kills, KILLS):
        campaign = fought(kling, tmp_path / f"{done}", f"{seed} {done}", min(KILLS, kills - done))
        check_pressed_once(campaign)
        check_sent_once(campaign)
        check_ends(campaign)
        check_pictures(campaign)
        assert [*campaign.data.rglob("*.part")] == []


def fought(kling: Callable[..., Kling], folder: Path, seed: str, kills: int) -> Campaign:
    """A campaign from the first press to the last picture."""
    start, wire, luck = time.monotonic(), Wire(Random(f"{seed} wire")), Random(f"{seed} presses")
    # a repeated id is taken again, so that a second POST of a task shows
    server = kling(seconds=SECONDS, quota=QUOTA, external_ids_unique=False, faults=wire)
    presses = [drawn(luck, number) for number in range(3 * kills)]
    campaign = Campaign(server, folder / "data", wire, Random(f"{seed} kills"), presses)
    for number in range(kills):
        campaign.life(early=number < EARLY)
    asyncio.run(campaign.end())
    tell(campaign, time.monotonic() - start)
    return campaign


def tell(campaign: Campaign, seconds: float) -> None:
    rows, known = tasks(campaign.data), taken(campaign.server)
    ends = Counter(row["state"] for row in rows)
    print(f"{sum(campaign.ends.values())} kills in {seconds:.0f} s: {dict(campaign.ends)}")
    print(f"left unfinished at the deaths: {dict(campaign.left)}")
    print(f"{len(campaign.made)} presses, {len(rows)} rows, {len(known)} tasks at Kling,")
    print(f"{sum(map(len, campaign.posts.values()))} POSTs; in the end {dict(ends)}")


def check_pressed_once(campaign: Campaign) -> None:
    assert Counter(row["nonce"] for row in tasks(campaign.data)) == Counter(
        press.nonce for press in campaign.made
    )


def check_sent_once(campaign: Campaign) -> None:
    """One POST that is not "too fast" for every task at most, and it is the last one."""
    known = taken(campaign.server)
    assert {name: len(twins) for name, twins in known.items() if len(twins) > 1} == {}
    assert len(known) <= len(campaign.made)
    again = {name: seen for name, seen in campaign.posts.items() if {*seen[:-1]} - {429}}
    assert again == {}


def check_ends(campaign: Campaign) -> None:
    """What Kling has taken is here, under its id; what it has not is unconfirmed, or was
    cancelled before it was sent."""
    known, regretted = taken(campaign.server), {p.nonce for p in campaign.made if p.regret}
    for row in tasks(campaign.data):
        twins = known.pop(row["external_task_id"], [])
        if twins:
            assert (row["state"], row["remote_id"]) == ("succeeded", twins[0].id), {**row}
        elif row["state"] == "cancelled":
            assert row["nonce"] in regretted, {**row}
            assert {*campaign.posts.get(row["external_task_id"], [])} <= {429}, {**row}
        else:
            assert row["state"] == "unconfirmed", {**row}
    assert known == {}


def check_pictures(campaign: Campaign) -> None:
    """All that were asked for, on disk, byte for byte as Kling gives them."""
    kept, asked = pictures(campaign.data), {press.nonce: press.n for press in campaign.made}
    folder = campaign.data / "pictures" / "originals"
    with httpx.Client(base_url=campaign.server.url, trust_env=False) as kling:
        for row in tasks(campaign.data):
            own = kept.pop(row["id"], [])
            wanted = asked[row["nonce"]] if row["state"] == "succeeded" else 0
            assert [picture["position"] for picture in own] == [*range(wanted)], {**row}
            for place, picture in enumerate(own):
                data = (folder / picture["file"]).read_bytes()
                assert hashlib.sha256(data).hexdigest() == picture["sha256"]
                assert data == kling.get(f"/pictures/{row['remote_id']}-{place}.png").content
    assert kept == {}
