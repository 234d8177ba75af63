"""The presentation, in Chromium: keys, clicks, fingers, and the way back."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from ..program import Program
from .stream import CARD, saying

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def pictures(*letters: str) -> dict[str, Any]:
    found = [{"id": letter * 32, "w": 1280, "h": 720} for letter in letters]
    return {"state": "succeeded", "pictures": found, "n": len(found)}


FOX = pictures("a", "b", "c") | {"request": {"prompt": "a paper fox"}}
LAKE = pictures("d") | {"request": {"prompt": "a lake"}, "starred": True}
OLD = CARD | pictures("e") | {"id": "e" * 32, "request": {"prompt": "an old one"}, "starred": True}


def shows(*cards: dict[str, Any], **answers: Any) -> Callable[[Page], None]:
    """A page that will hear of these cards; `starred`: what its list of starred ones holds, and
    `gone`: the picture that no longer is."""
    file = io.BytesIO()
    Image.new("RGB", (1280, 720), "teal").save(file, "PNG")

    def picture(route: Route) -> None:
        if f"/{answers.get('gone', '-') * 32}" in route.request.url:
            route.fulfill(status=404)
        else:
            route.fulfill(body=file.getvalue(), content_type="image/png")

    def before(page: Page) -> None:
        saying(*cards)(page)
        page.route("**/studio/pictures/**", picture)
        starred = json.dumps({"tasks": answers.get("starred", []), "older": ""})
        page.route(re.compile("filter=starred"), lambda route: route.fulfill(body=starred))

    return before


def present(page: Page) -> None:
    """By its key, once there is something to be seen."""
    expect(page.locator("#feed .card").first).to_be_visible()
    page.keyboard.press("p")


def shown(page: Page) -> Any:
    return page.locator("#present img")


def expect_shown(page: Page, letter: str) -> None:
    expect(shown(page)).to_have_attribute("src", re.compile(rf"/{letter * 32}(/1280)?$"))


def test_p_presents_the_selected_task_and_keys_lead_through_it(app: Program, visit: Visit) -> None:
    page = visit(app.url, before=shows(FOX, LAKE))
    present(page)
    expect(page.locator("#present")).to_be_focused()
    expect(page.locator("#present .caption")).to_have_text("a paper fox")
    for key, letter in (
        ("", "a"), ("ArrowRight", "b"), (" ", "c"), ("ArrowRight", "a"), ("ArrowLeft", "c"),
        ("Shift+Space", "b"), ("Home", "a"), ("End", "c"), ("PageUp", "b"),
    ):  # fmt: skip
        if key:
            page.keyboard.press(key)
        expect_shown(page, letter)


def test_the_original_follows_its_rendition(app: Program, visit: Visit) -> None:
    page = visit(app.url, before=shows(FOX))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.partition("/pictures/")[2]))
    present(page)
    expect(shown(page)).to_have_attribute("src", re.compile("a{32}$"))
    order = [asked.index(one) for one in ("a" * 32 + "/1280", "a" * 32)]
    assert order == sorted(order)
    assert {letter * 32 + "/1280" for letter in "bc"} <= {*asked}  # the neighbours are here


def test_escape_ends_it_and_the_focus_is_where_it_was(app: Program, visit: Visit) -> None:
    page = visit(app.url, before=shows(FOX))
    page.focus("#feed .card")
    present(page)
    expect(page.locator("#present")).to_be_focused()
    assert page.evaluate(
        "document.querySelector('gradio-app, .gradio-container').closest('[inert]')"
    )
    page.keyboard.press("Escape")
    expect(page.locator("#present")).to_have_count(0)
    expect(page.locator("#feed .card")).to_be_focused()
    assert page.evaluate("!document.querySelector('body > [inert]') && !document.fullscreenElement")


def test_it_fills_the_screen_and_leaving_that_ends_it(app: Program, visit: Visit) -> None:
    page = visit(app.url, before=shows(FOX))
    page.click("#pill-present")
    page.wait_for_function("document.fullscreenElement?.id === 'present'")
    page.evaluate("document.exitFullscreen()")
    expect(page.locator("#present")).to_have_count(0)
    expect(page.locator("#pill-present")).to_be_focused()


def test_no_key_reaches_the_page_behind(app: Program, visit: Visit) -> None:
    page = visit(app.url, before=shows(FOX))
    asked: list[str] = []
    present(page)
    expect(page.locator("#present")).to_be_visible()
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.press("Control+Enter")
    page.keyboard.press("/")
    page.wait_for_timeout(300)
    assert not [url for url in asked if "/run/" in url or "/queue/" in url]
    expect(page.locator("#present")).to_be_focused()


def test_p_is_a_letter_where_one_types(app: Program, visit: Visit) -> None:
    page = visit(app.url, before=shows(FOX))
    page.fill("#field-prompt textarea", "")
    page.type("#field-prompt textarea", "pP")
    expect(page.locator("#field-prompt textarea")).to_have_value("pP")
    expect(page.locator("#present")).to_have_count(0)
    page.locator("#field-prompt textarea").blur()
    page.keyboard.press("Control+p")
    expect(page.locator("#present")).to_have_count(0)


def test_starred_ones_are_presented_also_those_that_are_not_on_the_page(
    app: Program, visit: Visit
) -> None:
    page = visit(app.url, before=shows(FOX, LAKE, starred=[OLD, CARD | FOX | {"id": "f" * 32}]))
    page.keyboard.press("Shift+P")
    expect(page.locator("#present .caption")).to_have_text(re.compile("a lake|an old one"))
    seen = set()
    for _ in range(2):
        seen.add(page.locator("#present .caption").text_content())
        page.keyboard.press("ArrowRight")
    assert seen == {"a lake", "an old one"}
    present(page)
    expect(page.locator("#present .caption")).to_have_text("a paper fox")


def test_the_first_moment_has_a_switch_and_a_way_out(app: Program, visit: Visit) -> None:
    page = visit(app.url, before=shows(FOX, LAKE))
    page.click("#pill-present")
    bar = page.locator("#present .bar")
    expect(bar.get_by_role("button", name="This task")).to_have_attribute("aria-pressed", "true")
    bar.get_by_role("button", name="Starred").click()
    expect(page.locator("#present .caption")).to_have_text("a lake")
    expect(bar.get_by_role("button", name="Starred")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowRight")
    expect(bar).to_be_hidden()
    page.mouse.click(720, 500)  # the middle brings it back
    bar.get_by_role("button", name="Close").click()
    expect(page.locator("#present")).to_have_count(0)


def test_the_words_fade_and_come_back(app: Program, visit: Visit) -> None:
    page = visit(app.url, before=shows(FOX))
    present(page)
    caption = page.locator("#present .caption")
    expect(caption).to_be_visible()
    expect(caption).to_be_hidden()
    expect(page.locator("#present .bar")).to_be_hidden()
    page.mouse.move(300, 300)
    page.mouse.move(320, 320)
    expect(caption).to_be_visible()
    expect(page.locator("#present .bar")).to_be_hidden()


def test_clicks_on_the_sides_lead_through_it(app: Program, visit: Visit) -> None:
    page = visit(app.url, before=shows(FOX))
    present(page)
    expect_shown(page, "a")
    for x, letter in ((1400, "b"), (1400, "c"), (40, "b"), (720, "b")):
        page.mouse.click(x, 500)
        expect_shown(page, letter)


def swipe(page: Page, x: int, y: int) -> None:
    """A finger that goes so far from the middle."""
    touch = page.context.new_cdp_session(page)
    for kind, part in (("Start", 0.0), ("Move", 0.5), ("Move", 1.0), ("End", None)):
        at = [] if part is None else [{"x": 195 + x * part, "y": 400 + y * part}]
        touch.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": at})


def test_a_finger_leads_through_it_and_out(app: Program, visit: Visit) -> None:
    page = visit(app.url, before=shows(FOX), **PHONE)
    page.tap("#pill-present")
    expect_shown(page, "a")
    page.touchscreen.tap(370, 400)
    expect_shown(page, "b")
    swipe(page, -150, 10)
    expect_shown(page, "c")
    swipe(page, 150, 10)
    expect_shown(page, "b")
    page.touchscreen.tap(20, 400)
    expect_shown(page, "a")
    box = page.locator("#present").bounding_box()
    assert (box["width"], box["height"]) == (390, 844)
    swipe(page, 10, 200)
    expect(page.locator("#present")).to_have_count(0)


def test_a_picture_that_is_gone_is_passed_over(app: Program, visit: Visit) -> None:
    page = visit(app.url, refused=[404], before=shows(FOX, gone="a"))
    present(page)
    expect_shown(page, "b")
    page.keyboard.press("End")
    expect_shown(page, "c")
    page.keyboard.press("ArrowRight")
    expect_shown(page, "b")


@pytest.mark.parametrize(
    ("key", "locale", "sentence"),
    [
        ("p", "en-US", "There is no picture to show here yet."),
        ("Shift+P", "en-US", "No picture is starred yet."),
        ("p", "zh-CN", "这里还没有可展示的图片。"),
    ],
)
def test_where_there_is_nothing_to_show_it_is_said_and_the_page_stays(
    app: Program, visit: Visit, key: str, locale: str, sentence: str
) -> None:
    page = visit(app.url, locale=locale, before=shows({"state": "cancelled"}))
    page.wait_for_selector("#feed .card")
    page.keyboard.press(key)
    expect(page.locator("#present-sorry")).to_have_text(sentence)
    expect(page.locator("#present")).to_have_count(0)
    expect(page.locator("#present-sorry")).to_have_count(0)


def test_less_motion_is_respected(app: Program, visit: Visit) -> None:
    page = visit(app.url, before=shows(FOX), reduced_motion="reduce")
    present(page)
    moves = "getComputedStyle(document.querySelector('#present img')).animationName"
    assert page.evaluate(moves) == "none"


def test_a_comparison_is_presented_whole_row_by_row(app: Program, visit: Visit) -> None:
    place = {"comparison": "9" * 32, "row_label": "", "column_label": ""}
    cells = [
        pictures(letter) | {"cell": place | {"row": row, "column": column}}
        for letter, row, column in (("d", 1, 1), ("a", 0, 0), ("c", 1, 0), ("b", 0, 1))
    ]
    page = visit(app.url, refused=[404], before=shows(*cells))
    present(page)
    for letter in "abcd":
        expect_shown(page, letter)
        page.keyboard.press("ArrowRight")
