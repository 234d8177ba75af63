"""Watches the tasks of one account that Kling has, or may have: one clock for all of them."""

from __future__ import annotations

import asyncio
import heapq
import logging
import random
import time
from collections.abc import Callable
from typing import Any

from ..errors import KlingError, NotFound, failure
from ..task import Answer, State, Task
from .accounts import Account
from .records import Records

log = logging.getLogger(__name__)

AT_ONCE = 8  # queries on the wire
STALLED_AFTER = 24 * 3600.0
LISTED = 100  # tasks looked through when an external id is not found by itself


def patience(task: Task, *, age: float, asked: int) -> float:
    """Seconds until a task of this `age` (since it was sent) is asked again, `asked` times so far.

    Where nobody knows whether Kling has it, look soon and then ever more rarely."""
    if task.state is State.UNCONFIRMED:
        return float(min(2.0 * 1.6**asked, 300.0))
    if age < 60:
        return 1.0 if age > 3 else 1.5
    if age < 3600:
        return min(age / 30, 30.0)
    return 300.0 if age < STALLED_AFTER else 3600.0


class Watcher:
    """`finished` is called with every task whose pictures are ready at Kling."""

    def __init__(
        self,
        account: Account,
        records: Records,
        *,
        finished: Callable[[Task], None],
        pace: float = 1.0,
    ) -> None:
        self._pace = pace
        self.account, self._records, self._finished = account, records, finished
        self._due: list[tuple[float, str]] = []
        self._tasks: dict[str, Task] = {}
        self._asked: dict[str, int] = {}
        self._sooner, self._wire = asyncio.Event(), asyncio.Semaphore(AT_ONCE)

    def add(self, task: Task, *, delay: float | None = None) -> None:
        self._tasks[task.id] = task
        self._plan(task, patience(task, age=0, asked=0) if delay is None else delay)

    def look(self, task_id: str) -> None:
        """Ask about this task now, and often again."""
        if task := self._tasks.get(task_id):
            self._asked[task_id] = 0
            self._plan(task, 0)

    def _plan(self, task: Task, delay: float) -> None:
        heapq.heappush(self._due, (time.monotonic() + delay * self._pace, task.id))
        self._sooner.set()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                wait = self._due[0][0] - time.monotonic() if self._due else 3600.0
                if wait > 0:
                    await self._nap(wait)
                    continue
                task = self._tasks.get(heapq.heappop(self._due)[1])
                if task:
                    await self._wire.acquire()
                    group.create_task(self._turn(task))

    async def _nap(self, seconds: float) -> None:
        self._sooner.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._sooner.wait()
        except TimeoutError:
            return

    async def _turn(self, task: Task) -> None:
        try:
            now = await self._ask(task)
        except KlingError as error:
            log.info("task %s: no answer to a query (%s)", task.id, error)
            now = task
        except Exception:
            log.exception("task %s: unexpected while watching", task.id)
            now = task
        finally:
            self._wire.release()
        if now is None or now.state.over or now.state is State.SAVING:
            self._drop(task.id)
            if now and now.state is State.SAVING:
                self._finished(now)
            return
        self._later(now)

    def _drop(self, task_id: str) -> None:
        self._tasks.pop(task_id, None)
        self._asked.pop(task_id, None)

    def _later(self, task: Task) -> None:
        asked = self._asked[task.id] = self._asked.get(task.id, 0) + 1
        self._tasks[task.id] = task
        age = time.time() - (task.sent or task.created)
        self._plan(task, patience(task, age=age, asked=asked) * random.uniform(0.9, 1.1))

    async def _ask(self, task: Task) -> Task | None:
        """The task after one look at Kling; None when it is no longer ours to watch."""
        if task.state in (State.UNCONFIRMED, State.SENDING):
            found = await self._look_for(task)
            if found is None:
                return task
            adopted = await self._records.move(
                task, State.SUBMITTED, remote_id=found.task_id, case="", detail=""
            )
            return await self.absorb(adopted, found) if adopted else None
        return await self.absorb(task, await self.account.client.get(task.remote_id))

    async def _look_for(self, task: Task) -> Answer | None:
        """Kling's task under our external id, asked for directly or found in the list."""
        mark = task.external_task_id
        try:
            answer = await self.account.client.get(mark)
            if answer.external_task_id == mark:
                return answer
        except NotFound:
            pass
        listed = await self.account.client.list(size=LISTED)
        return next((answer for answer in listed if answer.external_task_id == mark), None)

    async def absorb(self, task: Task, answer: Answer) -> Task | None:
        """What Kling says, written down; a word nobody knows means it is still running."""
        words: dict[str, Any] = {"remote_status": answer.status}
        if answer.failed:
            case = failure(answer.message)
            return await self._records.move(
                task,
                State.FAILED,
                case=case,
                detail=_clean(answer.message),
                deduction=answer.deduction,
                request_id=answer.request_id or task.request_id,
                **words,
            )
        if answer.succeeded:
            return await self._records.move(
                task,
                State.SAVING,
                remote_pictures=answer.pictures,
                deduction=answer.deduction,
                case="",
                **words,
            )
        state = self._running(task, answer)
        if state is not task.state:
            return await self._records.move(task, state, **words)
        return await self._records.note(task, **words)

    @staticmethod
    def _running(task: Task, answer: Answer) -> State:
        if time.time() - (task.sent or task.created) > STALLED_AFTER:
            return State.STALLED
        return State.SUBMITTED if answer.status == "submitted" else State.PROCESSING


def _clean(message: str) -> str:
    return KlingError(message).detail
