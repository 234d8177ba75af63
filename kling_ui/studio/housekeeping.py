"""Where everybody may draw pictures in the demo, they would fill the disk: the oldest go first."""

from __future__ import annotations

import asyncio

from .clock import Clock
from .shelf import Shelf

LOW = 1_000_000_000  # bytes; with less the demo's pictures go, long before nothing is sent any more
EVERY = 10.0  # seconds


async def make_room(shelf: Shelf, clock: Clock) -> None:
    """Again and again. What somebody paid for is never touched."""
    free = [account.name for account in shelf.accounts.values() if not account.live]
    while True:
        await clock.sleep(EVERY)
        for account in free:
            while await asyncio.to_thread(shelf.folder.free) < LOW:
                oldest = await shelf.records.read(shelf.history.oldest, account)
                if oldest is None or not await shelf.delete(oldest.id, owner=oldest.owner):
                    break
