"""The studio as the program opens it, without a page.

A picture is on disk when its original bears its final name: that is its ``st_ctime_ns``, which
the rename sets. Its ``st_mtime_ns`` is older (the ``.part`` was written then), and what watchers
see is younger (the row is written by then).
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from unittest import mock

import uvicorn
from starlette.applications import Starlette

from kling_ui.client import BearerAuth, KlingClient
from kling_ui.history import History
from kling_ui.pictures import Downloader, PictureFolder, pixels
from kling_ui.request import ImageRequest
from kling_ui.settings import Secret
from kling_ui.studio import Account, Callbacks, Studio
from kling_ui.web.callbacks import callback_routes

from .meter import Meter
from .outcome import Outcome, arguments

OWNER = "operator"
SETTLE = 1.0  # seconds before the process counts as idle
DEADLINE = 90.0  # seconds for all tasks; what is not there by then is told as lost
LOOK = 0.5  # seconds between two looks at how many tasks still run


def main() -> None:
    parser = arguments("ours")
    parser.add_argument("--callbacks", action="store_true")
    given = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    work = measured(given.url, given.data, tasks=given.tasks, callbacks=given.callbacks)
    print(asyncio.run(work).line())


async def measured(url: str, data: Path, *, tasks: int, callbacks: bool) -> Outcome:
    meter = Meter()
    decode = meter.on_pixels(pixels.decode)
    render = meter.on_pixels(PictureFolder._render)
    with (
        mock.patch.object(pixels, "decode", decode),
        mock.patch.object(PictureFolder, "_render", render),
    ):
        async with opened(url, data, callbacks=callbacks) as studio:
            await asyncio.sleep(SETTLE)
            meter.start()
            await asyncio.gather(*(submitted(studio) for _ in range(tasks)))
            await all_over(studio)
            spent = meter.spent()
            return Outcome(landed(studio, tasks), spent)


@asynccontextmanager
async def opened(url: str, data: Path, *, callbacks: bool) -> AsyncIterator[Studio]:
    """At work, on the account of `url`; what it holds open is closed at the end."""
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1024))
        here = f"http://127.0.0.1:{listener.getsockname()[1]}"
        studio = studio_of(url, data, Callbacks(here, bytes(32)) if callbacks else None)
        stack.callback(studio.history.close)
        stack.push_async_callback(studio.folder.aclose)
        stack.push_async_callback(studio.accounts.usual.downloader.aclose)
        stack.push_async_callback(studio.accounts.usual.client.aclose)
        if callbacks:
            await stack.enter_async_context(called(studio, listener))
        await stack.enter_async_context(studio.running())
        yield studio


def studio_of(url: str, data: Path, callbacks: Callbacks | None) -> Studio:
    client = KlingClient(base_url=f"{url}/kling", auth=BearerAuth(Secret("benchmark")))
    account = Account("benchmark", f"{url}/kling", client, Downloader(allow_private=True))
    return Studio(
        history=History(data / "history.db"),
        folder=PictureFolder(data / "pictures"),
        accounts={account.name: account},
        account=account,
        alive=data / "alive",
        callbacks=callbacks,
    )


@asynccontextmanager
async def called(studio: Studio, listener: socket.socket) -> AsyncIterator[None]:
    """The routes that Kling calls, served in this event loop as the program serves them."""
    app = Starlette(routes=callback_routes(studio))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


async def submitted(studio: Studio) -> None:
    request = ImageRequest.draft({"prompt": "a fox", "aspect_ratio": "1:1"})
    task = await studio.submit(request, owner=OWNER)
    assert not isinstance(task, dict), task


async def all_over(studio: Studio) -> None:
    """Until every task has its end and every picture its thumbnails."""
    for _ in range(round(DEADLINE / LOOK)):
        if not (await studio.summary(owner=OWNER)).running:
            break
        await asyncio.sleep(LOOK)
    await studio.folder.rendered()


def landed(studio: Studio, tasks: int) -> dict[str, float]:
    """The newest `tasks` tasks, as far as they have their picture."""
    newest = studio.history.newest(OWNER, limit=tasks)
    originals = {
        task.remote_id: studio.folder.original(picture.file)
        for task in newest
        for picture in task.pictures
    }
    return {name: original.stat().st_ctime_ns / 1e9 for name, original in originals.items()}


if __name__ == "__main__":
    main()
