"""What a hundred open pages cost where every owner has one change a second, and how late they
hear of it. What the writing itself costs is measured first, with the same owners away."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kling_ui.web.owner import OPERATOR

from ..program import Program
from .crowd import BROWSERS, Crowd, crowd
from .figure import Figure, NotMeasured, Spread, spread
from .idle import SETTLE, SPACE, TASKS
from .orders import order, told
from .served import served

SECONDS = 15  # changes of each owner

Heard = Sequence[Sequence[tuple[float, int]]]  # by browser, as in `visitors.Listener`


def changes(folder: Path, *, peers: bool) -> Iterator[Figure]:
    name = f"{BROWSERS} browsers, each of another owner"
    yield from _changes(folder / "space", name, "a change of each a second", SPACE)
    name = f"{BROWSERS} browsers of one owner"
    yield from _changes(folder / "local", name, "one change a second", {})


def _changes(data: Path, name: str, rate: str, env: Mapping[str, str]) -> Iterator[Figure]:
    with served(data, env) as program, crowd("streams", program.url) as browsers:
        owners = [*filter(None, browsers.owners)] or [OPERATOR]
        order(program.url, "seed", owners=owners, tasks=TASKS)
        time.sleep(SETTLE)
        alone = _spent(program, owners)
        whole, late = _watched(program, browsers, owners)
    yield Figure(f"{rate}, nobody there", alone, "% core")
    yield Figure(f"{name}: with the writing", whole, "% core")
    yield Figure(f"{name}: theirs of it", whole - alone, "% core", 30)
    yield from spread("  they hear of a change", "ms", late, bars={"most": 1000})


def _watched(program: Program, browsers: Crowd, owners: Sequence[str]) -> tuple[float, Spread]:
    browsers.open()
    time.sleep(SETTLE)
    browsers.told()
    began = time.time()
    spent = _spent(program, owners)
    time.sleep(SETTLE)
    written = [change for change in told(program.url) if change["at"] > began]
    return spent, Spread.of([*_late(written, browsers.told(), browsers.owners)])


def _spent(program: Program, owners: Sequence[str]) -> float:
    """Per cent of one core while every owner has its changes."""
    cpu, began = program.cpu, time.monotonic()
    order(program.url, "change", owners=owners, seconds=SECONDS)
    return 100 * (program.cpu - cpu) / (time.monotonic() - began)


def _late(
    written: Sequence[Mapping[str, Any]], heard: Heard, owners: Sequence[str]
) -> Iterator[float]:
    """Milliseconds from each commit to each browser of its owner: to the first event that reaches
    as far."""
    for owner, events in zip(owners, heard, strict=True):
        for change in written:
            if change["owner"] == (owner or OPERATOR):
                moments = (at for at, revision in events if revision >= change["revision"])
                if (moment := next(moments, None)) is None:
                    raise NotMeasured("a browser was never told of a change")
                yield 1000 * (moment - change["at"])
