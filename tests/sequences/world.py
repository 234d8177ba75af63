"""One sequence: people press, Kling and the wire misbehave, the program is killed and begun anew.

Everything is drawn from one seed, and nothing waits for real.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import shutil
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kling_ui.client import BearerAuth, KlingClient
from kling_ui.history import History
from kling_ui.pictures import Downloader, PictureFolder
from kling_ui.request import ImageRequest
from kling_ui.settings import Secret
from kling_ui.simulator import Options, build
from kling_ui.studio import Account, Clock, Hint, Studio
from kling_ui.task import State, Task

from .moment import Loop, Process
from .wire import SAFE, Wire

OWNER = "operator"
URL = "http://kling.test/kling"
LONGEST = 30 * 3600.0  # virtual seconds
QUIET = 900.0  # virtual seconds after which what nobody confirmed stays so


@dataclass(frozen=True)
class Press:
    """Somebody presses Generate, twice if `double`, and again until an answer comes."""

    at: float
    nonce: str
    prompt: str
    n: int
    double: bool


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a seed stands for."""

    presses: tuple[Press, ...]
    deaths: tuple[tuple[int, bool], ...] = ()  # the step each life ends at; after or before it
    downtime: float = 1.0
    trouble: float = 0.0
    lookup: bool = True
    listing: bool = True
    quota: int = 20
    seconds: tuple[float, float] = (2.0, 9.0)
    resubmit: bool = False
    second: float | None = None  # when another process opens the same folder
    loses: bool = False  # Kling forgets a task that it had accepted
    meddles: bool = False  # people press Look, and strangers call back
    unique: bool = True  # Kling refuses an external id that it has seen

    @classmethod
    def drawn(cls, chance: random.Random) -> Plan:
        ids = chance.random() < 0.85
        return cls(
            presses=tuple(_press(chance, k) for k in range(chance.choice((1, 1, 2, 3)))),
            deaths=tuple(
                (int(chance.triangular(1, 110, 15)), chance.random() < 0.5)
                for _ in range(chance.choice((0, 1, 1, 2, 3)))
            ),
            downtime=chance.choice((0.1, 3.0, 40.0, 1200.0)),
            trouble=chance.choice((0.0, 0.1, 0.3, 0.6)),
            lookup=ids,
            listing=ids and chance.random() < 0.8,
            quota=chance.choice((2, 4, 20)),
            seconds=(2.0, chance.choice((5.0, 20.0, 90.0))),
            resubmit=chance.random() < 0.15,
            second=chance.uniform(0, 20) if chance.random() < 0.12 else None,
            loses=chance.random() < 0.05,
            meddles=chance.random() < 0.3,
            unique=chance.random() < 0.5,
        )


def _press(chance: random.Random, number: int) -> Press:
    return Press(
        at=chance.uniform(0, 12),
        nonce=f"{number:032x}",
        prompt=f"fox {number}" + (" #fail" if chance.random() < 0.1 else ""),
        n=chance.choice((1, 1, 2)),
        double=chance.random() < 0.2,
    )


@dataclass
class World:
    """What outlives every process: Kling, the wire, the people and, in `folder`, the disk."""

    plan: Plan
    folder: Path
    loop: Loop
    chance: random.Random
    answered: dict[str, str] = field(default_factory=dict)  # nonce → our task id
    lives: list[Process] = field(default_factory=list)
    history: History | None = None
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        plan = self.plan
        self.app = build(
            Options(
                clock=self.loop.wall,
                sleep=asyncio.sleep,
                seconds=plan.seconds,
                quota=plan.quota,
                lookup=plan.lookup,
                listing=plan.listing,
                external_ids_unique=plan.unique,
            )
        )
        self.wire = Wire(self.app, self.loop, self.chance, trouble=plan.trouble)
        if plan.resubmit and not plan.unique:
            self.wire.latest = 100.0  # Kling's word "no such task" must be worth something

    async def play(self) -> list[str]:
        """To the end; what went against the promises."""
        for number, (step, after) in enumerate((*self.plan.deaths, (None, False))):
            process = Process(str(number), dies_at=step, after=after)
            if not await self._live(process):
                break
            await asyncio.sleep(self.plan.downtime)
        return self._verdict()

    async def _live(self, process: Process) -> bool:
        """One life; whether it ended by death."""
        self.lives.append(process)
        main = process.start(self._run(process))
        others = self._others(process)
        settled = asyncio.ensure_future(self._settled())
        death = asyncio.ensure_future(process.dead.wait())
        await asyncio.wait((settled, death, main), return_when=asyncio.FIRST_COMPLETED)
        died = process.dead.is_set()
        if main.done() and not died:
            main.result()  # the program itself broke
        if died:
            self._take_disk()
        for one in (settled, death):
            one.cancel()
        for one in (process, *others):
            await one.bury()
        if not died and settled.done() and not settled.cancelled():
            settled.result()
        return died

    def _others(self, process: Process) -> list[Process]:
        """Another program on the same folder, which the file lock did not keep out."""
        if self.plan.second is None or len(self.lives) > 1:
            return []
        other = Process(f"{process.name}b")
        self.lives.append(other)
        other.start(self._run(other, after=self.plan.second))
        if self.chance.random() < 0.3:  # the machine of the first sleeps for a while
            wakes = self.plan.second + self.chance.uniform(1, 300)
            self.loop.call_later(
                self.plan.second, setattr, process, "suspended_until", self.loop.passed + wakes
            )
        return [other]

    def _take_disk(self) -> None:
        """As it is at this moment: whoever is dead writes into the old place."""
        place = self.folder.with_name(f"{self.folder.name}x")
        shutil.copytree(self.folder, place)
        self.folder = place

    async def _run(self, process: Process, *, after: float = 0.0) -> None:
        await asyncio.sleep(after)
        data = self.folder
        client = KlingClient(base_url=URL, auth=BearerAuth(Secret("key")), transport=self.wire)
        account = Account("kling", URL, client, Downloader(transport=self.wire))
        history = History(data / "history.db", clock=self.loop.wall)
        if not after:
            self.history = history
        studio = Studio(
            history=history,
            folder=PictureFolder(data / "pictures"),
            accounts={"kling": account},
            account=account,
            alive=data / "alive",
            resubmit=self.plan.resubmit,
            clock=Clock(wall=self.loop.wall),
        )
        try:
            async with studio.running():
                await self._people(studio, process)
        finally:
            history.close()

    # people

    async def _people(self, studio: Studio, process: Process) -> None:
        for press in sorted(self.plan.presses, key=lambda press: press.at):
            await asyncio.sleep(max(0.0, press.at - self.loop.passed))
            while press.nonce not in self.answered:
                await self._pressed(studio, press)
        while True:
            await asyncio.sleep(20)
            for task in await studio.tasks(owner=OWNER):
                await self._meddle(studio, task)

    async def _pressed(self, studio: Studio, press: Press) -> None:
        draft = ImageRequest(
            prompt=press.prompt, n=press.n, model_name="kling-v2-1", aspect_ratio="1:1"
        )
        presses = [
            studio.submit(draft, owner=OWNER, nonce=press.nonce) for _ in range(1 + press.double)
        ]
        for outcome in await asyncio.gather(*presses):
            assert isinstance(outcome, Task), outcome
            self.answered[press.nonce] = outcome.id

    async def _meddle(self, studio: Studio, task: Task) -> None:
        if task.case == "held":
            await studio.release(task.id, owner=OWNER)
        if self.plan.meddles and self.chance.random() < 0.1:
            await studio.look(task.id, owner=OWNER)
        if self.plan.meddles and self.chance.random() < 0.1:
            studio.hint(Hint(task.id, self.chance.choice(("", "nonsense")), over=True))
        if self.plan.loses and task.remote_id and not self.wire.lost and not task.state.over:
            self.wire.lost.add(task.remote_id)

    # the end

    async def _settled(self) -> None:
        while self.loop.passed < LONGEST:
            await asyncio.sleep(30)
            if len(self.answered) < len(self.plan.presses) or self.wire.under_way:
                continue
            assert self.history
            if all(self._at_rest(task) for task in self.history.newest(OWNER, limit=99)):
                return

    def _at_rest(self, task: Task) -> bool:
        if task.state.over:
            return True
        if task.remote_id in self.wire.lost:
            return task.case == "forgotten" or task.state is State.STALLED
        unsure = task.state is State.UNCONFIRMED
        findable = self.accepted[task.external_task_id] and (self.plan.lookup or self.plan.listing)
        return unsure and not findable and self.loop.wall() - task.state_since > QUIET

    @property
    def accepted(self) -> Counter[str]:
        """How many POSTs Kling said yes to, by external task id."""
        calls: list[Any] = self.app.state.simulator.calls
        return Counter(
            call.external_task_id for call in calls if call.method == "POST" and call.status == 200
        )

    @property
    def sent_again(self) -> list[str]:
        """External task ids that were posted once more although nobody had said it was safe."""
        risky = {
            name: [f for f in fates if f not in SAFE] for name, fates in self.wire.posts.items()
        }
        return [name for name, fates in risky.items() if len(fates) > 1]

    def _verdict(self) -> list[str]:
        return [*self._twice(), *self._lost(), *self._disk()]

    def _twice(self) -> list[str]:
        wrong = [f"{one} was accepted {n} times" for one, n in self.accepted.items() if n > 1]
        total = sum(self.accepted.values())
        if total > len(self.plan.presses):
            wrong.append(f"{total} tasks were accepted for {len(self.plan.presses)} presses")
        if self.plan.quota < 20 or self.plan.resubmit:
            return wrong  # Kling itself said "too many", or the operator wanted it
        return wrong + [
            f"{one} was sent again after {self.wire.posts[one]}" for one in self.sent_again
        ]

    def _lost(self) -> list[str]:
        with contextlib.closing(History(self.folder / "history.db")) as history:
            tasks = history.newest(OWNER, limit=99)
        wrong = [f"{task.id} is {task.state} ({task.case})" for task in tasks if self._bad(task)]
        if len(tasks) != len(self.plan.presses):
            wrong.append(f"{len(tasks)} rows for {len(self.plan.presses)} presses")
        known = {task.external_task_id for task in tasks}
        return wrong + [f"{one} has no row" for one in self.accepted if one not in known]

    def _bad(self, task: Task) -> bool:
        if task.state is State.SUCCEEDED:
            return not self._whole(task)
        if not self._at_rest(task):
            return True
        if self.accepted[task.external_task_id]:  # paid for: unconfirmed at worst, and to be seen
            failed = task.state is State.FAILED and "#fail" in str(task.request["prompt"])
            return task.state.over and not failed
        return task.state not in {State.UNCONFIRMED, State.EXPIRED, State.REJECTED}

    def _whole(self, task: Task) -> bool:
        """Every picture that was paid for is on the disk, as it came."""
        files = [self.folder / "pictures" / "originals" / one.file for one in task.pictures]
        sums = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.exists()]
        return len(sums) == task.n and sums == [one.sha256 for one in task.pictures]

    def _disk(self) -> list[str]:
        with contextlib.closing(sqlite3.connect(self.folder / "history.db")) as database:
            sound = database.execute("PRAGMA integrity_check").fetchone()[0]
        wrong = [] if sound == "ok" else [f"the database: {sound}"]
        return wrong + [f"{part.name} was left" for part in self.folder.rglob("*.part")]


def play(plan: Plan, folder: Path, seed: int) -> World:
    """The world after the sequence; its `wrong` says what went against the promises."""
    chance = random.Random(seed)
    random.seed(seed)
    loop = Loop(chance)
    try:
        asyncio.set_event_loop(loop)
        world = World(plan, folder, loop, chance)
        world.wrong = loop.run_until_complete(world.play())
        return world
    finally:
        asyncio.set_event_loop(None)
        loop.close()
