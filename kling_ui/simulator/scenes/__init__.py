"""The scenes, and the words that call for each."""

from __future__ import annotations

from ..words import mentions
from .craft import CRAFT
from .form import FORM
from .land import LAND
from .night import NIGHT
from .rooms import ROOMS
from .scene import Scene
from .water import WATER
from .woods import WOODS

SCENES: tuple[Scene, ...] = tuple(
    sorted(CRAFT + FORM + ROOMS + WATER + NIGHT + WOODS + LAND, key=Scene.rank)
)


def choose_scene(folded: str, seed: int) -> Scene:
    """The first scene one of whose words stands in the prompt; else one by the seed."""
    for scene in SCENES:
        if mentions(folded, scene.words):
            return scene
    showpieces = [scene for scene in SCENES if scene.showpiece]
    return showpieces[seed % len(showpieces)]
