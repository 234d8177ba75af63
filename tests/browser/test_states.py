"""Every state of the page: nobody is barred from it. ``--screenshots DIR`` makes pictures of all,
in both themes, both languages and three widths, and the one that README shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize

from kling_ui.simulator.painter import paint
from kling_ui.text import Lang

from ..program import ROOT, Program, app_at
from .axe import barriers
from .states import STATES
from .states.pieces import PIECES
from .states.sample import Sample, plain, prepared
from .states.scene import THEMES, Scene, Theme
from .states.tab import HEIGHTS, LOCALES, Tab

pytestmark = pytest.mark.browser

Look = tuple[str, Lang, int]  # a state, a language, a width
EVERY: list[Look] = [
    (name, lang, width) for lang in LOCALES for width in HEIGHTS for name in STATES
]
USUAL: list[Look] = [
    *((name, "en", 1440) for name in STATES),
    *(("main", "zh", 1440), ("main", "en", 390)),
]
TALLEST = 2600  # pixels of a page that are in its picture
README_LOOK: tuple[Look, Theme] = (("main", "en", 1440), "light")
PICTURE = re.compile(r'!\[[^\]]*\]\(([^)\s]+)|<(?:img|source) [^>]*src(?:set)?="([^"]+)"')
README_NAME = "screenshot.webp"
README_SIZE: ViewportSize = {"width": 1440, "height": 1060}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "look" in metafunc.fixturenames:
        looks = EVERY if metafunc.config.option.screenshots else USUAL
        metafunc.parametrize("look", looks, ids=["-".join(map(str, look)) for look in looks])


@pytest.fixture(scope="module")
def album(request: pytest.FixtureRequest) -> Path | None:
    """The folder for pictures, where they are wanted."""
    wanted = request.config.option.screenshots
    if not wanted:
        return None
    Path(wanted).mkdir(parents=True, exist_ok=True)
    return Path(wanted)


@pytest.fixture(scope="module")
def told(
    tmp_path_factory: pytest.TempPathFactory, album: Path | None
) -> Iterator[tuple[Program, Sample]]:
    """A program with something of everything in its history; paintings, where they are seen."""
    data = tmp_path_factory.mktemp("states")
    sample = prepared(data, PIECES, paint=paint if album else plain)
    program = app_at(data).start()
    yield program, sample
    program.stop()


@pytest.fixture(scope="module")
def tab(told: tuple[Program, Sample], chromium: Browser) -> Iterator[Tab]:
    program, sample = told
    tab = Tab(program.url, sample, chromium)
    yield tab
    tab.close()


# nobody is barred


def test_nobody_is_barred_from_a_state_of_the_page(
    tab: Tab, look: Look, album: Path | None
) -> None:
    scene = tab.show(*look)
    found = []
    for theme in scene.themes():
        if album:
            photograph(scene, look, theme, album)
        found += [f"{theme}: {barrier}" for barrier in barriers(scene.page)]
    assert scene.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "sideways"
    assert not found, "\n".join(found)


BARRIERS = """
  <button style="width: 9px"></button> <div role="checkbox">a box</div>
  <p style="color: #999; background: #aaa">hardly to be read</p>
"""


def test_what_bars_somebody_is_found(tab: Tab) -> None:
    page = tab.show("live", "en", 1440).page
    assert barriers(page) == []
    page.evaluate("(bad) => document.body.insertAdjacentHTML('beforeend', bad)", BARRIERS)
    found = " ".join(barriers(page))
    for rule in ("button-name", "color-contrast", "aria-required-attr"):
        assert rule in found


# pictures


def photograph(scene: Scene, look: Look, theme: Theme, album: Path) -> None:
    scene.photograph(album / picture_name(look, theme), tallest=TALLEST)
    if (look, theme) == README_LOOK:
        photograph_for_readme(scene.page, album)


def photograph_for_readme(page: Page, album: Path) -> None:
    before = page.viewport_size
    page.set_viewport_size(README_SIZE)
    with Image.open(BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").save(album / README_NAME, "WEBP", quality=88, method=6)
    page.set_viewport_size(before or README_SIZE)


def picture_name(look: Look, theme: Theme) -> str:
    name, lang, width = look
    return f"{name}-{theme}-{lang}-{width}.png"


def test_readme_shows_only_pictures_that_the_option_makes() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = [one for pair in PICTURE.findall(text) for one in pair if one]
    made = {README_NAME} | {picture_name(look, theme) for look in EVERY for theme in THEMES}
    assert shown
    assert {Path(one).name for one in shown} <= made
    assert all((ROOT / one).is_file() for one in shown)
