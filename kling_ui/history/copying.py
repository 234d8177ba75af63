"""A copy of a database that may be in use, and how life goes on from such a copy."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from .database import Database
from .reading import Reader
from .trouble import Damaged, translated

# What was not sent yet, or not surely, whoever went on with the original may have sent since: it is
# only looked for, and never sent by itself. What was sent since is found in the account's list.
# Pages that know the original's revisions must not take them for those of the copy.
AFTERWARDS = """
    INSERT INTO transition (task_id, state, at)
        SELECT id, 'unconfirmed', :now FROM task
        WHERE deleted = 0 AND state IN ('queued', 'sending');
    UPDATE task SET
        "case" = CASE state WHEN 'queued' THEN 'restored' ELSE 'interrupted' END,
        detail = '', state = 'unconfirmed', state_since = :now
        WHERE deleted = 0 AND state IN ('queued', 'sending');
    UPDATE task SET resubmitted = 1 WHERE deleted = 0 AND state = 'unconfirmed';
    DELETE FROM learned WHERE name = 'swept' OR name LIKE 'swept %';
    UPDATE mark SET value = lower(hex(randomblob(8)));
"""
BEHAVES = "SELECT 1 FROM sqlite_schema WHERE type IN ('trigger', 'view')"


@dataclass(frozen=True, slots=True)
class Named:
    """What a history speaks of: the SHA-256 of each picture by file, and `images` as tasks were
    asked with. Of its `tasks`, `unsure` are unconfirmed."""

    tasks: int
    unsure: int
    pictures: dict[str, str]
    images: set[str]


def copy_history(path: Path, *, to: Path) -> Named:
    """All of a database as it is at one moment, in one file, in today's schema. Whoever works with
    the original goes on. Raises `DiskTrouble`, `Damaged` and `TooNew`."""
    with translated(), closing(_opened(path)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)
    with closing(Database(to)) as copy:
        copy.empty_log()
        return _named(copy)


def go_on_from(path: Path, *, clock: Callable[[], float] = time.time) -> Named:
    """Make a copy, which may come from anywhere, the history of a program that starts. Raises what
    `copy_history` does."""
    now = {"now": clock()}
    try:
        with closing(Database(path)) as copy:
            if copy.read(BEHAVES):
                raise Damaged("it does more than keep tables")
            with copy.writing() as db:
                for statement in AFTERWARDS.strip().split(";\n"):
                    db.execute(statement, now)
            copy.empty_log()
            return _named(copy)
    except sqlite3.Error as error:
        raise Damaged(str(error)) from error


def _opened(path: Path) -> sqlite3.Connection:
    """Written to only where a log has to be made up for; and never made."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)


def _named(copy: Database) -> Named:
    count = "SELECT count(*) AS tasks, coalesce(sum(state='unconfirmed'), 0) AS unsure FROM task"
    numbers = copy.read(f"{count} WHERE deleted=0")[0]
    files = copy.read("SELECT CAST(file AS TEXT) AS file, sha256 FROM picture ORDER BY rowid")
    return Named(
        tasks=numbers["tasks"],
        unsure=numbers["unsure"],
        pictures={row["file"]: row["sha256"] for row in files},
        images={image for image in Reader(copy).images() if isinstance(image, str)},
    )
