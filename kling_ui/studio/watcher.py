"""Watches the tasks of one account that Kling has, or may have: one clock for all of them.

A task alone is asked for by its id when its end is likely. Several in flight are looked for in
the account's list, one query for all, where the gateway has one. Where nobody knows whether Kling
has a task it is looked for under our own id, soon and then ever more rarely.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from itertools import islice
from typing import Any

from ..errors import KlingError, NoAnswer, NotFound
from ..history import DiskTrouble
from ..task import Answer, State, Task
from .callbacks import EarlyHints
from .clock import Clock
from .forecast import LONGEST
from .pause import Pause
from .reading import Reading, found_in
from .timing import Timing
from .watched import A_DAY, FORGOTTEN, NO_TRACE, RUNNING, UNSURE, WATCHED, Watched

log = logging.getLogger(__name__)

AT_ONCE = 8  # queries on the wire
OTHERS = 15  # tasks of other programs that the page has room for at first
LONGEST_PAGE = 500  # tasks of the list that are asked for at most
SETTLED = 5.0  # seconds after which a task that Kling accepted must stand in its list
REVIEW = 0.5  # seconds
TOGETHER = 3  # queries that fail one after another are one failure of the gateway
DEAF = 4  # queries in a row without an answer, until the pages are told
LONGEST_PAUSE = 30.0  # seconds


class Watcher:
    """`finished` is called with every task whose pictures are ready at Kling, `freed` whenever
    one is over there, and `no_trace` with one that Kling has no trace of, once."""

    def __init__(
        self,
        reading: Reading,
        account: str,
        clock: Clock,
        *,
        finished: Callable[[Task], None],
        freed: Callable[[], None],
        no_trace: Callable[[Task], Coroutine[Any, Any, Task | None]],
    ) -> None:
        self._reading, self._account, self._clock = reading, account, clock
        self._records, self._gateway = reading.records, reading.gateway
        self._finished, self._freed, self._no_trace = finished, freed, no_trace
        self._tasks: dict[str, Watched] = {}
        self._due: list[tuple[float, str]] = []  # the heap may hold moments that were replanned
        self._list_at: float | None = None
        self._review_at: float | None = None
        self._added, self._others = 0, OTHERS
        self._timing = Timing(clock)
        self._reads_list, self._list_failed = False, 0  # times in a row
        self._blind = 0  # pages in a row that showed none of ours
        self._failures, self._pause = 0, Pause(clock, longest=LONGEST_PAUSE)
        self._early = EarlyHints()
        self._turns: set[asyncio.Task[None]] = set()
        self._sooner, self._wire = asyncio.Event(), asyncio.Semaphore(AT_ONCE)

    # what others tell it

    def add(self, task: Task, *, delay: float | None = None) -> None:
        """Watch this one from now on, first after `delay` seconds or when it seems best."""
        age = self._clock.since(task.sent or task.created)
        self._added += 1
        one = Watched(task, born=self._clock.now() - age, number=self._added)
        self._tasks[task.id] = one
        if delay is None:
            self._plan(one)
        elif self._listed(one) and self._together():
            self._list_at = self._clock.now() + delay
        else:
            self._set(one, delay)
        if early := self._early.pop(task.id):
            self.hint(task.id, remote_id=early.remote_id, over=early.over)

    def look(self, task_id: str) -> None:
        """Ask about this task now, and often again. A look under way already is soon enough."""
        one = self._tasks.get(task_id)
        if one and not one.asking:
            one.asked = 0
            self._set(one, 0)

    def hint(self, task_id: str, *, remote_id: str, over: bool) -> None:
        """A callback came. It is believed no further than to look; and to know that they come."""
        one = self._tasks.get(task_id)
        if one is None:
            self._early.keep(task_id, remote_id=remote_id, over=over)
            return
        one.told = True
        if not self._timing.told:
            self._timing.told = True
            self._plan_afresh()
        one.hinted = remote_id or one.hinted
        if one.task.state in UNSURE or (over and one.task.state in WATCHED):
            one.again = one.asking
            self.look(task_id)

    # the loop

    async def run(self) -> None:
        """Until cancelled."""
        read, history = self._records.read, self._records.history
        self._timing.recall(await read(history.durations, self._account))
        try:
            while True:
                wait = self._next_moment() - self._clock.now()
                if wait > 0:
                    self._sooner.clear()
                    await self._clock.wait(self._sooner, wait)
                    continue
                await self._wire.acquire()
                if not self._start():
                    self._wire.release()
        finally:
            for turn in self._turns:
                turn.cancel()

    def _next_moment(self) -> float:
        if self._pause.probing and self._turns:
            return self._clock.now() + LONGEST  # one probe at a time; its end wakes us
        moments = [self._due[0][0]] if self._due else []
        moments += [at for at in (self._list_at, self._review_at) if at is not None]
        return max(min(moments, default=self._clock.now() + LONGEST), self._pause.until)

    def _start(self) -> bool:
        """One query, of the list or of the task that is due; moments replanned are passed over."""
        if self._review_at is not None and self._review_at <= self._clock.now():
            self._review()
        if self._list_at is not None and self._list_at <= self._clock.now():
            self._list_at = None
            self._turn(self._look_at_list())
            return True
        if not self._due or self._due[0][0] > self._clock.now():
            return False
        moment, task_id = heapq.heappop(self._due)
        one = self._tasks.get(task_id)
        if one is None or one.due != moment or one.asking:
            return False
        one.asking, one.due = True, None
        self._turn(self._look_at(one))
        return True

    def _turn(self, work: Coroutine[Any, Any, None]) -> None:
        turn = asyncio.create_task(work)
        self._turns.add(turn)
        turn.add_done_callback(self._turned)

    def _turned(self, turn: asyncio.Task[None]) -> None:
        self._turns.discard(turn)
        self._wire.release()
        self._sooner.set()

    # when

    def _set(self, one: Watched, delay: float) -> None:
        """The task's own next look, instead of any other."""
        one.due = self._clock.now() + delay
        heapq.heappush(self._due, (one.due, one.task.id))
        self._sooner.set()

    def _plan(self, one: Watched) -> None:
        """The next look at a task: its own, or the list's."""
        if self._listed(one) and self._together():
            one.due = None
            self._plan_list()
        else:
            self._set(one, self._delay(one))

    def _plan_anew(self) -> None:
        """Those whom the list served, whatever came of it."""
        for one in self._tasks.values():
            if one.due is None and not one.asking:
                self._plan(one)

    def _plan_afresh(self) -> None:
        """Now that callbacks come there is less to ask."""
        self._list_at = None
        for one in self._tasks.values():
            if one.task.state in RUNNING and not one.asking:
                self._plan(one)

    def _listed(self, one: Watched) -> bool:
        return one.task.state in RUNNING and not one.alone

    def _together(self) -> bool:
        two = islice(filter(self._listed, self._tasks.values()), 2)
        return self._gateway.listing is not False and len([*two]) == 2

    def _group(self) -> list[Watched]:
        """Whom the list serves now."""
        return [
            one
            for one in self._tasks.values()
            if self._listed(one) and one.due is None and not one.asking
        ]

    def _plan_list(self) -> None:
        """Those that join a group whose look is planned are thought of a little later, together:
        weighing many tasks costs more than a look."""
        now = self._clock.now()
        if self._list_at is not None and self._review_at is None:
            self._review_at = now + REVIEW
            self._sooner.set()
        elif self._list_at is None and not self._reads_list and (group := self._group()):
            self._list_at, self._review_at = now + self._timing.together(group), None
            self._sooner.set()

    def _review(self) -> None:
        self._review_at = None
        if self._list_at is not None and (group := self._group()):
            soon = self._clock.now() + self._timing.together(group)
            self._list_at = min(self._list_at, soon)

    def _delay(self, one: Watched) -> float:
        able = self._gateway.lookup is not False or self._gateway.listing is not False
        return self._timing.alone(one, able=able)

    # looking

    async def _look_at(self, one: Watched) -> None:
        """One turn with one task."""
        now: Task | None = one.task
        try:
            now = await self._asked(one) or await self._records.get(one.task.id)
            self._answered()
        except KlingError as error:
            now = await self._unanswered(one, error)
        except Exception:
            log.exception("task %s: unexpected while watching", one.task.id)
        finally:
            one.asking = False
        one.asked += 1
        self._go_on(one, now)
        if one.again:
            one.again = False
            self.look(one.task.id)

    async def _asked(self, one: Watched) -> Task | None:
        """The task after a look at Kling; None when another changed it meanwhile."""
        if one.task.state in UNSURE:
            return await self._searched(one)
        answer = await self._reading.ask(one.task)
        one.misses.count = one.errors = 0
        return await self._absorbed(one, answer)

    async def _searched(self, one: Watched) -> Task | None:
        found, clean = await self._reading.look_for(one.task, hinted=one.hinted)
        if found:
            one.born = self._clock.now() - self._clock.since(one.task.sent)
            return await self._reading.adopt(one.task, found)
        if clean:
            one.misses.another(self._clock.now())
        if one.task.case != "not_found" and one.misses.reach(NO_TRACE, self._clock.now()):
            return await self._no_trace(one.task)
        return await self._records.get(one.task.id)  # None: nobody wants it any more

    async def _absorbed(self, one: Watched, answer: Answer) -> Task | None:
        task = await self._reading.absorb(one.task, answer)
        if task and task.state not in WATCHED:
            self._timing.ended(one, task, at=answer.updated_at / 1000)
        return task

    async def _unanswered(self, one: Watched, error: KlingError) -> Task | None:
        """A task that cannot even be asked about is stalled after a day as well."""
        log.info("task %s: no answer to a query (%s)", one.task.id, error)
        one.errors += 1
        if isinstance(error, NotFound):
            self._answered()
            one.misses.another(self._clock.now())
            if one.misses.reach(FORGOTTEN, self._clock.now()):
                with suppress(DiskTrouble):  # it will be said another time
                    one.task = await self._records.note(one.task, case="forgotten")
        else:
            self._failed(error)
        if one.age(self._clock.now()) < A_DAY or one.task.state not in RUNNING:
            return one.task
        return await self._records.insist(one.task, State.STALLED) or one.task

    def _go_on(self, one: Watched, task: Task | None) -> None:
        """Plan the next look, or hand the task on."""
        if task is None or task.state not in WATCHED:
            if self._tasks.get(one.task.id) is one:
                del self._tasks[one.task.id]
            if task and task.state is State.SAVING:
                self._finished(task)
            self._freed()
            return
        one.task = task
        self._plan(one)

    async def _look_at_list(self) -> None:
        """One query for all; those that fell off its page are asked for singly."""
        group, asked_at = self._group(), self._clock.now()
        self._reads_list = True
        try:
            size = self._size(group)
            answers = await self._reading.page(size)
            self._list_failed = 0
            self._answered()
            await self._read_list(group, answers, asked_at, full=len(answers) >= size)
        except KlingError as error:
            log.info("the list was not answered (%s)", error)
            self._failed(error)
            self._list_failed += 1
            if self._list_failed > 1:
                self._part(group)
        except Exception:
            log.exception("unexpected while reading the list")
        finally:
            self._reads_list = False
        self._plan_anew()

    def _part(self, group: list[Watched]) -> None:
        """The list fails again: each of those it served is asked for singly once."""
        for one in group:
            if one.due is None and not one.asking and self._tasks.get(one.task.id) is one:
                self._set(one, 0 if one.errors else self._delay(one))

    def _size(self, group: list[Watched]) -> int:
        """It must reach back to the oldest in flight, past ours and what others made since."""
        oldest = min((one.number for one in group), default=self._added)
        return min(self._added - oldest + 1 + self._others, LONGEST_PAGE)

    async def _read_list(
        self, group: list[Watched], answers: list[Answer], at: float, *, full: bool
    ) -> None:
        by_id = {answer.task_id: answer for answer in answers}
        served = [one for one in group if self._tasks.get(one.task.id) is one and not one.asking]
        found = [one for one in served if one.task.remote_id in by_id]
        for one in found:
            await self._read(one, by_id[one.task.remote_id])
        for one in [one for one in self._tasks.values() if one.task.state in UNSURE]:
            if not one.asking and (answer := found_in(answers, one.task)):
                await self._read(one, answer)
        missing = [one for one in served if one not in found and one.age(at) > SETTLED]
        await self._judge_list(bool(found), missing, full=full)

    async def _read(self, one: Watched, answer: Answer) -> None:
        """What the list says of one task."""
        known = answer.status == one.task.remote_status and one.task.case != "forgotten"
        if known and one.age(self._clock.now()) < A_DAY:
            return
        one.asking, now = True, None
        try:
            if one.task.state in UNSURE:
                now = await self._reading.adopt(one.task, answer)
            else:
                now = await self._absorbed(one, answer)
            now = now or await self._records.get(one.task.id)
        except Exception:
            log.exception("task %s: unexpected while watching", one.task.id)
            now = one.task
        finally:
            one.asking = False
        self._go_on(one, now)

    async def _judge_list(self, found: bool, missing: list[Watched], *, full: bool) -> None:
        """Whether the list serves; and those it does not show are asked for singly."""
        if found:
            self._blind = 0
            await self._gateway.learn("listing", True)
        elif missing and not full:
            self._blind += 1
            if self._blind > 1:
                await self._gateway.learn("listing", False)
        longer = full and self._others < LONGEST_PAGE
        if missing and longer:
            self._others *= 2
        for one in missing:
            one.alone = not longer
            self._set(one, 0)

    @property
    def deaf(self) -> bool:
        """Nothing was heard of the tasks that are watched, several times in a row."""
        return bool(self._tasks) and self._failures >= DEAF

    def _answered(self) -> None:
        if self._failures >= DEAF:
            self._reading.records.wake_all()
        self._failures = 0
        self._pause.over()

    def _failed(self, error: KlingError) -> None:
        """Several queries that fail one after another are the gateway's trouble, not the task's."""
        self._failures += 1
        if self._failures == DEAF:
            self._reading.records.wake_all()
        alone = isinstance(error, NoAnswer) and self._failures < TOGETHER
        if not alone or error.retry_after:
            self._pause.begin(error.retry_after)
