"""A task under watch: what is remembered between two looks at it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..task import State, Task
from .backoff import backoff

UNSURE = {State.SENDING, State.UNCONFIRMED}
RUNNING = {State.SUBMITTED, State.PROCESSING}
WATCHED = UNSURE | RUNNING | {State.STALLED}
A_DAY = 24 * 3600.0
NO_TRACE = 3, 120.0  # clean misses, and the seconds they must span
FORGOTTEN = 10, 600.0  # the same for a task that Kling had accepted
RARELY = 3600.0  # seconds between two looks after a day


@dataclass(slots=True, eq=False)
class Misses:
    """Answers of Kling, one after another, that it knows no such task."""

    count: int = 0
    since: float = 0.0

    def another(self, now: float) -> None:
        self.since = self.since if self.count else now
        self.count += 1

    def reach(self, bound: tuple[int, float], now: float) -> bool:
        return self.count >= bound[0] and now - self.since >= bound[1]


@dataclass(slots=True, eq=False)
class Watched:
    """Times are seconds of the worker's clock. `due` is its own next look; None while the list
    serves it or nothing is planned."""

    task: Task
    born: float  # when Kling got it
    number: int = 0  # in the order in which tasks came to be watched
    misses: Misses = field(default_factory=Misses)
    errors: int = 0  # looks in a row that brought nothing
    due: float | None = None
    asked: int = 0  # looks since it is watched, or since somebody asked for one
    asking: bool = False  # a look at it is under way
    alone: bool = False  # the list does not show it
    hinted: str = ""  # Kling's id as a callback names it, not proven yet
    again: bool = False  # a hint came during a look, which may have been too early
    told: bool = False  # callbacks of this very task arrive

    @property
    def penalty(self) -> float:
        """Seconds to wait at least after looks that failed."""
        return backoff(self.errors - 1, first=1, factor=2, ceiling=60) if self.errors else 0.0

    def age(self, now: float) -> float:
        return now - self.born

    def patience(self, now: float, *, able: bool) -> float:
        """Seconds until the next look where nobody knows whether Kling has it (`able`: looking
        can find it), or where a day has passed."""
        if self.age(now) > A_DAY:
            return RARELY if self.task.state is State.STALLED else 6 * RARELY
        return backoff(self.asked, first=2, factor=1.6, ceiling=1800) if able else 600.0
