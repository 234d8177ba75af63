from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_ui.catalog import ANY, DOUBTFUL, MODELS, NO, YES, Model, Support
from kling_ui.fields import (
    KINDS,
    LONGEST,
    REFERENCE_ADVISED,
    SHORT,
    Situation,
    Verdict,
    is_blank,
)
from kling_ui.request import SPECS, ImageRequest, rules
from kling_ui.text import Lang, Text

PICTURE = "https://pictures.example.com/cat.png"
UNKNOWN = "kling-v9-gateway"
NAMES = [*MODELS, UNKNOWN]
LIMITED = [model for model in MODELS.values() if model.prompt_limit]


def asked(**values: Any) -> ImageRequest:
    return ImageRequest.draft({"prompt": "a fox", **values})


def pictured(model_name: str, **values: Any) -> ImageRequest:
    return asked(model_name=model_name, image=PICTURE, **values)


def fitting(model: Model, **values: Any) -> ImageRequest:
    """A request that this model takes as it is."""
    return asked(
        model_name=model.name, image="" if model.from_text is not NO else PICTURE, **values
    )


# reading


@pytest.mark.parametrize(
    ("field", "typed", "read"),
    [
        ("n", "3", 3),
        ("n", " 3 ", 3),
        ("n", 3.0, 3),
        ("n", "3.0", 3),
        ("image_fidelity", "0.25", 0.25),
        ("image_fidelity", 1, 1.0),
        ("human_fidelity", "0", 0.0),
        ("model_name", " kling-v3 ", "kling-v3"),
        ("image", f" {PICTURE}\n", PICTURE),
        ("prompt", "  a fox\n\tat dawn ", "  a fox\n\tat dawn "),
        ("watermark_info", True, True),
        ("watermark_info", "true", True),
        ("watermark_info", " YES ", True),
        ("watermark_info", "off", False),
        ("watermark_info", "no", False),
        ("watermark_info", {"enabled": True}, True),
        ("watermark_info", {"enabled": "false"}, False),
        ("watermark_info", {}, False),
        ("element_list", 829836802793406551, "829836802793406551"),
        ("element_list", " 1， 2;3 ", "1， 2;3"),
        ("element_list", [1, "2"], "1, 2"),
        ("element_list", [{"element_id": 1}, {"element_id": "2"}], "1, 2"),
    ],
)
def test_a_value_is_read_whatever_a_form_or_a_script_makes_of_it(
    field: str, typed: Any, read: Any
) -> None:
    found = getattr(asked(**{field: typed}), field)
    assert (found, type(found)) == (read, type(read))


@pytest.mark.parametrize("blank", [None, "", "  \n\u3000", []])
@pytest.mark.parametrize("field", SPECS)
def test_a_blank_becomes_the_default(field: str, blank: Any) -> None:
    assert getattr(ImageRequest.draft({field: blank}), field) == getattr(ImageRequest(), field)


def test_what_is_no_field_is_left_alone() -> None:
    assert ImageRequest.draft({"seed": 7, "model": "kling-v1"}) == ImageRequest()


@pytest.mark.parametrize("field", ["prompt", "negative_prompt", "model_name", "element_list"])
@pytest.mark.parametrize(
    "mark", [*map(chr, {*range(32), *range(0x7F, 0xA0)} - {9, 10}), "\ud800", "\udfff", "\u202e"]
)
def test_no_control_mark_and_no_half_of_a_character_is_kept(field: str, mark: str) -> None:
    assert getattr(asked(**{field: f"a{mark}b"}), field) == "ab"


def test_marks_inside_a_list_of_elements_are_removed_as_well() -> None:
    assert asked(element_list=["1\ud800", {"element_id": "2\x00"}]).element_list == "1, 2"


@pytest.mark.parametrize("field", SPECS)
def test_control_marks_alone_are_as_good_as_a_blank(field: str) -> None:
    assert ImageRequest.draft({field: "\x00 \x01"}) == ImageRequest()


UNREADABLE = [
    ("n", "three"),
    ("n", "2.5"),
    ("n", 2.5),
    ("n", True),
    ("n", "nan"),
    ("n", float("inf")),
    ("n", 10**400),
    ("n", [3]),
    ("image_fidelity", "0,5"),
    ("image_fidelity", {"value": 1}),
    ("human_fidelity", False),
    ("prompt", 5),
    ("prompt", ["a fox"]),
    ("negative_prompt", 1.5),
    ("image", {"url": PICTURE}),
    ("model_name", ["kling-v3"]),
    ("aspect_ratio", 1.5),
    ("resolution", 1),
    ("watermark_info", "perhaps"),
    ("watermark_info", 2),
    ("watermark_info", {"enabled": "perhaps"}),
    ("element_list", 1.5),
    ("element_list", "1, two"),
    ("element_list", [None]),
    ("element_list", [{"id": 1}]),
    ("element_list", True),
    ("callback_url", 1),
    ("external_task_id", ["a"]),
]


@pytest.mark.parametrize(("field", "value"), UNREADABLE)
def test_what_cannot_be_read_stays_and_is_told(field: str, value: Any) -> None:
    request = asked(
        **{
            "model_name": "kling-v3" if field in {"element_list", "resolution"} else "kling-v1-5",
            "image": "" if field == "negative_prompt" else PICTURE,
            "image_reference": "subject",
        }
        | {field: value}
    )
    assert not is_blank(getattr(request, field))
    assert list(request.problems()) == [field]
    request.payload()


# problems


def test_only_a_prompt_is_needed() -> None:
    assert list(ImageRequest().problems()) == ["prompt"]
    assert asked().problems() == {}


WRONG = {
    "model_name": "kling-v3",
    "prompt": "",
    "image": "ftp://pictures.example.com/cat.png",
    "image_reference": "pose",
    "resolution": "8k",
    "n": 10,
    "aspect_ratio": "5:4",
    "watermark_info": "perhaps",
    "callback_url": "nowhere",
    "external_task_id": "two words",
    "element_list": "one",
}


def test_every_problem_is_told_at_once_and_in_both_languages() -> None:
    problems = ImageRequest.draft(WRONG).problems()
    assert set(problems) == set(WRONG) - {"model_name"}
    for problem in problems.values():
        assert {"{", "}"}.isdisjoint(problem.en + problem.zh)
        assert problem.en.isascii()
        assert any("\u4e00" <= mark <= "\u9fff" for mark in problem.zh)


def test_a_problem_shows_the_value_cut_and_fit_to_show() -> None:
    problem = asked(n="\ud800" + "x" * 5000).problems()["n"]
    assert "x" * 39 + "…" in problem.en
    assert len(problem.en) < 120
    assert problem.zh.encode()


def text_limits() -> list[Any]:
    """Field, request without it, limit: as the catalog and the specs have it."""
    found = []
    for (name, spec), model in product(SPECS.items(), MODELS.values()):
        request = fitting(model)
        limit = spec.length(request.situation) if spec.length else None
        if limit and name != "model_name" and spec.when(request.situation).support is not NO:
            found.append(pytest.param(request, name, limit, id=f"{name}-{model.name}"))
    return [*found, pytest.param(asked(), "model_name", 128, id="model_name")]


@pytest.mark.parametrize(("request_", "field", "limit"), text_limits())
def test_a_text_may_reach_its_limit_and_not_pass_it(
    request_: ImageRequest, field: str, limit: int
) -> None:
    assert field not in replace(request_, **{field: "狐" * limit}).problems()
    problem = replace(request_, **{field: "狐" * (limit + 1)}).problems()[field]
    for sentence in (problem.en, problem.zh):
        assert str(limit) in sentence
        assert str(limit + 1) in sentence


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("field", [name for name, spec in SPECS.items() if spec.bounds])
def test_a_number_may_reach_its_bounds_and_not_pass_them(field: str, name: str) -> None:
    low, high = SPECS[field].bounds or (0, 0)
    step = 0.001 if isinstance(high, float) else 1
    request = pictured(name, image_reference="subject")
    taken = request.verdicts()[field].support is not NO
    for value in (low, high):
        assert field not in replace(request, **{field: value}).problems()
    for value in (low - step, high + step):
        assert (field in replace(request, **{field: value}).problems()) is taken


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("picture", ["", PICTURE])
def test_every_choice_of_a_model_is_taken_and_no_other(name: str, picture: str) -> None:
    request = asked(model_name=name, image=picture)
    for field in [name for name, spec in SPECS.items() if spec.choices]:
        choices = SPECS[field].choices
        taken = request.verdicts()[field].support is not NO and name != UNKNOWN
        for value in choices(request.situation) if choices else ():
            assert field not in replace(request, **{field: value}).problems()
        for value in ("5:4", "2K", "Subject", "x" * SHORT):
            assert (field in replace(request, **{field: value}).problems()) is taken


@pytest.mark.parametrize(("elements", "picture", "fine"), [(10, "", True), (11, "", False)])
def test_ten_elements_fit(elements: int, picture: str, fine: bool) -> None:
    ids = list(range(1, elements + 1))
    request = asked(model_name="kling-v3", image=picture, element_list=ids)
    assert ("element_list" not in request.problems()) is fine


@pytest.mark.parametrize(("elements", "fine"), [(9, True), (10, False)])
def test_a_picture_takes_the_place_of_an_element(elements: int, fine: bool) -> None:
    request = pictured("kling-v3", element_list=list(range(1, elements + 1)))
    assert ("element_list" not in request.problems()) is fine


@pytest.mark.parametrize(
    ("value", "fine"),
    [
        ("1", True),
        (str(2**63 - 1), True),
        (str(2**63), False),
        ("0", False),
        ("-1", False),
        ("1.0", False),
        ("٣", False),
        ("9" * 5000, False),
    ],
)
def test_an_element_id_is_a_positive_number_of_64_bits(value: str, fine: bool) -> None:
    request = asked(model_name="kling-v3", element_list=value)
    assert ("element_list" not in request.problems()) is fine


@pytest.mark.parametrize(
    ("field", "value", "fine"),
    [
        ("callback_url", "https://host.example/done?x=1", True),
        ("callback_url", "http://127.0.0.1:8000/", True),
        ("callback_url", "https://h/" + "x" * 2038, True),
        ("callback_url", "https://h/" + "x" * 2039, False),
        ("callback_url", "https://", False),
        ("callback_url", "https://a b/", False),
        ("callback_url", "https://host:99999/", False),
        ("callback_url", "https://[::1", False),
        ("callback_url", "file:///etc/passwd", False),
        ("external_task_id", "my-task_1.~/#", True),
        ("external_task_id", "x" * 256, True),
        ("external_task_id", "x" * 257, False),
        ("external_task_id", "a b", False),
        ("external_task_id", "狐", False),
        ("image", "reference:3f.png", True),
        ("image", PICTURE, True),
        ("image", "http://192.168.0.1/cat.png", False),
        ("image", "cat.png", False),
    ],
)
def test_addresses_and_ids_are_looked_at(field: str, value: str, fine: bool) -> None:
    assert asked(**{field: value}).problems().keys() == (set() if fine else {field})


# models


@pytest.mark.parametrize("picture", ["", PICTURE])
def test_a_model_nobody_knows_takes_everything_unchecked(picture: str) -> None:
    values = {
        "model_name": UNKNOWN,
        "prompt": "x" * LONGEST,
        "negative_prompt": "y" * LONGEST,
        "resolution": "16k",
        "aspect_ratio": "7:1",
        "element_list": "5",
    }
    beside = {"image": picture, "image_reference": "subject", "human_fidelity": 1.0}
    request = ImageRequest.draft(values | (beside if picture else {}))
    assert request.problems() == {}
    assert request.payload().keys() == {"n", *values, *(beside if picture else {})}


def test_a_doubt_about_a_nameless_model_is_a_whole_sentence() -> None:
    request = pictured(UNKNOWN, image_reference="face", human_fidelity=1)
    doubt = request.verdicts()["human_fidelity"].reason
    assert doubt
    assert "whether this model takes" in doubt.en
    assert "该模型" in doubt.zh


@pytest.mark.parametrize("name", [UNKNOWN, "kling-v1"])
@pytest.mark.parametrize("field", [name for name, spec in SPECS.items() if not spec.bounds])
def test_no_text_is_longer_than_we_bear_whatever_the_model(field: str, name: str) -> None:
    """It would travel in every event of its task, sent to Kling or not."""
    long = {field: "x" * (LONGEST + 1)}
    request = asked(**{"model_name": name, "image": PICTURE, "image_reference": "face"} | long)
    assert field not in request.as_dict()
    assert field in request.problems() or request.verdicts()[field].support is NO


def test_kling_v2_new_needs_a_picture() -> None:
    assert list(asked(model_name="kling-v2-new").problems()) == ["image"]
    assert pictured("kling-v2-new").problems() == {}


@pytest.mark.parametrize(
    ("name", "picture", "fine"),
    [
        ("kling-v2-1", False, True),
        ("kling-v2-1", True, False),
        ("kling-v3", False, True),
        ("kling-v3", True, True),
        ("kling-v2", True, False),
    ],
)
def test_2k_beside_a_picture_is_not_for_every_model(name: str, picture: bool, fine: bool) -> None:
    request = asked(model_name=name, resolution="2k", image=PICTURE if picture else "")
    assert ("resolution" not in request.problems()) is fine


@pytest.mark.parametrize("name", ["kling-v1", "kling-v1-5", "kling-v1-6"])
@pytest.mark.parametrize("picture", ["", PICTURE])
def test_no_resolution_is_sent_to_the_models_of_the_seed(name: str, picture: str) -> None:
    request = asked(model_name=name, image=picture, resolution="2k")
    assert "resolution" not in request.problems()
    assert "resolution" not in request.payload()


def test_a_kind_of_reference_is_advised_where_the_model_wants_one() -> None:
    def doubt(request: ImageRequest) -> Verdict:
        return request.verdicts()["image_reference"]

    advised = Verdict(DOUBTFUL, REFERENCE_ADVISED.fill(model="kling-v1-5"))
    assert doubt(pictured("kling-v1-5")) == advised
    assert doubt(pictured("kling-v1-5", image_reference="face")) == Verdict()
    assert doubt(asked(model_name="kling-v1-5")).support is NO
    assert doubt(pictured("kling-v2-1")) == Verdict()
    assert pictured("kling-v1-5").problems() == {}


def supported(support: Support) -> list[Any]:
    """Requests with every field filled, and the fields the model takes in this way."""
    found = []
    for name, picture, kind in product(NAMES, ["", PICTURE], KINDS):
        request = asked(model_name=name, image=picture, image_reference=kind, **FILLED)
        fields = [f for f, verdict in request.verdicts().items() if verdict.support is support]
        case = "-".join(filter(None, [name, "picture" if picture else "", kind]))
        found.append(pytest.param(request, fields, id=case))
    return found


FILLED = {
    "negative_prompt": "rain",
    "image_fidelity": 0.5,
    "human_fidelity": 0.5,
    "watermark_info": True,
    "callback_url": "https://host.example/",
    "external_task_id": "mine",
    "element_list": "7",
}


@pytest.mark.parametrize(("request_", "fields"), supported(NO))
def test_a_field_that_is_not_taken_is_neither_judged_nor_sent(
    request_: ImageRequest, fields: list[str]
) -> None:
    junk = {field: "x" * 9999 for field in fields if field != "image"}
    wrong = replace(request_, **junk)
    assert not {*fields} & wrong.problems().keys()
    assert not {*fields} & wrong.payload().keys()


@pytest.mark.parametrize(("request_", "fields"), supported(DOUBTFUL))
def test_a_doubtful_field_has_its_reason_and_is_sent(
    request_: ImageRequest, fields: list[str]
) -> None:
    given = {field for field in fields if not is_blank(getattr(request_, field))}
    assert given <= request_.payload().keys()
    assert all(request_.verdicts()[field].reason for field in fields)


# the body


def test_the_body_of_a_bare_prompt_names_the_model_and_the_defaults() -> None:
    expected = {
        "model_name": "kling-v2-1",
        "prompt": "a fox",
        "resolution": "1k",
        "n": 1,
        "aspect_ratio": "16:9",
    }
    assert asked().payload() == expected
    assert asked(model_name="  ", resolution="", n="", aspect_ratio=None).payload() == expected


def test_the_ten_fields_of_the_seed_are_on_the_wire_and_nothing_else() -> None:
    seed = {
        "model_name": "kling-v1-5",
        "prompt": "flow",
        "negative_prompt": "rain",
        "image": PICTURE,
        "image_reference": "subject",
        "image_fidelity": 0.5,
        "human_fidelity": 1.0,
        "n": 2,
        "aspect_ratio": "1:1",
        "callback_url": "https://host.example/done",
    }
    request = ImageRequest.draft(seed)
    assert request.problems() == {}
    assert list(request.payload().items()) == list(seed.items())


def test_the_body_has_the_exact_shape_of_the_newer_fields() -> None:
    request = asked(
        model_name="kling-v3",
        resolution="2k",
        watermark_info={"enabled": True},
        element_list=[{"element_id": 829836802793406551}, "9007199254740993"],
        external_task_id="mine",
    )
    assert request.problems() == {}
    assert json.dumps(request.payload()) == (
        '{"model_name": "kling-v3", "prompt": "a fox", "resolution": "2k", "n": 1,'
        ' "aspect_ratio": "16:9", "watermark_info": {"enabled": true},'
        ' "external_task_id": "mine",'
        ' "element_list": [{"element_id": 829836802793406551},'
        ' {"element_id": 9007199254740993}]}'
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_body_keeps_the_order_of_the_declaration(name: str) -> None:
    keys = list(pictured(name, image_reference="subject", **FILLED).payload())
    assert keys == [field for field in SPECS if field in keys]


@pytest.mark.parametrize("field", sorted(set(SPECS) - {"prompt"}))
def test_a_blank_is_left_out_and_never_an_empty_text(field: str) -> None:
    for blank in ("", "  ", None):
        body = replace(pictured("kling-v1-5"), **{field: blank}).payload()
        assert field not in body
        assert not any(is_blank(value) for value in body.values())


@pytest.mark.parametrize("commas", [",", " ; ", ["", ""]])
def test_a_list_of_no_elements_is_left_out(commas: Any) -> None:
    request = asked(model_name="kling-v3", element_list=commas)
    assert request.problems() == {}
    assert "element_list" not in request.payload()


def test_a_fidelity_of_nothing_is_sent_and_a_switch_that_is_off_is_not() -> None:
    body = pictured("kling-v1-5", image_fidelity=0, watermark_info=False).payload()
    assert body["image_fidelity"] == 0
    assert "watermark_info" not in body


# what history keeps


def test_what_history_keeps_leads_back_to_the_same_request() -> None:
    full = pictured("kling-v1-5", image_reference="face", n=3, aspect_ratio="1:1", **FILLED)
    for request in (ImageRequest(), asked(), full):
        kept = json.loads(json.dumps(request.as_dict()))
        assert ImageRequest(**kept) == request
        assert ImageRequest.draft(kept) == request


def test_history_is_given_nothing_unreadable_from_a_field_that_is_not_sent() -> None:
    for junk in ({"\ud800": 1}, ["x"], float("nan"), float("inf")):
        request = asked(model_name="kling-v1", image_fidelity=junk, resolution=junk)
        assert request.problems() == {}
        assert request.as_dict() == {"model_name": "kling-v1", "prompt": "a fox", "n": 1} | {
            "aspect_ratio": "16:9"
        }


def test_history_keeps_no_field_that_was_left_alone() -> None:
    assert asked().as_dict().keys() == {"model_name", "prompt", "n", "aspect_ratio", "resolution"}


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
odd = st.sampled_from(
    [
        *(value for _, value in UNREADABLE),
        *(value for model in MODELS.values() for value in (model.name, *model.ratios)),
        *(PICTURE, "2k", "subject", "face", "1,2", "9" * 30, "\ud800", "\x00 ", "5", 0.5),
    ]
)
anything = st.recursive(
    plain | odd | st.text("\ud800\x00 ,1a狐", max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["enabled", "element_id", "x"]), inner, max_size=2)
    ),
    max_leaves=5,
)
others = dict.fromkeys(SPECS.keys() - {"prompt"}, anything)
drafts = st.fixed_dictionaries({"prompt": st.just("a fox") | anything}, optional=others)


@settings(max_examples=400, deadline=None)
@given(drafts)
def test_no_value_makes_a_draft_raise_and_what_has_no_problem_can_be_sent(
    values: dict[str, Any],
) -> None:
    request = ImageRequest.draft(values)
    request.verdicts(), request.payload(), request.as_dict()
    problems = request.problems()
    for text in problems.values():
        assert (text.en + text.zh).encode()
    if not problems:
        body = request.payload()
        assert json.loads(json.dumps(body, ensure_ascii=False, allow_nan=False).encode()) == body
        assert not any(is_blank(value) for value in body.values())
        kept = json.dumps(request.as_dict(), ensure_ascii=False, allow_nan=False).encode()
        assert ImageRequest(**json.loads(kept)).payload() == body
        assert isinstance(request.n, int)


# the table of the page


def situations() -> list[Any]:
    return [
        pytest.param(model, picture, kind, lang, id=f"{model.name}-{picture}-{kind}-{lang}")
        for model, picture, kind, lang in product(
            (*MODELS.values(), ANY), (False, True), KINDS, get_args(Lang)
        )
    ]


@pytest.mark.parametrize(("model", "picture", "kind", "lang"), situations())
def test_the_table_of_the_page_says_what_python_says(
    model: Model, picture: bool, kind: str, lang: Lang
) -> None:
    request = ImageRequest(
        model_name=model.name, prompt="x", image=PICTURE if picture else "", image_reference=kind
    )
    assert request.situation == Situation(model, picture, kind)
    row = rules(lang)[model.name][f"picture {kind}".strip() if picture else ""]

    def said(reason: Text | None) -> str:
        return reason.of(lang) if reason else ""

    for field, verdict in request.verdicts().items():
        support, reason = row["fields"].get(field, [YES, ""])
        assert (support, reason) == (verdict.support, said(verdict.reason)), field
    assert row["ratios"] == request.situation.ratios
    assert row["resolutions"] == request.situation.resolutions
    limits = (model.prompt_limit or LONGEST, model.negative_limit or LONGEST)
    assert (row["prompt"], row["negative_prompt"]) == limits


@pytest.mark.parametrize("lang", get_args(Lang))
def test_the_table_holds_every_model_and_the_one_nobody_knows_as_json(lang: Lang) -> None:
    table = rules(lang)
    assert table.keys() == {*MODELS, ""}
    read = json.loads(json.dumps(table, allow_nan=False))
    assert read["kling-v2-1"][""]["fields"]["image_fidelity"][0] == "no"
    assert read["kling-v2-1"]["picture"]["fields"]["image_fidelity"][0] == "doubtful"
    assert read["kling-v3"]["picture subject"]["resolutions"] == ["1k", "2k"]
