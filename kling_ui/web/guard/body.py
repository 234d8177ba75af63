"""What comes in with a request, as far as it is not too much and not too slow."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import Message, Receive


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


def limited(receive: Receive, *, largest: int, patience: float) -> Receive:
    """`receive`, until `largest` bytes or `patience` seconds; then it raises."""
    came, end = 0, asyncio.get_running_loop().time() + patience
    done = False

    async def received() -> Message:
        nonlocal came, done
        if done:  # what follows is only that the caller goes away
            return await receive()
        try:
            async with asyncio.timeout_at(end):
                message = await receive()
        except TimeoutError:
            raise TooSlow from None
        came += len(message.get("body", b""))
        if came > largest:
            raise TooLarge
        done = not message.get("more_body", False)
        return message

    return received
