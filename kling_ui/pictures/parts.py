"""The parts a picture's file is made of, looked at before Pillow reads them one by one."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO

# A photo has some twenty; an image's data alone may stand in thousands, of 8 kB each.
MOST_PARTS, MOST_OF_DATA = 1000, 50_000
MOST_SCANS = 50  # of a progressive JPEG, usually ten; each goes through all its pixels
LARGEST_PROFILE, MOST_TAGS = 4_000_000, 100  # bytes of a colour profile, and what is in it
_BLOCK = 1 << 20
_DATA = {b"IDAT", b"fdAT"}
_ALONE = {0x01, *range(0xD0, 0xD9)}  # JPEG markers without a length
_SCAN = b"\xff\xda"


class TooManyParts(Exception):
    """More than any program writes: reading them would take minutes."""


def check_parts(file: IO[bytes], kind: str) -> None:
    """Raises `TooManyParts`. The file is read from its beginning, and is there again at the end."""
    file.seek(0)
    try:
        if kind == "PNG":
            _within(_png(file))
        elif kind == "WebP":
            _within(_webp(file))
        elif kind == "JPEG":
            _within(_jpeg(file))
            file.seek(0)
            _check_scans(file)
    except struct.error:  # cut short: whoever reads it will say so
        pass
    finally:
        file.seek(0)


def plain_profile(profile: bytes) -> bool:
    """Whether these colours are soon worked out. A profile may also be a program, of thousands of
    steps that all stand in the same few bytes (ICC.1, multiProcessElementsType)."""
    if len(profile) > LARGEST_PROFILE:
        return False
    try:
        (count,) = struct.unpack_from(">I", profile, 128)
        if count > MOST_TAGS:
            return False
        places = [struct.unpack_from(">I", profile, 136 + 12 * k)[0] for k in range(count)]
    except struct.error:
        return False
    return not any(profile[place : place + 4] == b"mpet" for place in places)


def _within(parts: Iterator[bytes]) -> None:
    counted = {True: 0, False: 0}
    for name in parts:
        data = name in _DATA
        counted[data] += 1
        if counted[data] > (MOST_OF_DATA if data else MOST_PARTS):
            raise TooManyParts


def _png(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(8)
    while head := file.read(8):
        length, name = struct.unpack(">I4s", head)
        yield name
        file.seek(length + 4, 1)


def _webp(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(12)
    while head := file.read(8):
        name, length = struct.unpack("<4sI", head)
        yield name
        file.seek(length + length % 2, 1)


def _jpeg(file: IO[bytes]) -> Iterator[bytes]:
    """Up to the first scan."""
    file.seek(2)
    while head := file.read(2):
        mark, code = struct.unpack("BB", head)
        if mark != 0xFF or head == _SCAN:
            return
        yield head
        if code == 0xFF:  # one to fill up
            file.seek(-1, 1)
        elif code not in _ALONE:
            (length,) = struct.unpack(">H", file.read(2))
            file.seek(max(0, length - 2), 1)


def _check_scans(file: IO[bytes]) -> None:
    """Within a scan's data this pair never stands."""
    scans, before = 0, b""
    while block := file.read(_BLOCK):
        scans += (before + block).count(_SCAN)
        if scans > MOST_SCANS:
            raise TooManyParts
        before = block[-1:]
