"""What a hundred open pages cost on which nothing happens."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kling_ui.history import History
from kling_ui.web.owner import OPERATOR

from ..program import Program
from .crowd import BROWSERS, crowd
from .figure import Figure, Spread
from .orders import order
from .polled import polled
from .processes import running, share_of
from .rows import write_tasks
from .served import served

SECONDS = 20.0  # as long as an event stream is silent at most
SETTLE = 2.0  # seconds until a process counts as idle
TASKS = 6  # of each browser's owner
SPACE = {"SPACE_ID": "a/space", "GRADIO_SERVER_NAME": "127.0.0.1"}


def idle(folder: Path, *, peers: bool) -> Iterator[Figure]:
    with served(folder / "data", SPACE) as program:
        time.sleep(SETTLE)
        nobody = share_of(program, SECONDS)
        with crowd("streams", program.url) as browsers:
            order(program.url, "seed", owners=browsers.owners, tasks=TASKS)
            browsers.open()
            time.sleep(SETTLE)
            browsers.told()
            ours = share_of(program, SECONDS)
            assert not any(browsers.told()), "an idle page was told something"
    bare_cost = _bare(folder) if peers else None
    timer_nobody, timer_cost, ticks = _timer(folder) if peers else (None, None, None)
    yield Figure("nobody is connected", nobody, "% core", timer=timer_nobody, bare=bare_cost)
    yield Figure(f"{BROWSERS} browsers are idle", ours, "% core", 5, timer_cost)
    if ticks:
        per_second, took = ticks
        yield Figure("  of the timer's ticks are answered", None, "a second", timer=per_second)
        yield Figure("  after, median", None, "ms", timer=1000 * took.median)


@contextmanager
def bare(folder: Path) -> Iterator[Program]:
    env = {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": f"{folder / 'bare'}"}
    with running(Program([sys.executable, "-m", "tests.benchmarks.bare"], env)) as program:
        yield program


def _bare(folder: Path) -> float:
    with bare(folder) as program:
        time.sleep(SETTLE)
        return share_of(program, SECONDS / 2)


def _timer(folder: Path) -> tuple[float, float, tuple[float, Spread]]:
    """Per cent of a core without and with browsers; ticks a second, and how long they took."""
    data = folder / "timer"
    history = History(data / "database" / "history.db")
    write_tasks(history, OPERATOR, "demo", TASKS)
    history.close()
    with polled(data) as program:
        time.sleep(SETTLE)
        nobody = share_of(program, SECONDS / 2)
        with crowd("polls", program.url) as browsers:
            browsers.open()
            time.sleep(SETTLE)
            browsers.told()
            cost = share_of(program, SECONDS / 2)
            took = [seconds for times in browsers.told() for seconds in times]
    return nobody, cost, (len(took) / (SECONDS / 2), Spread.of(took))
