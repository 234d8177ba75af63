"""The event stream of one browser: every change of its owner's tasks, as cards to draw."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from ..catalog import Price
from ..studio import Studio
from ..task import State
from ..text import Lang
from .cards import card
from .language import language
from .links import PREFIX
from .owner import owner_of

PAGE = 60  # cards
HEARTBEAT = 20.0  # seconds
GATHER = 0.02  # seconds in which changes travel together


def event_routes(studio: Studio) -> Sequence[BaseRoute]:
    async def events(request: Request) -> Response:
        owner = owner_of(request)
        if not owner:
            return Response(status_code=403)
        since = request.headers.get("last-event-id") or request.query_params.get("since", "")
        stream = _stream(studio, owner, language(request), int(since) if since.isdigit() else None)
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(stream, media_type="text/event-stream", headers=headers)

    async def older(request: Request) -> Response:
        try:
            before = float(request.query_params.get("before", ""))
        except ValueError:
            return Response(status_code=400)
        page = await _page(studio, owner_of(request), language(request), before=before)
        return JSONResponse(page, headers={"cache-control": "no-store"})

    return [Route(f"{PREFIX}/events", events), Route(f"{PREFIX}/tasks", older)]


async def _stream(studio: Studio, owner: str, lang: Lang, since: int | None) -> AsyncIterator[str]:
    """First a whole page (`since` None: a new page) or what was missed, then every change."""
    with studio.records.watching(owner) as changed:
        yield "retry: 1000\n\n"
        if since is None:
            since = await studio.records.read(studio.history.revision)
            page = await _page(studio, owner, lang)
            yield _event("page", page | await _summary(studio, owner), since)
        while not studio.closing.is_set():
            changed.clear()
            tasks, gone, reached = await studio.records.read(studio.history.since, owner, since)
            if reached != since:
                since = reached
                cards = [await card(studio, task, lang) for task in tasks]
                changes = {"tasks": cards, "gone": gone} | await _summary(studio, owner)
                yield _event("changes", changes, since)
                continue
            try:
                async with asyncio.timeout(HEARTBEAT):
                    await changed.wait()
                await asyncio.sleep(GATHER)
            except TimeoutError:
                yield ": still here\n\n"


async def _page(
    studio: Studio, owner: str, lang: Lang, before: float | None = None
) -> dict[str, Any]:
    tasks = await studio.tasks(owner=owner, limit=PAGE + 1, before=before) if owner else []
    cards = [await card(studio, task, lang) for task in tasks[:PAGE]]
    return {"tasks": cards, "more": len(tasks) > PAGE}


async def _summary(studio: Studio, owner: str) -> dict[str, Any]:
    """What the header says: how many run and what today's pictures cost, by estimate."""
    counts = await studio.records.read(studio.history.count, owner)
    midnight = time.mktime((*time.localtime()[:3], 0, 0, 0, 0, 0, -1))
    spent = await studio.records.read(
        studio.history.spent, owner, studio.account.name, since=midnight
    )
    return {
        "running": sum(n for state, n in counts.items() if not State(state).over),
        "failed": sum(counts.get(state, 0) for state in (State.FAILED, State.REJECTED)),
        "spent": [str(Price(round(one.amount, 4), one.currency)) for one in spent],
        "now": time.time(),
    }


def _event(name: str, data: dict[str, Any], number: int) -> str:
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
