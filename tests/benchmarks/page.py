"""The page under measure: how soon it shows what happened, what it costs the server, how heavy it
is and how it scrolls. Ours beside what Gradio's usual ways need for the same."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from playwright.sync_api import Error as BrowserError

from .changes import changes
from .endless import endless
from .figure import HEAD, Figure, NotMeasured
from .idle import idle
from .latency import latency
from .start import start
from .update import update
from .visit import visit

Measure = Callable[..., Iterator[Figure]]

MEASURES: dict[str, tuple[str, Measure]] = {
    "latency": ("From a change on disk to its pixels", latency),
    "idle": ("Open pages on which nothing happens", idle),
    "changes": ("Open pages on which something happens", changes),
    "update": ("One update of the stage", update),
    "start": ("Starting", start),
    "visit": ("Fetching the page", visit),
    "endless": ("A history of 5,000 tasks", endless),
}


def main() -> None:
    given = parser().parse_args()
    began = time.monotonic()
    print(heading())
    with tempfile.TemporaryDirectory(prefix="kling-page-") as folder:
        figures = list(told(given.only, Path(folder), peers=not given.no_peers))
    lines, fine = verdict(figures)
    print("", *lines, sep="\n")
    print(f"{time.monotonic() - began:.0f} s in all, {load()}")
    sys.exit(0 if fine else 1)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m tests.benchmarks.page", description=__doc__)
    names = ", ".join(MEASURES)
    made.add_argument(
        "--only", nargs="+", default=[*MEASURES], choices=MEASURES, metavar="NAME", help=names
    )
    made.add_argument("--no-peers", action="store_true")
    return made


def heading() -> str:
    return f"""\
The page, {time.strftime("%Y-%m-%d %H:%M")}
Python {platform.python_version()}, Gradio {version("gradio")}, {os.cpu_count()} cores, {load()}

Milliseconds of a change run from SQLite's return from COMMIT until the frame that shows it was
drawn, or until its event is whole at the browser. CPU is user and system of the program's process.
Peers: a page that asks for the same tasks with gr.Timer(1); an app of one textbox.
"""


def load() -> str:
    return f"load average {os.getloadavg()[0]:.1f}"


def told(names: Sequence[str], folder: Path, *, peers: bool) -> Iterator[Figure]:
    """Every figure is printed as soon as it is known."""
    for name in names:
        title, measure = MEASURES[name]
        print(f"\n{f'{title} ({load()})':58}{HEAD}")
        (folder / name).mkdir()
        try:
            for figure in measure(folder / name, peers=peers):
                print(figure, flush=True)
                yield figure
        except (NotMeasured, OSError, AssertionError, BrowserError) as error:
            print(f"not measured: {error!r}", flush=True)
            yield Figure(f"{name}: not measured", None, "", most=0)


def verdict(figures: Sequence[Figure]) -> tuple[list[str], bool]:
    """Lines to print, and whether every bar was met and nothing was left unmeasured."""
    met = [figure for figure in figures if figure.met]
    missed = [figure for figure in figures if figure.most is not None and not figure.met]
    head = f"{len(met)} bars met, {len(missed)} missed" + (":" if missed else "")
    return [head, *(f"  {figure.what}" for figure in missed)], not missed


if __name__ == "__main__":
    main()
