"""What the history can be asked."""

from __future__ import annotations

import json
import logging
import sqlite3
import statistics
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ..task import Picture, State, Task
from .database import Database
from .rows import Unreadable, marks, picture_from, task_from

log = logging.getLogger(__name__)

OPEN = [state for state in State if not state.over]
AT_KLING = [State.SENDING, State.SUBMITTED, State.PROCESSING]
USUAL = 20  # successes that the usual time is taken from
TIMED = 50  # successes of each model whose times are given

Cursor = tuple[float, str]  # a place among tasks ordered by age: `created` and id


@dataclass(frozen=True, slots=True)
class Spend:
    """What an owner's pictures of one account cost since some moment, by estimate."""

    amount: float
    currency: str


@dataclass(frozen=True, slots=True)
class Summary:
    """An owner's tasks that are not over, and what its pictures cost."""

    running: int
    spent: tuple[Spend, ...]


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

    def waiting(self, account: str) -> list[Waiting]:
        """All that is not sent yet, oldest first, also what is held back."""
        rows = self._database.read(
            "SELECT id, owner, model, json_extract(request, '$.n') AS n, \"case\""
            " FROM task INDEXED BY task_open WHERE deleted=0 AND state=? AND account=?"
            " AND json_valid(request) ORDER BY created, rowid",
            State.QUEUED,
            account,
        )
        return [
            Waiting(row["id"], row["owner"], row["model"], _n(row), row["case"]) for row in rows
        ]

    def in_flight(self, account: str) -> list[InFlight]:
        """What takes up places of the account at Kling."""
        rows = self._database.read(
            "SELECT id, owner, model, json_extract(request, '$.n') AS n"
            f" FROM task INDEXED BY task_open WHERE deleted=0 AND state IN ({marks(AT_KLING)})"
            " AND account=? AND json_valid(request)",
            *AT_KLING,
            account,
        )
        return [InFlight(row["id"], row["owner"], row["model"], _n(row)) for row in rows]

    def latest_accepted(self, account: str) -> Task | None:
        """The newest task that Kling gave an id to."""
        rows = self._database.read(
            "SELECT * FROM task WHERE account=? AND remote_id!='' AND deleted=0"
            " ORDER BY created DESC, rowid DESC LIMIT 1",
            account,
        )
        return next(iter(self._tasks(rows)), None)

    def newest(self, owner: str, *, limit: int, before: Cursor | None = None) -> list[Task]:
        """This owner's tasks, newest first; `before` the last one of a page for the next page."""
        found: list[Task] = []
        created, task_id = before or (1e18, "")
        while len(found) < limit:  # a row that cannot be read does not make a page shorter
            rows = self._database.read(
                "SELECT * FROM task WHERE owner=? AND deleted=0 AND (created, rowid) <"
                " (?, coalesce((SELECT rowid FROM task WHERE id=?), 0))"
                " ORDER BY created DESC, rowid DESC LIMIT ?",
                owner,
                created,
                task_id,
                limit - len(found),
            )
            if not rows:
                break
            found += self._tasks(rows)
            created, task_id = rows[-1]["created"], rows[-1]["id"]
        return found

    def since(
        self, owner: str, revision: int, *, limit: int = 200
    ) -> tuple[list[Task], list[str], int]:
        """What changed after `revision`: tasks, ids of deleted ones, and the revision reached."""
        rows = self._database.read(
            "SELECT * FROM task WHERE owner=? AND revision>? ORDER BY revision LIMIT ?",
            owner,
            revision,
            limit,
        )
        alive = [row for row in rows if not row["deleted"]]
        gone = [row["id"] for row in rows if row["deleted"]]
        return self._tasks(alive), gone, rows[-1]["revision"] if rows else revision

    def revision(self) -> int:
        return int(self._database.read("SELECT value FROM revision")[0]["value"])

    def mark(self) -> str:
        """This database's own: revisions of another one, even in its place, mean nothing here."""
        return str(self._database.read("SELECT value FROM mark")[0]["value"])

    def summary(self, owner: str, account: str, *, since: float) -> Summary:
        """`since` (Unix seconds) is for what was spent from `account`."""
        return Summary(self.running(owner), self.spent(owner, account, since=since))

    def running(self, owner: str) -> int:
        """How many of this owner's tasks are not over."""
        rows = self._database.read(
            "SELECT COUNT(*) AS n FROM task WHERE owner=? AND deleted=0"
            f" AND state IN ({marks(OPEN)})",
            owner,
            *OPEN,
        )
        return int(rows[0]["n"])

    def spent(self, owner: str, account: str, *, since: float) -> tuple[Spend, ...]:
        """By currency, what succeeded since the moment `since` (Unix seconds) cost."""
        rows = self._database.read(
            "SELECT currency, SUM(estimate) AS amount FROM task WHERE owner=? AND account=?"
            " AND state=? AND created>=? AND estimate IS NOT NULL GROUP BY currency",
            owner,
            account,
            State.SUCCEEDED,
            since,
        )
        return tuple(Spend(row["amount"], row["currency"]) for row in rows)

    def usual_seconds(self, model_name: str, account: str) -> float | None:
        """The median time of this model's last twenty successes: at Kling where that is known
        of any, else from sent to finished."""
        which = (account, State.SUCCEEDED, model_name, USUAL)
        rows = self._database.read(
            "SELECT took AS seconds FROM task WHERE account=? AND state=? AND model=?"
            " AND took IS NOT NULL AND deleted=0 ORDER BY created DESC LIMIT ?",
            *which,
        ) or self._database.read(
            "SELECT ended - sent AS seconds FROM task WHERE account=? AND state=? AND model=?"
            " AND sent IS NOT NULL ORDER BY created DESC LIMIT ?",
            *which,
        )
        return statistics.median(row["seconds"] for row in rows) if rows else None

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

    def picture(self, picture_id: str, *, owner: str) -> Picture | None:
        rows = self._database.read(
            "SELECT picture.* FROM picture JOIN task ON task.id = picture.task_id"
            " WHERE picture.id=? AND task.owner=? AND task.deleted=0",
            picture_id,
            owner,
        )
        return picture_from(rows[0]) if rows else None

    def images(self) -> set[str]:
        """Every `image` value that a task which is not deleted was asked with."""
        rows = self._database.read(
            "SELECT json_extract(request, '$.image') AS image FROM task"
            " WHERE deleted=0 AND json_valid(request)"
        )
        return {row["image"] for row in rows if row["image"]}

    def reference_in_use(self, image: str) -> bool:
        """Whether a task that is not deleted was asked with this `image` value."""
        sql = (
            "SELECT 1 FROM task WHERE deleted=0 AND CASE WHEN json_valid(request)"
            " THEN json_extract(request, '$.image') END = ? LIMIT 1"
        )
        return bool(self._database.read(sql, image))

    def transitions(self, task_id: str) -> list[tuple[str, float]]:
        rows = self._database.read(
            "SELECT state, at FROM transition WHERE task_id=? ORDER BY rowid", task_id
        )
        return [(row["state"], row["at"]) for row in rows]

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


def _n(row: sqlite3.Row) -> int:
    return row["n"] if isinstance(row["n"], int) else 1
