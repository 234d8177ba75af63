"""The stage: a task in each state, comparisons, and what is done with them."""

from __future__ import annotations

from functools import partial

from playwright.sync_api import expect

from .pieces import GRIDS, MAIN, OTHERS
from .registry import PageState, add, state
from .scene import Scene


def on_stage(scene: Scene, name: str, *beside: str) -> None:
    """Selected among others."""
    scene.say(*{*MAIN, name, *beside})
    scene.select(name)
    expect(scene.page.locator("#stage-state")).to_be_visible()


for _name in ("waiting", "processing", "one", "four", "unconfirmed", "rejected", *OTHERS):
    add(PageState(_name, partial(on_stage, name=_name), spoils=False))


@state(spoils=False)
def superseded(scene: Scene) -> None:
    """Another was sent for it."""
    on_stage(scene, "superseded", "successor")


def _compared(scene: Scene, grid: str) -> None:
    on_stage(scene, f"{grid}-0-0", *(name for name in GRIDS if name.startswith(grid)))


for _name in ("running", "done", "spoiled"):
    add(PageState(f"comparison-{_name}", partial(_compared, grid=_name), spoils=False))


@state()
def main(scene: Scene) -> None:
    """The page as README shows it."""
    page = scene.page
    scene.say(*MAIN)
    page.click("#field-aspect_ratio label:has-text('1:1')")
    page.click("#field-n label:has-text('4')")
    scene.select("four")
    expect(page.locator("#generate")).to_contain_text("0.056")


@state()
def details(scene: Scene) -> None:
    on_stage(scene, "superseded", "successor")
    scene.page.click("#act-details")
    expect(scene.page.locator("#stage-details .successor")).to_be_visible()
    expect(scene.page.locator("#stage-details dd")).not_to_have_count(0)


@state(spoils=False)
def preview(scene: Scene) -> None:
    """One picture looked at closely."""
    on_stage(scene, "four")
    scene.page.click("#stage-gallery .thumbnail-item >> nth=1")
    expect(scene.page.locator("#stage-gallery .preview")).to_be_visible()


@state()
def looked(scene: Scene) -> None:
    """Kling is being asked."""
    on_stage(scene, "traceless")
    scene.page.evaluate("kling.asking = 600000")
    scene.page.click("#act-look")
    expect(scene.page.locator("#stage-said")).to_be_visible()


@state(spoils=False)
def again(scene: Scene) -> None:
    """Before what may be paid for twice."""
    on_stage(scene, "unconfirmed")
    scene.page.click("#act-again")
    expect(scene.page.locator("#sure")).to_be_visible()
