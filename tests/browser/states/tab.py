"""The page that is brought into one state after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Page

from kling_ui.text import Lang

from .. import axe
from .registry import STATES
from .sample import Sample
from .scene import STREAM, Scene

LOCALES: dict[Lang, str] = {"en": "en-US", "zh": "zh-CN"}
HEIGHTS = {1440: 1000, 1024: 900, 390: 844}  # of a window of this width
PHONE = {"has_touch": True, "is_mobile": True}
FORGET = "for (const kept of [localStorage, sessionStorage]) kept.clear();"
# what is out of sight is looked at as well
DRAWN = "#feed .card { content-visibility: visible !important; }"


@dataclass
class Tab:
    """One page at a time, loaded again once a state has spoiled it, in a browser of its own for
    each language and width."""

    url: str
    sample: Sample
    browser: Browser
    looks: tuple[Lang, int] | None = None
    page: Page | None = None
    clean: bool = False

    def show(self, name: str, lang: Lang, width: int) -> Scene:
        """The page in this language and width, in the state of this name."""
        page = self._page(lang, width)
        if self.clean:
            _leave(page)
        else:
            self._load(page)
        self.clean = False  # until it is known to be
        scene, state = Scene(page, self.sample, lang), STATES[name]
        state.arrange(scene)
        if not state.points:
            page.mouse.move(0, 0)
        self.clean = not state.spoils
        return scene

    def _page(self, lang: Lang, width: int) -> Page:
        if self.page is None or self.looks != (lang, width):
            self.close()
            self.page, self.looks = self._opened(lang, width), (lang, width)
        return self.page

    def _opened(self, lang: Lang, width: int) -> Page:
        options: dict[str, Any] = PHONE if width < 600 else {}
        context = self.browser.new_context(
            locale=LOCALES[lang],
            viewport={"width": width, "height": HEIGHTS[width]},
            reduced_motion="reduce",
            **options,
        )
        for script in (FORGET, STREAM):
            context.add_init_script(script)
        axe.bring(context)
        return context.new_page()

    def _load(self, page: Page) -> None:
        """As on a first visit."""
        page.unroute_all()
        page.goto(self.url)
        page.wait_for_selector("#generate:has-text('·')", timeout=30_000)
        page.wait_for_function("window.studio")
        page.add_style_tag(content=DRAWN)

    def close(self) -> None:
        if self.page:
            self.page.context.close()
        self.page, self.clean = None, False


def _leave(page: Page) -> None:
    """As a person leaves a question, a drawer, a choice."""
    for _ in range(2):
        page.keyboard.press("Escape")
