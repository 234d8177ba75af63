"""How long a model's tasks take, by its own past, and when it is worth asking about them.

Between two looks lies the time in which ``∫ √(hazard / 2·price) dt`` grows by one: that spends
the fewest looks for the least waiting, if a look costs `price` (seconds of delay one would rather
bear than ask once more). The hazard is that of a log-normal distribution of durations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..task import Task

KNOWN = 50  # finished tasks that a belief is made of
PRICE = 0.125  # seconds; measured: under five looks a task, about 0.6 s late
LIST_PRICE = 0.085  # one look serves all
LONGEST = 300.0  # seconds between two looks within the first day

_PUBLISHED = (8.0, 30.0)  # seconds, gateways' samples and apps' words: central 80 %
_WEIGHT = 2.0  # finished tasks that the published span counts for
_SPREAD = math.log(_PUBLISHED[1] / _PUBLISHED[0]) / 2.56
_NARROWEST = 0.2
_EARLIEST = 0.95, 5  # of the shortest of so many: before that no task is expected to end
_SURPRISE = 0.03  # hazard per second that is always believed in, before anything is known

Hazard = Callable[[float], float]  # seconds from now → per second


@dataclass(frozen=True, slots=True)
class Forecast:
    """A belief about durations: log-normal around `median` seconds, hardly before `earliest`."""

    median: float
    spread: float
    surprise: float = _SURPRISE
    earliest: float = 1.0

    @classmethod
    def of(cls, durations: Sequence[float]) -> Forecast:
        """From seconds that finished tasks took; from published figures where there are none."""
        logs = [math.log(max(seconds, 0.01)) for seconds in durations]
        expected = math.log(_PUBLISHED[0] * _PUBLISHED[1]) / 2
        weight = _WEIGHT + len(logs)
        centre = (_WEIGHT * expected + sum(logs)) / weight
        squares = _WEIGHT * _SPREAD**2 + sum((one - centre) ** 2 for one in logs)
        spread = max(math.sqrt(squares / weight), _NARROWEST)
        share, enough = _EARLIEST
        earliest = share * math.exp(min(logs)) if len(logs) >= enough else 1.0
        return cls(math.exp(centre), spread, _SURPRISE * _WEIGHT / weight, earliest)

    def hazard(self, age: float) -> float:
        """The chance per second that a task of this age ends now."""
        if age < self.earliest:
            return self.surprise / 10 if age <= 1 else self.surprise
        z = math.log(age / self.median) / self.spread
        left = math.erfc(z / math.sqrt(2)) / 2
        if left < 1e-9:  # far beyond: its limit, where both parts vanish
            return max(self.surprise, z / (self.spread * age))
        density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi) / (self.spread * age)
        return max(density / left, self.surprise)

    @property
    def late(self) -> float:
        """The age by which nearly all have ended."""
        return self.median * math.exp(2 * self.spread)

    def pause(self, age: float) -> float:
        """Seconds that are left between two looks, at least: a task that takes far longer than
        believed shows that the belief is wrong."""
        return min(max((age - 2 * self.median) / 10, 0.0), LONGEST)


class Forecasts:
    """Of all models of one account; the latest finished tasks count."""

    def __init__(self) -> None:
        self._durations: dict[str, list[float]] = {}
        self._made: dict[str, Forecast] = {}

    def learn(self, durations: Mapping[str, Sequence[float]], pace: float) -> None:
        """Seconds by model, the newest first."""
        self._durations = {m: [one / pace for one in known] for m, known in durations.items()}
        self._made.clear()

    def add(self, task: Task, seconds: float) -> None:
        model = _model(task)
        self._durations[model] = [seconds, *self._durations.get(model, [])][:KNOWN]
        self._made.pop(model, None)

    def of(self, task: Task) -> Forecast:
        model = _model(task)
        if model not in self._made:
            self._made[model] = Forecast.of(self._durations.get(model, ()))
        return self._made[model]


def _model(task: Task) -> str:
    return str(task.request.get("model_name", ""))


def soonest(tasks: int) -> float:
    """Seconds between two looks at the list, at least: a page of more tasks costs more."""
    return 0.3 + tasks / 1000


def gap(hazards: Sequence[Hazard], *, price: float, longest: float) -> float:
    """Seconds until the next look that serves all tasks with these `hazards`."""
    grown = passed = 0.0
    while passed < longest:
        step = max(0.05, passed * 0.05)
        density = math.sqrt(sum(hazard(passed) for hazard in hazards) / (2 * price))
        if grown + density * step >= 1:
            return passed + (1 - grown) / density
        grown += density * step
        passed += step
    return longest
