"""The simulator's painter."""

from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from kling_ui.simulator.canvas import Canvas
from kling_ui.simulator.painter import _developed, _marked, paint
from kling_ui.simulator.palettes import PALETTES, lab_to_rgb, rgb_to_lab
from kling_ui.simulator.scenes import SCENES, choose_scene
from kling_ui.simulator.scenes.scene import Scene
from kling_ui.simulator.words import fold

SIZES = {
    "21:9": (224, 96),
    "16:9": (192, 108),
    "3:2": (180, 120),
    "4:3": (160, 120),
    "1:1": (128, 128),
    "3:4": (120, 160),
    "2:3": (120, 180),
    "9:16": (108, 192),
}

README_PROMPTS = {
    "A lighthouse on a basalt cliff at dusk, long exposure sea, film grain": "sea",
    "Paper-cut fox in a birch forest, layered, soft light": "paper-cut",
    "Alpine lake at sunrise, mirror-still water, drifting mist": "lake",
    "Café window on a rainy evening, neon reflections, bokeh": "cafe",
    "Underwater library, volumetric light": "underwater",
    "Crystal cave, violet": "crystals",
    "Desert highway at noon": "highway",
    "Bamboo grove, morning mist": "bamboo",
    "Glass tea house in the rain, reflections": "tea house",
}

TWINS = (
    ("a lighthouse by the sea", "海边的灯塔"),
    ("mountains", "高山"),
    ("a lake", "湖"),
    ("a forest", "森林"),
    ("bamboo", "竹林"),
    ("a rainy city", "下雨的城市"),
    ("coffee", "一杯咖啡"),
    ("the desert", "沙漠"),
    ("stars", "星空"),
    ("ink painting", "水墨画"),
    ("a paper fox", "剪纸狐狸"),
    ("flowers", "花"),
    ("underwater", "水下"),
    ("crystal", "水晶"),
    ("abstract", "抽象"),
)


def painted(
    prompt: str, index: int = 0, size: tuple[int, int] = (160, 160), reference: bytes | None = None
) -> Image.Image:
    width, height = size
    png = paint(prompt=prompt, index=index, width=width, height=height, reference=reference)
    return Image.open(BytesIO(png))


def pixels(picture: Image.Image) -> NDArray[np.float64]:
    return np.asarray(picture.convert("RGB"), np.float64)


def grey(picture: Image.Image) -> NDArray[np.float64]:
    return np.asarray(picture.convert("L").resize((32, 32)), np.float64).ravel()


def likeness(first: Image.Image, second: Image.Image) -> float:
    return float(np.corrcoef(grey(first), grey(second))[0, 1])


def scene_of(prompt: str) -> str:
    return choose_scene(fold(prompt), 0).name


@pytest.fixture
def photo() -> bytes:
    """A dark figure and a pale sun, placed as no scene would place them."""
    picture = Image.new("RGB", (300, 200), (150, 170, 190))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, 120, 70), fill=(60, 70, 60))
    draw.ellipse((30, 60, 130, 190), fill=(40, 30, 30))
    draw.ellipse((200, 110, 270, 180), fill=(250, 240, 200))
    file = BytesIO()
    picture.save(file, "JPEG", quality=92)
    return file.getvalue()


def test_the_same_arguments_give_the_same_bytes(photo: bytes) -> None:
    for reference in (None, photo):
        first, second = (
            paint(prompt="sea", index=1, width=96, height=64, reference=reference) for _ in "ab"
        )
        assert first == second


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_each_index_is_another_picture_of_the_same_colours(scene: Scene) -> None:
    prompt = scene.words[0]
    first, second = (pixels(painted(prompt, index, (96, 96))) for index in (0, 1))
    for other in (second, second[:, ::-1]):
        assert np.abs(first - other).mean() > 4
    assert np.abs(first.mean((0, 1)) - second.mean((0, 1))).max() < 45


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES.keys())
def test_the_picture_is_a_png_of_the_size_asked_for(size: tuple[int, int], photo: bytes) -> None:
    for reference in (None, photo):
        picture = painted("a quiet harbour", 0, size, reference)
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", size)


def test_a_large_picture_is_painted_smaller_and_enlarged(monkeypatch: pytest.MonkeyPatch) -> None:
    full = painted("sea", 0, (240, 160))
    monkeypatch.setattr("kling_ui.simulator.painter.LARGEST_SCENE", 15_000)
    enlarged = painted("sea", 0, (240, 160))
    assert enlarged.size == full.size
    assert 0 < np.abs(pixels(enlarged) - pixels(full)).mean() < 12
    assert likeness(enlarged, full) > 0.97


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
@pytest.mark.parametrize("size", [(211, 91), (91, 161)], ids=["wide", "tall"])
def test_every_scene_fills_every_format(scene: Scene, size: tuple[int, int]) -> None:
    picture = pixels(painted(scene.words[0], 2, size))
    assert picture.std() > 12


def test_at_least_ten_scenes_differ_from_each_other() -> None:
    pictures = {scene.name: grey(painted(scene.words[0], 0, (96, 96))) for scene in SCENES}
    assert len(pictures) == len(SCENES) >= 10
    names = sorted(pictures)
    for place, name in enumerate(names):
        for other in names[place + 1 :]:
            assert np.abs(pictures[name] - pictures[other]).mean() > 10, (name, other)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_word_of_its_own_calls_for_each_scene(scene: Scene) -> None:
    assert scene_of(scene.words[0]) == scene.name


@pytest.mark.parametrize(("prompt", "name"), README_PROMPTS.items())
def test_the_prompts_in_the_readme_get_their_scenes(prompt: str, name: str) -> None:
    assert scene_of(prompt) == name


@pytest.mark.parametrize(("english", "chinese"), TWINS)
def test_a_chinese_word_calls_for_the_scene_of_its_english_twin(english: str, chinese: str) -> None:
    assert scene_of(english) == scene_of(chinese)


def test_accents_and_capitals_do_not_matter() -> None:
    assert fold("CAFÉ élan") == "cafe elan"
    assert scene_of("CAFÉ") == "cafe"


def test_a_word_inside_another_word_does_not_count() -> None:
    assert scene_of("an inkling") != "ink"
    assert scene_of("ink") == "ink"


def test_an_unknown_prompt_gets_a_scene_by_its_seed() -> None:
    names = {choose_scene("qwerty", seed).name for seed in range(40)}
    assert len(names) >= 8


def test_a_colour_word_moves_the_mean_colour() -> None:
    red, _, blue = pixels(painted("red mountains")).mean((0, 1))
    red_of_blue, _, blue_of_blue = pixels(painted("blue mountains")).mean((0, 1))
    assert red - blue > 20
    assert blue_of_blue - red_of_blue > 20


def test_a_time_of_day_moves_the_light() -> None:
    noon, night = (pixels(painted(f"a lake at {time}")).mean() for time in ("noon", "night"))
    assert noon > night + 40


def test_a_reference_is_recognised_but_repainted(photo: bytes) -> None:
    original = Image.open(BytesIO(photo)).convert("RGB")
    for index in range(4):
        repainted = painted("sea at dusk", index, original.size, photo)
        assert likeness(repainted, original) > 0.75
        assert np.abs(pixels(repainted) - pixels(original)).mean() > 10
        unrelated = painted("sea at dusk", index, original.size)
        assert likeness(unrelated, original) < 0.5


def test_variations_of_a_reference_differ(photo: bytes) -> None:
    pictures = [pixels(painted("sea", index, (150, 100), photo)) for index in range(4)]
    for place, picture in enumerate(pictures):
        for other in pictures[place + 1 :]:
            assert np.abs(picture - other).mean() > 5


def test_the_second_variation_of_a_reference_is_a_watercolour_on_paper(photo: bytes) -> None:
    oil, watercolour = (pixels(painted("sea", index, (150, 100), photo)) for index in (0, 1))
    assert watercolour[0, 10:60].mean() > 200 > oil[0, 10:60].mean()


@pytest.mark.parametrize("shade", [0.0, 0.5, 1.0])
def test_the_mark_stands_legibly_in_the_lower_right_corner(shade: float) -> None:
    canvas = Canvas(400, 300, PALETTES["dawn"], "", 0, 1)
    canvas.rgb += np.float32(shade)
    plain = _developed(canvas, 400, 300)
    marked = _marked(plain.copy())
    change = np.abs(pixels(marked) - pixels(plain)).max(2)
    assert change[250:, 330:].max() > 40
    assert change[:250].max() == change[:, :330].max() == 0
    corner = pixels(marked)[250:, 330:].mean(2)
    assert corner.max() - np.median(corner[change[250:, 330:] > 0]) > 60


def test_a_painted_picture_carries_the_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    marked = pixels(painted("sea", 0, (300, 300)))
    monkeypatch.setattr("kling_ui.simulator.painter._marked", lambda picture: picture)
    change = np.abs(marked - pixels(painted("sea", 0, (300, 300)))).max(2)
    assert change[260:, 240:].max() > 40
    assert change[:260, :240].max() == 0


def test_oklab_there_and_back_is_the_same_colour() -> None:
    colours = np.random.default_rng(1).random((3, 50), np.float32)
    assert np.abs(lab_to_rgb(rgb_to_lab(colours)) - colours).max() < 0.004
