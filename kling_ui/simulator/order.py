"""An order: the JSON body of a create, judged field by field in the words of the live API.

Empty strings and nulls count as absent, unknown fields are let through.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ..catalog import MAX_ELEMENTS, MAX_PICTURES, RESOLUTIONS, Model, Support, model
from . import sizes
from .wire import Refusal

DEFAULT_MODEL = "kling-v3"
BAD_BASE64 = "File is not in a valid base64 format"

Given = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A body that will do."""

    model: str
    prompt: str
    n: int
    width: int
    height: int
    picture: bytes | None  # the reference picture, where it came in the body
    units: float | None  # price units a picture
    failure: str  # why Kling will find out later that it cannot be done
    watermark: bool | None
    callback_url: str
    external_id: str


def order(body: Mapping[str, Any], *, models: Collection[str]) -> Order:
    """What `body` asks for, or the `Refusal` of its first wrong field."""
    given = {name: _sound(value) for name, value in body.items() if value not in (None, "")}
    name, chosen = _model(given, models)
    prompt = _prompt(given, chosen)
    picture = _picture(given, chosen)
    _judge_reference(given, chosen)
    _judge_elements(given, chosen)
    resolution, ratio = _resolution(given, chosen), _ratio(given, chosen)
    measure = _measure(picture) if picture is not None else None
    if measure:
        resolution, ratio = "1k", measure[0] / measure[1]
    width, height = sizes.fitted(ratio, resolution)
    return Order(
        model=name,
        prompt=prompt,
        n=_count(given),
        width=width,
        height=height,
        picture=picture,
        units=chosen.units(picture="image" in given),
        failure=sizes.complaint(*measure) if measure else "",
        watermark=_watermark(given),
        callback_url=_callback_url(given),
        external_id=_text(given, "external_task_id"),
    )


def invalid(field: str, value: object) -> Refusal:
    return Refusal.of_value(f"{field} value '{_shown(value)}' is invalid")


def _unsupported(field: str, value: object) -> Refusal:
    return Refusal.of_value(f"{field} value '{_shown(value)}' is not supported")


def _missing(field: str) -> Refusal:
    return Refusal.of_value(f"{field} can not be null")


def _model(given: Given, models: Collection[str]) -> tuple[str, Model]:
    usual = DEFAULT_MODEL if DEFAULT_MODEL in models else next(iter(models), DEFAULT_MODEL)
    name = _text(given, "model_name") or usual
    if name not in models:
        raise invalid("model_name", name)
    return name, model(name)


def _prompt(given: Given, chosen: Model) -> str:
    prompt, negative = _text(given, "prompt"), _text(given, "negative_prompt")
    if not prompt.strip():
        raise _missing("prompt")
    for field, text, limit in (
        ("prompt", prompt, chosen.prompt_limit),
        ("negative_prompt", negative, chosen.negative_limit),
    ):
        if limit is not None and len(text) > limit:
            raise Refusal.of_value(f"{field} value length exceeds the limit")
    if negative and "image" in given and chosen.negative_with_picture is Support.NO:
        raise _unsupported("negative_prompt", negative)
    return prompt


def _picture(given: Given, chosen: Model) -> bytes | None:
    """The reference picture; None without one and for a URL, which is never fetched."""
    image = _text(given, "image")
    if not image:
        if chosen.from_text is Support.NO or "image_reference" in given:
            raise _missing("image")
        return None
    if image.startswith(("http://", "https://")):
        return None
    try:
        picture = base64.b64decode(image, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal.of_value(BAD_BASE64) from None
    if len(picture) > sizes.MAX_BYTES:
        raise Refusal.of_value("image size exceeds the limit")
    return picture


def _measure(picture: bytes) -> tuple[int, int]:
    measure = sizes.measured(picture)
    if measure is None:
        raise Refusal.of_value(BAD_BASE64)
    return measure


def _judge_reference(given: Given, chosen: Model) -> None:
    kind = _text(given, "image_reference")
    if kind and kind not in ("subject", "face"):
        raise invalid("image_reference", kind)
    if kind and chosen.image_reference is Support.NO:
        raise _unsupported("image_reference", kind)
    for field in ("image_fidelity", "human_fidelity"):
        value = given.get(field, 0)
        if not _is_number(value) or not 0 <= value <= 1:
            raise invalid(field, value)


def _judge_elements(given: Given, chosen: Model) -> None:
    elements = given.get("element_list", [])
    if not isinstance(elements, list) or not all(
        isinstance(item, dict) and _is_whole(item.get("element_id")) for item in elements
    ):
        raise invalid("element_list", elements)
    if elements and chosen.element_list is Support.NO:
        raise _unsupported("element_list", elements)
    if len(elements) + ("image" in given) > MAX_ELEMENTS:
        raise Refusal.of_value(
            f"The number of images and elements exceeds the limit, max number is {MAX_ELEMENTS}"
        )


def _resolution(given: Given, chosen: Model) -> str:
    resolution = _text(given, "resolution") or "1k"
    known = chosen.picture_resolutions if "image" in given else chosen.resolutions
    if resolution not in RESOLUTIONS:
        raise invalid("resolution", resolution)
    if not known:  # the model has no such field
        return "1k"
    if resolution not in known:
        raise _unsupported("resolution", resolution)
    return resolution


def _ratio(given: Given, chosen: Model) -> float:
    """Width / height as asked."""
    ratio = _text(given, "aspect_ratio") or "16:9"
    if ratio not in chosen.ratios:
        raise invalid("aspect_ratio", ratio)
    wide, tall = ratio.split(":")
    return int(wide) / int(tall)


def _count(given: Given) -> int:
    n = given.get("n", 1)
    if not _is_whole(n) or not 1 <= n <= MAX_PICTURES:
        raise invalid("n", n)
    return int(n)


def _watermark(given: Given) -> bool | None:
    info = given.get("watermark_info")
    if info is None:
        return None
    enabled = info.get("enabled", False) if isinstance(info, dict) else None
    if not isinstance(enabled, bool):
        raise invalid("watermark_info", info)
    return enabled


def _callback_url(given: Given) -> str:
    url = _text(given, "callback_url")
    if url and not url.startswith(("http://", "https://")):
        raise invalid("callback_url", url)
    return url


def _text(given: Given, field: str) -> str:
    value = given.get(field, "")
    if not isinstance(value, str):
        raise invalid(field, value)
    return value


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _sound(value: Any) -> Any:
    """A text without lone surrogates, which JSON lets in and UTF-8 does not let out."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text[:100]
