"""Chromium on the benchmarked page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, ViewportSize, sync_playwright

from ..browser.conftest import FLAGS, chromium_path

READY = "#generate:has-text('·')"  # the page knows its prices: all its scripts have run
VIEWPORT: ViewportSize = {"width": 1440, "height": 1000}
HERE = Path(__file__).parent


@contextmanager
def visitor() -> Iterator[BrowserContext]:
    """A new one each time: nothing is in the cache."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        yield browser.new_context(viewport=VIEWPORT, locale="en-US")
        browser.close()


def page_with(context: BrowserContext, script: str) -> Page:
    """An empty page, on which `script` (a file here) runs before any other."""
    page = context.new_page()
    page.add_init_script(path=HERE / script)
    return page
