"""What Gradio lacks: the owner of a browser, the event stream, and pictures by URL."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from ..studio import Studio
from .assets import Assets
from .boot import Boot
from .callbacks import callback_routes
from .cards import Cards
from .events import event_routes
from .owner import Owners
from .pictures import picture_routes

__all__ = ["Assets", "Boot", "Owners", "middleware", "routes"]


def routes(studio: Studio, assets: Assets) -> Sequence[BaseRoute]:
    return [
        *event_routes(studio, Cards(studio)),
        *picture_routes(studio),
        *callback_routes(studio),
        *assets.routes(),
    ]


def middleware(owners: Owners, boot: Boot) -> Sequence[Middleware]:
    """Outermost first."""
    return [Middleware(owners.around), Middleware(boot.around)]
