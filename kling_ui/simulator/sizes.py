"""How large the pictures are, and which reference pictures will do.

Two sizes were measured: 16:9 at 2k gives 2720×1536, an 800×600 reference gives 1168×864.
Sides that are multiples of 16 with the two areas below give both.
"""

from __future__ import annotations

from io import BytesIO
from math import sqrt

from PIL import Image

AREAS = {"1k": 1_011_500, "2k": 4_178_000}  # pixels
MAX_BYTES = 10 * 2**20
MIN_SIDE = 300
MAX_RATIO = 2.5

BAD_PIXELS = "Image pixel is invalid"
BAD_RATIO = (
    "The resolution or aspect ratio of the input image is invalid. "
    "Please ensure it meets the required specifications."
)

_MAX_PIXELS = 64_000_000  # ours: nothing larger is ever decoded
_ORIENTATION, _TURNED = 0x0112, (5, 6, 7, 8)  # of Exif


def fitted(ratio: float, resolution: str) -> tuple[int, int]:
    """Width and height of a result with about this width / height."""
    area = AREAS[resolution]
    return _side(sqrt(area * ratio)), _side(sqrt(area / ratio))


def measured(picture: bytes) -> tuple[int, int] | None:
    """Width and height as seen, from the header alone; None where it is no PNG or JPEG."""
    try:
        with Image.open(BytesIO(picture), formats=("PNG", "JPEG")) as opened:
            turned = "exif" in opened.info and opened.getexif().get(_ORIENTATION) in _TURNED
            return (opened.height, opened.width) if turned else opened.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return _MAX_PIXELS, _MAX_PIXELS
    except (OSError, ValueError, SyntaxError):
        return None


def complaint(width: int, height: int) -> str:
    """Why a task with such a reference picture fails; empty where it will do."""
    if min(width, height) < MIN_SIDE or width * height > _MAX_PIXELS:
        return BAD_PIXELS
    return BAD_RATIO if max(width, height) > MAX_RATIO * min(width, height) else ""


def _side(length: float) -> int:
    return round(length / 16) * 16
