"""A page that hears what a test says, so that any state of it can be shown and stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.sync_api import Locator, Page, expect

from kling_ui.task import State
from kling_ui.text import Lang, Text
from kling_ui.ui.words import SCRIPT

from .sample import Sample

Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
SIZE = "[innerWidth, innerHeight, document.documentElement.scrollHeight]"
SCROLL = "y => { scrollTo(0, y); return scrollY; }"
LAYERS = "dialog[open], #present, #present-sorry"

# The studio's event stream as a page sees it: open, and silent until it is told something.
STREAM = """
(() => {
  const Real = window.EventSource;
  window.EventSource = class extends EventTarget {
    static OPEN = 1;
    static CLOSED = 2;
    readyState = 1;
    constructor(url) {
      super();
      if (!String(url).includes("/studio/events")) return new Real(url);
      window.studio = this;
    }
    close() {}
  };
})();
"""
SAY = """message => studio.dispatchEvent(new MessageEvent("page",
  { data: JSON.stringify(message), lastEventId: "m-1" }))"""
PAINT = "theme => { kling.stored.set('theme', theme); kling.paintTheme(); }"
TIMER = """([wait, instead]) => {
  const real = window.setTimeout;
  window.setTimeout = (act, ms, ...more) => {
    if (ms !== wait) return real(act, ms, ...more);
    return instead === null ? 0 : real(act, instead, ...more);
  };
}"""
STILL = """async () => {
  await Promise.all(document.getAnimations()
    .filter((one) => one.effect?.getComputedTiming().endTime < 1e5)
    .map((one) => one.finished.catch(() => {})));
}"""
# Pictures far below are loaded late.
DRAW = """async () => {
  const images = [...document.images].filter((one) => one.checkVisibility());
  for (const one of images) one.loading = "eager";
  await Promise.all(images.map((one) => one.decode().catch(() => {})));
}"""
# What sticks to the window would lie in the middle of a picture of the whole page.
LAY_DOWN = """() => {
  for (const one of document.querySelectorAll("body *")) {
    if (getComputedStyle(one).position === "sticky") one.style.position = "static";
  }
}"""


@dataclass
class Scene:
    """`page` shows the program with an empty history until something is said."""

    page: Page
    sample: Sample
    lang: Lang

    def words(self, en: str, zh: str) -> str:
        return Text(en, zh).of(self.lang)

    def said(self, name: str) -> str:
        """What the page's scripts say by this name."""
        return SCRIPT[name].of(self.lang)

    def say(self, *names: str, **beside: Any) -> None:
        """The history is these pieces of the sample; `beside` stands beside them in the event."""
        cards = self.sample.cards[self.lang]
        told = [cards[name] for name in names]
        running = [one for one in told if not one["over"] and one["state"] != State.UNCONFIRMED]
        ahead = {self.sample.ids["waiting"]: 3}
        head = {"now": self.sample.now, "spent": ["$0.21"], "waiting": ahead, "notice": ""}
        self.page.evaluate(
            SAY, {"tasks": told, "older": "", "running": len(running)} | head | beside
        )
        self.settle()

    def card(self, name: str) -> Locator:
        card = self.sample.cards[self.lang][name]
        prompt = card["request"].get("prompt") or self.said("found_again")
        return self.page.locator(f'#feed .card[title="{prompt}"]')

    def select(self, name: str) -> None:
        """The task or comparison stands on the stage, with its pictures."""
        self.card(name).last.click()
        self.settle()

    def settle(self) -> None:
        """The gallery shows what was asked for."""
        expect(self.page.locator("#stage.stale")).to_have_count(0)

    def timer(self, wait: int, *, instead: int | None) -> None:
        """What is to happen after `wait` milliseconds happens after others, or never."""
        self.page.evaluate(TIMER, [wait, instead])

    def themes(self) -> Iterator[Theme]:
        """One after the other, in place; nothing moves any more."""
        for theme in THEMES:
            self.page.evaluate(PAINT, theme)
            self.page.evaluate(STILL)
            yield theme

    def photograph(self, path: Path, *, tallest: int) -> None:
        """The page from its top, window by window: a picture of all at once is drawn as if on no
        phone. Where a layer lies over the page it is the window."""
        self.page.evaluate(DRAW)
        if self.page.locator(LAYERS).count():
            self.page.screenshot(path=path)
            return
        self.page.evaluate(LAY_DOWN)
        size: Any = self.page.evaluate(SIZE)
        picture = Image.new("RGB", (size[0], min(size[2], tallest)))
        for y in range(0, picture.height, size[1]):
            reached: Any = self.page.evaluate(SCROLL, y)
            with Image.open(BytesIO(self.page.screenshot())) as window:
                picture.paste(window, (0, round(reached)))
        self.page.evaluate(SCROLL, 0)
        picture.save(path)
