"""The event stream of one browser: every change of its owner's tasks, as cards to draw."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from ..history import Cursor
from ..studio import Studio
from ..task import Task
from ..text import Lang
from .cards import Cards
from .language import language
from .links import PREFIX
from .owner import owner_of

PAGE = 60  # cards
HEARTBEAT = 20.0  # seconds
GATHER = 0.02  # seconds in which changes travel together
_ID = re.compile(r"([0-9a-f]{16})-([0-9]{1,15})")
_CURSOR = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)-([0-9a-f]{32})")


def event_routes(studio: Studio, cards: Cards) -> Sequence[BaseRoute]:
    async def events(request: Request) -> Response:
        owner = owner_of(request)
        if not owner:
            return Response(status_code=403)
        last = request.headers.get("last-event-id") or request.query_params.get("since", "")
        stream = _stream(studio, cards, owner, language(request), last)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    async def older(request: Request) -> Response:
        owner, before = owner_of(request), _read_cursor(request.query_params.get("before", ""))
        if not owner or before is None:
            return Response(status_code=400 if owner else 403)
        page = await _page(studio, cards, owner, language(request), before=before)
        return JSONResponse(page, headers={"cache-control": "no-store"})

    return [Route(f"{PREFIX}/events", events), Route(f"{PREFIX}/tasks", older)]


async def _stream(
    studio: Studio, cards: Cards, owner: str, lang: Lang, last: str
) -> AsyncIterator[str]:
    """What was missed since the event `last`, or a whole page where that means nothing here; then
    every change."""
    with studio.watching(owner) as changed:
        yield "retry: 1000\n\n"
        mark, reached = await studio.reached()
        since = _heard(last, mark, reached)
        if since is None:
            since = reached
            page = await _page(studio, cards, owner, lang)
            yield _event("page", page | await _summary(cards, owner, since), mark, since)
        while not studio.closing.is_set():
            changed.clear()
            tasks, gone, reached = await studio.changes(owner=owner, since=since)
            if reached != since:
                since = reached
                cards.forget(gone)
                changes = {"tasks": await cards.of(tasks, lang), "gone": gone}
                yield _event("changes", changes | await _summary(cards, owner, since), mark, since)
                continue
            try:
                async with asyncio.timeout(HEARTBEAT):
                    await changed.wait()
                await asyncio.sleep(GATHER)
            except TimeoutError:
                yield ": still here\n\n"


def _heard(last: str, mark: str, reached: int) -> int | None:
    """The revision in an event's id; None unless it is one of this very history, which may have
    been put in another one's place, or set back to an older copy of itself."""
    found = _ID.fullmatch(last)
    if found is None or found[1] != mark or int(found[2]) > reached:
        return None
    return int(found[2])


async def _page(
    studio: Studio, cards: Cards, owner: str, lang: Lang, before: Cursor | None = None
) -> dict[str, Any]:
    """`older` leads to the next page; empty on the last one."""
    tasks = await studio.tasks(owner=owner, limit=PAGE + 1, before=before)
    shown = tasks[:PAGE]
    older = _write_cursor(shown[-1]) if len(tasks) > PAGE else ""
    return {"tasks": await cards.of(shown, lang), "older": older}


async def _summary(cards: Cards, owner: str, revision: int) -> dict[str, Any]:
    return {**await cards.summary(owner, revision), "now": time.time()}


def _write_cursor(task: Task) -> str:
    return f"{task.created!r}-{task.id}"


def _read_cursor(text: str) -> Cursor | None:
    found = _CURSOR.fullmatch(text)
    return (float(found[1]), found[2]) if found else None


def _event(name: str, data: dict[str, Any], mark: str, revision: int) -> str:
    text = json.dumps(data, ensure_ascii=False)
    return f"id: {mark}-{revision}\nevent: {name}\ndata: {text}\n\n"
