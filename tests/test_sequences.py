"""Never lost, never paid twice: the real studio on a virtual clock, with everything that can go
wrong drawn from a seed."""

from __future__ import annotations

import hashlib
import io
import random
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from kling_ui.errors import NoAnswer
from kling_ui.studio.desk import Desk
from kling_ui.studio.reading import Reading
from kling_ui.studio.sender import Sender
from kling_ui.studio.worker import Worker
from kling_ui.task import State, Task

from .sequences.world import Plan, Press, World, play

CHUNK = 250  # sequences in one test
ONE = (Press(at=1, nonce="0" * 32, prompt="fox", n=2, double=True),)


@pytest.fixture(autouse=True)
def small_pictures(monkeypatch: pytest.MonkeyPatch, plain_pictures: None) -> None:
    def paint(*, prompt: str, index: int, width: int, height: int, reference: Any = None) -> bytes:
        colour = hashlib.sha256(f"{prompt} {index}".encode()).digest()
        file = io.BytesIO()
        Image.new("RGB", (8, 8), (colour[0], colour[1], colour[2])).save(file, "PNG")
        return file.getvalue()

    monkeypatch.setattr("kling_ui.simulator.painter.paint", paint)


@pytest.fixture(scope="module")
def disk() -> Iterator[Path]:
    """In memory where there is such a place: nothing here asks what a power cut leaves."""
    memory = Path("/dev/shm")
    place = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    yield place
    shutil.rmtree(place)


def played(plan: Plan | None, seed: int, disk: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A sequence; without a `plan` all of it is drawn from the seed."""
    chance = random.Random(seed)
    folder = Path(tempfile.mkdtemp(dir=disk))
    with monkeypatch.context() as patch:
        patch.setattr(secrets, "token_hex", lambda size: chance.randbytes(size).hex())
        patch.setattr("kling_ui.simulator.tasks.randbelow", chance.randrange)
        try:
            return play(plan or Plan.drawn(chance), folder / "data", seed)
        finally:
            shutil.rmtree(folder)


def flaws(seeds: Iterable[int], disk: Path, monkeypatch: pytest.MonkeyPatch) -> dict[int, Any]:
    """By seed, what went against the promises, or how the program broke."""
    found: dict[int, Any] = {}
    for seed in seeds:
        try:
            wrong: Any = played(None, seed, disk, monkeypatch).wrong
        except Exception as error:
            wrong = repr(error)
        if wrong:
            found[seed] = wrong
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seeds" not in metafunc.fixturenames:
        return
    first, total = metafunc.config.getoption("--seed"), metafunc.config.getoption("--sequences")
    starts = range(first, first + total, CHUNK)
    chunks = [range(start, min(start + CHUNK, first + total)) for start in starts]
    metafunc.parametrize("seeds", chunks, ids=[f"seeds-{c.start}-to-{c.stop - 1}" for c in chunks])


def test_nothing_is_lost_nothing_is_paid_twice(
    seeds: range, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not flaws(seeds, disk, monkeypatch)


SCENES = {
    "all is well": Plan(presses=ONE),
    "without lookup or list": Plan(presses=ONE, lookup=False, listing=False),
    "without a list": Plan(presses=ONE, listing=False),
    "two processes": Plan(presses=ONE, second=2.0),
    "after twenty minutes": Plan(presses=ONE, downtime=1200.0),
}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("scene", SCENES)
def test_killed_at_every_step(
    scene: str, after: bool, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every commit, every piece of a file and every request: before it happens, and when it
    has happened but the program did not hear of it."""
    plan = SCENES[scene]
    steps = played(plan, 1, disk, monkeypatch).lives[0].trace
    wrong: dict[str, list[str]] = {}
    for step, what in enumerate(steps, start=1):
        world = played(replace(plan, deaths=((step, after),)), 1, disk, monkeypatch)
        assert world.lives[0].dead.is_set()
        if world.wrong:
            wrong[f"{step} {what}"] = world.wrong
    assert not wrong
    assert any("History.move" in step or "Writer.move" in step for step in steps)
    assert any(step.startswith("POST") for step in steps)


def test_a_seed_tells_the_same_story_twice(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (
        [life.trace for life in played(None, 7, disk, monkeypatch).lives] for _ in range(2)
    )
    assert first == second


# what the same sequences say of programs that break the promises


def _resends_what_was_being_sent(patch: pytest.MonkeyPatch) -> None:
    resume = Worker._resume

    async def eager(self: Worker, task: Task, desk: Desk, *, long_stop: bool) -> None:
        if task.state is State.SENDING:
            await self.records.move(task, State.QUEUED)
        await resume(self, task, desk, long_stop=long_stop)

    patch.setattr(Worker, "_resume", eager)


def _posts_again_when_no_answer_comes(patch: pytest.MonkeyPatch) -> None:
    judge = Sender._not_accepted

    async def eager(self: Sender, task: Task, error: Exception, turn: Any) -> None:
        if isinstance(error, NoAnswer):
            await self._again(task, error)
        else:
            await judge(self, task, error, turn)

    patch.setattr(Sender, "_not_accepted", eager)


def _forgets_what_was_being_saved(patch: pytest.MonkeyPatch) -> None:
    take = Desk.take
    patch.setattr(Desk, "take", lambda self, task: task.state is State.SAVING or take(self, task))


def _does_not_look(patch: pytest.MonkeyPatch) -> None:
    async def blind(*_: Any, **__: Any) -> tuple[None, bool]:
        return None, False

    patch.setattr(Reading, "look_for", blind)


@pytest.mark.parametrize(
    "mutate",
    [
        _resends_what_was_being_sent,
        _posts_again_when_no_answer_comes,
        _forgets_what_was_being_saved,
        _does_not_look,
    ],
)
def test_a_program_that_breaks_the_promises_is_caught(
    mutate: Callable[[pytest.MonkeyPatch], None], disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mutate(monkeypatch)
    assert any(played(None, seed, disk, monkeypatch).wrong for seed in range(300))


def test_sending_again_by_itself_needs_all_three_answers(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Kling takes what it already has, one early "no such task" would buy it twice."""
    presses = tuple(
        Press(at=k, nonce=f"{k:032x}", prompt="fox", n=1, double=False) for k in (1, 2, 3)
    )
    plan = Plan(presses=presses, trouble=0.6, unique=False, resubmit=True)
    worlds = [played(plan, seed, disk, monkeypatch) for seed in range(40)]
    assert not any(world.wrong for world in worlds)
    assert any(world.sent_again for world in worlds)
    monkeypatch.setattr("kling_ui.studio.watcher.NO_TRACE", (1, 0.0))
    assert any(played(plan, seed, disk, monkeypatch).wrong for seed in range(400))
