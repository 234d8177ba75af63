"""A reference picture on its way to Kling: checked, cleaned, small enough."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from PIL import Image

from ..text import Text
from . import pixels

# Kling's page "Image Generation", 2026-11-22, except where noted
SHORTEST_SIDE = 300
MOST_STRETCHED = 2.5
MOST_BASE64 = 10_000_000  # Kling says 10 MB and not of what; this is safe either way
MOST_BYTES = 20_000_000  # ours
MOST_PIXELS = 30_000_000  # ours: with more, reading it would take over 300 MB
LONGEST_SIDE = 4096  # ours
LARGE_PHOTO = 6_000_000  # pixels; as a PNG it takes seconds, and more bytes than are sent
_QUALITIES = (95, 90, 85, 78)

EMPTY = Text("The file is empty. Choose another picture.", "文件是空的，请换一张图片。")
UNREADABLE = Text(
    "The file could not be read here. Choose it again.", "无法读取该文件，请重新选择。"
)
HEAVY = Text(
    "The file has {megabytes} MB; at most {limit} MB are taken. Save it smaller.",
    "文件大小为 {megabytes} MB，最多 {limit} MB，请缩小后再上传。",
)
OTHER_FORMAT = Text(
    "This file is really {kind}, whatever its name says. Save it as PNG or JPEG.",
    "这个文件实际是 {kind} 格式（与文件名无关），请另存为 PNG 或 JPEG。",
)
NO_PICTURE = Text(
    "This file is not a picture. Choose a PNG or JPEG.", "这个文件不是图片，请选择 PNG 或 JPEG。"
)
SMALL = Text(
    "The picture has {width} × {height} pixels; each side needs at least {limit}.",
    "图片为 {width} × {height} 像素，每边至少需要 {limit} 像素。",
)
STRETCHED = Text(
    "The picture has {width} × {height} pixels ({ratio}); from 1:2.5 to 2.5:1 is taken. Crop it.",
    "图片为 {width} × {height}（{ratio}），宽高比须在 1:2.5 到 2.5:1 之间，请先裁剪。",
)


@dataclass(frozen=True, slots=True)
class Reference:
    """A cleaned picture, ready to send."""

    data: bytes = field(repr=False)
    media_type: Literal["image/png", "image/jpeg"]
    width: int
    height: int

    @property
    def base64(self) -> str:
        """As Kling takes it: no ``data:`` prefix, at most 10,000,000 characters."""
        return base64.b64encode(self.data).decode("ascii")

    @property
    def name(self) -> str:
        """Of its content, so equal pictures have equal names: ``<sha256>.png`` or ``.jpg``."""
        suffix = "png" if self.media_type == "image/png" else "jpg"
        return f"{hashlib.sha256(self.data).hexdigest()}.{suffix}"


def clean_reference(source: bytes | Path) -> Reference | Text:
    """The picture upright, in sRGB on white, shrunk where needed and encoded anew from its
    pixels alone; or the sentence why not. Takes up to seconds and some 300 MB: keep it off the
    event loop, a few at a time (`PictureFolder.receive`)."""
    data = _read(source)
    if isinstance(data, Text):
        return data
    kind = pixels.kind_of(data)
    if kind not in {"PNG", "JPEG"}:
        return OTHER_FORMAT.fill(kind=kind) if kind else NO_PICTURE
    try:
        image = pixels.on_white(pixels.decode(io.BytesIO(data), kind, most=MOST_PIXELS, still=True))
    except pixels.Unusable as unusable:
        return unusable.why
    return _misfit(*image.size) or _encoded(image, photo=kind == "JPEG")


def _read(source: bytes | Path) -> bytes | Text:
    """Never more than the limit, whatever the file's size says or becomes."""
    try:
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        if size > MOST_BYTES:
            return _heavy(size)
        if isinstance(source, bytes):
            data = source
        else:
            with source.open("rb") as file:
                data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError):
        return UNREADABLE
    return data or EMPTY if len(data) <= MOST_BYTES else _heavy(len(data))


def _heavy(size: int) -> Text:
    return HEAVY.fill(megabytes=-(-size // 100_000) / 10, limit=MOST_BYTES // 1_000_000)


def _misfit(width: int, height: int) -> Text | None:
    if min(width, height) < SHORTEST_SIDE:
        return SMALL.fill(width=width, height=height, limit=SHORTEST_SIDE)
    if max(width, height) > MOST_STRETCHED * min(width, height):
        return STRETCHED.fill(width=width, height=height, ratio=_ratio(width, height))
    return None


def _ratio(width: int, height: int) -> str:
    """Like ``2.60:1`` or ``1:2.60``, rounded up so that no refused one reads 2.50."""
    stretch = f"{-(-100 * max(width, height) // min(width, height)) / 100:.2f}"
    return f"{stretch}:1" if width > height else f"1:{stretch}"


def _encoded(image: Image.Image, *, photo: bool) -> Reference:
    """PNG if that is small enough, which a large `photo` never is, else the best JPEG, else the
    best JPEG of a smaller picture. Ends before a side falls below 300: such a picture of any
    content is small enough."""
    clean = pixels.bare(pixels.srgb(pixels.shrink(image, LONGEST_SIDE)))
    if not photo or clean.width * clean.height <= LARGE_PHOTO:
        data = _saved(clean, "PNG")
        if _sendable(data):
            return Reference(data, "image/png", *clean.size)
    while True:
        for quality in _QUALITIES:
            data = _saved(clean, "JPEG", quality=quality, subsampling=0)
            if _sendable(data):
                return Reference(data, "image/jpeg", *clean.size)
        clean = pixels.shrink(clean, max(clean.size) * 3 // 4)


def _sendable(data: bytes) -> bool:
    return -(-len(data) // 3) * 4 <= MOST_BASE64


def _saved(image: Image.Image, format: str, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()
