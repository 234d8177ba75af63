"""Everything the pages and scripts may do. The worker does the rest."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from pathlib import Path

from ..catalog import estimate
from ..fields import KEPT
from ..history import AlreadyUsed, Cursor, DiskTrouble, History, MovedOn, NewTask, Summary
from ..pictures import PictureFolder
from ..request import ImageRequest
from ..task import Picture, State, Task
from ..text import Text
from .accounts import Account
from .callbacks import Callbacks, Hint
from .clock import Clock
from .records import Records
from .sweep import external_id, mark_of
from .worker import Worker

NO_OWNER = Text(
    "This browser sends no cookie, so pictures could not be given back to it. "
    "Allow cookies, or open the page in a tab of its own.",
    "浏览器没有发送 Cookie，生成的图片将无法归还给您。请允许 Cookie，或在独立标签页中打开本页面。",
)
ID_USED = Text(
    "This id was already used for another task; choose a new one.",
    "该 ID 已用于另一个任务，请换一个。",
)
REFERENCE_GONE = Text(
    "The reference picture is no longer here. Use the settings and add it again.",
    "参考图已不在本机。请套用这些参数并重新添加。",
)
DISK_FULL = Text(
    "The disk is full or cannot be written: nothing was sent. Make room and press again.",
    "磁盘已满或无法写入：未发送任何内容。请清理磁盘空间后再试。",
)
DISK_TIGHT = Text(
    "The disk is full or nearly so. Nothing is sent until there is room; "
    "pictures that Kling made are fetched then.",
    "磁盘空间不足。腾出空间之前不会发送新任务；可灵已生成的图片届时会自动下载。",
)
NOT_HEARD = Text(
    "Kling does not answer at the moment. What it has goes on there, and is fetched as soon as it "
    "answers again.",
    "可灵暂时没有响应。已提交的任务会在可灵继续进行，恢复后会自动取回结果。",
)
SET_ASIDE = Text(
    "The history was damaged. {saved} of its tasks could be saved; the others come back from "
    "Kling's own list, as far as it still has them. The damaged file is kept as {file}.",
    "历史记录已损坏。已恢复其中 {saved} 个任务；其余任务只要仍在可灵的任务列表中，也会找回。"
    "损坏的文件已另存为 {file}。",
)

Problems = dict[str, Text]  # by field; "" for what concerns no single field


class Studio:
    """Everything the pages and scripts may do. `accounts` are all that can be reached, by name;
    `account` is the one new tasks belong to; `blocked` says why nothing may be sent. `alive` is
    touched while it works. `callbacks`, where Kling can reach us. `resubmit`: what Kling has no
    trace of is sent once more by itself."""

    def __init__(
        self,
        *,
        history: History,
        folder: PictureFolder,
        accounts: Mapping[str, Account],
        account: Account,
        alive: Path,
        blocked: Text | None = None,
        callbacks: Callbacks | None = None,
        resubmit: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self.records, self.folder, self.blocked = Records(history), folder, blocked
        self.history, self.accounts, self.account = history, accounts, account
        self.callbacks = callbacks
        self.closing = asyncio.Event()
        self._clock = clock or Clock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._worker = Worker(
            self.records,
            folder,
            accounts,
            self._clock,
            alive=alive,
            callbacks=callbacks,
            resubmit=resubmit,
        )

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
        return await self._add(request, owner=owner, nonce=nonce)

    async def again(self, task_id: str, *, owner: str, nonce: str = "") -> Task | Problems | None:
        """A new task with what was asked for by one that brought nothing, linked to it. Kling may
        have that one after all where it is unconfirmed: whoever asks for this has been warned."""
        former = await self.task(task_id, owner=owner)
        if former is None or not former.state.repeatable:
            return None
        if self.blocked:
            return {"": self.blocked}
        image = str(former.request.get("image", ""))
        if image.startswith(KEPT) and not await asyncio.to_thread(self._has, image):
            return {"image": REFERENCE_GONE}
        request = ImageRequest.draft({**former.request, "external_task_id": ""})
        if problems := request.problems():
            return problems
        try:
            return await self._add(request, owner=owner, nonce=nonce, supersedes=former.id)
        except MovedOn:
            return None

    def _has(self, image: str) -> bool:
        return self.folder.reference_path(image.removeprefix(KEPT)).exists()

    async def _add(
        self, request: ImageRequest, *, owner: str, nonce: str, supersedes: str = ""
    ) -> Task | Problems:
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
            external_task_id=request.external_task_id or external_id(owner),
            request=request.as_dict(),
            estimate=price.amount if price else None,
            currency=price.currency if price else "",
            supersedes=supersedes,
        )
        try:
            return await asyncio.shield(self._commit(new))  # also when the caller goes away
        except AlreadyUsed:
            return {"external_task_id": ID_USED}
        except DiskTrouble:
            return {"": DISK_FULL}

    async def _commit(self, new: NewTask) -> Task:
        task, _ = await self.records.add(new)
        self._worker.wake(task.account)
        return task

    async def task(self, task_id: str, *, owner: str) -> Task | None:
        return await self.records.get(task_id, owner=owner)

    async def tasks(
        self, *, owner: str, limit: int = 60, before: Cursor | None = None
    ) -> list[Task]:
        """Newest first; `before` the last one of a page for the next page. Tasks that were found
        in an account's list are given to their owner here."""
        await self._claim(owner)
        return await self.records.read(self.history.newest, owner, limit=limit, before=before)

    async def _claim(self, owner: str) -> None:
        with suppress(DiskTrouble):  # what is there already shows all the same
            await self.records.read(self.history.claim, owner, mark_of(owner))

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
        await self._claim(owner)
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

    async def ahead(self, *, owner: str) -> dict[str, int]:
        """How many others are sent before each of this owner's waiting tasks."""
        found: dict[str, int] = {}
        for name in self.accounts:
            line = await self._worker.line(name)
            found |= {one.id: k for k, one in enumerate(line) if one.owner == owner}
        return found

    @property
    def notice(self) -> Text | None:
        """What everybody has to know of now."""
        if self.records.full or self.records.cramped:
            return DISK_TIGHT
        if self._worker.deaf:
            return NOT_HEARD
        if self.history.set_aside:
            return SET_ASIDE.fill(saved=self.history.salvaged, file=self.history.set_aside.name)
        return None

    async def cancel(self, task_id: str, *, owner: str) -> Task | None:
        """Only before it is sent; None when it was too late. One that was sent before, and is to
        be sent again by itself, stays unconfirmed."""
        task = await self.task(task_id, owner=owner)
        if task is None:
            return None
        if task.resubmitted:
            return await self._worker.hold_back(task)
        words = {"case": "cancelled", "detail": ""}
        cancelled = await self.records.move(task, State.CANCELLED, frm={State.QUEUED}, **words)
        self._worker.wake(task.account)  # those behind it may have room now
        self.records.wake_all()
        return cancelled

    async def release(self, task_id: str, *, owner: str) -> Task | None:
        """Send a task that was held back after a long stop."""
        task = await self.task(task_id, owner=owner)
        if task is None or task.case != "held" or task.account not in self.accounts:
            return None
        task = await self.records.note(task, case="")
        self._worker.wake(task.account)
        return task

    async def look(self, task_id: str, *, owner: str) -> Task | None:
        """Ask Kling about a task now rather than later."""
        task = await self.task(task_id, owner=owner)
        if task:
            self._worker.look(task)
        return task

    def hint(self, hint: Hint) -> None:
        """Kling called back: a reason to look, and nothing more."""
        self._worker.hint(hint)

    async def delete(self, task_id: str, *, owner: str) -> Task | None:
        """Forget a task that is over, or that nobody could confirm, and its files."""
        task = await self.records.delete(task_id, owner=owner)
        for picture in task.pictures if task else ():
            await self.folder.forget(picture.file)
        image = str(task.request.get("image", "")) if task else ""
        if image.startswith(KEPT) and not await self.records.read(
            self.history.reference_in_use, image
        ):
            await asyncio.to_thread(self.folder.forget_reference, image.removeprefix(KEPT))
        return task

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take up what an earlier run left, then work until the block ends."""
        self._loop = asyncio.get_running_loop()
        async with self._worker.running():
            try:
                yield
            finally:
                self.close()

    def close(self) -> None:
        """Let open event streams end."""
        self.closing.set()
        self.records.wake_all()

    def close_soon(self) -> None:
        """`close`, from another thread."""
        if self._loop:
            self._loop.call_soon_threadsafe(self.close)
