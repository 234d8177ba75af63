"""Scenes that look made by hand: ink and cut paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..canvas import Canvas, Point, smooth
from ..palettes import Colour, Field, mix
from .scene import Scene, birds, crest, firs, peaks


def ink(canvas: Canvas) -> None:
    """Mountains in washes of ink on much bare paper, and a red seal."""
    paper = canvas.palette.tone(1.0)
    canvas.lay(paper, 1.0)
    sun_x, sun_y = canvas.vary(0.24, 0.36), canvas.vary(0.2, 0.32)
    canvas.lay(mix(canvas.palette.accent, paper, 0.15), canvas.disc(sun_x, sun_y, 0.062) * 0.9)
    wet = canvas.noise(0.25, 6)
    for layer in range(4):
        near = layer / 3
        edge = peaks(canvas, 0.44 + 0.27 * near, 0.62 - 0.2 * near, 0.36 - 0.14 * near, 0.55)
        slope = smooth(0.1, 0.75, canvas.x[0]) if layer % 2 else smooth(0.95, 0.3, canvas.x[0])
        edge = edge + (1 - slope) * np.float32(0.12 + 0.24 * near**2)
        _wash(canvas, edge.astype(np.float32), near, wet)
    canvas.lay(paper, smooth(0.74, 0.9, canvas.y + (wet - 0.5) * 0.14) * 0.97)
    _boat(canvas, canvas.vary(0.34, 0.46), 0.87)
    birds(canvas, sun_x + 0.22, sun_y + 0.04, 6, canvas.palette.tone(0.1))
    _seal(canvas, 0.07 / canvas.wide + 0.02, 0.9)
    fibres = canvas.noise(0.012, 3, (3, 1)) * canvas.noise(0.4, 4)
    canvas.shade((fibres - 0.2) * 0.09)


def _wash(canvas: Canvas, edge: Field, near: float, wet: Field) -> None:
    """Ink that is densest at the crest and runs dry downward."""
    mask = canvas.below(edge)
    depth = (canvas.y - edge[None, :]) * np.float32(canvas.tall)
    depth += (wet - 0.5) * np.float32(0.16)
    body = smooth(0.34 - 0.1 * near, -0.04, depth) * (0.45 + 0.75 * wet)
    stroke = smooth(0.03, 0.0, depth - (wet - 0.5) * 0.1) * 0.35
    amount = body * np.float32(0.35 + 0.6 * near) + stroke
    if near > 0.5:
        amount *= 1 - 0.42 * smooth(0.3, 0.62, canvas.noise(0.035, 4, (0.6, 2.6)))
    tone = mix(canvas.palette.tone(0.55), canvas.palette.tone(0.02), near)
    canvas.lay(canvas.palette.tone(1.0), mask * smooth(0.0, 0.25, depth) * 0.55)
    canvas.lay(tone, mask * np.clip(amount, 0, 0.94))


def _boat(canvas: Canvas, x: float, y: float) -> None:
    def at(across: float, up: float) -> Point:
        return x + across * 0.075 / canvas.wide, y - up * 0.075 / canvas.tall

    canvas.lay(canvas.palette.tone(1.0), smooth(0.2, 0.05, canvas.away(x, y, 2.2)) * 0.8)
    stencil = canvas.stencil()
    hull = ((-1, 0.16), (-0.7, 0.0), (-0.3, -0.08), (0.4, -0.08), (0.8, 0.02), (1.1, 0.22))
    stencil.polygon(at(a, b) for a, b in (*hull, (0.7, 0.09), (-0.6, 0.07)))
    stencil.polygon((at(0.2, 0.05), at(0.24, 0.42), at(0.4, 0.46), at(0.5, 0.05)))
    stencil.polygon((at(0.12, 0.5), at(0.34, 0.72), at(0.56, 0.5)))
    stencil.stroke((at(0.3, 0.32), at(-0.9, 0.75)), 0.0018)
    stencil.stroke((at(-0.9, 0.75), at(-0.92, -0.06)), 0.0008)
    canvas.stamp(canvas.palette.tone(0.03), stencil, 0.9)
    ripple = canvas.stencil()
    for step in range(4):
        half, low = canvas.between(0.5, 1.2), -0.2 - 0.13 * step
        ripple.stroke((at(-half, low), at(half, low)), 0.0012)
    canvas.stamp(canvas.palette.tone(0.4), ripple, 0.4)


def _seal(canvas: Canvas, x: float, y: float) -> None:
    """A carved stamp: strokes left bare in a red square."""

    def at(across: float, down: float) -> Point:
        return x + across * 0.026 / canvas.wide, y + down * 0.026 / canvas.tall

    stamp = canvas.stencil()
    stamp.polygon((at(-1, -1), at(0.97, -1.03), at(1.03, 1), at(-0.98, 1.02)))
    beams = ((-0.7, -0.62, 0.7, -0.62), (0.0, -0.62, 0.0, 0.7), (-0.6, -0.1, 0.6, -0.1))
    posts = ((-0.55, 0.25, -0.55, 0.7), (0.55, 0.25, 0.55, 0.7), (-0.55, 0.7, 0.55, 0.7))
    for a, b, c, d in beams + posts:
        stamp.stroke((at(a, b), at(c, d)), 0.0042, 0.0)
    worn = smooth(0.15, 0.4, canvas.noise(0.02, 2))
    canvas.lay(canvas.palette.accent, stamp.mask() * (0.55 + 0.4 * worn))


def paper_cut(canvas: Canvas) -> None:
    """Sheets of paper one behind another, each casting its shadow on the next."""
    canvas.lay(canvas.palette.tone(0.97), 1.0)
    moon = canvas.vary(0.3, 0.66), canvas.vary(0.24, 0.4)
    for radius, tone in ((0.42, 0.93), (0.31, 0.96), (0.2, 1.0)):
        _sheet(canvas, canvas.disc(*moon, radius), mix(canvas.palette.tone(tone), (1, 1, 1), 0.1))
    focus = canvas.vary(0.3, 0.58)
    for layer in range(5):
        near = layer / 4
        _sheet(canvas, _paper_layer(canvas, near, focus), canvas.palette.tone(0.8 - 0.66 * near))
        if layer == 3:
            _paper_birches(canvas, focus)
            _animal(canvas, focus, 0.845)
    _ferns(canvas)
    leaves = canvas.stencil()
    for _ in range(26):
        x, y = canvas.between(0, 1), canvas.between(0.0, 0.6)
        _leaf(canvas, leaves.polygon, x, y, canvas.between(0.012, 0.024))
    _sheet(canvas, leaves.mask(), canvas.palette.accent, 0.6)
    fibre = canvas.noise(0.008, 2) * 0.6 + canvas.noise(0.05, 3) * 0.4
    canvas.shade((fibre - 0.35) * 0.1)


def _sheet(canvas: Canvas, mask: Field, colour: Colour, lift: float = 1.0) -> None:
    """Lay a cut sheet: its shadow, its face, and the light on its upper edge."""
    rows, columns = _box(mask, int(0.06 * canvas.short))
    face = mask[rows, columns]
    drop, thin = max(1, int(0.011 * lift * canvas.short)), max(1, canvas.short // 400)
    shadow = np.zeros_like(face)
    shadow[drop:, : -drop // 2] = canvas.blurred(face, 0.012 * lift)[:-drop, (drop + 1) // 2 :]
    shadow *= np.float32(0.42)
    rim = face.copy()
    rim[thin:] -= face[:-thin]
    rim = np.clip(rim, 0, 1) * np.float32(0.4)
    for channel, dark, value in zip(canvas.rgb, canvas.palette.tone(0.0), colour, strict=True):
        part = channel[rows, columns]
        part -= (part - np.float32(dark)) * shadow
        part += (np.float32(value) - part) * face
        part += (1 - part) * rim


def _box(mask: Field, margin: int) -> tuple[slice, slice]:
    """Rows and columns that hold everything in a mask, and a margin around it."""
    down, across = (np.flatnonzero(mask.max(axis=axis)) for axis in (1, 0))
    if not down.size:
        return slice(0, 0), slice(0, 0)
    rows, columns = (
        slice(max(0, int(hits[0]) - margin), int(hits[-1]) + margin) for hits in (down, across)
    )
    return rows, columns


def _paper_layer(canvas: Canvas, near: float, focus: float) -> Field:
    """A hill; far ones carry firs, and near ones rise at the sides to frame the middle."""
    y = 0.52 + 0.36 * near
    edge = crest(canvas, y, 0.75, 0.05, 2)
    valley = ((canvas.x[0] - np.float32(focus)) * np.float32(1.5)) ** 2
    edge = (edge - valley * np.float32(0.2 * near)).astype(np.float32)
    if near in (0.25, 0.5):
        return firs(canvas, edge, 0.15 + 0.1 * near, 0.75)
    return canvas.below(edge)


def _paper_birches(canvas: Canvas, focus: float) -> None:
    trunks, marks = canvas.stencil(), canvas.stencil()
    for x in (focus - 0.36, focus - 0.24, focus + 0.24, focus + 0.33, focus + 0.5, focus + 0.62):
        half, lean = canvas.between(0.013, 0.025), canvas.between(-0.02, 0.02)
        foot, top, wide = x, x + lean, half / canvas.wide
        trunks.polygon(
            (
                (foot - wide, 1.0),
                (top - wide * 0.7, -0.05),
                (top + wide * 0.7, -0.05),
                (foot + wide, 1.0),
            )
        )
        _boughs(canvas, trunks.stroke, (x + lean * 0.5, 0.4), half)
        for _ in range(int(9 * canvas.tall)):
            up = canvas.between(0, 0.9)
            middle, side = foot + lean * (1 - up), 1 if canvas.random.random() < 0.5 else -1
            edge, long = middle + side * wide * (0.98 - 0.3 * (1 - up)), canvas.between(0.5, 1.3)
            thick = half * 0.16 / canvas.tall
            marks.polygon(((edge, up - thick), (edge - side * wide * long, up), (edge, up + thick)))
    _sheet(canvas, trunks.mask(), mix(canvas.palette.tone(1.0), (1, 1, 1), 0.4))
    canvas.stamp(canvas.palette.tone(0.05), marks, 0.85)


def _ferns(canvas: Canvas) -> None:
    """Grasses and leaves cut from the two front sheets."""
    for depth, tone in ((0.0, 0.24), (0.06, 0.02)):
        sheet = canvas.stencil()
        for _ in range(int(26 * canvas.wide)):
            x, tall = canvas.between(-0.02, 1.02), canvas.between(0.06, 0.2) * (1 - 4 * depth)
            tall *= 0.5 + 1.4 * abs(x - 0.5)
            tip = x + canvas.between(-0.5, 0.5) * tall / canvas.wide
            foot, half = 1.02 + depth, 0.012 / canvas.wide
            top, middle = foot - (tall + 0.08) / canvas.tall, foot - tall * 0.6 / canvas.tall
            bulge = (x + tip) / 2
            sheet.polygon(
                (
                    (x - half / 2, foot),
                    (bulge - half, middle),
                    (tip, top),
                    (bulge + half, middle),
                    (x + half / 2, foot),
                )
            )
        _sheet(canvas, sheet.mask(), canvas.palette.tone(tone), 0.7)


def _boughs(
    canvas: Canvas, stroke: Callable[[Sequence[Point], float], None], fork: Point, half: float
) -> None:
    for _ in range(3):
        x, y = fork[0], fork[1] + canvas.between(-0.26, 0.12)
        side = 1 if canvas.random.random() < 0.5 else -1
        reach = canvas.between(0.06, 0.12)
        bend = x + side * reach * 0.5 / canvas.wide, y - reach * 0.5 / canvas.tall
        tip = x + side * reach / canvas.wide, y - reach * 1.3 / canvas.tall
        stroke(((x, y), bend, tip), half * 0.5)


def _leaf(
    canvas: Canvas, draw: Callable[[Sequence[Point]], None], x: float, y: float, size: float
) -> None:
    turn = canvas.between(0, 6.28)
    along = np.array((np.cos(turn), np.sin(turn))) * size
    over = np.array((-along[1], along[0])) * 0.42
    shape = ((-1, 0), (-0.4, 0.8), (0.2, 0.9), (1, 0), (0.2, -0.9), (-0.4, -0.8))
    spots = [along * a + over * b for a, b in shape]
    draw([(x + float(s[0]) / canvas.wide, y + float(s[1]) / canvas.tall) for s in spots])


FOX_BODY = (
    (-0.1, 0.0),
    (-0.16, 0.2),
    (-0.13, 0.42),
    (-0.16, 0.6),
    (-0.3, 0.66),
    (-0.44, 0.72),
    (-0.4, 0.8),
    (-0.28, 0.9),
    (-0.27, 1.02),
    (-0.24, 1.14),
    (-0.14, 0.98),
    (-0.06, 1.0),
    (0.02, 1.14),
    (0.05, 0.98),
    (0.07, 0.84),
    (0.16, 0.68),
    (0.28, 0.48),
    (0.33, 0.24),
    (0.3, 0.06),
    (0.26, 0.0),
)
FOX_TAIL = (
    (0.2, 0.0),
    (0.2, 0.08),
    (0.42, 0.12),
    (0.52, 0.28),
    (0.5, 0.48),
    (0.56, 0.64),
    (0.7, 0.56),
    (0.76, 0.36),
    (0.7, 0.14),
    (0.54, 0.0),
)
FOX_TIP = ((0.5, 0.46), (0.56, 0.64), (0.7, 0.56), (0.74, 0.44), (0.64, 0.47), (0.57, 0.4))
FOX_CHEST = (
    (-0.43, 0.72),
    (-0.3, 0.74),
    (-0.2, 0.72),
    (-0.08, 0.6),
    (-0.03, 0.4),
    (-0.08, 0.18),
    (-0.13, 0.22),
    (-0.12, 0.42),
    (-0.16, 0.6),
    (-0.3, 0.66),
)
DEER_BODY = (
    (-0.2, 0.0),
    (-0.17, 0.3),
    (-0.19, 0.44),
    (-0.24, 0.56),
    (-0.3, 0.76),
    (-0.44, 0.76),
    (-0.5, 0.8),
    (-0.46, 0.86),
    (-0.33, 0.93),
    (-0.2, 0.99),
    (-0.24, 0.9),
    (-0.16, 0.76),
    (-0.08, 0.64),
    (0.12, 0.6),
    (0.26, 0.6),
    (0.34, 0.54),
    (0.38, 0.46),
    (0.34, 0.48),
    (0.31, 0.36),
    (0.33, 0.2),
    (0.3, 0.0),
    (0.26, 0.0),
    (0.27, 0.2),
    (0.22, 0.34),
    (0.2, 0.0),
    (0.16, 0.0),
    (0.16, 0.36),
    (-0.06, 0.36),
    (-0.09, 0.2),
    (-0.1, 0.0),
    (-0.14, 0.0),
    (-0.13, 0.24),
    (-0.16, 0.0),
)
ANTLERS = (
    ((-0.3, 0.93), (-0.28, 1.06), (-0.16, 1.2), (-0.16, 1.32)),
    ((-0.27, 1.08), (-0.36, 1.18)),
    ((-0.2, 1.16), (-0.24, 1.3)),
    ((-0.34, 0.92), (-0.4, 1.05), (-0.5, 1.16), (-0.5, 1.3)),
    ((-0.4, 1.05), (-0.32, 1.14)),
    ((-0.46, 1.12), (-0.58, 1.2)),
)


def _animal(canvas: Canvas, x: float, foot: float) -> None:
    """A fox, or a deer when one is asked for, on the nearest hill but one."""
    size = 0.3

    def at(point: Point) -> Point:
        return x + point[0] * size / canvas.wide, foot - point[1] * size / canvas.tall

    body = canvas.stencil()
    if canvas.asks("deer", "stag", "鹿"):
        body.polygon(map(at, DEER_BODY))
        for antler in ANTLERS:
            body.stroke([at(point) for point in antler], 0.006)
        _sheet(canvas, body.mask(), mix(canvas.palette.accent, canvas.palette.tone(0.3), 0.35))
        return
    tail = canvas.stencil()
    tail.polygon(map(at, _rounded(FOX_TAIL)))
    body.polygon(map(at, FOX_BODY))
    _sheet(canvas, tail.mask(), mix(canvas.palette.accent, canvas.palette.tone(0.1), 0.15))
    cream = mix(canvas.palette.tone(1.0), (1, 1, 1), 0.4)
    canvas.lay(cream, _cut(canvas, FOX_TIP, at))
    _sheet(canvas, body.mask(), canvas.palette.accent)
    canvas.lay(cream, _cut(canvas, FOX_CHEST, at))
    face = canvas.stencil()
    face.disc(*at((-0.22, 0.84)), 0.0045)
    face.disc(*at((-0.43, 0.735)), 0.0055)
    canvas.stamp(canvas.palette.tone(0.0), face)


def _cut(canvas: Canvas, shape: Sequence[Point], at: Callable[[Point], Point]) -> Field:
    stencil = canvas.stencil()
    stencil.polygon(map(at, shape))
    return stencil.mask()


def _rounded(shape: Sequence[Point]) -> list[Point]:
    """The outline with its corners cut twice, which makes them round."""
    points = list(shape)
    for _ in range(2):
        pairs = zip(points, points[1:] + points[:1], strict=True)
        points = [
            (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)
            for a, b in pairs
            for share in (0.25, 0.75)
        ]
    return points


CRAFT = (
    Scene(
        "paper-cut",
        paper_cut,
        {"any": "paper"},
        ("paper-cut", "papercut", "paper", "cut-out", "origami", "collage", "layered", "fox")
        + ("剪纸", "剪紙", "纸", "紙", "狐狸", "狐"),
        order=1,
        showpiece=True,
    ),
    Scene(
        "ink",
        ink,
        {"any": "ink"},
        ("ink", "sumi", "sumi-e", "calligraphy", "brush", "watercolour", "watercolor")
        + ("水墨", "墨", "国画", "國畫"),
        order=2,
        showpiece=True,
    ),
)
