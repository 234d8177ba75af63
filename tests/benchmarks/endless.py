"""A history of 5,000 tasks: how soon its first cards are there, and how smoothly it scrolls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import CDPSession, Page

from kling_ui.web.owner import OPERATOR

from .browser import READY, page_with, visitor
from .figure import Figure, NotMeasured, Spread, spread
from .rows import write_history
from .served import served

TASKS = 5000
SCROLL = 10.0  # seconds
NOTCH = 120  # pixels of a mouse wheel
PAUSE = 50  # milliseconds between two notches
DEADLINE = 150.0  # seconds until all cards are there
CARDS = "document.querySelectorAll('#feed .card').length"
OLDER = "document.querySelector('#feed > .pill').hidden"
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
MB = 1024 * 1024


def endless(folder: Path, *, peers: bool) -> Iterator[Figure]:
    write_history(folder / "data", OPERATOR, "demo", TASKS)
    with served(folder / "data") as program, visitor() as context:
        page = page_with(context, "frames.js")
        session = context.new_cdp_session(page)
        page.goto(program.url)
        page.wait_for_selector(READY)
        page.wait_for_function("scroller.firstCard")
        yield Figure("first contentful paint", page.evaluate(PAINT), "ms")
        yield Figure("the first cards are drawn", page.evaluate("scroller.firstCard"), "ms")
        yield from _heap(page, session)
        page.mouse.move(1000, 700)
        yield from _scrolled(page, "scrolling", lambda: _wheel(page, NOTCH))
        yield from _heap(page, session)
        began = time.monotonic()
        yield from _scrolled(page, "to the very end", lambda: _to_the_end(page))
        yield Figure("  it takes", time.monotonic() - began, "s")
        yield from _heap(page, session)
        yield from _scrolled(page, "scrolling back", lambda: _wheel(page, -NOTCH))


def _scrolled(page: Page, name: str, scroll: Callable[[], None]) -> Iterator[Figure]:
    page.evaluate("scroller.begin()")
    scroll()
    seen = page.evaluate("scroller.end()")
    yield from spread(f"{name}: between frames", "ms", Spread.of(seen["gaps"]))
    for name in ("tasks", "frames"):
        yield Figure(f"  long {name}", len(seen[name]), "")
        yield Figure("  the longest", max(seen[name], default=0.0), "ms")


def _wheel(page: Page, notch: int) -> None:
    end = time.monotonic() + SCROLL
    while time.monotonic() < end:
        page.mouse.wheel(0, notch)
        page.wait_for_timeout(PAUSE)


def _to_the_end(page: Page) -> None:
    end = time.monotonic() + DEADLINE
    while not page.evaluate(OLDER):
        if time.monotonic() > end:
            raise NotMeasured(f"only {page.evaluate(CARDS)} cards after {DEADLINE:g} s")
        page.mouse.wheel(0, 100 * NOTCH)
        page.wait_for_timeout(PAUSE)


def _heap(page: Page, session: CDPSession) -> Iterator[Figure]:
    session.send("HeapProfiler.collectGarbage")
    heap = session.send("Runtime.getHeapUsage")["usedSize"] / MB
    yield Figure(f"  JavaScript's heap with {page.evaluate(CARDS):,} cards", heap, "MB")
