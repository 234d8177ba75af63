"""What is known about Kling's image models: what they take, their limits, prices and status.

Facts only, each model with its source and the day it was read. What follows from them for a
field of the form stands in `request`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from .text import Text


class Support(StrEnum):
    """`DOUBTFUL`: sources disagree, so it is shown with a warning and sent."""

    YES = "yes"
    DOUBTFUL = "doubtful"
    NO = "no"


YES, DOUBTFUL, NO = Support.YES, Support.DOUBTFUL, Support.NO

SEVEN_RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3")
RATIOS = (*SEVEN_RATIOS, "21:9")
RESOLUTIONS = ("1k", "2k")
MAX_PICTURES = 9
MAX_ELEMENTS = 10

Status = Literal["current", "retired", "gateway", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model of ``POST /v1/images/generations``. Limits are in characters; None is unknown."""

    name: str
    character: Text
    status: Status
    prompt_limit: int | None = 2500
    negative_limit: int | None = 2500
    ratios: tuple[str, ...] = RATIOS
    resolutions: tuple[str, ...] = RESOLUTIONS  # from text; empty: the field does not exist
    picture_resolutions: tuple[str, ...] = ("1k",)  # with a reference picture
    from_text: Support = YES
    from_picture: Support = YES
    image_reference: Support = NO
    reference_needed: bool = False  # a picture usually needs a kind of reference
    image_fidelity: Support = NO
    human_fidelity: Support = NO
    negative_with_picture: Support = NO
    element_list: Support = NO
    watermark_info: Support = YES
    units_from_text: float | None = None  # Kling's price units a picture
    units_from_picture: float | None = None
    source: str = ""
    as_of: str = ""

    def units(self, *, picture: bool) -> float | None:
        return self.units_from_picture if picture else self.units_from_text


_SEED = "the gateway page this project started from (seed)"
_OFFICIAL = "Kling image-generation page, capability map of 2026-05-19, price list"
_OLD = "Kling docs of December 2025; retired on 2026-09-15"

_MODELS = (
    Model(
        name="kling-v2-1",
        character=Text("Good value, follows a face or subject", "性价比高，可参考人脸或主体"),
        status="current",
        image_reference=YES,
        image_fidelity=DOUBTFUL,
        human_fidelity=DOUBTFUL,
        units_from_text=4,
        units_from_picture=8,
        source=_OFFICIAL,
        as_of="2026-11-22",
    ),
    Model(
        name="kling-v3",
        character=Text("Newest, finest detail", "最新模型，细节最佳"),
        status="current",
        picture_resolutions=RESOLUTIONS,
        image_reference=DOUBTFUL,
        element_list=YES,
        units_from_text=8,
        units_from_picture=8,
        source=_OFFICIAL,
        as_of="2026-11-22",
    ),
    Model(
        name="kling-v2",
        character=Text("Earlier generation, restyles a picture", "上一代，可为图片换风格"),
        status="retired",
        image_reference=DOUBTFUL,
        image_fidelity=DOUBTFUL,
        watermark_info=DOUBTFUL,
        units_from_text=4,
        units_from_picture=8,
        source=_OLD,
        as_of="2026-11-22",
    ),
    Model(
        name="kling-v2-new",
        character=Text("Restyles a picture, needs one", "专为图片换风格，必须提供图片"),
        status="retired",
        resolutions=(),
        picture_resolutions=(),
        from_text=NO,
        image_reference=DOUBTFUL,
        image_fidelity=DOUBTFUL,
        watermark_info=DOUBTFUL,
        units_from_picture=8,
        source=_OLD,
        as_of="2026-11-22",
    ),
    Model(
        name="kling-v1-5",
        character=Text("Classic, follows a face or subject", "经典模型，可参考人脸或主体"),
        status="retired",
        prompt_limit=500,
        negative_limit=200,
        ratios=SEVEN_RATIOS,
        resolutions=(),
        picture_resolutions=(),
        image_reference=YES,
        reference_needed=True,
        image_fidelity=YES,
        human_fidelity=YES,
        negative_with_picture=DOUBTFUL,
        watermark_info=DOUBTFUL,
        units_from_text=4,
        units_from_picture=8,
        source=_SEED,
        as_of="2026-11-22",
    ),
    Model(
        name="kling-v1",
        character=Text("The first, cheapest", "初代模型，价格最低"),
        status="retired",
        prompt_limit=500,
        negative_limit=200,
        ratios=SEVEN_RATIOS,
        resolutions=(),
        picture_resolutions=(),
        image_reference=DOUBTFUL,
        image_fidelity=YES,
        human_fidelity=DOUBTFUL,
        negative_with_picture=DOUBTFUL,
        watermark_info=DOUBTFUL,
        units_from_text=1,
        units_from_picture=1,
        source=_SEED,
        as_of="2026-11-22",
    ),
    Model(
        name="kling-v1-6",
        character=Text("Named by one gateway only", "仅见于个别网关"),
        status="gateway",
        prompt_limit=500,
        negative_limit=200,
        ratios=SEVEN_RATIOS,
        resolutions=(),
        picture_resolutions=(),
        image_reference=DOUBTFUL,
        image_fidelity=DOUBTFUL,
        human_fidelity=DOUBTFUL,
        negative_with_picture=DOUBTFUL,
        watermark_info=DOUBTFUL,
        source=_SEED,
        as_of="2026-11-22",
    ),
)

MODELS: Mapping[str, Model] = {model.name: model for model in _MODELS}

ANY = Model(
    name="",
    character=Text("Not in our list: sent unchecked", "不在列表中：不做检查直接发送"),
    status="unknown",
    prompt_limit=None,
    negative_limit=None,
    picture_resolutions=RESOLUTIONS,
    image_reference=YES,
    image_fidelity=YES,
    human_fidelity=YES,
    negative_with_picture=YES,
    element_list=YES,
)


def model(name: str) -> Model:
    """The facts about `name`; a name nobody knows is allowed and unchecked (`ANY`)."""
    return MODELS.get(name.strip(), ANY)
