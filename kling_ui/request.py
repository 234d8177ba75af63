"""The image request. Every field is declared here, once, and nowhere else.

A request is a draft and may be wrong: it never raises. `ImageRequest.problems` says what keeps it
from being sent, `ImageRequest.verdicts` what is doubtful, `ImageRequest.payload` is the exact body.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Self

from . import catalog, fields
from .catalog import NO
from .fields import KINDS, Situation, Spec, Verdict, is_blank, is_plain, spec
from .text import Lang, Text


@dataclass(frozen=True, kw_only=True)
class ImageRequest:
    """A draft of ``POST /v1/images/generations``. Attribute name = JSON name = widget key.

    `image` is a URL, a cleaned upload of ours (``reference:<name>``) or, just before sending,
    base64. `element_list` is a text of ids, because they do not fit a browser's numbers.
    """

    model_name: str = spec(
        "kling-v2-1",
        Text("Model", "模型"),
        Text(
            "Any name can be typed; gateways add their own.",
            "可输入任意名称，网关可能有自己的模型。",
        ),
        length=lambda _: 128,
    )
    prompt: str = spec(
        "",
        Text("Prompt", "提示词"),
        Text("What the picture shows.", "描述画面内容。"),
        required=True,
        length=lambda s: s.model.prompt_limit,
    )
    negative_prompt: str = spec(
        "",
        Text("Negative prompt", "负向提示词"),
        Text("What the picture must not show.", "画面中不希望出现的内容。"),
        length=lambda s: s.model.negative_limit,
        when=fields.negative,
    )
    image: str = spec(
        "",
        Text("Reference image", "参考图"),
        Text(
            "A picture to start from: JPG or PNG, or its URL.",
            "作为参考的图片：JPG 或 PNG，或图片链接。",
        ),
        when=fields.taken("from_picture"),
        check=fields.check_picture,
    )
    image_reference: str = spec(
        "",
        Text("Kind of reference", "参考类型"),
        Text(
            "Follow the subject's features, or the one face in the picture.",
            "参考主体特征，或参考图中唯一的人脸。",
        ),
        choices=lambda _: KINDS,
        when=fields.reference,
    )
    image_fidelity: float | None = spec(
        None,
        Text("Image fidelity", "图片相似度"),
        Text(
            "0 to 1, higher is closer to the picture; 0.5 when blank.",
            "0 到 1，越大越接近参考图；留空为 0.5。",
        ),
        bounds=(0, 1.0),
        when=fields.taken("image_fidelity", picture=True),
    )
    human_fidelity: float | None = spec(
        None,
        Text("Face fidelity", "人脸相似度"),
        Text(
            "0 to 1, how alike the face is; 0.45 when blank.",
            "0 到 1，人脸的相似程度；留空为 0.45。",
        ),
        bounds=(0, 1.0),
        when=fields.human,
    )
    resolution: str = spec(
        "1k",
        Text("Resolution", "清晰度"),
        Text("1k is about 1 megapixel, 2k about 4.", "1k 约 100 万像素，2k 约 400 万像素。"),
        choices=lambda s: s.resolutions,
        when=fields.size,
    )
    n: int = spec(
        1,
        Text("Images", "张数"),
        Text("1 to 9, each is paid.", "1 到 9 张，按张计费。"),
        bounds=(1, catalog.MAX_PICTURES),
    )
    aspect_ratio: str = spec(
        "16:9",
        Text("Aspect ratio", "画幅比例"),
        Text("Width to height.", "宽与高之比。"),
        choices=lambda s: s.ratios,
        when=fields.shape,
    )
    watermark_info: bool = spec(
        False,
        Text("Also a watermarked copy", "同时生成带水印版本"),
        Text(
            "Kling makes a second, marked copy of each picture.",
            "可灵会为每张图另存一份带水印的版本。",
        ),
        switch=True,
        when=fields.taken("watermark_info"),
    )
    callback_url: str = spec(
        "",
        Text("Callback URL", "回调地址"),
        Text("Kling reports the task's changes there.", "任务状态变化时，可灵会通知该地址。"),
        check=fields.check_url,
    )
    external_task_id: str = spec(
        "",
        Text("External task id", "自定义任务 ID"),
        Text(
            "Your own id, unique in the account; ours when blank.",
            "您自己的 ID，账号内唯一；留空则由本程序生成。",
        ),
        check=fields.check_id,
    )
    element_list: str = spec(
        "",
        Text("Element ids", "元素 ID"),
        Text(
            "Ids of elements made at Kling, separated by commas.",
            "在可灵创建的元素 ID，用逗号分隔。",
        ),
        when=fields.taken("element_list"),
        check=fields.check_elements,
    )

    @classmethod
    def draft(cls, values: Mapping[str, Any]) -> Self:
        """From a form's or a script's values: numbers in texts are read, texts made clean, blanks
        become defaults; what cannot be read stays as it is and shows up in `problems`."""
        read = {name: _READ[name](values.get(name)) for name in SPECS}
        return cls(**{name: value for name, value in read.items() if not is_blank(value)})

    @property
    def situation(self) -> Situation:
        kind = self.image_reference if self.image_reference in KINDS else ""
        return Situation(catalog.model(str(self.model_name)), bool(self.image), kind)

    def verdicts(self) -> dict[str, Verdict]:
        situation = self.situation
        return {name: spec.when(situation) for name, spec in SPECS.items()}

    def problems(self) -> dict[str, Text]:
        """What keeps it from being sent, by field, all at once. Fields not sent have none."""
        situation, found = self.situation, self._together()
        for name, verdict in self.verdicts().items():
            problem = SPECS[name].problem(getattr(self, name), situation)
            if problem and verdict.support is not NO:
                found[name] = problem
        return found

    def _together(self) -> dict[str, Text]:
        """Problems that concern more than one field."""
        found, model = {}, catalog.model(str(self.model_name))
        if is_blank(self.model_name):
            found["model_name"] = fields.MODEL_REQUIRED
        if model.from_text is NO and not self.image:
            found["image"] = fields.PICTURE_REQUIRED.fill(model=model.name)
        count = len(self.elements) + bool(self.image)
        if model.element_list is not NO and self.elements and count > catalog.MAX_ELEMENTS:
            limit = catalog.MAX_ELEMENTS
            found["element_list"] = fields.TOO_MANY_ELEMENTS.fill(count=count, limit=limit)
        return found

    def payload(self) -> dict[str, Any]:
        """The JSON body: what the model takes and is not blank, in the order declared above."""
        verdicts = self.verdicts()
        active = (name for name in SPECS if verdicts[name].support is not NO and self._given(name))
        return {name: self._wire(name) for name in active}

    @property
    def elements(self) -> tuple[str, ...]:
        text = self.element_list
        bearable = isinstance(text, str) and len(text) <= fields.SHORT
        return tuple(fields.words(text)) if bearable else ()

    def _given(self, name: str) -> bool:
        value = getattr(self, name)
        if name == "element_list" and isinstance(value, str):
            return bool(self.elements)
        return not is_blank(value) and value is not False

    def _wire(self, name: str) -> Any:
        if name == "element_list":
            return [{"element_id": fields.element_id(word)} for word in self.elements]
        return {"enabled": True} if name == "watermark_info" else getattr(self, name)

    def as_dict(self) -> dict[str, Any]:
        """Field → value as asked, without defaults that were left alone and without what cannot
        even be read (a field that is not sent may hold anything): what history keeps."""
        blank = type(self)()
        kept = {"model_name", "prompt", "n", "aspect_ratio", "resolution"}
        return {
            name: getattr(self, name)
            for name in SPECS
            if is_plain(getattr(self, name))
            and (name in kept or getattr(self, name) != getattr(blank, name))
        }


SPECS: Mapping[str, Spec] = {
    field.name: field.metadata["spec"] for field in dataclasses.fields(ImageRequest)
}


# what may be told to others, in a link or inside a picture: no file, no address, no id
SHARED = (
    *("model_name", "prompt", "negative_prompt", "image_reference", "image_fidelity"),
    *("human_fidelity", "resolution", "n", "aspect_ratio", "watermark_info", "element_list"),
)


def rules(lang: Lang) -> dict[str, Any]:
    """Every verdict for every known model, as JSON for the page, so that Python and the browser
    use one table: ``{model: {situation: {ratios, resolutions, …, fields: {field: [support,
    reason]}}}}`` with the situations ``"" | "picture" | "picture subject" | "picture face"``.
    The model nobody knows is ``""``."""
    situations = {"": (False, ""), **{f"picture {k}".strip(): (True, k) for k in KINDS}}
    table: dict[str, Any] = {}
    for model, (key, (picture, kind)) in product(
        (*catalog.MODELS.values(), catalog.ANY), situations.items()
    ):
        situation = Situation(model, picture, kind)
        table.setdefault(model.name, {})[key] = {
            "character": model.character.of(lang),
            "status": model.status,
            "ratios": situation.ratios,
            "resolutions": situation.resolutions,
            "prompt": SPECS["prompt"].longest(situation),
            "negative_prompt": SPECS["negative_prompt"].longest(situation),
            "fields": _doubts(situation, lang),
        }
    return table


def _doubts(situation: Situation, lang: Lang) -> dict[str, list[str]]:
    verdicts = {name: spec.when(situation) for name, spec in SPECS.items()}
    return {
        name: [verdict.support, verdict.reason.of(lang)]
        for name, verdict in verdicts.items()
        if verdict.reason
    }


_READ: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(SPECS, fields.read_line),
    "prompt": fields.read_text,
    "negative_prompt": fields.read_text,
    "n": fields.read_number(int),
    "image_fidelity": fields.read_number(float),
    "human_fidelity": fields.read_number(float),
    "watermark_info": fields.read_switch,
    "element_list": fields.read_elements,
}
