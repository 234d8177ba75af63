"""The moment at which each change of a task was on disk: when SQLite has come back from ``COMMIT``,
in the thread that wrote. Nobody could have been told of it earlier."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any
from unittest import mock

from kling_ui.history.database import Database
from kling_ui.history.writing import Writer
from kling_ui.task import Picture, Task

WRITES = ("add_all", "move", "keep_picture")


class Commits:
    """`told`: each with `at` (Unix seconds), and `picture` (its id) where it was one's arrival."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self._thread = threading.local()

    @contextmanager
    def kept(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(mock.patch.object(Database, "writing", self._timed()))
            for name in WRITES:
                noted = self._noted(getattr(Writer, name))
                stack.enter_context(mock.patch.object(Writer, name, noted))
            yield

    def _timed(self) -> Callable[..., Any]:
        usual = Database.writing

        @contextmanager
        def writing(database: Database) -> Iterator[Any]:
            with usual(database) as db:
                yield db
            self._thread.at = time.time()

        return writing

    def _noted(self, write: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(write)
        def noted(writer: Writer, what: Any, *values: Any, **named: Any) -> Any:
            done = write(writer, what, *values, **named)
            for task in [one for one, _ in done] if isinstance(done, list) else [done]:
                if task:
                    self._note(task, what.id if isinstance(what, Picture) else "")
            return done

        return noted

    def _note(self, task: Task, picture: str) -> None:
        row = {"owner": task.owner, "prompt": task.request.get("prompt"), "n": task.n}
        moment = {
            "state": task.state,
            "at": self._thread.at,
            "revision": task.revision,
            "picture": picture,
        }
        self.told.append({**row, **moment})
