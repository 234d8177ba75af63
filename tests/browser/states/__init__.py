"""Every state of the page: what is told to it and done on it until it looks like that.

A new state is a function in the room it belongs to."""

from . import around, composer, history, stage
from .registry import STATES, PageState

__all__ = ["STATES", "PageState", "around", "composer", "history", "stage"]
