"""The history as the worker and the pages see it: asynchronous, and telling who watches."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import partial
from typing import Any, TypeVar

from ..history import DiskTrouble, Found, History, Limits, NewTask
from ..task import Picture, State, Task
from .backoff import backoff

THREADS = 4  # one at a time has the database; others bring what was read into shape
T = TypeVar("T")
log = logging.getLogger(__name__)


class Records:
    """Every change goes through here, so that every change is seen. `full`: the disk took no row
    when last asked; `cramped`: it has no room for pictures."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.full = self.cramped = False
        self._threads = ThreadPoolExecutor(THREADS, "history")
        self._watchers: dict[str, set[asyncio.Event]] = {}

    async def read(self, method: Callable[..., T], *values: Any, **named: Any) -> T:
        return await self._aside(method, *values, **named)

    async def get(self, task_id: str, *, owner: str | None = None) -> Task | None:
        return await self._aside(self.history.get, task_id, owner=owner)

    async def add(self, new: Sequence[NewTask], limits: Limits | None = None) -> list[Task]:
        """All of them or none."""
        tasks = [task for task, _ in await self._write(self.history.add_all, new, limits)]
        self.wake({task.owner for task in tasks})
        return tasks

    async def move(
        self, task: Task, to: State, *, frm: Collection[State] | None = None, **changes: Any
    ) -> Task | None:
        """Compare-and-set from `frm` (default: the state `task` shows); None if it lost."""
        origins = {task.state} if frm is None else frm
        return self._tell(await self._write(self.history.move, task.id, to, frm=origins, **changes))

    async def insist(
        self, task: Task, to: State, *, frm: Collection[State] | None = None, **changes: Any
    ) -> Task | None:
        """`move` for what must not be forgotten: a disk that takes no row now may take it later."""
        for attempt in itertools.count():
            try:
                return await self.move(task, to, frm=frm, **changes)
            except Exception:
                log.exception("task %s: %s could not be written", task.id, to)
                await asyncio.sleep(backoff(attempt, first=0.2, factor=2, ceiling=10))
        raise AssertionError("never ends without an answer")

    async def note(self, task: Task, **changes: Any) -> Task:
        """Change columns, but only where they differ. Gives the task as it is now."""
        if all(getattr(task, name) == value for name, value in changes.items()):
            return task
        return self._tell(await self._write(self.history.note, task.id, **changes)) or task

    async def touch(self, task: Task) -> None:
        """A new revision of what is as it was."""
        self._tell(await self._write(self.history.note, task.id))

    async def keep_picture(self, picture: Picture) -> Task | None:
        return self._tell(await self._write(self.history.keep_picture, picture))

    async def delete(self, task_id: str, *, owner: str) -> Task | None:
        return self._tell(await self._write(self.history.delete, task_id, owner=owner))

    async def adopt(self, found: Found) -> Task | None:
        return self._tell(await self._write(self.history.adopt, found))

    async def _aside(self, method: Callable[..., T], *values: Any, **named: Any) -> T:
        """`asyncio.to_thread`, but waiting for no thread that reads or writes pictures."""
        work = partial(copy_context().run, method, *values, **named)
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _write(self, method: Callable[..., T], *values: Any, **named: Any) -> T:
        try:
            done = await self._aside(method, *values, **named)
        except DiskTrouble:
            self._fill(True)
            raise
        self._fill(False)
        return done

    def _fill(self, full: bool) -> None:
        if full is not self.full:
            self.full = full
            self.wake_all()

    def cramp(self, cramped: bool) -> None:
        if cramped is not self.cramped:
            self.cramped = cramped
            self.wake_all()

    @contextmanager
    def watching(self, owner: str) -> Iterator[asyncio.Event]:
        """An event that is set at every change of this owner's tasks."""
        event = asyncio.Event()
        watchers = self._watchers.setdefault(owner, set())
        watchers.add(event)
        try:
            yield event
        finally:
            watchers.discard(event)
            if not watchers and self._watchers.get(owner) is watchers:
                del self._watchers[owner]

    def wake(self, owners: Iterable[str]) -> None:
        """Something that these owners' pages show has changed."""
        for owner in owners:
            for event in self._watchers.get(owner, ()):
                event.set()

    def wake_all(self) -> None:
        self.wake(self._watchers)

    def _tell(self, task: Task | None) -> Task | None:
        if task:
            self.wake([task.owner])
        return task
