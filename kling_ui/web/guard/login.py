"""Where there is a password: who gave it, and how long the next try takes."""

from __future__ import annotations

import asyncio
import hmac
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection
from starlette.types import Scope

FREE = 2  # failures that cost no time
LONGEST = 15.0  # seconds
CROWD = 5  # tries of one caller that wait for each other
MOST = 10_000  # callers that are remembered


@dataclass(slots=True)
class _Tries:
    failed: int = 0
    waiting: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Login:
    """Gradio asks for the password and remembers who gave it; this slows down who guesses."""

    def __init__(self, password: str) -> None:
        self._password = password.encode()
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def accepts(self, _name: str, password: str) -> bool:
        """Gradio's own question; whatever name is given."""
        return hmac.compare_digest(password.encode(), self._password)

    @staticmethod
    def known(scope: Scope) -> bool:
        """Whether the caller has logged in, as Gradio's own routes find out."""
        app, cookies = scope["app"], HTTPConnection(scope).cookies
        names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
        return any(app.tokens.get(cookies.get(name)) is not None for name in names)

    @asynccontextmanager
    async def trying(self, caller: str) -> AsyncIterator[_Tries | None]:
        """One try at a time, each later than the one before; None where too many wait already.
        What came of it is told by `judge`."""
        tries = self._tries.setdefault(caller, _Tries())
        self._tries.move_to_end(caller)
        while len(self._tries) > MOST:
            self._tries.popitem(last=False)
        if tries.waiting >= CROWD:
            yield None
            return
        tries.waiting += 1
        try:
            async with tries.turn:
                await asyncio.sleep(_pause(tries.failed))
                yield tries
        finally:
            tries.waiting -= 1

    def pause(self, caller: str) -> float:
        """Seconds that the next of those who wait has to wait at most, at least one."""
        return max(1.0, _pause(self._tries[caller].failed))

    def judge(self, tries: _Tries, status: int) -> None:
        """By the answer's status."""
        tries.failed = 0 if status < 400 else tries.failed + 1


def _pause(failed: int) -> float:
    return 0.0 if failed < FREE else min(LONGEST, 0.5 * 2.0 ** (failed - FREE))
