"""Tasks that brought nothing, or may not have, and what a person does about them, in Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from kling_ui.simulator import Options, build
from kling_ui.simulator.options import Fault

from ..conftest import Kling, served
from ..program import Program, app_at
from .stream import EVENTS, saying, stream
from .test_page import DONE, ask, card, posts

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
PRESSES = "**/gradio_api/run/predict*"
HOSTILE = '<img src=x onerror="document.title=1"> "n" <b>bad</b> Bearer sk-abcdef123456'


def moody(moment: str, asked: Mapping[str, Any]) -> Fault | None:
    """A Kling that answers some prompts with nothing, or with no good words."""
    prompt = asked["body"].get("prompt", "") if moment == "create" else ""
    if "lost" in prompt:
        return Fault(status=504)
    if "hostile" in prompt:
        body = json.dumps({"code": 1201, "message": HOSTILE, "request_id": "r-1"}).encode()
        return Fault(status=400, body=body, content_type="application/json")
    return None


@pytest.fixture(scope="module")
def moody_kling() -> Iterator[Kling]:
    app = build(Options(seconds=(0.2, 0.4), faults=moody))
    with served(app) as url:
        yield Kling(url, app)


@pytest.fixture(scope="module")
def studio(moody_kling: Kling, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    program = app_at(
        tmp_path_factory.mktemp("moody"),
        KLING_BASE_URL=f"{moody_kling.url}/kling",
        KLING_API_KEY="any",
    ).start()
    yield program
    program.stop()


def ends(page: Page, prompt: str, state: str = "Refused") -> None:
    """A task of this prompt on the stage, in this state."""
    ask(page, prompt)
    expect(page.locator("#stage-head > b")).to_have_text(prompt)
    expect(page.locator("#stage-state")).to_have_text(re.compile(state), timeout=DONE)


def lost(page: Page, prompt: str) -> None:
    ends(page, prompt, "Not confirmed")


def shown_actions(page: Page) -> list[str]:
    """The visible buttons in the order in which they are seen."""
    texts: list[str] = page.evaluate(
        "[...document.querySelectorAll('#stage-actions .act')].filter((one) => one.offsetWidth)"
        ".sort((a, b) => a.getBoundingClientRect().x - b.getBoundingClientRect().x)"
        ".map((one) => one.textContent.trim())"
    )
    return texts


def sent(route: Route) -> list[Any]:
    """What a press sends with it; a nudge to show pictures sends nothing so."""
    return list(json.loads(route.request.post_data or "{}")["data"])


# what can be done


def test_an_unconfirmed_task_is_looked_for_first_and_sent_again_after_a_warning(
    studio: Program, moody_kling: Kling, visit: Visit
) -> None:
    page = visit(studio.url)
    lost(page, "lost and sent again")
    expect(page.locator("#stage-gallery")).to_be_hidden()
    assert shown_actions(page) == [
        "Look for it", "Send again", "Use settings", "Copy link", "Star", "Details", "Discard",
    ]  # fmt: skip
    page.fill("#field-prompt textarea", "typed meanwhile")
    page.click("#act-again")
    question = page.locator("#sure")
    expect(question).to_contain_text("both are made and both are charged")
    expect(question.locator("button").first).to_be_focused()  # the one that costs nothing
    page.keyboard.press("Escape")
    expect(question).to_have_count(0)
    page.click("#act-again")
    page.click("#sure button:not(.yes)")
    page.wait_for_timeout(300)
    assert posts(moody_kling, "lost and sent again") == 1
    page.click("#act-again")
    page.click("#sure .yes")
    expect(card(page, "lost and sent again")).to_have_count(2)
    expect(card(page, "lost and sent again").first).to_have_class(re.compile("selected"))
    expect(page.locator("#stage-state")).to_have_text("Not confirmed", timeout=DONE)
    assert posts(moody_kling, "lost and sent again") == 2
    assert page.input_value("#field-prompt textarea") == "typed meanwhile"
    page.click("#act-details")
    former = page.locator("#stage-details .former")
    expect(former).to_have_text("lost and sent again · Not confirmed")
    former.click()
    expect(card(page, "lost and sent again").last).to_have_class(re.compile("selected"))
    expect(former).to_have_count(0)


def test_looking_says_what_came_of_it_and_waits_for_nobody(studio: Program, visit: Visit) -> None:
    page = visit(studio.url)
    lost(page, "lost and looked for")
    page.evaluate("kling.asking = 700")
    with page.expect_response(PRESSES) as answer:
        page.click("#act-look")
        expect(page.locator("#stage-said")).to_have_text("Asking Kling…")
    assert answer.value.request.timing["responseEnd"] < 500
    expect(page.locator("#stage-said")).to_have_text("No news of it so far; we keep looking.")
    lost(page, "lost after that")  # another task: nothing is said of it
    expect(page.locator("#stage-said")).to_be_empty()


def test_looking_without_a_studio_says_so(studio: Program, visit: Visit) -> None:
    page = visit(studio.url, refused=[500])
    lost(page, "lost without a studio")
    page.route(PRESSES, lambda route: route.fulfill(status=500, json={"error": None}))
    page.click("#act-look")
    expect(page.locator("#stage-said")).to_have_text(re.compile("did not answer"))


def test_a_discarded_task_is_forgotten_after_a_warning(studio: Program, visit: Visit) -> None:
    page = visit(studio.url, locale="zh-CN")
    ends(page, "lost and discarded", "未确认")
    page.click("#act-discard")
    expect(page.locator("#sure")).to_contain_text("您可能会被计费，图片会留在可灵")
    page.keyboard.press("Escape")
    page.wait_for_timeout(300)
    expect(card(page, "lost and discarded")).to_have_count(1)
    page.click("#act-discard")
    page.click("#sure .yes")
    expect(card(page, "lost and discarded")).to_have_count(0)


def test_a_question_is_taken_back_when_the_task_is_found(
    app: Program, kling_server: Kling, visit: Visit
) -> None:
    page = visit(app.url)
    lost(page, "found meanwhile #timeout")
    page.click("#act-again")
    expect(page.locator("#sure")).to_be_visible()
    expect(page.locator("#sure")).to_have_count(0, timeout=DONE)
    expect(page.locator("#stage-state")).to_have_text(re.compile("Succeeded"), timeout=DONE)
    assert posts(kling_server, "found meanwhile #timeout") == 1


def test_a_double_click_on_retry_is_one_task_of_what_was_sent(
    studio: Program, moody_kling: Kling, visit: Visit
) -> None:
    page = visit(studio.url)
    page.click("#field-n label:has-text('3')")
    ends(page, "hostile, twice")
    assert shown_actions(page) == [
        "Use settings", "Retry", "Copy link", "Star", "Details", "Delete",
    ]  # fmt: skip
    page.fill("#field-prompt textarea", "something else")
    page.click("#field-n label:has-text('1')")
    page.dblclick("#act-retry")
    expect(card(page, "hostile, twice")).to_have_count(2)
    expect(card(page, "hostile, twice").first).to_have_class(re.compile("selected"))
    late = page.locator("#stage-actions .act:visible").first.bounding_box()
    assert late
    page.mouse.move(late["x"] + 5, late["y"] + 5)  # a slow second click, on what is there now
    page.mouse.down(click_count=2)
    page.mouse.up(click_count=2)
    page.wait_for_timeout(500)
    expect(card(page, "hostile, twice")).to_have_count(2)
    asked = [body for body in moody_kling.creates if body["prompt"] == "hostile, twice"]
    assert [body["n"] for body in asked] == [3, 3]
    assert page.input_value("#field-prompt textarea") == "something else"  # not "Use settings"


def test_a_retry_whose_answer_was_lost_stays_one_task(studio: Program, visit: Visit) -> None:
    page = visit(studio.url, refused=[500])
    ends(page, "hostile, unheard")
    former = page.evaluate("kling.selected()")
    held: list[Route] = []

    def lose(route: Route) -> None:
        if held or former not in sent(route):
            route.continue_()
        else:
            held.append(route)
            route.fetch()
            route.fulfill(status=500, json={"error": None})

    page.route(PRESSES, lose)
    page.click("#act-retry")
    expect(card(page, "hostile, unheard")).to_have_count(2)
    card(page, "hostile, unheard").last.click()
    expect(page.locator("#stage-said")).to_have_text(
        "No answer yet. Press again: it stays one task."
    )
    page.click("#act-retry")
    expect(card(page, "hostile, unheard").first).to_have_class(re.compile("selected"))
    expect(card(page, "hostile, unheard")).to_have_count(2)


def answering(page: Page, report: Callable[[list[Any]], dict[str, Any]]) -> None:
    """The next press is answered with this report."""
    answered: list[Route] = []

    def answer(route: Route) -> None:
        data = sent(route)
        if answered or not any(re.fullmatch("[0-9a-f]{32}", str(one)) for one in data):
            return route.continue_()  # it is no press
        answered.append(route)
        route.fulfill(json={"data": [report(data)], "is_generating": False, "duration": 0.1})

    page.route(PRESSES, answer)


def test_what_keeps_it_from_being_sent_is_told_in_place(studio: Program, visit: Visit) -> None:
    page = visit(studio.url)
    ends(page, "hostile to the disk")
    full = "The disk is full: nothing was sent."
    answering(page, lambda data: {"former": data[0], "task": "", "problem": full})
    page.click("#act-retry")
    expect(page.locator("#stage-said.err")).to_have_text(full)
    page.fill("#field-prompt textarea", "kept as it is")
    page.click("#field-n label:has-text('2')")
    answering(
        page,
        lambda data: {
            "task": "", "problems": {"": full}, "labels": {"": ""},
            "nonce": next(one for one in data if re.fullmatch("[0-9a-f]{32}", str(one))),
        },
    )  # fmt: skip
    page.click("#generate")
    expect(page.locator("#problems")).to_have_text(full)
    expect(page.locator("#problems")).to_be_visible()
    assert page.input_value("#field-prompt textarea") == "kept as it is"
    expect(page.locator("#field-n label.selected")).to_have_text("2")
    page.click("#generate")
    expect(page.locator("#problems")).to_be_empty()
    expect(card(page, "kept as it is")).to_have_count(1)


# details


@pytest.mark.parametrize("clipboard", ["delete Navigator.prototype.clipboard", ""])
def test_what_support_asks_for_is_copied_by_keyboard_even_without_https(
    studio: Program, visit: Visit, clipboard: str
) -> None:
    page = visit(studio.url, before=lambda page: page.add_init_script(clipboard or "0"))
    if clipboard:
        assert page.evaluate("navigator.clipboard === undefined")
    else:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ends(page, "a fox to be copied", "Succeeded")
    page.click("#act-details")
    expect(page.locator("#act-details")).to_have_attribute("aria-expanded", "true")
    expect(page.locator("#stage-details")).to_contain_text("How it went")  # all of it is drawn
    names = ["Request id", "Task id", "External task id"]
    for name in names:
        button = page.get_by_role("button", name=f"Copy: {name}", exact=True)
        value = button.locator("xpath=preceding-sibling::span").inner_text()
        button.focus()
        page.keyboard.press("Enter")
        expect(button).to_have_text("Copied")
        expect(button).to_be_focused()
        page.fill("#field-prompt textarea", "")
        page.focus("#field-prompt textarea")
        page.keyboard.press("Control+V")
        expect(page.locator("#field-prompt textarea")).to_have_value(value)
    expect(page.locator("#stage-details .copy.done")).to_have_count(0)


def test_what_kling_said_is_plain_text_wherever_it_stands(studio: Program, visit: Visit) -> None:
    page = visit(studio.url)
    ends(page, "hostile <img src=y> prompt")
    expect(page.locator("#stage-head .said")).to_contain_text('<img src=x onerror="', timeout=DONE)
    page.click("#act-details")
    said = page.locator("#stage-details dt:text-is('Message') + dd")
    expect(said).to_have_text('<img src=x onerror="document.title=1"> "n" <b>bad</b> •••')
    assert page.locator("img[src='x'], img[src='y']").count() == 0
    assert page.title() == "Kling Image Studio"


# what a page says of what it hears


@pytest.mark.parametrize(
    ("locale", "none", "three"),
    [("en-US", "Waiting", "Waiting · 3 ahead"), ("zh-CN", "等待中", "等待中 · 前面还有 3 个")],
)
def test_a_waiting_task_says_how_many_are_ahead(
    app: Program, visit: Visit, locale: str, none: str, three: str
) -> None:
    queued = {"state": "queued", "over": False}
    before = saying(queued, queued, queued, waiting={"0" * 32: 3, "1" * 32: 0})
    page = visit(app.url, locale=locale, before=before)
    expect(page.locator("#feed .card .state")).to_have_text([three, none, none])
    expect(page.locator("#stage-state")).to_have_text(three)


WRITE_DOWN_BANNERS = """
  window.banners = [];
  new MutationObserver(() => {
    const banner = document.querySelector("#banner");
    if (banner?.textContent) banners.push([banner.className, banner.textContent]);
  }).observe(document, { childList: true, subtree: true, characterData: true });
"""


def test_what_everybody_has_to_know_goes_before_the_demo_and_behind_what_is_lost(
    space: Program, visit: Visit
) -> None:
    said = [stream(("m-1", "page", {"tasks": [], "older": "", "notice": "The disk is full."}))]

    def before(page: Page) -> None:
        page.add_init_script(WRITE_DOWN_BANNERS)
        page.route(EVENTS, lambda r: r.fulfill(body=said[0], content_type="text/event-stream"))

    page = visit(space.url, before=before)
    banner = page.locator("#banner")
    lost = "The connection to the studio is lost; it is tried again."
    expect(banner).to_have_text(lost)
    shown = page.evaluate("banners")
    full = shown.index(["notice", "The disk is full."])
    assert not [text for _, text in shown[full:] if text not in ("The disk is full.", lost)]
    said[0] = stream(("m-2", "changes", {"tasks": [], "gone": []})).replace("60000", "500")
    page.unroute(EVENTS)
    page.reload()
    expect(banner).to_contain_text("Demo.")


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    program = app_at(tmp_path_factory.mktemp("demo")).start()
    yield program
    program.stop()


@pytest.mark.parametrize(
    ("took", "sent", "says"),
    [(12.4, 9.0, "Succeeded · 12 s"), (None, 9.0, "Succeeded · 7 s"), (None, None, "Succeeded")],
)
def test_a_success_says_how_long_kling_took_and_no_restart(
    app: Program, visit: Visit, took: float | None, sent: float | None, says: str
) -> None:
    ended = {"state": "succeeded", "took": took, "sent": sent, "ended": 16.0 if not took else 3507}
    page = visit(app.url, before=saying(ended))
    expect(page.locator("#stage-state")).to_have_text(says)
    expect(page.locator("#feed .card .state")).to_have_text(says)


@pytest.mark.parametrize(
    ("locale", "name"), [("en-US", "Found again at Kling"), ("zh-CN", "从可灵找回")]
)
def test_a_task_found_again_has_a_name_and_offers_nothing_of_what_was_asked(
    app: Program, visit: Visit, locale: str, name: str
) -> None:
    found = {"request": {"prompt": "", "n": 1}, "found": True, "ids": {"task_id": "7"}}
    failed = found | {"state": "failed", "action": "again", "case": "failed"}
    page = visit(
        app.url, refused=[404], locale=locale, before=saying(failed, found | {"state": "saving"})
    )
    expect(page.locator("#feed .card .prompt")).to_have_text([name, name])
    expect(page.locator("#stage-head > b")).to_have_text(name)
    assert page.get_attribute("#stage", "data-actions") == "star details delete"
    assert page.get_attribute("#stage", "data-primary") == ""
    page.click("#act-details")
    expect(page.locator("#stage-details dt")).to_have_count(1)
    assert not re.search("undefined|null|NaN", page.locator("#right").inner_text())


REFUSED = {
    "state": "rejected",
    "trouble": {"title": "T", "advice": "A", "charged": "", "detail": ""},
}
OPEN = {"over": False}
FIRST: list[tuple[dict[str, Any], str]] = [
    ({"action": "edit"}, "settings"),
    ({"action": "again"}, "retry"),
    (OPEN | {"action": "again", "state": "unconfirmed"}, "again"),
    (OPEN | {"action": "look", "state": "unconfirmed"}, "look"),
    (OPEN | {"action": "look", "state": "stalled"}, "look"),
    (OPEN | {"action": "look", "state": "processing", "case": "forgotten"}, "look"),
    (OPEN | {"action": "release", "state": "queued", "case": "held"}, "release"),
    ({"action": ""}, ""),
    ({"action": "edit", "case": "reference_gone"}, "settings"),
    (OPEN | {"action": "", "state": "unconfirmed", "case": "account_missing"}, ""),
]
OFFERED = [
    "retry settings link star details delete",
    "retry settings link star details delete",
    "look again discard settings link star details",
    "look again discard settings link star details",
    "look settings link star details",
    "look settings link star details",
    "cancel release settings link star details",
    "retry settings link star details delete",
    "settings link star details delete",  # what was asked cannot be sent without its picture
    "again discard settings link star details",  # nobody can be asked
]


def test_the_one_thing_to_do_comes_first_and_is_drawn_so(app: Program, visit: Visit) -> None:
    page = visit(app.url, before=saying(*(REFUSED | changes for changes, _ in FIRST)))
    cards = page.locator("#feed .card")
    expect(cards).to_have_count(len(FIRST))
    accent = "getComputedStyle(one).backgroundColor === 'rgb(12, 125, 94)'"
    for k, ((changes, first), offered) in enumerate(zip(FIRST, OFFERED, strict=True)):
        cards.nth(k).click()
        assert page.get_attribute("#stage", "data-primary") == first, changes
        assert page.get_attribute("#stage", "data-actions") == offered, changes
        drawn = page.evaluate(
            f"[...document.querySelectorAll('#stage-actions .act')].filter((one) => {accent})"
            ".map((one) => one.id)"
        )
        assert drawn == ([f"act-{first}"] if first else []), changes
        if first:
            assert shown_actions(page)[0] == page.locator(f"#act-{first}").inner_text()


def test_a_card_offers_the_one_thing_to_do(studio: Program, visit: Visit) -> None:
    page = visit(studio.url)
    ends(page, "hostile on a card")
    ask(page, "another")
    expect(page.locator("#stage-head > b")).to_have_text("another")
    page.fill("#field-prompt textarea", "something else")
    card(page, "hostile on a card").locator(".do:has-text('Use settings')").click()
    expect(page.locator("#stage-head > b")).to_have_text("hostile on a card")
    expect(page.locator("#field-prompt textarea")).to_have_value("hostile on a card")
