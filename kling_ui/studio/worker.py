"""The worker: whatever has to be done about the tasks of all accounts, without anybody waiting."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine, Mapping
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
from .connection import Connection
from .desk import Desk, whatever_happens
from .keeper import Keeper
from .records import Records
from .sender import LAST_MOMENT
from .sweep import mark_of
from .watched import UNSURE

LONG_STOP = 15 * 60  # seconds; what was queued longer ago is not sent without asking
HEARTBEAT = 60.0  # seconds


class Worker:
    """A desk for each account. `alive` is touched while it works. `resubmit`: a task that Kling has
    no trace of is sent once more by itself. `forgets`: the disk is empty after a restart. Of tasks
    that are found at Kling those that bear the mark `elsewhere` are not taken over."""

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
        forgets: bool = False,
        elsewhere: str = "",
    ) -> None:
        self.records, self.folder, self.clock = records, folder, clock
        self.keeper, self.callbacks = Keeper(records, folder, clock), callbacks
        self._alive, self._resubmit = alive, resubmit
        self.forgets, self.elsewhere = forgets, elsewhere
        self._closing: dict[str, Desk] = {}
        self._desks = {name: Desk(self, account) for name, account in accounts.items()}

    # what the studio tells it

    def wake(self, account: str) -> None:
        """There is something to send."""
        if desk := self._desks.get(account):
            desk.wake()

    def look(self, task: Task) -> None:
        """Ask about this task now rather than later."""
        if desk := self._desks.get(task.account):
            desk.look(task)

    def hint(self, hint: Hint) -> None:
        """A callback came for a task of whatever account."""
        for desk in self._desks.values():
            desk.watcher.hint(hint.task_id, remote_id=hint.remote_id, over=hint.over)

    async def line(self, account: str) -> list[Waiting]:
        """What waits there, in the order in which it will be sent as things stand."""
        desk = self._desks.get(account)
        return await desk.sender.line() if desk else []

    async def adopt(self, remote_id: str, *, owner: str, account: str) -> Task | Text:
        """A task made elsewhere; or why not."""
        desk = self._desks[account]
        return await adopt(
            remote_id,
            owner=owner,
            account=desk.account,
            reading=desk.reading,
            now=self.clock.wall(),
            found=desk.take,
        )

    async def check(self, account: str) -> Connection:
        """Whether an account can be reached; whoever asks within a moment is told the same."""
        return await self._desks[account].check()

    async def hold_back(self, task: Task) -> Task | None:
        """Not again, although Kling has no trace of it."""
        held = await self.records.move(
            task, State.UNCONFIRMED, frm={State.QUEUED}, case="not_found", detail=""
        )
        desk = self._desks.get(task.account)
        if held and desk:
            desk.take(held)
        return held

    async def open(self, account: Account, *, owner: str) -> None:
        """An account that can be reached from now on, by this owner's key; what waited for it goes
        on."""
        if desk := self._desks.get(account.name):
            desk.find(mark_of(owner))
            return
        if former := self._closing.get(account.name):
            await former.sender.settled(within=LAST_MOMENT)
        desk = self._desks[account.name] = Desk(self, account, mark=mark_of(owner))
        try:
            await desk.gateway.recall()
            await self._resume_all({account.name}, long_stop=False)
            await self._show(account.name)
        except BaseException:
            del self._desks[account.name]
            raise
        desk.open()

    def close(self, account: Account) -> Coroutine[Any, Any, None]:
        """One that cannot be reached any more, from this moment on; its tasks wait. To be awaited:
        what is on the wire is answered first."""
        desk = self._desks.pop(account.name, None)
        if desk:
            self._closing[account.name] = desk
        return self._closed(account.name, desk)

    async def _closed(self, name: str, desk: Desk | None) -> None:
        if desk is None:
            return
        try:
            await desk.close()
            await desk.sender.settled()
        finally:
            if self._closing.get(name) is desk:
                del self._closing[name]
        await self._show(name)

    # what its desks tell it

    @property
    def deaf(self) -> bool:
        """Whether an account whose tasks are watched does not answer."""
        return any(desk.watcher.deaf for desk in self._desks.values())

    async def no_trace(self, task: Task) -> Task | None:
        """Kling said three times over two minutes that it knows no such task."""
        words = {"case": "not_found", "detail": ""}
        desk = self._desks.get(task.account)
        if not self._resubmit or task.resubmitted or not (desk and desk.account.sends):
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

    # its life

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take up what an earlier run left, then work until the block ends."""
        await self._recover()
        alive = asyncio.create_task(whatever_happens(self._stay_alive))
        for desk in self._desks.values():
            desk.open()
        try:
            yield
        finally:
            alive.cancel()
            closing = (desk.close() for desk in self._desks.values())
            await asyncio.gather(alive, *closing, return_exceptions=True)
            for desk in self._desks.values():
                desk.sender.abandon()

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
        await self._resume_all({*self._desks}, long_stop=long_stop)

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

    async def _resume_all(self, accounts: set[str], *, long_stop: bool) -> None:
        for task in await self.records.read(self.records.history.unfinished):
            if task.account in accounts:
                await self._resume(task, self._desks[task.account], long_stop=long_stop)

    async def _resume(self, task: Task, desk: Desk, *, long_stop: bool) -> None:
        if task.state is State.QUEUED:
            if not desk.account.sends and task.resubmitted:
                await self.hold_back(task)  # Kling may have it from the first time
            elif not desk.account.sends:
                await self.records.move(task, State.CANCELLED, case="not_shared", detail="")
            elif long_stop:
                await self.records.note(task, case="held")
        elif task.state is State.SENDING:
            # it may have been sent when the program stopped: only looking is allowed
            orphan = await self.records.move(task, State.UNCONFIRMED, case="interrupted")
            if orphan:
                desk.take(orphan)
        else:
            desk.take(task)

    async def _show(self, account: str) -> None:
        """Pages draw a task anew when its revision is another: whether its account can be reached
        is nothing that its row knows."""
        for task in await self.records.read(self.records.history.unfinished):
            if task.account == account:
                await self.records.touch(task)
