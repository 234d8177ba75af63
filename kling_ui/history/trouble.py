"""What can be wrong with the file of a database, told from SQLite's result codes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_DISK = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
}


class DiskTrouble(Exception):
    """The disk is full, read-only, gone or failing; what was to be written is not."""


class Damaged(Exception):
    """The file is no database, or not all of it can be read."""


@contextmanager
def translated() -> Iterator[None]:
    """Raises `DiskTrouble` and `Damaged`, which are very different things, in SQLite's place."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if is_of_disk(error):
            raise DiskTrouble(str(error)) from error
        if _code(error) in _DAMAGE:
            raise Damaged(str(error)) from error
        raise


def is_of_disk(error: sqlite3.Error) -> bool:
    return _code(error) in _DISK


def _code(error: sqlite3.Error) -> int:
    """Without its fine print; 0 for what Python itself found wrong."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF
