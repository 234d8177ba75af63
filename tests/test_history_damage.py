"""Damaged files, bad rows, full disks and odd volumes. The corruptions are real ones."""

from __future__ import annotations

import errno
import logging
import random
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kling_ui.history import MIGRATIONS, DiskTrouble, Found, History, TooNew
from kling_ui.task import State, Task

from .histories import Clock, added, finished, moved, new, picture

ROOT = Path(__file__).parent.parent
PAGE = 4096
MANY = 2000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "history.db"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed history of 2,000 tasks with a picture each."""
    path = tmp_path_factory.mktemp("many") / "history.db"
    with closing(History(path)) as history:
        history._database.connection.execute("PRAGMA synchronous=OFF")
        for number in range(MANY):
            prompt = f"fox {number} " + "x" * (number % 7 * 150)
            done = finished(history, 9, request={"prompt": prompt}, took=float(number))
            history.keep_picture(picture(done))
        history.learn("live", "lookup", True)
        history.learn("live", "swept", True)
    return path


@pytest.fixture
def damaged(many: Path, path: Path) -> Path:
    """A copy of it, to be damaged."""
    path.parent.mkdir(mode=0o700)
    shutil.copy(many, path)
    return path


def tasks_of(path: Path) -> list[Task]:
    with closing(History(path)) as history:
        return all_tasks(history)


def all_tasks(history: History) -> list[Task]:
    return history.newest("ann", limit=10 * MANY)


def sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as db:
        whole = db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return whole and db.execute("PRAGMA foreign_key_check").fetchall() == []


def files(path: Path) -> set[str]:
    return {file.name for file in path.parent.iterdir()}


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def spoil_page_of(path: Path, words: bytes, junk: bytes) -> None:
    """Overwrite the page on which `words` stand."""
    at = path.read_bytes().index(words)
    overwrite(path, at - at % PAGE, (junk * PAGE)[:PAGE])


def numbers(tasks: list[Task]) -> set[int]:
    return {int(task.request["prompt"].split()[1]) for task in tasks}


# damage


def test_a_sound_history_is_left_alone(damaged: Path) -> None:
    before = files(damaged)
    with closing(History(damaged)) as history:
        assert (history.set_aside, history.salvaged, history.fresh) == (None, 0, False)
    assert files(damaged) == before


def test_a_new_history_is_fresh_until_it_is_opened_again(path: Path) -> None:
    for fresh in (True, False):
        with closing(History(path)) as history:
            assert (history.set_aside, history.salvaged, history.fresh) == (None, 0, fresh)


def test_a_garbage_header_costs_nothing(damaged: Path, many: Path) -> None:
    overwrite(damaged, 0, random.Random(1).randbytes(100))
    spoiled = damaged.read_bytes()
    with closing(History(damaged, clock=lambda: 0.0)) as history:
        assert history.fresh
        assert history.salvaged == MANY
        assert all_tasks(history) == tasks_of(many)
        assert history.set_aside
        assert re.fullmatch(r"history\.db\.damaged-(1970|1969)\d{4}-\d{6}", history.set_aside.name)
        assert history.set_aside.read_bytes() == spoiled
        assert added(history)
    assert sound(damaged)
    assert files(damaged) == {"history.db", history.set_aside.name}


def test_of_a_file_that_was_cut_off_the_front_is_saved(damaged: Path, many: Path) -> None:
    size = damaged.stat().st_size
    with damaged.open("r+b") as file:
        file.truncate(size * 2 // 3 // PAGE * PAGE + 100)
    with closing(History(damaged)) as history:
        saved = all_tasks(history)
        assert history.set_aside
        assert history.salvaged == len(saved) > MANY // 2
        assert set(numbers(saved)) <= set(range(MANY))
        assert added(history)
    assert sound(damaged)


@pytest.mark.parametrize("junk", [b"\0", b"\xff", random.Random(2).randbytes(PAGE)])
@pytest.mark.parametrize(
    "spoiled", [[1000], [0], [MANY - 1], [500, 1500], [3, 700, 1400, MANY - 1]]
)
def test_a_bad_page_costs_what_stood_on_it(
    damaged: Path, many: Path, spoiled: list[int], junk: bytes
) -> None:
    for number in spoiled:
        spoil_page_of(damaged, f"fox {number} ".encode(), junk)
    with closing(History(damaged)) as history:
        saved = all_tasks(history)
        assert history.set_aside
        assert history.salvaged == len(saved)
        lost = set(range(MANY)) - numbers(saved)
        assert lost >= {*spoiled}
        assert len(lost) <= 14 * len(spoiled)
        whole = {task.id: task for task in tasks_of(many)}
        assert all(task == whole[task.id] for task in saved)
        assert [one.revision for one in saved] == sorted(
            (one.revision for one in saved), reverse=True
        )
    assert sound(damaged)


def test_what_is_saved_comes_with_its_pictures_and_its_past(damaged: Path, many: Path) -> None:
    spoil_page_of(damaged, b"fox 1000 ", b"\xff")
    with closing(History(many)) as history:
        mark = history.mark()
        revision = history.revision()
    with closing(History(damaged)) as history:
        task = all_tasks(history)[0]
        assert task.pictures == (picture(task),)
        assert [state for state, _ in history.transitions(task.id)] == ["queued", "succeeded"]
        assert {name: fact.value for name, fact in history.learned("live").items()} == {
            "lookup": True  # what was swept has holes again
        }
        assert history.mark() != mark
        assert added(history).revision > revision
        assert history.durations("live")["kling-v3"][0] == MANY - 1


def test_only_an_index_is_bad_and_nothing_is_lost(damaged: Path) -> None:
    with closing(sqlite3.connect(damaged)) as db:
        sql = "SELECT rootpage FROM sqlite_schema WHERE name='task_by_state'"
        root = db.execute(sql).fetchone()[0]
    overwrite(damaged, (root - 1) * PAGE, b"\xff" * PAGE)
    with closing(History(damaged)) as history:
        assert history.set_aside
        assert history.salvaged == MANY
        assert history.spent("ann", "live", since=0) == ()


def test_an_index_that_forgot_its_rows_is_damage(path: Path) -> None:
    """Each page is sound, and yet the tasks would be missing from every list."""
    with closing(History(path)) as history:
        task = added(history)
    with closing(sqlite3.connect(path)) as db:
        sql = "SELECT rootpage FROM sqlite_schema WHERE name='task_by_age'"
        root = db.execute(sql).fetchone()[0]
    empty = bytes([0x0A, 0, 0, 0, 0, PAGE >> 8, 0, 0])
    overwrite(path, (root - 1) * PAGE, empty + bytes(PAGE - len(empty)))
    with closing(History(path)) as history:
        assert history.salvaged == 1
        assert [one.id for one in history.newest("ann", limit=9)] == [task.id]


def test_what_was_queued_in_a_damaged_history_is_not_sent_by_itself(path: Path) -> None:
    """The row that is left may be older than the one that says it was sent."""
    with closing(History(path)) as history:
        task = added(history)
        sending = moved(history, added(history), State.SENDING)
    overwrite(path, 0, b"garbage" * 10)
    with closing(History(path)) as history:
        assert history.salvaged == 2
        assert history.waiting("live") == []
        saved = history.get(task.id)
        assert saved
        assert (saved.state, saved.case) == (State.UNCONFIRMED, "salvaged")
        assert history.get(sending.id) == sending


def test_a_row_that_cannot_be_read_is_not_saved(path: Path) -> None:
    with closing(History(path)) as history:
        good, *bad = (added(history) for _ in range(4))
    raw(path, "request='{'", bad[0])
    raw(path, "state='dreaming'", bad[1])
    raw(path, "request=cast(x'7bff7d' AS TEXT)", bad[2])
    overwrite(path, 0, b"garbage" * 10)
    with closing(History(path)) as history:
        assert history.salvaged == 1
        assert [task.id for task in all_tasks(history)] == [good.id]
    assert sound(path)


def test_a_row_with_an_absurd_number_does_not_keep_the_program_from_starting(path: Path) -> None:
    with closing(History(path)) as history:
        good, bad = added(history), added(history)
    raw(path, "rowid=1152921504606846976", bad)
    overwrite(path, 0, b"garbage" * 10)
    program = "import sys, pathlib, kling_ui.history as h; h.History(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", program, str(path)], cwd=ROOT, check=True, timeout=20)
    assert [task.id for task in tasks_of(path)] == [good.id]


def test_a_deleted_task_stays_deleted_and_known(path: Path) -> None:
    with closing(History(path)) as history:
        task = moved(history, added(history), State.FAILED, remote_id="123")
        history.delete(task.id, owner="ann")
    overwrite(path, 0, b"garbage" * 10)
    with closing(History(path)) as history:
        assert history.salvaged == 0
        assert history.get(task.id) is None
        assert history.remote_id_known("live", "123")


@pytest.mark.parametrize("version", range(1, len(MIGRATIONS)))
def test_a_damaged_database_of_any_age_is_saved(path: Path, version: int) -> None:
    old_database(path, version)
    overwrite(path, 0, b"garbage" * 10)
    with closing(History(path)) as history:
        task = history.get("old")
        assert history.salvaged == 1
        assert task
        moved(history, task, State.SUCCEEDED, sent=5.0, ended=9.0)
        assert history.usual_seconds("kling-v3", "live") == 4.0
        assert history.learned("live") == {}


def old_database(path: Path, version: int, *, request: str = '{"model_name": "kling-v3"}') -> None:
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as db:
        for script in MIGRATIONS[:version]:
            db.executescript(script)
        db.execute(f"PRAGMA user_version={version}")
        model = ", model" if version > 1 else ""
        db.execute(
            "INSERT INTO task (id, owner, account, nonce, external_task_id, request, state,"
            f" revision, created, state_since{model}) VALUES"
            " ('old', 'ann', 'live', 'press', 'mine', ?, 'submitted', 7, 1, 2"
            f"{', ' * bool(model)}{repr('kling-v3') * bool(model)})",
            (request,),
        )
        db.commit()


@pytest.mark.parametrize("data", [b"SQLite", b"\0" * PAGE, b"not a database " * 1000])
def test_where_nothing_can_be_read_all_begins_anew(path: Path, data: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(data)
    with closing(History(path)) as history:
        assert (history.salvaged, history.fresh) == (0, True)
        assert history.set_aside
        assert history.set_aside.read_bytes() == data
        assert added(history)


def test_somebody_elses_database_is_kept_and_not_touched(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE recipe (name TEXT)")
        db.execute("INSERT INTO recipe VALUES ('soup')")
        db.commit()
    with closing(History(path)) as history:
        assert history.set_aside
        with closing(sqlite3.connect(history.set_aside)) as db:
            assert db.execute("SELECT name FROM recipe").fetchall() == [("soup",)]


def test_an_empty_file_is_a_fresh_history(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    with closing(History(path)) as history:
        assert (history.set_aside, history.fresh) == (None, True)
        assert added(history)


def test_without_its_log_a_history_is_older_but_sound(damaged: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.db"
    with closing(History(damaged)) as history:
        added(history)
        assert damaged.with_name("history.db-wal").stat().st_size
        shutil.copy(damaged, torn)
    with closing(History(torn)) as history:
        assert (history.set_aside, history.fresh) == (None, False)
        assert len(all_tasks(history)) == MANY
        assert added(history)


@pytest.mark.parametrize("looking", [False, True])
@pytest.mark.parametrize("kept", ["-wal", ""])
def test_a_history_killed_before_its_log_was_emptied_is_saved_with_it(
    damaged: Path, kept: str, looking: bool, tmp_path: Path
) -> None:
    """Also while another program looks into it, which keeps the log where it is."""
    copy = tmp_path / "killed" / "history.db"
    copy.parent.mkdir()
    with closing(History(damaged)) as history:
        late = added(history)
        for ending in {"", kept}:
            shutil.copy(f"{damaged}{ending}", f"{copy}{ending}")
    spoil_page_of(copy, b"fox 1000 ", b"\xff")
    with closing(sqlite3.connect(copy if looking else ":memory:")) as other:
        other.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        with closing(History(copy)) as history:
            assert history.set_aside
            assert (history.get(late.id) is not None) is bool(kept)
            assert history.salvaged >= MANY - 14


def test_an_earlier_damaged_file_is_never_overwritten(path: Path) -> None:
    asides = []
    for number in range(3):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"garbage %d" % number * 100)
        path.with_name("history.db-wal").write_bytes(b"log %d" % number)
        with closing(History(path, clock=lambda: 0.0)) as history:
            assert history.set_aside
            asides.append(history.set_aside)
    assert [aside.read_bytes()[:9] for aside in asides] == [b"garbage %d" % n for n in range(3)]
    assert len({*asides}) == 3


def test_nobody_else_may_read_what_was_saved(damaged: Path) -> None:
    overwrite(damaged, 0, b"garbage" * 10)
    with closing(History(damaged)) as history:
        assert history.salvaged
    assert damaged.stat().st_mode & 0o777 == 0o600


def test_nothing_is_moved_when_the_disk_has_no_room_to_save(
    damaged: Path, many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    overwrite(damaged, 0, b"garbage" * 10)
    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
        patched.setattr(shutil, "copyfile", full)
        History(damaged)
    assert files(damaged) == {"history.db"}
    assert tasks_of(damaged) == tasks_of(many)


# what is not damage


def test_a_newer_history_is_refused_and_not_touched(path: Path) -> None:
    with closing(History(path)) as history:
        task = added(history)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version=99")
    before = path.read_bytes()
    with pytest.raises(TooNew, match="99"):
        History(path)
    assert path.read_bytes() == before
    assert files(path) == {"history.db"}
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version={len(MIGRATIONS)}")
    assert tasks_of(path) == [task]


def test_a_path_that_cannot_be_opened_is_no_damage(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(DiskTrouble, match="unable to open"):
        History(path)
    assert files(path) == {"history.db"}


def elsewhere(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Every database is opened as if on another volume: `how` as in SQLite's URIs."""
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3,
        "connect",
        lambda path, **values: connect(f"file:{path}?{how}", uri=True, **values),
    )


def test_a_read_only_database_that_is_too_old_is_no_damage(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_database(path, 1)
    before = path.read_bytes()
    with monkeypatch.context() as patched:
        elsewhere(patched, "mode=ro")
        with pytest.raises(DiskTrouble, match="readonly"):
            History(path)
    assert path.read_bytes() == before
    assert files(path) == {"history.db"}
    with closing(History(path)) as history:
        assert history.get("old")


OPEN_FULL = """
import resource, sys
from pathlib import Path
from kling_ui.history import DiskTrouble, History

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    History(Path(sys.argv[1]))
except DiskTrouble as error:
    print(error)
"""


@pytest.mark.parametrize("room", [0, 100, 9000, 40_000])
def test_a_full_disk_at_opening_is_no_damage(path: Path, room: int) -> None:
    old_database(path, 1)
    command = [sys.executable, "-c", OPEN_FULL, str(path), str(room)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=20)
    assert b"disk" in done.stdout
    assert not [name for name in files(path) if "damaged" in name or "salvage" in name]
    with closing(History(path)) as history:
        assert (history.set_aside, history.fresh) == (None, False)
        assert history.get("old")


def test_trouble_with_the_disk_while_saving_moves_nothing(
    damaged: Path, many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overwrite(damaged, 0, b"garbage" * 10)
    connect = sqlite3.connect

    def of_the_copy_read_only(path: Any, **values: Any) -> sqlite3.Connection:
        how = "mode=ro" if Path(path).name == "damaged" else "mode=rwc"
        return connect(f"file:{path}?{how}", uri=True, **values)

    with monkeypatch.context() as patched, pytest.raises(DiskTrouble):
        patched.setattr(sqlite3, "connect", of_the_copy_read_only)
        History(damaged)
    assert files(damaged) == {"history.db"}
    assert tasks_of(damaged) == tasks_of(many)


# bad rows


def raw(path: Path, change: str, task: Task) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"UPDATE task SET {change} WHERE id=?", (task.id,))
        db.commit()


@pytest.mark.parametrize(
    "change",
    [
        "request='{'",
        "request='null'",
        "request=''",
        "state='dreaming'",
        "remote_pictures='['",
        "remote_pictures='[{}]'",
    ],
)
def test_a_row_that_cannot_be_read_is_left_out_and_the_others_are_read(
    path: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(History(path)) as history:
        bad = added(history, request={"image": "reference:bad.png"})
        good = [added(history, request={"image": "reference:a.png"}) for _ in range(3)]
        worse = added(history)
        for task in (bad, worse):
            raw(path, change, task)
        for _ in range(2):
            assert history.get(bad.id) is None
            assert history.newest("ann", limit=2) == [good[2], good[1]]
            assert history.newest("ann", limit=9) == good[::-1]
            assert history.unfinished() == good
            assert history.since("ann", 0) == (good, [], worse.revision)
            assert history.reference_in_use("reference:a.png")
            assert "reference:a.png" in history.images()
        records = [one for one in caplog.records if one.levelno >= logging.ERROR]
        assert len(records) == 2
        assert bad.id in records[0].message
        assert history.delete(bad.id, owner="ann") is None
        assert moved(history, good[0], State.SENDING)


def test_a_request_that_cannot_be_read_takes_up_no_place(path: Path) -> None:
    """Nobody watches it: its place would never become free."""
    with closing(History(path)) as history:
        for state in (State.QUEUED, State.PROCESSING):
            raw(path, "request='{'", moved(history, added(history), state))
        good = added(history)
        assert [one.id for one in history.waiting("live")] == [good.id]
        assert history.in_flight("live") == []


def test_a_bad_byte_spoils_one_word(path: Path) -> None:
    with closing(History(path)) as history:
        task = added(history)
        raw(path, "detail=cast(x'61ff62' AS TEXT)", task)
        assert [one.detail for one in history.newest("ann", limit=9)] == ["a\ufffdb"]


def test_an_old_database_with_a_bad_row_is_taken_over(path: Path) -> None:
    old_database(path, 1, request="{")
    with closing(History(path)) as history:
        assert (history.set_aside, history.get("old")) == (None, None)
        assert added(history)


def test_a_fact_that_cannot_be_read_is_not_known(path: Path) -> None:
    with closing(History(path)) as history:
        history.learn("live", "swept", True)
        history.learn("live", "lookup", True)
        with closing(sqlite3.connect(path)) as db:
            db.execute("UPDATE learned SET value='{' WHERE name='swept'")
            db.commit()
        assert set(history.learned("live")) == {"lookup"}


# a disk that takes nothing

LONG = "x" * 50_000
WRITES: dict[str, Callable[[History, Task], Any]] = {
    "add": lambda history, task: history.add(new(request={"prompt": LONG})),
    "move": lambda history, task: history.move(task.id, State.FAILED, frm={*State}, detail=LONG),
    "note": lambda history, task: history.note(task.id, detail=LONG),
    "keep_picture": lambda history, task: history.keep_picture(picture(task, file=LONG)),
    "adopt": lambda history, task: history.adopt(found(request={"prompt": LONG})),
    "learn": lambda history, task: history.learn("live", "lookup", LONG),
    "claim": lambda history, task: history.claim("ann" * 9000, "01234567"),
    "delete": lambda history, task: history.delete(task.id, owner="ann"),
}


def found(**values: Any) -> Found:
    plain = {"owner": "~01234567", "account": "live", "external_task_id": "e", "remote_id": "r"}
    times = {"state": State.SUBMITTED, "created": 1.0, "sent": 2.0, "request": {}}
    return Found(**{**plain, **times, **values})


@pytest.fixture
def history(path: Path) -> Iterator[History]:
    with closing(History(path, clock=Clock())) as opened:
        yield opened


@pytest.mark.parametrize("write", [name for name in WRITES if name != "delete"])
def test_a_full_disk_is_told_and_nothing_changes(history: History, write: str) -> None:
    task = moved(history, added(history), State.UNCONFIRMED)
    history.adopt(found(external_task_id="other", remote_id="other"))
    before = (history.unfinished(), history.revision(), history.learned("live"))
    pages = history._database.read("PRAGMA page_count")[0][0]
    history._database.read(f"PRAGMA max_page_count={pages}")
    for _ in range(2):
        with pytest.raises(DiskTrouble, match="full") as caught:
            WRITES[write](history, task)
        assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
        assert (history.unfinished(), history.revision(), history.learned("live")) == before
    history._database.read("PRAGMA max_page_count=100000")
    WRITES[write](history, task)
    assert (history.unfinished(), history.revision(), history.learned("live")) != before


@pytest.mark.parametrize("write", WRITES)
def test_a_read_only_disk_is_told_and_nothing_changes(history: History, write: str) -> None:
    task = moved(history, added(history), State.UNCONFIRMED)
    history.adopt(found(external_task_id="other", remote_id="other"))
    before = (history.unfinished(), history.revision())
    history._database.read("PRAGMA query_only=ON")
    with pytest.raises(DiskTrouble, match="readonly"):
        WRITES[write](history, task)
    assert (history.unfinished(), history.revision()) == before


def test_an_error_of_ours_is_no_trouble_with_the_disk(history: History) -> None:
    with pytest.raises(sqlite3.OperationalError):
        history.note(added(history).id, no_such_column=1)


DELETE_FULL = """
import resource, sys
from pathlib import Path
from kling_ui.history import DiskTrouble, History, NewTask
from kling_ui.task import State

def added(key, size):
    new = NewTask(owner="ann", account="a", nonce=key, external_task_id=key,
                  request={"prompt": "x" * size})
    return history.add(new)[0]

path = Path(sys.argv[1])
history = History(path)
added("large", 400_000)
history._database.empty_log()
limit = path.stat().st_size
task = history.move(added("small", 60_000).id, State.FAILED, frm={*State})
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
try:
    history._database.empty_log()
    sys.exit("there was room")
except DiskTrouble:
    assert history.delete(task.id, owner="ann") == task
assert history.get(task.id) is None
"""


def test_a_delete_counts_though_its_words_cannot_leave_the_log_yet(path: Path) -> None:
    subprocess.run([sys.executable, "-c", DELETE_FULL, str(path)], cwd=ROOT, check=True, timeout=20)


# volumes without a write-ahead log


def test_where_no_log_is_possible_the_journal_is_as_safe(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere(monkeypatch, "vfs=unix-dotfile")
    extra = 3
    for fresh in (True, False):
        with closing(History(path)) as history:
            assert history._database.read("PRAGMA journal_mode")[0][0] == "truncate"
            assert history._database.read("PRAGMA synchronous")[0][0] == extra
            assert (history.set_aside, history.fresh) == (None, fresh)
            task = moved(history, added(history), State.FAILED)
            assert history.delete(task.id, owner="ann")
            assert added(history)
            assert all_in(path)  # another may look
    assert len(all_in(path)) == 2


def all_in(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT id FROM task WHERE deleted=0").fetchall()


def test_a_history_moves_to_such_a_volume_with_its_log_and_back(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved_to = tmp_path / "network" / "history.db"
    moved_to.parent.mkdir()
    with closing(History(path)) as history:
        first = added(history)
        for ending in ("", "-wal"):
            shutil.copy(f"{path}{ending}", f"{moved_to}{ending}")
    with monkeypatch.context() as patched:
        elsewhere(patched, "vfs=unix-dotfile")
        with closing(History(moved_to)) as history:
            assert history._database.read("PRAGMA journal_mode")[0][0] == "truncate"
            assert history.set_aside is None
            second = added(history)
    with closing(History(moved_to)) as history:
        assert history._database.read("PRAGMA journal_mode")[0][0] == "wal"
        assert history.newest("ann", limit=9) == [second, first]


def test_damage_is_mended_on_such_a_volume_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(History(path)) as history:
        task = added(history)
    overwrite(path, 0, b"garbage" * 10)
    elsewhere(monkeypatch, "vfs=unix-dotfile")
    with closing(History(path)) as history:
        assert history.salvaged == 1
        assert history.get(task.id)
