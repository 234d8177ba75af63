"""What the stage says of a task, in Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ..program import Program
from .stream import saying
from .test_page import DONE, card

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
TROUBLE = {"title": "Kling may have accepted this", "advice": "It can be sent again.",
           "charged": "maybe charged", "detail": ""}  # fmt: skip


@pytest.mark.parametrize(
    ("since", "told"), [(80, " s"), (600, "Processing · 10 min"), (90_000, "25 h")]
)
def test_a_long_wait_is_told_in_minutes_and_hours(
    app: Program, visit: Visit, since: int, told: str
) -> None:
    waiting = {"state": "processing", "over": False, "ended": None, "sent": 10 - since}
    page = visit(app.url, before=saying(waiting))
    expect(page.locator("#stage-state")).to_contain_text(told)
    expect(page.locator("#feed .state")).to_contain_text(told)


def test_a_task_that_was_sent_again_says_so_and_leads_there(app: Program, visit: Visit) -> None:
    former = {"state": "unconfirmed", "over": False, "trouble": TROUBLE, "action": "again"}
    successor = {"state": "processing", "over": False, "supersedes": "0" * 32, "created": 20}
    page = visit(app.url, before=saying(former, successor))
    page.locator("#feed .card").nth(1).click()
    notice = page.locator("#stage-head .notice")
    expect(notice).to_contain_text("Sent again as")
    expect(notice).not_to_contain_text("It can be sent again")
    notice.get_by_role("button").click()
    expect(page.locator("#stage-state")).to_contain_text("Processing")


def test_a_picture_whose_file_is_gone_is_told_and_no_longer_offered(
    app: Program, visit: Visit
) -> None:
    picture = {"id": "f" * 32, "w": 400, "h": 300}
    made = {"state": "succeeded", "pictures": [picture], "sent": 1, "took": 5}
    page = visit(app.url, before=saying(made), refused={404})
    expect(page.locator("#feed .trouble")).to_have_text("The picture files are missing")
    expect(page.locator("#stage-head .notice")).to_contain_text("put them back")
    expect(page.locator("#act-download")).to_be_hidden()
    expect(page.locator("#act-delete")).to_be_visible()


def test_pictures_take_their_places_before_gradio_hears_of_them(app: Program, visit: Visit) -> None:
    page, waiting = visit(app.url), list[Any]()
    pictures = page.locator("#stage-gallery .grid-container img")
    page.click("#field-n label:has-text('2')")
    page.fill("#field-prompt textarea", "two places")
    page.click("#generate")
    expect(page.locator("#stage-gallery img[src*='/placeholder/']")).to_have_count(2)
    page.route("**/run/predict", lambda route: waiting.append(route))
    expect(page.locator("#stage-gallery img[src$='/480']")).to_have_count(2, timeout=DONE)
    expect(card(page, "two places").locator(".state.ok")).to_be_visible()
    pictures.first.click(force=True)  # Gradio would show its placeholder
    expect(page.locator("#stage-gallery .preview")).to_have_count(0)
    for call in waiting:
        call.continue_()
    page.unroute("**/run/predict")
    expect(page.locator("#stage-gallery img[src$='/1280']")).to_have_count(2)
    pictures.first.click()
    expect(page.locator("#stage-gallery .preview")).to_be_visible()


def test_seconds_are_counted_in_a_comparison_too(app: Program, visit: Visit) -> None:
    cells = [
        {
            "state": "processing", "over": False, "sent": 8,
            "cell": {"comparison": "c" * 32, "row": 0, "column": k, "row_label": "",
                     "column_label": f"column {k}"},
        }
        for k in range(2)
    ]  # fmt: skip
    page = visit(app.url, before=saying(*cells))
    state = page.locator("#stage-grid .cell .state").first
    expect(state).to_have_text(re.compile("Processing"))
    before = state.text_content()
    expect(state).not_to_have_text(before or "")


def test_what_is_usual_and_what_today_cost_is_told(app: Program, visit: Visit) -> None:
    running = {"state": "processing", "over": False, "ended": None, "sent": 8, "usual": 17.6}
    page = visit(app.url, before=saying(running, spent=["$0.056"], running=1))
    expect(page.locator("#stage-head")).to_contain_text("usually 18 s")
    expect(page.locator("#pill-spent")).to_have_text("$0.056 today")
    expect(page.locator("#pill-running")).to_contain_text("1")


def test_a_task_that_is_held_back_offers_to_be_sent(app: Program, visit: Visit) -> None:
    held = {"state": "queued", "over": False, "ended": None, "case": "held", "action": "release"}
    page = visit(app.url, before=saying(held))
    expect(page.locator("#act-release")).to_be_visible()
    expect(page.locator("#act-cancel")).to_be_visible()


def test_a_telephone_shows_what_was_asked_for(app: Program, visit: Visit) -> None:
    page = visit(app.url, viewport={"width": 390, "height": 844})
    page.fill("#field-prompt textarea", "seen on a telephone")
    page.click("#generate")
    expect(page.locator("#stage-head b")).to_have_text("seen on a telephone")
    expect(page.locator("#stage-head")).to_be_in_viewport()


def test_of_pictures_looked_at_closely_that_one_is_downloaded(app: Program, visit: Visit) -> None:
    page, files = visit(app.url), list[str]()
    page.on("download", lambda download: files.append(download.suggested_filename))
    page.click("#field-n label:has-text('2')")
    page.fill("#field-prompt textarea", "closely")
    page.click("#generate")
    pictures = page.locator("#stage-gallery .grid-container img[src$='/1280']")
    expect(pictures).to_have_count(2, timeout=DONE)
    pictures.nth(1).click()
    expect(page.locator("#stage-gallery .preview")).to_be_visible()
    page.click("#act-download")
    page.wait_for_timeout(1500)
    assert [name.rpartition("-")[2] for name in files] == ["2.png"]


def test_a_comparison_of_which_some_failed_says_how_many_were_made(
    app: Program, visit: Visit
) -> None:
    cells = [
        {
            "state": state,
            "cell": {"comparison": "c" * 32, "row": 0, "column": k, "row_label": "",
                     "column_label": f"column {k}"},
        }
        for k, state in enumerate(("failed", "succeeded", "succeeded"))
    ]  # fmt: skip
    page = visit(app.url, before=saying(*cells))
    expect(page.locator("#feed .card .state.warn")).to_have_text("2 of 3 finished")
