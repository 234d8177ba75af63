"""The simulator's painter: a small procedural painting for every prompt."""

from __future__ import annotations

import hashlib
from io import BytesIO
from math import sqrt

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .canvas import Canvas, resized, smooth
from .palettes import choose_palette
from .restyle import restyle
from .scenes import choose_scene
from .words import fold

LARGEST_SCENE = 2_400_000
LARGEST_REPAINTING = 1_200_000
"""Pixels. Larger pictures are painted at this size and enlarged before they get their grain,
which keeps their time and memory within bounds."""


def paint(
    *, prompt: str, index: int, width: int, height: int, reference: bytes | None = None
) -> bytes:
    """A PNG of the size asked for; the same arguments always give the same bytes.

    The prompt's words choose scene and colours, `index` numbers the variations of one prompt.
    With a reference (the bytes of a PNG or JPEG) the picture is that one, painted anew.
    """
    seed = int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:8], "big")
    text = fold(prompt)
    scene = choose_scene(text, seed)
    palette = choose_palette(text, scene.moods)
    largest = LARGEST_SCENE if reference is None else LARGEST_REPAINTING
    canvas = Canvas(*_studio(width, height, largest), palette, text, index, seed)
    canvas.palette = palette.turned(canvas.vary(-9, 9))
    if reference is None:
        scene.paint(canvas)
        if (seed + index) % 2:
            canvas.rgb = canvas.rgb[:, :, ::-1]
    else:
        restyle(canvas, reference)
    return _png(_marked(_developed(canvas, width, height)))


def _studio(width: int, height: int, largest: int) -> tuple[int, int]:
    """The size to paint at: that of the picture, or less when it has too many pixels."""
    share = min(1.0, sqrt(largest / (width * height)))
    return max(1, round(width * share)), max(1, round(height * share))


def _developed(canvas: Canvas, width: int, height: int) -> Image.Image:
    """The canvas as a picture of the size, with darker corners and a grain that hides bands."""
    strength = 5.0 if canvas.asks("grain", "film", "胶片", "膠片") else 1.4
    grain = canvas.random.random((height, width), np.float32)
    grain += canvas.random.random((height, width), np.float32)
    grain = (grain - 1) * np.float32(strength) + 0.5
    corners = smooth(0.35, 0.95, np.hypot(canvas.x - 0.5, canvas.y - 0.5))
    exposure = (1 - 0.18 * corners) * np.float32(255)
    channels = []
    for channel in canvas.rgb:
        channel *= exposure
        full = channel if channel.shape == grain.shape else resized(channel, width, height)
        channels.append(Image.fromarray(np.clip(full + grain, 0, 255).astype(np.uint8)))
    return Image.merge("RGB", channels)


def _marked(picture: Image.Image) -> Image.Image:
    """The picture with a small DEMO in its lower right corner."""
    size = max(8, round(min(picture.size) * 0.02))
    font = ImageFont.load_default(size=size)
    step, pad = round(size * 0.92), round(size * 0.55)
    wide, tall = step * 4 + pad * 2 - step // 5, size + pad
    pill = Image.new("L", (wide, tall))
    ImageDraw.Draw(pill).rounded_rectangle((0, 0, wide - 1, tall - 1), tall // 2, fill=92)
    letters = Image.new("L", (wide, tall))
    for place, letter in enumerate("DEMO"):
        spot = (pad + (place + 0.4) * step, tall / 2)
        ImageDraw.Draw(letters).text(spot, letter, 225, font, anchor="mm")
    corner = picture.width - wide - size, picture.height - tall - size
    picture.paste((8, 10, 16), corner, pill)
    picture.paste((255, 255, 255), corner, letters)
    return picture


def _png(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return file.getvalue()
