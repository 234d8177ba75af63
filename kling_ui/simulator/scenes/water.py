"""Scenes of water: open sea, still lakes, and below the surface."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..canvas import Canvas, Stencil, smooth
from ..palettes import Colour, Field, mix
from .scene import Scene, birds, crest, firs, haze, peaks, sky, sun

OUTDOORS = {"any": "dawn", "dawn": "dawn", "day": "day", "dusk": "dusk", "night": "night"}


def sea(canvas: Canvas) -> None:
    """A lighthouse on a cliff over a sea that a long exposure has made smooth."""
    horizon = canvas.vary(0.56, 0.66)
    sun_x, sun_y = canvas.vary(0.22, 0.36), horizon - canvas.vary(0.03, 0.13)
    sky(canvas, horizon, 0.3)
    sun(canvas, sun_x, sun_y, 0.028)
    haze(canvas, horizon - 0.03, 0.03, 0.35)
    _water(canvas, horizon, sun_x)
    edge, top = _headland(canvas, horizon)
    _cliff(canvas, edge, horizon)
    _lighthouse(canvas, top, float(edge[int(top * canvas.width)]), canvas.vary(0.2, 0.26))
    haze(canvas, horizon + 0.16, 0.035, 0.3)
    birds(canvas, sun_x + 0.08, horizon - 0.3, 5, canvas.palette.tone(0.12))


def _water(canvas: Canvas, horizon: float, sun_x: float) -> None:
    canvas.mirror(horizon, 0.8)
    under = canvas.below(np.full(canvas.width, horizon, np.float32))
    depth = smooth(horizon, 1.05, canvas.y)
    canvas.lay(canvas.palette.tone(0.08), under * (0.18 + 0.62 * depth))
    swell = canvas.noise(0.1, 5, (9, 1))
    canvas.light(canvas.palette.tone(0.85), under * smooth(0.5, 1.1, swell) * 0.32)
    canvas.shade(under * smooth(0.5, 0.0, swell) * 0.2)
    spread = 0.035 + 0.22 * np.maximum(canvas.y - np.float32(horizon), 0)
    column = np.exp(-((np.abs(canvas.x - np.float32(sun_x)) * canvas.wide / spread) ** 2))
    sparkle = smooth(0.42, 0.75, canvas.noise(0.016, 2, (5, 1)))
    glitter = column * under * (0.25 + 0.75 * sparkle) * (1 - 0.55 * depth)
    canvas.light(mix(canvas.palette.glow, canvas.palette.accent, 0.3), glitter)


def _headland(canvas: Canvas, horizon: float) -> tuple[Field, float]:
    """The cliff's upper edge, and where on it the lighthouse stands."""
    top = canvas.vary(0.64, 0.74)
    x = canvas.x[0]
    height = 0.2 / canvas.tall
    rise = smooth(top - 0.16, top - 0.03, x)
    steps = np.floor(rise * 11 + canvas.line(0.05, 1) * 0.8) / 11
    crown = canvas.line(0.2, 4) * np.float32(0.014)
    steps = np.clip(steps, 0, 1) * (1 + crown * 4) + smooth(top + 0.05, 1.0, x) * 0.35
    near = np.abs(x - np.float32(top)) < 0.045 / canvas.wide
    steps = np.where(near, 1.0, steps)
    edge = np.where(steps > 0.02, horizon + 0.08 - steps * (height + 0.08), 2.0)
    return edge.astype(np.float32), top


def _cliff(canvas: Canvas, edge: Field, horizon: float) -> None:
    """Basalt columns that go down into a white veil of surf."""
    foot = crest(canvas, horizon + 0.2, 0.12, 0.015)
    x = canvas.x[0]
    shore = foot - np.float32(0.16) * smooth(0.0, 1.0, (np.float32(0.75) - x) * 3)
    mask = canvas.below(edge) * (1 - canvas.below(np.maximum(shore, edge)))
    columns = canvas.noise(0.016, 2, (1, 14))
    facets = smooth(0.25, 0.8, columns + canvas.noise(0.16, 4) * 0.5 - 0.25)
    canvas.lay(canvas.palette.tone(0.03), mask)
    canvas.lay(canvas.palette.tone(0.42), mask * facets * 0.55)
    warm = mask * facets * smooth(0.45, 0.0, canvas.away(0.5, horizon))
    canvas.lay(canvas.palette.tone(0.72), warm * 0.6)
    lit = np.clip(1 - (canvas.y - edge[None, :]) * np.float32(canvas.tall / 0.012), 0, 1)
    canvas.lay(canvas.palette.tone(0.7), mask * lit * 0.35)
    surf = np.exp(-(((canvas.y - shore[None, :]) * np.float32(canvas.tall / 0.035)) ** 2))
    surf *= smooth(0.3, 0.42, canvas.x) * smooth(0.25, 0.75, canvas.noise(0.07, 4, (3, 1)))
    canvas.lay(canvas.palette.tone(0.88), surf * 0.75)


def _lighthouse(canvas: Canvas, x: float, foot: float, height: float) -> None:
    def at(across: float, up: float) -> tuple[float, float]:
        return x + across * height / canvas.wide, foot - up * height / canvas.tall

    lamp = at(0, 0.87)
    _beam(canvas, *lamp)
    tower, shadow, dark = canvas.stencil(), canvas.stencil(), canvas.stencil()
    tower.polygon((at(-0.1, -0.05), at(-0.058, 0.78), at(0.058, 0.78), at(0.1, -0.05)))
    shadow.polygon((at(0.02, -0.05), at(0.012, 0.78), at(0.058, 0.78), at(0.1, -0.05)))
    for low in (0.2, 0.52):
        band = 0.1 - 0.05 * low, 0.1 - 0.05 * (low + 0.14)
        dark.polygon(
            (at(-band[0], low), at(-band[1], low + 0.14), at(band[1], low + 0.14), at(band[0], low))
        )
    canvas.stamp(canvas.palette.tone(0.9), tower)
    canvas.stamp(mix(canvas.palette.accent, (0.55, 0.1, 0.08), 0.5), dark, 0.9)
    canvas.stamp(canvas.palette.tone(0.1), shadow, 0.55)
    _lantern(canvas, at)
    canvas.spot(*lamp, 0.03, canvas.palette.glow, 0.9, 1.6)


def _lantern(canvas: Canvas, at: Callable[[float, float], tuple[float, float]]) -> None:
    roof, glass = canvas.stencil(), canvas.stencil()
    roof.polygon((at(-0.085, 0.76), at(-0.085, 0.8), at(0.085, 0.8), at(0.085, 0.76)))
    roof.polygon((at(-0.062, 0.93), at(-0.03, 0.99), at(0, 1.06), at(0.03, 0.99), at(0.062, 0.93)))
    roof.stroke((at(0, 1.0), at(0, 1.13)), 0.002)
    glass.polygon((at(-0.045, 0.8), at(-0.045, 0.94), at(0.045, 0.94), at(0.045, 0.8)))
    canvas.stamp(canvas.palette.tone(0.04), roof)
    canvas.stamp(mix(canvas.palette.glow, canvas.palette.accent, 0.25), glass)


def _beam(canvas: Canvas, x: float, y: float) -> None:
    across = (canvas.x - np.float32(x)) * np.float32(canvas.wide)
    down = (canvas.y - np.float32(y)) * np.float32(canvas.tall) - across * np.float32(0.06)
    reach = np.abs(across) + np.float32(1e-4)
    cone = np.exp(-((down / (reach * 0.085 + 0.004)) ** 2)) * np.exp(-reach * 2.6)
    canvas.light(canvas.palette.glow, cone * 0.6)


def lake(canvas: Canvas) -> None:
    """Snow peaks and their image in a lake without a ripple."""
    horizon = canvas.vary(0.54, 0.62)
    sun_x = canvas.vary(0.24, 0.38)
    sky(canvas, horizon)
    sun(canvas, sun_x, horizon - canvas.vary(0.24, 0.36), 0.024, 0.9)
    _massif(canvas, horizon, sun_x)
    haze(canvas, horizon - 0.05, 0.035, 0.65)
    shore = crest(canvas, horizon - 0.012, 0.35, 0.014)
    bank = firs(canvas, shore, 0.055, 1.5)
    canvas.lay(canvas.palette.tone(0.16), bank)
    canvas.mirror(horizon, 1.05)
    canvas.ripple(horizon, 0.006, canvas.noise(0.02, 2, (6, 1)))
    _surface(canvas, horizon)
    haze(canvas, horizon + 0.006, 0.022, 0.6)
    _shore(canvas)


def _massif(canvas: Canvas, horizon: float, sun_x: float) -> None:
    pale = canvas.palette.tone(0.85)
    back = peaks(canvas, horizon - 0.12, 0.5, 0.2)
    canvas.lay(mix(pale, canvas.palette.tone(0.45), 0.4), canvas.below(back))
    summit = canvas.vary(0.56, 0.7)
    x = canvas.x[0]
    cone = np.exp(-np.abs(x - np.float32(summit)) * np.float32(canvas.wide / 0.32))
    edge = np.float32(horizon + 0.02) - (
        cone * np.float32(0.42 / canvas.tall**0.6) * (1 + 0.1 * canvas.line(0.2, 3))
        + (canvas.line(0.1, 6, 0.55) * 0.02 + 0.05) / np.float32(canvas.tall)
    )
    _mountain(canvas, edge.astype(np.float32), summit - sun_x)
    haze(canvas, horizon - 0.02, 0.07, 0.6, 0.3)


def _mountain(canvas: Canvas, edge: Field, side: float) -> None:
    """Rock and snow under an edge; `side` is positive when the light comes from the left."""
    mask = canvas.below(edge)
    rock = canvas.noise(0.13, 6, (0.8, 1.3))
    lit = np.roll(rock, max(1, canvas.short // 200), 1) - rock
    slope = np.gradient(canvas.blurred(mask, 0.02)[:, ::4], axis=1).repeat(4, 1)
    slope = slope[:, : canvas.width] * np.float32(canvas.short / 90)
    relief = np.clip(0.5 + (lit * 5 + slope[:, : lit.shape[1]]) * np.float32(np.sign(side)), 0, 1)
    depth = (canvas.y - edge[None, :]) * np.float32(canvas.tall)
    snow = smooth(0.2, 0.0, depth + (rock - 0.5) * 0.32) * mask
    canvas.lay(canvas.palette.tone(0.3), mask)
    canvas.lay(canvas.palette.tone(0.56), mask * relief * 0.6)
    canvas.lay(canvas.palette.tone(0.62), snow)
    canvas.lay(mix(canvas.palette.glow, canvas.palette.accent, 0.16), snow * relief)


def _surface(canvas: Canvas, horizon: float) -> None:
    under = canvas.below(np.full(canvas.width, horizon, np.float32))
    depth = smooth(horizon, 1.05, canvas.y)
    canvas.lay(canvas.palette.tone(0.12), under * (0.1 + 0.5 * depth))
    breath = smooth(0.66, 0.9, canvas.noise(0.05, 4, (14, 1)))
    canvas.light(canvas.palette.tone(0.9), under * breath * 0.3 * (1 - depth))


def _shore(canvas: Canvas) -> None:
    """Stones in the near water."""
    stones, tops = canvas.stencil(), canvas.stencil()
    for _ in range(9):
        x, y = canvas.between(0.0, 0.5) ** 1.4, canvas.between(0.9, 1.0)
        size = canvas.between(0.015, 0.05) * (0.4 + (y - 0.88) * 5)
        _stone(canvas, stones, x, y, size, 1.0)
        _stone(canvas, tops, x - size * 0.1 / canvas.wide, y - size * 0.16, size * 0.7, 0.5)
    canvas.stamp(canvas.palette.tone(0.04), stones)
    canvas.shine(canvas.palette.tone(0.5), tops, 0.4)


def _stone(canvas: Canvas, stencil: Stencil, x: float, y: float, size: float, tall: float) -> None:
    turns = np.linspace(0, 2 * np.pi, 14)[:-1]
    points = []
    for turn in turns:
        reach = size * canvas.between(0.85, 1.1)
        rise = 0.5 if np.sin(turn) < 0 else 0.22
        across, up = np.cos(turn) * reach, np.sin(turn) * reach * rise * tall
        points.append((x + float(across) / canvas.wide, y + float(up) / canvas.tall))
    stencil.polygon(points)


def underwater(canvas: Canvas) -> None:
    """A drowned nave: arch behind arch, lit through the water from above."""
    centre = canvas.vary(0.36, 0.5)
    light = canvas.away(centre, 0.3, 0.8)
    canvas.fill(0.95 - light * 0.95 / np.float32(max(canvas.wide, canvas.tall)) ** 0.5, 0.1, 0.92)
    for depth in np.linspace(1, 0, 5):
        _arch(canvas, centre, float(depth))
    _shafts(canvas, centre)
    _life(canvas, centre)


BOOKISH = ("library", "book", "图书馆", "圖書館", "书", "書")


def _arch(canvas: Canvas, centre: float, far: float) -> None:
    """One wall with a pointed opening; the farthest has `far` 1, the nearest 0."""
    half = 0.46 * 0.48**far * 1.02 / canvas.wide**0.15 * (canvas.wide**0.75)
    middle = 0.47 + (centre - 0.47) * (0.4 + 0.6 * far)
    spring, floor = 0.42 + 0.06 * far, 0.98 - 0.3 * far
    across = np.abs(canvas.x[0] - np.float32(middle)) * np.float32(canvas.wide) / np.float32(half)
    rise = np.float32(half * 1.15 / canvas.tall)
    top = spring - rise * np.sqrt(np.clip(1 - across**1.7, 0, 1))
    inside = np.clip((1 - across) * np.float32(half * canvas.short) + 0.5, 0, 1)[None, :]
    opening = canvas.below(top.astype(np.float32)) * inside
    floor_line = crest(canvas, floor, 0.3, 0.012)
    ground = canvas.below(floor_line)
    wall = np.maximum(1 - opening, ground)
    colour = mix(canvas.palette.tone(0.05), canvas.palette.tone(0.66), far**1.15 * 0.9)
    if canvas.asks(*BOOKISH):
        books = _books(canvas, middle, half, far)
        canvas.lay(colour, wall)
        edge = (1 - ground) * wall * smooth(1.06, 1.14, across)[None, :]
        for tint, rows in books:
            canvas.lay(mix(colour, tint, 0.34 - 0.1 * far), rows * edge)
    else:
        canvas.lay(colour, wall)
    rim = np.clip(1 - np.abs(across - 1.035) / np.float32(0.03), 0, 1)[None, :]
    rim = rim * (canvas.y > np.float32(spring)) * (1 - ground)
    canvas.light(canvas.palette.tone(0.6), rim * (0.18 + 0.1 * far))


def _books(canvas: Canvas, middle: float, half: float, far: float) -> list[tuple[Colour, Field]]:
    """Shelves of spines left and right of an opening, as a few tints with their masks."""
    size = 0.085 * 0.5**far
    rows = (canvas.y - 0.02) * np.float32(canvas.tall / size)
    shelf = np.floor(rows)
    up = rows - shelf
    columns = ((canvas.x - np.float32(middle)) * np.float32(canvas.wide / size * 4.2))[0]
    spine = np.floor(columns).astype(int)
    count = int(shelf.max()) + 2
    table = canvas.random.random((count, int(spine.max() - spine.min()) + 1), np.float32)
    at = shelf[:, 0].astype(int)
    draw = table[:, spine - spine.min()][at]
    part = (table * 97 % 1 * 5).astype(np.uint8)[:, spine - spine.min()][at]
    standing = smooth(0.0, 0.03, up - 0.12 - 0.3 * draw) * smooth(1.0, 0.9, up)
    gap = smooth(0.0, 0.2, np.minimum(columns % 1, 1 - columns % 1).astype(np.float32))[None, :]
    masks = standing * gap
    tones = (canvas.palette.tone(tone) for tone in (0.3, 0.5, 0.75))
    tints = (canvas.palette.accent, *tones)
    return [(tint, masks * (part == number)) for number, tint in enumerate(tints)]


def _shafts(canvas: Canvas, centre: float) -> None:
    """Light fanning out from a place above the picture."""
    source = centre + 0.06, -0.35
    across = (canvas.x - np.float32(source[0])) * np.float32(canvas.wide)
    down = (canvas.y - np.float32(source[1])) * np.float32(canvas.tall)
    angle = np.clip(across / down * np.float32(0.42) + 0.5, 0, 1)
    rays = canvas.line(0.06, 3)
    rays = np.clip(rays * 0.9 + 0.05, 0, 1)
    fan = rays.take((angle * (canvas.width - 1)).astype(np.intp))
    fade = smooth(1.05, 0.0, canvas.y) * np.exp(-((across / np.float32(0.62)) ** 2))
    canvas.light(canvas.palette.glow, fan * fade * 0.6)
    canvas.light(canvas.palette.tone(0.9), canvas.halo(centre, 0.02, 0.28, 1.3) * 0.45)


def _life(canvas: Canvas, centre: float) -> None:
    """A school of fish, bubbles, and drifting motes."""
    stencil = canvas.stencil()
    school = centre + canvas.between(-0.06, 0.06), canvas.between(0.4, 0.56)
    for _ in range(22):
        x = school[0] + canvas.random.normal(0, 0.07) / canvas.wide
        y = school[1] + canvas.random.normal(0, 0.035) / canvas.tall
        _fish(canvas, stencil, float(x), float(y), canvas.between(0.008, 0.016))
    canvas.stamp(canvas.palette.tone(0.1), stencil, 0.8)
    if canvas.asks(*BOOKISH):
        _drifting_books(canvas, centre)
    for _ in range(120):
        x, y = canvas.between(0, 1), canvas.between(0, 1)
        size = canvas.between(0.0008, 0.0035)
        canvas.spot(x, y, size, canvas.palette.glow, canvas.between(0.1, 0.6), 0.8)


def _drifting_books(canvas: Canvas, centre: float) -> None:
    """Open books that have floated off their shelves."""
    pages, folds = canvas.stencil(), canvas.stencil()
    for place in range(7):
        size, turn = canvas.between(0.016, 0.04), canvas.between(-0.6, 0.6)
        x, y = centre + (place - 3) * 0.09 / canvas.wide**0.6, canvas.between(0.46, 0.84)
        for side, stencil in ((-1, pages), (1, folds)):
            page = (
                np.exp(1j * turn)
                * size
                * np.array(
                    (0, side * 0.5 - 0.32j, side - 0.2j, side + 0.42j, side * 0.5 + 0.3j, 0.6j)
                )
            )
            across, down = x + page.real / canvas.wide, y + page.imag / canvas.tall
            stencil.polygon(zip(across.tolist(), down.tolist(), strict=True))
    canvas.stamp(canvas.palette.tone(0.95), pages, 0.9)
    canvas.stamp(canvas.palette.tone(0.78), folds, 0.9)


def _fish(canvas: Canvas, stencil: Stencil, x: float, y: float, size: float) -> None:
    shape = ((-1, 0), (-0.5, -0.28), (0.2, -0.3), (0.75, -0.06), (1.15, -0.32), (1.05, 0))
    lower = ((1.15, 0.32), (0.75, 0.06), (0.2, 0.28), (-0.5, 0.24))
    points = shape + lower
    stencil.polygon((x + a * size / canvas.wide, y + b * size / canvas.tall) for a, b in points)


WATER = (
    Scene(
        "sea",
        sea,
        OUTDOORS | {"any": "dusk"},
        ("sea", "ocean", "wave", "lighthouse", "coast", "beach", "shore", "harbour", "island")
        + ("cliff", "海", "海浪", "灯塔", "燈塔", "海岸", "岛", "島"),
        showpiece=True,
    ),
    Scene(
        "lake",
        lake,
        OUTDOORS,
        ("lake", "fjord", "river", "mirror-still", "湖", "倒影", "江", "河"),
        showpiece=True,
    ),
    Scene(
        "underwater",
        underwater,
        {"any": "deep"},
        ("underwater", "undersea", "coral", "reef", "library", "book", "fish", "whale", "atlantis")
        + ("水下", "海底", "珊瑚", "图书馆", "圖書館", "鱼", "魚", "鲸", "鯨"),
        order=3,
        showpiece=True,
    ),
)
