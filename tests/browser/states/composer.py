"""The form: empty, filled, wrong, open, asked about."""

from __future__ import annotations

from playwright.sync_api import expect

from .pieces import MAIN
from .registry import state
from .scene import Scene


@state(spoils=False)
def first_visit(scene: Scene) -> None:
    scene.say()
    expect(scene.page.locator("#stage-gallery img")).to_have_count(4)


@state()
def problems(scene: Scene) -> None:
    page = scene.page
    scene.say(*MAIN)
    page.fill("#field-prompt textarea", "")
    page.click("#more .fold-head")
    page.fill("#field-negative_prompt textarea", "blurry " * 400)
    page.fill("#field-callback_url textarea", "nonsense")
    page.fill("#field-external_task_id textarea", "an id " * 40)
    page.fill("#field-image_url textarea", "not an address")
    page.click("#generate")
    expect(page.locator("#problems p")).to_have_count(4)


@state()
def folds(scene: Scene) -> None:
    """All open, with a reference picture."""
    page = scene.page
    scene.say(*MAIN)
    page.set_input_files("#field-image input[type=file]", scene.sample.files["four"])
    expect(page.locator("#field-image_reference")).to_be_visible()
    for name in ("more", "compare", "request"):
        page.click(f"#{name} .fold-head")
    page.click("#field-compare_models label:has-text('kling-v3')")
    for shape in ("16:9", "1:1"):
        page.click(f"#field-compare_ratios label:has-text('{shape}')")
    expect(page.locator("#request-shown pre")).to_contain_text('"kling-v3"')


def _model(scene: Scene, name: str) -> None:
    scene.page.click("#field-model_name input")
    scene.page.get_by_role("option", name=name, exact=True).click()


@state()
def switched_off(scene: Scene) -> None:
    """Fields that the model does not take."""
    scene.say(*MAIN)
    scene.page.click("#more .fold-head")
    _model(scene, "kling-v2-new")
    expect(scene.page.locator("#field-resolution input").first).to_be_disabled()


@state()
def doubts(scene: Scene) -> None:
    """A model that wants to know what to follow, and fields that may not be taken."""
    page = scene.page
    scene.say(*MAIN)
    page.set_input_files("#field-image input[type=file]", scene.sample.files["one"])
    expect(page.locator("#field-image_reference")).to_be_visible()
    _model(scene, "kling-v1-5")
    page.click("#more .fold-head")
    page.fill("#field-negative_prompt textarea", scene.words("people", "人物"))
    page.click("#field-watermark_info input")
    expect(page.locator(".reason.doubtful:visible").first).to_be_visible()


@state()
def models(scene: Scene) -> None:
    """The list to choose from."""
    scene.say(*MAIN)
    scene.page.click("#field-model_name input")
    expect(scene.page.get_by_role("option").first).to_be_visible()


@state()
def asking(scene: Scene) -> None:
    """Before more pictures than twelve."""
    page = scene.page
    scene.say(*MAIN)
    page.fill("#field-prompt textarea", scene.words("a {red|blue} barn", "{红|蓝}色谷仓"))
    page.click("#field-n label:has-text('9')")
    expect(page.locator("#generate")).to_contain_text("18")
    page.click("#generate")
    expect(page.locator("#sure")).to_be_visible()


@state()
def unheard(scene: Scene) -> None:
    """A press without an answer."""
    scene.say(*MAIN)
    scene.page.evaluate("kling.unheardPress()")
    expect(scene.page.locator("#problems p")).to_be_visible()
