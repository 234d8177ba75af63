"""The page when the network, the server or the browser does not play along, in Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from kling_ui.ui.page import FEED

from ..conftest import Kling, photo
from ..program import ROOT, Program, app_at
from .stream import CARD, EVENTS, stream, without_observer
from .test_page import DONE, ask, card, posts

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
SENTENCE = "No answer yet. Press again: it stays one task."
PRESSES = "**/gradio_api/run/predict*"


def presses(page: Page) -> list[Any]:
    """Those that the tab holds to be unanswered."""
    found = page.evaluate("sessionStorage.getItem('kling.presses') ?? '[]'")
    return list(json.loads(found))


def is_press(route: Route, words: str) -> bool:
    """One of Generate, and not the judgement of what is being typed, which has no number."""
    sent = route.request.post_data or ""
    return words in sent and re.search(r'"[0-9a-f]{32}"', sent) is not None


def lose(page: Page, *, answer: Callable[[Route], None]) -> None:
    """The next press reaches the studio, but its answer does not reach the page."""
    lost: list[Route] = []

    def once(route: Route) -> None:
        if not lost and is_press(route, "lost"):
            lost.append(route)
            route.fetch()
            answer(route)
        else:
            route.continue_()

    page.route(PRESSES, once)


# a press without an answer


def test_a_press_whose_answer_was_lost_is_one_task_when_it_is_pressed_again(
    app: Program, kling_server: Kling, visit: Visit
) -> None:
    page = visit(app.url, refused=[500])
    lose(page, answer=lambda route: route.fulfill(status=500, json={"error": None}))
    ask(page, "lost to a 500")
    expect(page.locator("#problems")).to_have_text(SENTENCE)
    expect(page.locator("#generate.busy")).to_have_count(0)
    expect(card(page, "lost to a 500")).to_have_count(1)
    page.click("#generate")
    expect(page.locator("#problems")).to_be_empty()
    assert presses(page) == []
    expect(card(page, "lost to a 500").locator(".state.ok")).to_be_visible(timeout=DONE)
    expect(card(page, "lost to a 500")).to_have_count(1)
    assert posts(kling_server, "lost to a 500") == 1
    page.click("#generate")  # a new press is a new task again
    expect(card(page, "lost to a 500")).to_have_count(2)


def test_another_request_is_another_task_even_after_an_answer_was_lost(
    app: Program, visit: Visit
) -> None:
    page = visit(app.url, refused=[500])
    lose(page, answer=lambda route: route.fulfill(status=500, json={"error": None}))
    ask(page, "lost, the first")
    expect(page.locator("#problems")).to_have_text(SENTENCE)
    ask(page, "lost, the second")
    expect(card(page, "lost, the second")).to_have_count(1)
    expect(card(page, "lost, the first")).to_have_count(1)
    assert presses(page) == []


def test_a_press_outlives_the_reload_after_a_lost_connection(
    app: Program, kling_server: Kling, visit: Visit, tmp_path: Path
) -> None:
    (tmp_path / "photo.jpg").write_bytes(photo())
    page = visit(app.url)
    page.set_input_files("#field-image input[type=file]", tmp_path / "photo.jpg")
    expect(page.locator("#field-image_reference")).to_be_visible()
    page.click("#field-n label:has-text('2')")
    lose(page, answer=lambda route: route.abort())
    with page.expect_navigation():  # Gradio reloads the page by itself
        ask(page, "lost with the connection")
    expect(page.locator("#problems")).to_have_text(SENTENCE)
    expect(page.locator("#field-prompt textarea")).to_have_value("lost with the connection")
    page.click("#generate")
    expect(page.locator("#problems")).to_be_empty()
    mine = card(page, "lost with the connection")
    expect(mine.locator(".state.ok")).to_be_visible(timeout=DONE)
    expect(mine).to_have_count(1)
    assert posts(kling_server, "lost with the connection") == 1


def test_a_press_without_an_answer_says_so_after_a_while_and_hears_a_late_one(
    app: Program, visit: Visit
) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        (held.append if is_press(route, "answered late") else Route.continue_)(route)

    page = visit(app.url)
    page.route(PRESSES, hold)
    page.evaluate("kling.patience = 500")
    ask(page, "answered late")
    expect(page.locator("#generate.busy")).to_have_count(1)
    expect(page.locator("#problems")).to_have_text(SENTENCE)
    expect(page.locator("#generate.busy")).to_have_count(0)
    assert len(presses(page)) == 1
    held.pop().continue_()
    expect(page.locator("#problems")).to_be_empty()
    expect(card(page, "answered late")).to_have_count(1)
    assert presses(page) == []


def test_a_press_into_a_studio_that_stops_is_told_as_soon_as_the_page_knows(
    program: Callable[..., Program], visit: Visit
) -> None:
    app = program()
    page = visit(app.url)
    page.evaluate("kling.patience = 600_000")  # it is not this that speaks
    page.route(PRESSES, lambda route: None if is_press(route, "as it stops") else route.continue_())
    ask(page, "as it stops")
    app.stop()
    expect(page.locator("#banner")).to_contain_text("connection to the studio is lost")
    expect(page.locator("#problems")).to_contain_text(SENTENCE)
    assert [press["nonce"] for press in presses(page)] != []


def test_presses_in_a_row_are_each_answered(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    page.evaluate("kling.patience = 3000")
    page.fill("#field-prompt textarea", "in a row")
    for _ in range(5):
        page.click("#generate")
    expect(card(page, "in a row")).to_have_count(5)
    page.wait_for_timeout(3000)
    expect(page.locator("#problems")).to_be_empty()
    assert presses(page) == []


# the stream


def test_a_stream_that_was_refused_is_opened_again_where_it_stopped(
    app: Program, visit: Visit
) -> None:
    asked: list[str] = []
    page = visit(app.url, refused=[502])
    ask(page, "before the refusal")
    expect(card(page, "before the refusal").locator(".state.ok")).to_be_visible(timeout=DONE)
    page.on("request", lambda r: asked.append(r.url) if "/events" in r.url else None)

    def refuse(route: Route) -> None:
        if len(asked) > 2:
            route.continue_()
        else:
            route.fulfill(status=502)

    page.route(EVENTS, refuse)
    page.reload()
    page.wait_for_selector("#generate:has-text('·')")
    expect(card(page, "before the refusal")).to_have_count(1)
    assert len(asked) == 3


def test_older_tasks_follow_the_page_and_not_a_change_of_a_much_older_one(
    app: Program, visit: Visit
) -> None:
    asked: list[str] = []
    said = stream(
        ("m-1", "page", {"tasks": [CARD], "older": "9.0-" + "0" * 32}),
        ("m-2", "changes", {"tasks": [CARD | {"id": "1" * 32, "created": 1}], "gone": []}),
    )

    def older(route: Route) -> None:
        asked.append(route.request.url)
        more = "8.0-" + "2" * 32 if len(asked) == 1 else ""
        task = CARD | {"id": str(len(asked) + 1) * 32, "created": 9 - len(asked)}
        route.fulfill(json={"tasks": [task], "older": more})

    def before(page: Page) -> None:
        without_observer(page)
        page.route(EVENTS, lambda r: r.fulfill(body=said, content_type="text/event-stream"))
        page.route("**/gradio_api/studio/tasks*", older)

    page = visit(app.url, before=before)
    expect(page.locator("#feed .card")).to_have_count(1)  # the other is older than what is known
    for count in (2, 4):
        page.click("#feed > .pill")
        expect(page.locator("#feed .card")).to_have_count(count)
    expect(page.locator("#feed > .pill")).to_be_hidden()
    assert [unquote(url).partition("before=")[2] for url in asked] == [
        "9.0-" + "0" * 32,
        "8.0-" + "2" * 32,
    ]


COUNT_STREAMS = """
window.streams = [];
window.EventSource = class extends EventSource {
  constructor(...all) { super(...all); streams.push(this); }
};
"""


def test_a_feed_that_is_loaded_twice_is_one_feed(app: Program, visit: Visit) -> None:
    page = visit(app.url, before=lambda page: page.add_init_script(COUNT_STREAMS))
    code = "\n".join((ROOT / "assets" / name).read_text(encoding="utf-8") for name in FEED)
    page.evaluate(
        "code => Function('element', 'trigger', code)(document.querySelector('#history'), () => 0)",
        code,
    )
    page.wait_for_function("streams.map((one) => one.readyState === 2).join() === 'true,false'")
    dark = "document.body.classList.contains('dark')"
    was = page.evaluate(dark)
    page.click("#pill-theme")
    assert page.evaluate(dark) is not was
    ask(page, "seen by one feed")
    expect(card(page, "seen by one feed")).to_have_count(1)


# what a browser may forbid


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    program = app_at(tmp_path_factory.mktemp("space"), SPACE_ID="somebody/kling").start()
    yield program
    program.stop()


def without_cookies(page: Page) -> None:
    def strip(route: Route) -> None:
        answer = httpx.get(route.request.url, headers=route.request.headers)
        route.fulfill(body=answer.content, content_type=answer.headers["content-type"])

    page.route(re.compile(r":\d+/(config)?$"), strip)


@pytest.mark.parametrize(
    ("locale", "sentence"), [("en-US", "sends no cookie"), ("zh-CN", "浏览器没有发送 Cookie")]
)
def test_a_browser_that_keeps_no_cookie_is_told_so(
    space: Program, visit: Visit, locale: str, sentence: str
) -> None:
    page = visit(space.url, before=without_cookies, locale=locale, refused=[403])
    expect(page.locator("#banner")).to_contain_text(sentence)
    expect(page.locator("#stage-gallery img")).to_have_count(4)  # the examples
    with page.expect_response(re.compile("/run/predict")):  # a judgement, which may come last
        page.locator("#judge").dispatch_event("click")
    ask(page, "for nobody")
    expect(page.locator("#problems")).to_contain_text(sentence)
    with page.expect_response(re.compile("/run/predict")):
        page.locator("#judge").dispatch_event("click")
    expect(page.locator("#problems")).to_contain_text(sentence)
    expect(page.locator("#feed .card")).to_have_count(0)


NO_STORAGE = """
for (const name of ["localStorage", "sessionStorage"]) {
  Object.defineProperty(window, name, { get() { throw new DOMException("no", "SecurityError"); } });
}
"""


def test_without_storage_the_theme_still_changes_and_a_press_is_a_task(
    app: Program, visit: Visit
) -> None:
    page = visit(app.url, before=lambda page: page.add_init_script(NO_STORAGE))
    page.click("#pill-theme")
    expect(page.locator("body.dark")).to_have_count(1)
    page.evaluate("document.body.classList.remove('dark')")  # as Gradio does now and then
    expect(page.locator("body.dark")).to_have_count(1)
    ask(page, "without storage")
    expect(card(page, "without storage")).to_have_count(1)


def test_over_https_the_languages_cookie_lives_in_a_spaces_frame(
    app: Program, visit: Visit
) -> None:
    def secure(page: Page) -> None:
        def pass_on(route: Route) -> None:
            path = route.request.url.removeprefix("https://kling.example")
            if "/studio/events" in path:
                route.abort()
            else:
                proxy = {"x-forwarded-proto": "https", "x-forwarded-host": "kling.example"}
                headers = route.request.headers | proxy
                route.fulfill(response=route.fetch(url=f"{app.url}{path}", headers=headers))

        page.route("https://kling.example/**", pass_on)

    page = visit("https://kling.example/", before=secure)
    with page.expect_navigation():
        page.click("#pill-language")
    page.wait_for_selector("#generate:has-text('·')")  # what it asked for is answered
    (cookie,) = [c for c in page.context.cookies() if c["name"] == "kling_language"]
    assert (cookie["secure"], cookie["sameSite"]) == (True, "None")
    assert cookie.get("partitionKey")


# doubts


def test_a_kind_of_reference_is_advised_beside_the_blank_choice(
    app: Program, visit: Visit, tmp_path: Path
) -> None:
    (tmp_path / "photo.jpg").write_bytes(photo())
    page = visit(app.url)
    page.set_input_files("#field-image input[type=file]", tmp_path / "photo.jpg")
    page.click("#field-model_name input")
    page.get_by_role("option", name="kling-v1-5").click()
    advice = page.locator("#field-image_reference .reason")
    expect(advice).to_have_text("kling-v1-5 usually wants a kind of reference with a picture.")
    expect(advice).to_be_visible()
    page.click("#field-image_reference label:has-text('Subject')")
    expect(advice).to_have_count(0)
