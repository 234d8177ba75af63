"""Takes secrets out of whatever is written down."""

from __future__ import annotations

import io
import logging
import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, TextIO, cast
from urllib.parse import quote

from .secret import Secret

HIDDEN = "***"
SHORTEST = 6  # characters; a shorter one is part of too many words
_BEARER = re.compile(r"(?i)\b(bearer\s+)[^\s'\"\\]+")


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
        """`stream`, without secrets in what is written to it."""
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


class _Clean(io.TextIOBase):
    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        self._stream, self._redactor = stream, redactor

    def write(self, text: str) -> int:
        self._stream.write(self._redactor.clean(text))
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


def _looks(secret: Secret) -> set[str]:
    """As it is, and as it stands in an address."""
    text = secret.reveal()
    return {text, quote(text, safe="")} if len(text) >= SHORTEST else set()
