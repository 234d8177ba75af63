"""Chromium, to look at the program's page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUMS = ("chromium-headless-shell", "chromium")  # the first has half the cost of a visit
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# without a graphics card every frame of an animation is drawn by the processor
USUAL: dict[str, Any] = {
    "locale": "en-US",
    "viewport": {"width": 1440, "height": 1000},
    "reduced_motion": "reduce",
}
expect.set_options(timeout=30_000)  # milliseconds: a laden machine takes its time
# what Gradio itself logs to the console on a page of ours
KNOWN_NOISE = ("Method not implemented.",)


def chromium_path() -> str | None:
    """The one that ``CHROMIUM`` names, or the first that is installed."""
    names = (os.environ.get("CHROMIUM"), *CHROMIUMS)
    return next((path for name in names if name and (path := shutil.which(name))), None)


@pytest.fixture(scope="module")  # while it is open no other file's event loop can run
def chromium() -> Iterator[Browser]:
    path = chromium_path()
    if not path:
        missing = f"no browser: {' or '.join(CHROMIUMS)}"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """``visit(url, locale=…, …)`` opens the page as a new visitor; what it or another tab of that
    visitor's logs as an error, a breach of the page's policy too, fails the test, but for answers
    of the statuses `refused`. `before` prepares the empty page; `until` is there when it is."""
    contexts: list[Any] = []
    errors: list[str] = []
    expected: set[int] = set()

    def open_page(
        url: str,
        *,
        refused: Collection[int] = (),
        until: str = "#generate:has-text('·')",
        before: Callable[[Page], object] = lambda _: None,
        **options: Any,
    ) -> Page:
        context = chromium.new_context(**{**USUAL, **options})
        contexts.append(context)
        expected.update(refused)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        context.on(
            "console",
            lambda message: (
                errors.append(message.text)
                if message.type == "error" and message.text not in KNOWN_NOISE
                else None
            ),
        )
        page = context.new_page()
        before(page)
        page.goto(url)
        page.wait_for_selector(until, timeout=30_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    known = ["net::ERR_", *(f"responded with a status of {status} " for status in expected)]
    assert not [error for error in errors if not any(one in error for one in known)]
