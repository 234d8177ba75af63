"""From a change that is on disk to its pixels in a browser: tasks against a simulator on a socket,
one after another, of one picture or four. The simulator calls back, so that a task's end is known
at once and there is less to wait for; it changes nothing of what is measured.

A change is a state of a task, on its card; and a picture that came, on the stage. What was never
drawn because the next state of the same task was there first counts by that one.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kling_ui.task import State
from kling_ui.web.states import STATES

from ..program import Program
from .browser import READY, page_with, visitor
from .figure import Figure, NotMeasured, Spread, spread
from .orders import order, told
from .pictures import make_pictures
from .polled import polled
from .processes import running
from .served import served

CARD, STAGE = {"median": 60.0}, {"median": 150.0}  # milliseconds
COUNTS = (1, 4, *[1] * 30, *[4] * 6)  # pictures of each task
WARM_UP = 2  # of the tasks
PAUSE = 1000.0  # milliseconds at most, of any length, or all would begin alike for who polls
ALL_SEEN = """([prompt, pictures]) => sight.cards[`${prompt}|Succeeded`]
    && pictures.every((id) => sight.pictures[id])"""

Changes = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Seen:
    """Milliseconds to cards, and to the stage: by how many pictures the task had."""

    cards: Spread
    stage: dict[int, Spread]


def latency(folder: Path, *, peers: bool) -> Iterator[Figure]:
    make_pictures(folder / "made")
    with kling(folder) as url:
        live = {"KLING_BASE_URL": f"{url}/kling", "KLING_API_KEY": "benchmark"}
        with served(folder / "data", live, called=True) as program:
            ours = seen(program.url, program.url, READY)
            peer = _peer(folder, program.url) if peers else None
    theirs = peer.cards if peer else None
    yield from spread("a card shows a new state", "ms", ours.cards, theirs, bars=CARD)
    for count, name in ((1, "the only picture"), (4, "one of four pictures")):
        theirs = peer.stage[count] if peer else None
        yield from spread(f"the stage shows {name}", "ms", ours.stage[count], theirs, bars=STAGE)


@contextmanager
def kling(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.benchmarks.quick"]
    folders = ["--folder", f"{folder / 'kling'}", "--pictures", f"{folder / 'made'}"]
    with running(Program([*command, *folders])) as program:
        yield program.url


def _peer(folder: Path, program: str) -> Seen:
    with polled(folder / "data", stage=True) as peer:
        return seen(program, peer.url, "#feed", COUNTS[::2])


def seen(program: str, page_url: str, ready: str, counts: Sequence[int] = COUNTS) -> Seen:
    """By the page at `page_url`, of what the program at `program` does."""
    with visitor() as context:
        page = page_with(context, "sight.js")
        page.goto(page_url)
        page.wait_for_selector(ready)
        for number, count in enumerate(counts):
            if number == WARM_UP:
                began = time.time()
            prompt = f"task {number} on {page_url}"
            pictures = order(program, "press", prompt=prompt, n=count)["pictures"]
            page.wait_for_function(ALL_SEEN, arg=[prompt, pictures])
            page.wait_for_timeout(random.uniform(0, PAUSE))
        sight = page.evaluate("sight")
    changes = [change for change in told(program) if change["at"] > began]
    stage = {count: _stage(changes, sight["pictures"], count) for count in {*counts}}
    return Seen(Spread.of(_cards(changes, sight["cards"])), stage)


def _cards(changes: Changes, sight: Mapping[str, float | None]) -> list[float]:
    late = []
    states = [change for change in changes if not change["picture"]]
    for place, change in enumerate(states):
        prompt = change["prompt"]
        since = [one["state"] for one in states[place:] if one["prompt"] == prompt]
        moments = [sight.get(f"{prompt}|{STATES[State(state)].en}") for state in since]
        late.append(_later(change, moments))
    return late


def _stage(changes: Changes, sight: Mapping[str, float | None], count: int) -> Spread:
    came = [one for one in changes if one["picture"] and one["n"] == count]
    return Spread.of([_later(one, [sight.get(one["picture"])]) for one in came])


def _later(change: Mapping[str, Any], moments: Sequence[float | None]) -> float:
    """Milliseconds to the first of these moments."""
    known = [moment for moment in moments if moment]
    if not known:
        raise NotMeasured(f"never seen: {change['prompt']} {change['state']}")
    committed: float = 1000 * change["at"]
    return min(known) - committed
