"""The settings' drawer, the header and what calls a person back, in Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from ..conftest import Kling
from ..program import Program
from .stream import CARD, saying

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
Start = Callable[..., Program]
DONE = 60_000  # milliseconds for a task to end
ACCOUNT = re.compile(r"/studio/account(\?|$)")


def opened(page: Page) -> Any:
    page.click("#pill-settings")
    drawer = page.locator("#drawer")
    expect(drawer).to_be_visible()
    return drawer


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id"))


def room(page: Page, name: str) -> Any:
    return page.locator(f"#drawer section[aria-label='{name}']")


def test_the_drawer_closes_by_escape_a_click_outside_and_its_button(
    app: Program, visit: Visit
) -> None:
    page = visit(app.url)
    for leave in (
        lambda: page.keyboard.press("Escape"),
        lambda: page.mouse.click(200, 500),
        lambda: page.click("#drawer .close"),
    ):
        drawer = opened(page)
        leave()
        expect(drawer).to_have_count(0)
        assert focused(page) == "pill-settings"


def test_a_press_that_began_inside_does_not_close_the_drawer(app: Program, visit: Visit) -> None:
    page = visit(app.url, reduced_motion="reduce")  # it is there at once
    drawer = opened(page)
    page.mouse.move(1200, 200)
    page.mouse.down()
    page.mouse.move(300, 200)
    page.mouse.up()
    expect(drawer).to_be_visible()


def test_the_keyboard_stays_inside_and_no_key_reaches_the_form(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    page.fill("#field-prompt textarea", "never from the drawer")
    opened(page)
    expect(room(page, "Prices in use")).to_be_visible()
    for _ in range(30):
        page.keyboard.press("Tab")
        inside = (
            "document.activeElement.closest('#drawer') || document.activeElement === document.body"
        )
        assert page.evaluate(f"Boolean({inside})")
    page.focus("#adopt-id")
    page.keyboard.press("Control+Enter")
    page.keyboard.press("p")
    page.keyboard.press("Escape")
    expect(page.locator("#present")).to_have_count(0)
    expect(page.locator("#feed .card", has_text="never from the drawer")).to_have_count(0)


def test_the_connection_is_checked(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    opened(page)
    connection = room(page, "Connection")
    expect(connection).to_contain_text("Live: new tasks go to 127.0.0.1")
    connection.get_by_role("button", name="Check connection").click()
    facts = connection.locator("dl")
    expect(facts).to_contain_text(re.compile(r"Answered\s*yes\s*Key accepted\s*yes\s*Latency"))
    expect(facts).to_contain_text(re.compile(r"\d+ ms"))
    expect(connection.get_by_role("button")).to_be_enabled()


def test_a_task_made_elsewhere_is_adopted_and_stands_on_the_stage(
    app: Program, kling_server: Kling, visit: Visit
) -> None:
    made = httpx.post(
        f"{kling_server.url}/kling/v1/images/generations",
        headers={"authorization": "Bearer good-key"},
        json={"model_name": "kling-v2-1", "prompt": "made elsewhere"},
    ).json()["data"]["task_id"]
    page = visit(app.url, locale="zh-CN")
    page.fill("#field-prompt textarea", "newer than that")
    page.click("#generate")
    expect(page.locator("#feed .card.selected")).to_contain_text("newer than that")
    drawer = opened(page)
    page.fill("#adopt-id", "no such id")
    page.keyboard.press("Enter")
    expect(page.locator("#adopt-problem")).to_contain_text("这不是任务 ID")
    assert focused(page) == "adopt-id"
    page.fill("#adopt-id", f" {made} ")
    expect(page.locator("#adopt-problem")).to_be_empty()
    page.get_by_role("button", name="导入", exact=True).click()
    expect(drawer).to_have_count(0)
    expect(page.locator("#feed .card.selected")).to_contain_text("从可灵找回")
    expect(page.locator("#stage-state")).to_have_text(re.compile("已完成"), timeout=DONE)
    page.click("#act-details")
    expect(page.locator("#stage-details")).to_contain_text(made)


def test_a_demo_says_that_nothing_was_charged_and_whose_prices_are_in_use(
    program: Start, visit: Visit, tmp_path: Path
) -> None:
    models = {"kling-v2-1": {"text": 1.5, "picture": 2}, "house": 3}
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({"demo": {"currency": "EUR", "models": models}}), "utf-8")
    app = program(KLING_UI_PRICES=str(prices), KLING_UI_ASK_PICTURES="5", KLING_UI_ASK_PRICE="1000")
    page = visit(app.url)
    page.fill("#field-prompt textarea", "a demo's picture")
    page.click("#generate")
    card = page.locator("#feed .card", has_text="a demo's picture")
    expect(card.locator(".state.ok")).to_be_visible(timeout=DONE)
    opened(page)
    spending = room(page, "Spending")
    expect(spending).to_contain_text("Nothing was charged.")
    expect(spending.locator("dl")).to_have_text(
        re.compile(r"Today\s*€1.50\s*Last 7 days\s*€1.50\s*Last 30 days\s*€1.50")
    )
    expect(spending.locator("tbody tr")).to_have_text(re.compile(r"kling-v2-1Demo\s*1\s*1\s*€1.50"))
    expect(room(page, "Files")).to_contain_text(re.compile(r"1 picture, [\d.]+ MB"))
    expect(room(page, "Files")).to_contain_text(str(tmp_path / "data"))
    told = room(page, "Prices in use")
    expect(told).to_contain_text("KLING_UI_PRICES")
    expect(told.locator("tr", has_text="house")).to_contain_text(re.compile("€3.00.*€3.00"))
    expect(told.locator("tr", has_text="kling-v3")).to_contain_text("unknown")
    expect(room(page, "In this browser")).to_contain_text("more than 5 pictures or €1,000.00")
    with page.expect_download() as download:
        spending.get_by_role("link", name="Export CSV").click()
    assert download.value.suggested_filename == "kling-spending.csv"
    assert 'kling-v2-1,1,1,1.5,EUR,,"no, demo"' in Path(download.value.path()).read_text("utf-8")
    page.close()


def test_what_the_browser_keeps_outlives_a_reload(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    page.click("#field-n label:has-text('3')")
    page.click("#field-aspect_ratio label:has-text('1:1')")
    opened(page)
    own = room(page, "In this browser")
    page.click("text=Use the current form as default")
    expect(own).to_contain_text("The form begins with kling-v2-1 · 1:1 · 3 images.")
    page.click("text=Include settings in downloaded files")
    page.reload()
    page.wait_for_selector("#generate:has-text('·')")
    kept = page.evaluate("[kling.stored.get('defaults'), kling.stored.get('embed')]")
    assert json.loads(kept[0]) == {"model_name": "kling-v2-1", "aspect_ratio": "1:1", "n": 3}
    assert kept[1] == "off"
    opened(page)
    expect(own).to_contain_text("kling-v2-1 · 1:1 · 3 images")
    expect(own.get_by_role("switch", name="Include settings")).not_to_be_checked()
    page.click("#drawer >> text=Reset")
    expect(own).to_contain_text("the studio's own defaults")
    assert not page.evaluate("kling.stored.get('defaults')")


def test_a_studio_that_does_not_answer_may_be_asked_again(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    page.route(ACCOUNT, lambda route: route.abort())
    opened(page)
    expect(page.locator("#drawer .account")).to_contain_text("The studio did not answer.")
    page.unroute(ACCOUNT)
    page.click("text=Try again")
    expect(room(page, "Files")).to_be_visible()


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_on_a_telephone_the_drawer_is_the_page_and_nothing_scrolls_sideways(
    app: Program, visit: Visit, locale: str
) -> None:
    size = {"width": 390, "height": 844}
    page = visit(app.url, locale=locale, viewport=size, has_touch=True, is_mobile=True)
    for pill in ("#pill-account", "#pill-language", "#pill-theme", "#pill-present"):
        expect(page.locator(pill)).to_be_in_viewport()
    drawer = opened(page)
    expect(page.locator("#drawer table").last).to_be_visible()
    page.wait_for_timeout(400)  # it slides in
    assert drawer.bounding_box()["width"] == 390
    for element in ("document.documentElement", "document.querySelector('#drawer')"):
        assert page.evaluate(f"{element}.scrollWidth <= 390")


# what calls a person back

HIDDEN = """
  window.hiddenNow = true;
  Object.defineProperty(document, "hidden", { get: () => window.hiddenNow });
  window.told = [];
  window.Notification = class {
    static permission = "granted";
    static requestPermission = async () => "granted";
    constructor(title, options) { window.told.push([title, options, this]); }
    close() {}
  };
"""
RUNNING = {"state": "processing", "over": False, "ended": None, "sent": 9}


def behind(*states: str, wished: str = "on") -> Callable[[Page], None]:
    """A page in the background, with a task that runs and then is in each of the states."""

    def before(page: Page) -> None:
        page.add_init_script(HIDDEN + f"localStorage.setItem('kling.notify', '{wished}');")
        then = [
            CARD
            | {"id": str(k) * 32, "revision": 2, "state": state}
            | {"request": {"prompt": f"task {k}"}}
            | {"pictures": [{"id": "f" * 32, "w": 4, "h": 3}] if state == "succeeded" else []}
            for k, state in enumerate(states)
        ]
        saying(*[RUNNING for _ in states], then=then)(page)
        page.route("**/studio/pictures/**", lambda route: route.fulfill(status=204))

    return before


def test_the_title_counts_what_finished_behind_ones_back(app: Program, visit: Visit) -> None:
    page = visit(app.url, before=behind("succeeded", "failed", "cancelled"))
    expect(page).to_have_title("(2) Kling Image Studio")
    page.evaluate("hiddenNow = false; document.dispatchEvent(new Event('visibilitychange'))")
    expect(page).to_have_title("Kling Image Studio")


def test_a_notification_tells_of_it_and_leads_there(app: Program, visit: Visit) -> None:
    page = visit(app.url, before=behind("failed", "succeeded"))
    page.wait_for_function("told.length === 2")
    told = page.evaluate("told.map(([title, { body, icon }]) => [title, body, icon])")
    assert told[0] == ["Failed", "task 0", None]
    assert told[1][:2] == ["Succeeded", "task 1"]
    assert told[1][2] == f"{app.url}/gradio_api/studio/pictures/{'f' * 32}/480"
    page.evaluate("told[1][2].onclick()")
    expect(page.locator("#feed .card.selected")).to_contain_text("task 1")
    page.evaluate("told[0][2].onclick()")
    expect(page.locator("#feed .card.selected")).to_contain_text("task 0")


def test_nobody_is_told_who_did_not_wish_it(app: Program, visit: Visit) -> None:
    page = visit(app.url, before=behind("succeeded", wished="off"))
    expect(page).to_have_title("(1) Kling Image Studio")
    assert page.evaluate("told.length") == 0


def test_notifications_are_turned_on_only_with_the_browsers_leave(
    app: Program, visit: Visit
) -> None:
    page = visit(app.url, before=lambda page: page.add_init_script(HIDDEN))
    opened(page)
    switch = page.get_by_role("switch", name="Notify me")
    switch.check()
    assert page.evaluate("kling.stored.get('notify')") == "on"
    switch.uncheck()
    page.evaluate("Notification.requestPermission = async () => 'denied'")
    switch.click()
    expect(switch).not_to_be_checked()
    expect(page.locator("#drawer .toggle:has-text('Notify')")).to_contain_text("does not allow")
    assert page.evaluate("kling.stored.get('notify')") == "off"
