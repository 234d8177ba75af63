"""Tasks in lists: what a page begins with, what is older, what was searched for; and many of them
deleted at once."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..history import Cursor, Search
from ..studio import Studio
from ..task import Task, is_id
from ..text import Lang
from .answers import NO_STORE, missing
from .body import json_of
from .cards import Cards
from .language import language
from .links import PREFIX
from .owner import owner_of
from .search import search_of

PAGE = 60  # cards
MOST = 500  # tasks that something is done with at once
_CURSOR = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)-([0-9a-f]{32})")


def task_routes(studio: Studio, cards: Cards) -> Sequence[BaseRoute]:
    lists = Lists(studio, cards)

    async def tasks(request: Request) -> Response:
        owner, lang, query = owner_of(request), language(request), request.query_params
        search, before = search_of(query), _read_cursor(query.get("before", ""))
        if not owner:
            return Response(status_code=403)
        if search is None or (before is None and "before" in query):
            return Response(status_code=400)
        if before is None:
            return JSONResponse(await lists.first(owner, lang, search), headers=NO_STORE)
        return JSONResponse(await lists.page(owner, lang, search, before), headers=NO_STORE)

    async def story(request: Request) -> Response:
        owner, task_id = owner_of(request), request.path_params["id"]
        found = await studio.story(task_id, owner=owner) if owner and is_id(task_id) else None
        if found is None:
            return missing(request.scope)
        return JSONResponse({"states": found.states, "reply": found.reply}, headers=NO_STORE)

    async def comparison(request: Request) -> Response:
        owner, name = owner_of(request), request.path_params["id"]
        async with cards.listing(owner):
            cells = await studio.comparison(name, owner=owner) if owner and is_id(name) else []
            if not cells:
                return missing(request.scope)
            drawn = await cards.of(cells, language(request))
        return JSONResponse({"tasks": drawn}, headers=NO_STORE)

    async def delete(request: Request) -> Response:
        owner = owner_of(request)
        if not owner:
            return Response(status_code=403)
        ids = _ids(await json_of(request))
        if ids is None:
            return Response(status_code=400)
        done = [task_id for task_id in ids if await studio.delete(task_id, owner=owner)]
        return JSONResponse({"deleted": done})

    return [
        Route(f"{PREFIX}/tasks", tasks),
        Route(f"{PREFIX}/tasks/{{id}}", story),
        Route(f"{PREFIX}/comparisons/{{id}}", comparison),
        Route(f"{PREFIX}/delete", delete, methods=["POST"]),
    ]


class Lists:
    """Cards by the page, each page with all cells of the comparisons it speaks of."""

    def __init__(self, studio: Studio, cards: Cards) -> None:
        self._studio, self._cards = studio, cards

    async def page(
        self, owner: str, lang: Lang, search: Search | None = None, before: Cursor | None = None
    ) -> dict[str, Any]:
        """`older` leads to the next page; empty on the last one."""
        async with self._cards.listing(owner):
            return await self._page(owner, lang, search, before)

    async def _page(
        self, owner: str, lang: Lang, search: Search | None, before: Cursor | None
    ) -> dict[str, Any]:
        found = await self._studio.tasks(owner=owner, limit=PAGE + 1, before=before, search=search)
        shown = found[:PAGE]
        older = _write_cursor(shown[-1]) if len(found) > PAGE else ""
        shown += await self._cells_beside(shown, owner)
        return {"tasks": await self._cards.of(shown, lang), "older": older}

    async def first(self, owner: str, lang: Lang, search: Search | None = None) -> dict[str, Any]:
        """With what an event holds beside tasks, and the `id` of the event to go on from."""
        mark, reached = await self._studio.reached()
        moment = time.monotonic()
        page = await self.page(owner, lang, search)
        beside = await self._cards.beside(owner, lang, since=moment)
        return {**page, **beside, "now": time.time(), "id": f"{mark}-{reached}"}

    async def _cells_beside(self, shown: Sequence[Task], owner: str) -> list[Task]:
        """Cells that are not among `shown`, of the comparisons that are."""
        known = {task.id for task in shown}
        comparisons = dict.fromkeys(task.cell.comparison for task in shown if task.cell)
        return [
            cell
            for name in comparisons
            for cell in await self._studio.comparison(name, owner=owner)
            if cell.id not in known
        ]


def _ids(asked: Any) -> list[str] | None:
    """None where `asked` does not name tasks, or too many."""
    ids = asked.get("ids") if isinstance(asked, dict) else None
    if not isinstance(ids, list) or len(ids) > MOST or not all(map(is_id, ids)):
        return None
    return ids


def _write_cursor(task: Task) -> str:
    return f"{task.created!r}-{task.id}"


def _read_cursor(text: str) -> Cursor | None:
    found = _CURSOR.fullmatch(text)
    return (float(found[1]), found[2]) if found else None
