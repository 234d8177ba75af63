"""How the history changes."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..task import Cell, Picture, State, Task
from .browsing import Browser
from .database import Database
from .limits import Limits, hold
from .rows import encoded, insert, marks
from .trouble import DiskTrouble

UNCLAIMED = "~"  # begins the owner of a task found at Kling whose owner is not known


MADE = '[{"url": ""}]'  # that Kling made pictures, and not where


class MovedOn(Exception):
    """The task that another was to be sent for is on its way itself."""


class Deleted(Exception):
    """The task of this press was deleted."""


class AlreadyUsed(Exception):
    """Another task of this account bears the same external task id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """What is known of a task at the press of the button. `nonce` is unique per owner."""

    owner: str
    account: str
    nonce: str
    external_task_id: str
    request: Mapping[str, Any]
    estimate: float | None = None
    currency: str = ""
    supersedes: str = ""
    cell: Cell | None = None
    address: str = ""  # tells callers apart, and says nothing else of where they are


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A task found in Kling's list. `owner` is "~" and a mark where only a mark of it is
    known; `created` and `sent` are Unix seconds."""

    owner: str
    account: str
    external_task_id: str
    remote_id: str
    request: Mapping[str, Any]
    state: State
    created: float
    sent: float


class Writer(Browser):
    """Every method raises `DiskTrouble` when the disk does not take it; then nothing changed."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        super().__init__(database)
        self._clock = clock

    def add(self, new: NewTask, limits: Limits | None = None) -> tuple[Task, bool]:
        """The task's row and whether it is new; the same owner and nonce give the same task.

        Raises `Deleted` when that was made and thrown away, `AlreadyUsed` when the account's
        history holds the external task id, `MovedOn` when the task it supersedes may not be
        repeated any more, and `OverLimit`."""
        return self.add_all([new], limits)[0]

    def add_all(
        self, new: Sequence[NewTask], limits: Limits | None = None
    ) -> list[tuple[Task, bool]]:
        """`add` for each, all or none of them; they are one owner's, on one account."""
        with self._database.writing() as db:
            placed = [self._place(db, one) for one in new]
            added = [one for one, (_, is_new) in zip(new, placed, strict=True) if is_new]
            if limits and added:
                _hold(db, limits, added)
        return [
            (self._placed(task_id, one), is_new)
            for one, (task_id, is_new) in zip(new, placed, strict=True)
        ]

    def _place(self, db: sqlite3.Connection, new: NewTask) -> tuple[str, bool]:
        row = db.execute(
            "SELECT id, deleted FROM task WHERE owner=? AND nonce=?", (new.owner, new.nonce)
        ).fetchone()
        if row and row["deleted"]:
            raise Deleted(row["id"])
        if row:
            return row["id"], False
        _check_former(db, new.supersedes)
        values = {field.name: getattr(new, field.name) for field in fields(new)}
        return self._insert(db, State.QUEUED, encoded(values)), True

    def _placed(self, task_id: str, new: NewTask) -> Task:
        tasks = self._tasks(self._database.read("SELECT * FROM task WHERE id=?", task_id))
        if not tasks:  # pressed before, and the row cannot be read
            raise AlreadyUsed(new.external_task_id)
        return tasks[0]

    def adopt(self, found: Found) -> Task | None:
        """A row for a task that Kling has. None when the account's history knows it, deleted or
        not."""
        with self._database.writing() as db:
            known = db.execute(
                "SELECT 1 FROM task WHERE account=?1 AND external_task_id=?2"
                " UNION ALL SELECT 1 FROM task WHERE account=?1 AND remote_id=?3",
                (found.account, found.external_task_id, found.remote_id),
            ).fetchone()
            if known:
                return None
            task_id = self._insert(
                db, found.state, asdict(found) | {"nonce": secrets.token_hex(16)}
            )
        return self.get(task_id)

    def _insert(self, db: sqlite3.Connection, state: State, values: Mapping[str, Any]) -> str:
        now, task_id = self._clock(), secrets.token_hex(16)
        row = {
            "created": now,
            "ended": now if state.over else None,
            **values,
            "id": task_id,
            "request": json.dumps(dict(values["request"]), ensure_ascii=False),
            "model": str(values["request"].get("model_name", "")),
            "n": _pictures(values["request"]),
            "state": state,
            "state_since": now,
            "revision": _next_revision(db),
        }
        try:
            insert(db, "task", row)
        except sqlite3.IntegrityError as error:
            raise AlreadyUsed(values["external_task_id"]) from error
        _log_state(db, task_id, state, now)
        return task_id

    def claim(self, owner: str, mark: str) -> int:
        """Give `owner` the adopted tasks that bear its mark; how many there were."""
        unclaimed = UNCLAIMED + mark
        sql = "SELECT id FROM task WHERE owner=?"
        if not self._database.read(f"{sql} LIMIT 1", unclaimed):
            return 0
        with self._database.writing() as db:
            found = db.execute(sql, (unclaimed,)).fetchall()
            for row in found:
                mine = {"owner": owner, "nonce": secrets.token_hex(16)}
                _update(db, mine, "id=?", (row["id"],))
        return len(found)

    def move(
        self,
        task_id: str,
        to: State,
        *,
        frm: Collection[State],
        unless_superseded: bool = False,
        **changes: Any,
    ) -> Task | None:
        """Compare-and-set: from one of the states `frm` to `to`, with `changes` to other columns.
        None when the task was in another state (or is gone): someone else was first; and with
        `unless_superseded` when another was sent for it, whatever became of that."""
        now = self._clock()
        if to.over:
            changes.setdefault("ended", now)
        with self._database.writing() as db:
            columns = {"state": to, "state_since": now, **encoded(changes)}
            where = f"id=? AND state IN ({marks(frm)}) AND deleted=0"
            if unless_superseded:
                where += " AND id NOT IN (SELECT supersedes FROM task)"
            moved = _update(db, columns, where, (task_id, *frm))
            if moved:
                _log_state(db, task_id, to, now)
        return self.get(task_id) if moved else None

    def note(self, task_id: str, **changes: Any) -> Task | None:
        """Change other columns than the state."""
        with self._database.writing() as db:
            noted = _update(db, encoded(changes), "id=? AND deleted=0", (task_id,))
        return self.get(task_id) if noted else None

    def keep_picture(self, picture: Picture) -> Task | None:
        """Add a picture; a second one in the same place replaces nothing and is ignored. None
        when the task is gone."""
        with self._database.writing() as db:
            if _update(db, {}, "id=? AND deleted=0", (picture.task_id,)):
                insert(db, "picture", asdict(picture), verb="INSERT OR IGNORE")
        return self.get(picture.task_id)

    def delete(self, task_id: str, *, owner: str) -> Task | None:
        """Forget a task that is over or unconfirmed; a tombstone tells open pages, and what it
        cost. Gives the task as it was."""
        with self._database.writing() as db:
            task = self.get(task_id, owner=owner)
            if task is None or not (task.state.over or task.state is State.UNCONFIRMED):
                return None
            db.execute("DELETE FROM picture WHERE task_id=?", (task_id,))
            blank = {
                **{"request": "{}", "detail": ""},
                "remote_pictures": MADE if task.remote_pictures else "[]",
                **{"reply": "", "cell": "", "comparison": ""},
            }
            _update(db, {"deleted": 1, **blank}, "id=?", (task_id,))
        with suppress(DiskTrouble):  # deleted it is; the log will be emptied another time
            self._database.empty_log()  # its words leave the disk
        return task

    def learn(self, scope: str, name: str, value: Any) -> None:
        """Write down a fact (see `learned`), over an older one of the same name."""
        fact = (scope, name, json.dumps(value), self._clock())
        with self._database.writing() as db:
            db.execute(
                "INSERT INTO learned (scope, name, value, at) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET value=excluded.value, at=excluded.at",
                fact,
            )


def _hold(db: sqlite3.Connection, limits: Limits, added: Sequence[NewTask]) -> None:
    prices = [one.estimate for one in added]
    hold(
        db,
        limits,
        account=added[0].account,
        owner=added[0].owner,
        address=added[0].address,
        tasks=len(added),
        pictures=sum(_pictures(one.request) for one in added),
        money=None if None in prices else sum(price or 0.0 for price in prices),
    )


def _pictures(request: Mapping[str, Any]) -> int:
    """How many are asked for; whatever else stands there, one is."""
    n = request.get("n", 1)
    return n if isinstance(n, int) else 1


def _check_former(db: sqlite3.Connection, task_id: str) -> None:
    row = db.execute("SELECT state FROM task WHERE id=?", (task_id,)).fetchone()
    if row and not State(row["state"]).repeatable:
        raise MovedOn(task_id)


def _next_revision(db: sqlite3.Connection) -> int:
    db.execute("UPDATE revision SET value = value + 1")
    return int(db.execute("SELECT value FROM revision").fetchone()[0])


def _update(
    db: sqlite3.Connection, columns: Mapping[str, Any], where: str, values: tuple[Any, ...]
) -> bool:
    columns = {**columns, "revision": _next_revision(db)}
    assignments = ", ".join(f'"{name}"=?' for name in columns)
    done = db.execute(f"UPDATE task SET {assignments} WHERE {where}", (*columns.values(), *values))
    return done.rowcount > 0


def _log_state(db: sqlite3.Connection, task_id: str, state: State, at: float) -> None:
    insert(db, "transition", {"task_id": task_id, "state": state, "at": at})
