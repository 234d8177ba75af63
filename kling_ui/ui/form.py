"""The composer's form: one widget per request field, and the two-way road between them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import shutil
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import gradio as gr

from .. import catalog
from ..fields import KEPT, is_blank, read_line
from ..pictures import BUSY, PictureFolder
from ..request import SPECS, ImageRequest
from ..studio import Problems
from ..task import Picture
from ..text import Text
from ..web.sessions import LONGEST_PATH

BLANK = ImageRequest()
KIND_NAMES = {
    "": Text("Whole picture", "整张图片"),
    "subject": Text("Subject", "主体"),
    "face": Text("Face", "人脸"),
}
IMAGE_URL = Text("… or its URL, https://", "……或图片链接，https://")
DROP = Text("Drop, paste or click", "拖放、粘贴或点击上传")
COMPARED = {
    "compare_models": Text("Models", "模型"),
    "compare_ratios": Text("Shapes", "画幅"),
}
REMEMBERED = 256  # cleaned uploads whose paths are known
ADDRESS = ("http://", "https://")
NO_ROOM = Text(
    "The disk is full: the picture could not be kept. Try again later.",
    "磁盘已满，无法保存图片。请稍后再试。",
)
PASSING = (NO_ROOM, BUSY)  # verdicts on this moment, not on a picture
NOT_AN_UPLOAD = Text("Neither an uploaded file nor a URL.", "既不是上传的文件，也不是链接。")


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
            show_label=False,
            placeholder=self.say(IMAGE_URL),
            elem_id="field-image_url",
            elem_classes="field",
            interactive=True,
            **looks,
        )

    def place_comparison(self) -> None:
        """Which models and shapes to compare; nothing chosen means the one chosen above."""
        choices = {"compare_models": self._models(), "compare_ratios": [*catalog.RATIOS]}
        for name, label in COMPARED.items():
            self.components[name] = gr.CheckboxGroup(
                choices[name],
                label=self.say(label),
                elem_id=f"field-{name}",
                elem_classes="field choices",
                interactive=True,
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
            drop: Any = self.say(DROP)
            return gr.Image(type="filepath", image_mode=None, placeholder=drop, **common)
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
        values |= {name: [] for name in COMPARED}
        return {self.components[name]: gr.update(value=value) for name, value in values.items()}

    def show_picture(self, path: Path) -> dict[Any, Any]:
        """Updates that put a picture into the form as its reference."""
        return {
            self.components["image"]: gr.update(value=str(path)),
            self.components["image_url"]: gr.update(value=""),
        }


class Uploads:
    """Turns what a page or a script sent into a request, its upload into a kept reference.

    Nothing is believed of a file that a caller names but that it lies in `upload_folder`: events
    run with ``preprocess=False``, because Gradio would open the file before our own check."""

    def __init__(self, folder: PictureFolder, upload_folder: Path) -> None:
        self._folder, self._upload_folder = folder, upload_folder.resolve()
        self._secret = secrets.token_bytes(16)  # of this run
        self._seen: OrderedDict[Path, str | Text] = OrderedDict()
        self._busy: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()

    async def draft(
        self, values: Mapping[str, Any], *, whose: str = ""
    ) -> tuple[ImageRequest, Problems]:
        """The request that `values` make (field → value as it came), and all that is wrong with
        it; `whose` tells where they come from. `image` is an upload or an address; a form has the
        address apart in `image_url`."""
        apart = not values.get("image") and not is_blank(values.get("image_url"))
        field = "image_url" if apart else "image"
        image = await self.image(values.get(field), whose=whose)
        if isinstance(image, Text):  # judged as if the picture were there: one problem is enough
            request = ImageRequest.draft({**values, "image": KEPT})
            found, request = request.problems() | {"image": image}, replace(request, image="")
        else:
            request = ImageRequest.draft({**values, "image": image})
            found = request.problems()
        if "image" in found:
            found[field] = found.pop("image")
        return request, found

    async def image(self, given: Any, *, whose: str = "") -> str | Text:
        """An upload as ``reference:<name>``, an address as it is, nothing as ""; or the sentence
        why it cannot be used. The name of a reference is nothing a caller may give: the picture
        may be another one's."""
        if isinstance(given, Mapping):
            named = str(given.get("path") or given.get("url") or "")
            if path := self._uploaded(named):
                return await self._name(path, whose)
            if given and not named:
                return NOT_AN_UPLOAD
            given = named
        if is_blank(given):
            return ""
        address = read_line(given)
        sound = isinstance(address, str) and address.lower().startswith(ADDRESS)
        return address if sound else NOT_AN_UPLOAD

    def _uploaded(self, name: str) -> Path | None:
        """The file of that name; None where it is no upload, or no name a file could have."""
        if len(name) > LONGEST_PATH:  # every part of it is looked at, with all before it
            return None
        try:
            path = Path(name).resolve()
            return path if path.is_relative_to(self._upload_folder) and path.is_file() else None
        except (OSError, ValueError):
            return None

    async def _name(self, path: Path, whose: str) -> str | Text:
        """Cleaned and kept once per file, and again when the kept one was deleted with its tasks;
        Gradio names uploads by their content."""
        async with self._busy.setdefault(path, asyncio.Lock()):  # judged and sent in one moment
            known = self._seen.get(path)
            if known is None or not self._there(known):
                known = await self._cleaned(path, whose)
                if known in PASSING:  # it may be otherwise in a moment
                    return known
                self._seen[path] = known
                while len(self._seen) > REMEMBERED:
                    self._seen.popitem(last=False)
            return known

    def _there(self, known: str | Text) -> bool:
        """A verdict stands; a reference only as long as it is on the disk."""
        if isinstance(known, Text):
            return True
        return self._folder.reference_path(known.removeprefix(KEPT)).exists()

    async def _cleaned(self, path: Path, whose: str) -> str | Text:
        cleaned = await self._folder.receive(path, whose=whose)
        if isinstance(cleaned, Text):
            return cleaned
        try:
            return KEPT + await asyncio.to_thread(self._folder.keep_reference, cleaned)
        except OSError:
            return NO_ROOM

    async def lend(self, image: str) -> Path | None:
        """A copy of a kept reference picture where the page may show it from."""
        if not image.startswith(KEPT):
            return None
        name = image.removeprefix(KEPT)
        return await self._copied(self._folder.reference_path(name), name)

    async def lend_picture(self, picture: Picture) -> Path | None:
        """A copy of a result, to begin anew from."""
        original = self._folder.original(picture.file)
        return await self._copied(original, picture.file)

    async def _copied(self, source: Path, name: str) -> Path | None:
        """Where nobody else finds it: Gradio gives what lies there to whoever knows the path. The
        same picture has one place, however often it is asked for."""
        place = hmac.new(self._secret, name.encode(), hashlib.sha256).hexdigest()[:32]
        copy = self._upload_folder / place / name
        try:
            await asyncio.to_thread(_linked, source, copy)
        except OSError:
            return None
        return copy


def _linked(source: Path, copy: Path) -> None:
    """The same file under another name, which takes no room; it begins to age anew."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    if not copy.exists():
        try:
            copy.hardlink_to(source)
        except OSError:  # on another disk, or one that has no such links
            shutil.copyfile(source, copy)
    copy.touch()
