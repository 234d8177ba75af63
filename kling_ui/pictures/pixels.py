"""From a file's bytes to pixels that are safe to hold, and to colours everybody sees alike."""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import IO

from PIL import Image, ImageCms
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from ..text import Text
from .parts import TooManyParts, check_parts, plain_profile

BROKEN = Text(
    "The picture is damaged or cut short and cannot be read. Save it again or choose another.",
    "图片已损坏或不完整，无法读取。请重新保存，或换一张图片。",
)
ANIMATED = Text(
    "This PNG is an animation of {frames} frames. Save one frame as a picture.",
    "这个 PNG 是含 {frames} 帧的动画，请将其中一帧另存为图片。",
)
MANY_PARTS = Text(
    "The file is made of far more parts than a picture needs. Save it again or choose another.",
    "文件的数据块数量远超正常图片。请重新保存，或换一张图片。",
)
MANY_PIXELS = Text(
    "The picture has {width} × {height} pixels, {megapixels} million; "
    "at most {limit} million are taken.",
    "图片为 {width} × {height} 像素，共 {megapixels} 百万像素，最多 {limit} 百万像素。",
)


class Unusable(Exception):
    """A file that does not become pixels; `why` is the sentence for the user."""

    def __init__(self, why: Text) -> None:
        super().__init__(why.en)
        self.why = why


class _WithoutExif:
    """Pillow would copy every value that a picture's EXIF names, and thousands of names may stand
    for the same megabyte. `_orientation` reads the one that is wanted."""

    def getexif(self) -> Image.Exif:
        return Image.Exif()


class _Png(_WithoutExif, PngImageFile): ...


class _Jpeg(_WithoutExif, JpegImageFile): ...


class _WebP(_WithoutExif, WebPImageFile): ...


# Opened by class and not by Image.open: no other format is ever tried, and the pixel limit is
# ours alone instead of a process-wide one that speaks in warnings.
_READERS: dict[str, Callable[[IO[bytes]], ImageFile]] = {
    "PNG": _Png,
    "JPEG": _Jpeg,
    "WebP": _WebP,
}
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def kind_of(head: bytes) -> str:
    """What a file really is by its first 4 kB: PNG, JPEG, WebP, GIF, TIFF, BMP, HEIC, AVIF, PDF,
    SVG; empty when it is nothing of these."""
    for start, kind in (
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\xff\xd8\xff", "JPEG"),
        (b"GIF8", "GIF"),
        (b"II*\0", "TIFF"),
        (b"MM\0*", "TIFF"),
        (b"%PDF-", "PDF"),
    ):
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[:2] == b"BM" and head[6:10] == bytes(4):
        return "BMP"
    if head[4:8] == b"ftyp":
        return "AVIF" if head[8:12] == b"avif" else "HEIC" if head[8:12] in _HEIF else ""
    text = head[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    return "SVG" if text.startswith(b"<") and b"<svg" in text else ""


def count(source: bytes | Path) -> int:
    """How many pixels a file says it has; 0 where it is no picture."""
    with contextlib.suppress(Exception), _opened(source) as file:
        kind = kind_of(file.read(4096))
        check_parts(file, kind)
        width, height = _READERS[kind](file).size
        return width * height
    return 0


def _opened(source: bytes | Path) -> IO[bytes]:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def decode(file: IO[bytes], kind: str, *, most: int, still: bool = False) -> Image.Image:
    """The picture in full, upright, 8 bits a channel: L, RGB, CMYK or RGBA, with its colour
    profile in ``info``. More than `most` pixels are refused from the header, before any is
    decoded; with `still` so is an animated PNG. Raises `Unusable`."""
    try:
        check_parts(file, kind)
        image = _READERS[kind](file)
        _check(image, most=most, still=still)
        image.load()
        return _plain(_upright(image))
    except Unusable:
        raise
    except TooManyParts as error:
        raise Unusable(MANY_PARTS) from error
    except Exception as error:  # a broken file trips Pillow into nearly any exception
        raise Unusable(BROKEN) from error


def _check(image: ImageFile, *, most: int, still: bool) -> None:
    width, height = image.size
    if width * height > most:
        megapixels = -(-width * height // 100_000) / 10
        raise Unusable(
            MANY_PIXELS.fill(
                width=width, height=height, megapixels=megapixels, limit=most // 1_000_000
            )
        )
    frames = getattr(image, "n_frames", 1)
    if still and frames > 1:
        raise Unusable(ANIMATED.fill(frames=frames))


def _upright(image: Image.Image) -> Image.Image:
    """As its EXIF orientation asks; unreadable EXIF asks for nothing."""
    turn = _TURNS.get(_orientation(image.info.pop("exif", b"")))
    if turn is None:
        return image
    turned = image.transpose(turn)
    turned.info |= image.info
    return turned


# by EXIF 2.32, tag 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _orientation(exif: bytes) -> int:
    """The tag of that name in the first directory; 0 where there is none."""
    tiff = exif[:65536].removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 0
    with contextlib.suppress(struct.error):
        (start,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, start)
        for k in range(min(entries, 200)):
            tag, kind, number, value = struct.unpack_from(f"{order}HHIH", tiff, start + 2 + 12 * k)
            if (tag, kind, number) == (0x0112, 3, 1):
                return int(value)
    return 0


def _plain(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit greys: keep the upper eight bits
        return image.convert("I").point(lambda grey: grey * (1 / 256)).convert("L")
    target = "RGBA" if image.has_transparency_data else "RGB"
    kept = {"RGBA"} if target == "RGBA" else {"L", "RGB", "CMYK"}
    return image if image.mode in kept else image.convert(target)  # which always makes a copy


def fitted(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """`size` with its longer side at most `longest`. The shorter side is rounded up, so that a
    shape never becomes more extreme than it was."""
    long = max(size)
    if long <= longest:
        return size
    width, height = (-(-side * longest // long) for side in size)
    return width, height


def shrink(image: Image.Image, longest: int, *, gap: float = 3.0) -> Image.Image:
    """Never larger than it was; the same object when it already fits. `gap`: how many times
    larger the fine filter finds it, after a coarse one; less is faster and a little less sharp."""
    size = fitted(image.size, longest)
    if size == image.size:
        return image
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=gap)


def srgb(image: Image.Image) -> Image.Image:
    """In sRGB colours, RGB or RGBA, by the picture's own profile where that is usable and plain."""
    target = "RGBA" if image.mode == "RGBA" else "RGB"
    profile = image.info.get("icc_profile")
    if profile and plain_profile(profile):
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            managed = ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode=target,
            )
            if managed:
                return managed
    return image.convert(target)


def on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image
    page = Image.new("RGB", image.size, "white")
    page.paste(image, mask=image.getchannel("A"))
    page.info |= image.info  # its colours are still those of its profile
    return page


def bare(image: Image.Image) -> Image.Image:
    """The pixels and nothing else: no EXIF, place, profile or text goes along."""
    return Image.frombytes(image.mode, image.size, image.tobytes())
