"""The worker's time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable


class Clock:
    """Waits and durations by the event loop's monotonic clock, moments in rows by `wall` (Unix
    seconds). Below a `pace` of one every second is shorter: tests live faster."""

    def __init__(self, *, pace: float = 1.0, wall: Callable[[], float] = time.time) -> None:
        self.pace, self.wall = pace, wall

    def now(self) -> float:
        """Monotonic seconds."""
        return asyncio.get_running_loop().time() / self.pace

    def since(self, moment: float | None) -> float:
        """Seconds since a moment of a row; 0 where that lies ahead or is unknown."""
        return max(0.0, (self.wall() - moment) / self.pace) if moment else 0.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self.pace)

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Until `event` is set, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds * self.pace):
                await event.wait()
