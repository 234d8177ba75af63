"""Scenes lit by something other than the sun: stars, neon, lamps."""

from __future__ import annotations

import numpy as np

from ..canvas import Canvas, Stencil, smooth
from ..palettes import Colour, Field, hexed, mix
from .scene import Scene, crest, firs, haze, peaks, rain


def aurora(canvas: Canvas) -> None:
    """Curtains of polar light and stars over firs and still water."""
    horizon = canvas.vary(0.74, 0.82)
    canvas.fill((canvas.y / np.float32(horizon)) ** 1.3, *canvas.palette.sky)
    _stars(canvas, horizon)
    _galaxy(canvas, horizon)
    low = canvas.vary(0.34, 0.44)
    for y, strength in ((low - 0.08, 0.5), (low + 0.04, 0.75), (low + 0.14, 1.0)):
        _curtain(canvas, y, strength)
    far = peaks(canvas, horizon - 0.03, 0.45, 0.13)
    canvas.lay(mix(canvas.palette.tone(0.12), canvas.palette.tone(0.4), 0.3), canvas.below(far))
    haze(canvas, horizon - 0.01, 0.03, 0.12)
    bank = firs(canvas, crest(canvas, horizon - 0.012, 0.3, 0.02), 0.12, 1.2)
    canvas.lay(canvas.palette.tone(0.02), bank)
    canvas.mirror(horizon, 1.6)
    canvas.ripple(horizon, 0.008, canvas.noise(0.02, 2, (6, 1)))
    under = canvas.below(np.full(canvas.width, horizon, np.float32))
    canvas.lay(canvas.palette.tone(0.0), under * 0.35)
    near = firs(canvas, crest(canvas, 1.02, 0.3, 0.03) + _valley(canvas), 0.26, 0.8)
    canvas.lay(canvas.palette.tone(0.0), near)


def _valley(canvas: Canvas) -> Field:
    """Lowers a near tree line in the middle, so that the water stays in sight."""
    return smooth(0.5, 0.12, np.abs(canvas.x[0] - np.float32(0.55))) * np.float32(0.3)


def _stars(canvas: Canvas, horizon: float) -> None:
    field = canvas.random.random((canvas.height // 2, canvas.width // 2), np.float32)
    density = np.float32(0.0012 * min(1.0, (1024 / canvas.short) ** 2))
    sparse = np.where(field > 1 - density, canvas.random.random(field.shape, np.float32) ** 2, 0)
    mask = sparse.repeat(2, 0).repeat(2, 1)
    mask = np.pad(mask, ((0, canvas.height % 2), (0, canvas.width % 2)))
    canvas.light(canvas.palette.glow, mask * smooth(horizon, horizon - 0.4, canvas.y) * 0.8)
    for _ in range(26):
        x, y = canvas.between(0, 1), canvas.between(0, horizon * 0.7)
        size = canvas.between(0.001, 0.0022)
        canvas.spot(x, y, size, canvas.palette.glow, 0.95, 1.0)
        canvas.spot(x, y, size * 5, canvas.palette.tone(0.8), 0.22, 1.9)


def _galaxy(canvas: Canvas, horizon: float) -> None:
    """A faint dusty river of stars across the sky."""
    lean = canvas.vary(-0.9, -0.5)
    across = (canvas.x - 0.5) * np.float32(canvas.wide * lean) + (canvas.y - 0.3) * canvas.tall
    band = np.exp(-((across / np.float32(0.22)) ** 2)) * smooth(horizon, 0.2, canvas.y)
    dust = smooth(0.25, 0.9, canvas.noise(0.3, 6))
    canvas.light(mix(canvas.palette.tone(0.8), canvas.palette.glow, 0.4), band * dust * 0.34)


def _curtain(canvas: Canvas, y: float, strength: float) -> None:
    """One fold of light: sharp below, rising in rays, green turning to violet."""
    fold = canvas.line(0.7, 2) * np.float32(0.11) + canvas.line(0.16, 2) * np.float32(0.022)
    base = np.float32(y) + fold / np.float32(canvas.tall**0.5)
    rays = canvas.line(0.035, 3) * 0.35 + canvas.line(0.3, 2) * 0.35 + 0.55
    length = (0.16 + 0.12 * np.clip(canvas.line(0.2, 3), -0.6, 1)).astype(np.float32)
    up = (base[None, :] - canvas.y) / length[None, :]
    body = np.exp(-np.maximum(up, 0)) * smooth(-0.14, 0.06, up)
    body *= np.clip(rays, 0, 1)[None, :] * np.float32(strength)
    violet = smooth(0.4, 2.2, up)
    canvas.light(canvas.palette.accent, body * (1 - violet) * 0.95)
    canvas.light(mix(canvas.palette.accent, hexed("8a5cf0"), 0.8), body * violet * 1.3)


NEONS = tuple(map(hexed, ("ff4f8b", "38d6dc", "ffb35c", "8f7bff", "ff6b5e")))


def city(canvas: Canvas) -> None:
    """A street in the rain, its signs twice: on the walls and in the wet road."""
    ground, centre = canvas.vary(0.62, 0.68), canvas.vary(0.36, 0.46)
    canvas.fill(np.clip(canvas.y / np.float32(ground), 0, 1) ** 1.6, *canvas.palette.sky)
    signs = (canvas.palette.accent, *NEONS)
    glow = canvas.halo(centre, ground, 0.26, 0.8)
    canvas.light(mix(canvas.palette.glow, canvas.palette.tone(0.8), 0.4), glow * 0.75)
    for far in (1.0, 0.8, 0.62, 0.42, 0.2, 0.0):
        for side in (-1, 1):
            _block(canvas, centre, ground, side, far, signs)
        canvas.light(canvas.palette.tone(0.75), glow * np.float32(0.1 + 0.05 * far))
    _lamps(canvas, centre, ground)
    _wet_road(canvas, centre, ground)
    _walker(canvas, centre - 0.02, ground + 0.16, 0.2)
    rain(canvas, 0.28, canvas.palette.tone(0.95))


def _block(
    canvas: Canvas, centre: float, ground: float, side: int, far: float, signs: tuple[Colour, ...]
) -> None:
    """A house front; `far` is 1 at the end of the street and 0 beside the viewer."""
    near = (1 - far) ** 1.6
    inner = centre + side * (0.03 + 0.34 * near) / canvas.wide**0.5
    outer = inner + side * (0.1 + 0.6 * near)
    top = ground - (0.17 + 0.62 * near + canvas.between(-0.05, 0.06))
    left, right = min(inner, outer), max(inner, outer)
    colour = mix(canvas.palette.tone(0.03), canvas.palette.tone(0.5), far * 0.75)
    house = canvas.stencil()
    house.polygon(((left, ground + 0.01), (left, top), (right, top), (right, ground + 0.01)))
    step = left + (right - left) * canvas.between(0.3, 0.6)
    house.polygon(((step, top), (step, top - 0.03), (right, top - 0.03), (right, top)))
    canvas.stamp(colour, house)
    _windows(canvas, (left, right, top, ground), 0.011 + 0.019 * near, far)
    if far < 0.9:
        _signs(canvas, inner, side, (top, ground), near, signs)


def _windows(
    canvas: Canvas, box: tuple[float, float, float, float], size: float, far: float
) -> None:
    left, right, top, ground = box
    warm, cool = canvas.stencil(), canvas.stencil()
    wide, tall = size / canvas.wide, size * 1.25 / canvas.tall
    for column in np.arange(left + wide * 0.5, right - wide * 0.8, wide * 1.5):
        for row in np.arange(top + tall * 0.6, ground - tall * 2.4, tall * 1.7):
            chance = canvas.random.random()
            if chance < 0.42:
                x, y = float(column), float(row)
                pane = ((x, y), (x, y + tall), (x + wide, y + tall), (x + wide, y))
                (warm if chance < 0.24 else cool).polygon(pane, canvas.between(0.15, 1.0))
    fade = 0.75 - 0.3 * far
    canvas.shine(mix(canvas.palette.glow, canvas.palette.tone(0.75), 0.35), warm, fade)
    canvas.shine(canvas.palette.tone(0.55), cool, fade * 0.5)


def _signs(
    canvas: Canvas,
    x: float,
    side: int,
    heights: tuple[float, float],
    near: float,
    signs: tuple[Colour, ...],
) -> None:
    """Upright signs that hang over the street from the corner of a house."""
    top, ground = heights
    for _ in range(2):
        colour = signs[int(canvas.random.integers(len(signs)))]
        wide = (0.016 + 0.045 * near) / canvas.wide
        tall = (0.07 + 0.16 * near) * canvas.between(0.6, 1.2) / canvas.tall
        y = canvas.between(max(top + 0.04, 0.1), max(top + 0.05, ground - tall - 0.09))
        left = x - wide * (0.9 if side > 0 else 0.1)
        board, strokes = canvas.stencil(), canvas.stencil()
        box = ((left, y), (left + wide, y), (left + wide, y + tall), (left, y + tall))
        board.polygon(box)
        strokes.stroke((*box, box[0]), 0.0018 + 0.002 * near)
        _glyphs(canvas, strokes, left, y, wide, tall)
        canvas.stamp(canvas.palette.tone(0.04), board, 0.8)
        canvas.shine(colour, strokes, 2.2, 0.01 + 0.02 * near)
        canvas.shine(mix(colour, (1.0, 1.0, 1.0), 0.35), strokes)


def _glyphs(
    canvas: Canvas, stencil: Stencil, left: float, top: float, wide: float, tall: float
) -> None:
    """Strokes that look like writing from afar."""
    cell = wide * canvas.wide * 0.8 / canvas.tall
    for y in np.arange(top + cell * 0.25, top + tall - cell, cell * 1.15):
        for _ in range(4):
            a, b = canvas.between(0.2, 0.8), canvas.between(0.0, 0.75)
            first = left + a * wide, float(y) + b * cell
            if canvas.random.random() < 0.6:
                last = left + canvas.between(0.2, 0.8) * wide, first[1]
            else:
                last = first[0], float(y) + canvas.between(0.0, 0.8) * cell
            stencil.stroke((first, last), max(0.0012, wide * canvas.wide * 0.07))


def _lamps(canvas: Canvas, centre: float, ground: float) -> None:
    """Street lamps and tail lights that shrink toward the end of the street."""
    for step in range(7):
        near = (step / 6) ** 1.8
        for side in (-1, 1):
            x = centre + side * (0.02 + 0.26 * near) / canvas.wide**0.5
            y = ground - (0.03 + 0.22 * near)
            canvas.spot(x, y, 0.003 + 0.008 * near, (1.0, 0.9, 0.7), 0.9, 0.5)
            canvas.spot(x, y, 0.02 + 0.05 * near, canvas.palette.glow, 0.3, 1.9)
    for offset in (-0.02, 0.012):
        canvas.spot(centre + 0.06 + offset, ground - 0.012, 0.005, (1.0, 0.25, 0.2), 0.95, 0.6)
        canvas.spot(centre - 0.06 + offset, ground - 0.012, 0.005, (1.0, 0.95, 0.85), 0.95, 0.6)


def _wet_road(canvas: Canvas, centre: float, ground: float) -> None:
    canvas.mirror(ground, 1.25)
    _smear(canvas, ground)
    canvas.ripple(ground, 0.02, canvas.noise(0.02, 3, (3.5, 1)))
    under = canvas.below(np.full(canvas.width, ground, np.float32))
    dry = smooth(0.35, 0.75, canvas.noise(0.16, 5, (2.4, 1)))
    canvas.lay(canvas.palette.tone(0.02), under * (0.22 + 0.5 * dry))
    canvas.light(canvas.palette.glow, canvas.halo(centre, ground, 0.1, 2.0) * under * 0.5)


def _smear(canvas: Canvas, ground: float) -> None:
    """Draw the reflections out downward, as rough wet asphalt does."""
    edge = int(ground * canvas.height)
    part = canvas.rgb[:, edge:]
    for step in (canvas.short // 90, canvas.short // 40, canvas.short // 18):
        shifted = np.concatenate((part[:, :step], part[:, :-step]), axis=1)
        np.maximum(part, part * 0.45 + shifted * np.float32(0.55), out=part)


def _walker(canvas: Canvas, x: float, foot: float, size: float) -> None:
    """A figure under an umbrella, seen from behind."""

    def at(across: float, up: float) -> tuple[float, float]:
        return x + across * size / canvas.wide, foot - up * size / canvas.tall

    figure = canvas.stencil()
    coat = ((-0.11, 0.28), (-0.1, 0.62), (-0.06, 0.68), (0.06, 0.68), (0.1, 0.62), (0.12, 0.28))
    figure.polygon(at(a, b) for a, b in coat)
    figure.polygon((at(-0.08, 0.3), at(-0.07, 0.0), at(-0.02, 0.0), at(0.0, 0.3)))
    figure.polygon((at(0.0, 0.3), at(0.03, 0.03), at(0.08, 0.03), at(0.09, 0.3)))
    figure.disc(*at(0, 0.75), 0.06 * size)
    figure.stroke((at(0.06, 0.5), at(0.06, 1.06)), 0.002)
    dome = [(0.06 - 0.34 * np.cos(t), 0.84 + 0.24 * np.sin(t)) for t in np.linspace(0, np.pi, 20)]
    hem = [(0.06 + 0.34 - 0.68 * t, 0.84 + 0.03 * abs(np.sin(t * 12.57))) for t in _steps(24)]
    shade = canvas.stencil()
    shade.polygon(at(float(a), float(b)) for a, b in dome + hem)
    canvas.stamp(canvas.palette.tone(0.0), figure, 0.95)
    canvas.stamp(mix((0.75, 0.12, 0.16), canvas.palette.tone(0.2), 0.25), shade)


def _steps(count: int) -> list[float]:
    return [step / count for step in range(count + 1)]


NIGHT = (
    Scene(
        "city",
        city,
        {"any": "neon"},
        ("city", "street", "neon", "rain", "rainy", "cyberpunk", "tokyo", "skyline", "alley", "car")
        + ("umbrella", "building", "robot", "城市", "街", "雨", "霓虹", "赛博", "賽博", "城"),
        showpiece=True,
    ),
    Scene(
        "aurora",
        aurora,
        {"any": "night"},
        ("aurora", "northern lights", "star", "starry", "night", "galaxy", "milky way", "cosmos")
        + ("space", "moon", "夜", "星", "极光", "極光", "银河", "銀河", "月", "宇宙"),
        order=6,
        showpiece=True,
    ),
)
