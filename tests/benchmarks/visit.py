"""What a browser fetches for the page: the first time, and when it comes again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext

from ..program import app_at
from .browser import READY, visitor
from .figure import Figure, NotMeasured
from .idle import bare
from .processes import running

QUIET = 2.0  # seconds in which nothing more is asked for
DEADLINE = 40.0  # seconds


@dataclass(frozen=True, slots=True)
class Visit:
    """What came over the wire, headers included, and the requests it came for; no answer from the
    cache is among them. `outside`: requests to other origins, answered or not."""

    kilobytes: float  # of 1000 bytes
    requests: int
    outside: int


def visit(folder: Path, *, peers: bool) -> Iterator[Figure]:
    with running(app_at(folder / "data")) as program:
        ours = visits(program.url, READY)
    theirs = _bare(folder) if peers else (None, None)
    yield from _figures("first visit", ours[0], theirs[0], most=900)
    yield from _figures("second visit", ours[1], theirs[1])


def _bare(folder: Path) -> tuple[Visit, Visit]:
    with bare(folder) as program:
        return visits(program.url, "textarea")


def _figures(
    name: str, ours: Visit, peer: Visit | None, *, most: float | None = None
) -> Iterator[Figure]:
    for what, unit, measure, bar in (
        ("over the wire", "kB", "kilobytes", most),
        ("requests answered over the wire", "", "requests", None),
        ("requests elsewhere", "", "outside", 0.0),
    ):
        theirs = getattr(peer, measure, None)
        yield Figure(f"{name}: {what}", getattr(ours, measure), unit, bar, bare=theirs)


def visits(url: str, ready: str) -> tuple[Visit, Visit]:
    with visitor() as context:
        return _visited(context, url, ready), _visited(context, url, ready)


def _visited(context: BrowserContext, url: str, ready: str) -> Visit:
    page = context.new_page()
    traffic = Traffic()
    traffic.of(context.new_cdp_session(page))
    page.goto(url)
    page.wait_for_selector(ready)
    end = time.monotonic() + DEADLINE
    while time.monotonic() < traffic.last + QUIET:
        if time.monotonic() > end:
            raise NotMeasured("the page never becomes quiet")
        page.wait_for_timeout(100)
    page.close()
    return traffic.visit(url)


class Traffic:
    """`last`: when there was any (monotonic seconds)."""

    def __init__(self) -> None:
        self._asked: dict[str, str] = {}
        self._came: dict[str, float] = {}
        self.last = time.monotonic()

    def of(self, session: Any) -> None:
        session.on("Network.requestWillBeSent", self._ask)
        session.on("Network.dataReceived", self._receive)
        session.on("Network.loadingFinished", self._finish)
        session.send("Network.enable")

    def visit(self, url: str) -> Visit:
        outside = [one for one in self._asked.values() if not one.startswith(f"{url}/")]
        wired = [came for came in self._came.values() if came]
        return Visit(sum(wired) / 1000, len(wired), len(outside))

    def _ask(self, event: dict[str, Any]) -> None:
        if not event["request"]["url"].startswith(("data:", "blob:")):
            self._asked[event["requestId"]] = event["request"]["url"]
            self.last = time.monotonic()

    def _receive(self, event: dict[str, Any]) -> None:
        """An event stream never finishes: what came of it counts piece by piece."""
        name = event["requestId"]
        self._came[name] = self._came.get(name, 0) + event["encodedDataLength"]

    def _finish(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self._asked:
            self._came[event["requestId"]] = event["encodedDataLength"]
            self.last = time.monotonic()
