"""What may be spent in a day is counted with what is written, and in no other way."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kling_ui.history import Found, History, Limits, NewTask, OverLimit
from kling_ui.studio import Allowance
from kling_ui.task import RemotePicture, State

from .histories import Clock, added, moved, new

DAY = Limits(since=0, pictures=10)


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    one = History(tmp_path / "history.db", clock=Clock())
    yield one
    one.close()


def over(history: History, limits: Limits, *tasks: NewTask) -> tuple[str, float | None]:
    """Which limit keeps them from being written, and what was left of it; nothing is written."""
    before = len(history.newest("ann", limit=1000))
    with pytest.raises(OverLimit) as caught:
        history.add_all(tasks, limits)
    assert len(history.newest("ann", limit=1000)) == before
    return caught.value.limit, caught.value.left


def pictures(n: int, **values: Any) -> NewTask:
    return new(request={"n": n}, **values)


def test_pictures_of_a_day_are_counted_and_what_is_left_is_told(history: History) -> None:
    history.add(pictures(4), DAY)
    history.add(pictures(3), DAY)
    assert over(history, DAY, pictures(4)) == ("pictures", 3)
    history.add(pictures(3), DAY)
    assert over(history, DAY, pictures(1)) == ("pictures", 0)


def test_all_tasks_of_one_press_count_together_or_none(history: History) -> None:
    assert over(history, DAY, *(pictures(2) for _ in range(6))) == ("pictures", 10)


def test_another_day_another_owner_and_another_account_do_not_count(history: History) -> None:
    added(history, request={"n": 9})
    added(history, request={"n": 9}, owner="bob")
    added(history, request={"n": 9}, account="own")
    history.add(pictures(1), DAY)
    assert over(history, DAY, pictures(1))[0] == "pictures"
    history.add(pictures(9), Limits(since=2000, pictures=10))


def test_the_same_press_again_costs_nothing(history: History) -> None:
    press = pictures(9, nonce="one press")
    first, _ = history.add(press, DAY)
    again, is_new = history.add(press, DAY)
    assert (again.id, is_new) == (first.id, False)
    history.add(pictures(1), DAY)
    history.add(press, DAY)  # also when nothing is left


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        (State.QUEUED, True),
        (State.SENDING, True),
        (State.UNCONFIRMED, True),
        (State.PROCESSING, True),
        (State.SUCCEEDED, True),
        (State.FAILED, False),
        (State.REJECTED, False),
        (State.CANCELLED, False),
        (State.EXPIRED, False),
    ],
)
def test_what_may_have_been_charged_counts(history: History, state: State, counts: bool) -> None:
    task = added(history, request={"n": 6})
    if state is not State.QUEUED:
        moved(history, task, state)
    if counts:
        assert over(history, DAY, pictures(6)) == ("pictures", 4)
    else:
        history.add(pictures(6), DAY)


def test_pictures_that_kling_made_and_nobody_could_fetch_count(history: History) -> None:
    task = added(history, request={"n": 6})
    moved(history, task, State.FAILED, remote_pictures=(RemotePicture("https://x/1.png"),))
    assert over(history, DAY, pictures(6))[0] == "pictures"


def test_a_deleted_task_was_spent_all_the_same(history: History) -> None:
    task = added(history, request={"n": 6})
    moved(history, task, State.SUCCEEDED)
    history.delete(task.id, owner="ann")
    assert over(history, DAY, pictures(6)) == ("pictures", 4)


def test_money_is_counted_for_all_owners_together(history: History) -> None:
    budget = Limits(since=0, money=1.0)
    history.add(new(estimate=0.4, currency="USD"), budget)
    history.add(new(estimate=0.4, currency="USD", owner="bob"), budget)
    name, left = over(history, budget, new(estimate=0.4, currency="USD", owner="cat"))
    assert (name, left) == ("money", pytest.approx(0.2))
    history.add(new(estimate=0.2, currency="USD", owner="cat"), budget)


def test_a_budget_takes_nothing_of_unknown_price(history: History) -> None:
    budget = Limits(since=0, money=1.0)
    assert over(history, budget, new()) == ("unpriced", None)
    assert over(history, budget, new(estimate=0.1), new())[0] == "unpriced"
    history.add(new(), DAY)  # without a budget the price is no matter


def test_what_was_found_at_kling_after_a_lost_history_counts_at_the_dearest_price(
    history: History,
) -> None:
    """Until its pictures are known it may have as many as a task can."""
    found = Found(
        owner="~12345678",
        account="live",
        external_task_id="kui1-12345678",
        remote_id="831",
        request={"prompt": "", "n": 1},
        state=State.SUBMITTED,
        created=1,
        sent=1,
    )
    task = history.adopt(found)
    assert task
    budget = Limits(since=0, money=3.0, unknown=0.3)
    assert over(history, budget, new(estimate=0.4)) == ("money", pytest.approx(0.3))
    made = tuple(RemotePicture(f"https://x/{k}.png") for k in range(3))
    moved(history, task, State.SAVING, remote_pictures=made)
    assert over(history, budget, new(estimate=2.2)) == ("money", pytest.approx(2.1))
    history.delete(moved(history, task, State.SUCCEEDED).id, owner=task.owner)
    history.add(new(estimate=2.1), budget)


def test_tasks_of_a_day_are_limited_whatever_became_of_them(history: History) -> None:
    few = Limits(since=0, tasks=2, neighbours_tasks=3)
    for state in (State.REJECTED, State.CANCELLED):
        task, _ = history.add(new(address="here"), few)
        moved(history, task, state)
        history.delete(task.id, owner="ann")
    assert over(history, few, new(address="here")) == ("tasks", 0)
    assert over(history, few, *(new(owner="cat") for _ in range(3))) == ("tasks", 2)
    history.add(new(address="here", owner="bob"), few)
    assert over(history, few, new(address="here", owner="bob"))[0] == "neighbours_tasks"
    history.add(new(address="there", owner="bob"), few)
    history.add(new(address="there", owner="ann"), Limits(since=2000, tasks=2))


def test_who_comes_from_one_address_has_so_much_together(history: History) -> None:
    near = Limits(since=0, pictures=10, neighbours=15)
    history.add(pictures(9, address="here"), near)
    assert over(history, near, pictures(9, address="here", owner="bob")) == ("neighbours", 6)
    history.add(pictures(9, address="there", owner="bob"), near)
    history.add(pictures(9, owner="cat"), near)  # from nobody knows where


def test_tasks_under_way_and_waiting_are_limited(history: History) -> None:
    few = Limits(since=0, open=2, waiting=3)
    first, _ = history.add(new(), few)
    history.add(new(), few)
    assert over(history, few, new())[0] == "open"
    history.add(new(owner="bob"), few)
    assert over(history, few, new(owner="cat"))[0] == "waiting"
    moved(history, first, State.SUCCEEDED)
    history.add(new(owner="cat"), few)


def test_one_address_takes_no_more_than_its_part_of_the_line(history: History) -> None:
    line = Limits(since=0, waiting=8)
    for _ in range(2):
        history.add(new(address="here"), line)
    assert over(history, line, new(address="here", owner="bob"))[0] == "waiting"
    history.add(new(address="there", owner="bob"), line)


def test_pictures_that_were_found_count_all(history: History) -> None:
    task = added(history, request={"n": 1})
    found = tuple(RemotePicture(f"https://x/{k}.png") for k in range(7))
    moved(history, task, State.SUCCEEDED, remote_pictures=found)
    assert over(history, DAY, pictures(4)) == ("pictures", 3)


def test_many_at_once_do_not_get_more_than_one_after_the_other(history: History) -> None:
    def press(number: int) -> bool:
        try:
            history.add(new(owner=f"visitor {number}", estimate=0.1), Limits(since=0, money=1.0))
        except OverLimit:
            return False
        return True

    with ThreadPoolExecutor(16) as threads:
        assert sum(threads.map(press, range(100))) == 10


# what becomes of it in sentences


def test_every_limit_has_its_sentence() -> None:
    allowance = Allowance(pictures=10, open=5)
    limits = allowance.limits("operator")
    for name, left, said in (
        ("pictures", 3.0, "3 of 10 pictures are left"),
        ("pictures", 0.0, "Your 10 pictures of today are used up"),
        ("neighbours", 0.0, "your network"),
        ("money", 0.01, "may spend today"),
        ("unpriced", None, "price of this model is unknown"),
        ("open", 0.0, "You have 5 tasks under way"),
        ("waiting", 0.0, "Too many tasks wait"),
    ):
        assert said in allowance.problem(OverLimit(name, left), limits).en  # type: ignore[arg-type]


def test_who_asked_for_one_picture_is_not_told_to_ask_for_fewer() -> None:
    allowance = Allowance(money=5)
    over, limits = OverLimit("money", 0.0), allowance.limits("operator")
    assert "Ask for fewer" in allowance.problem(over, limits).en
    assert "Ask for fewer" not in allowance.problem(over, limits, only_one=True).en


def test_only_the_operators_key_is_limited_by_day() -> None:
    allowance = Allowance(pictures=10, money=5, per_task=4, open=5, waiting=9, secret=b"s")
    own, ours = allowance.limits("visitor"), allowance.limits("operator")
    assert (own.pictures, own.neighbours, own.money) == (None, None, None)
    assert (own.open, own.waiting) == (ours.open, ours.waiting) == (5, 9)
    assert (ours.pictures, ours.neighbours, ours.money) == (10, 50, 5)
    assert allowance.at_once(4) is None
    assert "At most 4" in str(allowance.at_once(5))


def test_of_the_demo_everybody_may_draw_so_much_in_a_day() -> None:
    allowance = Allowance(pictures=10, drawn=200, money=5, secret=b"s")
    limits = allowance.limits("nobody")
    assert (limits.pictures, limits.neighbours, limits.money) == (200, 1000, None)
    said = allowance.problem(OverLimit("pictures", 0.0), limits)
    assert "Your 200 pictures" in said.en


def test_an_address_is_written_down_so_that_nobody_can_read_it() -> None:
    allowance, other = Allowance(secret=b"one"), Allowance(secret=b"other")
    written = allowance.address("192.0.2.7")
    assert written == allowance.address("192.0.2.7")
    assert written != allowance.address("192.0.2.8")
    assert written != other.address("192.0.2.7")
    assert "192" not in written
    assert allowance.address("") == Allowance().address("192.0.2.7") == ""
