"""What must never be shown."""

from __future__ import annotations

import re

# what a key is copied with
_SIGNS = "\u200b\u200c\u200d\ufeff\"'`“”‘’"
_SPACES = "".join(filter(str.isspace, map(chr, range(0x3001))))
_AROUND = rf"[\s{_SIGNS}]"
_BEFORE = re.compile(rf"({_AROUND}|bearer(?={_AROUND}))+", re.IGNORECASE)


class Secret:
    """A text that never shows itself: `reveal` is the only way to it. A key is often copied with
    something around it; what is told `as_it_is` is left so."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "", *, as_it_is: bool = False) -> None:
        before = None if as_it_is else _BEFORE.match(text)
        trimmed = text[before.end() if before else 0 :].rstrip(_SIGNS + _SPACES)
        self._text = text if as_it_is else trimmed

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret('***')" if self else "Secret('')"

    @property
    def sendable(self) -> bool:
        """Visible ASCII only, so that it fits into a header."""
        return re.fullmatch(r"[\x21-\x7e]{1,4096}", self._text) is not None

    def reveal(self) -> str:
        return self._text
