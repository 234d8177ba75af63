"""From a file to a data folder."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ..history import Damaged, Named, TooNew, go_on_from
from .archive import (
    CONTENTS,
    DATABASE,
    FOLDERS,
    ORIGINALS,
    SECRET,
    SECRET_BYTES,
    Broken,
    Contents,
    contents_in,
    files_of,
    sync_folder,
    taken_out,
)
from .words import (
    ASIDE,
    BROKEN,
    HISTORY_BROKEN,
    LOOKED_FOR,
    MISSING,
    MOUNTED,
    NO_FILE,
    NO_ROOM,
    NOT_EMPTY,
    OTHER,
    RESTORED,
    RUNS,
    UNPACKING,
    Refusal,
    mb,
    shown,
    tell,
)

ROOM = 100_000_000  # bytes that the disk must have left afterwards


def restore(data: Path, file: Path, *, force: bool = False) -> None:
    """Everything is unpacked and looked at beside the folder `data` before it takes its place.
    Raises `Refusal`, and OSError when the disk does not take it."""
    folder, new = data.resolve(), data.resolve().with_name(f"{data.resolve().name}.restoring")
    if not file.is_file():
        raise Refusal(NO_FILE.fill(file=file))
    if folder.is_mount():
        raise Refusal(MOUNTED.fill(folder=folder))
    with _nobody_else(folder):
        aside = _unused(folder, ".before-" + time.strftime("%Y%m%d-%H%M%S"))
        if _used(folder) and not force:
            raise Refusal(NOT_EMPTY.fill(folder=folder, aside=aside))
        _need_room(file, folder.parent)
        try:
            named, contents = _unpack(file, new)
            _hand_over([new, *new.rglob("*")], like=folder)
            _exchange(folder, new, aside=aside)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        _tell_of(named, contents, folder=folder, aside=aside)


@contextmanager
def _nobody_else(folder: Path) -> Iterator[None]:
    """No program works in the folder, and none can begin to."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise Refusal(RUNS.fill(folder=folder)) from None
    try:
        _hand_over([folder / "lock"], like=folder)
        yield
    finally:
        lock.release()


def _used(folder: Path) -> bool:
    return any(entry.name != "lock" for entry in folder.iterdir())


def _unused(folder: Path, ending: str) -> Path:
    """A name beside the folder that nothing bears yet."""
    for number in itertools.count(1):
        path = folder.with_name(folder.name + ending + (f"-{number}" if number > 1 else ""))
        if not path.exists():
            return path
    raise AssertionError("never ends without a name")


def _need_room(file: Path, folder: Path) -> None:
    """Nothing in a plain tar takes more room than there; what claims to is not unpacked."""
    needed, free = file.stat().st_size + ROOM, shutil.disk_usage(folder).free
    if needed > free:
        raise Refusal(NO_ROOM.fill(needed=mb(needed), free=mb(free)))


def _unpack(file: Path, new: Path) -> tuple[Named, Contents]:
    """A data folder that a program can start in."""
    tell(UNPACKING.fill(file=file))
    shutil.rmtree(new, ignore_errors=True)  # of a run that was killed
    for folder in (new, *(new / name for name in FOLDERS)):
        folder.mkdir(mode=0o700)
    try:
        found = taken_out(file, new)
        return _verified(new, found)
    except Broken as broken:
        raise Refusal(BROKEN.fill(file=file, why=broken.why)) from broken


def _verified(new: Path, found: Mapping[str, str]) -> tuple[Named, Contents]:
    """Every file is as it was saved, and those that the history names are as it tells. Raises
    `Broken`."""
    contents = contents_in(new / CONTENTS)
    (new / CONTENTS).unlink()
    _compare({**contents.files, CONTENTS: found[CONTENTS]}, found)
    if SECRET in found and (new / SECRET).stat().st_size != SECRET_BYTES:
        raise Broken(OTHER.fill(name=SECRET))
    named = _revived(new / DATABASE)
    pictures = {name: sha for name, sha in found.items() if name.startswith("pictures/")}
    wanted = {name: sha for name, sha in files_of(named).items() if name not in contents.missing}
    altered = {name: pictures.get(name, "") for name in contents.altered if name in wanted}
    _compare(wanted | altered, pictures)
    return named, contents


def _revived(path: Path) -> Named:
    if not path.exists():
        raise Broken(OTHER.fill(name=DATABASE))
    try:
        return go_on_from(path)
    except (Damaged, TooNew) as error:
        raise Broken(HISTORY_BROKEN.fill(why=shown(str(error)))) from error


def _compare(expected: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Raises `Broken` where one has what the other has not, or has it otherwise."""
    for name in {**expected, **found}:
        if expected.get(name) != found.get(name):
            raise Broken(OTHER.fill(name=shown(name)))


def _hand_over(paths: Iterable[Path], *, like: Path) -> None:
    """What root restores belongs to whom the folder belonged to."""
    if os.geteuid() == 0:
        owner = like.stat()
        for path in paths:
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _exchange(folder: Path, new: Path, *, aside: Path) -> None:
    """Old against new: each has its place by one renaming. The lock goes with the place: whoever
    waits for it goes on waiting."""
    with suppress(OSError):  # not every disk can
        os.link(folder / "lock", new / "lock")
    os.sync()
    try:
        folder.rename(aside)
        new.rename(folder)
    except BaseException:
        with suppress(OSError):  # nothing may stand in its place
            aside.rename(folder)
        if aside.exists():
            tell(ASIDE.fill(aside=aside))
        raise
    (aside / "lock").unlink(missing_ok=True)
    with suppress(OSError):  # it holds something
        aside.rmdir()
    sync_folder(folder.parent)


def _tell_of(named: Named, contents: Contents, *, folder: Path, aside: Path) -> None:
    pictures = sum(name.startswith(ORIGINALS) for name in contents.files)
    tell(RESTORED.fill(folder=folder, tasks=named.tasks, pictures=pictures))
    if contents.missing:
        tell(MISSING.fill(n=len(contents.missing), first=shown(contents.missing[0])))
    if named.unsure:
        tell(LOOKED_FOR.fill(n=named.unsure))
    if aside.exists():
        tell(ASIDE.fill(aside=aside))
