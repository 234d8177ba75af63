"""Pictures as large as Kling's, made once for a whole run: 1024 × 1024, 0.3 to 1 MB as PNG."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 1024
PATCHES = (4, 5, 6, 8)  # of colour, along each side
GRAIN = (0.0, 0.1, 0.5)


def make_pictures(folder: Path) -> None:
    folder.mkdir()
    for number, (patches, grain) in enumerate(product(PATCHES, GRAIN)):
        _picture(number, patches, grain).save(folder / f"{number:02}.png")


def _picture(seed: int, patches: int, grain: float) -> Image.Image:
    random = np.random.default_rng(seed)
    colours = Image.fromarray(random.integers(0, 256, (patches, patches, 3), dtype=np.uint8))
    smooth = np.asarray(colours.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32)
    grained = smooth + random.normal(0, grain, (SIDE, SIDE, 1))
    return Image.fromarray(np.clip(grained, 0, 255).astype(np.uint8))
