"""Taking over a task that was made elsewhere, by the id Kling gave it."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..errors import CASES, KlingError, NotFound
from ..history import Found
from ..task import Answer, State, Task
from ..text import Text
from .accounts import Account
from .reading import Reading
from .sweep import OURS, mark_of, what_is_known

NO_ID = Text(
    "This is no task id: letters, digits and signs without spaces.",
    "这不是任务 ID：只能是字母、数字和符号，不含空格。",
)
A_KEY = Text(
    "This is your API key and no task id. It was not sent.",
    "这是您的 API 密钥，不是任务 ID，没有发送。",
)
NOT_THERE = Text("Kling knows no such task in this account.", "可灵的该账号中没有这个任务。")
ALREADY_HERE = Text("This task is already in a history here.", "此任务已在本机的历史记录中。")
_ID = re.compile(r"[\x21-\x7e]{1,256}")


async def adopt(
    remote_id: str,
    *,
    owner: str,
    account: Account,
    reading: Reading,
    now: float,
    found: Callable[[Task], None],
) -> Task | Text:
    """The task, from now on watched like any other and its pictures kept; or why not. One that
    bears somebody else's mark is not there for this owner. `now` is in Unix seconds."""
    if not _ID.fullmatch(remote_id):
        return NO_ID
    if account.client.signs_with(remote_id):  # an address is written down on its way
        return A_KEY
    try:
        answer = await account.client.get(remote_id)
    except NotFound:
        return NOT_THERE
    except KlingError as error:
        return CASES[error.case].title
    mark = OURS.fullmatch(answer.external_task_id)
    if mark and mark[1] != mark_of(owner):
        return NOT_THERE
    task = await reading.records.adopt(_found(answer, account, owner=owner, now=now))
    if task is None:
        return ALREADY_HERE
    task = await reading.absorb(task, answer) or task
    found(task)
    return task


def _found(answer: Answer, account: Account, *, owner: str, now: float) -> Found:
    created = answer.created_at / 1000 or now
    return Found(
        owner=owner,
        account=account.name,
        external_task_id=answer.external_task_id or f"adopted-{answer.task_id}",
        remote_id=answer.task_id,
        request=what_is_known(answer),
        state=State.SUBMITTED,
        created=created,
        sent=created,
    )
