"""Kling's facts, copied from its pages a second time and by hand, so that the copies can disagree.

Sources, each with the day or the edition:

seed     the gateway's page this project started from, samples of 2024-12
D-img    Kling, "Image Generation", edition after 2026-09-15
D-aug    the same page, August 2026
D-2025   the same page, December 2025
D-map    Kling, capability map of the image models, 2026-05-19
D-price  Kling, image prices, 2026-05-29
D-err    Kling, error codes, read 2026-11-22
L-app    notes of real calls by an app, 2026-08-17
V-comfy  Kling's own ComfyUI nodes, 2025-10-24
ours     a decision of this project, 2026-11-22

A fact with two sources that disagree is doubtful. Change a number here only with its page open.
"""

from __future__ import annotations

from typing import Any

import pytest

from kling_ui import catalog, errors
from kling_ui.catalog import DOUBTFUL, MODELS, NO, YES, Support
from kling_ui.pictures import reference
from kling_ui.prices import Price, Prices
from kling_ui.request import SPECS, ImageRequest

LIMITS = [  # model, prompt, negative prompt, source
    ("kling-v3", 2500, 2500, "D-img 2026-09"),
    ("kling-v2-1", 2500, 2500, "D-img 2026-09"),
    ("kling-v2", 2500, 2500, "D-2025 2025-12"),
    ("kling-v2-new", 2500, 2500, "D-2025 2025-12"),
    ("kling-v1-5", 500, 200, "seed 2024-12"),
    ("kling-v1", 500, 200, "seed 2024-12"),
    ("kling-v1-6", 500, 200, "seed 2024-12"),
]
EIGHT = ["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9"]
SEVEN = ["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3"]
RATIOS = [
    ("kling-v3", EIGHT, "D-img 2026-09"),
    ("kling-v2-1", EIGHT, "D-img 2026-09"),
    ("kling-v2", EIGHT, "D-2025 2025-12"),
    ("kling-v2-new", EIGHT, "D-2025 2025-12"),
    ("kling-v1-5", SEVEN, "seed 2024-12"),
    ("kling-v1", SEVEN, "seed 2024-12"),
    ("kling-v1-6", SEVEN, "seed 2024-12"),
]
RESOLUTIONS = [  # from text, with a picture
    ("kling-v3", ["1k", "2k"], ["1k", "2k"], "D-img 2026-09"),
    ("kling-v2-1", ["1k", "2k"], ["1k"], "D-map 2026-05-19, L-app 2026-08-17"),
    ("kling-v2", ["1k", "2k"], ["1k"], "D-2025 2025-12"),
    ("kling-v2-new", [], [], "D-2025 2025-12"),
    ("kling-v1-5", [], [], "seed 2024-12"),
    ("kling-v1", [], [], "seed 2024-12"),
    ("kling-v1-6", [], [], "seed 2024-12"),
]
UNITS = [  # price units a picture: from text, with a picture
    ("kling-v3", 8, 8, "D-price 2026-05-29"),
    ("kling-v2-1", 4, 8, "D-price 2026-05-29"),
    ("kling-v2", 4, 8, "D-price 2026-05-29"),
    ("kling-v2-new", None, 8, "D-price 2026-05-29"),
    ("kling-v1-5", 4, 8, "D-price 2026-05-29"),
    ("kling-v1", 1, 1, "D-price 2026-05-29"),
    ("kling-v1-6", None, None, "on no price list, 2026-05-29"),
]
UNIT = [
    ("https://api-singapore.klingai.com", 0.0035, "USD", "D-price 2026-05-29"),
    ("https://api.klingai.com", 0.0035, "USD", "D-price 2026-05-29"),
    ("https://api-beijing.klingai.com", 0.025, "CNY", "D-price 2026-05-29"),
]
STATUS = [
    ("kling-v3", "current", "D-img 2026-09"),
    ("kling-v2-1", "current", "D-img 2026-09"),
    ("kling-v2", "retired", "D-map, trimmed on 2026-09-15"),
    ("kling-v2-new", "retired", "D-map, trimmed on 2026-09-15"),
    ("kling-v1-5", "retired", "D-map, trimmed on 2026-09-15"),
    ("kling-v1", "retired", "D-map, trimmed on 2026-09-15"),
    ("kling-v1-6", "gateway", "seed 2024-12; never on an official list of image models"),
]
SUPPORT = [
    ("kling-v3", "from_text", YES, "D-map 2026-05-19"),
    ("kling-v3", "from_picture", YES, "D-map 2026-05-19"),
    ("kling-v3", "image_reference", DOUBTFUL, "no: D-map 2026-05-19; yes: D-img 2026-09"),
    ("kling-v3", "image_fidelity", NO, "D-img 2026-09"),
    ("kling-v3", "human_fidelity", NO, "D-img 2026-09"),
    ("kling-v3", "negative_with_picture", NO, "D-img 2026-09"),
    ("kling-v3", "element_list", YES, "D-map 2026-05-19"),
    ("kling-v3", "watermark_info", YES, "D-img 2026-09"),
    ("kling-v2-1", "from_text", YES, "D-map 2026-05-19"),
    ("kling-v2-1", "from_picture", YES, "D-map 2026-05-19"),
    ("kling-v2-1", "image_reference", YES, "D-map 2026-05-19"),
    ("kling-v2-1", "image_fidelity", DOUBTFUL, "yes: D-img 2026-09; no: D-aug 2026-08, V-comfy"),
    ("kling-v2-1", "human_fidelity", DOUBTFUL, "yes: D-img 2026-09; no: V-comfy 2025-10-24"),
    ("kling-v2-1", "negative_with_picture", NO, "D-img 2026-09"),
    ("kling-v2-1", "element_list", NO, "D-map 2026-05-19"),
    ("kling-v2-1", "watermark_info", YES, "D-img 2026-09"),
    ("kling-v2", "from_text", YES, "D-2025 2025-12"),
    ("kling-v2", "from_picture", YES, "D-2025 2025-12"),
    ("kling-v2", "image_reference", DOUBTFUL, "no: D-2025 2025-12; no note: D-aug 2026-08"),
    ("kling-v2", "image_fidelity", DOUBTFUL, "no note: D-2025 2025-12; no: D-aug 2026-08"),
    ("kling-v2", "human_fidelity", NO, "D-2025 2025-12: acts on a subject, which v2 has not"),
    ("kling-v2", "negative_with_picture", NO, "D-2025 2025-12"),
    ("kling-v2", "element_list", NO, "D-2025 2025-12"),
    ("kling-v2", "watermark_info", DOUBTFUL, "absent: D-2025 2025-12; present: D-aug 2026-08"),
    ("kling-v2-new", "from_text", NO, "D-2025 2025-12"),
    ("kling-v2-new", "from_picture", YES, "D-2025 2025-12"),
    ("kling-v2-new", "image_reference", DOUBTFUL, "no: D-2025 2025-12; no note: D-aug 2026-08"),
    ("kling-v2-new", "image_fidelity", DOUBTFUL, "no note: D-2025 2025-12; no: D-aug 2026-08"),
    ("kling-v2-new", "human_fidelity", NO, "D-2025 2025-12: acts on a subject, which it has not"),
    ("kling-v2-new", "negative_with_picture", NO, "D-2025 2025-12"),
    ("kling-v2-new", "element_list", NO, "D-2025 2025-12"),
    ("kling-v2-new", "watermark_info", DOUBTFUL, "absent: D-2025 2025-12; present: D-aug 2026-08"),
    ("kling-v1-5", "from_text", YES, "seed 2024-12"),
    ("kling-v1-5", "from_picture", YES, "seed 2024-12"),
    ("kling-v1-5", "image_reference", YES, "seed 2024-12, D-2025 2025-12"),
    ("kling-v1-5", "image_fidelity", YES, "seed 2024-12, D-aug 2026-08"),
    ("kling-v1-5", "human_fidelity", YES, "seed 2024-12"),
    ("kling-v1-5", "negative_with_picture", DOUBTFUL, "yes: seed 2024-12; no: D-2025 2025-12"),
    ("kling-v1-5", "element_list", NO, "seed 2024-12"),
    ("kling-v1-5", "watermark_info", DOUBTFUL, "absent: seed 2024-12; present: D-aug 2026-08"),
    ("kling-v1", "from_text", YES, "seed 2024-12"),
    ("kling-v1", "from_picture", YES, "seed 2024-12"),
    ("kling-v1", "image_reference", DOUBTFUL, "no note: seed 2024-12; no: D-2025 2025-12"),
    ("kling-v1", "image_fidelity", YES, "seed 2024-12, D-aug 2026-08"),
    ("kling-v1", "human_fidelity", DOUBTFUL, "no note: seed 2024-12; no: D-2025 2025-12"),
    ("kling-v1", "negative_with_picture", DOUBTFUL, "yes: seed 2024-12; no: D-2025 2025-12"),
    ("kling-v1", "element_list", NO, "seed 2024-12"),
    ("kling-v1", "watermark_info", DOUBTFUL, "absent: seed 2024-12; present: D-aug 2026-08"),
    ("kling-v1-6", "from_text", YES, "seed 2024-12"),
    ("kling-v1-6", "from_picture", YES, "seed 2024-12"),
    ("kling-v1-6", "image_reference", DOUBTFUL, "seed 2024-12, which says nothing by model"),
    ("kling-v1-6", "image_fidelity", DOUBTFUL, "seed 2024-12, which says nothing by model"),
    ("kling-v1-6", "human_fidelity", DOUBTFUL, "seed 2024-12, which says nothing by model"),
    ("kling-v1-6", "negative_with_picture", DOUBTFUL, "yes: seed 2024-12; no: D-2025 2025-12"),
    ("kling-v1-6", "element_list", NO, "seed 2024-12"),
    ("kling-v1-6", "watermark_info", DOUBTFUL, "absent: seed 2024-12; present: D-aug 2026-08"),
]
DEFAULTS = [  # what a blank means to us
    ("model_name", "kling-v2-1", "ours 2026-11-22: half of kling-v3's price"),
    ("resolution", "1k", "D-img 2026-09"),
    ("n", 1, "D-img 2026-09"),
    ("aspect_ratio", "16:9", "D-img 2026-09"),
    ("image_fidelity", None, "D-img 2026-09: 0.5, left to Kling"),
    ("human_fidelity", None, "D-img 2026-09: 0.45, left to Kling"),
]
BOUNDS = [
    ("n", 1, 9, "seed 2024-12, D-img 2026-09"),
    ("image_fidelity", 0, 1, "seed 2024-12, D-img 2026-09"),
    ("human_fidelity", 0, 1, "D-img 2026-09"),
]
ORDER = (  # D-img 2026-09 and seed 2024-12 name these fields, and no other
    ["model_name", "prompt", "negative_prompt", "image", "image_reference", "image_fidelity"]
    + ["human_fidelity", "resolution", "n", "aspect_ratio", "watermark_info", "callback_url"]
    + ["external_task_id", "element_list"]
)
PICTURE = [  # a reference picture
    ("SHORTEST_SIDE", 300, "D-img 2026-09"),
    ("MOST_STRETCHED", 2.5, "D-img 2026-09"),
    ("MOST_BASE64", 10_000_000, "D-img 2026-09: 10 MB, taken in its strictest sense"),
]
CODES = [  # HTTP status, code, what it is to us, whether the account is charged
    (401, 1000, "KeyRejected", "no", "D-err 2026-11-22"),
    (401, 1001, "KeyRejected", "no", "D-err 2026-11-22"),
    (401, 1002, "KeyRejected", "no", "D-err 2026-11-22"),
    (401, 1003, "KeyRejected", "no", "D-err 2026-11-22"),
    (401, 1004, "KeyRejected", "no", "D-err 2026-11-22"),
    (429, 1100, "AccountBlocked", "no", "D-err 2026-11-22"),
    (429, 1101, "AccountBlocked", "no", "D-err 2026-11-22"),
    (429, 1102, "AccountBlocked", "no", "D-err 2026-11-22"),
    (403, 1103, "AccountBlocked", "no", "D-err 2026-11-22"),
    (400, 1200, "BadRequest", "no", "D-err 2026-11-22"),
    (400, 1201, "BadRequest", "no", "D-err 2026-11-22"),
    (404, 1202, "BadRequest", "no", "D-err 2026-11-22"),
    (404, 1203, "BadRequest", "no", "D-err 2026-11-22"),
    (400, 1300, "ContentBlocked", "no", "D-err 2026-11-22"),
    (400, 1301, "ContentBlocked", "no", "D-err 2026-11-22"),
    (429, 1302, "TooFast", "no", "D-err 2026-11-22"),
    (429, 1303, "TooFast", "no", "D-err 2026-11-22"),
    (429, 1304, "AccountBlocked", "no", "D-err 2026-11-22"),
    (500, 5000, "KlingDown", "maybe", "D-err 2026-11-22"),
    (503, 5001, "KlingDown", "maybe", "D-err 2026-11-22"),
    (504, 5002, "KlingDown", "maybe", "D-err 2026-11-22"),
]


@pytest.mark.parametrize(("name", "prompt", "negative", "source"), LIMITS)
def test_a_model_reads_so_many_characters(
    name: str, prompt: int, negative: int, source: str
) -> None:
    assert (MODELS[name].prompt_limit, MODELS[name].negative_limit) == (prompt, negative), source


@pytest.mark.parametrize(("name", "ratios", "source"), RATIOS)
def test_a_model_has_these_ratios(name: str, ratios: list[str], source: str) -> None:
    assert list(MODELS[name].ratios) == ratios, source


@pytest.mark.parametrize(("name", "from_text", "with_picture", "source"), RESOLUTIONS)
def test_a_model_has_these_resolutions(
    name: str, from_text: list[str], with_picture: list[str], source: str
) -> None:
    assert list(MODELS[name].resolutions) == from_text, source
    assert list(MODELS[name].picture_resolutions) == with_picture, source


@pytest.mark.parametrize(("name", "from_text", "with_picture", "source"), UNITS)
def test_a_picture_costs_so_many_units(
    name: str, from_text: float | None, with_picture: float | None, source: str
) -> None:
    facts = MODELS[name]
    assert (facts.units_from_text, facts.units_from_picture) == (from_text, with_picture), source


@pytest.mark.parametrize(("host", "amount", "currency", "source"), UNIT)
def test_a_unit_costs_so_much(host: str, amount: float, currency: str, source: str) -> None:
    model = next(one for one in MODELS.values() if one.units_from_text)
    one = Prices().estimate(model.name, picture=False, n=1, base_url=host)
    expected = Price(round((model.units_from_text or 0) * amount, 6), currency)
    assert one == expected, source


@pytest.mark.parametrize(("name", "status", "source"), STATUS)
def test_a_model_is_current_or_not(name: str, status: str, source: str) -> None:
    assert MODELS[name].status == status, source


@pytest.mark.parametrize(("name", "field", "support", "source"), SUPPORT)
def test_a_model_takes_a_field_or_not(name: str, field: str, support: Support, source: str) -> None:
    assert getattr(MODELS[name], field) is support, source


def test_only_kling_v1_5_wants_a_kind_of_reference() -> None:
    wanting = [name for name, facts in MODELS.items() if facts.reference_needed]
    assert wanting == ["kling-v1-5"], "D-2025 2025-12"


@pytest.mark.parametrize(("field", "default", "source"), DEFAULTS)
def test_a_blank_field_means_this(field: str, default: Any, source: str) -> None:
    assert getattr(ImageRequest(), field) == default, source


@pytest.mark.parametrize(("field", "low", "high", "source"), BOUNDS)
def test_a_number_has_these_bounds(field: str, low: float, high: float, source: str) -> None:
    assert SPECS[field].bounds == (low, high), source


def test_the_request_has_the_fields_of_the_page_in_its_order() -> None:
    assert list(SPECS) == ORDER, "D-img 2026-09"


def test_elements_and_pictures_are_ten_together() -> None:
    assert catalog.MAX_ELEMENTS == 10, "D-img 2026-09"


@pytest.mark.parametrize(("name", "limit", "source"), PICTURE)
def test_a_reference_picture_has_these_limits(name: str, limit: float, source: str) -> None:
    assert getattr(reference, name) == limit, source


@pytest.mark.parametrize(("status", "code", "kind", "charged", "source"), CODES)
def test_an_error_code_means_this(
    status: int, code: int, kind: str, charged: str, source: str
) -> None:
    assert errors.refusal(code, status).__name__ == kind, source
    assert errors.CASES[str(code)].charged == charged, source


def test_every_model_and_every_code_of_the_program_stands_here() -> None:
    for table in (LIMITS, RATIOS, RESOLUTIONS, UNITS, STATUS):
        assert sorted(row[0] for row in table) == sorted(MODELS)
    fields = {row[1] for row in SUPPORT}
    assert sorted(row[:2] for row in SUPPORT) == sorted((m, f) for m in MODELS for f in fields)
    supports = {
        name
        for facts in MODELS.values()
        for name in facts.__dataclass_fields__
        if isinstance(getattr(facts, name), Support)
    }
    assert fields == supports
    assert {str(row[1]) for row in CODES} == {case for case in errors.CASES if case.isdigit()}
