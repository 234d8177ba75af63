"""The list of the page's states, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .scene import Scene

Arrange = Callable[[Scene], None]


@dataclass(frozen=True)
class PageState:
    """`arrange` brings a scene into it. `spoils`: it leaves more behind than what is told,
    selected or ended by Escape, so that the next one wants the page anew. `points`: the mouse
    stays where it is."""

    name: str
    arrange: Arrange
    spoils: bool = True
    points: bool = False


STATES: dict[str, PageState] = {}


def state(*, spoils: bool = True, points: bool = False) -> Callable[[Arrange], Arrange]:
    """A function that arranges a state is named like it."""

    def listed(arrange: Arrange) -> Arrange:
        name = arrange.__name__.replace("_", "-")
        add(PageState(name, arrange, spoils, points))
        return arrange

    return listed


def add(one: PageState) -> None:
    assert one.name not in STATES, f"two states are named {one.name}"
    STATES[one.name] = one
