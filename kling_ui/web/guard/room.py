"""How much may lie about at a time: connections that are held open, and files that came in."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from .doors import UPLOAD_PATIENCE

MOST_UPLOADS = 4 * 1024**3  # bytes in the folder
LEAST_FREE = 500 * 1024**2  # bytes on the disk
MOST_FILES = 16_384
LOOK_HOLDS = 1.0  # seconds that a look at the folder is good for


def raise_file_limit() -> int:
    """Let this process have as many files and connections open as the system allows, which is often
    more than it gives at first: a server that has none left hears nobody. How many these are."""
    try:
        import resource
    except ImportError:  # Windows gives no number
        return MOST_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft < most:
        with suppress(OSError, ValueError):  # as under macOS, where there is another limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            return most
    return soft


class Crowd:
    """Connections that stay open: `near` for each address, `most` in all."""

    def __init__(self, *, near: int, most: int) -> None:
        self._near, self._most = near, most
        self._held: Counter[str] = Counter()

    def full(self, caller: str) -> bool:
        return self._held[caller] >= self._near or self._held.total() >= self._most

    @contextmanager
    def holding(self, caller: str) -> Iterator[None]:
        self._held[caller] += 1
        try:
            yield
        finally:
            self._held[caller] -= 1
            if not self._held[caller]:
                del self._held[caller]


class Uploads:
    """The folder where Gradio puts what browsers send."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._looked, self._holds, self._room, self._coming = -LOOK_HOLDS, LOOK_HOLDS, True, 0

    @asynccontextmanager
    async def coming(self) -> AsyncIterator[None]:
        """While a file comes in. What broke off is gone as soon as nothing comes in any more, or
        nothing that began so long ago can."""
        self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1
            await asyncio.shield(asyncio.to_thread(self._sweep))

    def _sweep(self) -> None:
        """Parts lie directly in the folder, whole files in folders of their own."""
        parts = [*self._folder.glob("tmp*")]
        older = UPLOAD_PATIENCE if self._coming else 0.0  # of what was there before this moment
        for part in parts:
            with suppress(OSError):
                if time.time() - part.stat().st_mtime >= older:
                    part.unlink()

    async def room(self) -> bool:
        """Whether it takes another file."""
        began = time.monotonic()
        if began - self._looked > self._holds:
            self._room = await asyncio.to_thread(self._has_room)
            self._looked = time.monotonic()
            self._holds = max(LOOK_HOLDS, 20 * (self._looked - began))
        return self._room

    def _has_room(self) -> bool:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        if shutil.disk_usage(self._folder).free < LEAST_FREE:
            return False
        return sum(_size(path) for path in self._folder.rglob("*")) < MOST_UPLOADS

    def forget(self, *, older: float) -> None:
        """Files that came more than so many seconds ago; what was sent to Kling is kept
        elsewhere."""
        for path in [*self._folder.rglob("*")]:
            with suppress(OSError):  # gone meanwhile, or others lie beside it
                if path.is_file() and time.time() - path.stat().st_mtime > older:
                    path.unlink()
                    if path.parent != self._folder:
                        path.parent.rmdir()


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0
