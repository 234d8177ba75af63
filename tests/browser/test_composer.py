"""The composer as a person uses it: chips, variants, comparisons, the request, links."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import APIResponse, Page, Route, expect

from ..conftest import Kling, photo
from ..program import Program
from .test_page import DONE, ask, card

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
Start = Callable[..., Program]


@pytest.fixture
def demo(program: Start) -> Program:
    return program()


def prompt(page: Page) -> str:
    return page.input_value("#field-prompt textarea")


def chosen(page: Page, name: str) -> str:
    return page.locator(f"#field-{name} label.selected").inner_text().strip()


def test_an_example_fills_the_whole_form(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    page.fill("#field-image_url textarea", "https://example.com/a.png")
    page.click("#field-n label:has-text('7')")
    page.click("#examples .chip >> nth=0")
    expect(page.locator("#generate")).to_contain_text("Generate 2")
    assert prompt(page).startswith("Café window")
    assert (chosen(page, "aspect_ratio"), chosen(page, "n")) == ("3:2", "2")
    assert page.input_value("#field-image_url textarea") == ""
    page.click("#examples .chip >> nth=1")
    expect(page.locator("#field-aspect_ratio label.selected")).to_have_text("16:9")
    assert page.input_value("#field-negative_prompt textarea") == "people, boats, text"


def test_a_style_is_appended_where_it_can_be_seen_and_taken_away_again(
    app: Program, visit: Visit
) -> None:
    page = visit(app.url)
    page.fill("#field-prompt textarea", "a fox")
    page.click("#styles .chip:has-text('watercolour')")
    expect(page.locator("#field-prompt textarea")).to_have_value("a fox, watercolour")
    page.click("#styles .chip:has-text('ink wash')")
    expect(page.locator("#field-prompt textarea")).to_have_value("a fox, watercolour, ink wash")
    page.click("#styles .chip:has-text('watercolour')")
    expect(page.locator("#field-prompt textarea")).to_have_value("a fox, ink wash")


def test_problems_show_as_they_are_made_and_only_where_a_person_was(
    app: Program, visit: Visit
) -> None:
    page = visit(app.url)
    page.fill("#field-prompt textarea", "")
    expect(page.locator("#field-prompt .problem")).to_have_text("Describe the picture first.")
    page.click("#more .fold-head")
    page.fill("#field-callback_url textarea", "nowhere")
    expect(page.locator("#field-callback_url .problem")).to_be_visible()
    expect(page.locator(".field .problem")).to_have_count(2)
    page.fill("#field-prompt textarea", "a fox")
    expect(page.locator("#field-prompt .problem")).to_have_count(0)
    assert page.evaluate("document.activeElement.closest('.field').id") == "field-prompt"


def test_typing_choosing_and_folding_ask_the_server_for_nothing_but_a_judgement(
    app: Program, visit: Visit
) -> None:
    page = visit(app.url)
    page.wait_for_timeout(1000)
    requests: list[str] = []
    page.on("request", lambda one: requests.append(one.url) if one.method == "POST" else None)
    page.locator("#field-prompt textarea").press_sequentially("a fox in the snow", delay=20)
    page.fill("#field-model_name input", "kling-v1-5")
    page.keyboard.press("Enter")
    page.click("#more .fold-head")
    page.click("#compare .fold-head")
    page.click("#field-n label:has-text('3')")
    page.wait_for_timeout(1500)
    assert {url.partition("?")[0].rpartition("/")[2] for url in requests} == {"predict"}
    assert len(requests) <= 4


def test_the_request_is_shown_and_copied_as_it_would_be_sent(app: Program, visit: Visit) -> None:
    page = visit(app.url, permissions=["clipboard-read", "clipboard-write"])
    page.fill("#field-prompt textarea", "it's a fox")
    page.click("#request .fold-head")
    expect(page.locator("#request-shown pre")).to_contain_text("it's a fox")
    body = json.loads(page.inner_text("#request-shown pre"))
    assert (body["model_name"], body["n"]) == ("kling-v2-1", 1)
    page.fill("#field-prompt textarea", "another fox")
    expect(page.locator("#request-shown pre")).to_contain_text("another fox")
    page.click("#request-shown .pill:has-text('cURL')")
    expect(page.locator("#request-shown pre")).to_contain_text("$KLING_API_KEY")
    assert "good-key" not in page.content()
    page.click("#request-shown .copy")
    expect(page.locator("#request-shown .copy")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("curl '") and "external_task_id" not in copied


def test_a_copied_request_holds_the_whole_picture(
    app: Program, visit: Visit, kling_server: Kling, tmp_path: Path
) -> None:
    (tmp_path / "photo.png").write_bytes(photo(600, 400, "PNG"))
    page = visit(app.url, permissions=["clipboard-read", "clipboard-write"])
    prompt = f"copied {secrets.token_hex(8)}"
    page.fill("#field-prompt textarea", prompt)
    page.set_input_files("#field-image input[type=file]", tmp_path / "photo.png")
    page.click("#request .fold-head")
    expect(page.locator("#request-shown pre")).to_contain_text('"image"')
    page.click("#request-shown .copy")
    expect(page.locator("#request-shown .copy")).to_have_text("Copied")
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))["image"]
    with Image.open(io.BytesIO(base64.b64decode(copied, validate=True))) as picture:
        assert picture.size == (600, 400)
    page.click("#generate")
    expect(page.locator("#feed .card").first).to_contain_text(prompt)
    page.wait_for_function("() => document.querySelector('#feed .card .state.ok')", timeout=DONE)
    (sent,) = (one for one in kling_server.creates if one["prompt"] == prompt)
    digest = hashlib.sha256(copied.encode()).hexdigest()
    assert sent["image"] == f"sha256:{digest}:{len(copied)}"  # as the simulator notes long texts


def test_variants_models_and_shapes_make_one_grid(
    app: Program, visit: Visit, kling_server: Kling
) -> None:
    page = visit(app.url)
    page.fill("#field-prompt textarea", "a {crimson|teal} kite")
    expect(page.locator("#field-prompt .reason")).to_have_text("2 variants: crimson / teal")
    page.click("#compare .fold-head")
    for model in ("kling-v2-1", "kling-v3"):
        page.click(f"#field-compare_models label:has-text('{model}')")
    expect(page.locator("#generate")).to_contain_text("Generate 4")
    page.click("#generate")
    grid = page.locator("#stage-grid")
    expect(grid.locator(".cell")).to_have_count(4)
    assert grid.locator(".label").all_inner_texts() == ["kling-v2-1", "kling-v3", "crimson", "teal"]
    expect(page.locator("#stage-state")).to_have_text("4 of 4 finished", timeout=DONE)
    expect(grid.locator("img")).to_have_count(4)
    asked = {(body["prompt"], body["model_name"]) for body in kling_server.creates[-4:]}
    assert asked == {
        (f"a {colour} kite", model)
        for colour in ("crimson", "teal")
        for model in ("kling-v2-1", "kling-v3")
    }
    with page.expect_download() as download:
        page.click("#act-export")
    with Image.open(download.value.path()) as picture:
        assert (picture.format, picture.size) == ("PNG", (200 + 2 * 528, 108 + 2 * 302))
        middles = [(200 + 528 * k + 256, 108 + 302 * j + 143) for k in range(2) for j in range(2)]
        found = {picture.convert("RGB").getpixel(middle) for middle in middles}
    assert not found & {(255, 255, 255), (238, 242, 246)}  # paper, and a cell without its picture
    grid.locator("button.cell >> nth=3").click()
    expect(page.locator("#stage-head b")).to_have_text("a teal kite")
    page.reload()
    expect(page.locator("#stage-grid .cell")).to_have_count(4)


def test_one_failed_cell_spoils_no_other(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    page.fill("#field-prompt textarea", "a kite {#policy|over the sea}")
    page.click("#generate")
    expect(page.locator("#stage-state")).to_have_text("2 of 2 finished", timeout=DONE)
    expect(page.locator("#stage-grid img")).to_have_count(1)
    expect(page.locator("#stage-grid .trouble")).to_have_count(1)


def test_a_comparison_that_is_too_large_is_told_while_it_is_typed(
    app: Program, visit: Visit
) -> None:
    page = visit(app.url)
    choice = "|".join(map(str, range(40)))
    page.locator("#field-prompt textarea").press_sequentially("a ")
    page.fill("#field-prompt textarea", f"a fox {{{choice}}}")
    expect(page.locator("#problems")).to_contain_text("36")
    page.fill("#field-prompt textarea", "a fox")
    expect(page.locator("#problems")).to_be_empty()


def test_a_judgement_that_comes_late_is_not_believed(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    page.fill("#field-prompt textarea", "a fox")
    held: list[Route] = []
    page.route("**/run/predict", lambda route: route.continue_() if held else held.append(route))
    page.fill("#field-prompt textarea", "")
    while not held:
        page.wait_for_timeout(50)
    page.wait_for_timeout(800)
    assert len(held) == 1
    with page.expect_response("**/run/predict"):
        page.fill("#field-prompt textarea", "a hare")
    with page.expect_response("**/run/predict"):
        held[0].continue_()
    page.wait_for_timeout(300)
    expect(page.locator("#field-prompt .problem")).to_have_count(0)


def test_what_is_ticked_to_be_compared_is_seen_to_go_before_the_model(
    app: Program, visit: Visit
) -> None:
    page = visit(app.url)
    page.click("#compare .fold-head")
    page.click("#field-compare_models label:has-text('kling-v3')")
    expect(page.locator("#field-model_name .reason")).to_have_text("Compare decides: kling-v3")
    expect(page.locator("#field-model_name input")).to_be_disabled()
    expect(page.locator("#compare .fold-head")).to_have_attribute("data-count", "1")
    page.reload()
    expect(page.locator("#field-model_name .reason")).to_have_text("Compare decides: kling-v3")
    expect(page.locator("#compare.open")).to_have_count(1)
    page.click("#field-compare_models label:has-text('kling-v3')")
    expect(page.locator("#field-model_name input")).to_be_enabled()
    expect(page.locator("#field-model_name .reason")).to_contain_text("Good value")


def test_a_pair_that_cannot_be_is_told_where_it_was_ticked(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    page.click("#compare .fold-head")
    page.click("#field-compare_models label:has-text('kling-v1-5')")
    page.click("#field-compare_ratios label:has-text('21:9')")
    problem = page.locator("#field-compare_ratios .problem")
    expect(problem).to_contain_text("21:9")
    expect(page.locator("#field-aspect_ratio .problem")).to_have_count(0)
    page.click("#field-compare_ratios label:has-text('21:9')")
    expect(problem).to_have_count(0)


def test_many_pictures_are_asked_about_once_before_they_are_paid(
    app: Program, visit: Visit, kling_server: Kling
) -> None:
    page = visit(app.url)
    before = len(kling_server.creates)
    page.fill("#field-prompt textarea", "a {red|blue} barn")
    page.click("#field-n label:has-text('9')")
    expect(page.locator("#generate")).to_contain_text("Generate 18")
    page.click("#generate")
    expect(page.locator("#sure")).to_contain_text("18 pictures")
    page.keyboard.press("Escape")
    expect(page.locator("#sure")).to_have_count(0)
    page.wait_for_timeout(500)
    assert len(kling_server.creates) == before
    page.click("#generate")
    page.click("#sure .yes")
    expect(page.locator("#stage-grid .cell")).to_have_count(2)


def test_the_shortcut_does_nothing_while_a_question_is_open(
    app: Program, visit: Visit, kling_server: Kling
) -> None:
    page = visit(app.url)
    before = len(kling_server.creates)
    page.fill("#field-prompt textarea", "an {old|new} gate")
    page.click("#field-n label:has-text('9')")
    for _ in range(3):
        page.keyboard.press("Control+Enter")
        expect(page.locator("#sure")).to_have_count(1)
    page.click("#sure .yes")
    expect(page.locator("#sure")).to_have_count(0)
    page.wait_for_timeout(500)
    assert len(kling_server.creates) <= before + 2
    expect(page.locator("#feed .card", has_text="gate")).to_have_count(1)


# however long the machine takes
HELD_CLOCK = """() => {
  let now = Date.now();
  Date.now = () => now;
  window.pass = (milliseconds) => { now += milliseconds; };
}"""


@pytest.mark.parametrize("key", ["Control+Enter", "Enter"])
def test_a_key_pressed_again_and_again_is_one_order(
    app: Program, visit: Visit, kling_server: Kling, key: str
) -> None:
    page = visit(app.url)
    before = len(kling_server.creates)
    page.fill("#field-prompt textarea", f"impatient {key}")
    page.focus("#generate")
    page.evaluate(HELD_CLOCK)
    for _ in range(5):
        page.keyboard.press(key)
        page.evaluate("pass(150)")
    expect(card(page, f"impatient {key}")).to_have_count(1)
    page.evaluate("pass(800)")
    page.keyboard.press(key)  # this one is meant
    expect(card(page, f"impatient {key}").locator(".state.ok")).to_have_count(2, timeout=DONE)
    assert len(kling_server.creates) == before + 2


def test_presses_that_gradio_takes_late_are_one_order(
    app: Program, visit: Visit, kling_server: Kling, tmp_path: Path
) -> None:
    page, held = visit(app.url), list[tuple[Route, APIResponse]]()
    (tmp_path / "a.jpg").write_bytes(photo())
    before = len(kling_server.creates)
    page.fill("#field-prompt textarea", "while it uploads")
    page.route("**/gradio_api/upload?**", lambda route: held.append((route, route.fetch())))
    page.set_input_files("#field-image input[type=file]", tmp_path / "a.jpg")
    for pause in (1200, 3200, 0):  # before and after it is asked for
        page.click("#generate")
        page.wait_for_timeout(pause)
    expect(page.locator("#problems")).to_contain_text("it stays one task")
    for route, answer in held:
        route.fulfill(response=answer)
    expect(card(page, "while it uploads")).to_have_count(1)
    expect(page.locator("#problems")).to_be_empty()
    page.click("#generate")  # this one is meant
    expect(card(page, "while it uploads").locator(".state.ok")).to_have_count(2, timeout=DONE)
    assert len(kling_server.creates) == before + 2


def test_a_press_that_gradio_did_not_take_is_told(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    page.evaluate(
        """document.querySelector("#generate").addEventListener(
             "click", (event) => event.stopImmediatePropagation(), true)"""
    )
    page.fill("#field-prompt textarea", "into the void")
    page.click("#generate")
    expect(page.locator("#problems")).to_contain_text("Press again")


def test_an_input_method_that_composes_keeps_its_enter(
    app: Program, visit: Visit, kling_server: Kling
) -> None:
    page = visit(app.url)
    before = len(kling_server.creates)
    press = """(isComposing) => document.querySelector("#field-prompt textarea").dispatchEvent(
        new KeyboardEvent("keydown",
            { key: "Enter", ctrlKey: true, isComposing, bubbles: true }))"""
    page.fill("#field-prompt textarea", "composed")
    page.evaluate(press, True)
    page.wait_for_timeout(500)
    assert len(kling_server.creates) == before
    page.evaluate(press, False)
    expect(card(page, "composed")).to_have_count(1)


def test_the_counter_warns_before_the_end_and_says_what_is_too_much(
    app: Program, visit: Visit
) -> None:
    page = visit(app.url)
    counter = page.locator("#field-prompt .counter")
    for length, kind in ((2000, "counter"), (2300, "counter near"), (2503, "counter over")):
        page.fill("#field-prompt textarea", "x" * length)
        expect(counter).to_have_attribute("class", kind)
    expect(counter).to_contain_text("3 too many")


def test_keys_work_while_a_choice_has_the_focus(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    page.click("#field-aspect_ratio label:has-text('2:3')")
    page.keyboard.press("/")
    expect(page.locator("#field-prompt textarea")).to_be_focused()
    page.keyboard.type("/p")
    expect(page.locator("#field-prompt textarea")).to_have_value(re.compile("/p$"))


def test_a_comparison_without_a_model_is_asked_for_one(
    app: Program, visit: Visit, kling_server: Kling
) -> None:
    page = visit(app.url)
    before = len(kling_server.creates)
    page.fill("#field-prompt textarea", "an {old|new} well")
    page.fill("#field-model_name input", "")
    page.locator("#field-model_name input").blur()
    page.click("#generate")
    problem = page.locator("#field-model_name .problem")
    expect(problem).to_be_visible()
    described = page.locator("#field-model_name input").get_attribute("aria-describedby")
    assert described == problem.get_attribute("id")
    assert len(kling_server.creates) == before


def test_a_link_fills_the_form_and_sends_nothing(
    app: Program, visit: Visit, kling_server: Kling
) -> None:
    page = visit(app.url, permissions=["clipboard-read", "clipboard-write"])
    page.click("#field-aspect_ratio label:has-text('21:9')")
    ask(page, "a link = a form & 狐狸")
    card(page, "a link").click()
    expect(page.locator("#act-link")).to_be_visible(timeout=DONE)
    page.click("#act-link")
    expect(page.locator("#stage-said")).to_contain_text("Link copied")
    link = page.evaluate("navigator.clipboard.readText()")
    before = len(kling_server.creates)
    other = visit(link)
    assert prompt(other) == "a link = a form & 狐狸"
    expect(other.locator("#field-aspect_ratio label.selected")).to_have_text("21:9")
    assert "#" not in other.url
    assert len(kling_server.creates) == before


def test_a_strange_link_fills_in_nothing_that_is_not_allowed(app: Program, visit: Visit) -> None:
    fields = "callback_url=https://evil.example&image_url=https://evil.example/a.png&prompt=a%20fox"
    page = visit(f"{app.url}/#{fields}&external_task_id=theirs&n=<script>")
    assert prompt(page) == "a fox"
    values: dict[str, Any] = page.evaluate(
        "Object.fromEntries(kling.fields.map((f,i)=>[f,kling.values[i]]))"
    )
    assert [values[name] for name in ("callback_url", "external_task_id", "image_url")] == [""] * 3


def test_a_picture_of_ours_dropped_on_the_prompt_restores_the_form(
    app: Program, visit: Visit
) -> None:
    page = visit(app.url)
    page.click("#field-aspect_ratio label:has-text('2:3')")
    ask(page, "a dropped owl")
    expect(card(page, "a dropped owl").locator(".state.ok")).to_be_visible(timeout=DONE)
    card(page, "a dropped owl").click()
    with page.expect_download() as download:
        page.click("#act-download")
    data = list(Path(download.value.path()).read_bytes())
    page.fill("#field-prompt textarea", "something else")
    page.click("#field-aspect_ratio label:has-text('1:1')")
    drop = """([selector, bytes]) => {
        const data = new DataTransfer();
        data.items.add(new File([new Uint8Array(bytes)], "a.png", { type: "image/png" }));
        document.querySelector(selector).dispatchEvent(
          new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: data }));
    }"""
    page.evaluate(drop, ["#field-prompt textarea", data])
    expect(page.locator("#field-prompt textarea")).to_have_value("a dropped owl")
    expect(page.locator("#field-aspect_ratio label.selected")).to_have_text("2:3")
    page.evaluate(drop, ["#field-prompt textarea", [1, 2, 3]])
    expect(page.locator("#field-prompt .problem")).to_contain_text("no settings")
    with page.expect_response("**/gradio_api/run/predict"):  # judged meanwhile
        page.evaluate("document.getElementById('judge').click()")
    page.wait_for_timeout(300)
    expect(page.locator("#field-prompt .problem")).to_contain_text("no settings")


def test_a_result_becomes_the_reference(app: Program, visit: Visit, kling_server: Kling) -> None:
    page = visit(app.url)
    ask(page, "a fine vase")
    expect(card(page, "a fine vase").locator(".state.ok")).to_be_visible(timeout=DONE)
    card(page, "a fine vase").click()
    page.click("#act-reference")
    expect(page.locator("#field-image_reference")).to_be_visible()
    ask(page, "as a drawing")
    expect(card(page, "as a drawing").locator(".state.ok")).to_be_visible(timeout=DONE)
    assert kling_server.creates[-1]["image"]


def test_a_star_stays(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    ask(page, "a starred hare")
    card(page, "a starred hare").click()
    page.click("#act-star")
    expect(page.locator("#act-star")).to_have_text(re.compile("Starred"))
    page.reload()
    card(page, "a starred hare").click()
    expect(page.locator("#stage.starred")).to_have_count(1)
    page.click("#act-star")
    expect(page.locator("#stage.starred")).to_have_count(0)


def test_details_tell_how_it_went_and_what_kling_said(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    ask(page, "a told story")
    expect(card(page, "a told story").locator(".state.ok")).to_be_visible(timeout=DONE)
    card(page, "a told story").click()
    page.click("#act-details")
    details = page.locator("#stage-details")
    expect(details).to_contain_text("Waiting · ")
    expect(details).to_contain_text("Succeeded · +")
    expect(details).to_contain_text('"task_status": "succeed"')
