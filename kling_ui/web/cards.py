"""A task as the page draws it: plain data, its sentences already in the page's language."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from math import inf
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from ..errors import CASES, Case
from ..prices import Price
from ..studio import Studio
from ..task import State, Task
from ..text import Lang, Text

CHARGED = {
    "no": Text("not charged", "未计费"),
    "yes": Text("charged", "已计费"),
    "maybe": Text("maybe charged", "可能已计费"),
}
# said before a task is sent once more, where that may be paid for
MAYBE_TWICE = Text(
    "Kling may have accepted the first one. If it did, both are made and both are charged.",
    "可灵可能已受理第一次的请求。如果确实受理了，两次都会生成，也都会计费。",
)
HARDLY_TWICE = Text(
    "Kling has no trace of the first one, so most likely only this one is made. Should the first "
    "turn up after all, both are charged.",
    "可灵没有第一次请求的记录，很可能只会生成这一次。万一第一次其实已被受理，两次都会计费。",
)
PAID_AGAIN = Text(
    "Kling charged for the first one. This one is charged as well.",
    "可灵已对第一次请求计费，这一次也会计费。",
)
PAID_NOW = Text(
    "The first one was a demo. This one goes to Kling and is charged.",
    "第一次是演示任务，这一次会发送给可灵并计费。",
)
MOST = 1000  # of each kind of thing that `Cards` remembers
_TIMED = {State.SUBMITTED, State.PROCESSING}
_AS_IT_STANDS = {"not_found", "account_missing"}  # what is known of an unconfirmed task

K = TypeVar("K")
V = TypeVar("V")


class Cards:
    """What open pages draw, worked out once for all of them: every open tab hears every change,
    and asking the history anew for each would keep the worker from writing. Whoever comes second
    waits for the first. Belongs to one event loop."""

    def __init__(self, studio: Studio, *, page: Callable[[str], str] = lambda _: "") -> None:
        self._studio, self._turn, self._page = studio, asyncio.Lock(), page
        self._lists: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._run = secrets.token_hex(8)  # another whenever the program is started anew
        self._cards: dict[tuple[str, Lang, bool], dict[str, Any]] = {}
        self._usual: dict[tuple[str, str], float | None] = {}
        self._summaries: dict[str, tuple[float, dict[str, Any]]] = {}

    async def of(self, tasks: Iterable[Task], lang: Lang) -> list[dict[str, Any]]:
        """A card for each; not to be changed, because others draw it too."""
        async with self._turn:
            return [await self._card(task, lang) for task in tasks]

    def listing(self, owner: str) -> asyncio.Lock:
        """Held while a whole list is made: an owner who asks for many at once waits for the one
        before, and nobody else for them all."""
        return self._lists.setdefault(owner, asyncio.Lock())

    def forget(self, task_ids: Iterable[str]) -> None:
        """Deleted tasks: nothing of them is kept."""
        gone = {*task_ids}
        for key in [key for key in self._cards if key[0] in gone] if gone else ():
            del self._cards[key]

    async def summary(self, owner: str, *, since: float) -> dict[str, Any]:
        """What stands beside the cards, as it was at the moment `since` (monotonic) or later: how
        many tasks run, what today's pictures cost by estimate, and who waits behind how many.
        The queue moves without a row of this owner: a revision would not tell."""
        async with self._turn:
            made, summary = self._summaries.get(owner, (-inf, {}))
            if made < since:
                made = time.monotonic()
                summary = await self._summed(owner)
                _put(self._summaries, owner, (made, summary))
            return summary

    async def beside(self, owner: str, lang: Lang, *, since: float) -> dict[str, Any]:
        """`summary`, and what everybody has to know of now, with the mark of a page that knows all
        that this program serves to this owner, and of this run of the program."""
        notice = self._studio.notice
        summary = await self.summary(owner, since=since)
        text = notice.of(lang) if notice else ""
        return {**summary, "notice": text, "page": self._page(owner), "run": self._run}

    async def _summed(self, owner: str) -> dict[str, Any]:
        found = await self._studio.summary(owner=owner)
        left = await self._studio.left(owner=owner)
        return {
            "running": found.running,
            "spent": [str(Price(round(one.amount, 4), one.currency)) for one in found.spent],
            "waiting": await self._studio.ahead(owner=owner) if found.running else {},
            "left": asdict(left) if left else None,
        }

    async def _card(self, task: Task, lang: Lang) -> dict[str, Any]:
        paid = self._paid_now(task)
        known = self._cards.get((task.id, lang, paid))
        if known is None or known["revision"] != task.revision:
            model = (task.account, str(task.request.get("model_name", "")))
            if task.state is State.SUCCEEDED:
                self._usual.pop(model, None)  # there is a new one to learn from
            usual = await self._usually(*model) if task.state in _TIMED else None
            case = self._studio.case(task)
            known = card(task, lang, case=case, usual=usual)
            known["warning"] = _warning(task, case, paid=paid).of(lang)
            _put(self._cards, (task.id, lang, paid), known)
        return known

    def _paid_now(self, task: Task) -> bool:
        """Whether a demo's task would go to Kling if it were sent again."""
        account = self._studio.accounts.get(task.account)
        now = self._studio.account_of(task.owner)
        return now.live and account is not None and not account.live

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
    verdict, pictures = verdict_on(task, case), _pictures(task, watermarked=False)
    return {
        "id": task.id,
        "revision": task.revision,
        "state": task.state,
        "created": task.created,
        "sent": task.sent,
        "ended": task.ended,
        "took": task.took,
        "over": task.state.over,
        "usual": usual,
        "request": dict(task.request),
        "found": not task.request.get("model_name"),  # again at Kling: what was asked is lost
        "n": max(task.n, len(pictures)),
        "price": str(price) if price else "",
        "trouble": _trouble(task, case, verdict, lang) if verdict else None,
        "action": verdict.action if verdict else "",
        "case": case,
        "said": task.detail,
        "supersedes": task.supersedes,
        "starred": task.starred,
        "cell": asdict(task.cell) if task.cell else None,
        "pictures": pictures,
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
        {
            "id": picture.id,
            "w": picture.width,
            "h": picture.height,
            "position": picture.position,
        }
        for picture in task.pictures
        if picture.watermarked is watermarked
    ]


def verdict_on(task: Task, case: str) -> Case | None:
    """What to say of a task; None when all is well. Whatever kept Kling's answer from us, the
    news of an unconfirmed task is that it may have been accepted."""
    found = CASES.get(case)
    if task.state is State.SAVING and found:
        return replace(found, charged="yes")
    if task.state is not State.UNCONFIRMED:
        return found
    if found and case in _AS_IT_STANDS:
        return replace(found, charged="maybe")
    unsure = CASES["no_answer"]
    return replace(unsure, advice=found.advice) if found and found.action == "look" else unsure


def _trouble(task: Task, case: str, verdict: Case, lang: Lang) -> dict[str, str]:
    """What happened, what to do now, was it charged."""
    return {
        "title": verdict.title.of(lang),
        "advice": verdict.advice.of(lang),
        "charged": CHARGED[verdict.charged].of(lang) if _billable(task) else "",
        "detail": _behind(task, verdict).of(lang),
    }


def _behind(task: Task, verdict: Case) -> Text:
    """What the title does not say: the case that was really noted, and upstream's words."""
    own = CASES.get(task.case)
    title = own.title if own and own.title != verdict.title else Text("", "")
    return Text(_joined(title.en, task.detail), _joined(title.zh, task.detail))


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _warning(task: Task, case: str, *, paid: bool) -> Text:
    """What to know before it is sent again; empty where nothing can be paid for twice. `paid`:
    the first one cost nothing because it was a demo's."""
    verdict, nothing = verdict_on(task, case), Text("", "")
    if not task.state.repeatable:
        return nothing
    if task.state is State.UNCONFIRMED:
        return HARDLY_TWICE if case == "not_found" else MAYBE_TWICE
    if verdict and verdict.charged != "no":
        return PAID_AGAIN
    return PAID_NOW if paid else nothing


def error_of(task: Task, case: str) -> Text:
    """One sentence for scripts: why a task ended without pictures, or may have; else empty.
    `case` is the studio's word on it."""
    return _sentence(task, case) if _bad(task) else Text("", "")


def note_of(task: Task, case: str) -> Text:
    """The same where it is no error: what a task waits for, or what did not come; else empty."""
    return Text("", "") if _bad(task) else _sentence(task, case)


def _bad(task: Task) -> bool:
    ended = task.state.over and task.state is not State.SUCCEEDED
    return ended or task.state is State.UNCONFIRMED


def _sentence(task: Task, case: str) -> Text:
    verdict = verdict_on(task, case)
    if verdict is None:
        return Text("", "")
    behind = _behind(task, verdict)
    en, zh = (f" ({behind.en})", f"（{behind.zh}）") if behind.en else ("", "")
    return Text(f"{verdict.title.en}{en}.", f"{verdict.title.zh}{zh}。") + verdict.advice


def _billable(task: Task) -> bool:
    """Whether there is anything to say about a charge yet."""
    return task.state.over or task.state in (State.UNCONFIRMED, State.SAVING)
