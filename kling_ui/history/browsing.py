"""What the pages ask the history: lists, changes, searches and sums."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any, Literal

from ..task import Picture, State, Task
from . import limits
from .limits import Spent
from .reading import OPEN, Reader
from .rows import marks, picture_from

USUAL = 20  # successes that the usual time is taken from
RUNNING = [state for state in OPEN if state is not State.UNCONFIRMED]
UNLUCKY = [State.FAILED, State.REJECTED, State.EXPIRED, State.UNCONFIRMED]

Cursor = tuple[float, str]  # a place among tasks ordered by age: `created` and id
Filter = Literal["", "running", "starred", "failed"]


@dataclass(frozen=True, slots=True)
class Spend:
    """What an owner's pictures of one account cost since some moment, by estimate."""

    amount: float
    currency: str


@dataclass(frozen=True, slots=True)
class Summary:
    """An owner's tasks that are not over, and what its pictures cost."""

    running: int
    spent: tuple[Spend, ...]


@dataclass(frozen=True, slots=True)
class Word:
    """Stands in the prompt or the model's name, in any case; or is one of `states`; or begins the
    date, like ``2026-11``."""

    text: str
    states: frozenset[State] = frozenset()


@dataclass(frozen=True, slots=True)
class Search:
    """Every word fits and the filter as well. `offset`: seconds that the asker's clock is before
    UTC's."""

    words: tuple[Word, ...] = ()
    only: Filter = ""
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Day:
    """What an owner's pictures of one model cost on one day; `day` is like ``2026-11-22``.
    `amount` is in `currency`, of the pictures whose price is known; `units` are those that Kling
    said it deducted, 0 when it said nothing."""

    day: str
    account: str
    model: str
    tasks: int
    pictures: int
    amount: float
    currency: str
    units: float


class Browser(Reader):
    """Raises `DiskTrouble` as all reading does."""

    def newest(
        self,
        owner: str,
        *,
        limit: int,
        before: Cursor | None = None,
        search: Search | None = None,
    ) -> list[Task]:
        """This owner's tasks, newest first; `before` the last one of a page for the next page."""
        where, values = _where(search) if search else ("", [])
        found: list[Task] = []
        created, task_id = before or (1e18, "")
        while len(found) < limit:  # a row that cannot be read does not make a page shorter
            rows = self._database.read(
                "SELECT * FROM task WHERE owner=? AND deleted=0 AND (created, rowid) <"
                f" (?, coalesce((SELECT rowid FROM task WHERE id=?), 0)){where}"
                " ORDER BY created DESC, rowid DESC LIMIT ?",
                owner,
                created,
                task_id,
                *values,
                limit - len(found),
            )
            if not rows:
                break
            found += self._tasks(rows)
            created, task_id = rows[-1]["created"], rows[-1]["id"]
        return found

    def since(
        self, owner: str, revision: int, *, limit: int = 200
    ) -> tuple[list[Task], list[str], int]:
        """What changed after `revision`: tasks, ids of deleted ones, and the revision reached."""
        rows = self._database.read(
            "SELECT * FROM task WHERE owner=? AND revision>? ORDER BY revision LIMIT ?",
            owner,
            revision,
            limit,
        )
        alive = [row for row in rows if not row["deleted"]]
        gone = [row["id"] for row in rows if row["deleted"]]
        return self._tasks(alive), gone, rows[-1]["revision"] if rows else revision

    def revision(self) -> int:
        return int(self._database.read("SELECT value FROM revision")[0]["value"])

    def mark(self) -> str:
        """This database's own: revisions of another one, even in its place, mean nothing here."""
        return str(self._database.read("SELECT value FROM mark")[0]["value"])

    def summary(self, owner: str, account: str, *, since: float) -> Summary:
        """`since` (Unix seconds) is for what was spent from `account`."""
        return Summary(self.running(owner), self.spent(owner, account, since=since))

    def running(self, owner: str) -> int:
        """How many of this owner's tasks wait for their turn or for Kling."""
        rows = self._database.read(
            "SELECT COUNT(*) AS n FROM task WHERE owner=? AND deleted=0"
            f" AND state IN ({marks(RUNNING)})",
            owner,
            *RUNNING,
        )
        return int(rows[0]["n"])

    def spent(self, owner: str, account: str, *, since: float) -> tuple[Spend, ...]:
        """By currency, what succeeded since the moment `since` (Unix seconds) cost."""
        rows = self._database.read(
            "SELECT currency, SUM(estimate) AS amount FROM task WHERE owner=? AND account=?"
            " AND state=? AND created>=? AND estimate IS NOT NULL GROUP BY currency",
            owner,
            account,
            State.SUCCEEDED,
            since,
        )
        return tuple(Spend(row["amount"], row["currency"]) for row in rows)

    def usual_seconds(self, model_name: str, account: str) -> float | None:
        """The median time of this model's last twenty successes: at Kling where that is known
        of any, else from sent to finished."""
        which = (account, State.SUCCEEDED, model_name, USUAL)
        rows = self._database.read(
            "SELECT took AS seconds FROM task WHERE account=? AND state=? AND model=?"
            " AND took IS NOT NULL AND deleted=0 ORDER BY created DESC LIMIT ?",
            *which,
        ) or self._database.read(
            "SELECT ended - sent AS seconds FROM task WHERE account=? AND state=? AND model=?"
            " AND sent IS NOT NULL ORDER BY created DESC LIMIT ?",
            *which,
        )
        return statistics.median(row["seconds"] for row in rows) if rows else None

    def picture(self, picture_id: str, *, owner: str) -> Picture | None:
        rows = self._database.read(
            "SELECT picture.* FROM picture JOIN task ON task.id = picture.task_id"
            " WHERE picture.id=? AND task.owner=? AND task.deleted=0",
            picture_id,
            owner,
        )
        return picture_from(rows[0]) if rows else None

    def transitions(self, task_id: str) -> list[tuple[str, float]]:
        rows = self._database.read(
            "SELECT state, at FROM transition WHERE task_id=? ORDER BY rowid", task_id
        )
        return [(row["state"], row["at"]) for row in rows]

    def comparison(self, comparison: str, *, owner: str) -> list[Task]:
        """All cells, oldest first; of one that was sent again, every attempt."""
        return self._tasks(
            self._database.read(
                "SELECT * FROM task WHERE comparison=? AND owner=? AND deleted=0 ORDER BY rowid",
                comparison,
                owner,
            )
        )

    def reply(self, task_id: str, *, owner: str) -> str:
        """Kling's last word on a task, as JSON; one that was too long is cut off."""
        rows = self._database.read(
            "SELECT reply FROM task WHERE id=? AND owner=? AND deleted=0", task_id, owner
        )
        return str(rows[0]["reply"]) if rows else ""

    def counted(self, account: str, *, owner: str, since: float) -> Spent:
        """What an owner's tasks on an account count for against a day's limits."""
        sql, values = limits.question(account, since, owner=owner)
        return limits.answer(self._database.read(sql, *values)[0])

    def spending(self, owner: str, *, offset: int = 0) -> list[Day]:
        """By day, account and model, what succeeded; the latest day first. `offset` as in
        `Search`. Deleted tasks count: they were paid for."""
        rows = self._database.read(
            "SELECT strftime('%Y-%m-%d', created + ?, 'unixepoch') AS day, account,"
            " model, COUNT(*) AS tasks, SUM(n) AS pictures,"
            " COALESCE(SUM(estimate), 0) AS amount, currency,"
            " SUM(CAST(deduction AS REAL)) AS units"
            " FROM task WHERE owner=? AND state=?"
            " GROUP BY day, account, model, currency ORDER BY day DESC, amount DESC",
            offset,
            owner,
            State.SUCCEEDED,
        )
        return [Day(**dict(row)) for row in rows]

    def weight(self, owner: str) -> tuple[int, int]:
        """How many pictures are kept, and their bytes."""
        row = self._database.read(
            "SELECT COUNT(*) AS pictures, COALESCE(SUM(bytes), 0) AS bytes FROM picture"
            " JOIN task ON task.id = picture.task_id WHERE task.owner=? AND task.deleted=0",
            owner,
        )[0]
        return int(row["pictures"]), int(row["bytes"])


_PROMPT = "CASE WHEN json_valid(request) THEN json_extract(request, '$.prompt') END"
_FILTERS: dict[Filter, tuple[str, list[Any]]] = {
    "": ("", []),
    "running": (f" AND state IN ({marks(RUNNING)})", [*RUNNING]),
    "starred": (" AND starred = 1", []),
    "failed": (f" AND state IN ({marks(UNLUCKY)})", [*UNLUCKY]),
}


def _where(search: Search) -> tuple[str, list[Any]]:
    """Conditions to go after others, and their values."""
    sql, values = _FILTERS[search.only]
    values = [*values]
    for word in search.words:
        states = [*word.states]
        sql += (
            f" AND (instr(casefold(coalesce({_PROMPT}, '')), ?) OR instr(casefold(model), ?)"
            " OR instr(strftime('%Y-%m-%d', created + ?, 'unixepoch'), ?) = 1"
            f" OR state IN ({marks(states)}))"
        )
        values += [word.text, word.text, search.offset, word.text, *states]
    return sql, values
