"""Connections that never say what they want. Uvicorn has no patience of its own for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

PATIENCE = 10.0  # seconds for a request's head to arrive


async def hang_up(connections: Callable[[], Iterable[Any]], *, patience: float = PATIENCE) -> None:
    """Again and again, on whoever has been silent since the last look, or sends a head by the drop.
    `connections` are uvicorn's, whose `cycle` is the latest request. One that is answered was
    silent for less: uvicorn hangs up after five seconds."""
    silent: dict[Any, Any] = {}
    while True:
        await asyncio.sleep(patience)
        now = {one: one.cycle for one in connections() if _is_silent(one.cycle)}
        for one in now.keys() & silent.keys():
            if now[one] is silent[one]:
                one.transport.close()
        silent = now


def _is_silent(cycle: Any) -> bool:
    return cycle is None or cycle.response_complete
