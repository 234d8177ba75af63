"""Sends the queued tasks of one account. The only code that POSTs, and it POSTs a task once.

The row is ``sending`` on disk before the socket opens. Another POST of the same task happens only
where nothing can have been made: the connection was never made, or Kling said "too fast".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..errors import KlingError, NoAnswer, NotSent, Refused, TooFast
from ..history import DiskTrouble, InFlight, Waiting
from ..pictures import PictureFolder
from ..request import ImageRequest
from ..task import Answer, State, Task
from .accounts import Account
from .body import body_of
from .callbacks import Callbacks
from .clock import Clock
from .line import PATIENT, Quota, in_order, loads
from .pause import Pause
from .records import Records

log = logging.getLogger(__name__)

AT_ONCE = 8  # creates on the wire
EXPIRY = 15 * 60  # seconds of trying in vain before a task that was never sent expires
LONGEST_PAUSE = 60.0
LAST_MOMENT = 3.0  # seconds for creates on the wire when the program stops
FRESH = 5.0  # seconds from the row to the POST; later, the machine slept and others may have acted
ROOM = 100_000_000  # bytes free on the disk, or pictures would be paid for that cannot be kept
PARALLEL = 1303  # Kling's code where too many pictures are under way
LIMIT = "limit "  # what is learned of a model's limit is remembered by this and the model's name
SURE = {State.SENDING, State.UNCONFIRMED}  # where the verdict on the one POST may find its row


class Sender:
    """The rows are the queue. `sent` is called with every task that Kling has, or may have, from
    then on. `callbacks`, where Kling can reach us, tell it where to call."""

    def __init__(
        self,
        account: Account,
        records: Records,
        folder: PictureFolder,
        clock: Clock,
        *,
        sent: Callable[[Task], None],
        callbacks: Callbacks | None = None,
    ) -> None:
        self.account, self._records, self._folder, self._sent = account, records, folder, sent
        self._clock, self._callbacks = clock, callbacks
        self._quota = Quota({}, now=0)
        self._flying: dict[str, asyncio.Task[None]] = {}
        self._undecided: dict[str, Waiting] = {}  # of those that fly
        self._work, self._wire = asyncio.Event(), asyncio.Semaphore(AT_ONCE)
        self._pause = Pause(clock, longest=LONGEST_PAUSE)
        self._trying_since: dict[str, float] = {}
        self._served: dict[str, int] = {}  # by owner, when it was last its turn
        self._patience = PATIENT  # seconds until a trial may let something through

    def wake(self) -> None:
        """There may be something to send, or room for it."""
        self._work.set()

    async def run(self) -> None:
        """Until cancelled; what is on the wire then is given a moment to be answered."""
        self._quota = Quota(await self._limits(), now=self._clock.now())
        try:
            while True:
                await self._wire.acquire()
                try:
                    task, place = await self._next()
                except BaseException:
                    self._wire.release()
                    raise
                self._undecided[task.id] = place
                self._flying[task.id] = asyncio.create_task(self._turn(task, place))
        finally:
            if self._flying:
                await asyncio.wait(self._flying.values(), timeout=LAST_MOMENT)

    def abandon(self) -> None:
        """What is still unanswered will only be looked for, after the next start."""
        for turn in self._flying.values():
            turn.cancel()

    async def settled(self, *, within: float | None = None) -> None:
        """Every create that is on the wire has been answered, or never will be; or so many seconds
        are over, and it goes on all the same."""
        if self._flying:
            await asyncio.wait([*self._flying.values()], timeout=within)

    async def line(self) -> list[Waiting]:
        """What waits, in the order in which it will be sent as things stand."""
        return (await self._waiting())[0]

    def most(self, model: str) -> int | None:
        """How many pictures of this model the account takes at once, as far as is known."""
        return self._quota.most(model)

    async def _limits(self) -> dict[str, int]:
        known = await self._records.read(self._records.history.learned, self.account.name)
        return {
            name.removeprefix(LIMIT): fact.value
            for name, fact in known.items()
            if name.startswith(LIMIT) and isinstance(fact.value, int)
        }

    async def _next(self) -> tuple[Task, Waiting]:
        """The next to be sent, as soon as there is one and the account may send."""
        while True:
            self._work.clear()
            if (left := self._pause.until - self._clock.now()) > 0:
                await self._clock.sleep(left)
            elif self._pause.probing and self._flying:
                await self._work.wait()
            elif not await self._has_room():
                await self._clock.wait(self._work, 5)
            elif found := await self._choose():
                return found
            else:
                await self._clock.wait(self._work, self._patience)

    async def _choose(self) -> tuple[Task, Waiting] | None:
        line, flying = await self._waiting()
        now = self._clock.now()
        self._patience = self._quota.wait(line, now=now)
        await self._tell_above(line)
        while chosen := self._quota.next(line, flying, now=now):
            if task := await self._records.get(chosen.id):
                break
            line.remove(chosen)  # it cannot be read, or is gone
        else:
            return None
        self._quota.sending(chosen, load=loads(flying)[chosen.model], now=now)
        self._served[chosen.owner] = max(self._served.values(), default=0) + 1
        self._records.wake({one.owner for one in line})  # each of them moves up
        return task, chosen

    async def _waiting(self) -> tuple[list[Waiting], list[InFlight]]:
        queued, flying = await self._records.read(self._line_and_flight)
        chosen = [one for one in queued if one.id in self._flying]
        flying += [InFlight(id=one.id, owner=one.owner, model=one.model, n=one.n) for one in chosen]
        waiting = [one for one in queued if one.id not in self._flying and one.case != "held"]
        return in_order(waiting, flying, self._served), flying

    def _line_and_flight(self) -> tuple[list[Waiting], list[InFlight]]:
        history, account = self._records.history, self.account.name
        return history.waiting(account), history.in_flight(account)

    async def _tell_above(self, line: list[Waiting]) -> None:
        """A task that asks for more than the account takes at once says so."""
        for one in line:
            above = self._quota.above(one)
            if above is (one.case == "above_limit"):
                continue
            words = {"case": "above_limit", "detail": f"n = {one.n} > {self.most(one.model)}"}
            if task := await self._records.get(one.id):
                await self._records.note(task, **words if above else {"case": "", "detail": ""})

    async def _has_room(self) -> bool:
        free = await asyncio.to_thread(self._folder.free)
        self._records.cramp(free < ROOM)
        return free >= ROOM

    async def _turn(self, task: Task, place: Waiting) -> None:
        try:
            await self._send(task, place)
        except Exception:  # nothing was sent: the row could not be written or the picture read
            log.exception("task %s: could not be sent", task.id)
            self._pause.begin()
        finally:
            del self._flying[task.id]
            self._undecided.pop(task.id, None)
            self._wire.release()
            self.wake()

    async def _send(self, task: Task, place: Waiting) -> None:
        """One task from ``queued`` to a verdict, one commit before the POST and one after it."""
        try:
            payload = await self._payload(task)
        except FileNotFoundError:
            await self._records.move(task, State.REJECTED, case="reference_gone")
            return
        except (TypeError, ValueError) as error:  # written by another version
            log.warning("task %s cannot be read as a request: %s", task.id, error)
            await self._records.move(task, State.REJECTED, case="unexpected")
            return
        now = self._clock.wall()
        sending = await self._records.move(
            task, State.SENDING, frm={State.QUEUED}, attempts=task.attempts + 1, sent=now
        )
        if sending is None:
            return  # cancelled, or another was first
        if self._clock.wall() - now > FRESH:
            await self._records.insist(sending, State.QUEUED, sent=None)
            return
        try:
            answer = await self.account.client.create(payload)
        except Exception as error:
            await self._not_accepted(sending, error, place)
        else:
            await self._accepted(sending, answer, place)

    async def _payload(self, task: Task) -> dict[str, Any]:
        return await body_of(
            ImageRequest(**task.request),
            self._folder,
            external_task_id=task.external_task_id,
            callback_url=self._callbacks.url(task.id) if self._callbacks else "",
        )

    async def _accepted(self, task: Task, answer: Answer, place: Waiting) -> None:
        self._undecided.pop(task.id)
        self._answered(task)
        submitted = await self._records.insist(
            task,
            State.SUBMITTED,
            frm=SURE,
            remote_id=answer.task_id,
            remote_status=answer.status,
            request_id=answer.request_id,
            case="",
            detail="",
        )
        await self._learn(place, self._quota.accepted, own=place.n)
        if submitted:
            self._sent(submitted)

    async def _not_accepted(self, task: Task, error: Exception, place: Waiting) -> None:
        match error:
            case NotSent() | TooFast():
                await self._again(task, error)
                if error.code == PARALLEL:
                    await self._learn(place, self._quota.refused)
            case Refused() if self._ours_exists(task, error):
                await self._unconfirmed(task, error)
            case Refused() if task.resubmitted:  # it says nothing of the first time
                await self._unconfirmed(task, error)
            case Refused():
                self._answered(task)
                await self._records.insist(task, State.REJECTED, frm=SURE, **_words(error))
            case NoAnswer():
                await self._unconfirmed(task, error)
            case _:
                log.exception("task %s: unexpected while sending", task.id, exc_info=error)
                await self._unconfirmed(task, KlingError(case="unexpected"))

    @staticmethod
    def _ours_exists(task: Task, error: Refused) -> bool:
        """Kling holds a task under the id that we made up, or that we sent before: it was
        accepted after all."""
        ours = task.resubmitted or not task.request.get("external_task_id")
        return ours and "already exists" in error.detail

    async def _at_kling(self, model: str) -> int:
        """Pictures of the model that Kling has accepted, as far as its answers are here."""
        flying = await self._records.read(self._records.history.in_flight, self.account.name)
        return sum(one.n for one in flying if one.model == model and one.id not in self._undecided)

    def _answered(self, task: Task) -> None:
        self._pause.over()
        self._trying_since.pop(task.id, None)

    async def _learn(self, place: Waiting, lesson: Callable[..., None], *, own: int = 0) -> None:
        """What the verdict says of the account's limit, remembered where it is new. Kling was at
        what it has now, but for the `own` pictures of this task. The verdict itself is safe by
        now: a disk that fails here costs no more than a lesson."""
        model = place.model
        with suppress(DiskTrouble):
            load = await self._at_kling(model) - own
            known = self._quota.most(model)
            lesson(place, load=load, now=self._clock.now())
            if (most := self._quota.most(model)) != known:
                history, name = self._records.history, LIMIT + model
                await self._records.read(history.learn, self.account.name, name, most)

    async def _unconfirmed(self, task: Task, error: KlingError) -> None:
        self._answered(task)
        unconfirmed = await self._records.insist(task, State.UNCONFIRMED, **_words(error))
        if unconfirmed:
            self._sent(unconfirmed)

    async def _again(self, task: Task, error: KlingError) -> None:
        """Nothing was made: back to the queue, and the whole account pauses."""
        if self._in_vain(task, error):
            if task.resubmitted:  # Kling may have it from the first time
                await self._unconfirmed(task, error)
                return
            words = _words(error) | {"case": "expired"}
            await self._records.insist(task, State.EXPIRED, frm=SURE, sent=None, **words)
            return
        self._pause.begin(error.retry_after)
        await self._records.insist(task, State.QUEUED, frm=SURE, sent=None, **_words(error))

    def _in_vain(self, task: Task, error: KlingError) -> bool:
        """Whether it has been tried for long enough. Waiting for a place does not count."""
        if isinstance(error, TooFast):
            self._trying_since.pop(task.id, None)
            return False
        now = self._clock.now()
        return now - self._trying_since.setdefault(task.id, now) > EXPIRY


def _words(error: KlingError) -> dict[str, Any]:
    return {"case": error.case, "detail": error.detail, "request_id": error.request_id}
