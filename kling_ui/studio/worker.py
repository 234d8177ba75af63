"""The worker: whatever has to be done about the tasks of all accounts, without anybody waiting."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ..fields import KEPT
from ..history import Waiting
from ..pictures import PictureFolder
from ..task import State, Task
from ..text import Text
from .accounts import Account
from .adoption import adopt
from .callbacks import Callbacks, Hint
from .clock import Clock
from .connection import Connection, check
from .gateway import Gateway
from .keeper import Keeper
from .reading import Reading
from .records import Records
from .sender import Sender
from .sweep import sweep
from .watched import UNSURE
from .watcher import Watcher

log = logging.getLogger(__name__)

LONG_STOP = 15 * 60  # seconds; what was queued longer ago is not sent without asking
HEARTBEAT = 60.0  # seconds


class Desk:
    """What serves one account: its queue, its watch, and what is known of its gateway."""

    def __init__(self, worker: Worker, account: Account) -> None:
        records, clock = worker.records, worker.clock
        self.account = account
        self.gateway = Gateway(records, account.base_url, clock)
        self.reading = Reading(account.client, records, self.gateway, clock)
        self.watcher = Watcher(
            self.reading,
            account.name,
            clock,
            finished=worker.keep,
            freed=self.wake,
            no_trace=worker.no_trace,
        )
        self.sender = Sender(
            account,
            records,
            worker.folder,
            clock,
            sent=self.watcher.add,
            callbacks=worker.callbacks,
        )

    def wake(self) -> None:
        self.sender.wake()


class Worker:
    """`alive` is touched while it works. `resubmit`: a task that Kling has no trace of is sent
    once more by itself."""

    def __init__(
        self,
        records: Records,
        folder: PictureFolder,
        accounts: Mapping[str, Account],
        clock: Clock,
        *,
        alive: Path,
        callbacks: Callbacks | None,
        resubmit: bool,
    ) -> None:
        self.records, self.folder, self.clock = records, folder, clock
        self.accounts, self.callbacks = accounts, callbacks
        self._alive, self._resubmit = alive, resubmit
        self._keeper = Keeper(records, folder, clock)
        self._keeping: set[asyncio.Task[None]] = set()
        self._desks = {name: Desk(self, account) for name, account in accounts.items()}

    # what the studio tells it

    def wake(self, account: str) -> None:
        """There is something to send."""
        if desk := self._desks.get(account):
            desk.wake()

    def look(self, task: Task) -> None:
        """Ask about this task now rather than later."""
        if desk := self._desks.get(task.account):
            desk.watcher.look(task.id)
            self._keeper.look(task.id)

    def hint(self, hint: Hint) -> None:
        """A callback came for a task of whatever account."""
        for desk in self._desks.values():
            desk.watcher.hint(hint.task_id, remote_id=hint.remote_id, over=hint.over)

    async def line(self, account: str) -> list[Waiting]:
        """What waits there, in the order in which it will be sent as things stand."""
        desk = self._desks.get(account)
        return await desk.sender.line() if desk else []

    # what its parts tell it

    @property
    def deaf(self) -> bool:
        """Whether an account whose tasks are watched does not answer."""
        return any(desk.watcher.deaf for desk in self._desks.values())

    def keep(self, task: Task) -> None:
        """The pictures are ready at Kling."""
        work = asyncio.create_task(self._keeper.keep(task, self.accounts[task.account]))
        self._keeping.add(work)
        work.add_done_callback(self._keeping.discard)

    async def no_trace(self, task: Task) -> Task | None:
        """Kling said three times over two minutes that it knows no such task."""
        words = {"case": "not_found", "detail": ""}
        if not self._resubmit or task.resubmitted:
            return await self.records.note(task, **words)
        again = await self.records.move(
            task,
            State.QUEUED,
            frm=UNSURE,
            unless_superseded=True,  # somebody sent it once more already
            resubmitted=True,
            case="",
            detail="",
        )
        self.wake(task.account)
        return again or await self.records.note(task, **words)

    async def hold_back(self, task: Task) -> Task | None:
        """Not again, although Kling has no trace of it."""
        held = await self.records.move(
            task, State.UNCONFIRMED, frm={State.QUEUED}, case="not_found", detail=""
        )
        if held:
            self.take(held)
        return held

    # its life

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take up what an earlier run left, then work until the block ends."""
        await self._recover()
        loops = [asyncio.create_task(_whatever_happens(run)) for run in self._loops()]
        try:
            yield
        finally:
            work = [*loops, *self._keeping]
            for one in work:
                one.cancel()
            await asyncio.gather(*work, return_exceptions=True)

    def _loops(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        desks = self._desks.values()
        loops = [desk.sender.run for desk in desks] + [desk.watcher.run for desk in desks]
        return [*loops, *(self._sweep(desk) for desk in desks), self._stay_alive]

    def _sweep(self, desk: Desk) -> Callable[[], Coroutine[Any, Any, None]]:
        async def run() -> None:
            await sweep(desk.account, desk.reading, self.records, self.clock, found=self.take)
            self.records.wake_all()  # whoever they belong to may look at the page now

        return run

    async def adopt(self, remote_id: str, *, owner: str, account: str) -> Task | Text:
        """A task made elsewhere; or why not."""
        desk = self._desks[account]
        return await adopt(
            remote_id,
            owner=owner,
            account=desk.account,
            reading=desk.reading,
            now=self.clock.wall(),
            found=self.take,
        )

    async def check(self, account: str) -> Connection:
        """Whether an account can be reached."""
        desk = self._desks[account]
        return await check(desk.account, desk.gateway)

    def take(self, task: Task) -> None:
        """A task that stands somewhere on its way, from an earlier run or another machine's."""
        if task.state is State.SAVING:
            self.keep(task)
        elif not task.state.over and task.state is not State.QUEUED:
            self._desks[task.account].watcher.add(task, delay=0)

    async def _stay_alive(self) -> None:
        """A file whose age tells the next run how long the program was stopped."""
        while True:
            await asyncio.to_thread(self._touch)
            await self.clock.sleep(HEARTBEAT)

    def _touch(self) -> None:
        now = self.clock.wall()
        self._alive.touch()
        os.utime(self._alive, (now, now))

    async def _recover(self) -> None:
        images = await self.records.read(self.records.history.images)
        references = {image.removeprefix(KEPT) for image in images}
        await asyncio.to_thread(self.folder.tidy, references=references)
        long_stop = self._stopped_for() > LONG_STOP
        for desk in self._desks.values():
            await desk.gateway.recall()
        if self.records.history.set_aside:
            await self._find_pictures()
        for task in await self.records.read(self.records.history.unfinished):
            if task.account in self.accounts:
                await self._resume(task, long_stop=long_stop)

    async def _find_pictures(self) -> None:
        """A damaged history may have lost the rows of pictures that are still on the disk."""
        for task in await self.records.read(self.records.history.without_pictures):
            await self.records.move(task, State.SAVING, ended=None)

    def _stopped_for(self) -> float:
        """Seconds since an earlier run was last alive; 0 when there was none."""
        try:
            return self.clock.wall() - self._alive.stat().st_mtime
        except FileNotFoundError:
            return 0.0

    async def _resume(self, task: Task, *, long_stop: bool) -> None:
        if task.state is State.QUEUED:
            if long_stop:
                await self.records.note(task, case="held")
        elif task.state is State.SENDING:
            # it may have been sent when the program stopped: only looking is allowed
            orphan = await self.records.move(task, State.UNCONFIRMED, case="interrupted")
            if orphan:
                self.take(orphan)
        else:
            self.take(task)


async def _whatever_happens(run: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """What a loop trips over is written down and it begins anew."""
    while True:
        try:
            return await run()
        except Exception:
            log.exception("a loop of the worker broke")
        await asyncio.sleep(1)
