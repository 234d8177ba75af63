"""What may be spent in a day, counted in the transaction that writes what spends it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any, Literal

from ..task import State
from .reading import OPEN
from .rows import marks

NEAR = 4  # of all that may wait, one address has this part
FREE = (State.REJECTED, State.CANCELLED, State.EXPIRED)  # for these nothing was charged
MOST = 9  # pictures of one task
# of a task that was found at Kling, which tells no model, it is not known how many were asked for
# before they are there
COUNT = (
    "max(n, CASE WHEN json_valid(remote_pictures) AND remote_pictures!='[]'"
    f" THEN json_array_length(remote_pictures) WHEN model='' THEN {MOST} ELSE 0 END)"
)
Limit = Literal[
    "tasks", "neighbours_tasks", "pictures", "neighbours", "money", "unpriced", "open", "waiting"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """None is no limit. A day begins at `since` (Unix seconds): `tasks` for each owner, whatever
    becomes of them, and `neighbours_tasks` for all who come from one address; likewise `pictures`
    and `neighbours`; `money` for the account in the price's currency, where a picture whose price
    nobody wrote down counts for `unknown`. Under way at a time: `open` tasks of one owner,
    `waiting` tasks of everybody on the account."""

    since: float
    tasks: int | None = None
    neighbours_tasks: int | None = None
    pictures: int | None = None
    neighbours: int | None = None
    money: float | None = None
    unknown: float = 0.0
    open: int | None = None
    waiting: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What counts of a day."""

    pictures: int
    money: float


class OverLimit(Exception):
    """`limit` is reached: `left` of it was there before, None where that is no number to tell."""

    def __init__(self, limit: Limit, left: float | None = None) -> None:
        super().__init__(limit)
        self.limit, self.left = limit, left


def question(
    account: str, since: float, *, unknown: float = 0.0, **only: str
) -> tuple[str, tuple[Any, ...]]:
    """SQL and its values: what was spent on an account since a moment, `only` where columns have
    these values, `unknown` for a picture without a price. What may have been charged counts as
    charged, and so does what was deleted."""
    where = "".join(f' AND "{column}"=?' for column in only)
    sql = (
        f"SELECT coalesce(sum({COUNT}), 0) AS pictures,"
        f" coalesce(sum(coalesce(estimate, {COUNT} * ?)), 0) AS money"
        f" FROM task WHERE account=? AND created>=?{where} AND state NOT IN ({marks(FREE)})"
        " AND NOT (state=? AND remote_pictures='[]' AND \"case\"!='no_pictures')"
    )
    return sql, (unknown, account, since, *only.values(), *FREE, State.FAILED)


def answer(row: sqlite3.Row) -> Spent:
    return Spent(pictures=row["pictures"], money=row["money"])


def hold(
    db: sqlite3.Connection,
    limits: Limits,
    *,
    account: str,
    owner: str,
    address: str,
    tasks: int,
    pictures: int,
    money: float | None,
) -> None:
    """Raises `OverLimit` where what was just written, so many `tasks` and `pictures` for so much
    `money` (None where a price is unknown), goes beyond a limit."""

    def spent(**only: str) -> Spent:
        sql, values = question(account, limits.since, unknown=limits.unknown, **only)
        return answer(db.execute(sql, values).fetchone())

    if limits.pictures is not None:
        _within("pictures", limits.pictures, spent(owner=owner).pictures, pictures)
    if limits.neighbours is not None and address:
        _within("neighbours", limits.neighbours, spent(address=address).pictures, pictures)
    if limits.money is not None:
        if money is None:
            raise OverLimit("unpriced")
        _within("money", limits.money, spent().money, money)
    made = "SELECT count(*) FROM task WHERE account=? AND created>=?"
    today = (account, limits.since)
    if limits.tasks is not None:
        mine = _number(db, f"{made} AND owner=?", *today, owner)
        _within("tasks", limits.tasks, mine, tasks)
    if limits.neighbours_tasks is not None and address:
        near = _number(db, f"{made} AND address=?", *today, address)
        _within("neighbours_tasks", limits.neighbours_tasks, near, tasks)
    _within("open", limits.open, _count(db, OPEN, "AND owner=?", owner), 0)
    if limits.waiting is None:
        return
    moving = "AND account=? AND \"case\"!='held'"  # what cannot be sent is in nobody's way
    _within("waiting", limits.waiting, _count(db, [State.QUEUED], moving, account), 0)
    if address:
        near = _count(db, [State.QUEUED], f"{moving} AND address=?", account, address)
        _within("waiting", limits.waiting / NEAR, near, 0)


def _within(limit: Limit, most: float | None, now: float, new: float) -> None:
    """`now` with the `new` in it."""
    if most is not None and now > most + 1e-9:
        raise OverLimit(limit, max(0.0, most - (now - new)))


def _count(db: sqlite3.Connection, states: list[State], where: str, *values: Any) -> int:
    sql = f"SELECT count(*) FROM task WHERE deleted=0 AND state IN ({marks(states)}) {where}"
    return _number(db, sql, *states, *values)


def _number(db: sqlite3.Connection, sql: str, *values: Any) -> int:
    return int(db.execute(sql, values).fetchone()[0])
