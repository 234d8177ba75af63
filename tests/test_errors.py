from __future__ import annotations

import re
from typing import get_args

import pytest

from kling_ui.errors import (
    CASES,
    AccountBlocked,
    Action,
    BadRequest,
    Case,
    Charged,
    ContentBlocked,
    KeyRejected,
    KlingDown,
    KlingError,
    NoAnswer,
    NotFound,
    NotSent,
    Refused,
    TooFast,
    clean,
    failure,
    refusal,
)

CODES = [
    (401, 1000, KeyRejected),
    (401, 1001, KeyRejected),
    (401, 1002, KeyRejected),
    (401, 1003, KeyRejected),
    (401, 1004, KeyRejected),
    (429, 1100, AccountBlocked),
    (429, 1101, AccountBlocked),
    (429, 1102, AccountBlocked),
    (403, 1103, AccountBlocked),
    (400, 1200, BadRequest),
    (400, 1201, BadRequest),
    (404, 1202, BadRequest),
    (404, 1203, BadRequest),
    (400, 1300, ContentBlocked),
    (400, 1301, ContentBlocked),
    (429, 1302, TooFast),
    (429, 1303, TooFast),
    (429, 1304, AccountBlocked),
    (500, 5000, KlingDown),
    (503, 5001, KlingDown),
    (504, 5002, KlingDown),
]


@pytest.mark.parametrize(("status", "code", "kind"), CODES)
def test_every_code_has_its_class_and_its_words(
    status: int, code: int, kind: type[KlingError]
) -> None:
    assert refusal(code, status) is kind
    error = kind("why", code=code)
    assert error.case == str(code)
    assert CASES[error.case].charged == ("maybe" if code >= 5000 else "no")


def test_no_code_of_ours_is_invented() -> None:
    assert {case for case in CASES if case.isdigit()} == {str(code) for _, code, _ in CODES}


@pytest.mark.parametrize(("name", "case"), CASES.items())
def test_every_case_says_what_happened_what_it_cost_and_what_to_do(name: str, case: Case) -> None:
    assert case.charged in get_args(Charged)
    assert case.action in get_args(Action)
    for sentence, stop in ((case.advice.en, "."), (case.advice.zh, "。")):
        assert re.fullmatch(rf"[^{stop}]+\{stop}", sentence), "one sentence"
    for title in (case.title.en, case.title.zh):
        assert title == title.strip(" .。！!") != ""
        assert "{" not in title + case.advice.en


ACTIONS = {
    "again": {"1000", "1001", "1002", "1003", "1004", "1100", "1101", "1102", "1202", "1304",
              "redirect", "failed", "not_found", "expired",
              "not_shared"},
    "edit": {"1103", "1200", "1201", "1203", "1300", "1301", "refused", "risk_control",
             "bad_picture", "reference_gone", "above_limit", "cancelled"},
    "look": {"5000", "5001", "5002", "no_answer", "interrupted", "salvaged", "restored",
             "unexpected", "forgotten"},
    "release": {"held"},
    "": {"1302", "1303", "unreachable", "no_pictures", "some_missing", "fetching",
         "pictures_gone", "disk", "account_missing"},
}  # fmt: skip


def test_each_case_names_one_thing_to_do_now() -> None:
    found: dict[str, set[str]] = {action: set() for action in get_args(Action)}
    for name, case in CASES.items():
        found[case.action].add(name)
    assert found == ACTIONS


def test_what_may_have_been_charged_is_never_sent_again_without_a_look() -> None:
    unsure = {name for name, case in CASES.items() if case.charged == "maybe"}
    assert {CASES[name].action for name in unsure - {"not_found"}} == {"look"}
    assert not [name for name in CASES if CASES[name].charged == "yes" and CASES[name].action]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, BadRequest),
        (400, BadRequest),
        (401, KeyRejected),
        (403, AccountBlocked),
        (404, BadRequest),
        (408, NoAnswer),
        (409, NoAnswer),
        (413, BadRequest),
        (425, NoAnswer),
        (429, Refused),
        (500, KlingDown),
        (502, KlingDown),
        (524, KlingDown),
    ],
)
def test_without_a_code_the_status_decides(status: int, kind: type[KlingError]) -> None:
    assert refusal(None, status) is kind


def test_only_a_429_without_a_body_is_a_throttle() -> None:
    assert refusal(None, 429, bare=True) is TooFast
    assert refusal(400, 429) is Refused
    assert refusal(1101, 429, bare=True) is AccountBlocked


@pytest.mark.parametrize("code", [1000, 1102, 1201, 1301, 1302, 5000, 7])
@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_no_code_makes_a_server_error_certain(status: int, code: int) -> None:
    assert issubclass(refusal(code, status), NoAnswer)


@pytest.mark.parametrize(
    ("error", "case"),
    [
        (KlingError(), "unexpected"),
        (NotSent(), "unreachable"),
        (NoAnswer(), "no_answer"),
        (KlingDown(status=502), "5000"),
        (Refused(code=400), "refused"),
        (NotFound(), "not_found"),
        (BadRequest(case="redirect", code=1201), "redirect"),
        (AccountBlocked(code=1304), "1304"),
    ],
)
def test_every_error_has_a_case_whatever_its_code(error: KlingError, case: str) -> None:
    assert error.case == case
    assert case in CASES


@pytest.mark.parametrize("kind", [NotSent, *Refused.__subclasses__(), Refused])
def test_what_was_not_made_costs_nothing_unless_nobody_can_know(kind: type[KlingError]) -> None:
    expected = "maybe" if kind is NotFound else "no"
    assert CASES[kind.fallback].charged == expected


def test_an_error_tells_its_case_and_the_cleaned_words() -> None:
    error = Refused("Bearer abc\nno", code=7, request_id="r\x00" + "1" * 999, retry_after=3.0)
    assert str(error) == "refused: ••• no"
    assert (error.code, error.retry_after) == (7, 3.0)
    assert error.request_id.startswith("r 1")
    assert len(error.request_id) == 300


@pytest.mark.parametrize(
    ("dirty", "plain"),
    [
        (" a\r\n\tb\x00\x1b[31mc ", "a b [31mc"),
        ("abc\u202egnp.exe\u2066x\u200bx\u2028y\u061cz\ufeff", "abc gnp.exe x x y z"),
        ("a\ud800b", "a?b"),
        ("你好 🐈", "你好 🐈"),
        ("key sk-abcdef123 is bad", "key ••• is bad"),
        ("api-key-kling-0123456789 is bad", "••• is bad"),
        ("Authorization: bearer  x.y-z, no", "Authorization: ••• no"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJhIn0.c2ln_x-1", "token •••"),
        ("ask-me about risk-control", "ask-me about risk-control"),
        (404, "404"),
    ],
)
def test_foreign_text_is_made_fit_to_show(dirty: object, plain: str) -> None:
    assert clean(dirty) == plain


def test_foreign_text_is_cut_after_its_keys_are_gone() -> None:
    assert clean("x" * 300) == "x" * 300
    assert clean("x" * 301) == "x" * 299 + "…"
    assert "sk-abc" not in clean("x" * 292 + " sk-abcdefghijkl")


@pytest.mark.parametrize(
    ("message", "case"),
    [
        ("Failure to pass the risk control system", "risk_control"),
        ("Image pixel is invalid", "bad_picture"),
        (
            "The resolution or aspect ratio of the input image is invalid. Please ensure it meets"
            " the required specifications.",
            "bad_picture",
        ),
        ("something new", "failed"),
        ("", "failed"),
    ],
)
def test_a_failed_task_is_told_apart_by_its_message(message: str, case: str) -> None:
    assert failure(message) == case
    assert case in CASES
