"""What was made, for whom it belongs to: looked at, searched, starred, counted, thrown away."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass

from ..fields import KEPT
from ..history import Cursor, Day, DiskTrouble, History, Search, Summary
from ..pictures import PictureFolder
from ..task import Picture, Task
from .accounts import Accounts
from .allowance import midnight
from .records import Records
from .sweep import mark_of

OPERATOR = "operator"  # who owns everything, where there is one owner only


@dataclass(frozen=True, slots=True)
class Story:
    """How a task went: each state with its moment (Unix seconds), and Kling's last reply."""

    states: tuple[tuple[str, float], ...]
    reply: str


@dataclass(frozen=True, slots=True)
class Weight:
    """An owner's pictures on disk, and what the disk still takes, in bytes."""

    pictures: int
    bytes: int
    free: int


class Shelf:
    """Every read and write asks for its owner."""

    def __init__(self, history: History, folder: PictureFolder, accounts: Accounts) -> None:
        self.history, self.folder, self.records = history, folder, Records(history)
        self.accounts = accounts

    async def task(self, task_id: str, *, owner: str) -> Task | None:
        return await self.records.get(task_id, owner=owner)

    async def tasks(
        self,
        *,
        owner: str,
        limit: int = 60,
        before: Cursor | None = None,
        search: Search | None = None,
    ) -> list[Task]:
        """Newest first; `before` the last one of a page for the next page. Tasks that were found
        in an account's list are given to their owner here."""
        await self._claim(owner)
        return await self.records.read(
            self.history.newest, owner, limit=limit, before=before, search=search
        )

    async def _claim(self, owner: str) -> None:
        with suppress(DiskTrouble):  # what is there already shows all the same
            await self.records.read(self.history.claim, owner, mark_of(owner))

    async def comparison(self, comparison: str, *, owner: str) -> list[Task]:
        """All its cells, oldest first; of one that was sent again, every attempt."""
        return await self.records.read(self.history.comparison, comparison, owner=owner)

    async def story(self, task_id: str, *, owner: str) -> Story | None:
        if await self.task(task_id, owner=owner) is None:
            return None
        states = await self.records.read(self.history.transitions, task_id)
        reply = await self.records.read(self.history.reply, task_id, owner=owner)
        return Story(tuple(states), reply)

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
        account = self.accounts.of(owner).name
        return await self.records.read(self.history.summary, owner, account, since=midnight())

    async def spending(self, *, owner: str, offset: int = 0) -> list[Day]:
        """By day and model, the latest first; `offset` as in `Search`."""
        return await self.records.read(self.history.spending, owner, offset=offset)

    async def weight(self, *, owner: str) -> Weight:
        pictures, size = await self.records.read(self.history.weight, owner)
        return Weight(pictures, size, await asyncio.to_thread(self.folder.free))

    async def star(self, task_id: str, *, owner: str) -> Task | None:
        """Or take the star off again."""
        task = await self.task(task_id, owner=owner)
        return await self.records.note(task, starred=not task.starred) if task else None

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
