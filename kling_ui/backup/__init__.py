"""A data folder as one file, and back: ``python -m kling_ui.backup``."""

from .restoring import restore
from .saving import save
from .words import Refusal

__all__ = ["Refusal", "restore", "save"]
