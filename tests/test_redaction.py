"""Nothing that is written down holds a secret."""

from __future__ import annotations

import io
import logging
import sys
import traceback
from collections.abc import Iterator

import pytest

from kling_ui.settings import Redactor, Secret
from kling_ui.settings.redaction import A_SECOND, AT_ONCE, LONGEST_LINE, Measure, presentable

KEY = "sk-canary/0123+456="


@pytest.fixture
def redactor() -> Redactor:
    return Redactor([Secret(KEY)])


@pytest.fixture
def usual_records() -> Iterator[None]:
    factory = logging.getLogRecordFactory()
    yield
    logging.setLogRecordFactory(factory)


def test_a_known_secret_is_hidden_also_as_part_of_an_address(redactor: Redactor) -> None:
    text = f"a{KEY}b https://host/?key=sk-canary%2F0123%2B456%3D&n=1"
    assert redactor.clean(text) == "a***b https://host/?key=***&n=1"


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("b'Bearer sk-KEY123\\n'", "b'Bearer ***\\n'"),
        ("bearer x", "bearer ***"),
        ("the bearer of news", "the bearer *** news"),
        ("forbearer x", "forbearer x"),
    ],
)
def test_what_follows_bearer_is_hidden_whoever_it_belongs_to(said: str, written: str) -> None:
    assert Redactor().clean(said) == written


def test_what_is_too_short_to_tell_from_words_is_left_alone() -> None:
    assert Redactor([Secret("image")]).clean("an image") == "an image"


def test_a_key_is_hidden_until_it_was_forgotten_as_often_as_it_came() -> None:
    redactor = Redactor()
    for change, shown in (
        (redactor.learn, "***"),
        (redactor.learn, "***"),
        (redactor.forget, "***"),
        (redactor.forget, KEY),
    ):
        change(Secret(KEY))
        assert redactor.clean(KEY) == shown


@pytest.mark.usefixtures("usual_records")
def test_logs_hold_no_secret_neither_in_words_nor_in_arguments_nor_in_tracebacks(
    redactor: Redactor, caplog: pytest.LogCaptureFixture
) -> None:
    redactor.stand_on_logging()
    try:
        raise ValueError(f"Illegal header value b'Bearer {KEY}\\n'")
    except ValueError:
        logging.getLogger("anywhere").exception("it has %s and %r", KEY, {"key": KEY})
    assert KEY not in caplog.text
    assert "it has *** and {'key': '***'}" in caplog.text
    assert "Illegal header value" in caplog.text


@pytest.mark.usefixtures("usual_records")
def test_a_record_that_cannot_be_formatted_is_still_a_record(redactor: Redactor) -> None:
    redactor.stand_on_logging()
    record = logging.getLogRecordFactory()("x", 40, __file__, 1, "%d", ("no number",), None)
    assert record.args == ("no number",)


def test_a_traceback_on_stderr_holds_no_secret(
    redactor: Redactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", redactor.stand_on(written))
    try:
        raise RuntimeError(KEY)
    except RuntimeError:
        traceback.print_exc()
    assert "RuntimeError: ***" in written.getvalue()
    assert KEY not in written.getvalue()


def test_the_stream_below_is_asked_for_all_else(redactor: Redactor) -> None:
    stream = redactor.stand_on(sys.__stderr__ or io.StringIO())
    assert stream.writable()
    assert stream.write("") == 0
    stream.flush()
    assert isinstance(stream.isatty(), bool)
    assert stream.encoding


# what strangers could write


def test_nobodys_text_passes_for_an_entry_of_its_own() -> None:
    said = "Error: no file /tmp/a\n12:00 ERROR forged\r\x1b[2Kgone\n  File x\n\n"
    told = "Error: no file /tmp/a\n  12:00 ERROR forged\\x0d\\x1b[2Kgone\n  File x\n\n"
    assert presentable(said) == told
    assert presentable("plain\tenough\n") == "plain\tenough\n"


def test_a_line_has_an_end(redactor: Redactor) -> None:
    below = io.StringIO()
    stream = redactor.stand_on(below)
    stream.write("x" * (LONGEST_LINE + 7) + "\n" + "y" * LONGEST_LINE)
    assert below.getvalue() == f"{'x' * LONGEST_LINE}… (7 more characters)\n  {'y' * LONGEST_LINE}"


def test_no_more_is_written_than_a_log_can_hold() -> None:
    now = 0.0
    measure = Measure(clock=lambda: now)
    line = "x" * 999 + "\n"
    assert sum(len(measure.of(line)) for _ in range(3000)) == AT_ONCE
    now += 1
    assert measure.of(line) == ""  # not one for each second
    now += LONGEST_LINE / A_SECOND
    told = measure.of(line)
    assert told.endswith(line)
    assert f"{2000 * 1000 + 1000} characters left out" in told
    now += 1
    assert measure.of(line) == line
