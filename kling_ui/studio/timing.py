"""When it is worth asking about the tasks of one account."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..task import Task
from .backoff import jittered
from .clock import Clock
from .forecast import LIST_PRICE, PRICE, Forecasts, gap, soonest
from .watched import A_DAY, RUNNING, Watched

LONGEST_GAP = 30.0  # seconds; what takes longer than believed is paused for by its age
SILENT = 5.0  # seconds after which a callback that did not come will not come


class Timing:
    """By how long the models' tasks took so far. `told`: callbacks arrive, so that asking is only
    a net below them."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._forecasts = clock, Forecasts()
        self.told = False

    def recall(self, durations: Mapping[str, Sequence[float]]) -> None:
        """Seconds by model, the newest first."""
        self._forecasts.learn(durations, self._clock.pace)

    def ended(self, one: Watched, task: Task, *, at: float) -> None:
        """A task ended at the moment `at` of Kling's (Unix seconds, 0 unknown)."""
        if task.took is not None:
            self._forecasts.add(task, task.took / self._clock.pace)
        if not one.told:
            self.told &= self._clock.since(at) < SILENT  # else nobody called to say so

    def alone(self, one: Watched, *, able: bool) -> float:
        """Seconds until a task is asked about by itself. `able`: one that nobody confirmed can
        be found."""
        age = one.age(self._clock.now())
        if one.task.state not in RUNNING or age > A_DAY:
            return jittered(one.patience(self._clock.now(), able=able))
        delay = jittered(gap([self._hazard(one)], price=PRICE, longest=LONGEST_GAP))
        return max(delay, self._forecasts.of(one.task).pause(age), one.penalty)

    def together(self, group: Sequence[Watched]) -> float:
        """Seconds until the list is asked for, which serves them all."""
        youngest = max(group, key=lambda one: one.born)
        delay = gap([self._hazard(one) for one in group], price=LIST_PRICE, longest=LONGEST_GAP)
        pause = self._forecasts.of(youngest.task).pause(youngest.age(self._clock.now()))
        return max(soonest(len(group)), delay, pause)

    def _hazard(self, one: Watched) -> Callable[[float], float]:
        """Where callbacks come nothing is gained by asking before they are late."""
        forecast, age = self._forecasts.of(one.task), one.age(self._clock.now())
        quiet = forecast.late + SILENT if self.told else 0.0
        return lambda passed: forecast.hazard(age + passed) if age + passed > quiet else 0.0
