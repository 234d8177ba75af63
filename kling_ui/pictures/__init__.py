"""Pictures in and out: a reference cleaned for sending, results fetched, verified and kept."""

from .download import Downloader, Fetched, NotFetched
from .folder import BUSY, Kept, PictureFolder
from .inscription import HEAD, Inscription, inscribed, inscription
from .memory import give_back_memory
from .reference import Reference, clean_reference

__all__ = [
    "BUSY",
    "HEAD",
    "Downloader",
    "Fetched",
    "Inscription",
    "Kept",
    "NotFetched",
    "PictureFolder",
    "Reference",
    "clean_reference",
    "give_back_memory",
    "inscribed",
    "inscription",
]
