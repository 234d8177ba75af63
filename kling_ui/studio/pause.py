"""A pause that all tasks of an account share after Kling could not be asked, or said "too fast"."""

from __future__ import annotations

import random

from .backoff import backoff
from .clock import Clock

RETRY_AFTER_CEILING = 120.0  # seconds; nobody is believed to need longer at once


class Pause:
    """It grows with every setback up to about `longest` seconds. When it is over one probe goes
    first (`probing`); the others follow once that was answered."""

    def __init__(self, clock: Clock, *, longest: float) -> None:
        self._clock, self._longest = clock, longest
        self._setbacks, self._until = 0, 0.0

    @property
    def until(self) -> float:
        return self._until

    @property
    def probing(self) -> bool:
        return self._setbacks > 0

    def begin(self, retry_after: float | None = None) -> None:
        """Several that fail together are one setback. Kling's own wish counts up to a ceiling."""
        now = self._clock.now()
        if now >= self._until:
            self._setbacks += 1
        spread = backoff(self._setbacks, first=1, factor=2, ceiling=self._longest)
        wished = min(retry_after or 0.0, RETRY_AFTER_CEILING)
        self._until = max(self._until, now + max(1 + random.uniform(0, spread), wished))

    def over(self) -> None:
        self._setbacks = 0
