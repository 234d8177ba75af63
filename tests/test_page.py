"""The page as it is built, and what it makes of what a browser sends; without a server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from kling_ui.fields import KEPT
from kling_ui.request import SPECS, ImageRequest
from kling_ui.studio import Studio
from kling_ui.task import RemotePicture, State, Task
from kling_ui.ui.form import NOT_AN_UPLOAD, Uploads
from kling_ui.ui.page import Page
from kling_ui.ui.stage import columns_for
from kling_ui.web import Assets

from .conftest import open_studio, photo
from .program import ROOT

Open = Callable[..., Any]
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
async def quiet(tmp_path: Path) -> AsyncIterator[Studio]:
    async with open_studio(tmp_path, NOBODY, run=False) as studio:
        yield studio


@pytest.fixture
async def page(quiet: Studio) -> Page:
    return Page(quiet, Assets(ROOT / "assets"), default_model="kling-v2-1")


async def test_every_field_has_one_widget(page: Page) -> None:
    assert {*page.form.components} == {*SPECS, "image_url"}
    ids = [component.elem_id for component in page.form.components.values()]
    assert len({*ids}) == len(ids)


async def test_only_the_three_endpoints_are_public(page: Page) -> None:
    public = {fn.api_name for fn in page.blocks.fns.values() if fn.api_visibility != "private"}
    assert public == {"submit", "task", "tasks"}


async def test_no_widget_has_a_limit_of_its_own(page: Page) -> None:
    """Gradio would answer in English before our own check can speak."""
    for name, component in page.form.components.items():
        for limit in ("minimum", "maximum", "max_length"):
            assert getattr(component, limit, None) is None, f"{name}.{limit}"


async def test_events_with_uploads_are_not_preprocessed(page: Page) -> None:
    image = page.form.components["image"]
    for fn in page.blocks.fns.values():
        if fn.fn is not None and image in fn.inputs:
            assert fn.preprocess is False, fn.name


async def test_every_label_is_said_in_both_languages(page: Page) -> None:
    said = page.speech.i18n.translations
    assert {*said} == {"en", "zh-CN"}
    assert said["en"].keys() == said["zh-CN"].keys()
    assert not [text for text in said["en"].values() if "{" in text]  # ICU would read them


async def test_a_custom_default_model_is_offered(quiet: Studio) -> None:
    page = Page(quiet, Assets(ROOT / "assets"), default_model="house-model")
    model = page.form.components["model_name"]
    assert model.value == "house-model"
    assert model.choices[0] == ("house-model", "house-model")


@pytest.mark.parametrize("lang", ["en", "zh"])
async def test_the_scripts_know_words_rules_and_prices(page: Page, lang: Any) -> None:
    facts = json.loads(json.dumps(page.facts(lang)))
    assert facts["rules"]["kling-v1-5"][""]["prompt"] == 500
    assert facts["words"]["state"].keys() == {*map(str, State)}
    assert facts["unit"] is None  # a gateway: nobody says what a picture costs there


async def test_every_word_a_script_says_exists(page: Page) -> None:
    import re

    words = page.facts("en")["words"]
    for name in ("form.js", "feed.js", "boot.js"):
        code = (ROOT / "assets" / name).read_text(encoding="utf-8")
        said = {
            *re.findall(r"""\bsay\("(\w+)\"""", code),
            *re.findall(r"kling\.words\.(\w+)", code),
        }
        assert said <= {*words}, name


# what a browser or a script sends


@pytest.fixture
def uploads(quiet: Studio, tmp_path: Path) -> Uploads:
    (tmp_path / "uploads").mkdir()
    return Uploads(quiet.folder, tmp_path / "uploads")


def sent(path: Path) -> dict[str, Any]:
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


async def test_an_upload_becomes_a_kept_reference_once(
    uploads: Uploads, quiet: Studio, tmp_path: Path
) -> None:
    path = tmp_path / "uploads" / "a.jpg"
    path.write_bytes(photo())
    first = await uploads.image(sent(path))
    assert isinstance(first, str)
    assert first.startswith(KEPT)
    path.write_bytes(b"changed behind our back")
    assert await uploads.image(sent(path)) == first
    assert quiet.folder.reference(first.removeprefix(KEPT))


@pytest.mark.parametrize(
    "given",
    [
        {"path": "/etc/passwd"},
        {"path": "uploads/../history.db"},
        "/etc/passwd",
        "file:///etc/passwd",
        ["x"],
        7,
    ],
)
async def test_a_file_that_was_not_uploaded_is_refused(uploads: Uploads, given: Any) -> None:
    assert await uploads.image(given) == NOT_AN_UPLOAD


async def test_a_link_out_of_the_upload_folder_is_refused(uploads: Uploads, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(photo(kind="PNG"))
    link = tmp_path / "uploads" / "link.png"
    link.symlink_to(tmp_path / "secret.png")
    assert await uploads.image(sent(link)) == NOT_AN_UPLOAD


async def test_an_upload_goes_before_an_address_and_each_has_its_own_problem(
    uploads: Uploads, tmp_path: Path
) -> None:
    path = tmp_path / "uploads" / "a.jpg"
    path.write_bytes(photo())
    request, problems = await uploads.draft(
        {"prompt": "x", "image": sent(path), "image_url": "https://example.com/a.png"}
    )
    assert request.image.startswith(KEPT)
    assert problems == {}
    _, problems = await uploads.draft({"prompt": "", "image_url": "http://127.0.0.1/a.png"})
    assert {*problems} == {"prompt", "image_url"}
    path = tmp_path / "uploads" / "b.jpg"
    path.write_bytes(b"no picture")
    _, problems = await uploads.draft(
        {"prompt": "x", "image": sent(path), "model_name": "kling-v2-new"}
    )
    assert {*problems} == {"image"}
    assert "not a picture" in problems["image"].en


async def test_settings_of_a_task_fill_the_form_with_its_picture(
    page: Page, uploads: Uploads, tmp_path: Path
) -> None:
    path = tmp_path / "uploads" / "a.jpg"
    path.write_bytes(photo())
    image = await uploads.image(sent(path))
    assert isinstance(image, str)
    lent = await uploads.lend(image)
    assert lent is not None
    assert lent.is_relative_to(tmp_path / "uploads")
    updates = page.form.fill(ImageRequest(prompt="again", image=image, n=4), picture=lent)
    values = {component.elem_id: update["value"] for component, update in updates.items()}
    assert values["field-image"] == str(lent)
    assert (values["field-prompt"], values["field-n"], values["field-image_url"]) == (
        "again",
        4,
        "",
    )
    assert await uploads.lend(KEPT + "0" * 64 + ".png") is None


# the stage


@pytest.mark.parametrize(("count", "columns"), [(0, 1), (1, 1), (4, 4), (5, 3), (8, 4), (9, 3)])
def test_pictures_stand_in_rows(count: int, columns: int) -> None:
    assert columns_for(count) == columns


async def test_a_running_task_shows_a_tile_per_picture_in_the_asked_shape(page: Page) -> None:
    task = Task(
        id="1", owner="o", account="a", state=State.PROCESSING, external_task_id="e", revision=1,
        created=0, state_since=0, request={"n": 3, "aspect_ratio": "9:16"},
        remote_pictures=(RemotePicture(url="https://host/a.png"),),
    )  # fmt: skip
    (update,) = page.stage.show(task, "http://here").values()
    tile = "http://here/gradio_api/studio/placeholder/720x1280"
    assert update["value"] == [tile] * 3
    (update,) = page.stage.show(None, "http://here").values()
    assert len(update["value"]) == 4
