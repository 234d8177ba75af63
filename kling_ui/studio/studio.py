"""Everything the pages and scripts may do. The worker does the rest."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ..client import IMAGES
from ..comparison import Comparison
from ..fields import KEPT
from ..history import (
    AlreadyUsed,
    Deleted,
    DiskTrouble,
    History,
    Limits,
    MovedOn,
    NewTask,
    OverLimit,
)
from ..pictures import PictureFolder
from ..prices import Prices
from ..request import ImageRequest
from ..settings import GLOBAL_URL, Secret
from ..task import State, Task
from ..text import Text
from .accounts import Account, Accounts, Loan
from .allowance import NEVER_COUNTED, STILL_COUNTING, Allowance, Left, Payer, midnight
from .body import body_of
from .callbacks import Callbacks, Hint
from .clock import Clock
from .connection import Connection
from .desk import whatever_happens
from .housekeeping import make_room
from .keys import Keys
from .shelf import OPERATOR, Shelf
from .submission import Press, Problems, problems_of
from .sweep import SWEPT, UNLISTED, mark_of
from .worker import Worker

NO_OWNER = Text(
    "This browser sends no cookie, so pictures could not be given back to it. "
    "Allow cookies, or open the page in a tab of its own.",
    "浏览器没有发送 Cookie，生成的图片将无法归还给您。请允许 Cookie，或在独立标签页中打开本页面。",
)
MADE_AND_DELETED = Text(
    "This press made a task that was deleted since. Press again for a new one.",
    "此次点击生成的任务之后已被删除。如需重新生成，请再点一次。",
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
NOT_YOURS = Text(
    "Tasks are taken over with a key of your own only. Add it under Settings.",
    "只有使用您自己的密钥才能导入任务。请在“设置”中添加密钥。",
)

# what names or uses something of the account, where nobody may name what is another's: an id of
# one's own would also hide from a machine that lost its disk what was spent
ACCOUNTS_OWN = ("element_list", "callback_url", "external_task_id")
OWN_KEY_ONLY = Text(
    "This works with a key of your own only. Add it under Settings, or leave this empty.",
    "此项仅支持使用您自己的密钥。请在“设置”中添加密钥，或将其留空。",
)
# seconds after the start in which no picture is given out before all are counted
COUNTING = 60.0
OPEN = "…"  # in a preview, where a random part goes


class Studio(Shelf):
    """Everything the pages and scripts may do. `accounts` are the operator's that can be reached,
    by name; `account` is the one new tasks belong to, unless somebody brings a key: `connect` makes
    an account of it. `blocked` says why nothing may be sent with the operator's. `allowance` is
    what others may spend of that; `shared`: many do, each with a history of their own, and the
    demo's oldest pictures make room for new ones. `forgets`: the disk is empty after a restart.
    `alive` is touched while it works. `callbacks`, where Kling can
    reach us. `resubmit`: what Kling has no trace of is sent once more by itself."""

    def __init__(
        self,
        *,
        history: History,
        folder: PictureFolder,
        accounts: Mapping[str, Account],
        account: Account,
        alive: Path,
        prices: Prices | None = None,
        blocked: Text | None = None,
        callbacks: Callbacks | None = None,
        resubmit: bool = False,
        connect: Callable[[Secret], Account] | None = None,
        allowance: Allowance | None = None,
        shared: bool = False,
        forgets: bool = False,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(history, folder, Accounts(accounts, usual=account))
        self.callbacks, self.prices = callbacks, prices or Prices()
        self._blocked, self._allowance, self._shared = blocked, allowance or Allowance(), shared
        self.closing = asyncio.Event()
        self._clock = clock or Clock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._began = -math.inf  # by the clock, when it went to work
        self._worker = Worker(
            self.records,
            folder,
            accounts,
            self._clock,
            alive=alive,
            callbacks=callbacks,
            resubmit=resubmit,
            forgets=forgets,
            elsewhere=mark_of(OPERATOR) if shared else "",
        )
        self.keys = Keys(self.accounts, self._worker, self.records, self._clock, connect=connect)

    def case(self, task: Task) -> str:
        """Why a task waits, failed or was refused: a key of `errors.CASES`, or empty."""
        missing = task.account not in self.accounts and not task.state.over
        return "account_missing" if missing else task.case

    def account_of(self, owner: str) -> Account:
        """The one that this owner's new tasks belong to."""
        return self.accounts.of(owner)

    def blocked(self, owner: str) -> Text | None:
        """Why nothing of this owner's may be sent; None when all is well."""
        return None if self.accounts.loan(owner) else self._blocked

    def loan(self, owner: str) -> Loan | None:
        """The key that this owner brought along."""
        return self.accounts.loan(owner)

    async def bring_key(self, key: Secret, *, owner: str, caller: str = "") -> Text | None:
        """What this owner sends from now on is paid with `key`; or why not."""
        return await self.keys.bring(key, owner=owner, address=self.address(caller))

    def address(self, caller: str) -> str:
        """What tells people apart by where they come from; empty where only the operator comes."""
        return self._allowance.address(caller)

    # what a person or a script may do

    async def submit(
        self, request: ImageRequest, *, owner: str, nonce: str = "", caller: str = ""
    ) -> Task | Problems:
        """One row, committed, then back at once; the worker does the rest. The same `nonce` gives
        the same task. Problems, all at once, where the request cannot be sent. `caller` is where
        it comes from, as far as that is known."""
        problems = self._barred(owner) or request.problems() or self._beyond(owner, request)
        if problems := problems or await self._uncounted(owner):
            return problems
        press = self._press(owner, caller)
        return await self._add([press.task(request, nonce)], press.limits)

    async def compare(
        self, comparison: Comparison, *, owner: str, nonce: str, caller: str = ""
    ) -> Task | Problems:
        """A task for each place of the grid, all or none; the first of them. The same `nonce`
        gives the same tasks."""
        requests = [place.request for place in comparison.places]
        problems = self._barred(owner) or problems_of(comparison) or self._beyond(owner, *requests)
        if problems := problems or await self._uncounted(owner):
            return problems
        press = self._press(owner, caller)
        return await self._add([*press.cells(comparison, nonce)], press.limits)

    async def again(
        self, task_id: str, *, owner: str, nonce: str = "", caller: str = ""
    ) -> Task | Problems | None:
        """A new task with what was asked for by one that brought nothing, linked to it. Kling may
        have that one after all where it is unconfirmed: whoever asks for this has been warned."""
        former = await self.task(task_id, owner=owner)
        if former is None or not former.state.repeatable:
            return None
        if blocked := self.blocked(owner):
            return {"": blocked}
        image = str(former.request.get("image", ""))
        if image.startswith(KEPT) and not await asyncio.to_thread(self._has, image):
            return {"image": REFERENCE_GONE}
        request = ImageRequest.draft({**former.request, "external_task_id": ""})
        problems = request.problems() or self._beyond(owner, request)
        if problems := problems or await self._uncounted(owner):
            return problems
        press = self._press(owner, caller)
        new = press.task(request, nonce, supersedes=former.id, cell=former.cell)
        try:
            return await self._add([new], press.limits)
        except MovedOn:
            return None

    def _barred(self, owner: str) -> Problems:
        """What keeps this owner from sending anything at all."""
        if not owner:
            return {"": NO_OWNER}
        blocked = self.blocked(owner)
        return {"": blocked} if blocked else {}

    def _beyond(self, owner: str, *requests: ImageRequest) -> Problems:
        """What the operator's key is not there for: too many pictures in one task; and where many
        share it, what belongs to the account, or has Kling call somebody in its name."""
        if self._payer(owner) != "operator":
            return {}
        most = max((request.n for request in requests), default=1)
        problem = self._allowance.at_once(most)
        problems = {"n": problem} if problem else {}
        if self._shared:
            named = [name for name in ACCOUNTS_OWN if any(getattr(one, name) for one in requests)]
            problems |= dict.fromkeys(named, OWN_KEY_ONLY)
        return problems

    @property
    def most_at_once(self) -> int | None:
        """Pictures in one task, with the operator's key; None without a limit."""
        return self._allowance.per_task if self.accounts.usual.live else None

    @property
    def adopts(self) -> bool:
        """Whether tasks made elsewhere are taken over without a key of one's own: where many share
        the operator's, nobody knows whose they are."""
        return not (self._shared and self.accounts.usual.live)

    async def _uncounted(self, owner: str) -> Problems:
        """Where the disk forgets, what was spent today is known when Kling's list was read. Only a
        budget waits for that as long as it takes, for ever where there is no list."""
        limited = (self._allowance.money, self._allowance.pictures) != (None, None)
        if not limited or self._payer(owner) != "operator":
            return {}
        await self._claim(owner)  # what was found of theirs counts
        learned = await self.records.read(self.history.learned, self.accounts.usual.name)
        patient = self._allowance.money is not None or self._clock.now() < self._began + COUNTING
        if SWEPT in learned or not patient:
            return {}
        return {"": NEVER_COUNTED if UNLISTED in learned else STILL_COUNTING}

    def _payer(self, owner: str) -> Payer:
        if self.accounts.loan(owner):
            return "visitor"
        return "operator" if self.accounts.usual.live else "nobody"

    def _has(self, image: str) -> bool:
        return self.folder.reference_path(image.removeprefix(KEPT)).exists()

    def _press(self, owner: str, caller: str) -> Press:
        """On the account that pays at this moment, within what is allowed on it."""
        account = self.account_of(owner)
        dearest = self.prices.dearest(account.base_url)
        limits = self._allowance.limits(self._payer(owner), dearest=dearest)
        return Press(owner, account, self.prices, limits, self.address(caller))

    async def _add(self, new: Sequence[NewTask], limits: Limits) -> Task | Problems:
        try:
            return await asyncio.shield(self._commit(new, limits))  # also when the caller goes away
        except Deleted:
            return {"": MADE_AND_DELETED}
        except OverLimit as over:
            only_one = len(new) == 1 and new[0].request.get("n", 1) == 1
            return {"": self._allowance.problem(over, limits, only_one=only_one)}
        except AlreadyUsed:
            return {"external_task_id": ID_USED}
        except DiskTrouble:
            return {"": DISK_FULL}

    async def _commit(self, new: Sequence[NewTask], limits: Limits) -> Task:
        tasks = await self.records.add(new, limits)
        self.keys.used(tasks[0].owner)
        self._worker.wake(tasks[0].account)
        return tasks[0]

    async def ahead(self, *, owner: str) -> dict[str, int]:
        """How many others are sent before each of this owner's waiting tasks."""
        found: dict[str, int] = {}
        for name in self.accounts.names(owner):
            line = await self._worker.line(name)
            found |= {one.id: k for k, one in enumerate(line) if one.owner == owner}
        return found

    async def left(self, *, owner: str) -> Left | None:
        """What this owner may still have today of the operator's key; None without a limit."""
        most = self._allowance.pictures
        if most is None or self._payer(owner) != "operator":
            return None
        spent = await self.records.read(
            self.history.counted, self.accounts.usual.name, owner=owner, since=midnight()
        )
        return Left(max(0, most - spent.pictures), most)

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
        account = self.accounts.get(task.account) if task and task.case == "held" else None
        if task is None or account is None or not account.sends:
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

    def endpoint(self, owner: str) -> str:
        """Where a create is posted; in the demo, where it would be with a key."""
        account = self.account_of(owner)
        return account.client.endpoint if account.live else GLOBAL_URL + IMAGES

    async def preview(self, request: ImageRequest, *, owner: str) -> dict[str, Any]:
        """The body that would be sent now, made as it is made then; only ids that come with the
        press are left open. Raises FileNotFoundError where the reference is gone."""
        url = self.callbacks.url(OPEN) if self.callbacks else ""
        made_up = f"kui1-{mark_of(owner)}-{OPEN}"
        return await body_of(request, self.folder, external_task_id=made_up, callback_url=url)

    async def adopt(self, remote_id: str, *, owner: str) -> Task | Text:
        """Take over a task that was made elsewhere with this account; or why not."""
        if blocked := self.blocked(owner):
            return blocked
        if not self.adopts and self._payer(owner) == "operator":
            return NOT_YOURS
        await self.keys.ready()
        return await self._worker.adopt(remote_id, owner=owner, account=self.account_of(owner).name)

    async def check(self, *, owner: str) -> Connection:
        """Ask the owner's account something that costs nothing."""
        await self.keys.ready()
        return await self._worker.check(self.account_of(owner).name)

    def hint(self, hint: Hint) -> None:
        """Kling called back: a reason to look, and nothing more."""
        self._worker.hint(hint)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take up what an earlier run left, then work until the block ends."""
        self._loop, self._began = asyncio.get_running_loop(), self._clock.now()
        async with self._worker.running():
            loops: list[Callable[[], Coroutine[Any, Any, None]]] = [self.keys.expire]
            if self._shared:
                loops.append(partial(make_room, self, self._clock))
            running = [asyncio.create_task(whatever_happens(loop)) for loop in loops]
            try:
                yield
            finally:
                for one in running:
                    one.cancel()
                self.close()
                await self.keys.settled()

    def close(self) -> None:
        """Let open event streams end."""
        self.closing.set()
        self.records.wake_all()

    def close_soon(self) -> None:
        """`close`, from another thread."""
        if self._loop:
            self._loop.call_soon_threadsafe(self.close)
