"""The history of one data folder."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from .database import Database
from .salvage import replace_damaged
from .trouble import Damaged
from .writing import Writer

log = logging.getLogger(__name__)


class History(Writer):
    """Every write is one transaction that is on disk when it returns: a task must never be sent
    before its row is safe. All methods block for well under a millisecond to a few; call them
    through ``asyncio.to_thread``.

    A damaged database is replaced at opening by what could be read from it: `set_aside` is the
    damaged one, `salvaged` the number of tasks saved. `fresh`: there was nothing in it before,
    or what was there is set aside. Opening raises `DiskTrouble`, `OSError` and `TooNew`, which
    are no damage."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.set_aside: Path | None = None
        self.salvaged = 0
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            database = Database(path)
        except Damaged as damage:
            self.set_aside, self.salvaged = replace_damaged(path, now=clock())
            log.error(
                "the history was damaged (%s): it is kept as %s, and %d tasks were saved from it",
                damage,
                self.set_aside,
                self.salvaged,
            )
            database = Database(path)
        self.fresh = database.empty or self.set_aside is not None
        super().__init__(database, clock)

    def close(self) -> None:
        self._database.close()
