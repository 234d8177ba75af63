"""Finds the tasks of a lost history in the account's list, by the mark that ours bear."""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from collections.abc import Callable
from typing import Any

from ..errors import KlingError
from ..history import DiskTrouble, Found
from ..task import Answer, State, Task
from .accounts import Account
from .backoff import backoff, jittered
from .clock import Clock
from .reading import NO_LIST, Reading
from .records import Records

log = logging.getLogger(__name__)

# names under which an account remembers that this was done, or that it has no list
SWEPT, UNLISTED = "swept", "unlisted"
PAGE, MOST_PAGES = 500, 20
UNLISTED_FOR = 600.0  # seconds until an account that has no list is asked for it again
A_MONTH = 30 * 24 * 3600.0  # Kling clears its results after that

ANYBODY = "[0-9a-f]{32}"
OURS = re.compile(rf"kui1-({ANYBODY})-[0-9a-f]{{32}}")


class NoList(Exception):
    """The gateway has none, or says so at the moment."""


def external_id(owner: str) -> str:
    """Ours, findable in the account's list by a machine that lost its disk, and telling nobody
    who the owner is: 128 bits, so that nobody finds another owner of the same mark."""
    return f"kui1-{mark_of(owner)}-{secrets.token_hex(16)}"


def mark_of(owner: str) -> str:
    return hashlib.sha256(owner.encode()).hexdigest()[:32]


async def sweep(
    account: Account,
    reading: Reading,
    records: Records,
    clock: Clock,
    *,
    found: Callable[[Task], None],
    mark: str = "",
    but: str = "",
    insist: bool = False,
) -> None:
    """Once in the life of a history; again and again until the list was read. `found` is called
    with every task adopted. Whose they are is known by their mark only, until that owner comes.
    `mark`: only that owner's are wanted; `but`: not that one's. `insist`: also where there is no
    list, which may be an error of the moment."""
    attempt, name, learn = 0, f"{SWEPT} {mark}".strip(), records.history.learn
    while name not in await records.read(records.history.learned, account.name):
        try:
            wanted = mark or (f"(?!{but})" if but else "") + ANYBODY
            for answer in await _marked(reading, clock, wanted):
                await _adopt(account, reading, records, answer, found, now=clock.wall())
            await records.read(learn, account.name, name, True)
        except NoList:
            await records.read(learn, account.name, UNLISTED if insist else name, True)
            if insist:
                await clock.sleep(jittered(UNLISTED_FOR))
        except (KlingError, DiskTrouble) as error:
            log.info("the account's list could not be taken over yet (%s)", error)
            await clock.sleep(jittered(backoff(attempt, first=5, factor=2, ceiling=600)))
            attempt += 1


async def _marked(reading: Reading, clock: Clock, mark: str) -> list[Answer]:
    """The account's tasks of ours whose mark matches, the oldest first."""
    ours = re.compile(f"kui1-{mark}-[0-9a-f]{{32}}")
    marked: list[Answer] = []
    seen: set[str] = set()
    for page in range(1, MOST_PAGES + 1):
        try:
            answers = await reading.listed(PAGE, number=page)
        except NO_LIST as error:
            if page == 1:
                raise NoList from error
            break
        marked += [answer for answer in answers if ours.fullmatch(answer.external_task_id)]
        news = {answer.task_id for answer in answers} - seen
        seen |= news
        if not news:  # a gateway may hold pages shorter than asked for
            break
    young = [one for one in marked if clock.since(one.created_at / 1000) < A_MONTH]
    return sorted(young, key=lambda answer: answer.created_at)


async def _adopt(
    account: Account,
    reading: Reading,
    records: Records,
    answer: Answer,
    found: Callable[[Task], None],
    *,
    now: float,
) -> None:
    owner = OURS.fullmatch(answer.external_task_id)
    created = answer.created_at / 1000 or now
    task = await records.adopt(
        Found(
            owner=f"~{owner[1]}" if owner else "",
            account=account.name,
            external_task_id=answer.external_task_id,
            remote_id=answer.task_id,
            request=what_is_known(answer),
            state=State.SUBMITTED,
            created=created,
            sent=created,
        )
    )
    if task is None:
        return
    try:
        task = await reading.absorb(task, answer) or task
    finally:
        found(task)  # the row is there: nobody finds it a second time


def what_is_known(answer: Answer) -> dict[str, Any]:
    """What is still known of what was asked: Kling repeats neither prompt nor model."""
    return {"prompt": "", "n": max(1, len(answer.pictures))}
