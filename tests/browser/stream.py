"""An event stream that says what a test wants to see drawn."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from playwright.sync_api import Page

EVENTS = "**/gradio_api/studio/events*"
CARD = {
    "id": "0" * 32, "revision": 1, "state": "cancelled", "created": 9, "sent": None, "ended": 9,
    "took": None, "over": True, "usual": None, "request": {"prompt": "a card"}, "found": False,
    "n": 1, "price": "", "trouble": None, "action": "", "warning": "", "case": "", "said": "",
    "supersedes": "", "starred": False, "cell": None, "pictures": [], "watermarked": [],
    "ids": {}, "deduction": "",
}  # fmt: skip


def stream(*events: tuple[str, str, dict[str, Any]]) -> str:
    """Its (id, name, data), one after another; then nothing for a minute."""
    head = {"now": 10, "running": 0, "spent": [], "waiting": {}, "notice": ""}
    return "retry: 60000\n\n" + "".join(
        f"id: {mark}\nevent: {name}\ndata: {json.dumps(head | data)}\n\n"
        for mark, name, data in events
    )


def saying(
    *cards: dict[str, Any], then: Sequence[dict[str, Any]] = (), **beside: Any
) -> Callable[[Page], None]:
    """A page, before it is opened, that will hear of these cards, `then` of others, and no more."""
    tasks = [CARD | {"id": str(k) * 32, "created": 9 - k} | card for k, card in enumerate(cards)]
    said = stream(
        ("m-1", "page", {"tasks": tasks, "older": ""} | beside),
        *(("m-2", "changes", {"tasks": [task]} | beside) for task in then),
    )

    def before(page: Page) -> None:
        page.route(EVENTS, lambda r: r.fulfill(body=said, content_type="text/event-stream"))

    return before


def without_observer(page: Page) -> None:
    """Nothing older comes by itself."""
    page.add_init_script(
        "IntersectionObserver = class { observe() {} unobserve() {} disconnect() {} }"
    )
