"""What a gateway can do, learned from its answers and remembered for its base URL."""

from __future__ import annotations

from contextlib import suppress

from ..history import DiskTrouble
from .clock import Clock
from .records import Records

RETRIED_AFTER = 24 * 3600.0  # seconds; what a gateway could not do it may have learned since


class Gateway:
    """Each ability is True, False or, until it was seen, None.

    `lookup`: a task is found by its external id. `listing`: the list names our tasks.
    `deduction`: a finished task tells what was charged."""

    def __init__(self, records: Records, base_url: str, clock: Clock) -> None:
        self._records, self._scope, self._clock = records, base_url, clock
        self._known: dict[str, tuple[bool, float]] = {}

    @property
    def lookup(self) -> bool | None:
        return self._able("lookup")

    @property
    def listing(self) -> bool | None:
        return self._able("listing")

    @property
    def deduction(self) -> bool | None:
        return self._able("deduction")

    def _able(self, name: str) -> bool | None:
        able, at = self._known.get(name, (None, 0.0))
        return None if able is False and self._clock.since(at) >= RETRIED_AFTER else able

    async def recall(self) -> None:
        known = await self._records.read(self._records.history.learned, self._scope)
        for name in ("lookup", "listing", "deduction"):
            fact = known.get(name)
            if fact:
                self._known[name] = bool(fact.value), fact.at

    async def learn(self, name: str, able: bool) -> None:
        """What was seen once stays: a gateway does not unlearn by one odd answer."""
        if self._able(name) in (able, True):
            return
        self._known[name] = able, self._clock.wall()
        with suppress(DiskTrouble):  # it will be seen again
            await self._records.read(self._records.history.learn, self._scope, name, able)
