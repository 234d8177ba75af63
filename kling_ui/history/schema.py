"""The tables, how they came to be what they are, and whether a file holds them soundly."""

from __future__ import annotations

import sqlite3

from .trouble import Damaged

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
    UPDATE task SET model = coalesce(json_extract(request, '$.model_name'), '')
        WHERE json_valid(request);
    CREATE INDEX task_by_model ON task (account, model, state, created);
    CREATE INDEX task_by_state
        ON task (owner, state, account, created, deleted, currency, estimate);
    """,
    """
    ALTER TABLE task ADD COLUMN took REAL;
    ALTER TABLE task ADD COLUMN resubmitted INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX task_timed ON task (account, state, model, created, took)
        WHERE took IS NOT NULL AND deleted = 0;
    CREATE INDEX task_by_remote_id ON task (account, remote_id);
    CREATE TABLE learned (
        scope TEXT NOT NULL,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        at REAL NOT NULL,
        PRIMARY KEY (scope, name)
    );
    INSERT INTO learned
        SELECT DISTINCT account, 'swept', 'true', (julianday('now') - 2440587.5) * 86400
        FROM task;
    """,
    """
    ALTER TABLE task ADD COLUMN comparison TEXT NOT NULL DEFAULT '';
    ALTER TABLE task ADD COLUMN cell TEXT NOT NULL DEFAULT '';
    ALTER TABLE task ADD COLUMN reply TEXT NOT NULL DEFAULT '';
    ALTER TABLE task ADD COLUMN n INTEGER NOT NULL DEFAULT 1;
    UPDATE task SET n = CAST(json_extract(request, '$.n') AS INTEGER)
        WHERE json_valid(request) AND json_type(request, '$.n') = 'integer';
    CREATE INDEX task_starred ON task (owner, created) WHERE starred = 1 AND deleted = 0;
    CREATE INDEX task_by_comparison ON task (comparison) WHERE comparison != '';
    """,
    """
    ALTER TABLE task ADD COLUMN address TEXT NOT NULL DEFAULT '';
    CREATE INDEX task_by_day ON task (account, created);
    """,
)
_FIRST_TABLES = {"revision", "task", "transition", "picture"}


class TooNew(Exception):
    """A later version of this program wrote the database."""


def check(db: sqlite3.Connection) -> bool:
    """Whether there is nothing in it yet. Raises `TooNew` and `Damaged`."""
    version = _version(db)
    if version > len(MIGRATIONS):
        raise TooNew(
            f"The history was written by a later version of this program (its schema is {version},"
            f" this one knows {len(MIGRATIONS)}): start that version, or choose another data folder"
        )
    found = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise Damaged(" ".join(found.split()))
    tables = {row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type='table'")}
    ours = tables >= _FIRST_TABLES if version else not tables
    if not ours:
        raise Damaged("its tables are not those of a history")
    return not tables


def migrate(db: sqlite3.Connection) -> None:
    done = _version(db)
    for version, script in enumerate(MIGRATIONS[done:], start=done + 1):
        db.executescript(f"BEGIN; {script}; PRAGMA user_version={version}; COMMIT;")


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
