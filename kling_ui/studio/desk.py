"""What serves one account, from the day it can be reached to the day it cannot."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from math import inf
from typing import Any, Protocol

from ..pictures import PictureFolder
from ..task import State, Task
from .accounts import Account
from .callbacks import Callbacks
from .clock import Clock
from .connection import Connection, check
from .gateway import Gateway
from .keeper import Keeper
from .reading import Reading
from .records import Records
from .sender import Sender
from .sweep import sweep
from .watcher import Watcher

log = logging.getLogger(__name__)
A_MOMENT = 2.0  # seconds
MOST_LOOKED = 1000  # tasks that are remembered


class Shared(Protocol):
    """What all desks have in common."""

    records: Records
    folder: PictureFolder
    clock: Clock
    keeper: Keeper
    callbacks: Callbacks | None
    forgets: bool  # the disk is empty after a restart
    elsewhere: str  # the mark of an owner whose tasks are at home on another machine

    async def no_trace(self, task: Task) -> Task | None: ...


class Desk:
    """Its queue, its watch, its downloads, and what is known of its gateway. `mark`: of the tasks
    that are found there, only this owner's are taken over; everybody's without one."""

    def __init__(self, shared: Shared, account: Account, *, mark: str = "") -> None:
        records, clock = shared.records, shared.clock
        self.account, self._marks, self._keeper = account, [mark], shared.keeper
        self._records, self._clock, self._shared = records, clock, shared
        self._check: asyncio.Future[Connection] | None = None
        self._checked = 0.0
        self._looked: dict[str, float] = {}  # by task, when somebody wished that
        self._sweeping = asyncio.Lock()  # many owners of one key ask Kling one after another
        self.gateway = Gateway(records, account.base_url, clock)
        self.reading = Reading(account.client, records, self.gateway, clock)
        self.watcher = Watcher(
            self.reading,
            account.name,
            clock,
            finished=self.keep,
            freed=self.wake,
            no_trace=shared.no_trace,
        )
        self.sender = Sender(
            account,
            records,
            shared.folder,
            clock,
            sent=self.watcher.add,
            callbacks=shared.callbacks,
        )
        self._loops: list[asyncio.Task[None]] = []
        self._keeping: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        self.sender.wake()

    async def check(self) -> Connection:
        """As it was a moment ago, if somebody asked then."""
        now = self._clock.now()
        if self._check is None or now - self._checked >= A_MOMENT:
            self._checked = now
            self._check = asyncio.ensure_future(check(self.account, self.gateway))
        return await asyncio.shield(self._check)

    def look(self, task: Task) -> None:
        """Ask about this task now rather than later; not again in the same moment."""
        now = self._clock.now()
        if now - self._looked.get(task.id, -inf) < A_MOMENT:
            return
        self._looked[task.id] = now
        while len(self._looked) > MOST_LOOKED:
            del self._looked[next(iter(self._looked))]
        self.watcher.look(task.id)
        self._keeper.look(task.id)

    def keep(self, task: Task) -> None:
        """The pictures are ready at Kling."""
        work = asyncio.create_task(self._keeper.keep(task, self.account))
        self._keeping.add(work)
        work.add_done_callback(self._keeping.discard)

    def take(self, task: Task) -> None:
        """A task that stands somewhere on its way, from an earlier run or another machine's."""
        if task.state is State.SAVING:
            self.keep(task)
        elif not task.state.over and task.state is not State.QUEUED:
            self.watcher.add(task, delay=0)

    # its life

    def open(self) -> None:
        for run in (self.sender.run, self.watcher.run, partial(self._sweep, self._marks[0])):
            self._begin(run)

    def find(self, mark: str) -> None:
        """Take over what is found there of another owner, too."""
        if not {mark, ""} & {*self._marks}:
            self._marks.append(mark)
            self._begin(partial(self._sweep, mark))

    def _begin(self, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._loops.append(asyncio.create_task(whatever_happens(run)))

    async def close(self) -> None:
        """What is on the wire is given a moment to be answered."""
        work = [*self._loops, *self._keeping]
        for one in work:
            one.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    async def _sweep(self, mark: str) -> None:
        async with self._sweeping:
            await sweep(
                self.account,
                self.reading,
                self._records,
                self._clock,
                found=self.take,
                mark=mark,
                but=self._shared.elsewhere,
                insist=self._shared.forgets,
            )
        self._records.wake_all()  # whoever they belong to may look at the page now


async def whatever_happens(run: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """What a loop trips over is written down and it begins anew."""
    while True:
        try:
            return await run()
        except Exception:
            log.exception("a loop broke and begins anew")
        await asyncio.sleep(1)
