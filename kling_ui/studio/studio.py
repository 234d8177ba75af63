"""Everything the pages and scripts may do, and the worker's loops behind it."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from ..catalog import Price, estimate, unit_price
from ..fields import KEPT
from ..history import AlreadyUsed, History, NewTask
from ..pictures import PictureFolder
from ..request import ImageRequest
from ..task import State, Task
from ..text import Text
from .accounts import Account
from .keeper import Keeper
from .records import Records
from .sender import OURS, Sender
from .watcher import Watcher

LONG_STOP = 15 * 60  # seconds; what was queued longer ago is not sent without asking
ID_USED = Text(
    "This id was already used for another task; choose a new one.",
    "该 ID 已用于另一个任务，请换一个。",
)

Problems = dict[str, Text]  # by field; "" for what concerns no single field


class Studio:
    """Everything the pages and scripts may do. `accounts` are all that can be reached, by name;
    `account` is the one new tasks belong to; `blocked` says why nothing may be sent. `pace`
    scales every wait of the worker: tests live faster."""

    def __init__(
        self,
        *,
        history: History,
        folder: PictureFolder,
        accounts: Mapping[str, Account],
        account: Account,
        blocked: Text | None = None,
        pace: float = 1.0,
    ) -> None:
        self.records, self.folder, self.blocked = Records(history), folder, blocked
        self.history, self.accounts, self.account = history, accounts, account
        self.closing = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._keeper = Keeper(self.records, folder, pace=pace)
        self._keeping: set[asyncio.Task[None]] = set()
        self._watchers = {
            name: Watcher(one, self.records, finished=self._finished, pace=pace)
            for name, one in accounts.items()
        }
        self._senders = {
            name: Sender(one, self.records, folder, sent=self._watchers[name].add, pace=pace)
            for name, one in accounts.items()
        }

    @property
    def unit_price(self) -> Price | None:
        """What one price unit costs new tasks; None where nobody says."""
        return unit_price(self.account.base_url)

    # what a person or a script may do

    async def submit(
        self, request: ImageRequest, *, owner: str, nonce: str = ""
    ) -> Task | Problems:
        """One row, committed, then back at once; the worker does the rest. The same `nonce` gives
        the same task. Problems, all at once, where the request cannot be sent."""
        if self.blocked:
            return {"": self.blocked}
        if problems := request.problems():
            return problems
        price = estimate(
            request.model_name,
            picture=bool(request.image),
            n=request.n,
            base_url=self.account.base_url,
        )
        new = NewTask(
            owner=owner,
            account=self.account.name,
            nonce=nonce or secrets.token_hex(16),
            external_task_id=request.external_task_id or _external_id(owner),
            request=request.as_dict(),
            estimate=price.amount if price else None,
            currency=price.currency if price else "",
        )
        try:
            task, fresh = await self.records.add(new)
        except AlreadyUsed:
            return {"external_task_id": ID_USED}
        if fresh:
            self._senders[task.account].add(task)
        return task

    async def task(self, task_id: str, *, owner: str) -> Task | None:
        return await self.records.get(task_id, owner=owner)

    async def tasks(
        self, *, owner: str, limit: int = 60, before: float | None = None
    ) -> list[Task]:
        """Newest first; `before` a task's `created` for the next page."""
        return await self.records.read(self.history.newest, owner, limit=limit, before=before)

    async def cancel(self, task_id: str, *, owner: str) -> Task | None:
        """Only before it is sent; None when it was too late."""
        task = await self.task(task_id, owner=owner)
        if task is None:
            return None
        return await self.records.move(task, State.CANCELLED, frm={State.QUEUED}, case="cancelled")

    async def release(self, task_id: str, *, owner: str) -> Task | None:
        """Send a task that was held back after a long stop."""
        task = await self.task(task_id, owner=owner)
        if task is None or task.case != "held" or task.account not in self._senders:
            return None
        task = await self.records.note(task, case="")
        self._senders[task.account].add(task)
        return task

    async def look(self, task_id: str, *, owner: str) -> Task | None:
        """Ask Kling about a task now rather than later."""
        task = await self.task(task_id, owner=owner)
        if task and task.account in self._watchers:
            self._watchers[task.account].look(task_id)
        return task

    async def delete(self, task_id: str, *, owner: str) -> Task | None:
        """Forget a task that is over, and its files."""
        task = await self.records.delete(task_id, owner=owner)
        for picture in task.pictures if task else ():
            await self.folder.forget(picture.file)
        image = str(task.request.get("image", "")) if task else ""
        if image.startswith(KEPT) and not await self.records.read(
            self.history.reference_in_use, image
        ):
            await asyncio.to_thread(self.folder.forget_reference, image.removeprefix(KEPT))
        return task

    # the worker

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work until the block ends; after `recover`."""
        self._loop = asyncio.get_running_loop()
        loops = [asyncio.create_task(worker) for worker in self._loops()]
        try:
            yield
        finally:
            self.close()
            work = [*loops, *self._keeping]
            for one in work:
                one.cancel()
            await asyncio.gather(*work, return_exceptions=True)

    def _loops(self) -> Iterator[Coroutine[Any, Any, None]]:
        for name in self.accounts:
            yield self._senders[name].run()
            yield self._watchers[name].run()

    def close(self) -> None:
        """Let open event streams end."""
        self.closing.set()
        self.records.wake_all()

    def close_soon(self) -> None:
        """`close`, from another thread."""
        if self._loop:
            self._loop.call_soon_threadsafe(self.close)

    async def recover(self) -> None:
        """Take up what an earlier run left."""
        images = await self.records.read(self.history.images)
        references = {image.removeprefix(KEPT) for image in images}
        await asyncio.to_thread(self.folder.tidy, references=references)
        for task in await self.records.read(self.history.unfinished):
            await self._resume(task)

    async def _resume(self, task: Task) -> None:
        if task.account not in self.accounts:
            await self.records.note(task, case="account_missing")
            return
        if task.case == "account_missing":
            task = await self.records.note(task, case="")
        if task.state is State.QUEUED:
            await self._resume_queued(task)
        elif task.state is State.SAVING:
            self._finished(task)
        elif task.state is State.SENDING:
            await self._resume_sending(task)
        else:
            self._watchers[task.account].add(task, delay=0)

    async def _resume_queued(self, task: Task) -> None:
        if task.case == "held" or time.time() - task.state_since > LONG_STOP:
            await self.records.note(task, case="held")
        else:
            self._senders[task.account].add(task)

    async def _resume_sending(self, task: Task) -> None:
        """It may have been sent when the program stopped: only looking is allowed."""
        orphan = await self.records.move(task, State.UNCONFIRMED, case="interrupted")
        if orphan:
            self._watchers[task.account].add(orphan, delay=0)

    def _finished(self, task: Task) -> None:
        work = asyncio.create_task(self._keeper.keep(task, self.accounts[task.account]))
        self._keeping.add(work)
        work.add_done_callback(self._kept)

    def _kept(self, work: asyncio.Task[None]) -> None:
        self._keeping.discard(work)
        if not work.cancelled() and (error := work.exception()):
            asyncio.get_running_loop().call_exception_handler(
                {"message": "keeping pictures failed", "exception": error}
            )


def _external_id(owner: str) -> str:
    """Ours, findable in the account's list by a machine that lost its disk, and telling nobody
    who the owner is."""
    return f"{OURS}{hashlib.sha256(owner.encode()).hexdigest()[:8]}-{secrets.token_hex(16)}"
