"""From a task's end at Kling to its picture on disk: how long it takes and what it costs, ours
beside a plain loop for each task."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import kling
from .pictures import make_pictures
from .runs import Figures, NotMeasured, Way, measured

NUMBERS = (1, 10, 50, 200)  # tasks in flight

EVERY_1 = Way("every 1 s", ("plain", "--every", "1"))
EVERY_5 = Way("every 5 s", ("plain", "--every", "5"))
OURS = Way("ours", ("ours",))
NO_LIST = Way("ours, no list", ("ours",), ("--no-list",), only=(10,), warm_up=30, rounds=10)
CALLBACKS = Way("ours, callbacks", ("ours", "--callbacks"), only=(10,), warm_up=30, rounds=6)
PEERS = (EVERY_1, EVERY_5)


@dataclass(frozen=True, slots=True)
class Bar:
    """The most that ours may take; `measure` is a field of `Figures`."""

    way: Way
    tasks: int
    measure: str
    most: float


BARS = (
    Bar(OURS, 50, "median", 0.25),
    Bar(OURS, 50, "p95", 0.6),
    Bar(OURS, 50, "requests", 2.0),
    Bar(OURS, 200, "requests", 1.4),
    Bar(NO_LIST, 10, "median", 0.6),
    Bar(NO_LIST, 10, "requests", 6),
    Bar(CALLBACKS, 10, "median", 0.03),
    Bar(CALLBACKS, 10, "requests", 2),
    Bar(OURS, 200, "cpu", 3.5),
    Bar(OURS, 200, "memory", 80),
)


def main() -> None:
    given = parser().parse_args()
    began = time.monotonic()
    print(heading())
    ways = (*(() if given.no_peers else PEERS), OURS, NO_LIST, CALLBACKS)
    with tempfile.TemporaryDirectory(prefix="kling-watch-") as folder:
        rows = list(told(ways, given.only, Path(folder)))
    print("", *bars(rows), sep="\n")
    print(f"\n{time.monotonic() - began:.0f} s in all, load average {os.getloadavg()[0]:.1f}")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m tests.benchmarks.watch", description=__doc__)
    made.add_argument("--only", type=int, nargs="+", default=NUMBERS, metavar="TASKS")
    made.add_argument("--no-peers", action="store_true")
    return made


def heading() -> str:
    return f"""\
From a task's end at Kling to its picture on disk, {time.strftime("%Y-%m-%d %H:%M")}
Python {platform.python_version()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}

Tasks: log-normal, median {kling.MEDIAN:g} s, sigma {kling.SIGMA:g}, clipped to \
{kling.SHORTEST:g} to {kling.LONGEST:g} s, {kling.QUEUE:g} s of it queue; one PNG of 1024 x 1024.
Each way runs its rows in this order on one data folder, so that ours knows how long its earlier
tasks took; without a list and with callbacks it has run 30 tasks before, and the row is that of
several rounds together.
CPU is that of the worker without decoding and thumbnails, which stand beside it.

{"":17}{"tasks":>5}{"median s":>10}{"p95 s":>8}{"requests":>10}{"CPU s":>8}\
{"pictures CPU s":>16}{"idle MB":>9}{"peak over idle MB":>19}"""


def told(ways: Sequence[Way], numbers: Sequence[int], folder: Path) -> Iterator[Figures]:
    """Every row is printed as soon as it is known."""
    pictures = folder / "pictures"
    make_pictures(pictures)
    for way in ways:
        wanted = [number for number in numbers if number in (way.only or numbers)]
        try:
            for figures in measured(way, wanted, folder, pictures):
                print(row(figures), flush=True)
                yield figures
        except NotMeasured as error:
            print(f"{way.name:17}not measured: {error}", flush=True)


def row(figures: Figures) -> str:
    lost = f"  {figures.lost} LOST" if figures.lost else ""
    return (
        f"{figures.way.name:17}{figures.tasks:5}{figures.median:10.3f}{figures.p95:8.3f}"
        f"{figures.requests:10.2f}{figures.cpu:8.2f}{figures.pixels:16.2f}"
        f"{figures.idle:9.0f}{figures.memory:19.0f}{lost}"
    )


def bars(rows: Sequence[Figures]) -> Iterator[str]:
    """Each bar beside what was measured; a dash where nothing was."""
    found = {(figures.way, figures.tasks): figures for figures in rows}
    yield f"{'':36}{EVERY_1.name:>11}{EVERY_5.name:>11}{'ours':>10}{'bar':>9}"
    for bar in BARS:
        one, five, ours = (
            getattr(found.get((way, bar.tasks)), bar.measure, None) for way in (*PEERS, bar.way)
        )
        words = f"{bar.way.name}, {bar.tasks} tasks: {bar.measure}"
        limit = f"<= {bar.most:g}"
        verdict = "" if ours is None else "  met" if ours <= bar.most else "  NOT MET"
        yield f"{words:36}{cell(one):>11}{cell(five):>11}{cell(ours):>10}{limit:>9}{verdict}"


def cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
