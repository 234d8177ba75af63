"""What a scene is, and what several scenes have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..canvas import Canvas, smooth
from ..palettes import Colour, Field, mix


@dataclass(frozen=True)
class Scene:
    name: str
    paint: Callable[[Canvas], None]
    moods: dict[str, str]
    """Palette names by time of day, and for "any" other."""
    words: tuple[str, ...]
    order: int = 5
    """Scenes with a lower order are asked first: "a paper-cut fox in a forest" is a paper-cut."""
    showpiece: bool = False
    """Whether it may be shown for a prompt without any known word."""

    def rank(self) -> int:
        return self.order


def sky(canvas: Canvas, horizon: float, streaks: float = 0.16) -> None:
    """A sky that brightens toward the horizon, with long thin clouds."""
    low, high = canvas.palette.sky
    height = np.clip(canvas.y / np.float32(horizon), 0, 1) ** np.float32(1.15)
    clouds = canvas.noise(0.34, 5, (4.5, 1)) - np.float32(0.5)
    canvas.fill(height + clouds * np.float32(streaks) * smooth(-0.1, 0.5, height), low, high)
    wisps = smooth(0.6, 1.0, canvas.noise(0.22, 5, (5, 1))) * smooth(1.1, 0.3, height)
    canvas.light(canvas.palette.tone(high), wisps * np.float32(0.4))


def sun(canvas: Canvas, x: float, y: float, radius: float, strength: float = 1.0) -> None:
    """A sun, or at night a moon, with its glow."""
    warm = mix(canvas.palette.tone(canvas.palette.sky[1]), canvas.palette.accent, 0.3)
    canvas.lay(warm, canvas.halo(x, y, 0.3) * np.float32(0.6 * strength))
    canvas.light(canvas.palette.glow, canvas.halo(x, y, 0.08) * np.float32(0.6 * strength))
    canvas.lay(canvas.palette.glow, canvas.disc(x, y, radius, radius * 0.08) * np.float32(strength))


def haze(canvas: Canvas, y: float, depth: float, strength: float, patchy: float = 0.7) -> None:
    """A band of drifting mist around a height."""
    band = np.exp(-(((canvas.y - np.float32(y)) / np.float32(depth)) ** 2))
    drift = 1 - np.float32(patchy) * (1 - smooth(0.2, 0.8, canvas.noise(0.3, 4, (3.5, 1))))
    canvas.lay(canvas.palette.tone(0.9), band * drift * np.float32(strength))


def crest(
    canvas: Canvas, y: float, size: float, swing: float, octaves: int = 6, rough: float = 0.5
) -> Field:
    """A height for every column: wanders around `y`, up to `swing` short sides."""
    wander = canvas.line(size, octaves, rough)
    return np.float32(y) + wander * np.float32(swing / canvas.tall)


def peaks(canvas: Canvas, y: float, size: float, swing: float, rough: float = 0.5) -> Field:
    """A crest with sharp tops."""
    wander = 0.55 - np.abs(canvas.line(size, 2)) + 0.22 * canvas.line(size / 4, 5, rough)
    return np.float32(y) - wander * np.float32(swing / canvas.tall)


def firs(canvas: Canvas, base: Field, height: float, density: float = 1.0) -> Field:
    """The mask of a line of conifers that stand on a crest."""
    stencil = canvas.stencil()
    gap = height * 0.22 / density / canvas.wide
    x = -gap
    while x < 1 + gap:
        foot = float(base[min(max(int(x * canvas.width), 0), canvas.width - 1)])
        fir(canvas, x, foot + 0.02, height * canvas.between(0.45, 1.1), stencil.polygon)
        x += gap * canvas.between(0.4, 1.5)
    return np.maximum(stencil.mask(), canvas.below(base))


def fir(
    canvas: Canvas,
    x: float,
    foot: float,
    height: float,
    draw: Callable[[list[tuple[float, float]]], None],
) -> None:
    """One conifer of a few drooping tiers."""
    tiers = 7
    left: list[tuple[float, float]] = []
    right: list[tuple[float, float]] = []
    for tier in range(tiers):
        reach = height * 0.17 * (tier + 1) / tiers / canvas.wide
        top = foot - height / canvas.tall * (1 - (tier + 0.9) / tiers)
        notch = top - height / canvas.tall * 0.035
        for side, edge in ((-1, left), (1, right)):
            tip = reach * canvas.between(0.75, 1.15)
            edge.extend(((x + side * tip, top), (x + side * tip * 0.45, notch)))
    draw([(x, foot - height / canvas.tall), *right, *reversed(left)])


def birds(canvas: Canvas, x: float, y: float, count: int, colour: Colour) -> None:
    """A few distant birds in loose formation."""
    stencil = canvas.stencil()
    for _ in range(count):
        at, up = x + canvas.between(-0.09, 0.09) / canvas.wide, y + canvas.between(-0.04, 0.04)
        span = canvas.between(0.008, 0.016)
        wing, lift = span / canvas.wide, span * 0.45 / canvas.tall
        points = [(at - wing, up - lift), (at - wing * 0.4, up - lift * 1.1), (at, up)]
        points += [(at + wing * 0.4, up - lift * 1.1), (at + wing, up - lift * 0.8)]
        stencil.stroke(points, 0.0016)
    canvas.stamp(colour, stencil, 0.8)


def rain(canvas: Canvas, strength: float, colour: Colour) -> None:
    """Thin slanting streaks."""
    stencil = canvas.stencil()
    for _ in range(200):
        x, y = canvas.between(-0.05, 1.05), canvas.between(-0.05, 1.0)
        length = canvas.between(0.02, 0.07)
        end = x - length * 0.12 / canvas.wide, y + length / canvas.tall
        stencil.stroke(((x, y), end), 0.0011, canvas.between(0.25, 1.0))
    canvas.shine(colour, stencil, strength)
