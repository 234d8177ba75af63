from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tarfile
import threading
import time
from collections import namedtuple
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock, Timeout

from kling_ui.backup import save, words
from kling_ui.backup.__main__ import main, parser
from kling_ui.history import MIGRATIONS, DiskTrouble, History, copy_history
from kling_ui.pictures import PictureFolder
from kling_ui.simulator.options import Fault
from kling_ui.studio import Clock, Studio
from kling_ui.task import Picture, State, Task

from .conftest import OWNER, PACE, Kling, account, reaches, submitted
from .histories import added, finished, moved
from .program import NO_SETTINGS, ROOT

Start = Callable[..., Kling]
Run = Callable[..., int]
HISTORY = Path("database", "history.db")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return tmp_path / "other"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "kept.tar"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """``run(folder, "save", file)`` gives the exit code."""
    monkeypatch.chdir(tmp_path)  # no .env there

    def command(folder: Path, *words: str | Path) -> int:
        monkeypatch.setenv("KLING_UI_DATA_DIR", str(folder))
        return main([str(word) for word in words])

    return command


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def kept(history: History, data: Path, content: bytes) -> Task:
    """A task that succeeded, and its picture."""
    task = finished(history, 9)
    name = sha(task.id.encode())[:32]
    put(data / "pictures" / "originals" / f"{name}.png", content)
    size, whole = len(content), sha(content)
    picture = Picture(name, task.id, 0, False, f"{name}.png", "image/png", size, whole, 64, 64)
    with_picture = history.keep_picture(picture)
    assert with_picture
    return with_picture


REFERENCE = b"a reference"
IN_THE_DEMO = {"100000000000000001.json": b"{}", "100000000000000001.reference": b"of the demo"}


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with everything in it, to be copied."""
    data = tmp_path_factory.mktemp("pattern")
    reference = f"{sha(REFERENCE)}.png"
    with closing(History(data / HISTORY)) as history:
        for number in range(3):
            kept(history, data, b"picture %d" % number)
        finished(history, 9, State.FAILED, request={"image": f"reference:{reference}"})
    put(data / "pictures" / "references" / reference, REFERENCE)
    put(data / "secret", bytes(range(32)))
    for name, content in IN_THE_DEMO.items():
        put(data / "demo" / name, content)
    put(data / "demo" / "100000000000000001.json.part", b"{")
    put(data / "uploads" / "x" / "photo.png", b"nobody sent it")
    put(data / "pictures" / "renditions" / "x-480.webp", b"made anew at any time")
    put(data / "alive", b"")
    put(data / "lock", b"")
    return data


@pytest.fixture(scope="module")
def sound(pattern: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its backup, to be copied."""
    save(pattern, file := tmp_path_factory.mktemp("sound") / "kept.tar")
    return file


@pytest.fixture
def full(pattern: Path, data: Path) -> Path:
    return Path(shutil.copytree(pattern, data))


def tasks_in(data: Path) -> list[Task]:
    with closing(History(data / HISTORY)) as history:
        return history.newest("ann", limit=99)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below it; the lock is nobody's."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }


def originals(data: Path) -> dict[str, bytes]:
    return tree(data / "pictures" / "originals")


# the file


def test_all_that_cannot_be_made_anew_comes_back(
    run: Run, full: Path, other: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(full)
    assert run(full, "save", file) == 0
    assert tree(full) == before
    with tarfile.open(file) as tar:
        names = tar.getnames()
        assert (names[0], names[-1]) == ("database/history.db", "contents.json")
        assert {member.mode for member in tar} == {0o600}
    assert run(other, "restore", file) == 0
    back = tree(other)
    assert tasks_in(other) == tasks_in(full)
    assert back.keys() == names_that_come_back(before)
    assert {name: content for name, content in back.items() if name != str(HISTORY)} == {
        name: content for name, content in before.items() if name in back and name != str(HISTORY)
    }
    said = capsys.readouterr()
    assert f"Restored in {other}: 4 tasks with 3 pictures." in said.out
    assert said.err == ""


def names_that_come_back(before: dict[str, bytes]) -> set[str]:
    wanted = r"database/history\.db|secret|pictures/(originals|references)/.*|demo/\d+\.\w+"
    return {name for name in before if re.fullmatch(wanted, name)}


def test_nobody_else_may_read_it(run: Run, full: Path, other: Path, file: Path) -> None:
    old = os.umask(0)
    try:
        assert run(full, "save", file) == 0
        assert run(other, "restore", file) == 0
    finally:
        os.umask(old)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for path in (other, *other.rglob("*")):
        if path.name != "lock":
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_the_commands_of_the_readme_do_it(full: Path, other: Path, tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.partition("\n## Backup and restore\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^\.venv/bin/(python -m kling_ui\.backup .*)$", section, re.M)
    assert [line.split()[3] for line in lines] == ["save", "restore"]
    assert parser().parse_args(lines[1].split()[3:]).force is False
    for folder, line in zip((full, other), lines, strict=True):
        subprocess.run(
            [sys.executable, *line.split()[1:]],
            cwd=tmp_path,
            env={**os.environ, **NO_SETTINGS, "PYTHONPATH": str(ROOT), "KLING_UI_DATA_DIR": folder},
            check=True,
            timeout=20,
        )
    assert tasks_in(other) == tasks_in(full)
    assert originals(other) == originals(full)


def test_the_progress_is_told(
    run: Run,
    full: Path,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(words, "SILENCE", -1.0)
    assert run(full, "save", file) == 0
    assert capsys.readouterr().out.splitlines() == [
        "The history is copied: 4 tasks with 3 pictures.",
        *(f"… {number} files" for number in range(7)),
        f"Saved in {file}: {words.mb(file.stat().st_size)} MB.",
    ]


def test_a_command_that_cannot_be_read_is_another_thing(run: Run, full: Path) -> None:
    with pytest.raises(SystemExit) as left:
        run(full, "mend", "x.tar")
    assert left.value.code == 2


# what cannot be saved


@pytest.mark.parametrize("place", ["data/kept.tar", "data/pictures/kept.tar", "link/kept.tar"])
def test_no_backup_lies_in_what_it_saves(run: Run, full: Path, place: str) -> None:
    (full.parent / "link").symlink_to(full)
    before = tree(full)
    assert run(full, "save", full.parent / place) == 1
    assert tree(full) == before


def test_a_file_is_written_over_only_by_force(
    run: Run, full: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(file, b"something dear")
    assert run(full, "save", file) == 1
    said = capsys.readouterr()
    assert "--force" in said.err
    assert said.out == ""  # at once
    assert file.read_bytes() == b"something dear"
    assert run(full, "save", file, "--force") == 0
    assert tarfile.is_tarfile(file)


def test_a_file_that_came_meanwhile_is_not_written_over(
    run: Run, full: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: put(file, b"something dear"))
    assert run(full, "save", file) == 1
    assert file.read_bytes() == b"something dear"
    assert not file.with_name("kept.tar.part").exists()


def test_what_a_killed_backup_left_is_no_obstacle(run: Run, full: Path, file: Path) -> None:
    put(file.with_name("kept.tar.part"), b"half of it").chmod(0o644)
    assert run(full, "save", file) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not file.with_name("kept.tar.part").exists()


def test_of_two_backups_into_one_file_the_first_gives_up(
    run: Run, full: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = file.with_name("kept.tar.part")

    def another_begins(_: int) -> None:
        part.unlink()
        put(part, b"half of it")

    monkeypatch.setattr(os, "fsync", another_begins)
    assert run(full, "save", file) == 1
    assert not file.exists()
    assert part.read_bytes() == b"half of it"


def test_nothing_is_no_history(
    run: Run, data: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(data, "save", file) == 1
    assert "There is no history" in capsys.readouterr().err
    assert not data.exists()
    assert not file.exists()


def test_a_damaged_history_is_no_backup(
    run: Run, full: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (full / HISTORY).open("r+b") as database:
        database.seek(2 * 4096)
        database.write(b"\xff" * 4096)
    before = tree(full)
    assert run(full, "save", file) == 1
    assert "Start the program once" in capsys.readouterr().err
    assert tree(full) == before
    assert not [*file.parent.glob("kept*")]


FULL_DISK = """
import resource, signal, sys
from kling_ui.backup.__main__ import main

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
sys.exit(main(sys.argv[1:]))
"""


def test_a_full_disk_leaves_no_half_backup(full: Path, file: Path) -> None:
    put(next((full / "pictures" / "originals").iterdir()), b"x" * 300_000)
    saving = subprocess.run(
        [sys.executable, "-c", FULL_DISK, "save", str(file)],
        cwd=ROOT,
        env={**os.environ, **NO_SETTINGS, "KLING_UI_DATA_DIR": str(full)},
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert (saving.returncode, saving.stderr.count("\n")) == (1, 1), saving.stderr
    assert "File too large" in saving.stderr
    assert not [*file.parent.glob("kept*")]


def test_a_backup_that_is_interrupted_leaves_nothing(
    run: Run,
    full: Path,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # as a program begins
    monkeypatch.setattr(os, "fsync", lambda _: signal.raise_signal(signal.SIGINT))
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    assert run(full, "save", file) == 1
    assert not [*file.parent.glob("kept*")]


# a program that goes on meanwhile


def test_what_is_not_there_is_not_made(data: Path, tmp_path: Path) -> None:
    data.mkdir()
    with pytest.raises(DiskTrouble):
        copy_history(data / "history.db", to=tmp_path / "copy.db")
    assert not [*data.iterdir()]


def test_a_copy_is_of_one_moment_while_another_writes(data: Path, tmp_path: Path) -> None:
    over = threading.Event()

    def write() -> None:
        with closing(History(data / HISTORY)) as history:
            while not over.is_set():
                kept(history, data, b"picture")

    History(data / HISTORY).close()
    writing = threading.Thread(target=write)
    writing.start()
    sizes = []
    for number in range(20):
        named = copy_history(data / HISTORY, to=tmp_path / f"{number}.db")
        with closing(sqlite3.connect(tmp_path / f"{number}.db")) as copy:
            (revision,) = copy.execute("SELECT value FROM revision").fetchone()
            assert copy.execute("SELECT max(revision) FROM task").fetchone()[0] in (revision, None)
            assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert named.tasks - len(named.pictures) in (0, 1)  # one has no picture yet
        sizes.append(named.tasks)
    over.set()
    writing.join()
    assert sizes == sorted(sizes)
    assert len({*sizes}) > 2
    assert not [*tmp_path.glob("*.db-*")]


def test_what_only_the_log_holds_is_saved(data: Path, tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    with closing(History(data / HISTORY)) as history:
        added(history)
        shutil.copytree(data, killed)
    assert (killed / "database" / "history.db-wal").stat().st_size
    assert copy_history(killed / HISTORY, to=tmp_path / "copy.db").tasks == 1


def test_a_picture_that_vanished_meanwhile_is_told_and_no_error(
    run: Run, full: Path, other: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = next((full / "pictures" / "originals").iterdir())
    gone.unlink()
    (full / "pictures" / "references" / f"{sha(REFERENCE)}.png").unlink()
    assert run(full, "save", file) == 0
    said = capsys.readouterr()
    assert "2 files that the history names were gone" in said.out
    assert f"originals/{gone.name}" in said.out
    assert said.err == ""
    assert run(other, "restore", file) == 0
    assert "2 files that the history names were gone" in capsys.readouterr().out
    assert tasks_in(other) == tasks_in(full)
    assert originals(other) == originals(full)


def test_a_picture_that_came_later_is_left_out(
    run: Run, full: Path, other: Path, file: Path
) -> None:
    before = originals(full)
    put(full / "pictures" / "originals" / f"{'a' * 32}.png", b"its row is not there yet")
    assert run(full, "save", file) == 0
    assert run(other, "restore", file) == 0
    assert originals(other) == before


def test_a_picture_that_rotted_is_saved_as_it_is(
    run: Run, full: Path, other: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rotten = next((full / "pictures" / "originals").iterdir())
    rotten.write_bytes(b"still the better half of it")
    assert run(full, "save", file) == 0
    assert "1 pictures are no longer on the disk as they once came" in capsys.readouterr().out
    assert run(other, "restore", file) == 0
    assert originals(other) == originals(full)


# where it is restored


def test_a_folder_in_use_is_not_touched(
    run: Run, full: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(full, "save", file) == 0
    before = tree(full)
    with FileLock(full / "lock"):
        began = time.monotonic()
        assert run(full, "restore", file, "--force") == 1
        assert time.monotonic() - began < 10  # it does not wait for it
    assert "Stop it" in capsys.readouterr().err
    assert tree(full) == before


def test_what_was_there_before_is_moved_aside_by_force_only(
    run: Run, full: Path, other: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(History(other / HISTORY)) as history:
        old = kept(history, other, b"of the other")
    before = tree(other)
    assert run(full, "save", file) == 0
    assert run(other, "restore", file) == 1
    assert "--force" in capsys.readouterr().err
    assert tree(other) == before
    for times in (1, 2):
        assert run(other, "restore", file, "--force") == 0
        assert tasks_in(other) == tasks_in(full)
        aside = sorted(other.parent.glob("other.*"))
        assert len(aside) == times
        assert re.fullmatch(r"other\.before-\d{8}-\d{6}(-2)?", aside[-1].name)
        assert str(aside[-1]) in capsys.readouterr().out
    assert tree(aside[0]) == before
    assert tasks_in(aside[0]) == [old]


def test_what_is_no_history_is_not_taken_for_nothing(run: Run, full: Path, file: Path) -> None:
    assert run(full, "save", file) == 0
    home = file.parent / "home"
    letters = put(home / "letters.txt", b"dear")
    assert run(home, "restore", file) == 1
    assert letters.read_bytes() == b"dear"


def test_no_file_is_no_backup(
    run: Run, full: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(full)
    for nothing in (file, file.parent):
        assert run(full, "restore", nothing, "--force") == 1
        assert capsys.readouterr().err == f"There is no file {nothing}.\n"
    assert tree(full) == before


def test_a_folder_that_a_program_left_empty_is_filled(run: Run, full: Path, file: Path) -> None:
    assert run(full, "save", file) == 0
    fresh = file.parent / "a" / "fresh"
    put(fresh / "lock", b"")
    assert run(fresh, "restore", file) == 0
    assert tasks_in(fresh) == tasks_in(full)
    assert [path.name for path in fresh.parent.iterdir()] == ["fresh"]


def test_a_link_to_the_folder_stays(run: Run, full: Path, other: Path, file: Path) -> None:
    assert run(full, "save", file) == 0
    other.symlink_to(full)
    assert run(other, "restore", file, "--force") == 0
    assert other.is_symlink()
    assert other.resolve() == full
    assert originals(other)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_restores_belongs_to_whom_the_folder_belonged(
    run: Run, full: Path, other: Path, file: Path
) -> None:
    assert run(full, "save", file) == 0
    other.mkdir()
    os.chown(other, 12345, 12346)
    for attempt, done in ((file.with_name("data") / "secret", 1), (file, 0)):
        assert run(other, "restore", attempt) == done
        owners = {(path.stat().st_uid, path.stat().st_gid) for path in (other, *other.rglob("*"))}
        assert owners == {(12345, 12346)}


def test_who_waits_for_the_folder_waits_until_all_is_done(
    run: Run, full: Path, other: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(full, "save", file) == 0
    seen: list[bool] = []

    def once_exchanged(_: int) -> None:
        with pytest.raises(Timeout):
            FileLock(other / "lock").acquire(timeout=0)
        seen.append((other / HISTORY).exists())

    monkeypatch.setattr(os, "fsync", once_exchanged)
    assert run(other, "restore", file) == 0
    assert seen == [True]
    with FileLock(other / "lock", timeout=0):
        pass


def test_an_exchange_that_fails_puts_the_old_one_back(
    run: Run, full: Path, other: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(full, "save", file) == 0
    put(other / "letters.txt", b"dear")
    usual = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if self.name.endswith(".restoring"):
            raise OSError(5, "Input/output error")
        return usual(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    assert run(other, "restore", file, "--force") == 1
    assert tree(other) == {"letters.txt": b"dear"}
    assert not [*other.parent.glob("other.*")]


def test_a_place_that_is_taken_meanwhile_loses_nothing(
    run: Run,
    full: Path,
    other: Path,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(full, "save", file) == 0
    put(other / "letters.txt", b"dear")
    usual = Path.rename

    def rename(self: Path, target: Path) -> Path:
        if self.name.endswith(".restoring"):
            put(other / "lock", b"")  # of a program that starts
        return usual(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    assert run(other, "restore", file, "--force") == 1
    (aside,) = other.parent.glob("other.*")
    assert str(aside) in capsys.readouterr().out
    assert tree(aside) == {"letters.txt": b"dear"}


def test_what_needs_more_room_than_there_is_is_not_begun(
    run: Run,
    full: Path,
    other: Path,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(full, "save", file) == 0
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12, 99_000_000))
    assert run(other, "restore", file) == 1
    assert "there are 99.0 MB" in capsys.readouterr().err
    assert tree(other) == {}


def test_a_volume_cannot_be_exchanged(
    run: Run, full: Path, other: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(full, "save", file) == 0
    monkeypatch.setattr(Path, "is_mount", lambda self: self == other)
    assert run(other, "restore", file) == 1
    assert not other.exists()


# broken and hostile files

Members = dict[str, bytes]


def members(file: Path) -> Members:
    with tarfile.open(file) as tar:
        return {m.name: extracted.read() for m in tar if (extracted := tar.extractfile(m))}


def packed(file: Path, content: Members) -> None:
    with tarfile.open(file, "w") as tar:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def told_anew(content: Members, **changes: Any) -> Members:
    """With contents that agree with it."""
    contents = json.loads(content.pop("contents.json"))
    contents |= {"files": {name: sha(data) for name, data in content.items()}} | changes
    return content | {"contents.json": json.dumps(contents).encode()}


def changed(content: Members, sql: str) -> Members:
    """Another database, about which the contents tell the truth."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.deserialize(unlogged(content["database/history.db"]))
        db.executescript(sql)
        content["database/history.db"] = db.serialize()
    return told_anew(content)


def unlogged(database: bytes) -> bytes:
    return database[:18] + b"\1\1" + database[20:]


def first(content: Members, folder: str) -> str:
    return next(name for name in content if name.startswith(folder))


def flip(content: Members, name: str) -> Members:
    data = bytearray(content[name])
    data[len(data) // 2] ^= 1
    return {**content, name: bytes(data)}


def without(content: Members, name: str) -> Members:
    return {other: data for other, data in content.items() if other != name}


ORIGINAL, KEPT_REFERENCE = "pictures/originals/", "pictures/references/"
BROKEN: dict[str, Callable[[Members], Members]] = {
    "no end": lambda c: without(c, "contents.json"),
    "something after the end": lambda c: c | {f"{ORIGINAL}{'a' * 32}.png": b"more"},
    "a flipped bit in the history": lambda c: flip(c, "database/history.db"),
    "a flipped bit in a picture": lambda c: flip(c, first(c, ORIGINAL)),
    "a flipped bit in the secret": lambda c: flip(c, "secret"),
    "a picture less": lambda c: without(c, first(c, ORIGINAL)),
    "nothing at all": lambda c: told_anew({"contents.json": c["contents.json"]}),
    "no history": lambda c: told_anew(without(c, "database/history.db")),
    "a history that is none": lambda c: told_anew(c | {"database/history.db": b"none" * 4096}),
    "another picture than the history tells": lambda c: told_anew(flip(c, first(c, ORIGINAL))),
    "another reference": lambda c: told_anew(flip(c, first(c, KEPT_REFERENCE))),
    "a picture that the history lacks": lambda c: told_anew(c | {f"{ORIGINAL}{'a' * 32}.png": b""}),
    "a picture that is not there": lambda c: told_anew(without(c, first(c, ORIGINAL))),
    "altered, yet not there": lambda c: told_anew(
        without(c, first(c, ORIGINAL)), altered=[first(c, ORIGINAL)]
    ),
    "missing, yet there": lambda c: told_anew(c, missing=[first(c, ORIGINAL)]),
    "a short secret": lambda c: told_anew(c | {"secret": b"short"}),
    "a later schema": lambda c: changed(c, f"PRAGMA user_version={len(MIGRATIONS) + 1}"),
    "a history that acts": lambda c: changed(
        c,
        "CREATE TRIGGER again AFTER UPDATE ON task BEGIN"
        " UPDATE task SET state='queued' WHERE id=new.id; END",
    ),
    "a table of its own": lambda c: changed(c, "ALTER TABLE task RENAME COLUMN state TO s"),
    "a name of a file like no other": lambda c: changed(c, "UPDATE picture SET file='../../x'"),
    "contents that are no JSON": lambda c: c | {"contents.json": b"{"},
    "contents of another kind": lambda c: c | {"contents.json": b"[1]"},
    "contents without end": lambda c: c | {"contents.json": b"[" * 100_000},
    "another format": lambda c: told_anew(c, format=2),
    "names that are none": lambda c: told_anew(c, missing=[["x"]]),
    "numbers for names": lambda c: told_anew(c, altered=[7]),
    "a list of files": lambda c: (
        c | {"contents.json": b'{"format": 1, "files": ["ab"], "missing": [], "altered": []}'}
    ),
}


@pytest.fixture
def refused(
    run: Run, sound: Path, other: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[[], str]:
    """Restoring `file` by force changes nothing at all, and gives a reason."""
    shutil.copy(sound, file)
    put(other / "letters.txt", b"dear")

    def attempt() -> str:
        around = {path.name for path in file.parent.iterdir()}
        assert run(other, "restore", file, "--force") == 1
        assert tree(other) == {"letters.txt": b"dear"}
        assert {path.name for path in file.parent.iterdir()} == around
        said = capsys.readouterr().err
        assert said.startswith(f"{file} is no whole backup: ")
        assert said.count("\n") == 1
        return said

    return attempt


@pytest.mark.parametrize("spoil", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_backup_changes_nothing(
    refused: Callable[[], str], file: Path, spoil: Callable[[Members], Members]
) -> None:
    packed(file, spoil(members(file)))
    refused()


def test_what_was_not_spoilt_is_taken(run: Run, full: Path, other: Path, file: Path) -> None:
    """The tests of broken ones would pass with anything else."""
    assert run(full, "save", file) == 0
    packed(file, changed(told_anew(members(file)), "UPDATE task SET starred=1"))
    assert run(other, "restore", file) == 0
    assert all(task.starred for task in tasks_in(other))


@pytest.mark.parametrize("part", [0.0, 0.3, 0.6, 0.9])
def test_a_backup_that_was_cut_off_changes_nothing(
    refused: Callable[[], str], file: Path, part: float
) -> None:
    whole = file.read_bytes().rstrip(b"\0")
    file.write_bytes(whole[: int(len(whole) * part)])
    refused()


def test_a_tar_inside_of_something_is_none(refused: Callable[[], str], file: Path) -> None:
    file.write_bytes(gzip.compress(file.read_bytes()))  # who knows how much would come out of it
    refused()


@pytest.mark.parametrize("content", [b"not a tar" * 200, bytes(20_000), b"\x1f\x8b" * 600])
def test_what_is_no_tar_changes_nothing(
    refused: Callable[[], str], file: Path, content: bytes
) -> None:
    file.write_bytes(content)
    refused()


def entry(name: str = f"{ORIGINAL}{'a' * 32}.png", **values: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for key, value in values.items():
        setattr(info, key, value)
    return info


def holes() -> tarfile.TarInfo:
    """More of nothing than the whole file has bytes."""
    return entry(pax_headers={"GNU.sparse.size": str(10**7), "GNU.sparse.map": "0,0"})


HOSTILE = {
    "an absolute path": lambda: entry("{around}/out"),
    "a way out": lambda: entry("../out"),
    "a way out and in": lambda: entry(f"x/../{entry().name}"),
    "a link": lambda: entry(type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "a link inside": lambda: entry(type=tarfile.SYMTYPE, linkname="../../secret"),
    "a hard link": lambda: entry(type=tarfile.LNKTYPE, linkname="secret"),
    "a folder": lambda: entry("pictures/originals", type=tarfile.DIRTYPE),
    "a device": lambda: entry(type=tarfile.CHRTYPE, devmajor=1, devminor=5),
    "a pipe": lambda: entry(type=tarfile.FIFOTYPE),
    "holes": holes,
    "a name of its own": lambda: entry("pictures/originals/notes.txt"),
    "a line end": lambda: entry("secret\n"),
    "a lock": lambda: entry("lock"),
    "the same again": lambda: entry("secret"),
    "less than nothing": lambda: entry(size=-512),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_reaches_nothing(
    refused: Callable[[], str], file: Path, make: Callable[[], tarfile.TarInfo]
) -> None:
    content = members(file)
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in content.items():
            if name == "contents.json":
                info = make()
                info.name = info.name.format(around=file.parent)
                kind = tarfile.PAX_FORMAT if info.pax_headers else tarfile.GNU_FORMAT
                tar.fileobj.write(info.tobuf(kind))  # type: ignore[union-attr]
                tar.fileobj.write(bytes(max(info.size, 0)))  # type: ignore[union-attr]
            tar.addfile(entry(name, size=len(data)), io.BytesIO(data))
    assert "which does not belong there" in refused()


def test_pythons_own_filter_has_its_say_where_there_is_one(
    refused: Callable[[], str],
    run: Run,
    data: Path,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as strict:

        def no(member: tarfile.TarInfo, _: str) -> None:
            raise tarfile.SpecialFileError(member)

        strict.setattr(tarfile, "data_filter", no)
        refused()
    monkeypatch.delattr(tarfile, "data_filter")
    assert run(data, "restore", file) == 0


def test_a_hostile_name_says_nothing_to_the_terminal(
    refused: Callable[[], str], file: Path
) -> None:
    packed(file, {"\x1b]0;owned\x07" + "x" * 300: b""})
    assert "\x1b" not in refused()


# life after it


@asynccontextmanager
async def at_work(
    data: Path, url: str, *, run: bool = True, pace: float = PACE, resubmit: bool = False
) -> AsyncIterator[Studio]:
    """A studio in a data folder as the program lays it out."""
    one = account(url)
    studio = Studio(
        history=History(data / HISTORY),
        folder=PictureFolder(data / "pictures"),
        accounts={one.name: one},
        account=one,
        alive=data / "alive",
        clock=Clock(pace=pace),
        resubmit=resubmit,
    )
    try:
        if run:
            async with studio.running():
                yield studio
        else:
            yield studio
    finally:
        await one.aclose()
        await studio.folder.aclose()
        studio.history.close()


@pytest.fixture
def posts() -> Iterator[Callable[[Kling], int]]:
    yield lambda server: len([call for call in server.calls if call.method == "POST"])


async def saved(run: Run, data: Path, file: Path) -> None:
    assert await asyncio.to_thread(run, data, "save", file) == 0


async def restored(run: Run, data: Path, file: Path) -> None:
    assert await asyncio.to_thread(run, data, "restore", file) == 0


async def settled(studio: Studio, task: Task) -> tuple[Task, dict[str, bytes]]:
    """A task that is over, and its pictures."""
    over = await reaches(studio, task)
    paths = {one.file: studio.folder.original(one.file) for one in over.pictures}
    return over, {name: path.read_bytes() for name, path in paths.items()}


async def until(studio: Studio, task: Task, fits: Callable[[Task], bool]) -> Task:
    async with asyncio.timeout(10):
        with studio.watching(OWNER) as changed:
            while not ((now := await studio.records.get(task.id)) and fits(now)):
                await changed.wait()
                changed.clear()
    return now


async def test_what_was_under_way_is_finished_and_paid_once(
    kling: Start, run: Run, data: Path, other: Path, file: Path, posts: Callable[[Kling], int]
) -> None:
    server = kling(seconds=(1.0, 1.2))
    async with at_work(data, server.url) as one:
        task = await submitted(one, n=2)
        await reaches(one, task, State.SUBMITTED, State.PROCESSING)
        await saved(run, data, file)
        now = await one.records.get(task.id)
        assert now and now.state in (State.SUBMITTED, State.PROCESSING)
        original, pictures = await settled(one, task)
    await restored(run, other, file)
    async with at_work(other, server.url) as one:
        again, same = await settled(one, task)
    assert (again.state, again.remote_id) == (State.SUCCEEDED, original.remote_id)
    assert same == pictures
    assert len(same) == 2
    assert (posts(server), len(server.creates)) == (1, 1)


async def test_the_same_history_and_pictures_are_shown(
    kling: Start, run: Run, data: Path, other: Path, file: Path
) -> None:
    server = kling()
    async with at_work(data, server.url) as one:
        for prompt in ("a fox", "an owl"):
            await reaches(one, await submitted(one, prompt, n=2))
        await saved(run, data, file)
        shown = await one.tasks(owner=OWNER)
        mark, _ = await one.reached()
    await restored(run, other, file)
    async with at_work(other, server.url) as one:
        assert await one.tasks(owner=OWNER) == shown
        assert (await one.reached())[0] != mark  # open pages do not mix the two
        for picture in (picture for task in shown for picture in task.pictures):
            assert await one.folder.rendition(picture.file, 480)
    assert originals(other) == originals(data)


async def test_what_waited_and_was_sent_since_is_found_and_not_sent_again(
    kling: Start, run: Run, data: Path, other: Path, file: Path, posts: Callable[[Kling], int]
) -> None:
    server = kling()
    async with at_work(data, server.url, run=False) as one:
        task = await submitted(one)
        await saved(run, data, file)
    async with at_work(data, server.url) as one:
        _, pictures = await settled(one, task)
    await restored(run, other, file)
    async with at_work(other, server.url) as one:
        again, same = await settled(one, task)
    assert again.state is State.SUCCEEDED
    assert same == pictures
    assert posts(server) == 1


@pytest.mark.parametrize("state", [State.QUEUED, State.SENDING, State.UNCONFIRMED])
async def test_what_was_not_surely_sent_is_never_sent_by_itself(
    kling: Start,
    run: Run,
    data: Path,
    other: Path,
    file: Path,
    posts: Callable[[Kling], int],
    capsys: pytest.CaptureFixture[str],
    state: State,
) -> None:
    """Not even where tasks without a trace are sent once more: the original may be about to."""
    server = kling()
    async with at_work(data, server.url) as one:
        await reaches(one, await submitted(one))  # lookups are known to work
    async with at_work(data, server.url, run=False) as one:
        task = await submitted(one)
        if state is not State.QUEUED:
            moved(one.history, task, state)
        await saved(run, data, file)
    await restored(run, other, file)
    assert "Of 1 tasks it is not known whether they were sent" in capsys.readouterr().out
    async with at_work(other, server.url, pace=0.002, resubmit=True) as one:
        now = await until(one, task, lambda now: now.case == "not_found")
        assert now.state is State.UNCONFIRMED
        assert now.state.repeatable  # whoever looks at it decides
        states = await one.records.read(one.history.transitions, task.id)
        assert states[-1][0] == "unconfirmed"
    assert posts(server) == 1


async def test_what_was_lost_on_the_wire_is_found(
    kling: Start, run: Run, data: Path, other: Path, file: Path, posts: Callable[[Kling], int]
) -> None:
    """The row says that it may be on the wire; so it was."""

    def lost(moment: str, _: Any) -> Fault | None:
        return Fault(delay=0.5, accept=True) if moment == "create" else None

    server = kling(faults=lost)
    async with at_work(data, server.url) as one:
        task = await submitted(one)
        await reaches(one, task, State.SENDING)
        await saved(run, data, file)
        await reaches(one, task)
    await restored(run, other, file)
    async with at_work(other, server.url) as one:
        assert (await reaches(one, task)).state is State.SUCCEEDED
    assert posts(server) == 1


async def test_pictures_paid_for_since_are_found_in_the_accounts_list(
    kling: Start, run: Run, data: Path, other: Path, file: Path, posts: Callable[[Kling], int]
) -> None:
    server = kling()
    async with at_work(data, server.url) as one:
        await reaches(one, await submitted(one))
        await saved(run, data, file)
        since = await reaches(one, await submitted(one))
    await restored(run, other, file)
    async with at_work(other, server.url) as one, asyncio.timeout(10):
        with one.watching(OWNER) as changed:
            while len(tasks := await one.tasks(owner=OWNER)) < 2 or not tasks[0].state.over:
                await changed.wait()
                changed.clear()
    (found,) = [task for task in tasks if task.remote_id == since.remote_id]
    assert [picture.sha256 for picture in found.pictures] == [
        picture.sha256 for picture in since.pictures
    ]
    assert posts(server) == 2
