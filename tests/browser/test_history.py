"""The history as a person uses it: searching, scrolling, choosing several, many tabs."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from PIL import Image
from playwright.sync_api import Page, Request, TimeoutError, expect

from kling_ui.history import History, NewTask
from kling_ui.task import Cell, Picture, State
from kling_ui.ui.page import FEED

from ..program import ROOT, Program, app_at
from .stream import CARD, saying, without_observer
from .test_page import DONE, ask, card

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
Start = Callable[..., Program]
ALL, RUNNING, STARRED, FAILED = range(4)  # the filters as they stand
MANY = 230


@dataclass
class Past:
    """What a program finds in its data folder, oldest first."""

    data: Path
    now: float = field(default_factory=lambda: time.time() - 24 * 3600)
    account: str = "demo"

    def __post_init__(self) -> None:
        self._originals = self.data / "pictures" / "originals"
        self._originals.mkdir(parents=True)
        self._history = History(self.data / "database" / "history.db", clock=self._clock)

    def _clock(self) -> float:
        self.now += 20
        return self.now

    def task(self, prompt: str, state: State = State.SUCCEEDED, **values: Any) -> str:
        """Its id. A success has one picture."""
        request = {"prompt": prompt, "model_name": "kling-v2-1", "aspect_ratio": "1:1", "n": 1}
        new = NewTask(
            owner="operator",
            account=self.account,
            nonce=secrets.token_hex(16),
            external_task_id=secrets.token_hex(16),
            request=request | values.pop("request", {}),
            cell=values.pop("cell", None),
        )
        task, _ = self._history.add(new)
        if state is State.SUCCEEDED:
            self._history.keep_picture(self._picture(task.id))
        if state is not State.QUEUED:
            self._history.move(task.id, state, frm={State.QUEUED}, sent=self.now)
        self._history.note(task.id, **values)
        return task.id

    def _picture(self, task_id: str) -> Picture:
        name = secrets.token_hex(16)
        path = self._originals / f"{name}.png"
        Image.new("RGB", (64, 64), f"#{name[:6]}").save(path)
        size = path.stat().st_size
        return Picture(name, task_id, 0, False, path.name, "image/png", size, "ab", 64, 64)

    def close(self) -> None:
        self._history.close()


def told(data: Path, tell: Callable[[Past], None], **env: str) -> Program:
    """A program with a past."""
    past = Past(data)
    tell(past)
    past.close()
    return app_at(data, **env).start()


def many(past: Past) -> None:
    comparison = secrets.token_hex(16)
    for k in range(MANY):
        state = State.FAILED if k % 10 == 3 else State.SUCCEEDED
        past.task(f"picture {k:03}", state, starred=k in (7, 100, 229))
    for k in range(6):
        cell = Cell(comparison, k // 3, k % 3, f"row {k // 3}", f"column {k % 3}")
        past.task("compared", State.FAILED if k == 4 else State.SUCCEEDED, cell=cell)
    past.task("the newest")


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A program with many tasks, which nobody changes."""
    program = told(tmp_path_factory.mktemp("past"), many)
    yield program
    program.stop()


def cards(page: Page) -> Any:
    return page.locator("#feed .card")


def filter_pill(page: Page, number: int) -> Any:
    return page.locator("#feed .bar .pill").nth(number)


def prompts(page: Page) -> list[str]:
    return page.locator("#feed .prompt").all_text_contents()


def scroll_to_the_end(page: Page, count: int) -> None:
    """Until so many cards are there."""
    for _ in range(300):
        page.mouse.wheel(0, 20_000)
        if cards(page).count() >= count:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{cards(page).count()} cards")


def asked_of(page: Page, word: str) -> list[str]:
    """Addresses with `word` that the page will have asked."""
    found: list[str] = []

    def note(request: Request) -> None:
        if word in request.url:
            found.append(request.url)

    page.on("request", note)
    return found


# searching and filtering


def test_words_are_searched_in_all_tasks_and_not_only_in_those_on_the_page(
    past: Program, visit: Visit
) -> None:
    page = visit(past.url)
    expect(card(page, "the newest")).to_have_count(1)
    expect(card(page, "picture 011")).to_have_count(0)
    asked = asked_of(page, "q=")
    page.locator("#history-search").press_sequentially("PICTURE 011", delay=20)
    expect(page.locator("#feed .prompt")).to_have_text(["picture 011"])
    assert len(asked) == 1  # while it is typed nothing is asked
    page.fill("#history-search", "picture kling-v2 failed 02")
    expect(page.locator("#feed .prompt")).to_have_text(["picture 023"])
    page.fill("#history-search", "失败 02")
    expect(page.locator("#feed .prompt")).to_have_text(["picture 023"])
    page.fill("#history-search", "no such thing")
    expect(page.locator("#feed .empty")).to_have_text("Nothing matches “no such thing”.")
    page.press("#history-search", "Escape")
    expect(page.locator("#history-search")).to_have_value("")
    expect(card(page, "the newest")).to_have_count(1)


def test_a_filter_shows_what_fits_however_old(past: Program, visit: Visit) -> None:
    page = visit(past.url)
    filter_pill(page, STARRED).click()
    expect(page.locator("#feed .prompt")).to_have_text(
        ["picture 229", "picture 100", "picture 007"]
    )
    expect(page.locator("#feed .star:visible")).to_have_count(3)
    expect(filter_pill(page, STARRED)).to_have_attribute("aria-pressed", "true")
    page.fill("#history-search", "00")
    expect(page.locator("#feed .prompt")).to_have_text(["picture 100", "picture 007"])
    page.fill("#history-search", "")
    filter_pill(page, RUNNING).click()
    expect(page.locator("#feed .empty")).to_have_text("Nothing is running.")
    filter_pill(page, FAILED).click()
    expect(page.locator("#feed .prompt").first).to_have_text("compared")
    expect(cards(page)).to_have_count(24)  # and 23 pictures


PROMPTS = [*("Straße", "ΟΔΟΣ ὈΔΥΣΣΕΎΣ", "İstanbul ﬁsh", "Ünï", "红色的狐狸", "a fox 2026", "")]
QUERIES = [
    *("strasse", "STRASSE", "οδος", "ὀδυσσεύς", "ﬁ", "fi", "ISTANBUL", "ü", "狐狸", "2026", "ὈΔΥΣ"),
    *("2026-", "wait", "waiting", "等待", "confirmed", "not", "sent", "kling-v3", "V3 fox"),
    *("  ", "still running", "succ", "fail", "失", "{", "%", "a\u3000fox"),
]


def test_a_word_that_names_a_filter_is_not_that_filter(past: Program, visit: Visit) -> None:
    page = visit(past.url)
    page.fill("#history-search", "failed")
    expect(filter_pill(page, 0)).to_have_attribute("aria-pressed", "true")
    page.wait_for_timeout(400)  # until it is searched
    page.fill("#history-search", "")
    filter_pill(page, 3).click()
    expect(filter_pill(page, 3)).to_have_attribute("aria-pressed", "true")
    expect(filter_pill(page, 0)).to_have_attribute("aria-pressed", "false")
    assert page.input_value("#history-search") == ""


def test_the_page_and_the_server_find_the_same(tmp_path: Path, visit: Visit) -> None:
    """Also of letters that change when their case does."""
    states = [State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED, State.REJECTED]

    def tell(past: Past) -> None:
        for k, prompt in enumerate(PROMPTS):
            model = "kling-v3" if k % 2 else "kling-v1"
            past.task(prompt, states[k % len(states)], request={"model_name": model})

    program = told(tmp_path / "data", tell)
    try:
        page = visit(program.url)
        expect(cards(page)).to_have_count(len(PROMPTS))
        found = page.evaluate(
            """async (queries) => {
              const field = document.querySelector("#history-search"), found = [];
              for (const query of queries) {
                field.value = query;
                field.dispatchEvent(new Event("input"));
                await new Promise((done) => setTimeout(done, 300));
                const cards = [...document.querySelectorAll("#feed .card")];
                const here = cards.map((card) => card.title);
                const offset = -60 * new Date().getTimezoneOffset();
                const asked = new URLSearchParams({ q: query, offset });
                const { tasks } = await (await fetch(`gradio_api/studio/tasks?${asked}`)).json();
                found.push([query, here, tasks.map((task) => task.request.prompt)]);
              }
              return found;
            }""",
            QUERIES,
        )
        page.close()
    finally:
        program.stop()
    for query, here, there in found:
        assert here == there, query
    assert {len(here) for _, here, _ in found} > {0, 1, len(PROMPTS)}


# scrolling


def test_older_tasks_come_by_scrolling_without_holes(past: Program, visit: Visit) -> None:
    page = visit(past.url)
    asked = asked_of(page, "before=")
    scroll_to_the_end(page, MANY + 2)
    names = prompts(page)
    assert names == [
        "the newest",
        "compared",
        *(f"picture {k:03}" for k in range(MANY - 1, -1, -1)),
    ]
    assert len(asked) == 3  # 237 tasks
    expect(page.locator("#feed > .pill")).to_be_hidden()


def test_a_keyboard_shows_older_ones_too_and_a_failure_can_be_tried_again(
    past: Program, visit: Visit
) -> None:
    page = visit(past.url, before=without_observer, refused=[500])
    older = page.locator("#feed > .pill")
    expect(older).to_have_text("Show older")
    page.route("**/studio/tasks*", lambda route: route.fulfill(status=500), times=1)
    older.press("Enter")
    expect(older).to_have_text("Could not be loaded. Try again")
    before = cards(page).count()
    older.press("Enter")
    expect(cards(page)).to_have_count(before + 60)
    expect(older).to_have_text("Show older")


def test_five_thousand_tasks_stay_fluid(app: Program, visit: Visit) -> None:
    """One that changes is drawn, and no other; nor does a second that passes draw what is over."""
    count = 5000
    over = [{"id": f"{k:032x}", "created": 5000.0 - k} for k in range(count)]
    running = {"id": "f" * 32, "created": 6000.0, "state": "processing", "over": False, "sent": 1}
    page = visit(app.url, before=saying(running, *over))
    expect(cards(page)).to_have_count(count + 1)
    page.evaluate(
        """() => {
          window.drawn = new Set();
          const note = (records) => records.forEach((one) => drawn.add(
            one.target.closest?.(".card") ?? one.target.parentElement?.closest(".card")));
          new MutationObserver(note).observe(document.querySelector("#feed .wall"), {
            subtree: true, childList: true, characterData: true, attributes: true });
        }"""
    )
    page.wait_for_timeout(2500)
    assert page.evaluate("drawn.size") == 1  # whose seconds are counted


# comparisons


def test_a_comparison_is_one_card(past: Program, visit: Visit) -> None:
    page = visit(past.url)
    group = card(page, "compared")
    expect(group).to_have_count(1)
    expect(group).to_have_class(re.compile(r"\bgroup\b"))
    expect(group.locator(".meta")).to_have_text("6 images")
    expect(group.locator(".state")).to_have_text("5 of 6 finished")
    expect(group.locator("img.tile")).to_have_count(4)
    assert group.locator(".mosaic").get_attribute("data-more") == "2"


def test_a_deleted_comparison_leaves_the_stage(tmp_path: Path, visit: Visit) -> None:
    program = told(tmp_path, compared)
    try:
        page = visit(program.url)
        page.locator("#feed .card.group").click()
        expect(page.locator("#stage-grid .cell")).to_have_count(2)
        page.click("#feed .choose")
        page.locator("#feed .card.group").click()
        page.locator("#feed .tray .pill", has_text="Delete").click()
        page.click("#sure .yes")
        expect(page.locator("#feed .card")).to_have_count(1)
        expect(page.locator("#stage-head b")).to_have_text("the other")
        expect(page.locator("#stage-grid")).to_be_hidden()
    finally:
        program.stop()


def compared(past: Past) -> None:
    comparison = secrets.token_hex(16)
    for k in range(2):
        past.task("side by side", State.FAILED, cell=Cell(comparison, 0, k, "", f"column {k}"))
    past.task("the other", State.FAILED)


def test_a_comparison_that_is_half_known_is_asked_for(app: Program, visit: Visit) -> None:
    cell = {"comparison": "c" * 32, "row": 0, "row_label": "", "column_label": "x"}
    first, second = [
        CARD | {"id": str(k) * 32, "cell": cell | {"column": k}, "request": {"prompt": "compared"}}
        for k in range(2)
    ]
    asked: list[str] = []

    def both(page: Page) -> None:
        saying(CARD | {"id": "9" * 32}, then=[first])(page)
        page.route(
            "**/studio/comparisons/*",
            lambda route: (
                asked.append(route.request.url),
                route.fulfill(json={"tasks": [first, second]}),
            ),
        )

    page = visit(app.url, before=both)
    expect(card(page, "compared").locator(".meta")).to_have_text("2 images")
    assert [url.rpartition("/")[2] for url in asked] == ["c" * 32]


# choosing several


def test_chosen_tasks_are_downloaded_as_one_file(
    past: Program, visit: Visit, tmp_path: Path
) -> None:
    page = visit(past.url)
    page.click("#feed .choose")
    card(page, "the newest").click()
    card(page, "picture 228").click(modifiers=["Shift"])
    expect(page.locator("#feed .tray b")).to_have_text("4 selected")
    expect(page.locator("#feed .card[aria-pressed=true]")).to_have_count(4)
    with page.expect_download() as download:
        page.click("#feed .tray .pill:has-text('zip')")
    download.value.save_as(tmp_path / "all.zip")
    with ZipFile(tmp_path / "all.zip") as found:
        listed = json.loads(found.read("manifest.json"))["tasks"]
        assert [task["prompt"] for task in listed] == [
            *("the newest", *["compared"] * 6, "picture 229", "picture 228")
        ]
        assert len(found.namelist()) == 1 + 8  # one cell failed
    expect(page.locator("#feed .tray")).to_be_visible()  # the page is where it was


def test_all_that_a_view_shows_is_chosen_by_the_keyboard(past: Program, visit: Visit) -> None:
    page = visit(past.url)
    filter_pill(page, STARRED).click()
    expect(cards(page)).to_have_count(3)
    page.click("#feed .choose")
    page.keyboard.press("Control+a")
    expect(page.locator("#feed .tray b")).to_have_text("3 selected")
    page.fill("#history-search", "007")
    expect(page.locator("#feed .tray b")).to_have_text(
        "1 selected"
    )  # what is not seen is not meant
    page.press("#history-search", "Control+a")  # there it is the text's
    page.press("#history-search", "Escape")  # clears
    expect(cards(page)).to_have_count(3)
    expect(page.locator("#feed .tray b")).to_have_text("1 selected")
    page.locator("#feed .choose").press("Escape")
    expect(page.locator("#feed .tray")).to_be_hidden()
    expect(page.locator("#feed .card[aria-pressed]")).to_have_count(0)


def test_deleting_several_asks_once_and_says_what_stays(app: Program, visit: Visit) -> None:
    sent: list[Any] = []

    def before(page: Page) -> None:
        states = ["succeeded", "unconfirmed", "processing", "failed"]
        saying(*({"state": s, "over": s in ("succeeded", "failed")} for s in states))(page)
        page.route(
            "**/studio/delete",
            lambda route: (sent.append(route.request.post_data_json), route.fulfill(status=500)),
        )

    page = visit(app.url, before=before, refused=[500])
    page.click("#feed .choose")
    page.keyboard.press("Control+a")
    page.click("#feed .tray .pill:has-text('Delete')")
    expect(page.locator("#sure p")).to_have_text(
        "To be deleted: 3. This cannot be undone. Not confirmed: 1. If Kling did make them, they "
        "may be charged, and their pictures stay at Kling. Still running, not deleted: 1."
    )
    page.click("#sure button:not(.yes)")
    assert sent == []
    page.click("#feed .tray .pill:has-text('Delete')")
    page.click("#sure .yes")
    expect(page.locator("#feed .tray b")).to_contain_text("did not answer")
    assert [sorted(one["ids"]) for one in sent] == [["0" * 32, "1" * 32, "3" * 32]]
    cards(page).nth(0).click()
    cards(page).nth(1).click()
    cards(page).nth(3).click()
    page.click("#feed .tray .pill:has-text('Delete')")  # nothing but what runs
    expect(page.locator("#feed .tray b")).to_contain_text("Still running")
    expect(page.locator("#sure")).to_have_count(0)


def test_what_was_chosen_is_deleted_in_every_tab_and_stays_deleted(
    tmp_path: Path, visit: Visit
) -> None:
    def tell(past: Past) -> None:
        for k in range(5):
            past.task(f"picture {k}")

    program = told(tmp_path / "data", tell)
    try:
        page = visit(program.url)
        other = another(page, program)
        page.click("#feed .choose")
        cards(page).nth(1).click()
        cards(page).nth(3).click(modifiers=["Shift"])
        page.click("#feed .tray .pill:has-text('Delete')")
        page.click("#sure .yes")
        for one in (page, other):
            expect(one.locator("#feed .prompt")).to_have_text(["picture 4", "picture 0"])
        expect(page.locator("#feed .tray b")).to_have_text("0 selected")
        page.reload()
        expect(page.locator("#feed .prompt")).to_have_text(["picture 4", "picture 0"])
        originals = tmp_path / "data" / "pictures" / "originals"
        assert len(list(originals.iterdir())) == 2
        page.context.close()
    finally:
        program.stop()


# many tabs


def another(page: Page, program: Program) -> Page:
    """One more tab of the same browser."""
    tab = page.context.new_page()
    tab.goto(program.url)
    tab.wait_for_selector("#generate:has-text('·')", timeout=30_000)
    return tab


def test_ten_tabs_share_one_stream_and_go_on_when_its_tab_is_closed(
    app: Program, visit: Visit
) -> None:
    first = visit(app.url)
    asked: list[tuple[Page, str]] = []
    first.context.on(
        "request",
        lambda request: (
            asked.append((request.frame.page, request.url)) if "/events" in request.url else None
        ),
    )
    tabs = [first, *(another(first, app) for _ in range(9))]
    assert asked == []  # the first one's is older than the ear
    ask(tabs[5], "told to ten")
    for tab in tabs:
        expect(card(tab, "told to ten").locator(".state.ok")).to_be_visible(timeout=DONE)
    first.close()
    ask(tabs[5], "told to nine")
    for tab in tabs[1:]:
        expect(card(tab, "told to nine").locator(".state.ok")).to_be_visible(timeout=DONE)
    assert [tab for tab, _ in asked] == [tabs[1]]  # whoever waited longest
    assert re.search(r"since=[0-9a-f]{16}-\d+$", asked[0][1])  # and goes on where it stopped


def test_every_tab_says_that_the_connection_is_lost_and_shows_the_same_after_a_restart(
    program: Start, visit: Visit
) -> None:
    app = program()
    first = visit(app.url)
    tabs = [first, another(first, app)]
    ask(first, "before the restart")
    for tab in tabs:
        expect(card(tab, "before the restart").locator(".state.ok")).to_be_visible(timeout=DONE)
    for tab in tabs:
        tab.evaluate("window.opened_before = true")
    app.stop()
    for tab in tabs:
        expect(tab.locator("#banner")).to_contain_text("connection to the studio is lost")
    app.start()
    for tab in tabs:
        with suppress(TimeoutError):  # Gradio may load the page anew, and lose a press with it
            tab.wait_for_function("!window.opened_before && window.kling?.values")
        expect(tab.locator("#banner")).not_to_contain_text("lost")
    ask(tabs[1], "after the restart")
    for tab in tabs:
        expect(tab.locator("#feed .prompt")).to_have_text(
            ["after the restart", "before the restart"]
        )
    first.context.close()


def test_without_locks_every_tab_has_a_stream_of_its_own(app: Program, visit: Visit) -> None:
    gone = "Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined })"
    first = visit(app.url, before=lambda page: page.context.add_init_script(gone))
    second = another(first, app)
    ask(second, "without locks")
    for tab in (first, second):
        expect(card(tab, "without locks")).to_have_count(1)


def test_a_feed_that_is_loaded_twice_in_one_tab_goes_on(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    code = "\n".join((ROOT / "assets" / name).read_text(encoding="utf-8") for name in FEED)
    page.evaluate(
        "code => Function('element', 'trigger', code)(document.querySelector('#history'), () => 0)",
        code,
    )
    ask(page, "heard by the second")
    expect(card(page, "heard by the second").locator(".state.ok")).to_be_visible(timeout=DONE)
