"""Tasks and pictures as rows, and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping
from dataclasses import asdict, fields
from typing import Any

from ..task import Cell, Picture, RemotePicture, State, Task


class Unreadable(Exception):
    """No task can be made of the row."""


def encoded(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Columns that can be written: what is structured becomes JSON."""
    columns = dict(changes)
    if "remote_pictures" in columns:
        columns["remote_pictures"] = json.dumps([asdict(one) for one in columns["remote_pictures"]])
    if "cell" in columns:
        cell: Cell | None = columns["cell"]
        columns["cell"] = json.dumps(asdict(cell), ensure_ascii=False) if cell else ""
        columns["comparison"] = cell.comparison if cell else ""
    return columns


def insert(
    db: sqlite3.Connection, table: str, values: Mapping[str, Any], verb: str = "INSERT"
) -> None:
    names = ", ".join(f'"{name}"' for name in values)
    db.execute(f"{verb} INTO {table} ({names}) VALUES ({marks(values)})", tuple(values.values()))


def marks(values: Collection[Any]) -> str:
    """As many question marks."""
    return ", ".join("?" * len(values))


_READ_APART = {
    *("state", "request", "remote_pictures", "pictures"),
    *("resubmitted", "starred", "cell"),
}
_PLAIN = [field.name for field in fields(Task) if field.name not in _READ_APART]


def task_from(row: sqlite3.Row, pictures: tuple[Picture, ...] = ()) -> Task:
    """Raises `Unreadable`."""
    try:
        return Task(
            **{name: row[name] for name in _PLAIN},
            state=State(row["state"]),
            request=dict(json.loads(row["request"])),
            remote_pictures=tuple(
                RemotePicture(**item) for item in json.loads(row["remote_pictures"])
            ),
            resubmitted=bool(row["resubmitted"]),
            starred=bool(row["starred"]),
            cell=Cell.from_json(json.loads(row["cell"])) if row["cell"] else None,
            pictures=pictures,
        )
    except (ValueError, TypeError) as error:
        raise Unreadable(f"task {row['id']}: {error}") from error


def picture_from(row: sqlite3.Row) -> Picture:
    return Picture(**{**dict(row), "watermarked": bool(row["watermarked"])})
