"""The composer's finer points, in Chromium."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ..conftest import Kling, photo
from ..program import Program
from .test_page import DONE, ask, card

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(photo(800, 600))
    return path


def upload(page: Page, path: Path) -> None:
    page.set_input_files("#field-image input[type=file]", path)
    expect(page.locator("#field-image_reference")).to_be_visible()


def test_settings_of_a_photo_task_bring_the_photo_back_and_what_goes_with_it(
    app: Program, kling_server: Kling, visit: Visit, picture: Path
) -> None:
    page = visit(app.url)
    upload(page, picture)
    ask(page, "photo settings")
    expect(card(page, "photo settings").locator(".state.ok")).to_be_visible(timeout=DONE)
    again = visit(app.url)
    expect(again.locator("#field-image_reference")).to_be_hidden()
    card(again, "photo settings").click()
    again.click("#act-settings")
    expect(again.locator("#field-image_reference")).to_be_visible()
    expect(again.locator("#field-resolution label")).to_have_text(["1k"])  # 2k takes no picture
    expect(again.locator("#field-prompt .counter")).to_contain_text("14 /")
    again.click("#generate")
    expect(card(again, "photo settings").locator(".state.ok")).to_have_count(2, timeout=DONE)
    first, second = kling_server.creates[-2:]
    assert first["image"] == second["image"]


def test_a_photo_and_an_address_survive_a_reload_and_a_change_of_language(
    app: Program, visit: Visit, picture: Path
) -> None:
    page = visit(app.url)
    page.fill("#field-image_url textarea", "https://example.com/a.png")
    upload(page, picture)
    expect(page.locator("#field-image_url .reason")).to_contain_text("Not used")
    page.click("#pill-language")
    expect(page.locator("#generate")).to_contain_text("生成")
    expect(page.locator("#field-image img")).to_have_count(1)
    expect(page.locator("#field-image_reference")).to_be_visible()
    expect(page.locator("#field-image_url textarea")).to_have_value("https://example.com/a.png")


def test_a_file_far_too_large_is_refused_in_place_and_never_travels(
    app: Program, visit: Visit, kling_server: Kling, tmp_path: Path
) -> None:
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(70_000_000)
    (tmp_path / "good.jpg").write_bytes(photo())
    page = visit(app.url, locale="zh-CN")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else 0)
    page.set_input_files("#field-image input[type=file]", tmp_path / "huge.png")
    problem = page.locator("#field-image .problem")
    expect(problem).to_contain_text("文件大小为 70.0 MB，最多 20 MB")
    page.wait_for_timeout(1500)
    expect(problem).to_be_visible()  # also when the page has drawn itself anew
    assert not [url for url in sent if "/upload" in url]
    before = len(kling_server.creates)
    ask(page, "not without the picture")  # but it is said once more where one looks
    page.wait_for_timeout(800)
    assert len(kling_server.creates) == before
    expect(problem).to_be_in_viewport()
    upload(page, tmp_path / "good.jpg")
    expect(problem).to_have_count(0)
    ask(page, "with another picture")
    expect(card(page, "with another picture").locator(".state.ok")).to_be_visible(timeout=DONE)
    assert len(kling_server.creates) == before + 1


PASTE = """async ([side, words]) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  canvas.getContext("2d").fillRect(20, 20, 99, 99);
  const picture = await new Promise((resolve) => canvas.toBlob(resolve)), data = new DataTransfer();
  data.items.add(new File([picture], "pasted.png", { type: "image/png" }));
  if (words) data.setData("text/plain", words);
  const how = { clipboardData: data, bubbles: true, cancelable: true };
  document.activeElement.dispatchEvent(new ClipboardEvent("paste", how));
}"""


def test_a_picture_is_pasted_from_anywhere_and_another_takes_its_place(
    app: Program, visit: Visit
) -> None:
    page = visit(app.url)
    page.focus("#field-prompt textarea")
    page.evaluate(PASTE, [350, "a table of numbers"])
    page.wait_for_timeout(300)
    expect(page.locator("#field-image img")).to_have_count(0)
    for side in (400, 500):
        page.evaluate(PASTE, [side, ""])
        page.wait_for_function(
            "side => document.querySelector('#field-image img')?.naturalWidth === side", arg=side
        )
    expect(page.locator("#field-image_reference")).to_be_visible()


def test_the_button_stays_in_sight_while_the_form_scrolls(app: Program, visit: Visit) -> None:
    page = visit(app.url, viewport={"width": 1440, "height": 600})
    expect(page.locator("#generate")).to_be_in_viewport(ratio=1)
    page.focus("#field-n input >> nth=0")
    button, field = (page.locator(one).bounding_box() for one in ("#generate", "#field-n"))
    assert button and field and field["y"] + field["height"] <= button["y"]


def test_a_pictures_problem_goes_with_the_picture(
    app: Program, visit: Visit, tmp_path: Path
) -> None:
    (tmp_path / "text.png").write_text("no picture")
    page = visit(app.url)
    page.set_input_files("#field-image input[type=file]", tmp_path / "text.png")
    expect(page.locator("#field-image .problem")).to_contain_text("not a picture")
    page.locator("#field-image .icon-button-wrapper button").last.click()
    expect(page.locator("#field-image .problem")).to_have_count(0)


@pytest.mark.parametrize("name", ["kling-v2", "kling-v1", "house-model"])
def test_enter_takes_the_models_name_as_it_was_typed(app: Program, visit: Visit, name: str) -> None:
    page = visit(app.url)
    page.click("#field-model_name input")
    page.keyboard.press("Control+A")
    page.keyboard.type(name)
    page.keyboard.press("Enter")
    expect(page.locator("#field-model_name input")).to_have_value(name)
    reason = "Not in our list" if name == "house-model" else "retired"
    expect(page.locator("#field-model_name .reason")).to_contain_text(reason)


def test_a_size_that_a_model_lacks_is_back_with_the_next(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    model, chosen = page.locator("#field-model_name input"), "#field-resolution label.selected"
    page.click("#field-resolution label:has-text('2k')")
    for name, size in (("kling-v1-5", "1k"), ("kling-v2-1", "2k")):
        model.fill(name)  # as by pasting
        model.press("Enter")
        expect(model).to_have_value(name)
        expect(page.locator(chosen)).to_have_text(size)


def test_an_emptied_model_is_asked_for(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    page.fill("#field-model_name input", "")
    page.keyboard.press("Tab")
    ask(page, "without a model")
    expect(page.locator("#field-model_name .problem")).to_have_text("Choose a model.")
    expect(card(page, "without a model")).to_have_count(0)


def test_the_model_list_closes_when_the_keyboard_moves_on(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    page.focus("#field-image_url textarea")
    page.keyboard.press("Tab")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("option").first).to_be_hidden()


def test_an_example_clears_what_was_wrong_with_the_prompt(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    ask(page, "")
    expect(page.locator("#field-prompt .problem")).to_be_visible()
    page.click("#examples button:has-text('Alpine')")
    expect(page.locator("#field-prompt .problem")).to_have_count(0)
    expect(page.locator("#problems")).to_be_empty()


def test_the_stage_shows_the_pictures_of_the_task_it_names(app: Program, visit: Visit) -> None:
    """Also when cards are clicked faster than the server answers, and on every load."""
    page = visit(app.url)
    for prompt in ("stage one", "stage two"):
        ask(page, prompt)
        expect(card(page, prompt).locator(".state.ok")).to_be_visible(timeout=DONE)
    expected = {
        prompt: card(page, prompt).locator("img").first.get_attribute("src").rsplit("/", 2)[1]
        for prompt in ("stage one", "stage two")
    }
    for _ in range(3):
        for prompt in ("stage one", "stage two", "stage one"):
            card(page, prompt).click()
            page.wait_for_timeout(40)
        shown = page.locator(f"#stage-gallery img[src*='{expected['stage one']}']")
        expect(shown).to_have_count(1)
        expect(page.locator("#stage-head b").first).to_have_text("stage one")
    for _ in range(4):
        page.reload()
        page.wait_for_selector("#generate:has-text('·')")
        expect(page.locator(f"#stage-gallery img[src*='{expected['stage two']}']")).to_have_count(1)


def test_arrows_choose_and_the_next_tab_leaves_the_group(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    page.focus("#field-aspect_ratio input >> nth=0")
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#field-aspect_ratio label.selected")).to_have_text("1:1")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#generate")).to_contain_text("Generate 2")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#field-resolution label.selected")).to_have_text("2k")
    expect(page.get_by_role("group", name="Aspect ratio")).to_be_visible()
