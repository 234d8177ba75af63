"""Connections that keep others waiting. Uvicorn has no patience of its own for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

PATIENCE = 10.0  # seconds for a request's head to arrive, and for some of an answer to be taken


async def hang_up(connections: Callable[[], Iterable[Any]], *, patience: float = PATIENCE) -> None:
    """Again and again, on whoever has been silent since the last look, or sends a head by the drop;
    and on whoever took nothing of an answer for three of them: it lies in memory for that long.
    `connections` are uvicorn's, whose `cycle` is the latest request. One that was answered was
    silent for less: uvicorn itself hangs up after five seconds."""
    silent: dict[Any, Any] = {}
    unread: dict[Any, tuple[int, int]] = {}  # bytes, and at how many looks they were as many
    while True:
        await asyncio.sleep(patience)
        known = [one for one in connections() if hasattr(one, "cycle")]
        now = {one: one.cycle for one in known if _is_silent(one.cycle)}
        for one in now.keys() & silent.keys():
            if now[one] is silent[one]:
                one.transport.close()
        silent, before, unread = now, unread, {}
        for one in known:
            size, (last, looks) = one.transport.get_write_buffer_size(), before.get(one, (0, 0))
            if size and size == last and looks == 2:
                one.transport.abort()  # to close it would wait until all is taken
            elif size:
                unread[one] = (size, looks + 1 if size == last else 1)


def _is_silent(cycle: Any) -> bool:
    return cycle is None or cycle.response_complete
