"""What somebody searches for, read from an address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import get_args

from ..history import Filter, Search, Word
from ..task import State
from .states import STATES

LONGEST = 200  # characters
MOST_WORDS = 8  # that are looked for: each is held against every task, and nobody else reads then
A_DAY = 24 * 3600  # seconds


def search_of(query: Mapping[str, str]) -> Search | None:
    """`q`, `filter` and `offset` of an address; None where one of them is no such thing.
    ``assets/views.js`` reads words the same way."""
    only = next((one for one in get_args(Filter) if one == query.get("filter", "")), None)
    offset, text = _whole(query.get("offset", "0")), query.get("q", "")
    if only is None or offset is None or abs(offset) > A_DAY or len(text) > LONGEST:
        return None
    words = [*dict.fromkeys(text.casefold().split())][:MOST_WORDS]
    return Search(tuple(map(_word, words)), only, offset)


def _word(text: str) -> Word:
    named = (state for state in State if any(name.startswith(text) for name in _names(state)))
    return Word(text, frozenset(named))


def _names(state: State) -> list[str]:
    """In both languages, whole and from each word on: "confirmed" finds "Not confirmed"."""
    name = STATES[state]
    return [name.zh.casefold(), name.en.casefold(), *name.en.casefold().split()]


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch("-?[0-9]{1,5}", text) else None
