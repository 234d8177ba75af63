"""The history: filtered, searched, chosen from, and not to be had."""

from __future__ import annotations

from playwright.sync_api import expect

from .pieces import MAIN, PIECES
from .registry import state
from .scene import Scene

FILTERS = "#feed .bar .pill"
ALL, RUNNING, STARRED, FAILED = range(4)  # as they stand


@state(spoils=False, points=True)
def pointed_at(scene: Scene) -> None:
    """A card below the mouse, with what can be done about its task."""
    scene.say(*MAIN)
    scene.card("rejected").hover()


@state()
def filtered(scene: Scene) -> None:
    scene.say(*PIECES)
    scene.page.locator(FILTERS).nth(FAILED).click()
    expect(scene.card("rejected")).to_be_visible()
    expect(scene.card("four")).to_have_count(0)


@state()
def nothing_starred(scene: Scene) -> None:
    scene.say("one", "cave")
    scene.page.locator(FILTERS).nth(STARRED).click()
    expect(scene.page.locator("#feed .empty")).to_be_visible()


@state()
def nothing_found(scene: Scene) -> None:
    scene.say(*PIECES)
    scene.page.fill("#history-search", scene.words("no such thing", "没有这样的图片"))
    expect(scene.page.locator("#feed .empty")).to_be_visible()


@state()
def older(scene: Scene) -> None:
    """There is more, and it could not be loaded."""
    scene.page.route("**/studio/tasks*", lambda route: route.fulfill(status=500))
    scene.say(*PIECES, older=f"1.0-{'0' * 32}")
    scene.page.locator("#feed > .pill").click()
    expect(scene.page.locator("#feed > .pill")).to_have_text(scene.said("not_loaded"))


def _choose(scene: Scene, *names: str) -> None:
    scene.say(*PIECES)
    scene.page.click("#feed .choose")
    for name in names:
        scene.card(name).last.click()
    expect(scene.page.locator("#feed .card.chosen")).to_have_count(len(names))
    scene.page.evaluate("scrollTo(0, 0)")


@state(spoils=False)
def choosing(scene: Scene) -> None:
    _choose(scene, "four", "rejected", "done-0-0", "processing")


@state(spoils=False)
def refused(scene: Scene) -> None:
    """Nothing of what is chosen can be deleted."""
    _choose(scene, "processing")
    scene.page.click("#feed .tray .pill >> nth=1")
    expect(scene.page.locator("#feed .tray b")).not_to_contain_text("1")


@state(spoils=False)
def deleting(scene: Scene) -> None:
    """Several, of which one may be charged and one runs."""
    _choose(scene, "four", "unconfirmed", "processing")
    scene.page.click("#feed .tray .pill >> nth=1")
    expect(scene.page.locator("#sure")).to_be_visible()
