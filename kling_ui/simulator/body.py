"""The body of a create, off the socket and parsed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

MAX_BYTES = 20 * 10**6


class TooLarge(Exception):
    """More than `MAX_BYTES`."""


async def received(request: Request) -> Mapping[str, Any] | None:
    """The JSON object that was sent; None where it is none. Raises `TooLarge`, once all has been
    read: who is cut short while sending may never see the answer."""
    raw, size = bytearray(), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= MAX_BYTES:
            raw += chunk
    if size > MAX_BYTES:
        raise TooLarge
    return await asyncio.to_thread(_parsed, bytes(raw))


def _parsed(raw: bytes) -> Mapping[str, Any] | None:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
