"""The event stream of one browser: every change of its owner's tasks, as cards to draw."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Sequence
from math import inf
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from ..studio import Studio
from ..text import Lang
from .cards import Cards
from .language import language
from .links import PREFIX
from .owner import owner_of
from .tasks import Lists

HEARTBEAT = 20.0  # seconds
GATHER = 0.02  # seconds in which changes travel together
CALM = 1.0  # seconds between two looks at what may have changed without a task
_ID = re.compile(r"([0-9a-f]{16})-([0-9]{1,15})")


def event_routes(studio: Studio, cards: Cards) -> Sequence[BaseRoute]:
    async def events(request: Request) -> Response:
        owner = owner_of(request)
        if not owner:
            return Response(status_code=403)
        last = request.headers.get("last-event-id") or request.query_params.get("since", "")
        stream = _Stream(studio, cards, owner=owner, lang=language(request)).events(last)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    return [Route(f"{PREFIX}/events", events)]


class _Stream:
    """One tab's: what it was missing, then every change. `_told` is what it knows of what stands
    beside the cards, and `_look_at` the moment (monotonic) to see whether that changed alone."""

    def __init__(self, studio: Studio, cards: Cards, *, owner: str, lang: Lang) -> None:
        self._studio, self._cards, self._owner, self._lang = studio, cards, owner, lang
        self._mark, self._since = "", 0
        self._told: dict[str, Any] = {}
        self._looked = self._look_at = -inf

    async def events(self, last: str) -> AsyncIterator[str]:
        """What was missed since the event `last`, or a whole page where that means nothing here;
        then every change."""
        with self._studio.watching(self._owner) as changed:
            yield "retry: 1000\n\n"
            self._mark, reached = await self._studio.reached()
            heard = _heard(last, self._mark, reached)
            self._since = reached if heard is None else heard
            if heard is None:
                yield await self._whole()
            while not self._studio.closing.is_set():
                changed.clear()
                if news := await self._news():
                    yield news
                elif not await self._woken(changed):
                    yield ": still here\n\n"

    async def _woken(self, changed: asyncio.Event) -> bool:
        """Whether something changed within a while."""
        try:
            async with asyncio.timeout(min(HEARTBEAT, self._look_at - time.monotonic())):
                await changed.wait()
            await asyncio.sleep(GATHER)
        except TimeoutError:
            return False
        self._look_at = min(self._look_at, self._looked + CALM)
        return True

    async def _whole(self) -> str:
        moment = time.monotonic()
        page = await Lists(self._studio, self._cards).page(self._owner, self._lang)
        self._hear(await self._beside(moment), moment)
        return self._event("page", page)

    async def _news(self) -> str:
        """The next event; empty when there is nothing to tell."""
        moment = time.monotonic()
        tasks, gone, reached = await self._studio.changes(owner=self._owner, since=self._since)
        if reached == self._since and moment < self._look_at:
            return ""
        before = self._told
        self._hear(await self._beside(moment), moment)
        if reached == self._since and self._told == before:
            return ""
        self._since = reached
        self._cards.forget(gone)
        cards = await self._cards.of(tasks, self._lang)
        return self._event("changes", {"tasks": cards, "gone": gone})

    async def _beside(self, moment: float) -> dict[str, Any]:
        return await self._cards.beside(self._owner, self._lang, since=moment)

    def _hear(self, beside: dict[str, Any], moment: float) -> None:
        self._told, self._looked = beside, moment
        self._look_at = moment + (HEARTBEAT if beside["waiting"] else _until_midnight())

    def _event(self, name: str, data: dict[str, Any]) -> str:
        text = json.dumps({**data, **self._told, "now": time.time()}, ensure_ascii=False)
        return f"id: {self._mark}-{self._since}\nevent: {name}\ndata: {text}\n\n"


def _until_midnight() -> float:
    """Seconds until what was spent today is nothing again."""
    now = time.localtime()
    return 24 * 3600.0 + 1 - (now.tm_hour * 3600 + now.tm_min * 60 + now.tm_sec)


def _heard(last: str, mark: str, reached: int) -> int | None:
    """The revision in an event's id; None unless it is one of this very history, which may have
    been put in another one's place, or set back to an older copy of itself."""
    found = _ID.fullmatch(last)
    if found is None or found[1] != mark or int(found[2]) > reached:
        return None
    return int(found[2])
