"""One connection to SQLite, shared by all threads."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from .schema import check, migrate
from .trouble import is_of_disk, translated


class Database:
    """One lock, one writer. `empty`: there was nothing in it before. Raises `DiskTrouble` and
    `Damaged`, and at opening `TooNew`."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        with translated():
            self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                path.chmod(0o600)
                self.empty = self._prepare()
            except BaseException:
                self.connection.close()
                raise

    def _prepare(self) -> bool:
        self.connection.row_factory = sqlite3.Row
        self.connection.create_function("casefold", 1, str.casefold, deterministic=True)
        # a byte that went bad spoils one word, not every list it stands in
        self.connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        for pragma in (
            "busy_timeout=10000",
            "foreign_keys=ON",
            "trusted_schema=OFF",
            "secure_delete=ON",  # a deleted prompt leaves no trace in free pages
        ):
            self.connection.execute(f"PRAGMA {pragma}")
        _make_durable(self.connection)
        empty = check(self.connection)
        migrate(self.connection)
        return empty

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on disk when the block ends; undone when it fails."""
        with self._lock, translated():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self.connection.execute("ROLLBACK")
                raise

    def read(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock, translated():
            return self.connection.execute(sql, values).fetchall()

    def empty_log(self) -> None:
        """Bring what the write-ahead log holds into the database's own file."""
        self.read("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        with self._lock:
            self.connection.close()


def _make_durable(db: sqlite3.Connection) -> None:
    """A write-ahead log, or, where the volume has no memory to share for one (network, FUSE), a
    rollback journal."""
    try:
        mode = db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    except sqlite3.OperationalError as error:
        if not is_of_disk(error):
            raise
        mode = ""  # it has a log already, from a better volume
    if mode == "wal":
        db.execute("PRAGMA synchronous=FULL")
        return
    db.execute("PRAGMA locking_mode=EXCLUSIVE")  # so that an old log can be read without memory
    db.execute("PRAGMA journal_mode=TRUNCATE").fetchall()
    db.execute("PRAGMA locking_mode=NORMAL")
    db.execute("PRAGMA synchronous=EXTRA")
