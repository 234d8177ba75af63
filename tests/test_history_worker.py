"""What only the worker asks of the history and tells it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kling_ui.history import AlreadyUsed, Found, History, InFlight, Learned, Waiting
from kling_ui.task import State, Task

from .histories import Clock, added, finished, moved, new

MARK = "1a2b3c4d"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def history(tmp_path: Path, clock: Clock) -> Iterator[History]:
    with closing(History(tmp_path / "history.db", clock=clock)) as opened:
        yield opened


# the line


def test_all_that_is_queued_waits_oldest_first_also_what_is_held(history: History) -> None:
    first = added(history, request={"n": 9, "model_name": "kling-v1"})
    held = history.note(added(history, owner="bob").id, case="held")
    assert held
    last = added(history, request={"n": None})
    added(history, account="demo")
    for state in set(State) - {State.QUEUED}:
        moved(history, added(history), state)
    assert history.waiting("live") == [
        Waiting(first.id, "ann", "kling-v1", 9, ""),
        Waiting(held.id, "bob", "kling-v3", 2, "held"),
        Waiting(last.id, "ann", "kling-v3", 1, ""),
    ]


def test_the_line_keeps_its_order_within_one_moment(tmp_path: Path) -> None:
    with closing(History(tmp_path / "history.db", clock=lambda: 5.0)) as history:
        tasks = [added(history) for _ in range(9)]
        assert [one.id for one in history.waiting("live")] == [task.id for task in tasks]


def test_what_was_sent_and_is_not_finished_is_in_flight(history: History) -> None:
    ids = {}
    for state in State:
        task = added(history, owner=state, request={"n": 3})
        ids[str(state)] = task.id
        moved(history, task, state)
    moved(history, added(history, account="demo"), State.PROCESSING)
    assert sorted(history.in_flight("live"), key=lambda one: one.owner) == [
        InFlight(ids[owner], owner, "kling-v3", 3)
        for owner in ("processing", "sending", "submitted")
    ]


def test_the_line_is_not_found_by_reading_every_task(history: History) -> None:
    asked: list[str] = []
    history._database.connection.set_trace_callback(asked.append)
    history.waiting("live")
    history.in_flight("live")
    history.durations("live")
    history._database.connection.set_trace_callback(None)
    plans = [
        row["detail"]
        for sql in asked
        for row in history._database.read(f"EXPLAIN QUERY PLAN {sql}")
        if "INDEX" in row["detail"]
    ]
    searched = [plan.split(" (")[0].split()[-1] for plan in plans]
    assert searched == ["task_open", "task_open", "task_timed"]


def test_the_latest_task_that_kling_accepted_is_known(history: History) -> None:
    assert history.latest_accepted("live") is None
    moved(history, added(history), State.SUBMITTED, remote_id="1")
    latest = moved(history, added(history), State.FAILED, remote_id="2")
    moved(history, added(history), State.UNCONFIRMED)
    moved(history, added(history, account="demo"), State.SUBMITTED, remote_id="3")
    forgotten = moved(history, added(history), State.FAILED, remote_id="4")
    history.delete(forgotten.id, owner="ann")
    assert history.latest_accepted("live") == latest


# times


def test_durations_are_the_last_fifty_of_each_model_newest_first(history: History) -> None:
    for number in range(60):
        finished(history, 900, took=float(number))
    finished(history, 900, took=7.5, request={"model_name": "kling-v1"})
    finished(history, 900, request={"model_name": "kling-v2"})  # nobody knows how long it took
    finished(history, 900, State.FAILED, took=1.0)
    finished(history, 900, account="demo", took=2.0)
    history.delete(finished(history, 900, took=3.0).id, owner="ann")
    assert history.durations("live") == {
        "kling-v1": [7.5],
        "kling-v3": [float(number) for number in range(59, 9, -1)],
    }
    assert history.durations("nobody") == {}


# what is noted of a task


def test_a_task_remembers_how_long_it_took_and_that_it_was_sent_again(history: History) -> None:
    task = added(history, supersedes="other")
    assert (task.took, task.supersedes) == (None, "other")
    assert task.resubmitted is False
    done = moved(history, task, State.SAVING, took=12.5, resubmitted=True)
    assert done.took == 12.5
    assert done.resubmitted is True
    assert history.newest("ann", limit=1) == [done]


# what was learned


def test_facts_are_learned_by_scope_and_overwritten(history: History, clock: Clock) -> None:
    history.learn("https://a", "lookup", None)
    history.learn("https://b", "lookup", 1)
    first = clock.now
    history.learn("https://a", "lookup", {"most": [1, "二"]})
    history.learn("https://a", "listing", False)
    assert history.learned("https://a") == {
        "lookup": Learned({"most": [1, "二"]}, first + 1),
        "listing": Learned(False, first + 2),
    }
    assert history.learned("https://b") == {"lookup": Learned(1, first)}
    assert history.learned("https://c") == {}


def test_what_was_learned_is_known_after_a_restart(history: History, tmp_path: Path) -> None:
    history.learn("live", "swept", True)
    known = history.learned("live")
    history.close()
    with closing(History(tmp_path / "history.db")) as again:
        assert again.learned("live") == known


# tasks found in an account's list


def found(**values: Any) -> Found:
    one = Found(
        owner=f"~{MARK}",
        account="live",
        external_task_id=f"kui1-{MARK}-1",
        remote_id="829",
        request={"prompt": "", "n": 2, "model_name": "kling-v2"},
        state=State.SUBMITTED,
        created=500.0,
        sent=501.0,
    )
    return replace(one, **values)


def test_a_task_found_at_kling_gets_a_row(history: History, clock: Clock) -> None:
    task = history.adopt(found())
    assert task
    assert task == history.get(task.id)
    assert (task.owner, task.account, task.state) == (f"~{MARK}", "live", State.SUBMITTED)
    assert (task.external_task_id, task.remote_id, task.n) == (f"kui1-{MARK}-1", "829", 2)
    assert (task.created, task.sent, task.ended) == (500.0, 501.0, None)
    assert history.transitions(task.id) == [("submitted", clock.now)]
    assert history.in_flight("live") == [InFlight(task.id, f"~{MARK}", "kling-v2", 2)]
    assert history.unfinished() == [task]


def test_a_task_that_is_over_ends_when_it_is_adopted(history: History, clock: Clock) -> None:
    task = history.adopt(found(state=State.FAILED))
    assert task
    assert task.ended == clock.now


@pytest.mark.parametrize("same", ["external_task_id", "remote_id"])
@pytest.mark.parametrize("deleted", [False, True])
def test_no_task_is_adopted_twice(history: History, same: str, deleted: bool) -> None:
    known = moved(history, added(history), State.FAILED, remote_id="123")
    if deleted:
        history.delete(known.id, owner="ann")
    revision = history.revision()
    assert history.adopt(found(**{same: getattr(known, same)})) is None
    assert history.revision() == revision
    assert history.adopt(found(account="demo", **{same: getattr(known, same)}))


def test_an_adopted_external_id_is_not_used_again(history: History) -> None:
    history.adopt(found(external_task_id="mine"))
    with pytest.raises(AlreadyUsed):
        history.add(new(external_task_id="mine"))


def test_a_remote_id_is_known_of_every_task_also_of_a_deleted_one(history: History) -> None:
    task = moved(history, added(history), State.FAILED, remote_id="123")
    history.delete(task.id, owner="ann")
    assert history.remote_id_known("live", "123")
    assert not history.remote_id_known("demo", "123")
    assert not history.remote_id_known("live", "12")


def adopted(history: History, number: int, **values: Any) -> Task:
    task = history.adopt(found(external_task_id=str(number), remote_id=str(number), **values))
    assert task
    return task


def test_an_owner_who_comes_back_gets_the_tasks_that_bear_its_mark(history: History) -> None:
    seen = added(history).revision
    tasks = [adopted(history, number) for number in range(3)]
    adopted(history, 3, owner="~ffffffff")
    assert history.claim("ann", MARK) == 3
    changed, gone, _ = history.since("ann", seen, limit=2)
    changed += history.since("ann", changed[-1].revision)[0]
    assert [task.id for task in changed] == [task.id for task in tasks]
    assert {task.owner for task in changed} == {"ann"}
    assert gone == []
    assert history.claim("ann", MARK) == 0


def test_claiming_comes_in_the_way_of_no_press(history: History) -> None:
    """One (owner, nonce) is one row; what is claimed brings a nonce along."""
    adopted(history, 1)
    nonces = history._database.read("SELECT nonce FROM task")
    assert re.fullmatch(r"[0-9a-f]{32}", nonces[0]["nonce"])
    press = added(history, nonce=nonces[0]["nonce"])
    assert history.claim("ann", MARK) == 1
    assert history.add(new(nonce=nonces[0]["nonce"])) == (press, False)


def test_claiming_nothing_writes_nothing(history: History) -> None:
    asked: list[str] = []
    history._database.connection.set_trace_callback(asked.append)
    assert history.claim("ann", MARK) == 0
    assert len(asked) == 1
    assert asked[0].startswith("SELECT")
