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
        self.lookup: bool | None = None
        self.listing: bool | None = None
        self.deduction: bool | None = None

    async def recall(self) -> None:
        known = await self._records.read(self._records.history.learned, self._scope)
        for name in ("lookup", "listing", "deduction"):
            fact = known.get(name)
            if fact and (fact.value or self._clock.since(fact.at) < RETRIED_AFTER):
                setattr(self, name, bool(fact.value))

    async def learn(self, name: str, able: bool) -> None:
        """What was seen once stays: a gateway does not unlearn by one odd answer."""
        if getattr(self, name) in (able, True):
            return
        setattr(self, name, able)
        with suppress(DiskTrouble):  # it will be seen again
            await self._records.read(self._records.history.learn, self._scope, name, able)
