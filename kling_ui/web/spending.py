"""What an owner's pictures cost, by day and model: for the drawer, and as a file for a
spreadsheet."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterable, Iterator
from typing import Any

from ..history import Day
from ..studio import Studio
from ..text import Lang, Text

SHOWN = 30  # days
COLUMNS = (
    Text("Day", "日期"),
    Text("Model", "模型"),
    Text("Tasks", "任务数"),
    Text("Pictures", "图片数"),
    Text("Estimate", "估算费用"),
    Text("Currency", "货币"),
    Text("Units deducted", "扣减点数"),
    Text("Charged", "是否计费"),
)
CHARGED = Text("yes", "是")
DEMO = Text("no, demo", "否（演示）")
_BOM = "\ufeff"  # Excel takes a file without it for another encoding
_FORMULA = tuple("=+-@＝＋－＠")  # what a cell begins with that a spreadsheet would work out


class Spending:
    """`offset`: seconds that the asker's clock is before UTC's. An amount is an estimate; an empty
    currency means that the price is unknown."""

    def __init__(self, studio: Studio, days: Iterable[Day], *, offset: int) -> None:
        self._studio, self._days, self._offset = studio, tuple(days), offset

    def summary(self) -> dict[str, Any]:
        recent = self._since(SHOWN)
        return {
            "today": self._sums(self._since(1)),
            "week": self._sums(self._since(7)),
            "month": self._sums(recent),
            "days": [self._row(day) for day in recent],
        }

    def csv(self, lang: Lang) -> str:
        """All days, the latest first."""
        file = io.StringIO()
        writer = csv.writer(file)
        writer.writerow(column.of(lang) for column in COLUMNS)
        writer.writerows(map(_safe, self._cells(day, lang)) for day in self._days)
        return _BOM + file.getvalue()

    def _since(self, days: int) -> list[Day]:
        """The latest so many days, today being one; a clock set back leaves later ones in."""
        moment = time.gmtime(time.time() + self._offset - (days - 1) * 24 * 3600)
        first = time.strftime("%Y-%m-%d", moment)
        return [day for day in self._days if day.day >= first]

    def _demo(self, day: Day) -> bool:
        account = self._studio.accounts.get(day.account)
        return account is not None and not account.live

    def _sums(self, days: Iterable[Day]) -> list[dict[str, Any]]:
        """By currency, what is paid apart from what a demo would have cost."""
        sums: dict[tuple[bool, str], float] = {}
        for day in days:
            if day.currency:
                kind = self._demo(day), day.currency
                sums[kind] = sums.get(kind, 0.0) + day.amount
        return [
            {"amount": round(amount, 6), "currency": currency, "demo": demo}
            for (demo, currency), amount in sorted(sums.items())
        ]

    def _row(self, day: Day) -> dict[str, Any]:
        demo = self._demo(day)
        return {
            "day": day.day,
            "model": day.model,
            "tasks": day.tasks,
            "pictures": day.pictures,
            "amount": round(day.amount, 6) if day.currency else None,
            "currency": day.currency,
            "units": None if demo else day.units or None,
            "demo": demo,
        }

    def _cells(self, day: Day, lang: Lang) -> Iterator[str]:
        row = self._row(day)
        yield from (day.day, day.model, str(day.tasks), str(day.pictures))
        yield "" if row["amount"] is None else f"{row['amount']:.6f}".rstrip("0").rstrip(".")
        yield day.currency
        yield "" if row["units"] is None else f"{row['units']:g}"
        yield (DEMO if row["demo"] else CHARGED).of(lang)


def _safe(cell: str) -> str:
    """Text, whatever it begins with: a model's name is whatever somebody typed."""
    return f"'{cell}" if cell.lstrip().startswith(_FORMULA) else cell
