"""Reference pictures in, result pictures out: what is refused, what is removed, what is kept."""

from __future__ import annotations

import asyncio
import base64
import errno
import hashlib
import io
import os
import random
import ssl
import struct
import subprocess
import sys
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import certifi
import httpx
import pytest
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from kling_ui.errors import KlingError
from kling_ui.pictures import (
    Downloader,
    NotFetched,
    PictureFolder,
    Reference,
    clean_reference,
    pixels,
)
from kling_ui.pictures.folder import MOST_AT_HAND
from kling_ui.pictures.parts import LARGEST_PROFILE, MOST_TAGS, plain_profile
from kling_ui.text import Text


def saved(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def picture(width: int = 320, height: int = 320, mode: str = "RGB", color: Any = None) -> bytes:
    return saved(Image.new(mode, (width, height), color if color is not None else 0))


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def raw_png(width: int, height: int, depth: int, colour_type: int, row: bytes) -> bytes:
    """A PNG of equal rows, in modes that Pillow cannot write, of any size."""
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(b"\0" + row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def opened(reference: Reference | Text) -> Image.Image:
    assert isinstance(reference, Reference), reference
    image = Image.open(io.BytesIO(reference.data))
    image.load()
    assert image.mode == "RGB" and image.size == (reference.width, reference.height)
    return image


def refusal(source: bytes | Path) -> str:
    why = clean_reference(source)
    assert isinstance(why, Text), why
    assert "{" not in why.en + why.zh
    return why.en


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ((299, 400), "299 × 400 pixels"),
        ((400, 299), "400 × 299 pixels"),
        ((1, 1), "1 × 1 pixels"),
        ((780, 300), "780 × 300 pixels (2.60:1)"),
        ((300, 780), "300 × 780 pixels (1:2.60)"),
        ((751, 300), "(2.51:1)"),
    ],
)
def test_shapes_refused_with_the_numbers(size: tuple[int, int], words: str) -> None:
    assert words in refusal(picture(*size))


@pytest.mark.parametrize("size", [(300, 300), (750, 300), (300, 750)])
def test_shapes_at_the_limit_are_taken(size: tuple[int, int]) -> None:
    assert opened(clean_reference(picture(*size))).size == size


def test_a_shape_at_the_limit_stays_inside_it_when_shrunk() -> None:
    width, height = opened(clean_reference(picture(5000, 2000))).size
    assert width == 4096 and width <= 2.5 * height


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (saved(Image.new("P", (320, 320)), "GIF"), "GIF"),
        (saved(Image.new("RGB", (320, 320)), "WEBP"), "WebP"),
        (saved(Image.new("RGB", (320, 320)), "TIFF"), "TIFF"),
        (saved(Image.new("RGB", (320, 320)), "BMP"), "BMP"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1avif", "AVIF"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\xef\xbb\xbf <?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<svg onload='alert(1)'/>", "SVG"),
    ],
)
def test_other_formats_are_named_whatever_the_file_is_called(
    content: bytes, kind: str, tmp_path: Path
) -> None:
    disguised = tmp_path / "picture.png"
    disguised.write_bytes(content)
    assert f"really {kind}" in refusal(disguised)


@pytest.mark.parametrize("content", [b"a text about a picture", b"BMW", b"<html></html>", b"\0"])
def test_what_is_no_picture(content: bytes) -> None:
    assert "not a picture" in refusal(content)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "empty" in refusal(b"")
    assert "could not be read" in refusal(tmp_path / "missing.png")
    assert "could not be read" in refusal(tmp_path)
    assert "could not be read" in refusal(Path("a\0b"))


def test_a_heavy_file_is_measured_and_not_read(tmp_path: Path) -> None:
    heavy = tmp_path / "heavy.png"
    with heavy.open("wb") as file:
        file.truncate(30_000_000)
    assert "30.0 MB; at most 20 MB" in refusal(heavy)
    assert "20.1 MB" in refusal(bytes(20_000_001))
    heavy.chmod(0)
    assert "30.0 MB" in refusal(heavy)


BOMB = """
import resource, sys
from kling_ui.pictures import clean_reference
data = open(sys.argv[1], "rb").read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(clean_reference(data).en)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_bomb_is_refused_from_its_header(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(raw_png(13_360, 13_360, 1, 0, bytes(1670)))
    assert bomb.stat().st_size < 100_000
    run = [sys.executable, "-W", "error", "-c", BOMB, str(bomb)]
    said, grown = subprocess.check_output(run, text=True, cwd=Path.cwd()).splitlines()
    assert "13360 × 13360 pixels, 178.5 million" in said
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(grown) * unit < 20_000_000


def test_damaged_files_are_refused() -> None:
    noise = Image.frombytes("RGB", (320, 320), os.urandom(320 * 320 * 3))
    for whole in (saved(noise), saved(noise, "JPEG")):
        for length in (12, 100, 1000, len(whole) // 2, len(whole) - 200):
            assert "damaged" in refusal(whole[:length])


def test_an_animation_is_refused() -> None:
    frames = [Image.new("RGB", (320, 320), color) for color in ("red", "green", "blue")]
    moving = saved(frames[0], save_all=True, append_images=frames[1:])
    assert "3 frames" in refusal(moving)


def test_a_phone_s_jpeg_with_a_second_picture_inside_is_taken() -> None:
    frames = [Image.new("RGB", (320, 320), color) for color in ("red", "blue")]
    both = saved(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert opened(clean_reference(both)).getpixel((9, 9)) == (254, 0, 0)


def test_mutated_files_never_raise() -> None:
    dice = random.Random(20261122)
    marked = PngImagePlugin.PngInfo()
    marked.add_text("prompt", "x" * 50, zip=True)
    art = Image.radial_gradient("L").resize((300, 300))
    seeds = [
        saved(art.convert("RGB"), pnginfo=marked, icc_profile=swapped_profile()),
        saved(art.convert("P"), transparency=3),
        saved(art.convert("RGB"), "JPEG", exif=exif(6), icc_profile=swapped_profile()),
        saved(art.convert("CMYK"), "JPEG", progressive=True),
    ]
    for turn in range(300):
        data = bytearray(seeds[turn % len(seeds)])
        for _ in range(dice.choice((1, 3, 30))):
            reach = dice.choice((60, 1000, len(data)))
            data[dice.randrange(min(reach, len(data)))] = dice.randrange(256)
        if dice.random() < 0.2:
            del data[dice.randrange(len(data)) :]
        result = clean_reference(bytes(data))
        assert isinstance(result, Reference | Text)


def exif(orientation: int) -> bytes:
    notes = Image.Exif()
    notes[0x0112] = orientation
    notes[0x010F] = "CAMERA-MAKER"
    notes.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 0.0), 3: "E", 4: (13.0, 24.0, 0.0)})
    return notes.tobytes()


def swapped_profile() -> bytes:
    """sRGB with red and blue changing places, so that its use cannot go unseen."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swap = profile.replace(b"rXYZ", b"?XYZ", 1).replace(b"bXYZ", b"rXYZ", 1)
    return swap.replace(b"?XYZ", b"bXYZ", 1)


def programmed_profile(steps: int) -> bytes:
    """sRGB, and beside it a program of so many steps that all are the same bytes."""
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    (count,) = struct.unpack_from(">I", plain, 128)
    end = 132 + 12 * count
    tags = [struct.unpack_from(">4sII", plain, at) for at in range(132, end, 12)]
    curve = (
        b"curf" + struct.pack(">4xHH", 1, 0) + b"parf" + struct.pack(">4xHH4f", 0, 0, 1, 1, 0, 0)
    )
    step = b"cvst" + struct.pack(">4xHH", 3, 3) + struct.pack(">II", 36, len(curve)) * 3 + curve
    places = struct.pack(">II", 16 + 8 * steps, len(step)) * steps
    program = b"mpet" + struct.pack(">4xHHI", 3, 3, steps) + places + step
    moved = [(name, at + 12, size) for name, at, size in tags]
    moved.append((b"D2B0", len(plain) + 12, len(program)))
    table = b"".join(struct.pack(">4sII", *tag) for tag in moved)
    whole = plain[4:128] + struct.pack(">I", count + 1) + table + plain[end:] + program
    return struct.pack(">I", 4 + len(whole)) + whole


def crowded_exif(tags: int, size: int) -> bytes:
    """Every one of its tags names the same bytes."""
    at = 8 + 2 + 12 * tags + 4
    entries = b"".join(struct.pack("<HHII", 1000 + k, 7, size, at) for k in range(tags))
    return b"II*\0" + struct.pack("<IH", 8, tags) + entries + bytes(4 + size)


def test_values_that_an_exif_names_again_and_again_are_not_copied() -> None:
    whole = picture()
    bomb = whole[:33] + chunk(b"eXIf", crowded_exif(2000, 100_000)) + whole[33:]
    tracemalloc.start()
    try:
        assert isinstance(clean_reference(bomb), Reference)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 20_000_000


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_every_orientation_is_read_as_pillow_reads_it(turn: int, format: str) -> None:
    image = Image.new("RGB", (400, 320), "white")
    image.paste("red", (0, 0, 100, 80))
    data = saved(image, format, exif=exif(turn))
    with Image.open(io.BytesIO(data)) as known:
        upright = ImageOps.exif_transpose(known).convert("RGB")
    mine = opened(clean_reference(data))
    assert mine.size == upright.size
    assert mine.tobytes() == upright.tobytes()


def many_parts(kind: str, number: int) -> bytes:
    """A picture with so many empty parts that no program writes, or scans of a JPEG."""
    whole = picture()
    if kind == "chunks":
        return whole[:33] + chunk(b"prVt", b"") * number + whole[33:]
    if kind == "data":
        return whole[:33] + chunk(b"IDAT", b"") * number + whole[33:]
    jpeg = saved(Image.new("RGB", (320, 320)), "JPEG", progressive=True)
    if kind == "segments":
        return jpeg[:2] + b"\xff\xe1\0\x08Exif\0\0" * number + jpeg[2:]
    return jpeg[:-2] + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" * number + jpeg[-2:]


@pytest.mark.parametrize(
    ("kind", "number"),
    [("chunks", 1001), ("data", 50_001), ("segments", 1001), ("scans", 51)],
)
def test_a_picture_of_too_many_parts_is_refused_before_they_are_read(
    kind: str, number: int
) -> None:
    assert "far more parts" in refusal(many_parts(kind, number))
    assert pixels.count(many_parts(kind, number)) == 0
    assert isinstance(clean_reference(many_parts("chunks", 900)), Reference)


def test_orientation_is_applied_before_the_shape_is_checked() -> None:
    wide = Image.new("RGB", (780, 300))
    assert "300 × 780 pixels (1:2.60)" in refusal(saved(wide, "JPEG", exif=exif(6)))
    assert "300 × 780 pixels (1:2.60)" in refusal(saved(wide, exif=exif(8)))


def test_orientation_turns_the_pixels() -> None:
    image = Image.new("RGB", (400, 320), "red")
    image.paste("blue", (0, 0, 200, 320))  # the left half, the top after a turn clockwise
    turned = opened(clean_reference(saved(image, exif=exif(6))))
    assert turned.size == (320, 400)
    assert turned.getpixel((5, 5)) == (0, 0, 255) and turned.getpixel((5, 395)) == (255, 0, 0)


def chunks(png: bytes) -> set[bytes]:
    names, at = set(), 8
    while at < len(png):
        names.add(png[at + 4 : at + 8])
        at += 12 + int.from_bytes(png[at : at + 4], "big")
    return names


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_nothing_but_pixels_survives(format: str) -> None:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "SECRET-TEXT")
    notes.add_itxt("XML:com.adobe.xmp", "SECRET-XMP", zip=True)
    options: dict[str, Any] = (
        {"pnginfo": notes, "dpi": (72, 72)} if format == "PNG" else {"comment": b"SECRET-TEXT"}
    )
    dirty = saved(
        Image.new("RGB", (320, 320), "green"),
        format,
        exif=exif(1),
        icc_profile=swapped_profile(),
        **options,
    )
    cleaned = clean_reference(dirty + b"PK\x03\x04 SECRET-TRAILER")
    assert isinstance(cleaned, Reference) and cleaned.media_type == "image/png"
    assert b"CAMERA-MAKER" in dirty and chunks(cleaned.data) == {b"IHDR", b"IDAT", b"IEND"}
    assert b"SECRET" not in cleaned.data and b"CAMERA" not in cleaned.data


def test_nothing_but_pixels_survives_in_a_jpeg(noisy: Reference) -> None:
    assert noisy.media_type == "image/jpeg"
    assert set(opened(noisy).info) <= {
        "jfif", "jfif_version", "jfif_unit", "jfif_density",
    }  # fmt: skip
    assert b"Exif" not in noisy.data and b"ICC_PROFILE" not in noisy.data


def test_colours_follow_the_profile() -> None:
    red = Image.new("RGB", (320, 320), (250, 0, 0))
    swapped = opened(clean_reference(saved(red, icc_profile=swapped_profile())))
    assert close(swapped.getpixel((1, 1)), (0, 0, 250), 12)
    see_through = Image.new("RGBA", (320, 320), (250, 0, 0, 255))
    swapped = opened(clean_reference(saved(see_through, icc_profile=swapped_profile())))
    assert close(swapped.getpixel((1, 1)), (0, 0, 250), 12)


@pytest.mark.parametrize("profile", [b"rubbish", b"\0" * 200])
def test_a_useless_profile_is_ignored(profile: bytes) -> None:
    red = Image.new("RGB", (320, 320), (250, 0, 0))
    assert opened(clean_reference(saved(red, icc_profile=profile))).getpixel((1, 1)) == (250, 0, 0)
    grey = Image.new("L", (320, 320), 99)
    other_kind = saved(grey, icc_profile=swapped_profile())
    assert opened(clean_reference(other_kind)).getpixel((1, 1)) == (99, 99, 99)


def test_a_profile_that_is_a_program_is_not_run() -> None:
    """A step takes as long as all the rest; a picture of 100 kB may have thousands."""
    assert plain_profile(swapped_profile())
    many = struct.pack(">I", MOST_TAGS + 1)
    for profile in (
        programmed_profile(1),
        swapped_profile() + bytes(LARGEST_PROFILE),
        swapped_profile()[:128] + many + bytes(12 * MOST_TAGS + 12),
        swapped_profile()[:140],
    ):
        assert not plain_profile(profile)
    red, began = Image.new("RGB", (320, 320), (250, 0, 0)), time.process_time()
    clean = clean_reference(saved(red, icc_profile=programmed_profile(1000)))
    assert opened(clean).getpixel((1, 1)) == (250, 0, 0)
    assert time.process_time() - began < 2


def close(pixel: Any, wanted: tuple[int, int, int], by: int) -> bool:
    return all(abs(a - b) <= by for a, b in zip(pixel, wanted, strict=True))


def palette_with_a_hole() -> bytes:
    image = Image.new("P", (320, 320), 1)
    image.putpalette([9, 9, 9, 200, 100, 50])
    return saved(image, transparency=1)


@pytest.mark.parametrize(
    ("data", "colour"),
    [
        (picture(mode="RGBA", color=(255, 0, 0, 0)), (255, 255, 255)),
        (picture(mode="RGBA", color=(255, 0, 0, 128)), (255, 127, 127)),
        (picture(mode="LA", color=(0, 128)), (127, 127, 127)),
        (picture(mode="L", color=77), (77, 77, 77)),
        (picture(mode="1", color=1), (255, 255, 255)),
        (picture(mode="P", color=0), (0, 0, 0)),
        (palette_with_a_hole(), (255, 255, 255)),
        (saved(Image.new("RGB", (320, 320), "red"), transparency=(255, 0, 0)), (255, 255, 255)),
        (picture(mode="I;16", color=0x80FF), (128, 128, 128)),
        (raw_png(320, 320, 16, 2, b"\x80\xff\x40\xff\x20\xff" * 320), (128, 64, 32)),
        (raw_png(320, 320, 16, 6, b"\0\0\0\0\0\0\0\0" * 320), (255, 255, 255)),
        (raw_png(320, 320, 16, 4, b"\x40\0\xff\xff" * 320), (64, 64, 64)),
        (saved(Image.new("CMYK", (320, 320), (0, 255, 255, 0)), "JPEG"), (255, 0, 0)),
        (saved(Image.new("L", (320, 320), 77), "JPEG"), (77, 77, 77)),
    ],
)
def test_every_mode_becomes_rgb_on_white(data: bytes, colour: tuple[int, int, int]) -> None:
    assert close(opened(clean_reference(data)).getpixel((160, 160)), colour, 2)


def test_pixels_survive_exactly_where_a_png_is_small_enough() -> None:
    noise = os.urandom(400 * 300 * 3)
    data = saved(Image.frombytes("RGB", (400, 300), noise))
    assert opened(clean_reference(data)).tobytes() == noise


@pytest.fixture(scope="module")
def noisy() -> Reference:
    noise = Image.frombytes("RGB", (4000, 4000), os.urandom(48_000_000))
    data = saved(noise, "JPEG", quality=40)
    assert len(data) < 20_000_000
    cleaned = clean_reference(data)
    assert isinstance(cleaned, Reference)
    return cleaned


def test_a_noisy_picture_is_made_to_fit(noisy: Reference) -> None:
    text = noisy.base64
    assert 5_000_000 < len(text) <= 10_000_000
    assert base64.b64decode(text, validate=True) == noisy.data
    assert opened(noisy).size == (noisy.width, noisy.height)
    assert noisy.width == noisy.height < 4000


def test_a_reference_is_named_by_its_content_and_silent_in_logs() -> None:
    one, two = clean_reference(picture()), clean_reference(picture())
    assert isinstance(one, Reference) and isinstance(two, Reference)
    assert one == two and one.name == hashlib.sha256(one.data).hexdigest() + ".png"
    assert "data" not in repr(one)


# Self-signed for *.example.com until 2120; made for these tests, proves nothing anywhere else.
KEY = """-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgyejhr2cBRaTOyuPW
lsnDmkXbI0iXHM8ZJwoUISFSqLGhRANCAARhjQgb8UCssADXhYCd9Mg3B7ZCudTn
Mxc3tPjE8uGtjI2AimzqqMVk3OmUtTWTbiPZNQn3tvvCJmIr1tKDmTBc
-----END PRIVATE KEY-----
"""
CERTIFICATE = """-----BEGIN CERTIFICATE-----
MIIBazCCARGgAwIBAgIBATAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDAR0ZXN0MCAX
DTIwMDEwMTAwMDAwMFoYDzIxMjAwMTAxMDAwMDAwWjAPMQ0wCwYDVQQDDAR0ZXN0
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYY0IG/FArLAA14WAnfTINwe2QrnU
5zMXN7T4xPLhrYyNgIps6qjFZNzplLU1k24j2TUJ97b7wiZiK9bSg5kwXKNcMFow
GAYDVR0RBBEwD4INKi5leGFtcGxlLmNvbTAPBgNVHRMBAf8EBTADAQH/MB0GA1Ud
DgQWBBQhOALrs6DxOI0glMLqxqkBYlxE9jAOBgNVHQ8BAf8EBAMCAoQwCgYIKoZI
zj0EAwIDSAAwRQIgdwBDqWR5Yc/6+IUJHtr5Re/cpiJn9yBHWEvmlvAE5iECIQCY
iTQQfh9zzfr4dnKNHFUSJo09yngVNA0wfdkLgdWGrw==
-----END CERTIFICATE-----
"""

HOST = "cdn.example.com"
SITE, ELSEWHERE = "93.184.216.34", "93.184.216.35"
Reply = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


def reply(status: str = "200 OK", body: bytes = b"", *headers: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *headers))
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def moved(to: str) -> bytes:
    return reply("302 Found", b"", f"Location: {to}")


class Internet:
    """Every public address leads to one server here, which answers by path; what else is
    dialled is refused. Names resolve by `names`, each lookup taking the next answer."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self.names: dict[str, list[list[str]]] = {HOST: [[SITE]]}
        self.requests: list[str] = []
        self.dialled: list[str] = []
        self.lookups: list[str] = []
        self.greeted: list[str] = []  # host names asked for by TLS
        self.down: set[str] = set()
        self.port = 0

    async def resolve(self, host: str, port: int) -> list[str]:
        self.lookups.append(host)
        answers = self.names.get(host, [[host]])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := (await reader.readuntil(b"\r\n\r\n")).decode():
                self.requests.append(request)
                answer = self.replies.get(request.split()[1], reply("404 Not Found"))
                if callable(answer):
                    await answer(writer)
                    break
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def tls(self, pem: Path) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        context.sni_callback = lambda _, name, __: self.greeted.append(name)
        return context


@pytest.fixture
async def internet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Internet]:
    world, pem, dial = Internet(), tmp_path / "key.pem", anyio.connect_tcp
    pem.write_text(KEY + CERTIFICATE)

    async def connect(remote_host: str, remote_port: int, **options: Any) -> Any:
        world.dialled.append(str(remote_host))
        if not str(remote_host).startswith("93.") or remote_host in world.down:
            raise OSError(errno.ECONNREFUSED, "refused")
        return await dial("127.0.0.1", world.port)

    monkeypatch.setattr(anyio, "connect_tcp", connect)
    monkeypatch.setattr(certifi, "where", lambda: str(pem))
    server = await asyncio.start_server(world.serve, "127.0.0.1", 0, ssl=world.tls(pem))
    world.port = server.sockets[0].getsockname()[1]
    yield world
    server.close()


@pytest.fixture
async def fetch(internet: Internet, tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Fetches a URL with a Downloader of the given options; returns the bytes."""
    downloaders: list[Downloader] = []

    async def get(url: str = f"https://{HOST}/a.png", **options: Any) -> bytes:
        if options or not downloaders:
            downloaders.append(Downloader(resolve=internet.resolve, **options))
        into = tmp_path / "fetched.part"
        fetched = await downloaders[-1].fetch(url, into)
        body = into.read_bytes()
        assert fetched.bytes == len(body)
        assert fetched.sha256 == hashlib.sha256(body).hexdigest()
        return body

    yield get
    for downloader in downloaders:
        await downloader.aclose()


async def test_a_public_host_is_fetched_by_its_checked_address_and_real_name(
    internet: Internet, fetch: Any
) -> None:
    body = os.urandom(3_000_000)
    internet.replies["/a.png?sig=%2B"] = reply("200 OK", body)
    assert await fetch(f"https://{HOST}/a.png?sig=%2B#top") == body
    assert internet.dialled == [SITE] and internet.greeted == [HOST]
    assert internet.requests[0].startswith("GET /a.png?sig=%2B HTTP/1.1")
    assert f"Host: {HOST}\r\n" in internet.requests[0]


async def test_the_certificate_is_checked_against_the_real_name(
    internet: Internet, fetch: Any
) -> None:
    internet.replies["/a.png"] = reply("200 OK", b"x")
    internet.names["other.org"] = [[SITE]]
    with pytest.raises(NotFetched, match="cannot connect"):
        await fetch("https://other.org/a.png")
    assert internet.greeted == ["other.org"] and internet.requests == []


async def test_a_proven_connection_is_not_lent_to_another_name(
    internet: Internet, fetch: Any
) -> None:
    internet.replies["/a.png"] = reply("200 OK", b"x")
    internet.names["other.org"] = [[SITE]]
    assert await fetch() == b"x"
    with pytest.raises(NotFetched):
        await fetch("https://other.org/a.png")
    assert len(internet.requests) == 1


async def test_no_credentials_and_no_cookies(
    internet: Internet, fetch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://93.1.1.1:3128")
    internet.replies["/a.png"] = reply("200 OK", b"x", "Set-Cookie: id=7; Path=/")
    await fetch()
    await fetch()
    assert len(internet.requests) == 2
    for request in internet.requests:
        sent = request.lower()
        assert "cookie" not in sent and "authorization" not in sent
        assert "accept-encoding: identity" in sent
    assert internet.dialled == [SITE, SITE]


async def test_a_rebinding_name_is_looked_up_once(internet: Internet, fetch: Any) -> None:
    internet.replies["/a.png"] = reply("200 OK", b"x")
    internet.names[HOST] = [[SITE], ["127.0.0.1"]]
    assert await fetch() == b"x"
    assert internet.lookups == [HOST] and internet.dialled == [SITE]
    with pytest.raises(NotFetched, match="public"):
        await fetch()
    assert internet.dialled == [SITE]


async def test_one_private_address_among_public_ones_refuses_the_host(
    internet: Internet, fetch: Any
) -> None:
    internet.names[HOST] = [[SITE, "10.0.0.7"]]
    with pytest.raises(NotFetched, match="public"):
        await fetch()
    assert internet.dialled == []


async def test_the_next_address_is_tried_when_one_is_down(internet: Internet, fetch: Any) -> None:
    internet.replies["/a.png"] = reply("200 OK", b"x")
    internet.names[HOST] = [[ELSEWHERE, SITE]]
    internet.down = {ELSEWHERE}
    assert await fetch() == b"x"
    assert internet.dialled == [ELSEWHERE, SITE]


@pytest.mark.parametrize(
    "target",
    [
        "https://inside.example.com/a.png",
        "https://127.0.0.1/a.png",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/a.png",
        f"http://{HOST}/b.png",
        f"https://me:secret@{HOST}/b.png",
        "file:///etc/passwd",
        "https://[broken/",
    ],
)
async def test_a_redirect_is_checked_like_the_first_address(
    internet: Internet, fetch: Any, target: str
) -> None:
    internet.names["inside.example.com"] = [["10.0.0.5"]]
    internet.replies.update({"/a.png": moved(target), "/b.png": reply("200 OK", b"x")})
    with pytest.raises(NotFetched) as caught:
        await fetch()
    assert not caught.value.gone
    assert internet.dialled == [SITE] and len(internet.requests) == 1


async def test_three_redirects_are_followed_and_not_four(internet: Internet, fetch: Any) -> None:
    internet.replies.update({f"/{i}": moved(f"/{i + 1}") for i in range(4)})
    internet.replies["/4"] = reply("200 OK", b"x")
    assert await fetch(f"https://{HOST}/1") == b"x"
    with pytest.raises(NotFetched, match="redirects"):
        await fetch(f"https://{HOST}/0")


@pytest.mark.parametrize(
    ("status", "gone"),
    [("403 No", True), ("404 No", True), ("410 No", True), ("500 No", False), ("429 No", False),
     ("204 No Content", False), ("304 Not Modified", False)],
)  # fmt: skip
async def test_other_statuses(internet: Internet, fetch: Any, status: str, gone: bool) -> None:
    internet.replies["/a.png"] = reply(status)
    with pytest.raises(NotFetched, match=f"HTTP {status[:3]}") as caught:
        await fetch()
    assert caught.value.gone is gone and caught.value.case == "fetching"
    assert isinstance(caught.value, KlingError) and caught.value.status == int(status[:3])


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(bytes(65536))
        await writer.drain()


async def drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def cut(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    await writer.drain()


async def test_a_large_body_is_cut_off(internet: Internet, fetch: Any, tmp_path: Path) -> None:
    internet.replies["/a.png"] = endless
    with pytest.raises(NotFetched, match="more than 2 MB"):
        await fetch(max_bytes=2_000_000)
    assert (tmp_path / "fetched.part").stat().st_size <= 2_000_000
    internet.replies["/a.png"] = b"HTTP/1.1 200 OK\r\nContent-Length: 2000001\r\n\r\n"
    with pytest.raises(NotFetched, match="more than 2 MB"):
        await fetch(max_bytes=2_000_000)


async def test_a_slow_drip_is_beaten_by_the_deadline(internet: Internet, fetch: Any) -> None:
    internet.replies["/a.png"] = drip
    start = time.monotonic()
    with pytest.raises(NotFetched, match="longer than 0.3 s"):
        await fetch(deadline=0.3)
    assert time.monotonic() - start < 10


async def test_half_a_body_and_a_compressed_one_are_no_success(
    internet: Internet, fetch: Any
) -> None:
    internet.replies["/a.png"] = cut
    with pytest.raises(NotFetched, match="RemoteProtocolError"):
        await fetch()
    internet.replies["/a.png"] = reply("200 OK", b"x", "Content-Encoding: gzip")
    with pytest.raises(NotFetched, match="compressed"):
        await fetch()


HERE = """
127.0.0.1 127.1 2130706433 0x7f000001 0177.0.0.1 localhost 0.0.0.0 0 [::1] [::]
[::ffff:127.0.0.1] [::ffff:7f00:1] [64:ff9b::7f00:1] [2002:7f00:1::] ①②⑦.0.0.1 127。0。0。1
10.0.0.1 169.254.169.254 100.100.100.200 192.0.0.192
"""


@pytest.mark.parametrize("host", HERE.split())
async def test_this_machine_however_it_is_spelled(
    internet: Internet, host: str, tmp_path: Path
) -> None:
    downloader = Downloader()  # with the real lookup
    with pytest.raises(NotFetched):
        await downloader.fetch(f"https://{host}:{internet.port}/a.png", tmp_path / "part")
    assert internet.dialled == []
    await downloader.aclose()


@pytest.mark.parametrize(
    "url",
    ["", "a.png", "http://cdn.example.com/a.png", "ftp://cdn.example.com/a", "https://", "\0",
     "https://me:secret@cdn.example.com/a.png", "https://cdn.example.com:99999/a",
     "https://cdn.example.com:0/a", "https://[::1/a",
     "https://\ud800.com/a", "https://" + "a" * 70 + "/a"],
)  # fmt: skip
async def test_addresses_that_are_not_fetched(internet: Internet, fetch: Any, url: str) -> None:
    with pytest.raises(NotFetched):
        await fetch(url)
    assert internet.dialled == []


async def test_a_private_host_where_that_is_allowed(tmp_path: Path) -> None:
    world = Internet()
    world.replies.update({"/a.png": moved("/b.png"), "/b.png": reply("200 OK", b"x")})
    server = await asyncio.start_server(world.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    downloader = Downloader(allow_private=True)
    await downloader.fetch(f"http://localhost:{port}/a.png", tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == b"x"
    assert f"Host: localhost:{port}\r\n" in world.requests[0]
    await downloader.aclose()
    server.close()


def simulated(answer: Callable[[httpx.Request], httpx.Response]) -> Downloader:
    return Downloader(transport=httpx.MockTransport(answer))


async def test_a_simulator_in_this_process_is_asked_by_its_own_name(tmp_path: Path) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=b"x")

    downloader = simulated(answer)
    await downloader.fetch("http://kling.invalid:8000/a.png", tmp_path / "part")
    assert str(asked[0].url) == "http://kling.invalid:8000/a.png"
    assert "authorization" not in asked[0].headers
    await downloader.aclose()


ID = "0123456789abcdef" * 2
URL = "http://kling.invalid/a.png"


@pytest.fixture
def folder(tmp_path: Path) -> PictureFolder:
    return PictureFolder(tmp_path / "pictures")


async def kept(folder: PictureFolder, body: bytes, picture_id: str = ID) -> Any:
    downloader = simulated(lambda _: httpx.Response(200, content=body))
    try:
        result = await folder.keep(URL, downloader=downloader, picture_id=picture_id)
        await folder.rendered()
        return result
    finally:
        await downloader.aclose()


def files(tmp_path: Path) -> set[str]:
    root = tmp_path / "pictures"
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def noise(width: int, height: int) -> Image.Image:
    return Image.frombytes("RGB", (width, height), os.urandom(width * height * 3))


@pytest.mark.parametrize(
    ("format", "suffix", "media_type"),
    [("PNG", "png", "image/png"), ("JPEG", "jpg", "image/jpeg"), ("WEBP", "webp", "image/webp")],
)
async def test_a_picture_is_kept_byte_for_byte_under_its_real_kind(
    folder: PictureFolder, tmp_path: Path, format: str, suffix: str, media_type: str
) -> None:
    body = saved(noise(640, 360), format, exif=exif(1)) + b"trailing data, kept too"
    result = await kept(folder, body)
    assert folder.original(result.file).read_bytes() == body
    assert (result.file, result.media_type) == (f"{ID}.{suffix}", media_type)
    assert (result.bytes, result.width, result.height) == (len(body), 640, 360)
    assert result.sha256 == hashlib.sha256(body).hexdigest()
    assert files(tmp_path) == {
        f"originals/{result.file}", f"renditions/{ID}-480.webp", f"renditions/{ID}-1280.webp",
    }  # fmt: skip


async def test_folders_are_for_the_owner_alone(folder: PictureFolder, tmp_path: Path) -> None:
    for name in (".", "originals", "renditions", "references"):
        assert (tmp_path / "pictures" / name).stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>Sorry</html>", saved(Image.new("P", (9, 9)), "GIF"), picture()[:200],
     raw_png(8001, 8001, 1, 0, bytes(1001))],
)  # fmt: skip
async def test_what_is_no_picture_is_not_kept(
    folder: PictureFolder, tmp_path: Path, body: bytes
) -> None:
    with pytest.raises(NotFetched, match="not a picture") as caught:
        await kept(folder, body)
    assert not caught.value.gone and files(tmp_path) == set()


async def test_a_failed_fetch_leaves_nothing(folder: PictureFolder, tmp_path: Path) -> None:
    downloader = simulated(lambda _: httpx.Response(404))
    with pytest.raises(NotFetched) as caught:
        await folder.keep(URL, downloader=downloader, picture_id=ID)
    assert caught.value.gone and files(tmp_path) == set()
    await downloader.aclose()


async def test_a_full_disk_is_an_os_error_and_leaves_nothing(
    folder: PictureFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        await kept(folder, picture())
    assert files(tmp_path) == set()


async def test_a_rendition_that_cannot_be_written_does_not_lose_the_picture(
    folder: PictureFolder, tmp_path: Path
) -> None:
    (tmp_path / "pictures" / "renditions").rmdir()
    result = await kept(folder, picture())
    assert files(tmp_path) == {f"originals/{result.file}"}


@pytest.mark.parametrize("side", [480, 1280])
@pytest.mark.parametrize(
    ("size", "at_480", "at_1280"),
    [
        ((2720, 1536), (480, 272), (1280, 723)),
        ((600, 900), (320, 480), (600, 900)),
        ((64, 48), (64, 48), (64, 48)),
    ],
)
async def test_renditions_fit_and_never_grow(
    folder: PictureFolder,
    side: Any,
    size: tuple[int, int],
    at_480: tuple[int, int],
    at_1280: tuple[int, int],
) -> None:
    result = await kept(folder, saved(Image.new("RGB", size, "teal")))
    made = await folder.rendition(result.file, side)
    with Image.open(made) as image:
        assert image.format == "WEBP"
        assert image.size == (at_480 if side == 480 else at_1280)


async def test_renditions_carry_pixels_only(folder: PictureFolder) -> None:
    red = Image.new("RGB", (500, 300), (250, 0, 0))
    body = saved(red, "JPEG", exif=exif(6), icc_profile=swapped_profile(), comment=b"SECRET")
    result = await kept(folder, body)
    assert (result.width, result.height) == (300, 500)
    for side in (480, 1280):
        data = (await folder.rendition(result.file, side)).read_bytes()
        assert b"EXIF" not in data and b"ICCP" not in data and b"SECRET" not in data
        with Image.open(io.BytesIO(data)) as image:
            assert image.height > image.width
            assert close(image.getpixel((9, 9)), (0, 0, 250), 20)


async def test_renditions_drop_a_profile_that_could_not_be_used(folder: PictureFolder) -> None:
    result = await kept(folder, saved(Image.new("RGB", (320, 320)), icc_profile=b"rubbish"))
    for side in (480, 1280):
        assert b"ICCP" not in (await folder.rendition(result.file, side)).read_bytes()


def counted_decodes(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    decoded: list[object] = []
    decode = pixels.decode

    def counted(*args: Any, **options: Any) -> Image.Image:
        decoded.append(args)
        return decode(*args, **options)

    monkeypatch.setattr(pixels, "decode", counted)
    return decoded


@pytest.mark.parametrize(("at_hand", "decodes"), [(MOST_AT_HAND, 1), (9, 3)])
async def test_a_picture_that_just_came_is_decoded_once_unless_there_are_too_many(
    folder: PictureFolder, monkeypatch: pytest.MonkeyPatch, at_hand: int, decodes: int
) -> None:
    monkeypatch.setattr("kling_ui.pictures.folder.MOST_AT_HAND", at_hand)
    decoded = counted_decodes(monkeypatch)
    result = await kept(folder, picture())
    await folder.rendered()
    for side in (480, 1280):
        await folder.rendition(result.file, side)
    assert len(decoded) == decodes


async def test_a_missing_rendition_is_made_once(
    folder: PictureFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = await kept(folder, picture())
    for path in (tmp_path / "pictures" / "renditions").iterdir():
        path.unlink()
    decoded = counted_decodes(monkeypatch)
    paths = await asyncio.gather(*(folder.rendition(result.file, 480) for _ in range(20)))
    assert len(decoded) == 1 and len(set(paths)) == 1 and paths[0].stat().st_size
    assert not any(name.endswith(".part") for name in files(tmp_path))


async def test_no_rendition_without_a_readable_original(
    folder: PictureFolder, tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError):
        await folder.rendition(f"{ID}.png", 480)
    folder.original(f"{ID}.png").write_bytes(b"rubbish")
    with pytest.raises(FileNotFoundError):
        await folder.rendition(f"{ID}.png", 480)


async def test_forgetting(folder: PictureFolder, tmp_path: Path) -> None:
    result = await kept(folder, picture())
    other = await kept(folder, picture(), "f" * 32)
    await folder.forget(result.file)
    await folder.forget(result.file)
    assert {name.split("/")[1][:32] for name in files(tmp_path)} == {other.file[:32]}


BAD_NAMES = ["", ".", "..", "../x", f"../originals/{ID}.png", f"{ID}.png/..", f"/{ID}.png",
             f"{ID}.gif", f"{ID}.png\n", f"{ID.upper()}.png", f"{ID[:-1]}.png", f"{ID}.png\0",
             "a" * 63 + "/.png", "history.db"]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
async def test_names_never_lead_outside(folder: PictureFolder, name: str) -> None:
    with pytest.raises(FileNotFoundError):
        folder.original(name)
    with pytest.raises(FileNotFoundError):
        folder.reference(name)
    with pytest.raises(FileNotFoundError):
        await folder.rendition(name, 480)
    with pytest.raises(FileNotFoundError):
        await folder.forget(name)


@pytest.mark.parametrize("picture_id", ["", "../" + ID[3:], ID.upper(), ID + "0", ID + "\n"])
async def test_ids_are_ours(folder: PictureFolder, tmp_path: Path, picture_id: str) -> None:
    with pytest.raises(ValueError, match="32 hex"):
        await kept(folder, picture(), picture_id)
    assert files(tmp_path) == set()


async def test_references_are_stored_once_and_found_by_name(
    folder: PictureFolder, tmp_path: Path
) -> None:
    reference = await folder.receive(picture())
    assert isinstance(reference, Reference)
    name = folder.keep_reference(reference)
    assert name == folder.keep_reference(reference) == reference.name
    assert folder.reference(name) == reference.data
    assert files(tmp_path) == {f"references/{name}"}
    with pytest.raises(FileNotFoundError):
        folder.reference("0" * 64 + ".png")


async def test_what_a_crash_left_is_swept(folder: PictureFolder, tmp_path: Path) -> None:
    result = await kept(folder, picture())
    before = files(tmp_path)
    for name in ("originals/x.7.part", "renditions/y.webp.7.part", "references/z.png.7.part"):
        (tmp_path / "pictures" / name).write_bytes(b"half")
    PictureFolder(tmp_path / "pictures").tidy()
    assert files(tmp_path) == before and folder.original(result.file).exists()


@pytest.fixture(autouse=True)
def pillow_is_left_alone() -> Iterator[None]:
    yield
    assert Image.MAX_IMAGE_PIXELS == 89_478_485
