"""How a picture was asked for, written into a copy of its file; the pixels stay as they are.

The settings stand between ``kling-image-studio:`` and ``:end`` as base64 of JSON, in a text chunk
of a PNG or in the XMP of a JPEG or a WebP, so that the page finds them again in any of the three.
Prompt and program stand beside them in the fields that other programs show.
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from ..version import NAME, VERSION

MARK, END = "kling-image-studio:", ":end"
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
_XMP_IN_JPEG = b"http://ns.adobe.com/xap/1.0/\0"
_HAS_ALPHA, _HAS_XMP = 0x10, 0x04  # flags of a WebP's header
_LARGEST_SEGMENT = 65_000  # bytes that a JPEG's segment holds


HEAD = 64  # bytes of a file that tell where the settings go


@dataclass(frozen=True, slots=True)
class Inscription:
    """What stands in an inscribed copy before and after the file's bytes, of which the first
    `skip` are left out."""

    start: bytes = b""
    skip: int = 0
    end: bytes = b""


def inscription(head: bytes, size: int, *, request: Mapping[str, Any], task_id: str) -> Inscription:
    """For a file of `size` bytes that begins with `head`, of at least `HEAD` bytes where it has so
    many; nothing where its kind is none of the three, or where there is no room."""
    prompt = str(request.get("prompt", ""))
    settings = _packed({"app": f"{NAME} {VERSION}", "task_id": task_id, "request": dict(request)})
    if head.startswith(_PNG):
        return _in_png(head, prompt, settings)
    if head.startswith(_JPEG):
        return _in_jpeg(head, _xmp(prompt, settings))
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _in_webp(head, size, _xmp(prompt, settings))
    return Inscription()


def inscribed(data: bytes, *, request: Mapping[str, Any], task_id: str) -> bytes:
    """`data` with the settings inside."""
    one = inscription(data[:HEAD], len(data), request=request, task_id=task_id)
    return one.start + data[one.skip :] + one.end


def _packed(facts: Mapping[str, Any]) -> str:
    return MARK + base64.b64encode(json.dumps(facts).encode()).decode() + END


def _in_png(head: bytes, prompt: str, settings: str) -> Inscription:
    """After the header, which is always the first chunk and 25 bytes long."""
    at = len(_PNG) + 25
    texts = (("Description", prompt), ("Software", f"{NAME} {VERSION}"), ("Comment", settings))
    chunks = (_png_chunk(b"iTXt", f"{key}\0\0\0\0\0{text}".encode()) for key, text in texts if text)
    return Inscription(head[:at] + b"".join(chunks), at)


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _in_jpeg(head: bytes, xmp: bytes) -> Inscription:
    body = _XMP_IN_JPEG + xmp
    if len(body) > _LARGEST_SEGMENT:
        return Inscription()
    return Inscription(head[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body, 2)


def _in_webp(head: bytes, size: int, xmp: bytes) -> Inscription:
    """An extended file, which a simple one becomes by a header that repeats its size."""
    skip, chunks = 12, head[12:]
    if chunks[:4] == b"VP8X":
        header = bytearray(chunks[:18])
        header[8] |= _HAS_XMP
        skip += len(header)
    elif known := _webp_size(chunks):
        width, height, alpha = known
        flags = _HAS_XMP | (_HAS_ALPHA if alpha else 0)
        sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        header = bytearray(b"VP8X" + struct.pack("<II", 10, flags) + sides)
    else:
        return Inscription()
    end = b"XMP " + struct.pack("<I", len(xmp)) + xmp + b"\0" * (len(xmp) % 2)
    whole = len(header) + size - skip + len(end)
    return Inscription(b"RIFF" + struct.pack("<I", whole + 4) + b"WEBP" + header, skip, end)


def _webp_size(chunks: bytes) -> tuple[int, int, bool] | None:
    """Width, height and whether there is transparency, of a simple file's only chunk."""
    if chunks[:4] == b"VP8 " and len(chunks) >= 18:
        width, height = struct.unpack("<HH", chunks[14:18])
        return width & 0x3FFF, height & 0x3FFF, False
    if chunks[:4] == b"VP8L" and len(chunks) >= 13:
        (bits,) = struct.unpack("<I", chunks[9:13])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    return None


def _xmp(prompt: str, settings: str) -> bytes:
    safe = escape("".join(c for c in prompt if c >= " " or c in "\n\t"))
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        ' xmlns:exif="http://ns.adobe.com/exif/1.0/"'
        f' xmp:CreatorTool="{NAME} {VERSION}">'
        f'<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{safe}</rdf:li></rdf:Alt>'
        f"</dc:description><exif:UserComment><rdf:Alt>"
        f'<rdf:li xml:lang="x-default">{settings}</rdf:li></rdf:Alt></exif:UserComment>'
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
        '<?xpacket end="r"?>'
    ).encode()
