"""Takes out of whatever is written down what is secret, and what a stranger could do with it."""

from __future__ import annotations

import io
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, TextIO, cast
from urllib.parse import quote

from .secret import Secret

HIDDEN = "***"
SHORTEST = 6  # characters; a shorter one is part of too many words
LONGEST_LINE = 2000  # characters
AT_ONCE, A_SECOND = 1_000_000, 1000.0  # characters that are written down, and in the long run
_BEARER = re.compile(r"(?i)\b(bearer\s+)[^\s'\"\\]+")
_STEERING = {n: f"\\x{n:02x}" for n in (*range(9), *range(11, 32), *range(127, 160))}


class Redactor:
    """Hides the secrets it was told of, and whatever follows ``Bearer``."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        self._known: Counter[str] = Counter()
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: Secret) -> None:
        self._known.update(_looks(secret))

    def forget(self, secret: Secret) -> None:
        """As often as it was learned."""
        self._known -= Counter(_looks(secret))

    def clean(self, text: str) -> str:
        for look in tuple(self._known):
            text = text.replace(look, HIDDEN)
        return _BEARER.sub(rf"\1{HIDDEN}", text)

    def stand_on(self, stream: TextIO) -> TextIO:
        """`stream`, with no more written to it than is fit to be read."""
        return cast(TextIO, _Clean(stream, self))

    def stand_on_logging(self) -> None:
        """Every record that is made from now on, whoever handles it."""
        usual = logging.getLogRecordFactory()

        def made(*values: Any, **named: Any) -> logging.LogRecord:
            return self._cleaned(usual(*values, **named))

        logging.setLogRecordFactory(made)

    def _cleaned(self, record: logging.LogRecord) -> logging.LogRecord:
        with suppress(TypeError, ValueError):  # logging complains of it itself, on stderr
            record.msg, record.args = self.clean(record.getMessage()), ()
        if record.exc_info and record.exc_info[0]:
            told = logging.Formatter().formatException(record.exc_info)
            record.exc_text = self.clean(told)
        return record


class Measure:
    """Lets through what a log can hold, and tells how much it did not."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._moment = clock, clock()
        self._left, self._out = float(AT_ONCE), 0

    def of(self, text: str) -> str:
        now = self._clock()
        self._left = min(AT_ONCE, self._left + (now - self._moment) * A_SECOND)
        self._moment = now
        if len(text) > self._left or (self._out and self._left < LONGEST_LINE):
            self._out += len(text)
            return ""
        self._left -= len(text)
        if self._out:
            text, self._out = f"… {self._out} characters left out: too many came\n{text}", 0
        return text


class _Clean(io.TextIOBase):
    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        self._stream, self._redactor, self._measure = stream, redactor, Measure()

    def write(self, text: str) -> int:
        self._stream.write(self._measure.of(presentable(self._redactor.clean(text))))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding


def presentable(text: str) -> str:
    """What is written in one go, so that a part of it cannot pass for another entry or steer a
    terminal: later lines are set in, and long ones cut."""
    first, *others = (_cut(line) for line in text.translate(_STEERING).split("\n"))
    set_in = (line if not line or line[0].isspace() else f"  {line}" for line in others)
    return "\n".join([first, *set_in])


def _cut(line: str) -> str:
    more = len(line) - LONGEST_LINE
    return f"{line[:LONGEST_LINE]}… ({more} more characters)" if more > 0 else line


def _looks(secret: Secret) -> set[str]:
    """As it is, and as it stands in an address."""
    text = secret.reveal()
    return {text, quote(text, safe="")} if len(text) >= SHORTEST else set()
