"""One run: a number of tasks at once, by one way, against a simulator of its own."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from ..program import ROOT, Program
from . import kling
from .meter import Spent
from .outcome import Outcome

TIME_LIMIT = 180.0  # seconds of a worker


@dataclass(frozen=True, slots=True)
class Way:
    """How pictures are waited for: a worker and the Kling it has. It runs all numbers of tasks
    that are wanted, or those of `only`; `warm_up` tasks come before and are not shown. Few tasks
    scatter: a row is made of so many `rounds`."""

    name: str
    worker: tuple[str, ...]
    kling: tuple[str, ...] = ()
    only: tuple[int, ...] = ()
    warm_up: int = 0
    rounds: int = 1


@dataclass(frozen=True, slots=True)
class Figures:
    """Of all rounds together. Seconds of `median` and `p95` are from a task's end at Kling to its
    picture on disk; `cpu` is seconds of a round without `pixels`, `memory` MB over `idle`, the most
    of any round."""

    way: Way
    tasks: int
    lost: int  # of them
    median: float
    p95: float
    requests: float  # to the API per task, its creation included
    cpu: float
    pixels: float
    idle: float
    memory: float


class NotMeasured(Exception):
    """A worker broke."""


def measured(way: Way, numbers: list[int], folder: Path, pictures: Path) -> Iterator[Figures]:
    """One after another on one data folder, below `folder`."""
    data = folder / way.name
    if not numbers:
        return
    with simulator(data / "kling", pictures, *way.kling) as url:
        if way.warm_up:
            _round(way, way.warm_up, url, data / "ours")
        for tasks in numbers:
            rounds = [_round(way, tasks, url, data / "ours") for _ in range(way.rounds)]
            yield _figures(way, tasks, rounds)


@contextmanager
def simulator(data: Path, pictures: Path, *options: str) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.benchmarks.kling"]
    program = Program([*command, "--folder", f"{data}", "--pictures", f"{pictures}", *options])
    program.start()
    try:
        yield program.url
    finally:
        program.stop()


@dataclass(frozen=True, slots=True)
class _Round:
    late: list[float]  # seconds, of each picture that came
    requests: int
    spent: Spent


def _round(way: Way, tasks: int, url: str, data: Path) -> _Round:
    before = _told(url)
    outcome = _worker(way, "--url", url, "--data", f"{data}", "--tasks", f"{tasks}")
    after = _told(url)
    return _Round(
        late=[landed - after["ended"][task] for task, landed in outcome.landed.items()],
        requests=after["requests"] - before["requests"],
        spent=outcome.spent,
    )


def _figures(way: Way, tasks: int, rounds: list[_Round]) -> Figures:
    late = sorted(seconds for one in rounds for seconds in one.late)
    if not late:
        raise NotMeasured("no picture came")
    all_tasks = tasks * len(rounds)
    return Figures(
        way=way,
        tasks=tasks,
        lost=all_tasks - len(late),
        median=statistics.median(late),
        p95=late[ceil(0.95 * len(late)) - 1],
        requests=sum(one.requests for one in rounds) / all_tasks,
        cpu=statistics.mean(one.spent.cpu - one.spent.pixels for one in rounds),
        pixels=statistics.mean(one.spent.pixels for one in rounds),
        idle=statistics.mean(one.spent.idle for one in rounds),
        memory=max(one.spent.peak - one.spent.idle for one in rounds),
    )


def _worker(way: Way, *arguments: str) -> Outcome:
    name, *options = way.worker
    command = [sys.executable, "-m", f"tests.benchmarks.{name}", *arguments, *options]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        raise NotMeasured(f"took longer than {TIME_LIMIT:g} s") from None
    if done.returncode:
        raise NotMeasured(done.stderr.strip().rpartition("\n")[2])
    return Outcome.read(done.stdout)


def _told(url: str) -> Any:
    with urllib.request.urlopen(f"{url}{kling.ROUTE}", timeout=30) as reply:
        return json.load(reply)
