"""From a data folder to a file."""

from __future__ import annotations

import json
import os
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO

from ..history import Damaged, Named, copy_history
from .archive import (
    ALLOWED,
    CONTENTS,
    DATABASE,
    DEMO,
    FORMAT,
    SECRET,
    Contents,
    add,
    files_of,
    private,
    sync_folder,
)
from .words import (
    ALTERED,
    ANOTHER_SAVES,
    COPIED,
    DAMAGED,
    EXISTS,
    INSIDE,
    MISSING,
    NO_HISTORY,
    SAVED,
    Refusal,
    counted,
    mb,
    shown,
    tell,
)


def save(data: Path, file: Path, *, force: bool = False) -> None:
    """Whether a program works in the folder `data` or not. Raises `Refusal` and OSError."""
    folder, file = data.resolve(), file.resolve()
    if not (folder / DATABASE).is_file():
        raise Refusal(NO_HISTORY.fill(folder=folder))
    if file.is_relative_to(folder):
        raise Refusal(INSIDE.fill(file=file, folder=folder))
    _keep_what_is_there(file, force=force)
    with _put_in_place(file, force=force) as part:
        try:
            _pack(folder, part)
        except Damaged as damage:
            raise Refusal(DAMAGED.fill(folder=folder, why=damage)) from damage
    tell(SAVED.fill(file=file, size=mb(file.stat().st_size)))


def _keep_what_is_there(file: Path, *, force: bool) -> None:
    if file.exists() and not force:
        raise Refusal(EXISTS.fill(file=file))


@contextmanager
def _put_in_place(file: Path, *, force: bool) -> Iterator[IO[bytes]]:
    """A file of its owner's alone, which becomes `file` when all of it is on the disk."""
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)  # of a backup that was killed
    with open(part, "xb", opener=private) as writing:
        own = os.fstat(writing.fileno())
        try:
            yield writing
            writing.flush()
            os.fsync(writing.fileno())
            if not _is(part, own):
                raise Refusal(ANOTHER_SAVES.fill(file=file))
            _keep_what_is_there(file, force=force)
            part.replace(file)
            sync_folder(file.parent)
        except BaseException:
            if _is(part, own):
                part.unlink()
            raise


def _is(path: Path, own: os.stat_result) -> bool:
    """Whether the name still is that of the file that was opened."""
    with suppress(OSError):
        return os.path.samestat(own, path.stat())
    return False


def _pack(folder: Path, to: IO[bytes]) -> None:
    with (
        tempfile.TemporaryDirectory() as scratch,
        tarfile.open(fileobj=to, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        copy = Path(scratch) / "history.db"
        named = copy_history(folder / DATABASE, to=copy)
        tell(COPIED.fill(tasks=named.tasks, pictures=len(named.pictures)))
        files = {DATABASE: add(tar, DATABASE, copy)}
        files |= _add_all(tar, folder, _beside(folder, named))
        contents = _contents(named, {name: sha for name, sha in files.items() if sha})
        written = Path(scratch) / CONTENTS
        written.write_text(json.dumps(asdict(contents)))
        add(tar, CONTENTS, written)


def _beside(folder: Path, named: Named) -> list[str]:
    """What goes with a history: its secret, the files that it names, the tasks of the demo."""
    demo = sorted(f"{DEMO}/{path.name}" for path in (folder / DEMO).glob("*"))
    return [name for name in (SECRET, *files_of(named), *demo) if ALLOWED.fullmatch(name)]


def _add_all(tar: tarfile.TarFile, folder: Path, names: Iterable[str]) -> dict[str, str | None]:
    return {name: add(tar, name, folder / name) for name in counted(names)}


def _contents(named: Named, files: Mapping[str, str]) -> Contents:
    wanted = files_of(named)
    missing = [name for name in wanted if name not in files]
    altered = [name for name, sha in wanted.items() if files.get(name, sha) != sha]
    for names, what in ((missing, MISSING), (altered, ALTERED)):
        if names:
            tell(what.fill(n=len(names), first=shown(names[0])))
    return Contents(format=FORMAT, files=files, missing=missing, altered=altered)
