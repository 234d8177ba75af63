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
SMALLEST = 40  # bytes of a row; a number of a row beyond what the file can hold is damage itself

# What was queued may have been sent after all: it is looked for. What was swept has holes again.
AFTERWARDS = """
    UPDATE revision SET value = (SELECT coalesce(max(revision), 0) FROM task);
    UPDATE task SET model = coalesce(json_extract(request, '$.model_name'), '')
        WHERE model = '' AND json_valid(request);
    UPDATE task SET n = CAST(json_extract(request, '$.n') AS INTEGER)
        WHERE json_valid(request) AND json_type(request, '$.n') = 'integer';
    UPDATE task SET state = 'unconfirmed', "case" = 'salvaged'
        WHERE state = 'queued' AND deleted = 0;
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
    size = 0
    for ending in FILES:
        with suppress(FileNotFoundError):
            size += shutil.copyfile(f"{path}{ending}", folder / f"damaged{ending}").stat().st_size
    with closing(Database(folder / "new")) as new:
        _mend_header(folder / "damaged", folder / "new")
        with closing(_opened(folder / "damaged")) as damaged, new.writing() as db:
            _take_over(damaged, db, most=size // SMALLEST)
        new.empty_log()  # closing would do it too, but not tell when it fails
        return int(new.read("SELECT count(*) AS n FROM task WHERE deleted=0")[0]["n"])


def _mend_header(copy: Path, sound: Path) -> None:
    """A file that does not even begin like a database gets the beginning of one of ours."""
    with sound.open("rb") as ours, copy.open("r+b") as file:
        if file.read(len(MAGIC)) != MAGIC:
            header = bytearray(ours.read(HEADER))
            header[28:32] = bytes(4)  # pages: as many as the file has
            file.seek(0)
            file.write(header)


def _opened(copy: Path) -> sqlite3.Connection:
    db = sqlite3.connect(copy, isolation_level=None)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA locking_mode=EXCLUSIVE")  # needs no memory that a volume may not share
    db.execute("PRAGMA writable_schema=ON")  # else a file that is too short is not read at all
    return db


def _take_over(damaged: sqlite3.Connection, db: sqlite3.Connection, *, most: int) -> None:
    for table in TABLES:
        columns = _columns(damaged, table) & _columns(db, table)
        for row in _rows(damaged, table, columns, most) if columns else ():
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


def _rows(
    db: sqlite3.Connection, table: str, columns: set[str], most: int
) -> Iterator[sqlite3.Row]:
    """Every row that can be read, each looked up by itself: what is broken hides no other."""
    names = ", ".join(f'"{name}"' for name in sorted(columns))
    last = most
    with _as_far_as_it_goes():
        last = db.execute(f"SELECT max(rowid) FROM {table}").fetchone()[0] or 0
    for number in range(1, min(last, most) + 1):
        with _as_far_as_it_goes():
            yield from db.execute(
                f"SELECT rowid AS rowid, {names} FROM {table} WHERE rowid=?", (number,)
            )


def _drop_if_unreadable(db: sqlite3.Connection, rowid: int) -> None:
    try:
        task_from(db.execute("SELECT * FROM task WHERE rowid=?", (rowid,)).fetchone())
    except Unreadable:
        db.execute("DELETE FROM task WHERE rowid=?", (rowid,))
