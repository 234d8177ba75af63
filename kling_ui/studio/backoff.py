"""How long to wait before the next attempt."""

from __future__ import annotations

import random


def backoff(attempt: int, *, first: float, factor: float, ceiling: float) -> float:
    """Seconds before attempt number `attempt` (from 0): `first` growing by `factor` to `ceiling`.
    Any number of attempts will do: a task may be asked about for weeks."""
    return min(first * factor ** min(attempt, 60), ceiling)


def jittered(seconds: float) -> float:
    """A tenth more or less, so that many that began together do not stay together."""
    return seconds * random.uniform(0.9, 1.1)
