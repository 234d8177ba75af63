"""What Gradio lacks: the owner of a browser, the event stream, and pictures by URL."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from ..studio import Studio
from .account import account_routes
from .archive import archive_routes
from .assets import Assets
from .boot import Boot
from .callbacks import callback_routes
from .cards import Cards
from .events import event_routes
from .owner import Owners
from .pictures import picture_routes
from .tasks import task_routes

__all__ = ["Assets", "Boot", "Owners", "middleware", "routes"]


def routes(
    studio: Studio, assets: Assets, *, page: str = "", folder: Path | None = None
) -> Sequence[BaseRoute]:
    """`page` is the mark of the page as it is served now. `folder`, where the data lie, is told to
    whoever asks."""
    cards = Cards(studio, page=page)
    return [
        *event_routes(studio, cards),
        *task_routes(studio, cards),
        *picture_routes(studio),
        *archive_routes(studio),
        *account_routes(studio, folder=folder),
        *callback_routes(studio),
        *assets.routes(),
    ]


def middleware(owners: Owners, boot: Boot) -> Sequence[Middleware]:
    """Outermost first."""
    return [Middleware(owners.around), Middleware(boot.around)]
