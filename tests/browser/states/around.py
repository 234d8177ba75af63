"""Around the page's rooms: the header, the banner, the settings, the presentation."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from kling_ui.studio.allowance import NONE_LEFT
from kling_ui.studio.keys import REJECTED
from kling_ui.studio.studio import DISK_TIGHT

from .pieces import MAIN
from .registry import state
from .scene import Scene

LIVE = "Object.assign(kling, { live: true, host: 'api-singapore.klingai.com', banner: null })"
CALM, MISSED = 3000, 3000  # milliseconds: of the presentation, and until a loss is told


# the banner and the header


@state()
def offline(scene: Scene) -> None:
    scene.timer(MISSED, instead=0)
    scene.say(*MAIN)
    scene.page.evaluate("studio.onerror()")
    expect(scene.page.locator("#banner.error")).to_be_visible()


@state(spoils=False)
def disk_full(scene: Scene) -> None:
    scene.say(*MAIN, notice=DISK_TIGHT.of(scene.lang))
    expect(scene.page.locator("#banner.notice")).to_be_visible()


@state()
def live(scene: Scene) -> None:
    scene.page.evaluate(LIVE)
    scene.say(*MAIN)
    expect(scene.page.locator("#pill-account.live")).to_be_visible()


@state()
def forgets(scene: Scene) -> None:
    """A Space without storage."""
    scene.page.evaluate("kling.forgets = true")
    scene.say(*MAIN)
    expect(scene.page.locator("#banner-read")).to_be_visible()


@state()
def used_up(scene: Scene) -> None:
    """Nothing is left today of the key that the studio shares."""
    scene.page.evaluate(LIVE)
    scene.say(*MAIN, left={"left": 0, "of": 10})
    text = NONE_LEFT.fill(limit=10).of(scene.lang)
    scene.page.evaluate("text => kling.report({ task: '', problems: { '': text } })", text)
    expect(scene.page.locator("#problems .add-key")).to_be_visible()


# the settings


def _opened(scene: Scene) -> None:
    scene.say(*MAIN)
    scene.page.click("#pill-settings")
    expect(scene.page.locator("#drawer table").first).to_be_visible()


@state(spoils=False)
def settings(scene: Scene) -> None:
    _opened(scene)


@state(spoils=False)
def settings_scrolled(scene: Scene) -> None:
    _opened(scene)
    scene.page.locator("#drawer .toggle").last.scroll_into_view_if_needed()
    scene.page.evaluate("document.querySelector('#drawer').scrollTo(0, 1e6)")


CHECKED = {
    "answered": True, "accepted": True, "trouble": "", "milliseconds": 231, "listing": True,
    "lookup": None, "deduction": False,
}  # fmt: skip


@state()
def checked(scene: Scene) -> None:
    """The connection, and a task that cannot be adopted."""
    page = scene.page
    page.evaluate(LIVE)
    page.route("**/account/check", lambda route: route.fulfill(body=json.dumps(CHECKED)))
    _opened(scene)
    page.locator("#drawer section >> nth=0").get_by_role("button").click()
    expect(page.locator("#drawer dl.facts").first).to_be_visible()
    page.fill("#adopt-id", "no such id")
    page.keyboard.press("Enter")
    expect(page.locator("#adopt-problem")).not_to_be_empty()


@state()
def a_key_is_refused(scene: Scene) -> None:
    page = scene.page
    body = json.dumps({"problem": REJECTED.of(scene.lang)})
    page.route("**/studio/key", lambda route: route.fulfill(body=body))
    scene.say(*MAIN)
    page.click("#banner-add-key")
    page.fill("#key-field", "sk-no-such-key")
    page.click("#key-use")
    expect(page.locator("#key-problem")).not_to_be_empty()


@state()
def a_key_of_ones_own(scene: Scene) -> None:
    scene.page.evaluate(LIVE)
    scene.page.evaluate("kling.own_key = true")
    _opened(scene)
    expect(scene.page.locator("#key-forget")).to_be_visible()


@state()
def settings_unheard(scene: Scene) -> None:
    scene.page.route("**/studio/account?*", lambda route: route.abort())
    scene.say(*MAIN)
    scene.page.click("#pill-settings")
    expect(scene.page.locator("#drawer .account .problem")).to_be_visible()


# the presentation


@state()
def presenting(scene: Scene) -> None:
    scene.timer(CALM, instead=None)
    scene.say(*MAIN)
    scene.select("four")
    scene.page.click("#pill-present")
    expect(scene.page.locator("#present.greeting .caption")).to_be_visible()


@state()
def nothing_to_present(scene: Scene) -> None:
    scene.timer(4000, instead=None)
    scene.say(*MAIN)
    scene.select("rejected")
    scene.page.click("#pill-present")
    expect(scene.page.locator("#present-sorry")).to_be_visible()
