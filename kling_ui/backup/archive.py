"""What an archive holds: a plain tar. First comes the database as it is at one moment, then what it
names, then the rest, and at last ``contents.json``: without that it is not whole. What can be made
anew (renditions) or means nothing elsewhere (uploads, lock) is not in it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from ..fields import KEPT
from ..history import Named
from ..text import Text
from .words import CUT_OFF, NO_ARCHIVE, STRANGE, counted, shown

DATABASE, SECRET, CONTENTS = "database/history.db", "secret", "contents.json"
ORIGINALS, REFERENCES, DEMO = "pictures/originals", "pictures/references", "demo"
FOLDERS = ("database", "pictures", ORIGINALS, REFERENCES, DEMO)
ALLOWED = re.compile(
    rf"{re.escape(DATABASE)}|{SECRET}|{re.escape(CONTENTS)}"
    rf"|{ORIGINALS}/[0-9a-f]{{32}}\.(png|jpg|webp)|{REFERENCES}/[0-9a-f]{{64}}\.(png|jpg)"
    rf"|{DEMO}/[0-9]{{18}}\.(json|reference)",
    re.ASCII,
)
FORMAT = 1
LONGEST_CONTENTS = 256_000_000  # bytes; a million files
SECRET_BYTES = 32


class Broken(Exception):
    """Why a file is no backup."""

    def __init__(self, why: Text) -> None:
        super().__init__(why.en)
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What an archive says of itself: the SHA-256 of each of its `files`; of those that its history
    names, which were `missing` when it was made, and which `altered` since they came."""

    format: int
    files: Mapping[str, str]
    missing: Sequence[str]
    altered: Sequence[str]


class Hashed:
    """A file that is read once."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._sum = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._sum.update(data)
        return data

    @property
    def sha256(self) -> str:
        """Of what was read so far."""
        return self._sum.hexdigest()


def files_of(named: Named) -> dict[str, str]:
    """The files that a history names and the SHA-256 that each should have."""
    kept = (image.removeprefix(KEPT) for image in sorted(named.images) if image.startswith(KEPT))
    pictures = {f"{ORIGINALS}/{file}": sha for file, sha in named.pictures.items()}
    return pictures | {f"{REFERENCES}/{name}": name.partition(".")[0] for name in kept}


def add(tar: tarfile.TarFile, name: str, path: Path) -> str | None:
    """Its SHA-256; None where there is no such file, or no longer."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    with file:
        status, reading = os.fstat(file.fileno()), Hashed(file)
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = status.st_size, int(status.st_mtime), 0o600
        tar.addfile(info, reading)
    return reading.sha256


def taken_out(file: Path, new: Path) -> dict[str, str]:
    """The SHA-256 of everything in an archive, by name. Raises `Broken`."""
    found: dict[str, str] = {}
    try:
        with tarfile.open(file, "r:") as tar:
            for member in counted(tar):
                if not _belongs(member, new) or member.name in found:
                    raise Broken(STRANGE.fill(name=shown(member.name)))
                found[member.name] = _take_out(tar, member, new / member.name)
    except (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError) as error:
        raise Broken(NO_ARCHIVE) from error
    if CONTENTS not in found:
        raise Broken(CUT_OFF)
    return found


def _belongs(member: tarfile.TarInfo, new: Path) -> bool:
    """A plain file of a name that is ours: no link, no device, no file with holes."""
    plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
    if not plain or member.size < 0 or not ALLOWED.fullmatch(member.name):
        return False
    if hasattr(tarfile, "data_filter"):  # the first Pythons 3.11 have none
        tarfile.data_filter(member, str(new))
    return True


def _take_out(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> str:
    source = tar.extractfile(member)
    assert source, "a plain file"
    with source, open(path, "xb", opener=private) as to:
        reading = Hashed(source)
        shutil.copyfileobj(reading, to)
    return reading.sha256


def contents_in(path: Path) -> Contents:
    """Raises `Broken`."""
    try:
        given = json.loads(path.read_bytes()) if path.stat().st_size < LONGEST_CONTENTS else {}
        contents = Contents(**given)
        names = {*contents.missing, *contents.altered, *{**contents.files}}
    except (ValueError, TypeError, RecursionError) as error:
        raise Broken(NO_ARCHIVE) from error
    if contents.format != FORMAT or not all(isinstance(name, str) for name in names):
        raise Broken(NO_ARCHIVE)
    return contents


private = partial(os.open, mode=0o600)  # as an opener of files


def sync_folder(folder: Path) -> None:
    """So that the new name survives a power cut; not every file system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
