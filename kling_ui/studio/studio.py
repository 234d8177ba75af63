"""Everything the pages and scripts may do, and the worker's loops behind it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from ..catalog import estimate
from ..fields import KEPT
from ..history import AlreadyUsed, Cursor, History, NewTask, Summary
from ..pictures import PictureFolder
from ..request import ImageRequest
from ..task import Picture, State, Task
from ..text import Text
from .accounts import Account
from .keeper import Keeper
from .records import Records
from .sender import Sender
from .watcher import Watcher

log = logging.getLogger(__name__)

LONG_STOP = 15 * 60  # seconds; what was queued longer ago is not sent without asking
OURS = "kui1-"  # every external task id that we made begins with it
HEARTBEAT = 60.0  # seconds
NO_OWNER = Text(
    "This browser sends no cookie, so pictures could not be given back to it. "
    "Allow cookies, or open the page in a tab of its own.",
    "浏览器没有发送 Cookie，生成的图片将无法归还给您。请允许 Cookie，或在独立标签页中打开本页面。",
)
ID_USED = Text(
    "This id was already used for another task; choose a new one.",
    "该 ID 已用于另一个任务，请换一个。",
)

Problems = dict[str, Text]  # by field; "" for what concerns no single field


class Studio:
    """Everything the pages and scripts may do. `accounts` are all that can be reached, by name;
    `account` is the one new tasks belong to; `blocked` says why nothing may be sent. `alive` is
    touched while it works. `pace` scales every wait of the worker: tests live faster."""

    def __init__(
        self,
        *,
        history: History,
        folder: PictureFolder,
        accounts: Mapping[str, Account],
        account: Account,
        blocked: Text | None = None,
        alive: Path,
        pace: float = 1.0,
    ) -> None:
        self.records, self.folder, self.blocked = Records(history), folder, blocked
        self.history, self.accounts, self.account = history, accounts, account
        self._alive = alive
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

    def case(self, task: Task) -> str:
        """Why a task waits, failed or was refused: a key of `errors.CASES`, or empty."""
        missing = task.account not in self.accounts and not task.state.over
        return "account_missing" if missing else task.case

    # what a person or a script may do

    async def submit(
        self, request: ImageRequest, *, owner: str, nonce: str = ""
    ) -> Task | Problems:
        """One row, committed, then back at once; the worker does the rest. The same `nonce` gives
        the same task. Problems, all at once, where the request cannot be sent."""
        if not owner:
            return {"": NO_OWNER}
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
            return await asyncio.shield(self._commit(new))  # also when the caller goes away
        except AlreadyUsed:
            return {"external_task_id": ID_USED}

    async def _commit(self, new: NewTask) -> Task:
        task, _ = await self.records.add(new)
        self._senders[task.account].wake()
        return task

    async def task(self, task_id: str, *, owner: str) -> Task | None:
        return await self.records.get(task_id, owner=owner)

    async def tasks(
        self, *, owner: str, limit: int = 60, before: Cursor | None = None
    ) -> list[Task]:
        """Newest first; `before` the last one of a page for the next page."""
        return await self.records.read(self.history.newest, owner, limit=limit, before=before)

    def watching(self, owner: str) -> AbstractContextManager[asyncio.Event]:
        """An event that is set at every change of this owner's tasks."""
        return self.records.watching(owner)

    async def reached(self) -> tuple[str, int]:
        """The mark of this history and its latest revision."""
        read = self.records.read
        return await read(self.history.mark), await read(self.history.revision)

    async def changes(self, *, owner: str, since: int) -> tuple[list[Task], list[str], int]:
        """What changed after the revision `since`: tasks, ids of deleted ones, and the revision
        reached; there may be more after it."""
        return await self.records.read(self.history.since, owner, since)

    async def picture(self, picture_id: str, *, owner: str) -> Picture | None:
        return await self.records.read(self.history.picture, picture_id, owner=owner)

    async def usual_seconds(self, *, model_name: str, account: str) -> float | None:
        """How long this model's tasks take by its last successes; None before the first."""
        return await self.records.read(self.history.usual_seconds, model_name, account)

    async def summary(self, *, owner: str) -> Summary:
        """What runs, and what today's pictures cost."""
        midnight = time.mktime((*time.localtime()[:3], 0, 0, 0, 0, 0, -1))
        return await self.records.read(
            self.history.summary, owner, self.account.name, since=midnight
        )

    async def cancel(self, task_id: str, *, owner: str) -> Task | None:
        """Only before it is sent; None when it was too late."""
        task = await self.task(task_id, owner=owner)
        if task is None:
            return None
        words = {"case": "cancelled", "detail": ""}
        return await self.records.move(task, State.CANCELLED, frm={State.QUEUED}, **words)

    async def release(self, task_id: str, *, owner: str) -> Task | None:
        """Send a task that was held back after a long stop."""
        task = await self.task(task_id, owner=owner)
        if task is None or task.case != "held" or task.account not in self._senders:
            return None
        task = await self.records.note(task, case="")
        self._senders[task.account].wake()
        return task

    async def look(self, task_id: str, *, owner: str) -> Task | None:
        """Ask Kling about a task now rather than later."""
        task = await self.task(task_id, owner=owner)
        if task and task.account in self._watchers:
            self._watchers[task.account].look(task_id)
            self._keeper.look(task_id)
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
        """Take up what an earlier run left, then work until the block ends."""
        self._loop = asyncio.get_running_loop()
        await self._recover()
        workers: list[Sender | Watcher] = [*self._senders.values(), *self._watchers.values()]
        loops = [asyncio.create_task(_for_ever(worker.run)) for worker in workers]
        loops.append(asyncio.create_task(self._stay_alive()))
        try:
            yield
        finally:
            self.close()
            work = [*loops, *self._keeping]
            for one in work:
                one.cancel()
            await asyncio.gather(*work, return_exceptions=True)

    async def _stay_alive(self) -> None:
        """A file whose age tells the next run how long the program was stopped."""
        while True:
            await asyncio.to_thread(self._alive.touch)
            await asyncio.sleep(HEARTBEAT)

    def close(self) -> None:
        """Let open event streams end."""
        self.closing.set()
        self.records.wake_all()

    def close_soon(self) -> None:
        """`close`, from another thread."""
        if self._loop:
            self._loop.call_soon_threadsafe(self.close)

    async def _recover(self) -> None:
        images = await self.records.read(self.history.images)
        references = {image.removeprefix(KEPT) for image in images}
        await asyncio.to_thread(self.folder.tidy, references=references)
        long_stop = self._stopped_for() > LONG_STOP
        for task in await self.records.read(self.history.unfinished):
            if task.account in self.accounts:
                await self._resume(task, long_stop=long_stop)

    def _stopped_for(self) -> float:
        """Seconds since an earlier run was last alive; 0 when there was none."""
        try:
            return time.time() - self._alive.stat().st_mtime
        except FileNotFoundError:
            return 0.0

    async def _resume(self, task: Task, *, long_stop: bool) -> None:
        if task.state is State.QUEUED:
            if long_stop:
                await self.records.note(task, case="held")
        elif task.state is State.SAVING:
            self._finished(task)
        elif task.state is State.SENDING:
            await self._resume_sending(task)
        else:
            self._watchers[task.account].add(task, delay=0)

    async def _resume_sending(self, task: Task) -> None:
        """It may have been sent when the program stopped: only looking is allowed."""
        orphan = await self.records.move(task, State.UNCONFIRMED, case="interrupted")
        if orphan:
            self._watchers[task.account].add(orphan, delay=0)

    def _finished(self, task: Task) -> None:
        work = asyncio.create_task(self._keeper.keep(task, self.accounts[task.account]))
        self._keeping.add(work)
        work.add_done_callback(self._keeping.discard)


async def _for_ever(run: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A loop that must not end does not: what it trips over is written down and it begins anew."""
    while True:
        try:
            await run()
        except Exception:
            log.exception("a loop of the worker broke")
        await asyncio.sleep(1)


def _external_id(owner: str) -> str:
    """Ours, findable in the account's list by a machine that lost its disk, and telling nobody
    who the owner is."""
    return f"{OURS}{hashlib.sha256(owner.encode()).hexdigest()[:8]}-{secrets.token_hex(16)}"
