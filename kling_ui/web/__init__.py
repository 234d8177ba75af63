"""What Gradio lacks: a guard, the owner of a browser, the event stream, and pictures by URL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from ..studio import Studio
from .account import account_routes
from .answers import EXCEPTIONS
from .archive import archive_routes
from .assets import Assets
from .boot import Boot
from .callbacks import callback_routes
from .cards import Cards
from .events import event_routes
from .guard import Guard, Hosts, Login, Uploads, frame_ancestors, hang_up
from .keys import key_routes
from .owner import Owners
from .packing import Packing
from .pictures import picture_routes
from .sessions import Calls, Sessions
from .tasks import task_routes

__all__ = [
    "EXCEPTIONS",
    "Assets",
    "Boot",
    "Guard",
    "Hosts",
    "Login",
    "Owners",
    "Uploads",
    "frame_ancestors",
    "hang_up",
    "middleware",
    "routes",
]


def routes(
    studio: Studio,
    assets: Assets,
    *,
    page: Callable[[str], str] = lambda _: "",
    folder: Path | None = None,
    mode: str = "local",
) -> Sequence[BaseRoute]:
    """`page` is the mark of the page as it is served to an owner now. `folder`, where the data lie,
    and `mode`, how the program runs, are told to whoever asks."""
    cards = Cards(studio, page=page)
    return [
        *event_routes(studio, cards),
        *task_routes(studio, cards),
        *picture_routes(studio),
        *archive_routes(studio),
        *account_routes(studio, folder=folder, mode=mode),
        *key_routes(studio),
        *callback_routes(studio),
        *assets.routes(),
    ]


def middleware(guard: Guard, owners: Owners, boot: Boot, calls: Calls) -> Sequence[Middleware]:
    """Outermost first."""
    told_apart = [] if owners.shared else [Middleware(Sessions(calls).around)]
    inner = [Middleware(boot.around), Middleware(Packing().around)]
    return [Middleware(guard.around), Middleware(owners.around), *told_apart, *inner]
