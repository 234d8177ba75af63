"""The simulator's painter: a small procedural painting for every prompt."""

from __future__ import annotations

import hashlib
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .canvas import Canvas, smooth
from .palettes import choose_palette
from .restyle import restyle
from .scenes import choose_scene
from .words import fold


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
    canvas = Canvas(width, height, palette, text, index, seed)
    canvas.palette = palette.turned(canvas.vary(-9, 9))
    if reference is None:
        scene.paint(canvas)
        if (seed + index) % 2:
            canvas.rgb = canvas.rgb[:, :, ::-1]
    else:
        restyle(canvas, reference)
    return _png(_marked(_developed(canvas)))


def _developed(canvas: Canvas) -> Image.Image:
    """The canvas as 8-bit pixels, with darker corners and a grain that hides every band."""
    strength = 5.0 if canvas.asks("grain", "film", "胶片", "膠片") else 1.4
    grain = canvas.random.random((canvas.height, canvas.width), np.float32)
    grain += canvas.random.random((canvas.height, canvas.width), np.float32)
    grain = (grain - 1) * np.float32(strength) + 0.5
    corners = smooth(0.35, 0.95, np.hypot(canvas.x - 0.5, canvas.y - 0.5))
    exposure = (1 - 0.18 * corners) * np.float32(255)
    channels = [
        Image.fromarray(np.clip(channel * exposure + grain, 0, 255).astype(np.uint8))
        for channel in canvas.rgb
    ]
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
