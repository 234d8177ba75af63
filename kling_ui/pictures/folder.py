"""The pictures on disk: originals byte for byte, their renditions, the references sent."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import io
import os
import re
import shutil
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args
from weakref import WeakValueDictionary

from PIL import Image

from ..text import Text
from . import pixels
from .download import Downloader, Fetched, NotFetched
from .reference import Reference, clean_reference

Side = Literal[480, 1280]  # the longest side of a rendition, in pixels

MOST_PIXELS = 64_000_000
LARGE = 10_000_000  # pixels; such pictures take hundreds of megabytes, and one is enough at a time
_SIDES: tuple[Side, ...] = get_args(Side)
_SUFFIXES = {"PNG": "png", "JPEG": "jpg", "WebP": "webp"}
_ID = re.compile(r"[0-9a-f]{32}")
_ORIGINAL = re.compile(r"[0-9a-f]{32}\.(png|jpg|webp)")
_REFERENCE = re.compile(r"[0-9a-f]{64}\.(png|jpg)")


A_DAY = 24 * 3600.0  # seconds
MOST_RECEIVED, EACH = 20, 4  # pictures that are worked on, or wait for it: of all, of one person
LEAST_FREE = 300_000_000  # bytes on the disk, below which no reference is kept
BUSY = Text(
    "Too many pictures are being read at the moment. Try again in a few seconds.",
    "当前正在处理的图片过多，请几秒后再试。",
)
MOST_AT_HAND = 32_000_000  # pixels of pictures that just came, decoded for their renditions


@dataclass(frozen=True, slots=True)
class Kept:
    """A result picture on disk; `file` is its name, `width` and `height` are as it is seen."""

    file: str
    media_type: str
    bytes: int
    sha256: str
    width: int
    height: int


class PictureFolder:
    """Below `root`: ``originals/<id>.png|jpg|webp``, ``renditions/<id>-<side>.webp`` and
    ``references/<sha256>.png|jpg``. A name that is not one of ours is FileNotFoundError.

    Pixels are worked on two pictures at a time, whoever asks, one of them may be heavy; renditions
    that nobody asked for yet are made one at a time when there is nothing better to do. Belongs to
    one event loop."""

    def __init__(self, root: Path) -> None:
        _private(root)
        self._originals = _private(root / "originals")
        self._renditions = _private(root / "renditions")
        self._references = _private(root / "references")
        self._turns, self._spare = asyncio.Semaphore(2), asyncio.Semaphore(1)
        self._heavy, self._receiving = asyncio.Lock(), asyncio.Lock()
        self._received = Counter[str]()  # by whose they are
        self._arriving, self._calm = 0, asyncio.Event()  # pictures on their way to the disk
        self._calm.set()
        self._at_hand: dict[str, Image.Image] = {}  # id of a picture without renditions → pixels
        self._rendering: set[asyncio.Task[None]] = set()
        self._busy: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def tidy(self, *, references: Collection[str] = ()) -> None:
        """Remove what a crash left half written, and references that were uploaded more than a
        day ago and are not among those that tasks speak of. Only before anything is fetched."""
        for folder in (self._originals, self._renditions, self._references):
            for part in folder.glob("*.part"):
                part.unlink(missing_ok=True)
        self.forget_references(but=references, older=A_DAY)

    def free(self) -> int:
        """Bytes that the disk still takes."""
        return shutil.disk_usage(self._originals).free

    async def keep(self, url: str, *, downloader: Downloader, picture_id: str) -> Kept:
        """Fetch, verify, put in place; the renditions follow. `picture_id`: 32 hex digits. Doing
        it again is harmless. Raises NotFetched, and OSError when the disk does not take it."""
        if not _ID.fullmatch(picture_id):
            raise ValueError("a picture's id is 32 hex digits")
        part = self._originals / f"{picture_id}.{os.getpid()}.part"
        async with self._lock(picture_id):
            try:
                with self._arrival():
                    fetched = await downloader.fetch(url, part)
                    async with self._turn(part):
                        kept, image = await self._settle(part, picture_id, fetched)
            finally:
                part.unlink(missing_ok=True)
        self._render_soon(kept.file, image)
        return kept

    async def find(self, picture_id: str) -> Kept | None:
        """A picture that was kept before, if it is there and sound."""
        originals = (self._originals / f"{picture_id}.{end}" for end in _SUFFIXES.values())
        for original in filter(Path.exists, originals):
            with contextlib.suppress(OSError, NotFetched):
                async with self._turn(original):
                    return await asyncio.to_thread(_found, original)
        return None

    @contextlib.asynccontextmanager
    async def _turn(self, source: bytes | Path) -> AsyncIterator[None]:
        """To work on the pixels of a picture."""
        heavy = await asyncio.to_thread(pixels.count, source) > LARGE
        async with self._heavy if heavy else contextlib.nullcontext(), self._turns:
            yield

    @contextlib.contextmanager
    def _arrival(self) -> Iterator[None]:
        self._arriving += 1
        self._calm.clear()
        try:
            yield
        finally:
            self._arriving -= 1
            if not self._arriving:
                self._calm.set()

    def _render_soon(self, file: str, image: Image.Image) -> None:
        """Whoever looks at the picture later need not wait, and who looks now not long."""
        at_hand = sum(one.width * one.height for one in self._at_hand.values())
        if at_hand + image.width * image.height <= MOST_AT_HAND:
            self._at_hand[Path(file).stem] = image
        work = asyncio.create_task(self._render_at_leisure(file))
        self._rendering.add(work)
        work.add_done_callback(self._rendering.discard)

    async def _render_at_leisure(self, file: str) -> None:
        async with self._spare:
            await self._calm.wait()
            with contextlib.suppress(OSError):  # deleted meanwhile, or the disk is full
                for side in _SIDES:
                    await self.rendition(file, side)
        self._at_hand.pop(Path(file).stem, None)

    async def rendered(self) -> None:
        """Wait until every picture that was kept has its renditions."""
        await asyncio.gather(*self._rendering)

    async def aclose(self) -> None:
        """What is not rendered yet is rendered when somebody asks."""
        for work in self._rendering:
            work.cancel()
        await asyncio.gather(*self._rendering, return_exceptions=True)

    def original(self, file: str) -> Path:
        """Where the original is, or would be."""
        if not _ORIGINAL.fullmatch(file):
            raise FileNotFoundError("no such picture")
        return self._originals / file

    async def rendition(self, file: str, side: Side) -> Path:
        """A WebP without metadata, its longer side at most `side`, never upscaled; made now if
        there is none. Raises FileNotFoundError where there is no original."""
        original = self.original(file)
        path = self._rendition(original.stem, side)
        if path.exists():
            return path
        async with self._lock(path.stem):
            if not original.exists():  # perhaps on its way: not waited for
                raise FileNotFoundError("no such picture")
            if not path.exists():
                async with self._turn(original):
                    await asyncio.to_thread(self._render, original, side)
        return path

    async def forget(self, file: str) -> None:
        """Delete the original and its renditions, as far as they are there."""
        original = self.original(file)
        for path in [original, *(self._rendition(original.stem, side) for side in _SIDES)]:
            async with self._lock(path.stem):
                await asyncio.to_thread(path.unlink, missing_ok=True)
        self._at_hand.pop(original.stem, None)

    async def receive(self, source: bytes | Path, *, whose: str = "") -> Reference | Text:
        """`clean_reference` off the event loop, one after another: results are not kept waiting by
        what people upload. Says so where too many wait already, of all or of somebody's."""
        if self._received.total() >= MOST_RECEIVED or (whose and self._received[whose] >= EACH):
            return BUSY
        self._received[whose] += 1
        try:
            async with self._receiving, self._turn(source):
                return await asyncio.to_thread(clean_reference, source)
        finally:
            self._received[whose] -= 1
            self._received += Counter()  # without who has none any more

    def keep_reference(self, reference: Reference) -> str:
        """Its name, by which `reference` finds it again. Equal pictures are stored once. Raises
        OSError where the disk has no room."""
        path = self._references / reference.name
        if not path.exists():
            if self.free() < LEAST_FREE:
                raise OSError(errno.ENOSPC, "the disk is nearly full")
            _write(path, reference.data)
        return path.name

    def reference(self, name: str) -> bytes:
        """Raises FileNotFoundError."""
        return self.reference_path(name).read_bytes()

    def reference_path(self, name: str) -> Path:
        """Where a reference is, or would be."""
        if not _REFERENCE.fullmatch(name):
            raise FileNotFoundError("no such reference")
        return self._references / name

    def forget_references(self, *, but: Collection[str], older: float) -> None:
        """All that came more than so many seconds ago, `but` those that tasks speak of. Whoever
        has one in a form still has its upload, from which it is made again."""
        for path in self._references.iterdir():
            with contextlib.suppress(OSError):
                if path.name not in but and time.time() - path.stat().st_mtime > older:
                    path.unlink()

    def forget_reference(self, name: str) -> None:
        self.reference_path(name).unlink(missing_ok=True)

    def _lock(self, picture_id: str) -> asyncio.Lock:
        return self._busy.setdefault(picture_id, asyncio.Lock())

    def _rendition(self, picture_id: str, side: Side) -> Path:
        return self._renditions / f"{picture_id}-{side}.webp"

    async def _settle(
        self, part: Path, picture_id: str, fetched: Fetched
    ) -> tuple[Kept, Image.Image]:
        """The original in its place: it is paid for, while renditions can be made at any time."""
        (kind, image), _ = await asyncio.gather(
            asyncio.to_thread(_verified, part), asyncio.to_thread(_sync, part)
        )
        original = self._originals / f"{picture_id}.{_SUFFIXES[kind]}"
        await asyncio.to_thread(_put, part, original)
        return _described(original, kind, image, fetched), image

    def _render(self, original: Path, side: Side) -> None:
        try:
            image = self._at_hand.get(original.stem) or _verified(original)[1]
        except NotFetched as error:
            raise FileNotFoundError("the original cannot be read") from error
        image = pixels.srgb(pixels.shrink(image, side, gap=1.0))
        image.info.clear()  # older Pillows write the profile they find there
        file = io.BytesIO()
        image.save(file, "WEBP", quality=82, method=2)  # a third of the usual time
        _write(self._rendition(original.stem, side), file.getvalue())


def _verified(path: Path) -> tuple[str, Image.Image]:
    """A file's real kind and its pixels. Raises NotFetched."""
    with path.open("rb") as file:
        kind = pixels.kind_of(file.read(4096))
        if kind not in _SUFFIXES:
            raise NotFetched("not a picture")
        file.seek(0)
        try:
            return kind, pixels.decode(file, kind, most=MOST_PIXELS)
        except pixels.Unusable as error:
            raise NotFetched(f"not a picture: {error}") from error


def _private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _write(path: Path, data: bytes) -> None:
    """All of it or nothing, also when the power goes."""
    writer = f"{os.getpid()}-{threading.get_ident()}"  # two may write the same at once
    part = path.with_name(f"{path.name}.{writer}.part")
    try:
        part.write_bytes(data)
        _sync(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _described(original: Path, kind: str, image: Image.Image, fetched: Fetched) -> Kept:
    return Kept(
        file=original.name,
        media_type=f"image/{kind.lower()}",
        bytes=fetched.bytes,
        sha256=fetched.sha256,
        width=image.width,
        height=image.height,
    )


def _found(original: Path) -> Kept:
    """Raises OSError where it is not there, and NotFetched where it is no whole picture."""
    kind, image = _verified(original)
    data = original.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return _described(original, kind, image, Fetched(len(data), digest))


def _put(part: Path, original: Path) -> None:
    """Its own name for a file whose bytes are on the disk."""
    os.replace(part, original)
    _sync_folder(original.parent)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """So that the new name survives a power cut; not every file system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
