"""What a press of the button becomes: rows to write, before anything is sent."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..comparison import MOST_CELLS, TOO_MANY_CELLS, Comparison, Place
from ..history import Limits, NewTask
from ..prices import Prices
from ..request import ImageRequest
from ..task import Cell
from ..text import Text
from .accounts import Account
from .sweep import external_id

Problems = dict[str, Text]  # by field; "" for what concerns no single field


@dataclass(frozen=True, slots=True)
class Press:
    """Somebody's, on an account that pays."""

    owner: str
    account: Account
    prices: Prices
    limits: Limits
    address: str = ""  # as in `NewTask`

    def task(self, request: ImageRequest, nonce: str = "", **more: Any) -> NewTask:
        """`more` are other fields of `NewTask`."""
        price = self.prices.estimate(
            request.model_name,
            picture=bool(request.image),
            n=request.n,
            base_url=self.account.base_url,
        )
        return NewTask(
            owner=self.owner,
            account=self.account.name,
            nonce=nonce or secrets.token_hex(16),
            external_task_id=request.external_task_id or external_id(self.owner),
            request=request.as_dict(),
            estimate=price.amount if price else None,
            currency=price.currency if price else "",
            address=self.address,
            **more,
        )

    def cells(self, comparison: Comparison, nonce: str) -> Iterator[NewTask]:
        """One task for each place, with a nonce of its own that follows from the press's."""
        for number, place in enumerate(comparison.places):
            cell = _cell(comparison, place, _derived(nonce, "comparison"))
            yield self.task(place.request, _derived(nonce, str(number)), cell=cell)


def problems_of(comparison: Comparison) -> Problems:
    """Those of the first place that has any, with its labels; nothing of it is sent then."""
    if len(comparison.places) > MOST_CELLS:
        return {"": TOO_MANY_CELLS.fill(limit=MOST_CELLS)}
    for place in comparison.places:
        labels = (comparison.rows[place.row], comparison.columns[place.column])
        where = " · ".join(filter(None, labels))
        if problems := place.request.problems():
            return {name: _at(where, problem) for name, problem in problems.items()}
    return {}


def _derived(nonce: str, part: str) -> str:
    return hashlib.sha256(f"{nonce} {part}".encode()).hexdigest()[:32]


def _cell(comparison: Comparison, place: Place, own: str) -> Cell:
    return Cell(
        comparison=own,
        row=place.row,
        column=place.column,
        row_label=comparison.rows[place.row],
        column_label=comparison.columns[place.column],
    )


def _at(where: str, problem: Text) -> Text:
    return Text(f"{where}: {problem.en}", f"{where}：{problem.zh}") if where else problem
