"""Watches the tasks of one account that Kling has, or may have: one clock for all of them."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import logging
import time
from collections.abc import Callable
from typing import Any

from ..errors import KlingError, Refused, failure
from ..task import Answer, State, Task
from .accounts import Account
from .backoff import backoff, jittered
from .records import Records

log = logging.getLogger(__name__)

AT_ONCE = 8  # queries on the wire
STALLED_AFTER = 24 * 3600.0
UNSURE = {State.SENDING, State.UNCONFIRMED}
RUNNING = {State.SUBMITTED, State.PROCESSING}
WATCHED = UNSURE | RUNNING | {State.STALLED}
CLOCKS_APART = 600.0  # seconds
LISTED = 100  # tasks looked through when an external id is not found by itself


def patience(task: Task, *, age: float, asked: int) -> float:
    """Seconds until a task of this `age` (since it was sent) is asked again, `asked` times so far.

    Where nobody knows whether Kling has it, look soon and then ever more rarely."""
    if age > STALLED_AFTER:
        return 3600.0
    if task.state in UNSURE:
        return backoff(asked, first=2, factor=1.6, ceiling=300)
    if age < 60:
        return 1.0 if age > 3 else 1.5
    return min(age / 30, 30.0) if age < 3600 else 300.0


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
        self.account, self._records, self._finished = account, records, finished
        self._pace = pace
        self._tasks: dict[str, Task] = {}
        self._when: dict[str, float] = {}  # the one moment that counts; the heap may hold older
        self._due: list[tuple[float, str]] = []
        self._asked: dict[str, int] = {}
        self._turns: dict[str, asyncio.Task[None]] = {}
        self._sooner, self._wire = asyncio.Event(), asyncio.Semaphore(AT_ONCE)

    def add(self, task: Task, *, delay: float | None = None) -> None:
        self._tasks[task.id] = task
        self._plan(task.id, patience(task, age=0, asked=0) if delay is None else delay)

    def look(self, task_id: str) -> None:
        """Ask about this task now, and often again. A look under way already is soon enough."""
        if task_id in self._tasks and task_id not in self._turns:
            self._asked[task_id] = 0
            self._plan(task_id, 0)

    def _plan(self, task_id: str, delay: float) -> None:
        moment = time.monotonic() + delay * self._pace
        self._when[task_id] = moment
        heapq.heappush(self._due, (moment, task_id))
        self._sooner.set()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                wait = self._due[0][0] - time.monotonic() if self._due else 3600.0
                if wait > 0:
                    await self._nap(wait)
                    continue
                await self._wire.acquire()
                self._start(*heapq.heappop(self._due))
        finally:
            for turn in self._turns.values():
                turn.cancel()

    async def _nap(self, seconds: float) -> None:
        self._sooner.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._sooner.wait()

    def _start(self, moment: float, task_id: str) -> None:
        """One turn of a task at a time; moments that were replanned are passed over."""
        task = self._tasks.get(task_id)
        if task is None or self._when.get(task_id) != moment or task_id in self._turns:
            self._wire.release()
        else:
            self._turns[task_id] = asyncio.create_task(self._turn(task))

    async def _turn(self, task: Task) -> None:
        now: Task | None = task
        try:
            now = await self._ask(task) or await self._records.get(task.id)
        except KlingError as error:
            log.info("task %s: no answer to a query (%s)", task.id, error)
            now = await self._unanswered(task)
        except Exception:
            log.exception("task %s: unexpected while watching", task.id)
        finally:
            self._wire.release()
            del self._turns[task.id]
        self._go_on(task.id, now)

    async def _unanswered(self, task: Task) -> Task:
        """A task that cannot even be asked about is stalled after a day as well."""
        if self._age(task) < STALLED_AFTER or task.state not in RUNNING:
            return task
        return await self._records.insist(task, State.STALLED) or task

    def _go_on(self, task_id: str, task: Task | None) -> None:
        if task is None or task.state not in WATCHED:
            for known in (self._tasks, self._when, self._asked):
                known.pop(task_id, None)
            if task and task.state is State.SAVING:
                self._finished(task)
            return
        asked = self._asked[task_id] = self._asked.get(task_id, 0) + 1
        self._tasks[task_id] = task
        self._plan(task_id, jittered(patience(task, age=self._age(task), asked=asked)))

    @staticmethod
    def _age(task: Task) -> float:
        return time.time() - (task.sent or task.created)

    async def _ask(self, task: Task) -> Task | None:
        """The task after one look at Kling; None when another changed it meanwhile."""
        if task.state not in UNSURE:
            return await self.absorb(task, await self.account.client.get(task.remote_id))
        found = await self._look_for(task)
        if found is None:
            return task
        adopted = await self._records.move(
            task, State.SUBMITTED, remote_id=found.task_id, case="", detail=""
        )
        return await self.absorb(adopted, found) if adopted else None

    async def _look_for(self, task: Task) -> Answer | None:
        """Kling's task under our external id, asked for directly or found in the list."""
        try:
            answer = await self.account.client.get(task.external_task_id)
            if _is(task, answer):
                return answer
        except Refused:  # gateways without lookup refuse in many ways; the list may know it
            pass
        listed = await self.account.client.list(size=LISTED)
        return next((answer for answer in listed if _is(task, answer)), None)

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

    def _running(self, task: Task, answer: Answer) -> State:
        if self._age(task) > STALLED_AFTER:
            return State.STALLED
        return State.SUBMITTED if answer.status == "submitted" else State.PROCESSING


def _is(task: Task, answer: Answer) -> bool:
    """Whether Kling's task is ours: it bears our id and was not made before we sent it, by
    Kling's clock and ours."""
    known = answer.created_at / 1000
    earlier = bool(known and task.sent and known < task.sent - CLOCKS_APART)
    return answer.external_task_id == task.external_task_id and not earlier


def _clean(message: str) -> str:
    return KlingError(message).detail
