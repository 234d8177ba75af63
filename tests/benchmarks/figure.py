"""What was measured of the page, beside the most that it may be and what others need."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

HEAD = f"{'ours':>10} {'':8}{'bar':>10}  {'':8}{'gr.Timer':>10}{'bare':>10}"


@dataclass(frozen=True, slots=True)
class Figure:
    """`most` is the bar. The peers, where they can be measured the same way: a page that polls
    with ``gr.Timer(1)``, and a bare Gradio app."""

    what: str
    ours: float | None
    unit: str
    most: float | None = None
    timer: float | None = None
    bare: float | None = None

    def __str__(self) -> str:
        bar = "" if self.most is None else f"<= {self.most:,g}"
        word = {None: "", True: "met", False: "NOT MET"}[self.met]
        return (
            f"{self.what:58}{_cell(self.ours):>10} {self.unit:8}{bar:>10}  {word:8}"
            f"{_cell(self.timer):>10}{_cell(self.bare):>10}"
        ).rstrip()

    @property
    def met(self) -> bool | None:
        """None where there is no bar."""
        return None if self.ours is None or self.most is None else self.ours <= self.most


class NotMeasured(Exception):
    """Something that was to be seen did not happen."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Of many values, in their unit."""

    median: float
    p95: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        if not values:
            raise NotMeasured("there is nothing to make a median of")
        ordered = sorted(values)
        p95 = ordered[ceil(0.95 * len(ordered)) - 1]
        return cls(statistics.median(ordered), p95, ordered[-1])


def spread(
    what: str,
    unit: str,
    ours: Spread,
    timer: Spread | None = None,
    *,
    bars: dict[str, float] | None = None,
) -> Iterator[Figure]:
    """A figure for each part of it; `bars` by part."""
    for part, word in (("median", "median"), ("p95", "95 % within"), ("most", "longest")):
        peer = None if timer is None else getattr(timer, part)
        yield Figure(f"{what}: {word}", getattr(ours, part), unit, (bars or {}).get(part), peer)


def _cell(value: float | None) -> str:
    if value is None:
        return "-"
    return (
        f"{value:,.0f}"
        if abs(value) >= 100
        else f"{value:.1f}"
        if abs(value) >= 10
        else f"{value:.2f}"
    )
