"""Palettes, mixed in OKLab so that every in-between colour is as clean as its neighbours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .words import mentions, place

Field = NDArray[np.floating[Any]]
Colour = tuple[float, float, float]


def rgb_to_lab(rgb: Field) -> Field:
    """sRGB 0–1 to OKLab; both have the shape (3, …)."""
    red, green, blue = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    long = np.cbrt(0.41222147 * red + 0.53633254 * green + 0.05144599 * blue)
    middle = np.cbrt(0.2119035 * red + 0.6806995 * green + 0.10739696 * blue)
    short = np.cbrt(0.08830246 * red + 0.28171884 * green + 0.6299787 * blue)
    light = 0.21045426 * long + 0.7936178 * middle - 0.00407205 * short
    a = 1.9779985 * long - 2.4285922 * middle + 0.4505937 * short
    b = 0.02590404 * long + 0.78277177 * middle - 0.80867577 * short
    return np.stack((light, a, b)).astype(np.float32)


def lab_to_rgb(lab: Field) -> Field:
    """OKLab to sRGB, clipped to 0–1; both have the shape (3, …)."""
    light, a, b = lab
    long = (light + 0.39633778 * a + 0.21580376 * b) ** 3
    middle = (light - 0.10556135 * a - 0.06385417 * b) ** 3
    short = (light - 0.08948418 * a - 1.2914855 * b) ** 3
    red = 4.0767417 * long - 3.3077116 * middle + 0.23096993 * short
    green = -1.268438 * long + 2.6097574 * middle - 0.34131940 * short
    blue = -0.00419609 * long - 0.7034186 * middle + 1.7076147 * short
    linear: Field = np.clip(np.stack((red, green, blue)), 0, 1)
    curved = 1.055 * linear ** (1 / 2.4) - 0.055
    rgb: Field = np.where(linear <= 0.0031308, linear * 12.92, curved).astype(np.float32)
    return rgb


def _lab(colour: Colour) -> Field:
    return rgb_to_lab(np.array(colour, np.float32))


def _colour(lab: Field) -> Colour:
    red, green, blue = lab_to_rgb(lab)
    return float(red), float(green), float(blue)


def hexed(code: str) -> Colour:
    """The colour of six hexadecimal digits."""
    red, green, blue = bytes.fromhex(code)
    return red / 255, green / 255, blue / 255


def mix(first: Colour, second: Colour, amount: float) -> Colour:
    return _colour(_lab(first) * np.float32(1 - amount) + _lab(second) * np.float32(amount))


def _turned(colour: Colour, degrees: float) -> Colour:
    light, a, b = _lab(colour)
    turn = complex(a, b) * np.exp(1j * np.radians(degrees))
    return _colour(np.array((light, turn.real, turn.imag), np.float32))


def _dyed(colour: Colour, dye: Colour, amount: float) -> Colour:
    """The colour with the hue of the dye but its own lightness; a grey dye takes the hue away."""
    lab, (_, a, b) = _lab(colour), _lab(dye)
    strength = float(np.hypot(a, b))
    own = max(float(np.hypot(lab[1], lab[2])), 0.05)
    target = np.array((a, b), np.float32) * np.float32(own / strength if strength > 0.03 else 0.3)
    lab[1:] += (target - lab[1:]) * np.float32(amount)
    return _colour(lab)


@dataclass(frozen=True)
class Palette:
    """A ramp of tones, darkest first, and two colours that stand outside it."""

    tones: tuple[Colour, ...]
    glow: Colour
    accent: Colour
    sky: tuple[float, float]
    """Where on the ramp the sky begins (zenith) and ends (horizon), 0–1."""

    def ramp(self, low: float = 0.0, high: float = 1.0, steps: int = 1024) -> Field:
        """Tones from `low` to `high` on the ramp; shape (3, steps)."""
        labs = np.stack([_lab(tone) for tone in self.tones], axis=1)
        where = np.linspace(low, high, steps) * (len(self.tones) - 1)
        knots = np.arange(len(self.tones))
        return lab_to_rgb(np.stack([np.interp(where, knots, row) for row in labs]))

    @cached_property
    def _scale(self) -> list[list[float]]:
        shades: list[list[float]] = self.ramp(steps=201).T.tolist()
        return shades

    def tone(self, position: float) -> Colour:
        red, green, blue = self._scale[round(min(max(position, 0.0), 1.0) * 200)]
        return red, green, blue

    def dyed(self, dye: Colour, amount: float = 0.85) -> Palette:
        return replace(
            self,
            tones=tuple(_dyed(tone, dye, amount) for tone in self.tones),
            glow=_dyed(self.glow, dye, amount / 2),
        )

    def turned(self, degrees: float) -> Palette:
        """Every hue turned a little, as another hour would do."""
        return replace(
            self,
            tones=tuple(_turned(tone, degrees) for tone in self.tones),
            glow=_turned(self.glow, degrees),
        )


def _palette(tones: str, glow: str, accent: str, sky: tuple[float, float]) -> Palette:
    return Palette(tuple(map(hexed, tones.split())), hexed(glow), hexed(accent), sky)


PALETTES = {
    "dawn": _palette("1c2a3e 465f7e 93a3bb e6c3b5 fbe8d2", "fff4e0", "ef9a82", (0.32, 1.0)),
    "day": _palette("12303f 2b6a86 69aec2 b8dbe0 f3f4e8", "fffbea", "e8a94a", (0.42, 0.97)),
    "dusk": _palette("16122c 40295a 8f4a76 e58d78 fcd6a4", "fff0cf", "ff9460", (0.1, 1.0)),
    "night": _palette("060a1a 0f1b3b 1d3a66 3f7093 93bdc6", "eaf4ea", "6fe3b4", (0.0, 0.62)),
    "desert": _palette("3a1a20 833a2a c96f42 ecb47c fae3c0", "fff4dc", "3f7f8c", (0.5, 1.0)),
    "dry noon": _palette("4a2a22 a3603c dba368 74b0ca f1f3e6", "fffbe8", "d9552f", (0.74, 1.0)),
    "mist": _palette("14231f 335247 6f9180 b4c9b6 eef1df", "fffbe6", "d98a4a", (0.55, 1.0)),
    "bamboo": _palette("10241a 2b5a36 6b9a58 b6cf95 f2f3d6", "fffbe0", "d9a441", (0.55, 1.0)),
    "autumn": _palette("2a1a1c 6e3a2c b8743f e6b777 fbeacb", "fff4d8", "c8452f", (0.5, 1.0)),
    "ink": _palette("15171a 3d4246 7d8386 c2c2bb f4efe2", "fbf7ec", "b8322a", (0.85, 1.0)),
    "paper": _palette("1f3340 3e6470 86a69f dcc9a6 f7ead0", "fff6e2", "d9652e", (0.5, 1.0)),
    "neon": _palette("0a0a1c 1d1a42 4a2c74 a0509a f0a0b4", "ffd9a0", "38d6dc", (0.0, 0.75)),
    "lamplight": _palette("0e0f1e 26264a 5f4260 c07a58 f6cf94", "ffdfa6", "e85f8a", (0.0, 0.8)),
    "deep": _palette("04161f 0a3a4a 177080 58b4ae cdeed8", "f2fff0", "f0b45a", (0.0, 1.0)),
    "violet": _palette("0d0820 2c1656 6536a4 ab82e0 ecdcfb", "fff0fb", "58d6e6", (0.0, 1.0)),
    "silk": _palette("1a1030 55246a c2477c f49a7a fde6c4", "fff6e6", "2aa6a4", (0.0, 1.0)),
    "tide": _palette("071b33 0f4c75 2f93a8 9ad3c4 f6f1da", "fffbe8", "f08a5d", (0.0, 1.0)),
    "spring": _palette("17302a 3f6f4a 93b56e f0cdb4 fdf3e0", "fff6e0", "e5566d", (0.74, 1.0)),
    "rain": _palette("0c1820 21394a 4b6b7c 93a9ae d8dcd2", "ffd596", "e8703a", (0.2, 0.8)),
}

TIMES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("dawn", ("dawn", "sunrise", "morning", "daybreak", "清晨", "黎明", "日出", "早晨", "晨")),
    ("dusk", ("dusk", "sunset", "twilight", "golden hour", "黄昏", "黃昏", "日落", "夕阳", "夕陽")),
    ("night", ("night", "midnight", "moonlight", "moonlit", "夜", "夜晚", "月光")),
    ("day", ("noon", "midday", "daylight", "sunny", "正午", "中午", "白天")),
)

DYES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("d03a34", ("red", "crimson", "scarlet", "红", "紅")),
    ("e8863a", ("orange", "amber", "橙")),
    ("dba93a", ("gold", "golden", "yellow", "金", "黄", "黃")),
    ("4c9a52", ("green", "emerald", "jade", "绿", "綠", "翠")),
    ("1f9d9a", ("teal", "turquoise", "cyan", "青")),
    ("2f6fd0", ("blue", "azure", "indigo", "cobalt", "蓝", "藍")),
    ("7d4fd0", ("violet", "purple", "lavender", "紫")),
    ("e46f9c", ("pink", "rose", "magenta", "粉")),
    ("808080", ("black", "white", "grey", "gray", "monochrome", "silver", "黑", "白", "灰")),
)


def dyes_of(folded: str) -> list[Colour]:
    """The colours that a folded prompt names, in its own order."""
    text = folded.replace("黄昏", "").replace("黃昏", "").replace("golden hour", "")
    found = [(min(_places(text, words)), code) for code, words in DYES if mentions(text, words)]
    return [hexed(code) for _, code in sorted(found)]


def _places(text: str, words: tuple[str, ...]) -> list[int]:
    return [spot for word in words if (spot := place(text, word)) >= 0]


def choose_palette(folded: str, moods: dict[str, str]) -> Palette:
    """The palette for a prompt; `moods` names one per time of day and one for "any" time."""
    times = [time for time, words in TIMES if mentions(folded, words)]
    palette = PALETTES[next((moods[time] for time in times if time in moods), moods["any"])]
    dyes = dyes_of(folded)
    if dyes:
        palette = palette.dyed(dyes[0])
    return replace(palette, accent=dyes[1]) if len(dyes) > 1 else palette
