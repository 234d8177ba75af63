"""Chromium, to look at the program's page."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# what Gradio itself logs to the console on a page of ours
KNOWN_NOISE = ("Method not implemented.",)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not shutil.which(CHROMIUM):
        if os.environ.get("CI"):
            pytest.fail(f"no browser at {CHROMIUM}")
        pytest.skip(f"no browser at {CHROMIUM}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """``visit(url, locale=…, …)`` opens the page as a new visitor; what the page logs as an error
    fails the test."""
    contexts: list[Any] = []
    errors: list[str] = []

    def open_page(url: str, **options: Any) -> Page:
        context = chromium.new_context(
            **{"locale": "en-US", "viewport": {"width": 1440, "height": 1000}, **options}
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda message: (
                errors.append(message.text)
                if message.type == "error" and message.text not in KNOWN_NOISE
                else None
            ),
        )
        page.goto(url)
        page.wait_for_selector("#generate:has-text('·')", timeout=30_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not [error for error in errors if "net::ERR_" not in error]  # a server may be stopped
