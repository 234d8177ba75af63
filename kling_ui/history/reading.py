"""What the worker asks the history, and how rows are read."""

from __future__ import annotations

import json
import logging
import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..task import Picture, State, Task
from .database import Database
from .rows import Unreadable, marks, picture_from, task_from

log = logging.getLogger(__name__)

OPEN = [state for state in State if not state.over]
OVER = [state for state in State if state.over]
AT_KLING = [State.SENDING, State.SUBMITTED, State.PROCESSING]
TIMED = 50  # successes of each model whose times are given


@dataclass(frozen=True, slots=True)
class InFlight:
    """A task that Kling has or is being sent; `n` pictures were asked for."""

    id: str
    owner: str
    model: str
    n: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A task that is not sent yet; `case` says why, as in `Task`."""

    id: str
    owner: str
    model: str
    n: int
    case: str


@dataclass(frozen=True, slots=True)
class Learned:
    """A fact in JSON and when it was last learned, in Unix seconds."""

    value: Any
    at: float


class Reader:
    """A row that cannot be read is left out everywhere and written to the log once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._unreadable: set[str] = set()

    def get(self, task_id: str, *, owner: str | None = None) -> Task | None:
        rows = self._database.read("SELECT * FROM task WHERE id=? AND deleted=0", task_id)
        if not rows or owner not in (None, rows[0]["owner"]):
            return None
        return next(iter(self._tasks(rows)), None)

    def unfinished(self) -> list[Task]:
        """Everything a worker still has to do something about, oldest first."""
        return self._tasks(
            self._database.read(
                f"SELECT * FROM task WHERE deleted=0 AND state IN ({marks(OPEN)})"
                " ORDER BY created, rowid",
                *OPEN,
            )
        )

    def without_pictures(self) -> list[Task]:
        """Successes that lack the row of a picture which Kling had made."""
        return self._tasks(
            self._database.read(
                "SELECT * FROM task WHERE deleted=0 AND state=?"
                " AND CASE WHEN json_valid(remote_pictures)"
                " THEN json_array_length(remote_pictures) ELSE 0 END >"
                " (SELECT COUNT(*) FROM picture WHERE task_id=task.id AND NOT watermarked)",
                State.SUCCEEDED,
            )
        )

    def oldest(self, account: str) -> Task | None:
        """Of all that is over and has pictures here; what is starred comes last."""
        tasks = self._tasks(
            self._database.read(
                f"SELECT * FROM task WHERE deleted=0 AND account=? AND state IN ({marks(OVER)})"
                " AND id IN (SELECT task_id FROM picture) ORDER BY starred, created LIMIT 20",
                *(account, *OVER),
            )
        )
        return tasks[0] if tasks else None

    def waiting(self, account: str) -> list[Waiting]:
        """All that is not sent yet, oldest first, also what is held back."""
        rows = self._database.read(
            'SELECT id, owner, model, n, "case"'
            " FROM task INDEXED BY task_open WHERE deleted=0 AND state=? AND account=?"
            " AND json_valid(request) ORDER BY created, rowid",
            State.QUEUED,
            account,
        )
        return [
            Waiting(row["id"], row["owner"], row["model"], row["n"], row["case"]) for row in rows
        ]

    def in_flight(self, account: str) -> list[InFlight]:
        """What takes up places of the account at Kling."""
        rows = self._database.read(
            "SELECT id, owner, model, n"
            f" FROM task INDEXED BY task_open WHERE deleted=0 AND state IN ({marks(AT_KLING)})"
            " AND account=? AND json_valid(request)",
            *AT_KLING,
            account,
        )
        return [InFlight(row["id"], row["owner"], row["model"], row["n"]) for row in rows]

    def latest_accepted(self, account: str) -> Task | None:
        """The newest task that Kling gave an id to."""
        rows = self._database.read(
            "SELECT * FROM task WHERE account=? AND remote_id!='' AND deleted=0"
            " ORDER BY created DESC, rowid DESC LIMIT 1",
            account,
        )
        return next(iter(self._tasks(rows)), None)

    def durations(self, account: str) -> dict[str, list[float]]:
        """By model, the seconds its last successes took at Kling, as far as known, newest
        first."""
        rows = self._database.read(
            "SELECT model, took FROM (SELECT model, took, row_number()"
            " OVER (PARTITION BY model ORDER BY created DESC, rowid DESC) AS place FROM task"
            " WHERE account=? AND state=? AND took IS NOT NULL AND deleted=0)"
            " WHERE place<=? ORDER BY model, place",
            account,
            State.SUCCEEDED,
            TIMED,
        )
        found: dict[str, list[float]] = {}
        for row in rows:
            found.setdefault(row["model"], []).append(row["took"])
        return found

    def learned(self, scope: str) -> dict[str, Learned]:
        """What is known of a gateway (by its base URL) or an account (by its name)."""
        found = {}
        for row in self._database.read("SELECT * FROM learned WHERE scope=?", scope):
            with suppress(ValueError):
                found[row["name"]] = Learned(json.loads(row["value"]), row["at"])
        return found

    def remote_id_known(self, account: str, remote_id: str) -> bool:
        """Whether a task of this account, deleted or not, is the one Kling calls so."""
        sql = "SELECT 1 FROM task WHERE account=? AND remote_id=? LIMIT 1"
        return bool(self._database.read(sql, account, remote_id))

    def images(self) -> set[str]:
        """Every `image` value that a task which is not deleted was asked with."""
        rows = self._database.read(
            "SELECT json_extract(request, '$.image') AS image FROM task"
            " WHERE deleted=0 AND json_valid(request)"
        )
        return {row["image"] for row in rows if isinstance(row["image"], str)}

    def reference_in_use(self, image: str) -> bool:
        """Whether a task that is not deleted was asked with this `image` value."""
        sql = (
            "SELECT 1 FROM task WHERE deleted=0 AND CASE WHEN json_valid(request)"
            " THEN json_extract(request, '$.image') END = ? LIMIT 1"
        )
        return bool(self._database.read(sql, image))

    def _tasks(self, rows: list[sqlite3.Row]) -> list[Task]:
        pictures = self._pictures([row["id"] for row in rows])
        tasks = []
        for row in rows:
            try:
                tasks.append(task_from(row, tuple(pictures[row["id"]])))
            except Unreadable as error:
                self._complain(row["id"], error)
        return tasks

    def _pictures(self, task_ids: list[str]) -> dict[str, list[Picture]]:
        found: dict[str, list[Picture]] = {task_id: [] for task_id in task_ids}
        for start in range(0, len(task_ids), 500):
            some = task_ids[start : start + 500]
            for row in self._database.read(
                f"SELECT * FROM picture WHERE task_id IN ({marks(some)})"
                " ORDER BY position, watermarked",
                *some,
            ):
                found[row["task_id"]].append(picture_from(row))
        return found

    def _complain(self, task_id: str, error: Unreadable) -> None:
        if task_id not in self._unreadable:
            self._unreadable.add(task_id)
            log.error("a row of the history cannot be read and is left out: %s", error)
