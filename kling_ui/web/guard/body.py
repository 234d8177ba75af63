"""What comes in with a request, as far as it is not too much and not too slow."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import Message, Receive

PART = b"content-disposition: form-data"


class TooLarge(Exception):
    """More came than the route takes."""


class TooSlow(Exception):
    """It did not come in time."""


def said_size(headers: Headers) -> int:
    """Bytes, as the caller says; 0 where it says nothing that can be read."""
    word = headers.get("content-length", "")
    return int(word) if word.isascii() and word.isdigit() else 0


async def drained(receive: Receive, *, largest: int, patience: float) -> None:
    """Reads what comes in and throws it away: an answer before all of it is there would break the
    connection, and a proxy would tell of a broken gateway instead."""
    came = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(patience):
            while came <= largest:
                message = await receive()
                came += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


def limited(
    receive: Receive, *, largest: int, patience: float, parts: int | None = None
) -> Receive:
    """`receive`, until `largest` bytes, so many `parts` of a form or `patience` seconds; then it
    raises."""
    found, before = 0, b""
    came, end = 0, asyncio.get_running_loop().time() + patience
    done = False

    async def received() -> Message:
        nonlocal came, done, found, before
        if done:  # what follows is only that the caller goes away
            return await receive()
        try:
            async with asyncio.timeout_at(end):
                message = await receive()
        except TimeoutError:
            raise TooSlow from None
        body = message.get("body", b"")
        came += len(body)
        if parts is not None:
            found += (before + body).lower().count(PART)
            before = (before + body)[1 - len(PART) :]
        if came > largest or (parts is not None and found > parts):
            raise TooLarge
        done = not message.get("more_body", False)
        return message

    return received
