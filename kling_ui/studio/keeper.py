"""Brings the pictures of finished tasks home and never gives up while they can be had."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import time
from dataclasses import asdict
from typing import Any

from ..errors import KlingError
from ..pictures import NotFetched, PictureFolder
from ..task import Picture, RemotePicture, State, Task
from .accounts import Account
from .records import Records

log = logging.getLogger(__name__)

AT_ONCE = 4  # downloads
FRESH_URLS = 5  # times Kling is asked for new addresses
GIVE_UP_AFTER = 24 * 3600.0  # seconds since the task was ready

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
    def __init__(self, records: Records, folder: PictureFolder, *, pace: float = 1.0) -> None:
        self._pace = pace
        self._records, self._folder = records, folder
        self._downloads = asyncio.Semaphore(AT_ONCE)

    async def keep(self, task: Task, account: Account) -> None:
        """From ``saving`` to ``succeeded`` (or ``failed``, when Kling had nothing to give)."""
        if not task.remote_pictures:
            await self._records.move(task, State.FAILED, case="no_pictures")
            return
        rounds, attempt = 0, 0
        while missing := self._missing(task):
            errors = await self._fetch_all(task, account, missing)
            if not errors:
                break
            attempt += 1
            rounds += any(error.gone for error in errors if isinstance(error, NotFetched))
            if rounds > FRESH_URLS or time.time() - task.state_since > GIVE_UP_AFTER:
                break
            await self._records.note(task, **_words(errors[0]))
            await asyncio.sleep(self._pace * random.uniform(0.5, 1) * min(60.0, 1.6**attempt))
            task = await self._refreshed(task, account)
        await self._finish(task)

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
        async with self._downloads:
            try:
                kept = await self._folder.keep(
                    url, downloader=account.downloader, picture_id=_picture_id(task, place)
                )
            except (KlingError, OSError) as error:
                name = error if isinstance(error, KlingError) else type(error).__name__
                log.warning("task %s: picture %d did not come: %s", task.id, place[0], name)
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

    async def _refreshed(self, task: Task, account: Account) -> Task:
        """The task with fresh picture addresses, where Kling gives them."""
        try:
            answer = await account.client.get(task.remote_id)
        except KlingError:
            answer = None
        if answer and answer.succeeded and answer.pictures:
            await self._records.note(task, remote_pictures=answer.pictures)
        return await self._records.get(task.id) or task

    async def _finish(self, task: Task) -> None:
        task = await self._records.get(task.id) or task
        came = sum(not picture.watermarked for picture in task.pictures)
        if not came:
            await self._records.move(task, State.FAILED, case="pictures_gone")
            return
        case = "some_missing" if came < task.n or self._missing(task) else ""
        await self._records.move(task, State.SUCCEEDED, case=case, detail="")


def _picture_id(task: Task, place: Place) -> str:
    """The same for the same place, so that a picture fetched again after a crash takes the same
    file; nobody who does not know the task's id can guess it."""
    return hashlib.sha256(f"{task.id} {place}".encode()).hexdigest()[:32]


def _words(error: KlingError | OSError) -> dict[str, Any]:
    if isinstance(error, KlingError):
        return {"case": error.case, "detail": error.detail}
    return {"case": "disk", "detail": type(error).__name__}
