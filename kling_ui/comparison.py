"""One press, many tasks: a prompt's variants, several models and shapes, laid out as a grid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from typing import Any

from .fields import LONGEST
from .request import ImageRequest
from .text import Text

MOST_CELLS = 36
TOO_MANY_CELLS = Text(
    "More than {limit} tasks in one comparison: choose fewer.",
    "一次对比最多 {limit} 个任务，请减少选择。",
)
# possessive: a text is read once, whatever stands in it
_CHOICE = re.compile(r"\{([^{}|]*+(?:\|[^{}|]*+)++)\}")
_ENOUGH = MOST_CELLS + 1  # one too many is enough to know

Axis = dict[str, dict[str, Any]]  # label → what it changes in the request


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request stands; both count from 0."""

    row: int
    column: int
    request: ImageRequest


@dataclass(frozen=True, slots=True)
class Comparison:
    """`rows` and `columns` are labels; that of the only row or column is empty."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    places: tuple[Place, ...]


def compare(
    request: ImageRequest, *, models: Sequence[str] = (), ratios: Sequence[str] = ()
) -> Comparison:
    """All combinations of what was chosen, or of more than `MOST_CELLS` the first few; of a kind
    nothing was chosen of, what stands in `request`. The first kind that varies makes the rows where
    another one varies too."""
    axes: list[Axis] = [
        variants(request.prompt),
        {name: {"model_name": name} for name in models[:_ENOUGH]},
        {ratio: {"aspect_ratio": ratio} for ratio in ratios[:_ENOUGH]},
    ]
    for axis in axes:
        if len(axis) == 1:
            request = replace(request, **next(iter(axis.values())))
    varying = [axis for axis in axes if len(axis) > 1]
    rows: Axis = varying[0] if len(varying) > 1 else {"": {}}
    columns = _crossed(varying[1:] if len(varying) > 1 else varying)
    own: dict[str, Any] = {"external_task_id": ""} if varying else {}  # an id is one task's
    everywhere = product(enumerate(rows.values()), enumerate(columns.values()))
    places = (
        Place(row, column, replace(request, **down, **across, **own))
        for (row, down), (column, across) in islice(everywhere, _ENOUGH)
    )
    return Comparison(tuple(rows), tuple(columns), tuple(places))


def variants(prompt: Any) -> Axis:
    """Every way to read ``{red|blue}`` in a prompt, labelled by the words chosen; nothing where
    it holds no such choice, and in what is too long to be sent anyway."""
    if not isinstance(prompt, str) or len(prompt) > LONGEST or not _CHOICE.search(prompt):
        return {}
    parts = _CHOICE.split(prompt)
    fixed, choices = parts[::2], [[w.strip() for w in part.split("|")] for part in parts[1::2]]
    read: Axis = {}
    for chosen in islice(product(*choices), _ENOUGH):
        text = fixed[0] + "".join(word + rest for word, rest in zip(chosen, fixed[1:], strict=True))
        label = " · ".join(filter(None, chosen)) or "–"
        read.setdefault(label, {"prompt": re.sub(" +", " ", text).strip()})
    return read


def _crossed(axes: Sequence[Axis]) -> Axis:
    crossed: Axis = {}
    for picks in islice(product(*(axis.items() for axis in axes)), _ENOUGH):
        label = " · ".join(label for label, _ in picks)
        crossed[label] = {name: value for _, change in picks for name, value in change.items()}
    return crossed
