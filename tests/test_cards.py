"""What a card says of a task: its trouble, what to do about it, and what that may cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kling_ui.errors import CASES
from kling_ui.history import Found
from kling_ui.studio import Accounts, Studio
from kling_ui.task import Picture, State, Task
from kling_ui.web.cards import (
    HARDLY_TWICE,
    MAYBE_TWICE,
    PAID_AGAIN,
    PAID_NOW,
    Cards,
    card,
    error_of,
    note_of,
)

from .conftest import OWNER, account, submitted

Open = Callable[..., Any]
NOBODY = "http://127.0.0.1:9"
TASK = Task(
    id="1", owner="o", account="a", state=State.UNCONFIRMED, external_task_id="e", revision=1,
    created=0, state_since=0, sent=10, case="no_answer", detail="ReadTimeout",
    request={"prompt": "a fox", "model_name": "kling-v3", "n": 2},
)  # fmt: skip


def drawn(studio_says: str | None = None, /, **changes: Any) -> dict[str, Any]:
    """The card of such a task; the studio's word on it is the task's own case unless given."""
    task = replace(TASK, **changes)
    case = task.case if studio_says is None else studio_says
    return card(task, "en", case=case, usual=None)


def trouble(studio_says: str | None = None, /, **changes: Any) -> Any:
    return drawn(studio_says, **changes)["trouble"]


async def the_card(studio: Studio, task: Task) -> dict[str, Any]:
    (found,) = await Cards(studio).of([task], "en")
    return found


# trouble


@pytest.mark.parametrize("case", ["no_answer", "5000", "5002", "interrupted", "unexpected"])
def test_what_kept_the_answer_away_is_no_news_but_that_it_may_be_accepted(case: str) -> None:
    said = trouble(case=case)
    assert said["title"] == "Kling may have accepted this"
    assert said["charged"] == "maybe charged"
    own = CASES[case].title.en
    expected = "ReadTimeout" if own == said["title"] else f"{own} · ReadTimeout"
    assert said["detail"] == expected
    assert drawn(case=case)["action"] == "look"


def test_a_refusal_that_proves_nothing_is_looked_for_and_never_edited() -> None:
    """Kling said that a task of our id exists: then it has it."""
    found = drawn(case="1201", detail="external_task_id already exists")
    assert found["action"] == "look"
    assert found["trouble"]["charged"] == "maybe charged"
    assert "already exists" in found["trouble"]["detail"]
    assert found["trouble"]["advice"] == CASES["no_answer"].advice.en


def test_kling_has_no_trace_is_said_instead() -> None:
    found = drawn(case="not_found", detail="")
    assert found["trouble"]["title"] == "Kling has no trace of this task"
    assert found["trouble"]["charged"] == "maybe charged"
    assert found["action"] == "again"


def test_what_waits_for_its_account_says_so_and_what_it_waited_with() -> None:
    said = trouble("account_missing")
    assert said["title"] == "Waiting for your key"
    assert said["charged"] == "maybe charged"
    assert said["detail"] == "Kling may have accepted this · ReadTimeout"


@pytest.mark.parametrize("case", ["fetching", "account_missing", "unreachable"])
def test_what_is_on_its_way_home_was_charged(case: str) -> None:
    assert trouble(case, state=State.SAVING, case=case)["charged"] == "charged"


def test_nothing_is_said_of_a_charge_before_it_is_sent() -> None:
    assert trouble(state=State.QUEUED, case="1302")["charged"] == ""
    assert trouble(state=State.PROCESSING, case="forgotten")["charged"] == ""
    assert trouble(state=State.REJECTED, case="1301")["charged"] == "not charged"
    assert trouble(state=State.FAILED, case="no_pictures")["charged"] == "charged"
    assert trouble(state=State.SUCCEEDED, case="") is None


# before it is sent again


async def test_a_warning_stands_before_what_may_be_paid_for_twice(
    studio: Open,
) -> None:
    async with studio(NOBODY, run=False) as one:
        for state, case, warning in (
            (State.UNCONFIRMED, "no_answer", MAYBE_TWICE),
            (State.UNCONFIRMED, "1201", MAYBE_TWICE),
            (State.UNCONFIRMED, "not_found", HARDLY_TWICE),
            (State.FAILED, "pictures_gone", PAID_AGAIN),
        ):
            task = replace(TASK, account="test", state=state, case=case)
            assert (await the_card(one, task))["warning"] == warning.en, case
        gone = replace(TASK, account="another's", state=State.UNCONFIRMED)
        assert (await the_card(one, gone))["warning"] == MAYBE_TWICE.en


async def test_what_cost_nothing_is_tried_again_without_a_word(studio: Open) -> None:
    async with studio(NOBODY, run=False) as one:
        for state, case in (
            (State.FAILED, "failed"),
            (State.REJECTED, "1301"),
            (State.REJECTED, "a case of tomorrow"),
            (State.CANCELLED, "cancelled"),
            (State.EXPIRED, "expired"),
            (State.QUEUED, "held"),
            (State.SUCCEEDED, "some_missing"),
        ):
            task = replace(TASK, account="test", state=state, case=case)
            assert (await the_card(one, task))["warning"] == "", case


async def test_a_demo_that_would_be_paid_for_now_says_so(studio: Open) -> None:
    async with studio(NOBODY, run=False) as one:
        demo = replace(account(NOBODY, name="demo"), live=False)
        one.accounts = Accounts({**one.accounts, "demo": demo}, usual=one.accounts.usual)
        failed = replace(TASK, account="demo", state=State.FAILED, case="failed")
        cards = Cards(one)

        async def warning() -> str:
            (known,) = await cards.of([failed], "en")
            return str(known["warning"])

        assert await warning() == PAID_NOW.en
        usual, one.accounts.usual = one.accounts.usual, demo
        assert await warning() == ""
        one.accounts.usual = usual  # as when a key is brought, while the cards are at hand
        assert await warning() == PAID_NOW.en


# times, names, pictures


def test_a_card_tells_how_long_it_took_and_whom_it_follows() -> None:
    found = drawn(state=State.SUCCEEDED, case="", took=12.3, ended=3508.0, supersedes="0")
    assert (found["took"], found["sent"], found["ended"]) == (12.3, 10, 3508.0)
    assert found["supersedes"] == "0"
    assert found["said"] == "ReadTimeout"


async def test_a_task_found_again_at_kling_says_that_nothing_is_known_of_it(studio: Open) -> None:
    async with studio(NOBODY, run=False) as one:
        found = Found(
            owner=OWNER, account="test", external_task_id="e", remote_id="7",
            request={"prompt": "", "n": 1}, state=State.SUBMITTED, created=1.0, sent=1.0,
        )  # fmt: skip
        task = one.history.adopt(found)
        assert task
        shown = await the_card(one, task)
        assert (shown["found"], shown["n"]) == (True, 1)
        assert (await the_card(one, await submitted(one)))["found"] is False


def test_more_pictures_than_were_known_of_are_counted() -> None:
    picture = Picture("p", "1", 0, False, "p.png", "image/png", 9, "ab", 10, 10)
    three = tuple(replace(picture, id=f"p{k}", position=k) for k in range(3))
    marked = replace(picture, id="w", watermarked=True)
    assert drawn(pictures=(*three, marked))["n"] == 3
    assert drawn(pictures=three[:1])["n"] == 2


# for scripts


def test_a_script_is_told_why_a_task_brought_nothing() -> None:
    refused = replace(TASK, state=State.REJECTED, case="1301", detail="no <b>")
    assert error_of(refused, "1301").en == (
        "Wording or picture refused (no <b>). Change the prompt or the picture and send again."
    )
    assert error_of(refused, "1301").zh.startswith("内容未通过审核（no <b>）。请")
    assert error_of(replace(refused, detail=""), "1301").en.startswith(
        "Wording or picture refused. "
    )


def test_a_script_is_told_that_an_unconfirmed_task_waits_for_its_account() -> None:
    assert error_of(TASK, "no_answer").en.startswith("Kling may have accepted this (ReadTimeout). ")
    said = error_of(TASK, "account_missing").en
    assert said.startswith("Waiting for your key (Kling may have accepted this · ")
    assert said.endswith("or start with that key, and it goes on.")


@pytest.mark.parametrize(
    ("state", "case"),
    [
        (State.QUEUED, "1302"),
        (State.QUEUED, "account_missing"),
        (State.QUEUED, "above_limit"),
        (State.PROCESSING, "forgotten"),
        (State.SAVING, "fetching"),
        (State.SUCCEEDED, "some_missing"),
        (State.SUCCEEDED, ""),
    ],
)
def test_a_script_is_told_of_no_error_while_there_is_none(state: State, case: str) -> None:
    task = replace(TASK, state=state, case=case)
    assert error_of(task, case).en == ""
    assert bool(note_of(task, case).en) == bool(case)


def test_a_script_is_told_that_a_task_waits_for_its_key() -> None:
    waiting = replace(TASK, state=State.QUEUED, case="account_missing", detail="")
    note = note_of(waiting, "account_missing")
    assert note.en.startswith("Waiting for your key. Enter the key")
    assert note.zh.startswith("等待您的密钥")


def test_what_is_an_error_is_no_note() -> None:
    for task, case in (
        (TASK, "no_answer"),
        (replace(TASK, state=State.REJECTED, case="1301"), "1301"),
    ):
        assert note_of(task, case).en == ""
