"""Sends the queued tasks of one account. The only code that POSTs, and it POSTs a task once.

The row is ``sending`` on disk before the socket opens. Another POST of the same task happens only
where nothing can have been made: the connection was never made, or Kling said "too fast".
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..errors import KlingError, NoAnswer, NotSent, Refused, TooFast
from ..fields import KEPT
from ..pictures import PictureFolder
from ..request import ImageRequest
from ..task import Answer, State, Task
from .accounts import Account
from .backoff import backoff
from .records import Records

log = logging.getLogger(__name__)

AT_ONCE = 8  # creates on the wire
EXPIRY = 15 * 60  # seconds of trying in vain before a task that was never sent expires
LONGEST_PAUSE = 60.0
LAST_MOMENT = 3.0  # seconds for creates on the wire when the program stops
RETRY_AFTER_CEILING = 120.0


class Sender:
    """The rows are the queue: the oldest that is ``queued`` goes first. `sent` is called with
    every task that Kling has, or may have, from then on."""

    def __init__(
        self,
        account: Account,
        records: Records,
        folder: PictureFolder,
        *,
        sent: Callable[[Task], None],
        pace: float = 1.0,
    ) -> None:
        self.account, self._records, self._folder, self._sent = account, records, folder, sent
        self._pace = pace
        self._flying: dict[str, asyncio.Task[None]] = {}
        self._work, self._wire = asyncio.Event(), asyncio.Semaphore(AT_ONCE)
        self._setbacks, self._not_before = 0, 0.0  # shared by all tasks of the account
        self._trying_since: dict[str, float] = {}

    def wake(self) -> None:
        """There may be something to send."""
        self._work.set()

    async def run(self) -> None:
        """Until cancelled; what is on the wire then is given a moment to be answered."""
        try:
            while True:
                await self._wire.acquire()
                task = await self._next()
                self._flying[task.id] = asyncio.create_task(self._turn(task))
        finally:
            if self._flying:
                await asyncio.wait(self._flying.values(), timeout=LAST_MOMENT)

    async def _next(self) -> Task:
        """The oldest queued task, as soon as there is one and the account may send."""
        queued = self._records.history.queued
        while True:
            self._work.clear()
            if (pause := self._not_before - time.monotonic()) > 0:
                await asyncio.sleep(pause)
                continue
            oldest = await self._records.read(queued, self.account.name, limit=AT_ONCE + 1)
            waiting = [task for task in oldest if task.id not in self._flying]
            if waiting:
                return waiting[0]
            await self._work.wait()

    async def _turn(self, task: Task) -> None:
        try:
            await self._send(task)
        except Exception:  # nothing was sent: the row could not be written or the picture read
            log.exception("task %s: could not be sent", task.id)
            self._pause(None)
        finally:
            del self._flying[task.id]
            self._wire.release()
            self.wake()

    async def _send(self, task: Task) -> None:
        """One task from ``queued`` to a verdict, one commit before the POST and one after it."""
        try:
            payload = await self._payload(task)
        except FileNotFoundError:
            await self._records.move(task, State.REJECTED, case="reference_gone")
            return
        sending = await self._records.move(
            task, State.SENDING, attempts=task.attempts + 1, sent=time.time()
        )
        if sending is None:
            return  # cancelled, or another was first
        try:
            answer = await self.account.client.create(payload)
        except Exception as error:
            await self._not_accepted(sending, error)
        else:
            await self._accepted(sending, answer)

    async def _payload(self, task: Task) -> dict[str, Any]:
        request = ImageRequest(**{**task.request, "external_task_id": task.external_task_id})
        if request.image.startswith(KEPT):
            name = request.image.removeprefix(KEPT)
            data = await asyncio.to_thread(self._folder.reference, name)
            request = replace(request, image=b64encode(data).decode())
        return request.payload()

    async def _accepted(self, task: Task, answer: Answer) -> None:
        self._setbacks = 0
        self._trying_since.pop(task.id, None)
        submitted = await self._records.insist(
            task,
            State.SUBMITTED,
            remote_id=answer.task_id,
            remote_status=answer.status,
            request_id=answer.request_id,
            case="",
            detail="",
        )
        if submitted:
            self._sent(submitted)

    async def _not_accepted(self, task: Task, error: Exception) -> None:
        match error:
            case NotSent() | TooFast():
                await self._again(task, error)
            case Refused() if self._ours_exists(task, error):
                await self._unconfirmed(task, error)
            case Refused():
                self._setbacks = 0
                self._trying_since.pop(task.id, None)
                await self._records.insist(task, State.REJECTED, **_words(error))
            case NoAnswer():
                await self._unconfirmed(task, error)
            case _:
                log.exception("task %s: unexpected while sending", task.id, exc_info=error)
                await self._unconfirmed(task, KlingError(case="unexpected"))

    @staticmethod
    def _ours_exists(task: Task, error: Refused) -> bool:
        """Kling holds a task under the id that we made up: it was accepted after all."""
        return not task.request.get("external_task_id") and "already exists" in error.detail

    async def _unconfirmed(self, task: Task, error: KlingError) -> None:
        unconfirmed = await self._records.insist(task, State.UNCONFIRMED, **_words(error))
        if unconfirmed:
            self._sent(unconfirmed)

    async def _again(self, task: Task, error: KlingError) -> None:
        """Nothing was made: back to the queue, and the whole account pauses."""
        if self._in_vain(task, error):
            words = _words(error) | {"case": "expired"}
            await self._records.insist(task, State.EXPIRED, sent=None, **words)
            return
        self._pause(error.retry_after)
        await self._records.insist(task, State.QUEUED, sent=None, **_words(error))

    def _in_vain(self, task: Task, error: KlingError) -> bool:
        """Whether it has been tried for long enough. Waiting for a place does not count."""
        if isinstance(error, TooFast):
            self._trying_since.pop(task.id, None)
            return False
        now = time.monotonic()
        return now - self._trying_since.setdefault(task.id, now) > EXPIRY

    def _pause(self, retry_after: float | None) -> None:
        """Several that fail together are one setback."""
        now = time.monotonic()
        if now >= self._not_before:
            self._setbacks += 1
        longest = backoff(self._setbacks, first=1, factor=2, ceiling=LONGEST_PAUSE)
        pause = max(1 + random.uniform(0, longest), min(retry_after or 0, RETRY_AFTER_CEILING))
        self._not_before = max(self._not_before, now + pause * self._pace)


def _words(error: KlingError) -> dict[str, Any]:
    return {"case": error.case, "detail": error.detail, "request_id": error.request_id}
