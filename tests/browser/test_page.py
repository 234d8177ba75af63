"""The main job as a person does it, in Chromium, against the program as it is started."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from ..conftest import Kling, photo
from ..program import Program

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
Start = Callable[..., Program]
DONE = 60_000  # milliseconds for a task to end


def ask(page: Page, prompt: str) -> None:
    page.fill("#field-prompt textarea", prompt)
    page.click("#generate")


def card(page: Page, prompt: str) -> Any:
    return page.locator("#feed .card", has_text=prompt)


def stage_pictures(page: Page) -> Any:
    return page.locator("#stage-gallery .grid-container img[src*='/pictures/']")


def posts(kling: Kling, prompt: str) -> int:
    """How many creates with this prompt came in."""
    return sum(body.get("prompt") == prompt for body in kling.creates)


def test_the_first_visit_makes_pictures_without_a_key_and_keeps_them(
    program: Start, visit: Visit
) -> None:
    app, fonts = program(), list[str]()

    def listen(page: Page) -> None:
        page.on("request", lambda one: fonts.append(one.url) if one.resource_type == "font" else 0)

    page = visit(app.url, before=listen)
    expect(page.locator("#pill-account")).to_have_text("Demo")
    expect(page.locator("#stage-gallery img")).to_have_count(4)  # examples
    assert page.input_value("#field-prompt textarea")
    page.click("#field-n label:has-text('2')")
    expect(page.locator("#generate")).to_have_text(re.compile(r"Generate 2 · ≈ \$0\.028"))
    page.click("#generate")
    expect(page.locator("#stage-state")).to_have_text(re.compile(r"(Submitted|Processing) · \d s"))
    expect(page.locator("#stage-gallery img[src*='/placeholder/1280x720']")).to_have_count(2)
    expect(stage_pictures(page)).to_have_count(2, timeout=DONE)
    expect(page.locator("#stage-state")).to_have_text(re.compile("Succeeded"))
    page.reload()
    expect(stage_pictures(page)).to_have_count(2)
    assert fonts == []  # the system's are good
    assert app.stop() == 0
    app.start()
    page.goto(app.url)
    expect(stage_pictures(page)).to_have_count(2)
    page.close()


def test_an_open_page_follows_when_the_program_is_given_a_key(
    program: Start, visit: Visit, kling_server: Kling
) -> None:
    app = program()
    page = visit(app.url)
    expect(page.locator("#pill-account")).to_have_text("Demo")
    page.fill("#field-prompt textarea", "typed before the restart")
    assert app.stop() == 0
    app.env |= {"KLING_BASE_URL": f"{kling_server.url}/kling", "KLING_API_KEY": "another-key"}
    app.start()
    expect(page.locator("#pill-account")).to_contain_text("Live")
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.locator("#field-prompt textarea")).to_have_value("typed before the restart")


def test_generate_never_blocks_five_presses_are_five_tasks(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    page.fill("#field-prompt textarea", "five presses")
    for _ in range(5):
        page.click("#generate")
    expect(card(page, "five presses")).to_have_count(5)
    expect(card(page, "five presses").locator(".state.ok")).to_have_count(5, timeout=DONE)


def test_a_double_click_is_one_task(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    page.fill("#field-prompt textarea", "double click")
    page.dblclick("#generate")
    expect(card(page, "double click").locator(".state.ok")).to_have_count(1, timeout=DONE)
    expect(card(page, "double click")).to_have_count(1)


def test_ctrl_enter_generates(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    page.fill("#field-prompt textarea", "by keyboard")
    page.press("#field-prompt textarea", "Control+Enter")
    expect(card(page, "by keyboard")).to_have_count(1)


def test_an_uploaded_photo_becomes_the_reference(
    app: Program, visit: Visit, tmp_path: Path
) -> None:
    (tmp_path / "photo.jpg").write_bytes(photo(800, 600))
    page = visit(app.url)
    page.set_input_files("#field-image input[type=file]", tmp_path / "photo.jpg")
    expect(page.locator("#field-image_reference")).to_be_visible()
    page.click("#field-image_reference label:has-text('Subject')")
    ask(page, "with a photo")
    expect(card(page, "with a photo").locator(".state.ok")).to_be_visible(timeout=DONE)
    page.click("#act-details")
    expect(page.locator("#stage-details")).to_contain_text('"image_reference": "subject"')
    size = card(page, "with a photo").locator("img").first
    assert (size.get_attribute("width"), size.get_attribute("height")) == ("1168", "864")


@pytest.mark.parametrize(
    ("size", "sentence"),
    [((299, 400), "299 × 400"), ((780, 300), "2.60:1")],
)
def test_a_picture_that_cannot_be_used_says_so_at_once(
    app: Program, visit: Visit, tmp_path: Path, size: tuple[int, int], sentence: str
) -> None:
    Image.new("RGB", size, "teal").save(tmp_path / "bad.png")
    page = visit(app.url)
    page.set_input_files("#field-image input[type=file]", tmp_path / "bad.png")
    expect(page.locator("#field-image .problem")).to_contain_text(sentence)
    ask(page, f"never sent {sentence}")
    expect(page.locator("#problems")).to_contain_text(sentence)
    expect(card(page, f"never sent {sentence}")).to_have_count(0)


def test_an_empty_prompt_is_told_in_place_in_both_languages(
    app: Program, visit: Visit, kling_server: Kling
) -> None:
    for locale, sentence in (
        ("en-US", "Describe the picture first."),
        ("zh-HK", "请先描述想要的画面。"),
    ):
        page = visit(app.url, locale=locale)
        before = len(kling_server.creates)
        ask(page, "   ")
        expect(page.locator("#field-prompt .problem")).to_have_text(sentence)
        expect(page.locator("#problems")).to_contain_text(sentence)
        assert len(kling_server.creates) == before
        page.fill("#field-prompt textarea", "x")
        expect(page.locator("#field-prompt .problem")).to_have_count(0)


def test_a_problem_inside_a_closed_fold_opens_it_and_nothing_typed_is_lost(
    app: Program, visit: Visit
) -> None:
    page = visit(app.url)
    page.click(".fold-head")
    page.fill("#field-callback_url textarea", "nonsense")
    expect(page.locator("#field-callback_url .problem")).to_be_visible()  # judged, and told
    page.click(".fold-head")
    expect(page.locator("#field-callback_url")).to_be_hidden()
    ask(page, "a callback")
    expect(page.locator("#field-callback_url .problem")).to_be_visible()
    assert page.input_value("#field-callback_url textarea") == "nonsense"
    assert page.input_value("#field-prompt textarea") == "a callback"


def test_a_prompt_over_the_limit_is_counted_and_refused(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    page.fill("#field-prompt textarea", "字" * 2501)
    expect(page.locator("#field-prompt .counter")).to_have_text("2501 / 2500 · 1 too many")
    page.click("#generate")
    expect(page.locator("#field-prompt .problem")).to_contain_text("1 more than the 2500")


def test_a_refusal_stays_on_its_task_and_says_what_to_do(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    ask(page, "somebody famous #policy")
    notice = page.locator("#stage-head .notice")
    expect(notice).to_contain_text("Change the prompt or the picture")
    expect(notice).to_contain_text("not charged")
    expect(card(page, "somebody famous")).to_contain_text("Refused")


def test_what_a_model_cannot_take_is_switched_off_with_the_reason_without_asking_the_server(
    app: Program, visit: Visit
) -> None:
    page = visit(app.url)
    page.click("#field-aspect_ratio label:has-text('21:9')")
    page.evaluate("kling.judgeSoon = () => {}")  # what is typed is judged; that is another matter
    page.wait_for_timeout(800)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.click("#field-model_name input")
    page.get_by_role("option", name="kling-v1-5").click()
    expect(page.locator("#field-aspect_ratio label:has-text('21:9')")).to_have_count(0)
    expect(page.locator("#field-resolution .reason")).to_have_text("kling-v1-5 has one size only.")
    expect(page.locator("#field-resolution input").first).to_be_disabled()
    page.click("#field-model_name input")
    page.get_by_role("option", name="kling-v3", exact=True).click()
    expect(page.locator("#field-aspect_ratio label.selected")).to_have_text("21:9")
    assert asked == []


def test_a_restart_in_mid_task_finishes_it_on_the_open_page(
    kling_server: Kling, program: Start, visit: Visit
) -> None:
    env = {"KLING_BASE_URL": f"{kling_server.url}/kling", "KLING_API_KEY": "another-key"}
    app = program(**env)
    page = visit(app.url)
    page.click("#field-n label:has-text('3')")
    ask(page, "killed in mid task")
    expect(page.locator("#stage-state")).to_have_text(re.compile("Submitted|Processing|Saving"))
    app.stop(signal.SIGKILL)
    app.start()
    expect(stage_pictures(page)).to_have_count(3, timeout=DONE)  # the page was not reloaded
    assert posts(kling_server, "killed in mid task") == 1
    page.close()


def test_another_tab_shows_the_same(app: Program, visit: Visit) -> None:
    first, second = visit(app.url), visit(app.url)
    ask(first, "seen in both tabs")
    expect(card(second, "seen in both tabs").locator(".state.ok")).to_be_visible(timeout=DONE)


def test_a_wrong_key_and_a_broken_one_are_told_in_place(
    kling_server: Kling, program: Start, visit: Visit
) -> None:
    url = f"{kling_server.url}/kling"
    app = program(KLING_BASE_URL=url, KLING_API_KEY="wrong-key")
    page = visit(app.url)
    ask(page, "with a wrong key")
    expect(page.locator("#stage-head .notice")).to_contain_text("does not know this key")
    page.close()
    app.stop()
    app.env["KLING_API_KEY"] = "broken key 密"
    app.start()
    page = visit(app.url, locale="zh-CN")
    expect(page.locator("#banner")).to_contain_text("KLING_API_KEY")
    ask(page, "with a broken key")
    expect(page.locator("#problems")).to_contain_text("KLING_API_KEY 含有密钥不可能出现的字符")
    expect(card(page, "with a broken key")).to_have_count(0)
    page.close()


def test_an_unreachable_host_is_told_on_the_task(program: Start, visit: Visit) -> None:
    app = program(KLING_BASE_URL="http://127.0.0.1:9/kling", KLING_API_KEY="good-key")
    page = visit(app.url)
    ask(page, "nobody there")
    expect(page.locator("#stage-head .notice")).to_contain_text("Kling cannot be reached")
    expect(page.locator("#stage-head .notice")).to_contain_text("Nothing was sent")
    page.click("#act-cancel")
    expect(page.locator("#stage-head .state")).to_have_text("Cancelled")


def test_using_a_tasks_settings_fills_the_form(app: Program, visit: Visit) -> None:
    page = visit(app.url)
    page.click("#field-aspect_ratio label:has-text('3:4')")
    page.click("#field-n label:has-text('2')")
    ask(page, "to be used again")
    expect(card(page, "to be used again").locator(".state.ok")).to_be_visible(timeout=DONE)
    page.reload()
    page.wait_for_selector("#generate:has-text('·')")
    page.fill("#field-prompt textarea", "something else")
    page.click("#field-aspect_ratio label:has-text('1:1')")
    card(page, "to be used again").click()
    page.click("#act-settings")
    expect(page.locator("#field-prompt textarea")).to_have_value("to be used again")
    expect(page.locator("#field-aspect_ratio label.selected")).to_have_text("3:4")
    expect(page.locator("#generate")).to_contain_text("Generate 2")


def test_a_deleted_task_is_gone_from_every_tab(app: Program, visit: Visit) -> None:
    page, other = visit(app.url), visit(app.url)
    ask(page, "to be deleted")
    expect(card(page, "to be deleted").locator(".state.ok")).to_be_visible(timeout=DONE)
    page.click("#act-delete")
    expect(page.locator("#sure")).to_contain_text("This cannot be undone.")
    page.click("#sure .yes")
    expect(card(page, "to be deleted")).to_have_count(0)
    expect(card(other, "to be deleted")).to_have_count(0)


def test_language_and_theme_are_switched_and_what_was_typed_stays(
    app: Program, visit: Visit
) -> None:
    page = visit(app.url)
    page.fill("#field-prompt textarea", "typed before the switch")
    page.click("#field-n label:has-text('3')")
    page.click("#pill-language")
    expect(page.locator("#generate")).to_contain_text("生成 3 张")
    expect(page.locator("#field-prompt [data-testid=block-info]")).to_contain_text("提示词")
    expect(page.locator("#field-prompt textarea")).to_have_value("typed before the switch")
    page.click("#pill-theme")
    assert "dark" in (page.get_attribute("body", "class") or "")
    page.reload()
    page.wait_for_selector("#generate:has-text('·')")
    assert "dark" in (page.get_attribute("body", "class") or "")


@pytest.mark.parametrize("width", [390, 820, 1024, 1440])
def test_nothing_scrolls_sideways(app: Program, visit: Visit, width: int) -> None:
    for locale in ("en-US", "zh-CN"):
        page = visit(app.url, locale=locale, viewport={"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_nothing_on_the_page_comes_from_elsewhere(app: Program, visit: Visit) -> None:
    asked: list[str] = []
    page = visit(app.url)
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.wait_for_selector("#generate:has-text('·')")
    foreign = [url for url in asked if not url.startswith((app.url, "data:", "blob:"))]
    assert asked
    assert foreign == []


def test_what_gradio_names_in_english_only_has_its_chinese_name(app: Program, visit: Visit) -> None:
    page = visit(app.url, locale="zh-CN")
    expect(page.get_by_role("button", name="第 1 张，共", exact=False).first).to_be_visible()
    page.locator("#stage-gallery .thumbnail-item").first.click()
    expect(page.locator("#stage-gallery .preview [title='关闭']")).to_be_visible()
    labels = page.eval_on_selector_all(
        "#composer [aria-label], #stage [aria-label], #stage [title]",
        "all => all.flatMap((one) => [one.ariaLabel, one.title]).filter(Boolean)",
    )
    english = re.compile("close|full|view|thumb|upload|paste|clear|remove", re.IGNORECASE)
    assert [label for label in labels if english.search(label)] == []
