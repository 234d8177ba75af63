"""Scenes of land under an open sky."""

from __future__ import annotations

import numpy as np

from ..canvas import Canvas, Stencil, smooth
from ..palettes import Field, hexed, mix
from .scene import Scene, birds, crest, firs, haze, peaks, sky, sun


def ridges(canvas: Canvas) -> None:
    """Mountain after mountain, each paler than the one before it."""
    sun_x, sun_y = canvas.vary(0.26, 0.4), canvas.vary(0.2, 0.36)
    sky(canvas, 0.62)
    sun(canvas, sun_x, sun_y, canvas.vary(0.035, 0.055))
    layers = 7
    pale = canvas.palette.tone(0.86)
    for layer in range(layers):
        near = layer / (layers - 1)
        edge = _ridge(canvas, near)
        mask = firs(canvas, edge, 0.1, 1.3) if layer == layers - 1 else canvas.below(edge)
        colour = mix(pale, canvas.palette.tone(0.04 + 0.2 * (1 - near)), 0.22 + 0.78 * near**0.9)
        canvas.lay(colour, mask)
        foot = edge * np.float32(0.3) + np.float32(0.7 * float(np.quantile(edge, 0.3)))
        depth = np.clip((canvas.y - foot[None, :]) * np.float32(canvas.tall / 0.22), 0, 1)
        canvas.lay(pale, mask * depth * np.float32(0.75 * (1 - near) + 0.05))
    canvas.light(canvas.palette.glow, canvas.halo(sun_x, sun_y, 0.3) * np.float32(0.3))
    haze(canvas, 0.74, 0.05, 0.25)
    birds(canvas, sun_x + 0.3, sun_y - 0.02, 6, canvas.palette.tone(0.15))


def _ridge(canvas: Canvas, near: float) -> Field:
    y = 0.44 + 0.44 * near**1.1
    if near < 0.7:
        return peaks(canvas, y, 0.55 - 0.15 * near, 0.24 - 0.12 * near)
    return crest(canvas, y, 0.5, 0.07, 7, 0.45)


def dunes(canvas: Canvas) -> None:
    """Sand hills, each split by a sharp crest into a lit and a shaded side."""
    sun_x = canvas.vary(0.2, 0.34)
    sky(canvas, 0.52, 0.08)
    sun(canvas, sun_x, canvas.vary(0.2, 0.3), 0.034, 0.95)
    grain = canvas.noise(0.2, 5, (3, 1))
    for layer in range(5):
        near = layer / 4
        summit = (0.62, 0.3, 0.78, 0.42, 0.2)[layer] + canvas.vary(-0.12, 0.12)
        _dune(canvas, summit, near, grain)
        haze(canvas, 0.56 + 0.1 * near, 0.06, 0.35 * (1 - near), 0.3)
    _caravan(canvas, canvas.vary(0.52, 0.64), 0.575)


def _dune(canvas: Canvas, summit: float, near: float, grain: Field) -> None:
    height = (0.09 + 0.17 * near) / canvas.tall**0.5
    away = np.abs(canvas.x[0] - np.float32(summit)) * np.float32(canvas.wide)
    hill = np.exp(-((away / np.float32(0.34 + 0.3 * near)) ** 1.35))
    edge = np.float32(0.6 + 0.34 * near) - hill * np.float32(height)
    edge = (edge + canvas.line(0.7, 2) * np.float32(0.014)).astype(np.float32)
    mask = canvas.below(edge)
    top = float(edge.min())
    down = np.maximum(canvas.y - np.float32(top), 0) * np.float32(canvas.tall)
    bend = np.sin(down * np.float32(13 - 6 * near) + np.float32(summit * 9)) * 0.05
    spine = np.float32(summit) + (bend + down * 0.5) * np.float32(0.6 + near) / canvas.wide
    across = (canvas.x - spine) * np.float32(canvas.wide)
    shadow = np.clip(across * np.float32(canvas.short * 0.4) + 0.5, 0, 1)
    shadow *= np.exp(-np.maximum(across, 0) * np.float32(2.6 - near)) * 0.9
    pale = canvas.palette.tone(0.84)
    lit = mix(pale, canvas.palette.tone(0.62), 0.25 + 0.75 * near)
    dark = mix(pale, canvas.palette.tone(0.14), 0.3 + 0.62 * near)
    canvas.lay(lit, mask)
    canvas.lay(dark, mask * shadow)
    canvas.light(
        canvas.palette.glow, mask * np.exp(np.minimum(across, 0) * 5) * (1 - shadow) * 0.34
    )
    ripples = np.sin((canvas.y * canvas.tall + (grain - 0.5) * 0.12) * np.float32(150 - 60 * near))
    canvas.shade(mask * np.clip(ripples, 0, 1) * np.float32(0.09 * near**1.5))


def _caravan(canvas: Canvas, x: float, y: float) -> None:
    """Four camels on a far crest."""
    stencil = canvas.stencil()
    shape = ((-0.5, 0.95), (-0.62, 0.82), (-0.42, 0.8), (-0.34, 0.5), (-0.2, 0.62), (-0.05, 0.85))
    back = ((0.1, 0.6), (0.3, 0.55), (0.34, 0.3), (0.32, 0.0), (0.27, 0.0), (0.24, 0.3))
    belly = ((-0.16, 0.3), (-0.2, 0.0), (-0.25, 0.0), (-0.26, 0.36), (-0.42, 0.6), (-0.42, 0.86))
    for place in range(4):
        left, size = x + place * 0.044 / canvas.wide, 0.034 * (1 if place else 1.1)
        rise = y + 0.004 * place
        points = shape + back + belly
        stencil.polygon(
            (left + a * size / canvas.wide, rise - b * size / canvas.tall) for a, b in points
        )
    canvas.stamp(canvas.palette.tone(0.08), stencil, 0.9)


def highway(canvas: Canvas) -> None:
    """A straight road to a far horizon of table mountains."""
    horizon, far = canvas.vary(0.5, 0.58), canvas.vary(0.4, 0.6)
    sky(canvas, horizon, 0.12)
    _cumulus(canvas, horizon)
    sun(canvas, canvas.vary(0.18, 0.3), canvas.vary(0.1, 0.18), 0.026, 0.9)
    for near in (0.0, 1.0):
        _mesas(canvas, horizon, near)
    _plain(canvas, horizon)
    _road(canvas, horizon, far)
    _poles(canvas, horizon, far)
    haze(canvas, horizon + 0.004, 0.018, 0.55, 0.2)


def _cumulus(canvas: Canvas, horizon: float) -> None:
    """Fair-weather clouds with flat feet."""
    cloud = canvas.noise(0.26, 6, (1.9, 1))
    band = np.exp(-(((canvas.y - np.float32(horizon * 0.55)) / np.float32(0.16)) ** 2))
    mask = smooth(0.52, 0.82, cloud * (0.55 + 0.5 * band))
    canvas.lay(canvas.palette.tone(0.8), mask * 0.5)
    lit = smooth(0.56, 0.8, np.roll(cloud, canvas.short // 60, 0) * (0.55 + 0.5 * band))
    canvas.lay(canvas.palette.glow, mask * lit * 0.9)


def _mesas(canvas: Canvas, horizon: float, near: float) -> None:
    wander = canvas.line(0.4 - 0.1 * near, 2) + canvas.line(0.05, 3) * 0.12
    steps = smooth(0.0, 0.12, wander - 0.1) * 0.6 + smooth(0.3, 0.4, wander) * 0.4
    rise = steps * np.float32((0.13 - 0.05 * near) / canvas.tall)
    edge = (np.float32(horizon + 0.004) - rise + canvas.line(0.03, 3) * 0.002).astype(np.float32)
    mask = canvas.below(edge)
    colour = mix(canvas.palette.tone(0.78), canvas.palette.tone(0.26), 0.3 + 0.42 * near)
    canvas.lay(colour, mask)
    bands = canvas.noise(0.03, 3, (12, 0.6)) * 0.6 + canvas.noise(0.03, 2, (0.5, 3)) * 0.4
    canvas.lay(canvas.palette.tone(0.5), mask * smooth(0.45, 0.75, bands) * 0.5)


def _plain(canvas: Canvas, horizon: float) -> None:
    ground = canvas.below(np.full(canvas.width, horizon, np.float32))
    depth = np.clip((canvas.y - np.float32(horizon)) / np.float32(1 - horizon), 0, 1)
    canvas.lay(mix(canvas.palette.tone(0.52), canvas.palette.tone(0.8), 0.3), ground)
    canvas.lay(canvas.palette.tone(0.34), ground * depth * 0.55)
    canvas.shade(ground * smooth(0.55, 0.95, canvas.noise(0.12, 5, (5, 1))) * 0.22)
    scrub, lit = canvas.stencil(), canvas.stencil()
    for _ in range(140):
        near = canvas.random.random() ** 2.2
        x, y = canvas.between(0, 1), horizon + 0.004 + (1 - horizon) * near
        for _ in range(4):
            size = (0.0015 + 0.014 * near) * canvas.between(0.5, 1)
            spread = 0.022 * near / canvas.wide
            bush = x + canvas.between(-spread, spread), y + canvas.between(-0.4, 0.2) * size
            scrub.disc(*bush, size)
            lit.disc(bush[0] - size * 0.3 / canvas.wide, bush[1] - size * 0.4, size * 0.6)
    canvas.stamp(mix(canvas.palette.tone(0.12), (0.25, 0.33, 0.22), 0.5), scrub, 0.75)
    canvas.stamp(mix(canvas.palette.tone(0.6), (0.5, 0.56, 0.36), 0.5), lit, 0.45)


def _road(canvas: Canvas, horizon: float, far: float) -> None:
    near, half = 0.46, 0.42 / canvas.wide**0.8
    asphalt, verge, lines = canvas.stencil(), canvas.stencil(), canvas.stencil()

    def at(across: float, depth: float) -> tuple[float, float]:
        middle = far + (near - far) * depth
        return middle + across * half * (0.012 + depth), horizon + (1.01 - horizon) * depth

    for stencil, edge in ((verge, 1.14), (asphalt, 1.0)):
        stencil.polygon((at(-edge, 0), at(edge, 0), at(edge, 1), at(-edge, 1)))
    for side in (-0.9, 0.9):
        lines.polygon(
            (at(side - 0.018, 0), at(side + 0.018, 0), at(side + 0.018, 1), at(side - 0.018, 1)),
            0.75,
        )
    for step in range(15):
        start, end = 0.9 * 0.72**step, 0.9 * 0.72**step * 1.16
        lines.polygon((at(-0.022, start), at(0.022, start), at(0.022, end), at(-0.022, end)))
    depth = smooth(horizon, 1.0, canvas.y)
    canvas.stamp(canvas.palette.tone(0.56), verge, 0.6)
    canvas.stamp(mix(canvas.palette.tone(0.1), (0.3, 0.31, 0.35), 0.72), asphalt)
    canvas.lay(canvas.palette.tone(0.86), asphalt.mask() * (1 - depth) ** 4 * 0.6)
    canvas.stamp(mix(canvas.palette.glow, hexed("f2c14e"), 0.5), lines, 0.9)


def _poles(canvas: Canvas, horizon: float, far: float) -> None:
    """Telegraph poles that march to the vanishing point."""
    stencil, ends = canvas.stencil(), []
    for step in range(9):
        depth = 0.66 * 0.66**step
        x = far + (0.52 / canvas.wide**0.5) * depth * 1.15
        foot, tall = horizon + (1 - horizon) * depth * 0.62, 0.62 * depth / canvas.tall
        stencil.stroke(((x, foot), (x, foot - tall)), 0.012 * depth + 0.0006)
        arm = 0.075 * depth / canvas.wide
        for share in (0.9, 0.82):
            up = foot - tall * share
            stencil.stroke(((x - arm, up), (x + arm, up)), 0.007 * depth + 0.0005)
        ends.append((x, foot - tall * 0.9))
    for (a, b), (c, d) in zip(ends, ends[1:], strict=False):
        curve = [
            (a + (c - a) * t, b + (d - b) * t + 0.03 * (a - c) * 4 * t * (1 - t))
            for t in np.linspace(0, 1, 12)
        ]
        stencil.stroke(curve, 0.0009)
    canvas.stamp(canvas.palette.tone(0.04), stencil, 0.85)


def meadow(canvas: Canvas) -> None:
    """Flowers against the light, sharp in the middle ground and soft close by."""
    sun_x = canvas.vary(0.24, 0.4)
    sky(canvas, 0.6, 0.1)
    sun(canvas, sun_x, canvas.vary(0.2, 0.34), 0.04, 0.9)
    for near in (0.0, 0.35, 0.7):
        edge = crest(canvas, 0.46 + 0.16 * near, 0.5, 0.05, 4)
        colour = mix(canvas.palette.tone(0.84), canvas.palette.tone(0.4), 0.25 + 0.7 * near)
        canvas.lay(colour, firs(canvas, edge, 0.035, 1.4) if near == 0.35 else canvas.below(edge))
        haze(canvas, 0.52 + 0.14 * near, 0.04, 0.4)
    canvas.light(canvas.palette.glow, canvas.halo(sun_x, 0.5, 0.26, 1.5) * 0.45)
    ground = canvas.below(crest(canvas, 0.58, 0.4, 0.012, 4))
    depth = smooth(0.55, 1.02, canvas.y)
    canvas.lay(canvas.palette.tone(0.5), ground)
    canvas.lay(canvas.palette.tone(0.12), ground * depth * 0.92)
    for row in range(7):
        near = row / 6
        _grass(canvas, near)
        _flowers(canvas, near)
    for _ in range(36):
        x, y = canvas.between(0, 1), canvas.between(0.3, 0.95)
        canvas.spot(x, y, canvas.between(0.0015, 0.006), canvas.palette.glow, 0.4, 0.9)


def _grass(canvas: Canvas, near: float) -> None:
    dark, lit = canvas.stencil(), canvas.stencil()
    for _ in range(int((170 - 95 * near) * canvas.wide**0.8)):
        x, tall = canvas.between(-0.03, 1.03), (0.035 + 0.17 * near) * canvas.between(0.5, 1.1)
        y = 0.6 + 0.5 * near + canvas.between(-0.05, 0.05)
        tip = x + canvas.between(-0.3, 0.3) * tall / canvas.wide
        half, top = (0.0012 + 0.003 * near) / canvas.wide, y - tall / canvas.tall
        stencil = lit if canvas.random.random() < 0.35 else dark
        stencil.polygon(((x - half, y + 0.02), (tip, top), (x + half, y + 0.02)))
    canvas.stamp(mix(canvas.palette.tone(0.46), canvas.palette.tone(0.06), near**0.8), dark)
    canvas.stamp(mix(canvas.palette.tone(0.74), canvas.palette.tone(0.42), near), lit, 0.9)


def _flowers(canvas: Canvas, near: float) -> None:
    stems, petals, folds, hearts = (canvas.stencil() for _ in range(4))
    size = 0.006 + 0.036 * near**1.3
    for _ in range(int((30 - 19 * near) * canvas.wide**0.8)):
        x, y = canvas.between(0, 1), 0.58 + 0.44 * near + canvas.between(-0.09, 0.03)
        turn, tilt = canvas.between(0, 6.3), canvas.between(0.5, 0.95)
        reach = size * canvas.between(0.7, 1.15)
        stems.stroke(((x, y), (x + canvas.between(-0.01, 0.01), y + 0.16)), 0.0012 + 0.002 * near)
        _flower(canvas, (petals, folds), (x, y), reach, turn, tilt)
        hearts.disc(x, y, reach * 0.24)
    dye = canvas.palette.accent
    canvas.stamp(mix(canvas.palette.tone(0.5), canvas.palette.tone(0.2), near), stems)
    canvas.stamp(mix(dye, canvas.palette.tone(0.9), 0.45 * (1 - near)), petals)
    canvas.stamp(mix(dye, canvas.palette.glow, 0.45), folds, 0.8)
    canvas.stamp(mix(canvas.palette.tone(0.05), hexed("e9b13c"), 0.75), hearts)


def _flower(
    canvas: Canvas,
    stencils: tuple[Stencil, Stencil],
    heart: tuple[float, float],
    size: float,
    turn: float,
    tilt: float,
) -> None:
    """Six petals around a heart, seen aslant; every second one catches the light."""
    for petal in range(6):
        way = turn + petal * np.pi / 3
        outline = [
            (np.cos(way + spread) * size * reach, np.sin(way + spread) * size * reach * tilt)
            for spread, reach in (
                (-0.3, 0.25),
                (-0.5, 0.75),
                (-0.2, 1.0),
                (0.2, 1.0),
                (0.5, 0.75),
                (0.3, 0.25),
            )
        ]
        points = [
            (heart[0] + float(a) / canvas.wide, heart[1] + float(b) / canvas.tall)
            for a, b in outline
        ]
        stencils[0].polygon(points)
        stencils[1].polygon(points, 0.9 if petal % 2 else 0.25)


LAND = (
    Scene(
        "highway",
        highway,
        {"any": "dry noon", "dusk": "dusk", "dawn": "dawn", "night": "night"},
        ("highway", "road", "route", "motorcycle", "canyon", "mesa", "公路", "峡谷", "峽谷"),
        order=4,
    ),
    Scene(
        "dunes",
        dunes,
        {"any": "desert", "night": "night", "dawn": "dawn"},
        ("desert", "dune", "sand", "sahara", "camel", "沙漠", "沙丘", "骆驼", "駱駝"),
        showpiece=True,
    ),
    Scene(
        "meadow",
        meadow,
        {"any": "spring", "dusk": "autumn", "dawn": "dawn", "night": "night"},
        ("flower", "meadow", "garden", "field", "spring", "poppy", "rose", "sakura", "blossom")
        + (
            "tulip",
            "grass",
            "butterfly",
            "cat",
            "dog",
            "rabbit",
            "花",
            "草",
            "田野",
            "樱",
            "櫻",
            "春",
        ),
        showpiece=True,
    ),
    Scene(
        "ridges",
        ridges,
        {"any": "dawn", "dawn": "dawn", "day": "day", "dusk": "dusk", "night": "night"},
        ("mountain", "ridge", "hill", "valley", "alpine", "landscape", "mist", "fog")
        + ("山", "峰", "岭", "嶺", "雾", "霧", "云海"),
        order=8,
        showpiece=True,
    ),
)
