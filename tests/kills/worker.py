"""A studio at work in a process of its own, to be killed. It knows neither the page nor the web."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from kling_ui.client import BearerAuth, KlingClient
from kling_ui.history import History
from kling_ui.pictures import Downloader, PictureFolder
from kling_ui.request import ImageRequest
from kling_ui.settings import Secret
from kling_ui.studio import Account, Clock, Studio
from kling_ui.task import Task

OWNER = "operator"
PACE = 0.05  # the worker's waits, of a real one's


@dataclass(frozen=True, slots=True)
class Press:
    """One press of Generate. `regret`: seconds after which it is cancelled, None: never."""

    nonce: str
    prompt: str
    n: int = 1
    clicks: int = 1  # one press, however many events a browser makes of it
    regret: float | None = None


@asynccontextmanager
async def at_work(data: Path, url: str) -> AsyncIterator[Studio]:
    """The studio of a data folder, working, with everything it needs opened and closed."""
    client = KlingClient(base_url=f"{url}/kling", auth=BearerAuth(Secret("key")))
    downloader = Downloader(allow_private=True)
    one = Account("test", f"{url}/kling", client, downloader)
    history = History(data / "history.db")
    studio = Studio(
        history=history,
        folder=PictureFolder(data / "pictures"),
        accounts={one.name: one},
        account=one,
        alive=data / "alive",
        clock=Clock(pace=PACE),
    )
    try:
        async with studio.running():
            yield studio
    finally:
        await client.aclose()
        await downloader.aclose()
        await studio.folder.aclose()
        history.close()


def live(data: Path, url: str, presses: Sequence[Press], told: Connection) -> None:
    """Work until killed. Tells ``("ready", "")``, ``("queued", nonce)`` when a press has been
    answered, and ``("error", text)`` for what the studio could only write into its log."""
    assert not {"gradio", "starlette"} & {*sys.modules}
    logging.getLogger().handlers = [Telling(told)]
    asyncio.run(_live(data, url, presses, told))


async def _live(data: Path, url: str, presses: Sequence[Press], told: Connection) -> None:
    async with at_work(data, url) as studio:
        told.send(("ready", ""))
        await asyncio.gather(*(_press(studio, press, told) for press in presses))
        await asyncio.Event().wait()


async def _press(studio: Studio, press: Press, told: Connection) -> None:
    task = await pressed(studio, press)
    told.send(("queued", press.nonce))
    if press.regret is not None:
        await asyncio.sleep(press.regret)
        await studio.cancel(task.id, owner=OWNER)


async def pressed(studio: Studio, press: Press) -> Task:
    """The one task of a press."""
    request = ImageRequest.draft({"prompt": press.prompt, "n": press.n})
    clicks = (studio.submit(request, owner=OWNER, nonce=press.nonce) for _ in range(press.clicks))
    first, *others = await asyncio.gather(*clicks)
    assert isinstance(first, Task), first
    assert all(isinstance(other, Task) and other.id == first.id for other in others)
    return first


class Telling(logging.Handler):
    """Errors go to whoever listens."""

    def __init__(self, told: Connection) -> None:
        super().__init__(logging.ERROR)
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        self._told.send(("error", self.format(record)))
