"""A damaged database: set aside, and what can still be read of it taken over into a new one."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from .database import Database
from .rows import Unreadable, insert, task_from
from .trouble import is_of_disk

MAGIC = b"SQLite format 3\0"
HEADER = 100  # bytes before the root of the schema
FILES = ("-wal", "-shm", "-journal", "")
TABLES = ("task", "picture", "transition", "learned")
BEYOND = 10_000  # rows looked for after the last one that was found
MOST = 1_000_000  # a row's number above this is damage itself

# What was queued may have been sent after all: the page asks. What was swept has holes again.
AFTERWARDS = """
    UPDATE revision SET value = (SELECT coalesce(max(revision), 0) FROM task);
    UPDATE task SET model = coalesce(json_extract(request, '$.model_name'), '')
        WHERE model = '' AND json_valid(request);
    UPDATE task SET "case" = 'held' WHERE state = 'queued' AND deleted = 0;
    DELETE FROM learned WHERE name = 'swept';
"""


def replace_damaged(path: Path, *, now: float) -> tuple[Path, int]:
    """Where the damaged database is afterwards, and how many tasks the new one has. Nothing is
    moved before the new one is complete."""
    folder = path.with_name(f"{path.name}.salvage")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        saved = _salvage(path, folder)
        aside = _set_aside(path, now)
        (folder / "new").replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return aside, saved


def _set_aside(path: Path, now: float) -> Path:
    """Rename the database and its side files to names that nothing bears yet."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    old = [path.with_name(path.name + ending) for ending in FILES]
    for number in itertools.count():
        ending = f".damaged-{stamp}" + (f"-{number}" if number else "")
        aside = [file.with_name(file.name + ending) for file in old]
        if not any(file.exists() for file in aside):
            break
    for file, to in zip(old, aside, strict=True):
        if file.exists():
            file.rename(to)
    return aside[-1]


def _salvage(path: Path, folder: Path) -> int:
    copy = folder / "damaged"
    for ending in FILES:
        with suppress(FileNotFoundError):
            shutil.copyfile(path.with_name(path.name + ending), folder / f"damaged{ending}")
    with closing(Database(folder / "new")) as new:
        new.empty_log()
        _mend_header(copy, folder / "new")
        with closing(sqlite3.connect(copy, isolation_level=None)) as damaged, new.writing() as db:
            _take_over(damaged, db)
        new.empty_log()
        return int(new.read("SELECT count(*) AS n FROM task WHERE deleted=0")[0]["n"])


def _mend_header(copy: Path, sound: Path) -> None:
    """A file that does not even begin like a database gets the beginning of one of ours."""
    with sound.open("rb") as ours, copy.open("r+b") as file:
        if file.read(len(MAGIC)) != MAGIC:
            header = bytearray(ours.read(HEADER))
            header[28:32] = bytes(4)  # pages: as many as the file has
            file.seek(0)
            file.write(header)


def _take_over(damaged: sqlite3.Connection, db: sqlite3.Connection) -> None:
    damaged.row_factory = sqlite3.Row
    damaged.execute("PRAGMA writable_schema=ON")  # else a file that is too short is not read at all
    for table in TABLES:
        for row in _rows(damaged, table, _columns(damaged, table) & _columns(db, table)):
            with suppress(sqlite3.IntegrityError):
                insert(db, table, dict(row))
                if table == "task":
                    _drop_if_unreadable(db, row["rowid"])
    for statement in AFTERWARDS.strip().split(";\n"):
        db.execute(statement)


@contextmanager
def _as_far_as_it_goes() -> Iterator[None]:
    """A broken place ends the block; trouble with the disk is another thing."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if is_of_disk(error):
            raise


def _columns(db: sqlite3.Connection, table: str) -> set[str]:
    with _as_far_as_it_goes():
        return {row["name"] for row in db.execute(f"PRAGMA table_info({table})")}
    return set()


def _rows(db: sqlite3.Connection, table: str, columns: set[str]) -> Iterator[sqlite3.Row]:
    """Every row that can be read: forwards until that breaks, backwards until that breaks, then
    one by one in between."""
    if not columns:
        return
    names = ", ".join(f'"{name}"' for name in sorted(columns))
    select = f"SELECT rowid AS rowid, {names} FROM {table}"
    seen: set[int] = set()
    for order in ("ASC", "DESC"):
        with _as_far_as_it_goes():
            for row in db.execute(f"{select} ORDER BY rowid {order}"):
                if row["rowid"] not in seen:
                    seen.add(row["rowid"])
                    yield row
            return
    for number in range(1, min(max(seen, default=0) + BEYOND, MOST)):
        if number not in seen:
            with _as_far_as_it_goes():
                yield from db.execute(f"{select} WHERE rowid=?", (number,))


def _drop_if_unreadable(db: sqlite3.Connection, rowid: int) -> None:
    try:
        task_from(db.execute("SELECT * FROM task WHERE rowid=?", (rowid,)).fetchone())
    except Unreadable:
        db.execute("DELETE FROM task WHERE rowid=?", (rowid,))
