"""Scenes of rooms: looking out of one, and looking into one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..canvas import Canvas, Stencil, smooth
from ..palettes import hexed, mix
from .night import NEONS
from .scene import Scene, crest, firs, haze, rain, sky


def cafe(canvas: Canvas) -> None:
    """A cup at a window; behind the wet glass the town is only lights."""
    street = canvas.vary(0.5, 0.58)
    canvas.fill(np.clip(1 - np.abs(canvas.y - np.float32(street)) * 1.7, 0, 1) ** 1.4, 0.02, 0.5)
    blots = canvas.noise(0.5, 2)
    canvas.light(canvas.palette.accent, smooth(0.5, 1.0, blots) * 0.2)
    canvas.light(canvas.palette.glow, smooth(0.5, 0.0, blots) * 0.16)
    _bokeh(canvas, street)
    _drops(canvas)
    _frame(canvas)
    sill = canvas.vary(0.83, 0.87)
    _table(canvas, sill)
    _cup(canvas, canvas.vary(0.28, 0.4), sill + 0.065, canvas.vary(0.19, 0.23))


def _bokeh(canvas: Canvas, street: float) -> None:
    colours = (canvas.palette.glow, canvas.palette.accent, canvas.palette.tone(0.78), *NEONS[:3])
    for _ in range(58):
        size = 0.018 + 0.075 * canvas.random.random() ** 1.8
        x, y = canvas.between(-0.02, 1.02), street + float(canvas.random.normal(-0.06, 0.13))
        colour = colours[int(canvas.random.integers(len(colours)))]
        strength = canvas.between(0.14, 0.55) * (0.09 - 0.6 * size) / 0.06
        canvas.spot(x, y, size, colour, strength, 0.1)
        below = street + (street - y) * 0.5 + 0.16
        canvas.spot(x, below, size * 1.2, colour, strength * 0.3, 0.9)


def _drops(canvas: Canvas) -> None:
    """Rain on the pane: each drop holds the street upside down."""
    trails = canvas.stencil()
    for _ in range(16):
        x, y = canvas.between(0, 1), canvas.between(-0.1, 0.5)
        length, points = canvas.between(0.1, 0.35), []
        for step in np.linspace(0, 1, 11).tolist():
            points.append((x, y + length * step))
            x += canvas.between(-0.003, 0.003) / canvas.wide
        trails.stroke(points, canvas.between(0.0015, 0.004), canvas.between(0.3, 0.8))
        _drop(canvas, x, y + length, canvas.between(0.006, 0.011))
    canvas.shine(canvas.palette.tone(0.85), trails, 0.13)
    for _ in range(210):
        size = 0.0015 + 0.0065 * canvas.random.random() ** 3
        _drop(canvas, canvas.between(0, 1), canvas.between(0, 0.9), size)


def _drop(canvas: Canvas, x: float, y: float, size: float) -> None:
    rows, columns = canvas.window(x, y, size * 1.2)
    across = (canvas.x[:, columns] - np.float32(x)) * np.float32(canvas.wide / size)
    down = (canvas.y[rows] - np.float32(y)) * np.float32(canvas.tall / size / 1.15)
    reach = np.sqrt(across * across + down * down)
    inside = np.clip((1 - reach) * np.float32(size * canvas.short) + 0.5, 0, 1)
    bright = inside * smooth(-0.3, 1.0, down) * np.float32(0.46)
    dark = inside * smooth(0.2, -1.0, down) * np.float32(0.45)
    shine = inside * np.clip(1 - np.hypot(across + 0.3, down + 0.4) * 3.2, 0, 1)
    canvas.rgb[:, rows, columns] *= 1 - dark
    part = canvas.rgb[:, rows, columns]
    part += (1 - part) * np.minimum(bright + shine * np.float32(0.8), 1)


def _frame(canvas: Canvas) -> None:
    """The window bars, out of the picture's middle."""
    bars, lit = canvas.stencil(), canvas.stencil()
    post, rail, half = 0.66, 0.17, 0.011
    wide, tall = half / canvas.wide, half / canvas.tall
    bars.polygon(((post - wide, -1), (post + wide, -1), (post + wide, 2), (post - wide, 2)))
    bars.polygon(((-1, rail - tall), (2, rail - tall), (2, rail + tall), (-1, rail + tall)))
    lit.polygon(((post + wide * 0.4, -1), (post + wide, -1), (post + wide, 2)))
    lit.polygon(
        ((-1, rail + tall * 0.5), (2, rail + tall * 0.5), (2, rail + tall), (-1, rail + tall))
    )
    canvas.stamp(canvas.palette.tone(0.01), bars)
    canvas.shine(canvas.palette.glow, lit, 0.16)


def _table(canvas: Canvas, sill: float) -> None:
    top = canvas.below(np.full(canvas.width, sill, np.float32))
    canvas.lay(mix(canvas.palette.tone(0.08), hexed("3a2016"), 0.6), top)
    grain = smooth(0.3, 0.9, canvas.noise(0.05, 4, (12, 1)))
    canvas.shade(top * grain * 0.3)
    edge = np.exp(-(((canvas.y - np.float32(sill)) * np.float32(canvas.tall / 0.01)) ** 2))
    canvas.light(canvas.palette.glow, edge * top * 0.25)
    pools = canvas.halo(0.25, sill + 0.1, 0.16, 2.4) + canvas.halo(0.8, sill + 0.08, 0.12, 2.4)
    canvas.light(canvas.palette.glow, pools * top * 0.4)


def _cup(canvas: Canvas, x: float, foot: float, size: float) -> None:
    def at(across: float, up: float) -> tuple[float, float]:
        return x + across * size / canvas.wide, foot - up * size / canvas.tall

    saucer, cup, rim, coffee = (canvas.stencil() for _ in range(4))
    saucer.polygon(_oval(at, 0.0, 0.02, 0.66, 0.13))
    side = [(-0.42, 0.62), (-0.41, 0.4), (-0.34, 0.2), (-0.2, 0.06), (0.2, 0.06)]
    side += [(0.34, 0.2), (0.41, 0.4), (0.42, 0.62)]
    cup.polygon(at(a, b) for a, b in side)
    handle = [(0.39, 0.54), (0.55, 0.56), (0.6, 0.42), (0.52, 0.28), (0.35, 0.24)]
    cup.stroke([at(a, b) for a, b in handle], 0.055 * size)
    rim.polygon(_oval(at, 0.0, 0.62, 0.42, 0.1))
    coffee.polygon(_oval(at, 0.0, 0.61, 0.37, 0.075))
    china = canvas.palette.tone(0.93)
    canvas.shade(canvas.blurred(saucer.mask(), 0.02) * 0.6)
    canvas.stamp(mix(china, canvas.palette.tone(0.3), 0.35), saucer)
    body = np.maximum(cup.mask(), rim.mask())
    canvas.lay(mix(china, canvas.palette.tone(0.4), 0.12), body)
    turn = smooth(-0.1, 0.42, (canvas.x - np.float32(x)) * np.float32(canvas.wide / size))
    canvas.lay(canvas.palette.tone(0.15), body * turn * 0.62)
    canvas.stamp(china, rim, 0.8)
    canvas.stamp(hexed("2a1410"), coffee)
    canvas.light(canvas.palette.glow, coffee.mask() * canvas.halo(*at(-0.12, 0.6), 0.05) * 0.6)
    _steam(canvas, x, foot - 0.62 * size / canvas.tall, size)


def _oval(
    at: Callable[[float, float], tuple[float, float]], x: float, y: float, wide: float, tall: float
) -> list[tuple[float, float]]:
    turns = np.linspace(0, 2 * np.pi, 40)
    return [at(x + float(np.cos(t)) * wide, y + float(np.sin(t)) * tall) for t in turns]


def _steam(canvas: Canvas, x: float, y: float, size: float) -> None:
    up = np.clip((np.float32(y) - canvas.y) * np.float32(canvas.tall / size), 0, 3)
    bend = np.sin(up * 2.6 + np.float32(canvas.between(0, 6))) * 0.12 * up
    across = (canvas.x - np.float32(x)) * np.float32(canvas.wide / size) - bend
    plume = np.exp(-((across / (0.1 + 0.14 * up)) ** 2)) * smooth(0.0, 0.25, up)
    wisps = smooth(0.3, 0.8, canvas.noise(0.09, 4, (0.5, 1.4)))
    canvas.light(canvas.palette.tone(0.97), plume * smooth(2.1, 0.4, up) * wisps * 0.42)


def tea_house(canvas: Canvas) -> None:
    """A pavilion of lit glass at the water's edge in the rain."""
    horizon = canvas.vary(0.6, 0.68)
    sky(canvas, horizon, 0.2)
    for near in (0.0, 0.4, 0.8):
        edge = crest(canvas, horizon - 0.24 + 0.17 * near, 0.5, 0.06, 6)
        colour = mix(canvas.palette.tone(0.7), canvas.palette.tone(0.28), near)
        canvas.lay(colour, firs(canvas, edge, 0.06) if near > 0.7 else canvas.below(edge))
        haze(canvas, horizon - 0.12 + 0.1 * near, 0.04, 0.5)
    x = canvas.vary(0.36, 0.46)
    _pavilion(canvas, x, horizon, canvas.vary(0.3, 0.36))
    canvas.mirror(horizon, 0.95)
    canvas.ripple(horizon, 0.016, canvas.noise(0.022, 2, (4, 1)))
    under = canvas.below(np.full(canvas.width, horizon, np.float32))
    canvas.lay(canvas.palette.tone(0.06), under * (0.2 + 0.45 * smooth(horizon, 1.0, canvas.y)))
    _rings(canvas, horizon)
    rain(canvas, 0.3, canvas.palette.tone(0.95))


def _pavilion(canvas: Canvas, x: float, ground: float, size: float) -> None:
    def at(across: float, up: float) -> tuple[float, float]:
        return x + across * size / canvas.wide, ground - up * size / canvas.tall

    canvas.light(canvas.palette.glow, canvas.halo(*at(0, 0.35), 0.16) * 0.5)
    glass, frame, roof = canvas.stencil(), canvas.stencil(), canvas.stencil()
    glass.polygon((at(-0.78, 0.08), at(-0.78, 0.62), at(0.78, 0.62), at(0.78, 0.08)))
    for bar in np.linspace(-0.78, 0.78, 9):
        thick = 0.006 if bar in (-0.78, 0.78) else 0.0028
        frame.stroke((at(float(bar), 0.04), at(float(bar), 0.64)), thick)
    for up in (0.1, 0.46, 0.6):
        frame.stroke((at(-0.78, up), at(0.78, up)), 0.0028)
    frame.polygon((at(-0.95, 0.0), at(-0.95, 0.08), at(0.95, 0.08), at(0.95, 0.0)))
    _roof(roof, at)
    warm = mix(canvas.palette.glow, canvas.palette.accent, 0.25)
    pane = glass.mask()
    canvas.lay(warm, pane * 0.85)
    canvas.lay(canvas.palette.accent, pane * smooth(0.05, 0.3, canvas.away(*at(0.1, 0.42))) * 0.5)
    _guests(canvas, at)
    canvas.stamp(canvas.palette.tone(0.05), frame)
    canvas.stamp(canvas.palette.tone(0.1), roof)
    for side in (-0.3, 0.34):
        canvas.spot(*at(side, 0.5), 0.018, (1.0, 0.95, 0.8), 0.95, 1.4)


def _roof(roof: Stencil, at: Callable[[float, float], tuple[float, float]]) -> None:
    """Two tiers with eaves that sweep upward."""
    for base, half, rise in ((0.6, 1.18, 0.26), (0.9, 0.62, 0.26)):
        curve = [(t, base + 0.05 * abs(t) ** 3) for t in np.linspace(-1, 1, 21)]
        under = [at(t * half, up) for t, up in curve]
        over = [
            at(t * half, base + 0.03 + rise * (1 - abs(t)) ** 1.7 + 0.055 * abs(t) ** 3)
            for t in np.linspace(1, -1, 21)
        ]
        roof.polygon(under + over)
    roof.polygon((at(-0.3, 0.8), at(-0.3, 0.92), at(0.3, 0.92), at(0.3, 0.8)))
    roof.stroke((at(0, 1.1), at(0, 1.26)), 0.004)


def _guests(canvas: Canvas, at: Callable[[float, float], tuple[float, float]]) -> None:
    """Two people at a low table."""
    people = canvas.stencil()
    for x, lean in ((-0.2, 0.03), (0.2, -0.03)):
        people.polygon(
            (
                at(x - 0.1, 0.1),
                at(x - 0.07, 0.26),
                at(x + lean, 0.32),
                at(x + 0.07, 0.26),
                at(x + 0.1, 0.1),
            )
        )
        people.disc(*at(x + lean, 0.36), 0.011)
    people.polygon((at(-0.1, 0.2), at(-0.1, 0.22), at(0.1, 0.22), at(0.1, 0.2)))
    people.stroke((at(0, 0.1), at(0, 0.2)), 0.004)
    canvas.stamp(canvas.palette.tone(0.08), people, 0.85)


def _rings(canvas: Canvas, horizon: float) -> None:
    """Where drops meet the water."""
    stencil = canvas.stencil()
    for _ in range(46):
        near = canvas.between(0.02, 1) ** 1.3
        x, y = canvas.between(0, 1), horizon + (1 - horizon) * near
        wide, flat = (0.008 + 0.045 * near) * canvas.between(0.4, 1), 0.22
        turns = np.linspace(0, 2 * np.pi, 25)
        points = [
            (
                x + float(np.cos(t)) * wide / canvas.wide,
                y + float(np.sin(t)) * wide * flat / canvas.tall,
            )
            for t in turns
        ]
        stencil.stroke(points, 0.0008 + 0.0008 * near, canvas.between(0.3, 0.9))
    canvas.shine(canvas.palette.tone(0.95), stencil, 0.4)


ROOMS = (
    Scene(
        "cafe",
        cafe,
        {"any": "lamplight"},
        ("cafe", "coffee", "window", "bokeh", "restaurant", "bar", "breakfast")
        + ("咖啡", "窗", "餐厅", "餐廳"),
        order=3,
        showpiece=True,
    ),
    Scene(
        "tea house",
        tea_house,
        {"any": "rain", "dusk": "dusk", "night": "lamplight"},
        ("tea", "tea house", "teahouse", "pavilion", "temple", "pagoda", "shrine", "house", "cabin")
        + ("茶", "亭", "寺", "庙", "廟", "屋", "塔楼"),
        order=4,
        showpiece=True,
    ),
)
