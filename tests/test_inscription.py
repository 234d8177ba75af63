"""Settings written into copies of pictures, read back as the page reads them."""

from __future__ import annotations

import base64
import io
import json
import re
from xml.etree import ElementTree

import pytest
from PIL import Image

from kling_ui.pictures import inscribed

REQUEST = {"prompt": "a fox <&> 狐狸\nsecond line", "n": 2, "aspect_ratio": "3:2"}


def picture(kind: str, **save: object) -> bytes:
    mode = "RGBA" if save.pop("alpha", False) else "RGB"
    file = io.BytesIO()
    Image.effect_noise((61, 40), 50).convert(mode).save(file, kind, **save)
    return file.getvalue()


def found_by_the_page(data: bytes) -> dict[str, object]:
    """What the script finds: the first mark, whatever the file is."""
    text = data.decode("latin-1")
    packed = re.search("kling-image-studio:([^:]*):end", text)
    assert packed
    return dict(json.loads(base64.b64decode(packed[1])))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(picture("PNG"), id="png"),
        pytest.param(picture("JPEG"), id="jpeg"),
        pytest.param(picture("WEBP", quality=80), id="webp"),
        pytest.param(picture("WEBP", lossless=True), id="webp-lossless"),
        pytest.param(picture("WEBP", lossless=True, alpha=True), id="webp-alpha"),
        pytest.param(picture("WEBP", quality=80, exif=b"Exif\0\0II*\0\10\0\0\0"), id="webp-ext"),
    ],
)
def test_the_settings_are_in_it_and_the_pixels_are_the_same(data: bytes) -> None:
    told = inscribed(data, request=REQUEST, task_id="881")
    facts = found_by_the_page(told)
    assert (facts["request"], facts["task_id"]) == (REQUEST, "881")
    before, after = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(told))
    assert (before.format, before.size, before.mode) == (after.format, after.size, after.mode)
    assert before.tobytes() == after.tobytes()
    Image.open(io.BytesIO(told)).verify()


def test_other_programs_see_the_prompt() -> None:
    png = Image.open(io.BytesIO(inscribed(picture("PNG"), request=REQUEST, task_id="")))
    assert png.info["Description"] == REQUEST["prompt"]
    for kind in ("JPEG", "WEBP"):
        data = inscribed(picture(kind), request=REQUEST, task_id="")
        xmp = ElementTree.fromstring(Image.open(io.BytesIO(data)).info["xmp"])
        assert REQUEST["prompt"] in [node.text for node in xmp.iter()]


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"RIFF\0\0\0\0WEBPVP8?", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_of_ours_stays_as_it_is_or_grows(data: bytes) -> None:
    assert inscribed(data, request=REQUEST, task_id="").startswith(data[:4])


def test_a_prompt_too_long_for_a_jpeg_leaves_it_alone() -> None:
    data = picture("JPEG")
    assert inscribed(data, request={"prompt": "x" * 60_000}, task_id="") == data
