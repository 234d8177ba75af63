"""A task as the page draws it: plain data, its sentences already in the page's language."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import date
from typing import Any, TypeVar

from ..catalog import Price
from ..errors import CASES, Case
from ..studio import Studio
from ..task import State, Task
from ..text import Lang, Text

CHARGED = {
    "no": Text("not charged", "未计费"),
    "yes": Text("charged", "已计费"),
    "maybe": Text("maybe charged", "可能已计费"),
}
MOST = 1000  # of each kind of thing that `Cards` remembers
_TIMED = {State.SENDING, State.SUBMITTED, State.PROCESSING}

K = TypeVar("K")
V = TypeVar("V")


class Cards:
    """What open pages draw, worked out once for all of them: every open tab hears every change,
    and asking the history anew for each would keep the worker from writing. Whoever comes second
    waits for the first. Belongs to one event loop."""

    def __init__(self, studio: Studio) -> None:
        self._studio, self._turn = studio, asyncio.Lock()
        self._cards: dict[tuple[str, Lang], dict[str, Any]] = {}
        self._usual: dict[tuple[str, str], float | None] = {}
        self._summaries: dict[str, tuple[tuple[int, date], dict[str, Any]]] = {}

    async def of(self, tasks: Iterable[Task], lang: Lang) -> list[dict[str, Any]]:
        """A card for each; not to be changed, because others draw it too."""
        async with self._turn:
            return [await self._card(task, lang) for task in tasks]

    def forget(self, task_ids: Iterable[str]) -> None:
        """Deleted tasks: nothing of them is kept."""
        gone = {*task_ids}
        for key in [key for key in self._cards if key[0] in gone] if gone else ():
            del self._cards[key]

    async def summary(self, owner: str, revision: int) -> dict[str, Any]:
        """What the header says, as it was at `revision` or later: how many run and what today's
        pictures cost, by estimate."""
        moment = (revision, date.today())
        async with self._turn:
            known, summary = self._summaries.get(owner, (None, {}))
            if known != moment:
                found = await self._studio.summary(owner=owner)
                spent = [str(Price(round(one.amount, 4), one.currency)) for one in found.spent]
                summary = {"running": found.running, "spent": spent}
                _put(self._summaries, owner, (moment, summary))
            return summary

    async def _card(self, task: Task, lang: Lang) -> dict[str, Any]:
        known = self._cards.get((task.id, lang))
        if known is None or known["revision"] != task.revision:
            model = (task.account, str(task.request.get("model_name", "")))
            if task.state is State.SUCCEEDED:
                self._usual.pop(model, None)  # there is a new one to learn from
            usual = await self._usually(*model) if task.state in _TIMED else None
            known = card(task, lang, case=self._studio.case(task), usual=usual)
            _put(self._cards, (task.id, lang), known)
        return known

    async def _usually(self, account: str, model: str) -> float | None:
        if (account, model) not in self._usual:
            usual = await self._studio.usual_seconds(model_name=model, account=account)
            _put(self._usual, (account, model), usual)
        return self._usual[(account, model)]


def _put(table: dict[K, V], key: K, value: V) -> None:
    table.pop(key, None)
    table[key] = value
    while len(table) > MOST:
        del table[next(iter(table))]


def card(task: Task, lang: Lang, *, case: str, usual: float | None) -> dict[str, Any]:
    price = Price(task.estimate, task.currency) if task.estimate is not None else None
    return {
        "id": task.id,
        "revision": task.revision,
        "state": task.state,
        "since": task.state_since,
        "created": task.created,
        "sent": task.sent,
        "ended": task.ended,
        "over": task.state.over,
        "usual": usual,
        "request": dict(task.request),
        "n": task.n,
        "price": str(price) if price else "",
        "trouble": _trouble(task, case, lang),
        "case": case,
        "pictures": _pictures(task, watermarked=False),
        "watermarked": _pictures(task, watermarked=True),
        "ids": {
            "task_id": task.remote_id,
            "external_task_id": task.external_task_id,
            "request_id": task.request_id,
        },
        "deduction": task.deduction,
    }


def _pictures(task: Task, *, watermarked: bool) -> list[dict[str, Any]]:
    return [
        {"id": picture.id, "w": picture.width, "h": picture.height}
        for picture in task.pictures
        if picture.watermarked is watermarked
    ]


def _trouble(task: Task, case: str, lang: Lang) -> dict[str, str] | None:
    """What happened, what to do now, was it charged; None when all is well."""
    found: Case | None = CASES.get(case)
    if found is None:
        return None
    unsure = task.state is State.UNCONFIRMED and found.charged == "maybe"
    title = CASES["no_answer"].title if unsure else found.title
    said = [found.title.of(lang)] if title != found.title else []
    return {
        "title": title.of(lang),
        "advice": found.advice.of(lang),
        "charged": CHARGED[found.charged].of(lang) if _billable(task) else "",
        "detail": " · ".join([*said, task.detail] if task.detail else said),
    }


def error_of(task: Task) -> Text:
    """One sentence for scripts: why a task ended without pictures, or may have; else empty."""
    case = CASES.get(task.case)
    bad = (task.state.over and task.state is not State.SUCCEEDED) or task.state is State.UNCONFIRMED
    if not bad or case is None:
        return Text("", "")
    detail = f" ({task.detail})" if task.detail else ""
    return Text(f"{case.title.en}{detail}.", f"{case.title.zh}{detail}。") + case.advice


def _billable(task: Task) -> bool:
    """Whether there is anything to say about a charge yet."""
    return task.state.over or task.state in (State.UNCONFIRMED, State.SAVING)
