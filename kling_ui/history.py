"""What was asked, what came back, who owns it and what it cost, in SQLite.

One connection, one writer; every write is one transaction that is on disk when it returns
(``synchronous=FULL``): a task must never be sent before its row is safe. All methods block for
well under a millisecond to a few; call them through ``asyncio.to_thread``.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import statistics
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from .task import Picture, RemotePicture, State, Task

MIGRATIONS = (
    """
    CREATE TABLE revision (value INTEGER NOT NULL);
    INSERT INTO revision VALUES (0);
    CREATE TABLE task (
        id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        account TEXT NOT NULL,
        nonce TEXT NOT NULL,
        external_task_id TEXT NOT NULL,
        request TEXT NOT NULL,
        state TEXT NOT NULL,
        revision INTEGER NOT NULL,
        created REAL NOT NULL,
        state_since REAL NOT NULL,
        sent REAL,
        ended REAL,
        attempts INTEGER NOT NULL DEFAULT 0,
        remote_id TEXT NOT NULL DEFAULT '',
        remote_status TEXT NOT NULL DEFAULT '',
        remote_pictures TEXT NOT NULL DEFAULT '[]',
        "case" TEXT NOT NULL DEFAULT '',
        detail TEXT NOT NULL DEFAULT '',
        request_id TEXT NOT NULL DEFAULT '',
        deduction TEXT NOT NULL DEFAULT '',
        estimate REAL,
        currency TEXT NOT NULL DEFAULT '',
        supersedes TEXT NOT NULL DEFAULT '',
        starred INTEGER NOT NULL DEFAULT 0,
        deleted INTEGER NOT NULL DEFAULT 0,
        UNIQUE (owner, nonce),
        UNIQUE (account, external_task_id)
    );
    CREATE INDEX task_by_revision ON task (owner, revision);
    CREATE INDEX task_by_age ON task (owner, created);
    CREATE INDEX task_open ON task (state) WHERE deleted = 0;
    CREATE TABLE transition (
        task_id TEXT NOT NULL REFERENCES task (id),
        state TEXT NOT NULL,
        at REAL NOT NULL
    );
    CREATE INDEX transition_by_task ON transition (task_id);
    CREATE TABLE picture (
        id TEXT PRIMARY KEY,
        task_id TEXT NOT NULL REFERENCES task (id),
        position INTEGER NOT NULL,
        watermarked INTEGER NOT NULL,
        file TEXT NOT NULL,
        media_type TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        UNIQUE (task_id, position, watermarked)
    );
    """,
    """
    CREATE TABLE mark (value TEXT NOT NULL);
    INSERT INTO mark VALUES (lower(hex(randomblob(8))));
    ALTER TABLE task ADD COLUMN model TEXT NOT NULL DEFAULT '';
    UPDATE task SET model = coalesce(json_extract(request, '$.model_name'), '');
    CREATE INDEX task_by_model ON task (account, model, state, created);
    CREATE INDEX task_by_state
        ON task (owner, state, account, created, deleted, currency, estimate);
    """,
)

Cursor = tuple[float, str]  # a place among tasks ordered by age: `created` and id


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


class History:
    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock, self._clock = threading.RLock(), clock
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        path.chmod(0o600)
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "busy_timeout=10000",
            "foreign_keys=ON",
            "trusted_schema=OFF",
            "secure_delete=ON",  # a deleted prompt leaves no trace in free pages
        ):
            self._db.execute(f"PRAGMA {pragma}")
        self._migrate()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _migrate(self) -> None:
        done = self._db.execute("PRAGMA user_version").fetchone()[0]
        for version, script in enumerate(MIGRATIONS[done:], start=done + 1):
            self._db.executescript(f"BEGIN; {script}; PRAGMA user_version={version}; COMMIT;")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _read(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    # writing

    def add(self, new: NewTask) -> tuple[Task, bool]:
        """The task's row and whether it is new; the same owner and nonce give the same task,
        deleted or not.

        Raises `AlreadyUsed` when the account's history holds the external task id."""
        with self._writing() as db:
            row = db.execute(
                "SELECT id FROM task WHERE owner=? AND nonce=?", (new.owner, new.nonce)
            ).fetchone()
            if row is None:
                task_id = self._insert(db, new)
        rows = self._read("SELECT * FROM task WHERE id=?", row["id"] if row else task_id)
        return self._tasks(rows)[0], row is None

    def _insert(self, db: sqlite3.Connection, new: NewTask) -> str:
        now = self._clock()
        values = asdict(new) | {
            "id": secrets.token_hex(16),
            "request": json.dumps(dict(new.request), ensure_ascii=False),
            "model": str(new.request.get("model_name", "")),
            "state": State.QUEUED,
            "revision": _next_revision(db),
            "created": now,
            "state_since": now,
        }
        try:
            db.execute(
                f"INSERT INTO task ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
                tuple(values.values()),
            )
        except sqlite3.IntegrityError as error:
            raise AlreadyUsed(new.external_task_id) from error
        _log_state(db, values["id"], State.QUEUED, now)
        return str(values["id"])

    def move(
        self, task_id: str, to: State, *, frm: Collection[State], **changes: Any
    ) -> Task | None:
        """Compare-and-set: from one of the states `frm` to `to`, with `changes` to other columns.
        None when the task was in another state (or is gone): someone else was first."""
        now = self._clock()
        if to.over:
            changes.setdefault("ended", now)
        with self._writing() as db:
            known = [*frm]
            columns = {"state": to, "state_since": now, **_encoded(changes)}
            marks = ", ".join("?" * len(known))
            moved = _update(
                db, columns, f"id=? AND state IN ({marks}) AND deleted=0", (task_id, *known)
            )
            if moved:
                _log_state(db, task_id, to, now)
        return self.get(task_id) if moved else None

    def note(self, task_id: str, **changes: Any) -> Task | None:
        """Change other columns than the state."""
        with self._writing() as db:
            noted = _update(db, _encoded(changes), "id=? AND deleted=0", (task_id,))
        return self.get(task_id) if noted else None

    def keep_picture(self, picture: Picture) -> Task | None:
        """Add a picture; a second one in the same place replaces nothing and is ignored. None
        when the task is gone."""
        values = asdict(picture)
        with self._writing() as db:
            if _update(db, {}, "id=? AND deleted=0", (picture.task_id,)):
                db.execute(
                    f"INSERT OR IGNORE INTO picture ({', '.join(values)}) "
                    f"VALUES ({', '.join('?' * len(values))})",
                    tuple(values.values()),
                )
        return self.get(picture.task_id)

    def delete(self, task_id: str, *, owner: str) -> Task | None:
        """Forget a task that is over; a tombstone tells open pages. Gives the task as it was."""
        task = self.get(task_id, owner=owner)
        if task is None or not task.state.over:
            return None
        blank = {
            "deleted": 1,
            "request": "{}",
            "model": "",
            "detail": "",
            "remote_pictures": "[]",
        }
        with self._writing() as db:
            db.execute("DELETE FROM picture WHERE task_id=?", (task_id,))
            _update(db, blank, "id=?", (task_id,))
        self._read("PRAGMA wal_checkpoint(TRUNCATE)")  # its words leave the write-ahead log too
        return task

    # reading

    def get(self, task_id: str, *, owner: str | None = None) -> Task | None:
        rows = self._read("SELECT * FROM task WHERE id=? AND deleted=0", task_id)
        if not rows or owner not in (None, rows[0]["owner"]):
            return None
        return self._tasks(rows)[0]

    def unfinished(self) -> list[Task]:
        """Everything a worker still has to do something about, oldest first."""
        marks = [state for state in State if not state.over]
        return self._tasks(
            self._read(
                f"SELECT * FROM task WHERE deleted=0 AND state IN ({', '.join('?' * len(marks))})"
                " ORDER BY created, rowid",
                *marks,
            )
        )

    def queued(self, account: str, *, limit: int) -> list[Task]:
        """What waits to be sent, oldest first; without what was held back after a long stop."""
        return self._tasks(
            self._read(
                "SELECT * FROM task WHERE deleted=0 AND state=? AND account=?"
                " AND \"case\"!='held' ORDER BY created, rowid LIMIT ?",
                State.QUEUED,
                account,
                limit,
            )
        )

    def newest(self, owner: str, *, limit: int, before: Cursor | None = None) -> list[Task]:
        """This owner's tasks, newest first; `before` the last one of a page for the next page."""
        created, task_id = before or (1e18, "")
        return self._tasks(
            self._read(
                "SELECT * FROM task WHERE owner=? AND deleted=0 AND (created, rowid) <"
                " (?, coalesce((SELECT rowid FROM task WHERE id=?), 0))"
                " ORDER BY created DESC, rowid DESC LIMIT ?",
                owner,
                created,
                task_id,
                limit,
            )
        )

    def since(
        self, owner: str, revision: int, *, limit: int = 200
    ) -> tuple[list[Task], list[str], int]:
        """What changed after `revision`: tasks, ids of deleted ones, and the revision reached."""
        rows = self._read(
            "SELECT * FROM task WHERE owner=? AND revision>? ORDER BY revision LIMIT ?",
            owner,
            revision,
            limit,
        )
        alive = [row for row in rows if not row["deleted"]]
        gone = [row["id"] for row in rows if row["deleted"]]
        return self._tasks(alive), gone, rows[-1]["revision"] if rows else revision

    def revision(self) -> int:
        return int(self._read("SELECT value FROM revision")[0]["value"])

    def mark(self) -> str:
        """This database's own: revisions of another one, even in its place, mean nothing here."""
        return str(self._read("SELECT value FROM mark")[0]["value"])

    def summary(self, owner: str, account: str, *, since: float) -> Summary:
        """`since` (Unix seconds) is for what was spent from `account`."""
        return Summary(self.running(owner), self.spent(owner, account, since=since))

    def running(self, owner: str) -> int:
        """How many of this owner's tasks are not over."""
        marks = [state for state in State if not state.over]
        return int(
            self._read(
                "SELECT COUNT(*) AS n FROM task WHERE owner=? AND deleted=0"
                f" AND state IN ({', '.join('?' * len(marks))})",
                owner,
                *marks,
            )[0]["n"]
        )

    def picture(self, picture_id: str, *, owner: str) -> Picture | None:
        rows = self._read(
            "SELECT picture.* FROM picture JOIN task ON task.id = picture.task_id"
            " WHERE picture.id=? AND task.owner=? AND task.deleted=0",
            picture_id,
            owner,
        )
        return _picture(rows[0]) if rows else None

    def images(self) -> set[str]:
        """Every `image` value that a task which is not deleted was asked with."""
        sql = "SELECT json_extract(request, '$.image') AS image FROM task WHERE deleted=0"
        return {row["image"] for row in self._read(sql) if row["image"]}

    def transitions(self, task_id: str) -> list[tuple[str, float]]:
        rows = self._read(
            "SELECT state, at FROM transition WHERE task_id=? ORDER BY rowid", task_id
        )
        return [(row["state"], row["at"]) for row in rows]

    def reference_in_use(self, image: str) -> bool:
        """Whether a task that is not deleted was asked with this `image` value."""
        sql = "SELECT 1 FROM task WHERE deleted=0 AND json_extract(request, '$.image')=? LIMIT 1"
        return bool(self._read(sql, image))

    def usual_seconds(self, model_name: str, account: str) -> float | None:
        """The median time from sent to finished of this model's last twenty successes."""
        rows = self._read(
            "SELECT ended - sent AS seconds FROM task WHERE state=? AND account=?"
            " AND model=? AND sent IS NOT NULL"
            " ORDER BY created DESC LIMIT 20",
            State.SUCCEEDED,
            account,
            model_name,
        )
        return statistics.median(row["seconds"] for row in rows) if rows else None

    def spent(self, owner: str, account: str, *, since: float) -> tuple[Spend, ...]:
        """By currency, what succeeded since the moment `since` (Unix seconds) cost."""
        rows = self._read(
            "SELECT currency, SUM(estimate) AS amount FROM task WHERE owner=? AND account=?"
            " AND state=? AND created>=? AND estimate IS NOT NULL GROUP BY currency",
            owner,
            account,
            State.SUCCEEDED,
            since,
        )
        return tuple(Spend(row["amount"], row["currency"]) for row in rows)

    def _tasks(self, rows: list[sqlite3.Row]) -> list[Task]:
        pictures: dict[str, list[Picture]] = {row["id"]: [] for row in rows}
        for start in range(0, len(rows), 500):
            ids = [row["id"] for row in rows[start : start + 500]]
            marks = ", ".join("?" * len(ids))
            for row in self._read(
                f"SELECT * FROM picture WHERE task_id IN ({marks}) ORDER BY position, watermarked",
                *ids,
            ):
                pictures[row["task_id"]].append(_picture(row))
        return [_task(row, tuple(pictures[row["id"]])) for row in rows]


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
    db.execute("INSERT INTO transition VALUES (?, ?, ?)", (task_id, state, at))


def _encoded(changes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: json.dumps([asdict(item) for item in value]) if name == "remote_pictures" else value
        for name, value in changes.items()
    }


_READ_APART = {"state", "request", "remote_pictures", "pictures"}
_PLAIN = [field.name for field in fields(Task) if field.name not in _READ_APART]


def _task(row: sqlite3.Row, pictures: tuple[Picture, ...]) -> Task:
    return Task(
        **{name: row[name] for name in _PLAIN},
        state=State(row["state"]),
        request=json.loads(row["request"]),
        remote_pictures=tuple(RemotePicture(**item) for item in json.loads(row["remote_pictures"])),
        pictures=pictures,
    )


def _picture(row: sqlite3.Row) -> Picture:
    return Picture(**{**dict(row), "watermarked": bool(row["watermarked"])})
