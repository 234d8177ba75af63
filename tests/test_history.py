from __future__ import annotations

import re
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kling_ui.history import MIGRATIONS, AlreadyUsed, Deleted, History, Spend, Summary
from kling_ui.task import RemotePicture, State, Task

from .histories import Clock, added, finished, moved, new, picture

ROOT = Path(__file__).parent.parent
OVER = [state for state in State if state.over]
OPEN = [state for state in State if not state.over]
KEPT = [state for state in OPEN if state is not State.UNCONFIRMED]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "history.db"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def history(path: Path, clock: Clock) -> Iterator[History]:
    with closing(History(path, clock=clock)) as opened:
        yield opened


def together(jobs: list[Callable[[], Any]]) -> list[Any]:
    """The results of jobs that all start at the same moment, each in its own thread."""
    gate = threading.Barrier(len(jobs))

    def run(job: Callable[[], Any]) -> Any:
        gate.wait(timeout=10)
        return job()

    with ThreadPoolExecutor(len(jobs)) as threads:
        return list(threads.map(run, jobs))


# adding


def test_a_new_task_is_queued_and_holds_what_was_asked(history: History, clock: Clock) -> None:
    asked = new(request={"prompt": "狐狸 🦊"}, estimate=0.056, currency="USD")
    task, fresh = history.add(asked)
    assert fresh
    assert task == history.get(task.id) == history.get(task.id, owner="ann")
    assert (task.state, task.request) == (State.QUEUED, asked.request)
    assert (task.owner, task.account, task.external_task_id) == (
        asked.owner,
        asked.account,
        asked.external_task_id,
    )
    assert (task.estimate, task.currency, task.attempts) == (0.056, "USD", 0)
    assert task.created == task.state_since == clock.now
    assert (task.sent, task.ended, task.pictures, task.remote_pictures) == (None, None, (), ())
    assert history.transitions(task.id) == [("queued", clock.now)]


def test_one_press_is_one_task(history: History) -> None:
    first = added(history, nonce="press")
    again, fresh = history.add(new(nonce="press", request={"prompt": "something else"}))
    assert (again, fresh) == (first, False)
    assert len(history.newest("ann", limit=9)) == 1


def test_one_press_is_one_task_from_twenty_threads(history: History) -> None:
    asked = new(nonce="press")
    results = together([lambda: history.add(asked)] * 20)
    assert len({task.id for task, _ in results}) == 1
    assert sorted(fresh for _, fresh in results) == [False] * 19 + [True]


def test_a_press_that_comes_again_after_a_delete_makes_no_second_task(history: History) -> None:
    task = added(history, nonce="press")
    moved(history, task, State.CANCELLED)
    history.delete(task.id, owner="ann")
    with pytest.raises(Deleted):
        history.add(new(nonce="press"))
    assert len(history._database.read("SELECT 1 FROM task")) == 1


def test_a_press_that_comes_again_after_its_row_went_bad_makes_no_second_task(
    history: History, path: Path
) -> None:
    added(history, nonce="press")
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE task SET request='{'")
        db.commit()
    with pytest.raises(AlreadyUsed):
        history.add(new(nonce="press"))
    assert len(history._database.read("SELECT 1 FROM task")) == 1


def test_two_owners_may_press_with_the_same_nonce(history: History) -> None:
    ann, bob = (added(history, owner=owner, nonce="press") for owner in ("ann", "bob"))
    assert ann.id != bob.id


def test_an_external_id_is_used_once_in_an_account(history: History) -> None:
    added(history, external_task_id="mine")
    with pytest.raises(AlreadyUsed, match="mine"):
        history.add(new(external_task_id="mine", owner="bob"))
    added(history, external_task_id="mine", account="demo")
    assert history.newest("bob", limit=9) == []


def test_a_refused_external_id_leaves_its_press_free(history: History) -> None:
    added(history, external_task_id="mine")
    with pytest.raises(AlreadyUsed):
        history.add(new(nonce="press", external_task_id="mine"))
    assert added(history, nonce="press", external_task_id="other")


# moving


def test_a_move_changes_the_state_and_what_comes_with_it(history: History, clock: Clock) -> None:
    task = added(history)
    remote = (RemotePicture("https://x/1.png", "https://x/1w.png", 0), RemotePicture("https://y"))
    done = history.move(
        task.id,
        State.SAVING,
        frm={State.QUEUED},
        case="1303",
        detail="why",
        sent=5.0,
        attempts=2,
        remote_id="829836802793406551",
        remote_pictures=remote,
    )
    expected = replace(
        task,
        state=State.SAVING,
        revision=task.revision + 1,
        state_since=clock.now,
        case="1303",
        detail="why",
        sent=5.0,
        attempts=2,
        remote_id="829836802793406551",
        remote_pictures=remote,
    )
    assert done == expected == history.get(task.id)
    assert [state for state, _ in history.transitions(task.id)] == ["queued", "saving"]


def test_a_move_from_another_state_does_nothing(history: History) -> None:
    task = added(history)
    assert history.move(task.id, State.SAVING, frm={State.SENDING, State.STALLED}) is None
    assert history.move(task.id, State.SAVING, frm=set()) is None
    assert history.move("nobody", State.SAVING, frm={*State}) is None
    assert history.get(task.id) == task
    assert len(history.transitions(task.id)) == 1


def test_of_two_who_move_a_task_one_wins(history: History) -> None:
    for _ in range(50):
        task = added(history)
        sent, cancelled = together(
            [
                lambda id=task.id: history.move(id, State.SENDING, frm={State.QUEUED}),
                lambda id=task.id: history.move(id, State.CANCELLED, frm={State.QUEUED}),
            ]
        )
        assert (sent is None) is not (cancelled is None)
        assert history.get(task.id) == (sent or cancelled)
        assert len(history.transitions(task.id)) == 2


@pytest.mark.parametrize("state", State)
def test_a_task_ends_when_its_state_is_over(history: History, clock: Clock, state: State) -> None:
    done = moved(history, added(history), state)
    assert done.ended == (clock.now if state.over else None)


def test_a_note_changes_anything_but_the_state(history: History) -> None:
    task = added(history)
    noted = history.note(task.id, remote_status="processing", deduction="8")
    assert noted == replace(
        task, remote_status="processing", deduction="8", revision=task.revision + 1
    )
    assert history.note("nobody", detail="x") is None
    assert len(history.transitions(task.id)) == 1


def test_a_change_that_fails_half_way_changes_nothing(history: History) -> None:
    task = added(history)
    with pytest.raises(sqlite3.Error):
        history.move(task.id, State.SENDING, frm={State.QUEUED}, no_such_column=1)
    assert history.get(task.id) == task
    assert history.revision() == task.revision
    assert moved(history, task, State.SENDING)


# pictures


def test_pictures_come_in_their_places_each_once(history: History) -> None:
    task = added(history)
    kept = [picture(task, 1), picture(task, 0), picture(task, 0, id="w", watermarked=True)]
    for one in kept:
        history.keep_picture(one)
    again = history.keep_picture(picture(task, 1, id="other"))
    assert again
    assert again.pictures == (kept[1], kept[2], kept[0])


def test_a_task_that_was_deleted_gets_no_picture(history: History) -> None:
    task = moved(history, added(history, nonce="press"), State.SUCCEEDED)
    history.delete(task.id, owner="ann")
    late = picture(task)
    assert history.keep_picture(late) is None
    assert history.picture(late.id, owner="ann") is None


# what changed


def test_every_change_has_a_revision_of_its_own_and_it_grows(history: History) -> None:
    task, other = added(history), added(history, owner="bob")
    seen = [task.revision, other.revision]
    for change in (
        lambda: history.note(task.id, detail="x"),
        lambda: history.move(other.id, State.SENDING, frm={State.QUEUED}),
        lambda: history.keep_picture(picture(task)),
        lambda: history.move(task.id, State.SUCCEEDED, frm={State.QUEUED}),
    ):
        done = change()
        assert done
        seen.append(done.revision)
        assert history.revision() == done.revision
    history.delete(task.id, owner="ann")
    seen.append(history.since("ann", 0)[2])
    assert seen == sorted(set(seen))


def test_a_change_that_did_not_happen_shows_to_nobody(history: History) -> None:
    task = added(history, nonce="press")
    history.move(task.id, State.SAVING, frm={State.SENDING})
    history.add(new(nonce="press"))
    assert history.since("ann", task.revision) == ([], [], task.revision)


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_of_changes_bring_everything_once(history: History, limit: int) -> None:
    tasks = [added(history) for _ in range(7)]
    added(history, owner="bob")
    for task in tasks[:3]:
        moved(history, task, State.CANCELLED)
        history.delete(task.id, owner="ann")
    tasks[3] = moved(history, tasks[3], State.SENDING)
    alive: list[Task] = []
    gone: list[str] = []
    revision, pages = 0, 0
    while True:
        changed, deleted, reached = history.since("ann", revision, limit=limit)
        if reached == revision:
            break
        assert len(changed) + len(deleted) <= limit
        alive, gone, revision, pages = alive + changed, gone + deleted, reached, pages + 1
    assert alive == sorted(tasks[3:], key=lambda task: task.revision)
    assert gone == [task.id for task in tasks[:3]]
    assert pages == -(-7 // limit)


# owners


def test_nobody_sees_or_deletes_what_belongs_to_another(history: History) -> None:
    task = moved(history, added(history), State.SUCCEEDED)
    kept = picture(task)
    history.keep_picture(kept)
    assert history.get(task.id, owner="bob") is None
    assert history.get(task.id, owner="") is None
    assert history.picture(kept.id, owner="bob") is None
    assert history.newest("bob", limit=9) == []
    assert history.since("bob", 0) == ([], [], 0)
    assert history.summary("bob", "live", since=0) == Summary(0, ())
    assert history.delete(task.id, owner="bob") is None
    assert history.get(task.id, owner="ann")
    assert history.picture(kept.id, owner="ann") == kept


def test_newest_comes_first_page_after_page(history: History) -> None:
    tasks = [added(history) for _ in range(5)]
    added(history, owner="bob")
    first = history.newest("ann", limit=2)
    second = history.newest("ann", limit=9, before=(first[-1].created, first[-1].id))
    assert [task.id for task in first + second] == [task.id for task in reversed(tasks)]


def test_a_long_history_is_read_with_all_its_pictures(history: History) -> None:
    tasks = [added(history) for _ in range(502)]  # SQLite is asked for 500 at a time
    for task in (tasks[0], tasks[-1]):
        history.keep_picture(picture(task))
    newest = history.newest("ann", limit=502)
    assert [task.id for task in newest if task.pictures] == [tasks[-1].id, tasks[0].id]
    assert len(newest) == 502


# deleting


def test_a_deleted_task_is_gone_but_for_a_tombstone(history: History) -> None:
    task = moved(history, added(history, external_task_id="mine"), State.SUCCEEDED)
    kept = picture(task)
    before = history.keep_picture(kept)
    assert before
    assert history.delete(task.id, owner="ann") == before
    assert history.get(task.id) is None
    assert history.newest("ann", limit=9) == []
    assert history.running("ann") == 0
    assert history.picture(kept.id, owner="ann") is None
    changed, gone, _ = history.since("ann", before.revision)
    assert (changed, gone) == ([], [task.id])
    assert history.delete(task.id, owner="ann") is None
    assert history.note(task.id, detail="x") is None
    assert history.move(task.id, State.SENDING, frm={*State}) is None
    assert history.transitions(task.id)[-1][0] == "succeeded"
    with pytest.raises(AlreadyUsed):
        history.add(new(external_task_id="mine"))


@pytest.mark.parametrize("state", KEPT)
def test_a_task_that_is_not_over_cannot_be_deleted(history: History, state: State) -> None:
    task = moved(history, added(history), state)
    assert history.delete(task.id, owner="ann") is None
    assert history.get(task.id) == task


@pytest.mark.parametrize("state", [*OVER, State.UNCONFIRMED])
def test_a_task_that_is_over_or_unconfirmed_can_be_deleted(history: History, state: State) -> None:
    task = moved(history, added(history), state)
    assert history.delete(task.id, owner="ann") == task
    assert history.get(task.id) is None


def test_of_a_discard_and_a_late_answer_one_wins(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a task that turned out to be paid for would be thrown away."""
    task = moved(history, added(history), State.UNCONFIRMED)
    found: list[Task | None] = []
    answer = threading.Thread(
        target=lambda: found.append(history.move(task.id, State.SUBMITTED, frm={State.UNCONFIRMED}))
    )
    get = history.get

    def get_and_be_interrupted(*values: Any, **named: Any) -> Task | None:
        seen = get(*values, **named)
        monkeypatch.setattr(history, "get", get)
        answer.start()
        answer.join(timeout=0.3)
        return seen

    monkeypatch.setattr(history, "get", get_and_be_interrupted)
    discarded = history.delete(task.id, owner="ann")
    answer.join(timeout=10)
    assert (discarded is None) is not (found == [None])
    assert get(task.id) == found[0]


def test_no_word_of_a_deleted_task_is_left_on_the_disk(history: History, path: Path) -> None:
    words = [b"unicorn", b"lighthouse", b"secret-url"]
    for size in (0, 50, 5000):
        task = added(history, request={"prompt": "unicorn" + "x" * size})
        remote = (RemotePicture("https://secret-url/1.png"),)
        moved(history, task, State.FAILED, detail="lighthouse", remote_pictures=remote)
        added(history)
        assert any(word in path.with_name("history.db-wal").read_bytes() for word in words)
        history.delete(task.id, owner="ann")
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    for file in path.parent.iterdir():
        data = file.read_bytes()
        assert [word for word in words if word in data] == [], file.name
    assert b"a fox" in path.read_bytes()


# across restarts


def test_a_reopened_history_holds_the_same_tasks(history: History, path: Path) -> None:
    tasks = [added(history, request={"prompt": f"狐狸 {state}"}) for state in State]
    for task, state in zip(tasks, State, strict=True):
        moved(history, task, state, remote_pictures=(RemotePicture("https://x/", index=3),))
        history.keep_picture(picture(task))
    before = history.newest("ann", limit=99)
    assert len(before) == len(State)
    revision = history.revision()
    history.close()
    with closing(History(path)) as again:
        assert again.newest("ann", limit=99) == before
        assert again.revision() == revision
        assert again.transitions(tasks[0].id)
        assert added(again).revision > revision


def schema(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every table's columns and indexes."""
    with closing(sqlite3.connect(path)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type='table'")]
        return {
            f"{kind} of {name}": [tuple(row[1:]) for row in db.execute(f"PRAGMA {kind}({name})")]
            for name in tables
            for kind in ("table_info", "index_list")
        }


@pytest.mark.parametrize("version", range(len(MIGRATIONS) + 1))
def test_a_database_of_any_age_opens(path: Path, tmp_path: Path, version: int) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        for script in MIGRATIONS[:version]:
            db.executescript(script)
        db.execute(f"PRAGMA user_version={version}")
        if version:
            db.execute("UPDATE revision SET value=7")
            db.execute(
                "INSERT INTO task (id, owner, account, nonce, external_task_id, request, state,"
                " revision, created, state_since) VALUES"
                " ('old', 'ann', 'live', 'press', 'mine',"
                ' \'{"n": 4, "model_name": "kling-v3"}\', \'submitted\', 7, 1, 2)'
            )
        db.commit()
    path.chmod(0o644)
    with closing(History(path)) as history, closing(History(tmp_path / "fresh.db")):
        old = history.get("old", owner="ann")
        assert (old is not None) is (version > 0)
        assert old is None or (old.state, old.n, old.revision) == (State.SUBMITTED, 4, 7)
        assert added(history).revision == (8 if version else 1)
        if old:
            assert (old.took, old.resubmitted) == (None, False)
            assert ("swept" in history.learned("live")) is (version in (1, 2))
            moved(history, old, State.SUCCEEDED, sent=5.0, ended=9.0)
            assert history.usual_seconds("kling-v3", "live") == (4.0 if version == 1 else None)
    assert schema(path) == schema(tmp_path / "fresh.db")
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_row_outlives_a_power_cut(history: History) -> None:
    full = 2  # no test can cut the power; SQLite's own word has to do
    asked = history._database.read
    assert asked("PRAGMA synchronous")[0][0] == full
    assert asked("PRAGMA journal_mode")[0][0] == "wal"


def test_nobody_else_on_the_machine_may_read_it(history: History, path: Path) -> None:
    added(history)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(modes) == {"history.db", "history.db-wal", "history.db-shm"}
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


ENDLESS = """
import os, sys, threading
from pathlib import Path
from kling_ui.history import History, NewTask
from kling_ui.task import State

history = History(Path(sys.argv[1]))
def write(name):
    for number in range(10**9):
        key = f"{name}-{number}"
        request = {"prompt": "x" * (number % 50) * 200}
        new = NewTask(owner="ann", account="a", nonce=key, external_task_id=key, request=request)
        task, _ = history.add(new)
        os.write(1, f"{task.id}\\n".encode())
        history.move(task.id, State.FAILED, frm={State.QUEUED})
        if number % 3 == 0:
            history.delete(task.id, owner="ann")
threading.Thread(target=write, args=["other"], daemon=True).start()
write("main")
"""


@pytest.mark.parametrize("rows", [1, 60, 301])
def test_a_kill_in_the_middle_of_writing_loses_no_row_that_was_added(path: Path, rows: int) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with writer:
        assert writer.stdout
        told = [writer.stdout.readline().strip() for _ in range(rows)]
        writer.send_signal(signal.SIGKILL)
        told += [line.strip() for line in writer.stdout if line.endswith("\n")]
    assert writer.returncode == -signal.SIGKILL
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    with closing(History(path)) as history:
        alive, gone, _ = history.since("ann", 0, limit=10**6)
        assert {*told} <= {*gone, *(task.id for task in alive)}
        assert all(history.transitions(task.id)[-1][0] == task.state for task in alive)
        assert added(history).revision > max((task.revision for task in alive), default=0)


FULL_DISK = """
import resource, sys
from pathlib import Path
from kling_ui.history import DiskTrouble, History, NewTask

def new(key):
    return NewTask(owner="ann", account="a", nonce=key, external_task_id=key,
                   request={"prompt": "x" * 50_000})
path = Path(sys.argv[1])
history = History(path)
history.add(new("before"))
size = path.with_name(path.name + "-wal").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 9000, resource.RLIM_INFINITY))
for _ in range(2):
    try:
        history.add(new("during"))
        sys.exit("the disk was not full")
    except DiskTrouble:
        pass
assert [task.external_task_id for task in history.newest("ann", limit=9)] == ["before"]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert history.add(new("during"))[1]
"""


def test_a_full_disk_costs_one_row_and_no_more(path: Path) -> None:
    subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], cwd=ROOT, check=True, timeout=20)
    with closing(History(path)) as history:
        kept = [task.external_task_id for task in history.newest("ann", limit=9)]
        assert kept == ["during", "before"]


# sums


def test_the_unfinished_come_oldest_first_whoever_owns_them(history: History) -> None:
    tasks = [
        moved(history, added(history, owner=owner), state)
        for state, owner in zip(State, ["ann", "bob"] * 6, strict=True)
    ]
    assert history.unfinished() == [task for task in tasks if not task.state.over]


def test_tasks_of_one_moment_keep_their_order(path: Path) -> None:
    with closing(History(path, clock=lambda: 5.0)) as history:
        tasks = [added(history) for _ in range(9)]
        assert history.unfinished() == tasks
        assert history.newest("ann", limit=9) == tasks[::-1]


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_no_task_of_one_moment_is_lost_between_two_pages(path: Path, limit: int) -> None:
    with closing(History(path, clock=lambda: 5.0)) as history:
        tasks = [moved(history, added(history), State.FAILED) for _ in range(9)]
        read: list[Task] = []
        while page := history.newest(
            "ann", limit=limit, before=(read[-1].created, read[-1].id) if read else None
        ):
            read += page
            history.delete(page[-1].id, owner="ann")  # a deleted one still holds its place
        assert read == tasks[::-1]
        assert history.newest("ann", limit=9, before=(5.0, "of another history")) == []


def test_what_is_neither_over_nor_unconfirmed_runs(history: History) -> None:
    for state in State:
        moved(history, added(history), state)
    added(history, owner="bob")
    assert history.running("ann") == len(OPEN) - 1
    assert history.summary("ann", "live", since=0) == Summary(len(OPEN) - 1, ())


def test_the_usual_time_is_the_median_of_the_last_twenty_successes(history: History) -> None:
    assert history.usual_seconds("kling-v3", "live") is None
    for _ in range(30):
        finished(history, 900)
    for seconds in (*range(1, 20), 500):
        finished(history, seconds)
    finished(history, 1, State.FAILED)
    finished(history, 1, account="demo")
    finished(history, 1, request={"model_name": "kling-v1"})
    moved(history, added(history), State.SUCCEEDED)  # never known when it was sent
    assert history.usual_seconds("kling-v3", "live") == 10.5
    assert history.usual_seconds("kling-v3", "demo") == 1
    assert history.usual_seconds("kling-v2-1", "live") is None


def test_the_time_at_kling_counts_where_it_is_known_of_any(history: History) -> None:
    for _ in range(20):
        finished(history, 900, took=70.0)
    for took in range(1, 21):
        finished(history, 800, took=float(took))
        finished(history, 700)
    finished(history, 1, State.FAILED, took=1.0)
    assert history.usual_seconds("kling-v3", "live") == 10.5
    finished(history, 600, account="demo")
    assert history.usual_seconds("kling-v3", "demo") == 600


def test_what_succeeded_is_summed_by_currency_deleted_or_not(history: History) -> None:
    priced = {"estimate": 0.25, "currency": "USD"}
    finished(history, 1, **priced)
    since = added(history).created
    finished(history, 1, **priced)
    history.delete(finished(history, 1, **priced).id, owner="ann")
    finished(history, 1, estimate=0.5, currency="CNY")
    finished(history, 1, State.FAILED, **priced)
    finished(history, 1, account="demo", **priced)
    finished(history, 1, owner="bob", **priced)
    finished(history, 1)
    added(history, **priced)
    spent = history.spent("ann", "live", since=since)
    assert sorted(spent, key=lambda s: s.currency) == [Spend(0.5, "CNY"), Spend(0.5, "USD")]
    assert Spend(0.75, "USD") in history.spent("ann", "live", since=0)
    assert history.summary("ann", "live", since=since) == Summary(2, spent)


def test_no_number_of_the_head_is_found_by_reading_every_task(history: History) -> None:
    """Every open tab asks at every change, while the worker waits to write."""
    asked: list[str] = []
    history._database.connection.set_trace_callback(asked.append)
    history.usual_seconds("kling-v3", "live")
    history.summary("ann", "live", since=0)
    history.claim("ann", "01234567")
    history.remote_id_known("live", "829836802793406551")
    history._database.connection.set_trace_callback(None)
    plans = [
        row["detail"]
        for sql in asked
        for row in history._database.read(f"EXPLAIN QUERY PLAN {sql}")
    ]
    searched = [plan for plan in plans if not plan.startswith("USE TEMP B-TREE")]
    assert [plan.split(" (")[0].split()[-1] for plan in searched] == [
        "task_timed",
        "task_by_model",
        "task_by_state",
        "task_by_state",
        "task_by_age",
        "task_by_remote_id",
    ]


# another history


def test_a_history_has_a_mark_of_its_own_for_ever(history: History, path: Path) -> None:
    mark = history.mark()
    assert re.fullmatch(r"[0-9a-f]{16}", mark)
    history.close()
    with closing(History(path)) as again, closing(History(path.with_name("other.db"))) as other:
        assert again.mark() == mark
        assert other.mark() != mark


def test_a_reference_picture_is_known_while_a_task_names_it(history: History) -> None:
    image = "reference:3f.png"
    task = moved(history, added(history, request={"image": image}), State.FAILED)
    assert history.reference_in_use(image)
    assert history.images() == {image}
    assert not history.reference_in_use("reference:other.png")
    history.delete(task.id, owner="ann")
    assert not history.reference_in_use(image)
    assert history.images() == set()
