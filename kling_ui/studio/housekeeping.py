"""Where everybody may draw pictures in the demo, they would fill the disk: the oldest go first."""

from __future__ import annotations

import asyncio

from ..fields import KEPT
from .clock import Clock
from .shelf import Shelf

LOW = 1_000_000_000  # bytes; with less the demo's pictures go, long before nothing is sent any more
EVERY = 10.0  # seconds
YOUNG = 60.0  # seconds that a reference is left alone although no task speaks of it
AT_ONCE = 20  # tasks; where that does not help, it is not the demo that fills the disk


async def make_room(shelf: Shelf, clock: Clock) -> None:
    """Again and again: references that no task speaks of, and then the demo's pictures. What
    somebody paid for is never touched."""
    demos = [account.name for account in shelf.accounts.values() if not account.live]
    while True:
        await clock.sleep(EVERY)
        if await _free(shelf) >= LOW:
            continue
        images = await shelf.records.read(shelf.history.images)
        named = {image.removeprefix(KEPT) for image in images}
        await asyncio.to_thread(shelf.folder.forget_references, but=named, older=YOUNG)
        for account in demos:
            await _forget_oldest(shelf, account)


async def _forget_oldest(shelf: Shelf, account: str) -> None:
    for _ in range(AT_ONCE):
        if await _free(shelf) >= LOW:
            return
        oldest = await shelf.records.read(shelf.history.oldest, account)
        if oldest is None or not await shelf.delete(oldest.id, owner=oldest.owner):
            return


async def _free(shelf: Shelf) -> int:
    return await asyncio.to_thread(shelf.folder.free)
