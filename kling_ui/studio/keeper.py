"""Brings the pictures of finished tasks home and never gives up while they can be had."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import logging
from dataclasses import asdict
from typing import Any
from weakref import WeakValueDictionary

from ..errors import KlingError, NotFound
from ..pictures import NotFetched, PictureFolder
from ..task import Picture, RemotePicture, State, Task
from .accounts import Account
from .backoff import backoff, jittered
from .clock import Clock
from .records import Records

log = logging.getLogger(__name__)

EACH, AT_ONCE = 8, 32  # downloads of one account, and in all
GONE_AFTER = 24 * 3600.0  # seconds that fresh addresses are dead as well before it is believed
FORGOTTEN_AFTER = 600.0  # the same where Kling no longer knows the task either

Place = tuple[int, bool]  # position, watermarked


def places(pictures: tuple[RemotePicture, ...]) -> dict[Place, str]:
    """Where each result belongs and its URL. Kling's index orders them; a missing or repeated
    index takes the order they came in. Positions count from 0 without gaps."""
    ordered = sorted(pictures, key=lambda picture: _order(picture, pictures))
    found: dict[Place, str] = {}
    for position, picture in enumerate(ordered):
        found[(position, False)] = picture.url
        if picture.watermark_url:
            found[(position, True)] = picture.watermark_url
    return found


def _order(picture: RemotePicture, pictures: tuple[RemotePicture, ...]) -> int:
    indexes = [other.index for other in pictures]
    sound = None not in indexes and len(set(indexes)) == len(indexes)
    return picture.index or 0 if sound else pictures.index(picture)


class Keeper:
    """Nothing is given up because of time: only when Kling has said for long that it is gone."""

    def __init__(self, records: Records, folder: PictureFolder, clock: Clock) -> None:
        self._records, self._folder, self._clock = records, folder, clock
        self._downloads = asyncio.Semaphore(AT_ONCE)
        self._of_account: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._sooner: dict[str, asyncio.Event] = {}

    async def keep(self, task: Task, account: Account) -> None:
        """From ``saving`` to ``succeeded`` (or ``failed``, when Kling had nothing to give)."""
        if not task.remote_pictures:
            await self._records.insist(task, State.FAILED, case="no_pictures")
            return
        self._sooner[task.id] = asyncio.Event()
        try:
            await self._until_done(task, account)
        finally:
            del self._sooner[task.id]

    def look(self, task_id: str) -> None:
        """Try now rather than later."""
        if event := self._sooner.get(task_id):
            event.set()

    async def _until_done(self, task: Task, account: Account) -> None:
        gone_since: float | None = None
        for attempt in itertools.count():
            try:
                gone = await self._round(task, account)
                gone_since = (gone_since or self._clock.now()) if gone else None
                task = await self._records.get(task.id) or task
                if not self._missing(task) or await self._lost(task, account, gone_since):
                    await self._finish(task)
                    return
            except Exception:
                log.exception("task %s: unexpected while its pictures are fetched", task.id)
            await self._rest(task.id, attempt)

    async def _round(self, task: Task, account: Account) -> bool:
        """Fetch what is missing; whether all that did not come is gone from its address."""
        errors = await self._fetch_all(task, account, self._missing(task))
        if errors:
            await self._records.note(task, **_words(errors[0]))
        return bool(errors) and all(isinstance(e, NotFetched) and e.gone for e in errors)

    async def _lost(self, task: Task, account: Account, gone_since: float | None) -> bool:
        """Whether to stop asking. Takes over fresh addresses, where Kling gives them."""
        gone_for = 0.0 if gone_since is None else self._clock.now() - gone_since
        try:
            answer = await account.client.get(task.remote_id)
        except NotFound:
            return gone_for > FORGOTTEN_AFTER
        except KlingError:
            return False
        if answer.succeeded and answer.pictures:
            await self._records.note(task, remote_pictures=answer.pictures)
        return gone_for > GONE_AFTER

    async def _rest(self, task_id: str, attempt: int) -> None:
        event = self._sooner[task_id]
        event.clear()
        seconds = jittered(backoff(attempt, first=0.8, factor=1.6, ceiling=300))
        await self._clock.wait(event, seconds)

    def _missing(self, task: Task) -> dict[Place, str]:
        have = {(picture.position, picture.watermarked) for picture in task.pictures}
        return {
            place: url for place, url in places(task.remote_pictures).items() if place not in have
        }

    async def _fetch_all(
        self, task: Task, account: Account, missing: dict[Place, str]
    ) -> list[KlingError | OSError]:
        results = await asyncio.gather(
            *(self._fetch(task, account, place, url) for place, url in missing.items())
        )
        return [error for error in results if error]

    async def _fetch(
        self, task: Task, account: Account, place: Place, url: str
    ) -> KlingError | OSError | None:
        async with self._turn(account), self._downloads:
            name = _picture_id(task, place)
            try:
                # a crash, or a damaged history, may have left the file without its row
                kept = await self._folder.find(name) or await self._folder.keep(
                    url, downloader=account.downloader, picture_id=name
                )
            except (KlingError, OSError) as error:
                why = error if isinstance(error, KlingError) else type(error).__name__
                log.warning("task %s: picture %d did not come: %s", task.id, place[0], why)
                return error
        position, watermarked = place
        picture = Picture(
            id=kept.file.partition(".")[0],
            task_id=task.id,
            position=position,
            watermarked=watermarked,
            **asdict(kept),
        )
        await self._records.keep_picture(picture)
        return None

    def _turn(self, account: Account) -> asyncio.Semaphore:
        """Where pictures come slowly from one gateway, they come from the others all the same."""
        return self._of_account.setdefault(account.name, asyncio.Semaphore(EACH))

    async def _finish(self, task: Task) -> None:
        came = sum(not picture.watermarked for picture in task.pictures)
        if not came:
            await self._records.insist(task, State.FAILED, case="pictures_gone")
            return
        case = "some_missing" if came < task.n or self._missing(task) else ""
        await self._records.insist(task, State.SUCCEEDED, case=case, detail="")


def _picture_id(task: Task, place: Place) -> str:
    """The same for the same place, so that a picture fetched again after a crash takes the same
    file; nobody who does not know the task's id can guess it."""
    return hashlib.sha256(f"{task.id} {place}".encode()).hexdigest()[:32]


def _words(error: KlingError | OSError) -> dict[str, Any]:
    if isinstance(error, KlingError):
        return {"case": error.case, "detail": error.detail}
    return {"case": "disk", "detail": type(error).__name__}
