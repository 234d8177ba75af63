"""Who may be sent next: the order of what waits, and how much an account takes at once.

Kling counts the pictures (``n``) of all tasks in flight, per account and model, and refuses what
goes over its pack's number with 1303. The number itself it does not tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..history import InFlight, Waiting

FIRST_TRIAL, LONGEST_TRIAL = 60.0, 960.0  # seconds before one more than the limit is tried
NEXT_TRIAL = 5.0  # after a trial that went well
PATIENT = 3600.0  # where nothing will change by itself


def in_order(
    waiting: Sequence[Waiting], flying: Iterable[InFlight], served: Mapping[str, int] | None = None
) -> list[Waiting]:
    """First come, first served for each owner; between owners whoever has least under way, and
    then whoever was `served` (a number that grows) longest ago."""
    under_way = Counter[str]()
    for one in flying:
        under_way[one.owner] += one.n
    turns: list[tuple[int, int, int]] = []
    for place, task in enumerate(waiting):
        turns.append((under_way[task.owner], (served or {}).get(task.owner, 0), place))
        under_way[task.owner] += task.n
    return [waiting[place] for _, _, place in sorted(turns)]


@dataclass(slots=True)
class Limit:
    """The most pictures of a model at once, as far as refusals have taught."""

    most: int
    trial: float  # when one more may be tried, monotonic seconds
    patience: float = FIRST_TRIAL
    trying: bool = False  # a trial is under way


class Quota:
    """The limits of one account. Times are monotonic seconds."""

    def __init__(self, known: Mapping[str, int], *, now: float) -> None:
        self._limits = {model: Limit(most, now) for model, most in known.items()}

    def most(self, model: str) -> int | None:
        """None where nothing was ever refused."""
        limit = self._limits.get(model)
        return limit.most if limit else None

    def above(self, task: Waiting) -> bool:
        """Whether it asks for more than could ever be sent, as far as we know."""
        limit = self._limits.get(task.model)
        return limit is not None and task.n > limit.most

    def sending(self, task: Waiting, *, load: int, now: float) -> None:
        """One trial at a time."""
        limit = self._limits.get(task.model)
        if limit and load + task.n > limit.most:
            limit.trial, limit.trying = now + limit.patience, True

    def refused(self, task: Waiting, *, load: int, now: float) -> None:
        """1303 while Kling was at `load` pictures of the model."""
        most = max(1, load + task.n - 1)
        limit = self._limits.get(task.model)
        if limit is None:
            self._limits[task.model] = Limit(most, now + FIRST_TRIAL)
            return
        limit.most = min(limit.most, most)
        if limit.trying:  # several refused at once say no more than one
            limit.patience = min(limit.patience * 2, LONGEST_TRIAL)
        limit.trial, limit.trying = now + limit.patience, False

    def accepted(self, task: Waiting, *, load: int, now: float) -> None:
        """It went through while Kling was at `load` other pictures of the model."""
        limit = self._limits.get(task.model)
        if limit and load + task.n > limit.most:
            limit.most, limit.patience = load + task.n, FIRST_TRIAL
            limit.trial, limit.trying = now + NEXT_TRIAL, False

    def next(
        self, line: Sequence[Waiting], flying: Iterable[InFlight], *, now: float
    ) -> Waiting | None:
        """The first that may be sent. One that must wait for room holds up its model's others,
        or it would wait for ever; one above the limit lets them pass and goes when none is left."""
        load = loads(flying)
        full: set[str] = set()
        above: Waiting | None = None
        for task in line:
            if task.model in full:
                continue
            if self.above(task):
                ready = not load[task.model] and now >= self._limits[task.model].trial
                above = above or (task if ready else None)
            elif self._fits(task, load[task.model], now):
                return task
            else:
                full.add(task.model)
        return above if above and above.model not in full else None

    def wait(self, line: Sequence[Waiting], *, now: float) -> float:
        """Seconds until a trial could let one of the line through. A trial that is due already
        waits for room, and whoever makes room wakes the line."""
        limits = [self._limits[model] for model in {t.model for t in line} & {*self._limits}]
        return min((limit.trial - now for limit in limits if limit.trial > now), default=PATIENT)

    def _fits(self, task: Waiting, load: int, now: float) -> bool:
        limit = self._limits.get(task.model)
        return limit is None or not load or load + task.n <= limit.most or now >= limit.trial


def loads(flying: Iterable[InFlight]) -> Counter[str]:
    """Pictures under way by model."""
    load = Counter[str]()
    for one in flying:
        load[one.model] += one.n
    return load
