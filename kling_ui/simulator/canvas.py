"""The canvas that scenes paint on, and the few tools they paint with.

Places are fractions of the width and the height, from the upper left corner. Sizes and distances
are fractions of the short side, so that a scene keeps its proportions in every format.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .palettes import Colour, Field, Palette
from .words import mentions

Point = tuple[float, float]

_GOLDEN = 0.6180339887


def smooth(low: float, high: float, value: Field) -> Field:
    """0 below `low`, 1 above `high` and an S-curve between; `low` may be the larger one."""
    step: Field = np.clip((value - np.float32(low)) / np.float32(high - low), 0, 1)
    return step * step * (3 - 2 * step)


def resized(field: Field, width: int, height: int) -> Field:
    picture = Image.fromarray(np.ascontiguousarray(field, np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))


class Canvas:
    """A picture in the making: `rgb` has the shape (3, height, width) and holds sRGB 0–1."""

    def __init__(
        self, width: int, height: int, palette: Palette, text: str, index: int, seed: int
    ) -> None:
        self.width, self.height, self.short = width, height, min(width, height)
        self.palette, self.text, self.index = palette, text, index
        self.random = np.random.default_rng((seed, index))
        self._shared = np.random.default_rng(seed)
        self.rgb: Field = np.zeros((3, height, width), np.float32)
        self.x: Field = ((np.arange(width, dtype=np.float32) + 0.5) / width)[None, :]
        self.y: Field = ((np.arange(height, dtype=np.float32) + 0.5) / height)[:, None]
        self.wide, self.tall = width / self.short, height / self.short

    def asks(self, *words: str) -> bool:
        """Whether the prompt contains one of the words."""
        return mentions(self.text, words)

    def vary(self, low: float, high: float) -> float:
        """A number that neighbouring variations of one prompt draw far apart."""
        return low + (high - low) * ((self._shared.random() + self.index * _GOLDEN) % 1.0)

    def between(self, low: float, high: float) -> float:
        return float(self.random.uniform(low, high))

    def noise(self, size: float, octaves: int = 4, stretch: Point = (1.0, 1.0)) -> Field:
        """Cloudy noise around 0.5, mostly 0–1; `size` is that of its largest blots."""
        columns = ceil(self.wide / (size * stretch[0])) + 2
        rows = ceil(self.tall / (size * stretch[1])) + 2
        field = self.random.random((rows, columns), np.float32)
        strength = 1.0
        for _ in range(octaves - 1):
            columns, rows, strength = columns * 2, rows * 2, strength * 0.5
            if columns > self.width or rows > self.height:
                break
            fine = self.random.random((rows, columns), np.float32)
            field = resized(field, columns, rows) + fine * np.float32(strength)
        field = (field - field.mean()) * np.float32(0.22 / (float(field.std()) + 1e-6)) + 0.5
        return resized(field, self.width, self.height)

    def line(self, size: float, octaves: int = 5, rough: float = 0.5) -> Field:
        """A wandering value for every column, about -1–1; shape (width,)."""
        where = np.linspace(0, self.wide / size, self.width)
        total = np.zeros(self.width)
        for octave in range(octaves):
            knots = self.random.uniform(-1, 1, ceil(self.wide / size * 2**octave) + 2)
            spot = where * 2**octave
            left = spot.astype(int)
            part = spot - left
            part = part * part * (3 - 2 * part)
            total += (knots[left] * (1 - part) + knots[left + 1] * part) * rough**octave
        return total.astype(np.float32)

    def fill(self, field: Field, low: float = 0.0, high: float = 1.0) -> None:
        """Paint everything with the ramp between `low` and `high`, read by a 0–1 field."""
        ramp = self.palette.ramp(low, high)
        steps = (np.clip(field, 0, 1) * np.float32(1023)).astype(np.intp)
        for channel in range(3):
            self.rgb[channel] = ramp[channel].take(steps)

    def lay(self, colour: Colour, mask: Field | float) -> None:
        """Cover with a colour where the mask is 1."""
        for channel, value in zip(self.rgb, colour, strict=True):
            channel += (np.float32(value) - channel) * np.float32(mask)

    def light(self, colour: Colour, mask: Field | float) -> None:
        """Add light of a colour, as a second projector would; never whiter than white."""
        for channel, value in zip(self.rgb, colour, strict=True):
            channel += (1 - channel) * np.float32(value) * np.float32(mask)

    def stamp(self, colour: Colour, stencil: Stencil, strength: float = 1.0) -> None:
        """Cover with a colour where the stencil has shapes."""
        rows, columns, mask = stencil.part(0.0)
        mask = mask * np.float32(strength)
        for channel, value in zip(self.rgb, colour, strict=True):
            part = channel[rows, columns]
            part += (np.float32(value) - part) * mask

    def shine(
        self, colour: Colour, stencil: Stencil, strength: float = 1.0, radius: float = 0.0
    ) -> None:
        """Add light where the stencil has shapes, or within `radius` around them."""
        rows, columns, mask = stencil.part(radius)
        mask = mask * np.float32(strength)
        for channel, value in zip(self.rgb, colour, strict=True):
            part = channel[rows, columns]
            part += (1 - part) * np.float32(value) * mask

    def shade(self, mask: Field | float) -> None:
        """Darken to black where the mask is 1."""
        self.rgb *= 1 - np.float32(mask)

    def below(self, edge: Field) -> Field:
        """The mask under an edge given as one height per column."""
        return np.clip((self.y - edge[None, :]) * np.float32(self.height) + 0.5, 0, 1)

    def away(self, x: float, y: float, squash: float = 1.0) -> Field:
        """The distance of every pixel from a place; `squash` above 1 flattens its circles."""
        across = (self.x - np.float32(x)) * np.float32(self.wide)
        down = (self.y - np.float32(y)) * np.float32(self.tall * squash)
        distance: Field = np.sqrt(across * across + down * down)
        return distance

    def halo(self, x: float, y: float, radius: float, squash: float = 1.0) -> Field:
        """A soft round glow, 1 in the middle."""
        distance = self.away(x, y, squash)
        distance *= np.float32(-1 / radius)
        np.exp(distance, out=distance)
        return distance

    def disc(self, x: float, y: float, radius: float, edge: float = 0.0) -> Field:
        blur = max(edge, 1.5 / self.short)
        inside: Field = (np.float32(radius) - self.away(x, y)) / np.float32(blur) + 0.5
        return np.clip(inside, 0, 1)

    def window(self, x: float, y: float, radius: float) -> tuple[slice, slice]:
        """Rows and columns of the square around a place, for work on a small part."""
        reach = radius * self.short + 2
        left, top = x * self.width - reach, y * self.height - reach
        rows = slice(max(0, int(top)), max(0, ceil(top + 2 * reach)))
        return rows, slice(max(0, int(left)), max(0, ceil(left + 2 * reach)))

    def spot(
        self, x: float, y: float, radius: float, colour: Colour, strength: float, edge: float = 0.2
    ) -> None:
        """A disc of light with a soft rim (a share of its radius), as a lens draws a far lamp."""
        rows, columns = self.window(x, y, radius * (1 + edge))
        across = (self.x[:, columns] - np.float32(x)) * np.float32(self.wide)
        down = (self.y[rows] - np.float32(y)) * np.float32(self.tall)
        reach = np.sqrt(across * across + down * down) / np.float32(radius)
        soft = max(edge, 1.5 / (radius * self.short))
        mask = np.clip((1 - reach) / np.float32(soft) + 0.5, 0, 1) * np.float32(strength)
        mask *= 0.7 + 0.3 * np.minimum(reach, 1) ** 3
        for channel, value in zip(self.rgb, colour, strict=True):
            part = channel[rows, columns]
            part += (1 - part) * np.float32(value) * mask

    def stencil(self) -> Stencil:
        return Stencil(self.width, self.height)

    def blurred(self, mask: Field, radius: float) -> Field:
        """A mask, or a part of one, out of focus; worked out on a smaller copy."""
        share = max(1, int(radius * self.short / 3))
        height, width = mask.shape
        small = Image.fromarray((mask * 255).astype(np.uint8)).reduce(share)
        small = small.filter(ImageFilter.GaussianBlur(radius * self.short / share))
        large = small.resize((width, height), Image.Resampling.BICUBIC)
        return np.asarray(large, np.float32) / np.float32(255)

    def mirror(self, horizon: float, squeeze: float = 1.0) -> None:
        """Copy what stands above the horizon, upside down, below it."""
        edge = int(horizon * self.height)
        rows = edge - 1 - (np.arange(self.height - edge) * squeeze).astype(np.intp)
        self.rgb[:, edge:] = self.rgb[:, np.abs(rows)]

    def ripple(self, horizon: float, reach: float, field: Field) -> None:
        """Push pixels below the horizon sideways, up to `reach`, by a field around 0.5."""
        edge = int(horizon * self.height)
        push = (field[edge:] - 0.5) * np.float32(2 * reach * self.short)
        columns = np.arange(self.width, dtype=np.int32)[None, :] + push.astype(np.int32)
        np.clip(columns, 0, self.width - 1, out=columns)
        columns += np.arange(self.height - edge, dtype=np.int32)[:, None] * self.width
        for channel in self.rgb:
            channel[edge:] = channel[edge:].ravel().take(columns)


class Stencil:
    """Sharp shapes, collected into one mask and smoothed at their edges."""

    def __init__(self, width: int, height: int) -> None:
        self._across, self._down, self._unit = width * 2, height * 2, min(width, height) * 2
        self._picture = Image.new("L", (self._across, self._down))
        self._draw = ImageDraw.Draw(self._picture)
        self._reach: list[tuple[float, float, float, float]] = []

    def _pixels(self, points: Iterable[Point], margin: float = 1.0) -> list[Point]:
        pixels = [(x * self._across, y * self._down) for x, y in points]
        across, down = zip(*pixels, strict=True)
        self._reach.append(
            (min(across) - margin, min(down) - margin, max(across) + margin, max(down) + margin)
        )
        return pixels

    def polygon(self, points: Iterable[Point], value: float = 1.0) -> None:
        self._draw.polygon(self._pixels(points), fill=round(value * 255))

    def stroke(self, points: Iterable[Point], thickness: float, value: float = 1.0) -> None:
        width = max(1, round(thickness * self._unit))
        self._draw.line(self._pixels(points, width), round(value * 255), width, joint="curve")

    def disc(self, x: float, y: float, radius: float, value: float = 1.0) -> None:
        reach = radius * self._unit
        (centre,) = self._pixels(((x, y),), reach + 1)
        self._draw.circle(centre, reach, fill=round(value * 255))

    def mask(self) -> Field:
        return np.asarray(self._picture.reduce(2), np.float32) / np.float32(255)

    def part(self, radius: float) -> tuple[slice, slice, Field]:
        """Rows, columns and mask of the part that has shapes, blurred by a radius."""
        blur = radius * self._unit / 2
        left, top, right, bottom = self._box(blur * 3)
        if right <= left or bottom <= top:
            return slice(0, 0), slice(0, 0), np.zeros((0, 0), np.float32)
        small = self._picture.reduce(2, (left * 2, top * 2, right * 2, bottom * 2))
        if blur:
            small = small.filter(ImageFilter.BoxBlur(blur)).filter(ImageFilter.BoxBlur(blur))
        mask = np.asarray(small, np.float32) / np.float32(255)
        return slice(top, bottom), slice(left, right), mask

    def _box(self, margin: float) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of all shapes, in pixels of the canvas."""
        if not self._reach:
            return 0, 0, 0, 0
        left, top, right, bottom = zip(*self._reach, strict=True)
        return (
            max(0, int(min(left) / 2 - margin)),
            max(0, int(min(top) / 2 - margin)),
            min(self._across // 2, ceil(max(right) / 2 + margin)),
            min(self._down // 2, ceil(max(bottom) / 2 + margin)),
        )
