"""Paints a reference picture anew: same composition, other hand."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageOps

from .canvas import Canvas, resized, smooth
from .palettes import Field, Palette, lab_to_rgb, rgb_to_lab


@dataclass(frozen=True)
class Style:
    """How a picture is repainted; shares are 0–1."""

    grade: float
    """How far colours move to the palette."""
    steps: int
    """How many flat tones there are; 0 leaves them continuous."""
    relief: float
    """How thick the paint stands."""
    wash: float
    """How much white paper shines through, and how dark the paint gathers at its edges."""


PAPER = (0.97, 0.955, 0.92)

STYLES = (
    Style(grade=0.45, steps=0, relief=1.0, wash=0.0),
    Style(grade=0.55, steps=9, relief=0.3, wash=1.0),
    Style(grade=0.9, steps=6, relief=0.25, wash=0.0),
    Style(grade=0.7, steps=14, relief=0.8, wash=0.3),
)


def restyle(canvas: Canvas, reference: bytes) -> None:
    style = STYLES[canvas.index % len(STYLES)]
    lab = rgb_to_lab(_brushed(_loosened(canvas, _cropped(canvas, reference)), canvas.short))
    light = _balanced(lab[0])
    if style.steps:
        light = _stepped(light, style.steps)
    lab[1:] += (_graded(light, canvas.palette) - lab[1:]) * np.float32(style.grade)
    light += _strokes(canvas, light) * np.float32(0.085 * style.relief)
    lab[0] = _washed(canvas, light, style.wash) if style.wash else light
    canvas.rgb = lab_to_rgb(lab)
    if style.wash > 0.5:
        canvas.lay(PAPER, _bare(canvas))


def _cropped(canvas: Canvas, reference: bytes) -> Field:
    centre = canvas.vary(0.38, 0.62), canvas.vary(0.42, 0.58)
    size, bleed = (canvas.width, canvas.height), canvas.vary(0, 0.03)
    with Image.open(BytesIO(reference)) as opened:
        ImageOps.exif_transpose(opened, in_place=True)
        upright = opened if opened.mode == "RGB" else opened.convert("RGB")  # a large one once
        fitted = ImageOps.fit(upright, size, Image.Resampling.BICUBIC, bleed, centre)
    return np.asarray(fitted, np.float32).transpose(2, 0, 1) / np.float32(255)


def _loosened(canvas: Canvas, rgb: Field) -> Field:
    """Outlines drawn by a hand: every pixel fetched from a little beside its place."""
    reach = np.float32(0.013 * canvas.short)
    down, across = (((canvas.noise(0.03, 3) - 0.5) * reach).astype(np.int32) for _ in "yx")
    down += np.arange(canvas.height, dtype=np.int32)[:, None]
    across += np.arange(canvas.width, dtype=np.int32)[None, :]
    np.clip(down, 0, canvas.height - 1, out=down)
    np.clip(across, 0, canvas.width - 1, out=across)
    places = down * canvas.width + across
    return np.stack([channel.ravel().take(places) for channel in rgb])


def _brushed(rgb: Field, short: int) -> Field:
    """Flat dabs of colour with crisp edges: each pixel takes the calmest square beside it."""
    doublings = max(1, round(np.log2(short / 128)))
    size = 2**doublings
    padded = np.pad(rgb, ((0, 0), (size, size), (size, size)), mode="edge")
    grey = padded.mean(axis=0)
    means = np.stack([_box(channel, doublings) for channel in padded])
    unrest = _box(grey * grey, doublings) - _box(grey, doublings) ** 2
    _, height, width = rgb.shape
    far = size + 1
    corners = [(top, left) for top in (1, far) for left in (1, far)]
    best = means[:, 1 : 1 + height, 1 : 1 + width].copy()
    least = unrest[1 : 1 + height, 1 : 1 + width].copy()
    for top, left in corners[1:]:
        rows, columns = slice(top, top + height), slice(left, left + width)
        calmer = unrest[rows, columns] < least
        np.copyto(best, means[:, rows, columns], where=calmer)
        np.copyto(least, unrest[rows, columns], where=calmer)
    return best


def _box(field: Field, doublings: int) -> Field:
    """The mean of the square that begins at each pixel; its side is 2 ** doublings."""
    for step in (2**power for power in range(doublings)):
        field = field[:-step] + field[step:]
        field = field[:, :-step] + field[:, step:]
    return field * np.float32(0.25**doublings)


def _balanced(light: Field) -> Field:
    low, high = np.percentile(light[::8, ::8], (1, 99))
    spread = np.float32(max(high - low, 0.2))
    balanced: Field = np.clip((light - low) / spread, 0, 1) * 0.77 + 0.2
    return balanced


def _stepped(light: Field, steps: int) -> Field:
    """Few tones, with a soft seam between neighbours."""
    scaled = light * np.float32(steps)
    floor: Field = np.floor(scaled)
    return (floor + smooth(0.35, 0.65, scaled - floor)) / np.float32(steps)


def _graded(light: Field, palette: Palette) -> Field:
    """The palette's two colour axes at each lightness; shape (2, height, width)."""
    ramp = rgb_to_lab(palette.ramp(steps=64))
    order = np.argsort(ramp[0])
    shades = np.linspace(0, 1, 256)
    steps = (np.clip(light, 0, 1) * 255).astype(np.intp)
    axes = [np.interp(shades, ramp[0][order], axis[order]) for axis in ramp[1:]]
    return np.stack([axis.astype(np.float32).take(steps) for axis in axes])


def _strokes(canvas: Canvas, light: Field) -> Field:
    """Bristle marks that follow the edges of the picture, lit from the upper left."""
    size = max(1, canvas.width // 8), max(1, canvas.height // 8)
    small = resized(light, *size)
    down, across = (np.abs(slope) for slope in np.gradient(small))
    upright = resized((across + 1e-3) / (across + down + 2e-3), canvas.width, canvas.height)
    flat = canvas.noise(0.011, 2, (7, 1))
    field = flat + (canvas.noise(0.011, 2, (1, 7)) - flat) * upright
    relief = field - np.roll(field, (2, 2), (0, 1))
    return np.clip(relief * 2.2, -1, 1)


def _washed(canvas: Canvas, light: Field, amount: float) -> Field:
    """Watercolour: blotted paint that is darker at its rims."""
    rims = np.abs(light - canvas.blurred(np.clip(light, 0, 1), 0.006))
    light = light + (canvas.noise(0.2, 5) - 0.4) * np.float32(0.1 * amount)
    return light - np.clip(rims * 1.2, 0, 0.14) * np.float32(amount)


def _bare(canvas: Canvas) -> Field:
    """The mask of the paper that the brush left out around the picture."""
    across = np.minimum(canvas.x, 1 - canvas.x) * canvas.wide
    down = np.minimum(canvas.y, 1 - canvas.y) * canvas.tall
    torn = np.minimum(across, down) + (canvas.noise(0.06, 4) - 0.5) * np.float32(0.022)
    return smooth(0.034, 0.028, torn)
