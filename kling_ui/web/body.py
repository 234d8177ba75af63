"""What was sent with a request, as far as it is not too much."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.requests import ClientDisconnect, Request

LARGEST = 64 * 1024  # bytes of what a route of ours reads
PATIENCE = 10.0  # seconds for it to arrive


async def body_of(request: Request) -> bytes | None:
    """None where it is too large, too slow or breaks off; no more of it is read then."""
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST:
                    return None
    except (TimeoutError, ClientDisconnect):
        return None
    return bytes(body)


async def json_of(request: Request) -> Any:
    """None also where it is not said to be JSON: a form of another site's page can be sent
    without asking us first, JSON cannot."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    body = await body_of(request) if kind == "application/json" else None
    try:
        return None if body is None else json.loads(body)
    except (ValueError, RecursionError):  # no JSON, or nested beyond all measure
        return None
