"""What a look at Kling brings: the task found, and what Kling says of it written down."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ..client import KlingClient
from ..errors import (
    BadRequest,
    KeyRejected,
    KlingError,
    NotFound,
    Refused,
    TooFast,
    failure,
)
from ..task import Answer, State, Task
from .clock import Clock
from .gateway import Gateway
from .records import Records
from .watched import A_DAY, UNSURE

NO_LIST = (NotFound, BadRequest)  # what a gateway without one answers
CLOCKS_APART = 600.0  # seconds
LONGEST_REPLY = 20_000  # characters that are kept of one
LISTED = 100  # tasks looked through when an external id is not found by itself


class Reading:
    def __init__(
        self, client: KlingClient, records: Records, gateway: Gateway, clock: Clock
    ) -> None:
        self._client, self.records, self.gateway = client, records, gateway
        self._clock = clock

    async def ask(self, task: Task) -> Answer:
        """About a task that Kling accepted. The first question goes by our own id, while it is
        not known whether that works: a gateway that can answer it can find lost tasks."""
        if self.gateway.lookup is None and (answer := await self._proof(task)):
            return answer
        return await self._client.get(task.remote_id)

    async def _proof(self, task: Task) -> Answer | None:
        """Learn from an accepted task whether external ids are looked up."""
        try:
            answer = await self._client.get(task.external_task_id)
        except (NotFound, BadRequest):
            await self.gateway.learn("lookup", False)
            return None
        same = answer.task_id == task.remote_id
        await self.gateway.learn("lookup", same)
        return answer if same else None

    async def look_for(self, task: Task, *, hinted: str = "") -> tuple[Answer | None, bool]:
        """Kling's task under our external id; and, where there is none, whether that is evidence:
        lookup is known to work, and said that it knows no such task."""
        if self.gateway.lookup is None and (witness := await self._witness(task)):
            await self._proof(witness)
        if hinted and (answer := await self._hinted(task, hinted)):
            return answer, False
        clean = False
        try:
            answer = await self._client.get(task.external_task_id)
            if _is(task, answer):
                await self.gateway.learn("lookup", True)
                return answer, False
        except NotFound:
            clean = self.gateway.lookup is True
        except (TooFast, KeyRejected):
            raise  # it says nothing of the task
        except Refused:  # gateways without lookup refuse in many ways; the list may know it
            pass
        if self.gateway.listing is False:
            return None, clean
        listed = await self.page(LISTED)
        return next((answer for answer in listed if _is(task, answer)), None), clean

    async def _witness(self, task: Task) -> Task | None:
        """A task that Kling is known to have accepted."""
        return await self.records.read(self.records.history.latest_accepted, task.account)

    async def _hinted(self, task: Task, remote_id: str) -> Answer | None:
        """The task that a callback named, if it can be ours: gateways that look up no external
        ids may not repeat them either."""
        if await self.records.read(self.records.history.remote_id_known, task.account, remote_id):
            return None
        try:
            answer = await self._client.get(remote_id)
        except (TooFast, KeyRejected):
            raise
        except Refused:
            return None
        unnamed = not answer.external_task_id and not _earlier(task, answer)
        return answer if unnamed or _is(task, answer) else None

    async def listed(self, size: int, *, number: int = 1) -> list[Answer]:
        """`page`, raising what the gateway refuses it with."""
        return await self._client.list(page=number, size=size)

    async def page(self, size: int, *, number: int = 1) -> list[Answer]:
        """`size` of the account's tasks, of other programs too; the newest first, as far as is
        known. Empty where the gateway has no list."""
        try:
            return await self._client.list(page=number, size=size)
        except NO_LIST:
            if number == 1:
                await self.gateway.learn("listing", False)
            return []

    async def adopt(self, task: Task, found: Answer) -> Task | None:
        """Kling has it after all. None when another was first."""
        words: dict[str, Any] = {"remote_id": found.task_id, "case": "", "detail": ""}
        adopted = await self.records.insist(task, State.SUBMITTED, frm=UNSURE, **words)
        return await self.absorb(adopted, found) if adopted else None

    async def absorb(self, task: Task, answer: Answer) -> Task | None:
        """What Kling says, written down; a word nobody knows means it is still running. None when
        another changed the task meanwhile."""
        words: dict[str, Any] = {"remote_status": answer.status}
        reply: dict[str, Any] = {
            "reply": json.dumps(answer.raw, ensure_ascii=False)[:LONGEST_REPLY]
        }
        if answer.failed:
            return await self.records.move(
                task,
                State.FAILED,
                case=failure(answer.message),
                detail=KlingError(answer.message).detail,
                deduction=answer.deduction,
                request_id=answer.request_id or task.request_id,
                **words,
                **reply,
            )
        if answer.succeeded:
            await self.gateway.learn("deduction", bool(answer.deduction))
            return await self.records.move(
                task,
                State.SAVING,
                remote_pictures=answer.pictures,
                deduction=answer.deduction,
                took=answer.seconds,
                case="",
                detail="",
                **words,
                **reply,
            )
        state = self._running(task, answer)
        words |= {"case": "", "detail": ""} if task.case == "forgotten" else {}
        if state is not task.state:
            return await self.records.move(task, state, **words, **reply)
        return await self.records.note(task, **words)

    def _running(self, task: Task, answer: Answer) -> State:
        if self._clock.since(task.sent or task.created) > A_DAY:
            return State.STALLED
        return State.SUBMITTED if answer.status == "submitted" else State.PROCESSING


def found_in(answers: Iterable[Answer], task: Task) -> Answer | None:
    """A task of ours among those of a list."""
    if task.state in UNSURE:
        return next((answer for answer in answers if _is(task, answer)), None)
    return next((answer for answer in answers if answer.task_id == task.remote_id), None)


def _is(task: Task, answer: Answer) -> bool:
    """Whether Kling's task is ours: it bears our id and was not made before we sent it."""
    named = answer.external_task_id == task.external_task_id
    return named and (task.resubmitted or not _earlier(task, answer))


def _earlier(task: Task, answer: Answer) -> bool:
    """By Kling's clock and ours."""
    known = answer.created_at / 1000
    return bool(known and task.sent and known < task.sent - CLOCKS_APART)
