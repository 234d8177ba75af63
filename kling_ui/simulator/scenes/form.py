"""Scenes of pure form: cloth and crystal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..canvas import Canvas, Point, Stencil, resized, smooth
from ..palettes import Field, mix
from .scene import Scene, crest


def silk(canvas: Canvas) -> None:
    """Folds of light, as of silk in slow air."""
    small = max(8, canvas.width // 2), max(8, canvas.height // 2)
    half = Canvas(*small, canvas.palette, canvas.text, canvas.index, 0)
    folds, drift = _folds(canvas, half.x * np.float32(half.wide), half.y * np.float32(half.tall))
    down, over = np.gradient(folds * np.float32(half.short / 5))
    facing = 1 / np.sqrt(1 + down * down + over * over)
    shine = np.clip((over * -0.5 + down * -0.6 + 0.62) * facing, 0, 1)
    hue = half.x * 0.5 + half.y * 0.3 + drift * 0.17 + folds * 0.2 + 0.08
    full = canvas.width, canvas.height
    canvas.fill(resized(hue * 0.8 + shine * 0.22 - 0.06, *full), 0.04, 1.0)
    canvas.shade(np.clip(resized((0.6 - shine) * 0.85, *full), 0, 0.75))
    canvas.light(canvas.palette.glow, np.clip(resized(shine**6 * 0.55, *full), 0, 1))
    teal = np.clip(resized(smooth(0.2, 0.9, drift) * shine, *full), 0, 1)
    canvas.lay(canvas.palette.accent, teal * 0.55)


def _folds(canvas: Canvas, x: Field, y: Field) -> tuple[Field, Field]:
    """The height of the cloth, and the slow drift that bends it, both about -1–1.

    Waves that bend one another: each is laid along the wander of those before it.
    """
    turn = canvas.vary(0.35, 1.2)
    over, along = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    first, second, third = (canvas.between(0, 6.28) for _ in range(3))
    drift = np.sin(x * 2.1 * along - y * 2.6 * over + first)
    drift = drift + 0.5 * np.sin(x * 3.4 + y * 1.3 + drift * 1.2 + second)
    across = x * over + y * along + drift * np.float32(canvas.vary(0.16, 0.24))
    wide = np.sin(across * 7 + third + drift)
    fine = np.sin(across * 17 + wide * 1.6 + drift * 2.4 + first)
    thin = np.sin(across * 36 + fine * 1.3 + second)
    height = wide * 0.62 + fine * 0.25 * (0.6 + 0.4 * drift) + thin * 0.045
    return height.astype(np.float32), (drift / 1.5).astype(np.float32)


def crystals(canvas: Canvas) -> None:
    """A grown cave: clusters of crystal around a light that comes from within."""
    x, y = canvas.vary(0.36, 0.48), canvas.vary(0.5, 0.58)
    light = np.clip(
        1 - canvas.away(x, y) / np.float32(0.62 * max(canvas.wide, canvas.tall) ** 0.6), 0, 1
    )
    rock = canvas.noise(0.14, 6)
    canvas.fill(light**1.3 * 0.85 + (rock - 0.5) * 0.14, 0.0, 0.9)
    canvas.light(canvas.palette.glow, canvas.halo(x, y, 0.13) * 0.75)
    for near in (0.0, 0.3, 0.65, 1.0):
        _cave_rim(canvas, near, x)
        if near == 0.3:
            _hero(canvas, x, y + 0.3)
            _pool(canvas, y + 0.25)
        _clusters(canvas, near, x)
        canvas.light(
            canvas.palette.tone(0.7), canvas.halo(x, y, 0.2) * np.float32(0.16 * (1 - near))
        )
    for _ in range(70):
        spot = float(canvas.random.normal(x, 0.24)), float(canvas.random.normal(y, 0.22))
        size = canvas.between(0.0012, 0.004)
        canvas.spot(*spot, size, canvas.palette.glow, canvas.between(0.3, 0.95), 0.9)
        canvas.spot(*spot, size * 5, canvas.palette.tone(0.8), 0.16, 1.9)


def _pool(canvas: Canvas, shore: float) -> None:
    """Still water on the cave's floor."""
    canvas.mirror(shore, 1.1)
    canvas.ripple(shore, 0.008, canvas.noise(0.02, 2, (6, 1)))
    under = canvas.below(np.full(canvas.width, shore, np.float32))
    canvas.lay(canvas.palette.tone(0.12), under * (0.25 + 0.4 * smooth(shore, 1, canvas.y)))
    edge = np.exp(-(((canvas.y - np.float32(shore)) * np.float32(canvas.tall / 0.012)) ** 2))
    canvas.light(canvas.palette.tone(0.85), edge * smooth(0.5, 0.1, np.abs(canvas.x - 0.45)) * 0.4)


def _cave_rim(canvas: Canvas, near: float, x: float) -> None:
    """Rock above and below, closing in toward the viewer."""
    bowl = ((canvas.x[0] - np.float32(x)) * np.float32(1.25)) ** 2
    floor = crest(canvas, 0.72 + 0.26 * near, 0.2, 0.03, 5) - bowl * np.float32(0.5)
    roof = crest(canvas, 0.2 - 0.16 * near, 0.16, 0.04, 5) + bowl * np.float32(0.6)
    colour = mix(canvas.palette.tone(0.42), canvas.palette.tone(0.03), 0.25 + 0.75 * near)
    mask = np.maximum(canvas.below(floor), 1 - canvas.below(roof))
    canvas.lay(colour, mask)
    facets = canvas.noise(0.07, 4)
    canvas.light(canvas.palette.tone(0.5), mask * smooth(0.55, 0.9, facets) * 0.22)


def _clusters(canvas: Canvas, near: float, focus: float) -> None:
    sides = [canvas.stencil() for _ in range(5)]
    for place in range(6):
        x = (place + canvas.between(0, 1)) / 6
        gap, rise = abs(x - focus), (x - focus) ** 2 * 0.78
        if gap < (0.24 if near > 0.5 else 0.12):
            continue
        size = (0.13 + 0.2 * near) * (0.5 + gap * 1.3)
        if canvas.random.random() < 0.66:
            _cluster(canvas, sides, (x, 0.76 + 0.26 * near - rise), size, -1, x - focus)
        else:
            _cluster(canvas, sides, (x, 0.16 - 0.16 * near + rise), size * 0.8, 1, x - focus)
    _stamp_faces(canvas, sides, near)


def _hero(canvas: Canvas, x: float, foot: float) -> None:
    sides = [canvas.stencil() for _ in range(5)]
    _cluster(canvas, sides, (x, foot), canvas.vary(0.42, 0.5), -1, 0.1)
    _stamp_faces(canvas, sides, -0.35)


def _stamp_faces(canvas: Canvas, sides: Sequence[Stencil], near: float) -> None:
    tones = (0.1 + 0.12 * (1 - near), 0.46, 0.8 - 0.12 * near, 0.93 - 0.08 * near)
    faces = (*map(canvas.palette.tone, tones), canvas.palette.glow)
    for colour, side in zip(faces, sides, strict=True):
        canvas.stamp(colour, side, 0.94)


def _cluster(
    canvas: Canvas, sides: Sequence[Stencil], foot: Point, size: float, up: int, lean: float
) -> None:
    for turn in (-0.8, 0.75, -0.42, 0.4, -0.03):
        length = size * canvas.between(0.7, 1.25) * (1.25 - abs(turn))
        way = turn + lean * 0.32 + canvas.between(-0.1, 0.1)
        _prism(canvas, sides, foot, length, way, up)


def _prism(
    canvas: Canvas, sides: Sequence[Stencil], foot: Point, length: float, turn: float, up: int
) -> None:
    """One crystal: a shaded, a middle and a lit face that meet in a point."""
    half = length * canvas.between(0.1, 0.15)

    def at(across: float, along: float) -> Point:
        a = across * half * np.cos(turn) + along * length * np.sin(turn)
        b = -across * half * np.sin(turn) + along * length * np.cos(turn)
        return foot[0] + float(a) / canvas.wide, foot[1] + up * float(b) / canvas.tall

    tip, ridge = at(0.1, 1.0), at(0.25, 0.76)
    dark = (at(-1, -0.1), at(-1, 0.8), tip, ridge, at(0.25, -0.1))
    lit = (at(0.25, -0.1), ridge, tip, at(1, 0.82), at(1, -0.1))
    edge = (at(-0.25, -0.1), at(-0.25, 0.78), tip, ridge, at(0.25, -0.1))
    for side in sides:
        side.polygon((*dark[:3], *lit[3:]), 0.0)
    for side, face in zip(sides, (dark, edge, lit), strict=False):
        side.polygon(face)
    sides[0].polygon(edge, 0.0)
    sides[3].polygon((ridge, tip, at(1, 0.82)))
    sides[3].polygon((at(0.5, 0.1), at(0.45, 0.7), at(0.62, 0.72), at(0.7, 0.2)), 0.35)
    sides[4].stroke((at(0.25, -0.1), ridge, tip), 0.0014, 0.7)


FORM = (
    Scene(
        "crystals",
        crystals,
        {"any": "violet"},
        ("crystal", "cave", "gem", "mineral", "amethyst", "quartz", "diamond")
        + ("水晶", "洞", "宝石", "寶石"),
        order=3,
        showpiece=True,
    ),
    Scene(
        "silk",
        silk,
        {"any": "silk", "night": "tide", "day": "tide"},
        ("abstract", "flow", "flowing", "silk", "fluid", "liquid", "gradient", "pattern", "texture")
        + ("smoke", "抽象", "丝绸", "絲綢", "流动", "流動", "渐变", "漸變"),
        order=4,
        showpiece=True,
    ),
)
