"""Scenes among trunks and stalks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..canvas import Canvas, Stencil, smooth
from ..palettes import Field, mix
from .scene import Scene, crest, haze

Marks = Callable[[Canvas, Field, tuple[slice, slice], float], Field]


@dataclass(frozen=True)
class Bark:
    """What a stem is like: its tone, how deep its shaded side is, and its marks."""

    tone: float
    shade: float
    marks: Marks


def birches(canvas: Canvas) -> None:
    """White trunks that fade into light, layer behind layer."""
    _clearing(canvas)
    for layer in range(5):
        near = layer / 4
        ground = _ground(canvas, near)
        for x in _places(canvas, 12 - 2 * layer, near):
            _trunk(canvas, x, ground, 0.009 + 0.03 * near**1.4, near, BIRCH)
        _foliage(canvas, near)
    _rays(canvas)
    _undergrowth(canvas)


def bamboo(canvas: Canvas) -> None:
    """Stalk behind stalk in the morning mist, and a path between them."""
    _clearing(canvas)
    for layer in range(5):
        near = layer / 4
        ground = _ground(canvas, near)
        for x in _places(canvas, 14 - 2 * layer, near):
            _trunk(canvas, x, ground, 0.007 + 0.019 * near**1.3, near, BAMBOO)
        _blades(canvas, near)
        if near < 0.7:
            haze(canvas, 0.72, 0.12, 0.4 * (1 - near), 0.5)
    _rays(canvas)
    _undergrowth(canvas)


def _focus(canvas: Canvas) -> float:
    """Where the light comes from, and where no near trunk stands."""
    return 0.36 + 0.1 * (canvas.index * 0.38 - int(canvas.index * 0.38))


def _clearing(canvas: Canvas) -> None:
    light = np.clip(1 - canvas.away(_focus(canvas), 0.36, 0.75) * 1.05, 0, 1)
    canvas.fill(light + (canvas.noise(0.3, 4) - 0.5) * 0.12, 0.5, 1.0)
    canvas.light(canvas.palette.glow, canvas.halo(_focus(canvas), 0.36, 0.2, 0.8) * 0.7)


def _ground(canvas: Canvas, near: float) -> float:
    """Paint one strip of the forest floor; the height where its trunks stand."""
    y = 0.68 + 0.24 * near**1.2
    edge = crest(canvas, y, 0.4, 0.02, 5)
    colour = mix(canvas.palette.tone(0.82), canvas.palette.tone(0.16), near)
    mask = canvas.below(edge)
    canvas.lay(colour, mask)
    path = smooth(0.2, 0.02, canvas.away(_focus(canvas) + 0.02, y + 0.05, 1.6))
    canvas.lay(canvas.palette.tone(0.9), mask * path * np.float32(0.5 - 0.3 * near))
    return float(y)


def _places(canvas: Canvas, count: int, near: float) -> list[float]:
    """Where trunks stand: spread out, and leaving the light free when they are near."""
    gap = 1.16 / count
    spots = [-0.08 + gap * (place + canvas.between(0.1, 0.9)) for place in range(count)]
    clear = 0.16 * near**0.8 * min(1.0, 1.2 / canvas.wide)
    return [x for x in spots if abs(x - _focus(canvas)) > clear]


def _trunk(canvas: Canvas, x: float, ground: float, half: float, near: float, bark: Bark) -> None:
    """A round upright stem, lit from the clearing's side."""
    half *= canvas.between(0.7, 1.15)
    lean = canvas.between(-0.035, 0.035) / canvas.wide
    reach = half * 1.35 / canvas.wide + abs(lean)
    left, right = (int(np.clip(edge, 0, 1) * canvas.width) for edge in (x - reach, x + reach))
    if right <= left:
        return
    foot = ground + 0.02 + 0.03 * near
    part = slice(0, min(canvas.height, int(foot * canvas.height))), slice(left, right)
    up = np.float32(foot) - canvas.y[part[0]]
    width = half * (1 + 0.25 * smooth(0.12, 0.0, up)) * (1 - 0.2 * up)
    across = (canvas.x[:, part[1]] - np.float32(x) - np.float32(lean) * up) * canvas.wide / width
    mask = np.clip((1 - np.abs(across)) * np.float32(half * canvas.short) + 0.5, 0, 1)
    side = 1.0 if x < _focus(canvas) else -1.0
    shade = smooth(1.1, -1.0, across * np.float32(side))
    _paint_trunk(canvas, part, bark, mask, bark.marks(canvas, across, part, half), shade, near)


def _paint_trunk(
    canvas: Canvas,
    part: tuple[slice, slice],
    bark: Bark,
    mask: Field,
    marks: Field,
    shade: Field,
    near: float,
) -> None:
    pale = canvas.palette.tone(0.86)
    body = canvas.palette.tone(bark.tone)
    light, dark = mix(pale, body, 0.15 + 0.85 * near), mix(pale, canvas.palette.tone(0.1), near)
    darkness = np.maximum(shade * np.float32(bark.shade), marks)
    for channel, first, last in zip(canvas.rgb, light, dark, strict=True):
        tone = np.float32(first) + np.float32(last - first) * darkness
        piece = channel[part]
        piece += (tone - piece) * mask


def _birch_bark(canvas: Canvas, across: Field, part: tuple[slice, slice], half: float) -> Field:
    """Dark lens-shaped scars."""
    marks = np.zeros_like(across)
    rows = canvas.y[part[0]] * np.float32(canvas.tall)
    for _ in range(int(26 * canvas.tall**0.5)):
        y, side = canvas.between(0, canvas.tall), canvas.between(-1.1, 1.1)
        long = canvas.between(0.15, 0.8) ** 1.4 + 0.1
        thick = canvas.between(0.06, 0.15) * half + 0.0012
        near = np.flatnonzero(np.abs(rows[:, 0] - y) < thick * 1.1)
        if not near.size:
            continue
        band = slice(int(near[0]), int(near[-1]) + 1)
        reach = ((across[band] - np.float32(side)) / np.float32(long)) ** 2
        reach = reach + ((rows[band] - np.float32(y)) / np.float32(thick)) ** 2
        marks[band] = np.maximum(marks[band], smooth(1.1, 0.4, reach) * np.float32(0.8))
    return marks


def _bamboo_nodes(canvas: Canvas, across: Field, part: tuple[slice, slice], half: float) -> Field:
    """A dark ring at every joint."""
    gap = half * 9 + 0.03
    start = canvas.between(0, gap)
    rows = (canvas.y[part[0]] * np.float32(canvas.tall) + np.float32(start)) % np.float32(gap)
    bend = rows + across * across * np.float32(half * 0.14)
    ring = smooth(half * 0.24, half * 0.05, np.abs(bend - np.float32(half * 0.3)))
    below = smooth(gap * 0.3, 0.0, np.maximum(bend - np.float32(half * 0.3), 0)) * 0.3
    return np.clip(ring * 0.85 + below, 0, 0.98)


BIRCH = Bark(0.97, 0.62, _birch_bark)
BAMBOO = Bark(0.42, 0.85, _bamboo_nodes)


def _foliage(canvas: Canvas, near: float) -> None:
    """Leaves as loose dabs in the upper third."""
    leaves, lit = canvas.stencil(), canvas.stencil()
    for _ in range(int((80 + 70 * near) * canvas.wide**0.7)):
        x, y = canvas.between(-0.02, 1.02), abs(float(canvas.random.normal(0, 0.13)))
        size = (0.0035 + 0.0055 * near) * canvas.between(0.5, 1.3)
        for _ in range(4):
            spread = 0.03
            dab = x + canvas.between(-spread, spread), y + canvas.between(-spread, spread)
            (lit if canvas.random.random() < 0.4 else leaves).disc(*dab, size)
    pale = canvas.palette.tone(0.85)
    canvas.stamp(mix(pale, canvas.palette.tone(0.36), 0.3 + 0.6 * near), leaves, 0.8)
    gold = mix(canvas.palette.accent, canvas.palette.tone(0.7), 0.4)
    canvas.stamp(mix(pale, gold, 0.3 + 0.6 * near), lit, 0.85)


def _blades(canvas: Canvas, near: float) -> None:
    """Slender bamboo leaves that hang in fans."""
    dark, lit = canvas.stencil(), canvas.stencil()
    for _ in range(int(16 + 14 * near)):
        x, y = canvas.between(-0.05, 1.05), abs(float(canvas.random.normal(0, 0.2)))
        if near > 0.6 and abs(x - _focus(canvas)) < 0.2:
            continue
        for _ in range(6):
            length = (0.022 + 0.05 * near) * canvas.between(0.6, 1.2)
            stencil = lit if canvas.random.random() < 0.4 else dark
            _blade(canvas, stencil, x, y, length, canvas.between(-0.2, 1.3))
    pale = canvas.palette.tone(0.88)
    canvas.stamp(mix(pale, canvas.palette.tone(0.24), 0.2 + 0.75 * near), dark, 0.9)
    canvas.stamp(mix(pale, canvas.palette.tone(0.52), 0.25 + 0.7 * near), lit, 0.9)


def _blade(
    canvas: Canvas, stencil: Stencil, x: float, y: float, length: float, turn: float
) -> None:
    side = 1 if canvas.random.random() < 0.5 else -1
    along = np.cos(turn) * length * side, np.sin(turn) * length
    off = -along[1] * 0.1, along[0] * 0.1
    shape = ((0, 0), (0.35, 1), (1, 0), (0.35, -1))
    stencil.polygon(
        (
            x + float(a * along[0] + b * off[0]) / canvas.wide,
            y + float(a * along[1] + b * off[1]) / canvas.tall,
        )
        for a, b in shape
    )


def _rays(canvas: Canvas) -> None:
    """Slanting light between the trunks."""
    across = (canvas.x - np.float32(_focus(canvas) - 0.2)) * np.float32(canvas.wide)
    down = (canvas.y + np.float32(0.25)) * np.float32(canvas.tall)
    angle = np.clip(np.arctan2(across, down) / np.float32(2.4) + 0.5, 0, 1)
    profile = np.clip(canvas.line(0.05, 3) * 0.9 + 0.05, 0, 1)
    rays = profile.take((angle * (canvas.width - 1)).astype(np.intp))
    fade = smooth(1.0, 0.1, canvas.y) * smooth(0.95, 0.1, canvas.away(_focus(canvas), 0.4))
    canvas.light(canvas.palette.glow, rays * fade * 0.42)


def _undergrowth(canvas: Canvas) -> None:
    """Grass along the lower edge, and motes in the light."""
    grass = canvas.stencil()
    for _ in range(int(170 * canvas.wide)):
        x, tall = canvas.between(-0.02, 1.02), canvas.between(0.03, 0.1)
        tip = canvas.between(-0.03, 0.03) / canvas.wide
        half = 0.0026 / canvas.wide
        top = 1.01 - tall / canvas.tall
        grass.polygon(((x - half, 1.02), (x + tip, top), (x + half, 1.02)))
    canvas.stamp(canvas.palette.tone(0.06), grass, 0.9)
    for _ in range(40):
        x, y = float(canvas.random.normal(_focus(canvas), 0.2)), canvas.between(0.2, 0.85)
        size = canvas.between(0.001, 0.003)
        canvas.spot(x, y, size, canvas.palette.glow, canvas.between(0.2, 0.8), 1.0)


WOODS = (
    Scene(
        "bamboo",
        bamboo,
        {"any": "bamboo", "dusk": "autumn"},
        ("bamboo", "panda", "jungle", "竹", "竹林", "熊猫", "熊貓"),
        order=4,
        showpiece=True,
    ),
    Scene(
        "birches",
        birches,
        {"any": "mist", "dusk": "autumn"},
        ("forest", "birch", "tree", "wood", "woodland", "autumn", "deer", "fox")
        + ("森林", "树", "樹", "白桦", "白樺", "林", "鹿", "秋"),
        showpiece=True,
    ),
)
