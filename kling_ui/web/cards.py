"""A task as the page draws it: plain data, its sentences already in the page's language."""

from __future__ import annotations

from typing import Any

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
_TIMED = {State.SENDING, State.SUBMITTED, State.PROCESSING}


async def card(studio: Studio, task: Task, lang: Lang) -> dict[str, Any]:
    usual = None
    if task.state in _TIMED:
        model = str(task.request.get("model_name", ""))
        usual = await studio.records.read(studio.history.usual_seconds, model, task.account)
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
        "trouble": _trouble(task, lang),
        "case": task.case,
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


def _trouble(task: Task, lang: Lang) -> dict[str, str] | None:
    """What happened, what to do now, was it charged; None when all is well."""
    found: Case | None = CASES.get(task.case)
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
