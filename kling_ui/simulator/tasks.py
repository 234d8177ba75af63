"""A task at the simulated Kling: one record, and its life as a function of the clock."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from secrets import randbelow

from .options import Lives

RISK_CONTROL = "Failure to pass the risk control system"

_WORDS = re.compile(r"#(fail|policy|slow|429|timeout)(?![A-Za-z0-9_])", re.IGNORECASE)
_FAIL_SECONDS = (2.0, 4.0)
_SLOW_SECONDS = (60.0, 90.0)
_PART_SUBMITTED = 0.15
_ANSWER_SECONDS = 2.0  # how long a #timeout keeps the caller waiting
_HIDDEN_SECONDS = 12.0  # how long after that nobody finds the task


def words(prompt: str) -> frozenset[str]:
    """The prompt words in it, lower case and without their ``#``."""
    return frozenset(word.lower() for word in _WORDS.findall(prompt))


class Status(StrEnum):
    """Kling's own words, as they stand on the wire."""

    SUBMITTED = "submitted"
    PROCESSING = "processing"
    SUCCEED = "succeed"
    FAILED = "failed"

    @property
    def over(self) -> bool:
        return self in (Status.SUCCEED, Status.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What was accepted, and when it will be where. Times are Unix seconds."""

    id: str  # 18 digits
    account: str  # fingerprint of the key
    external_id: str
    model: str
    prompt: str
    n: int
    width: int
    height: int
    watermark: bool | None  # None: not asked about
    callback_url: str
    base: str  # scheme and host that it was sent to
    units: float | None  # price units a picture, None when unknown
    failure: str  # why it will fail; empty: it will not
    created: float
    started: float = 0.0
    ended: float = 0.0
    visible: float = 0.0  # before that no lookup finds it

    def scheduled(self, seconds: tuple[float, float], *, lives: Lives | None = None) -> Task:
        """The same task with its future written down, drawn from its id: within `seconds`, or
        by `lives`, unless a prompt word or a failure decides."""
        found = words(self.prompt)
        failure = self.failure or (RISK_CONTROL if "fail" in found else "")
        if "slow" in found:
            lives = _within(_SLOW_SECONDS)
        elif failure:
            shortest, longest = _FAIL_SECONDS
            lives = _within((min(shortest, seconds[0]), min(longest, seconds[1])))
        waiting, life = (lives or _within(seconds))(Random(self.id))
        hidden = _ANSWER_SECONDS + _HIDDEN_SECONDS if "timeout" in found else 0.0
        return replace(
            self,
            failure=failure,
            started=self.created + waiting,
            ended=self.created + life,
            visible=self.created + hidden,
        )

    @property
    def answer_after(self) -> float:
        """Seconds after which the create is answered with a time-out; 0: answered properly."""
        return _ANSWER_SECONDS if "timeout" in words(self.prompt) else 0.0

    @property
    def text(self) -> str:
        """What the painter is told: the prompt without the prompt words."""
        return " ".join(_WORDS.sub(" ", self.prompt).split())

    def live(self, now: float) -> bool:
        return now < self.ended

    def status(self, now: float) -> Status:
        if now >= self.ended:
            return Status.FAILED if self.failure else Status.SUCCEED
        return Status.PROCESSING if now >= self.started else Status.SUBMITTED

    def updated(self, now: float) -> float:
        """When the last change of status was."""
        return max((t for t in (self.started, self.ended) if t <= now), default=self.created)


def new_id() -> str:
    return str(10**17 + randbelow(9 * 10**17))


def _within(seconds: tuple[float, float]) -> Lives:
    """Lives within `seconds`: mostly in the lower half, with a long tail."""
    shortest, longest = seconds

    def life(random: Random) -> tuple[float, float]:
        whole = shortest + (longest - shortest) * min(1.0, random.lognormvariate(-1.2, 0.6))
        return whole * _PART_SUBMITTED, whole

    return life
