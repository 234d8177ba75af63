"""The composer's form: one widget per request field, and the two-way road between them."""

from __future__ import annotations

import asyncio
import shutil
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from .. import catalog
from ..fields import KEPT
from ..pictures import PictureFolder
from ..request import SPECS, ImageRequest
from ..studio import Problems
from ..text import Text

BLANK = ImageRequest()
KIND_NAMES = {
    "": Text("Whole picture", "整张图片"),
    "subject": Text("Subject", "主体"),
    "face": Text("Face", "人脸"),
}
IMAGE_URL = Text("… or its URL", "……或图片链接")
REMEMBERED = 256  # cleaned uploads whose paths are known
MAX_NAME = 4096


class Form:
    """`components` maps a field's name to its widget; `image_url` is the picture's second one.

    Widgets carry no limits of their own: a limit of Gradio's would answer in English before our
    own check can speak."""

    def __init__(self, say: Callable[[Text], Any], *, default_model: str) -> None:
        self.say, self.default_model = say, default_model
        self.components: dict[str, Any] = {}

    def place(self, *names: str, **looks: Any) -> None:
        """Put fields here. `looks` is for size and place only; meaning comes from the spec."""
        for name in names:
            self.components[name] = self._widget(name, looks)

    def place_url(self, **looks: Any) -> None:
        self.components["image_url"] = gr.Textbox(
            label=self.say(IMAGE_URL),
            placeholder="https://",
            elem_id="field-image_url",
            elem_classes="field",
            interactive=True,
            **looks,
        )

    def _widget(self, name: str, looks: dict[str, Any]) -> Any:
        spec, value = SPECS[name], getattr(BLANK, name)
        common: dict[str, Any] = {
            "label": self.say(spec.label),
            "elem_id": f"field-{name}",
            "elem_classes": "field",
            "interactive": True,
        } | looks
        if name == "image":
            return gr.Image(type="filepath", image_mode=None, **common)
        if name == "model_name":
            return gr.Dropdown(self._models(), value=self.default_model, **common)
        if name == "n":
            return gr.Radio([*range(1, catalog.MAX_PICTURES + 1)], value=value, **common)
        if spec.choices:
            return gr.Radio(self._choices(name), value=value, **common)
        if spec.switch:
            return gr.Checkbox(value, **common)
        common = {"info": self.say(spec.help), "placeholder": " "} | common
        return gr.Textbox("" if value is None else value, **common)  # a Number cannot be blank

    def _models(self) -> list[str]:
        names = [*catalog.MODELS]
        return names if self.default_model in names else [self.default_model, *names]

    def _choices(self, name: str) -> list[Any]:
        if name == "image_reference":
            return [(self.say(text), kind) for kind, text in KIND_NAMES.items()]
        return [*(catalog.RATIOS if name == "aspect_ratio" else catalog.RESOLUTIONS)]

    def fill(self, request: ImageRequest, *, picture: Path | None) -> dict[Any, Any]:
        """Updates that put a request into the form; `picture` is where its upload lies now."""
        values: dict[str, Any] = {name: getattr(request, name) for name in SPECS}
        uploaded = request.image.startswith(KEPT)
        values["image"] = str(picture) if picture else None
        values["image_url"] = "" if uploaded else request.image
        return {self.components[name]: gr.update(value=value) for name, value in values.items()}


class Uploads:
    """Turns what a person uploaded into a kept reference picture, once per file."""

    def __init__(self, folder: PictureFolder) -> None:
        self._folder = folder
        self._seen: OrderedDict[str, str | Text] = OrderedDict()

    async def name(self, path: str) -> str | Text:
        """``reference:<name>`` of the cleaned picture, or the sentence why it cannot be used."""
        if path not in self._seen:
            self._seen[path] = await self._cleaned(Path(path))
            while len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
        return self._seen[path]

    async def _cleaned(self, path: Path) -> str | Text:
        cleaned = await self._folder.receive(path)
        if isinstance(cleaned, Text):
            return cleaned
        return KEPT + await asyncio.to_thread(self._folder.keep_reference, cleaned)

    async def lend(self, image: str, folder: Path) -> Path | None:
        """A copy of a kept reference picture where the page may show it from."""
        if not image.startswith(KEPT):
            return None
        name = image.removeprefix(KEPT)
        copy = folder / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            await asyncio.to_thread(shutil.copyfile, self._folder.reference_path(name), copy)
        except OSError:
            return None
        return copy

    async def draft(self, values: dict[str, Any]) -> tuple[ImageRequest, Problems]:
        """The request that a form's values make, and everything that is wrong with it.

        `values` are field name → value, with `image` the path of an upload (or None) and
        `image_url` an address; an upload goes before an address."""
        path, url = values.pop("image", None), values.pop("image_url", "")
        image = await self.name(path) if path else url
        problems: Problems = {}
        if isinstance(image, Text):
            problems["image"], image = image, ""
        request = ImageRequest.draft({**values, "image": image})
        found = request.problems()
        if "image" in problems:  # judged as if the picture were there: its own problem is enough
            found = replace(request, image=KEPT).problems()
        elif url and not path and "image" in found:
            found["image_url"] = found.pop("image")
        return request, found | problems
