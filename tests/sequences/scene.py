"""One scene: a studio, a simulated Kling, and a wire between them that does what the test says.

Nothing waits for real, and nothing is drawn by lot: a test tells its story in virtual seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import inspect
import io
import json
import random
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

import httpx
import pytest
from PIL import Image

from kling_ui.client import BearerAuth, KlingClient
from kling_ui.history import History
from kling_ui.pictures import Downloader, PictureFolder
from kling_ui.request import ImageRequest
from kling_ui.settings import Secret
from kling_ui.simulator import Options, build
from kling_ui.studio import Account, Callbacks, Clock, Studio
from kling_ui.task import Answer, State, Task

from .moment import Loop
from .wire import Wire

URL = "http://kling.test/kling"
OWNER = "operator"
DAY = 24 * 3600.0

P = ParamSpec("P")


@dataclass(slots=True)
class Sent:
    """One request. `name`: the external id of a create, the id a get asks for; `size` of a page
    of the list. `status` None: no answer came (yet)."""

    at: float  # virtual seconds
    kind: str  # create, get, list, picture
    name: str
    body: dict[str, Any]
    page: int = 0
    size: int = 0
    status: int | None = None


Fate = httpx.Response | str | None  # an answer instead of Kling's, a word of `Wire`, all is well
Script = Callable[[Sent], Fate]


def _well(_: Sent) -> Fate:
    return None


class Scripted(Wire):
    """`script` says what becomes of every request; `sent` tells of all."""

    def __init__(self, app: Any, loop: Loop) -> None:
        super().__init__(app, loop, loop.chance, trouble=0)
        self.script: Script = _well
        self.sent: list[Sent] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        sent = _read(request, await request.aread(), at=self._loop.passed)
        self.sent.append(sent)
        fate = self.script(sent)
        if isinstance(fate, httpx.Response):
            await asyncio.sleep(0.02)
            response = fate
        else:
            request.extensions["fate"] = fate or "fine"
            response = await super().handle_async_request(request)
        sent.status = response.status_code
        return response

    def _fate(self, request: httpx.Request) -> str:
        return str(request.extensions["fate"])

    def of(self, kind: str, name: str | None = None, *, since: float = 0) -> list[Sent]:
        """What was sent, of one kind, after a moment."""
        return [
            one
            for one in self.sent
            if one.kind == kind and name in (None, one.name) and one.at >= since
        ]

    def looks(self, *, since: float = 0) -> list[Sent]:
        """Queries of both kinds."""
        return [one for one in self.sent if one.kind in ("get", "list") and one.at >= since]


def _read(request: httpx.Request, content: bytes, *, at: float) -> Sent:
    path, query = request.url.path, request.url.params
    last = path.rpartition("/")[2]
    if request.method == "POST":
        body = json.loads(content)
        return Sent(at, "create", body.get("external_task_id", ""), body)
    if "/pictures/" in path:
        return Sent(at, "picture", last, {})
    if last == "generations":
        page, size = int(query["pageNum"]), int(query["pageSize"])
        return Sent(at, "list", "", {}, page=page, size=size)
    return Sent(at, "get", last, {})


def refused(code: int, message: str = "no", *, status: int = 429, **headers: str) -> httpx.Response:
    """An answer of Kling's that says no; a header's name is written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    said = {"code": code, "message": message, "request_id": "r"}
    return httpx.Response(status, json=said, headers=named)


def not_found() -> httpx.Response:
    return refused(1201, "Task not found by id/external id", status=400)


def spring_404() -> httpx.Response:
    """What the router of a gateway says of a path that it does not know."""
    said = {"timestamp": "2026-11-22T10:00:00.000+0000", "status": 404, "error": "Not Found"}
    return httpx.Response(404, json={**said, "message": "No message available", "path": "/v1"})


class Scene:
    """What outlives every start of the studio. `lasting`: seconds that new tasks take."""

    def __init__(self, loop: Loop, folder: Path, **options: Any) -> None:
        self.loop, self.folder = loop, folder
        self.lasting: float | Callable[[random.Random], float] = 9.0
        chosen = {"quota": 1000, "lives": self._life, **options}
        self.app = build(Options(clock=loop.wall, sleep=asyncio.sleep, **chosen))
        self.wire = Scripted(self.app, loop)
        self.history: History | None = None
        # another program with the same key, whose requests nobody counts
        direct = httpx.ASGITransport(app=self.app)
        self.other = KlingClient(base_url=URL, auth=BearerAuth(Secret("key")), transport=direct)

    def _life(self, chance: random.Random) -> tuple[float, float]:
        life = self.lasting if isinstance(self.lasting, float) else self.lasting(chance)
        return life * 0.15, life

    @property
    def now(self) -> float:
        return self.loop.passed

    @asynccontextmanager
    async def studio(
        self, *, callbacks: Callbacks | None = None, resubmit: bool = False
    ) -> AsyncIterator[Studio]:
        """The program runs until the block ends; again and again on the same disk."""
        client = KlingClient(base_url=URL, auth=BearerAuth(Secret("key")), transport=self.wire)
        account = Account("kling", URL, client, Downloader(transport=self.wire))
        history = self.history = History(self.folder / "history.db", clock=self.loop.wall)
        studio = Studio(
            history=history,
            folder=PictureFolder(self.folder / "pictures"),
            accounts={"kling": account},
            account=account,
            alive=self.folder / "alive",
            callbacks=callbacks,
            resubmit=resubmit,
            clock=Clock(wall=self.loop.wall),
        )
        try:
            async with studio.running():
                yield studio
        finally:
            await studio.folder.aclose()
            history.close()

    def lose_disk(self) -> None:
        """A machine without a disk of its own begins anew."""
        shutil.rmtree(self.folder)
        self.folder.mkdir()

    def row(self, task: Task) -> Task:
        """As it stands in the history."""
        assert self.history
        found = self.history.get(task.id)
        assert found
        return found

    def entered(self, task: Task, state: State) -> float:
        """The virtual second at which it last came into `state`."""
        assert self.history
        moments = [at for one, at in self.history.transitions(task.id) if one == state]
        return moments[-1] - self.loop.wall() + self.loop.passed

    async def ended(self, task: Task) -> float:
        """The virtual second at which Kling was done with it."""
        answer = await self.other.get(self.row(task).remote_id)
        assert answer.succeeded or answer.failed
        return answer.updated_at / 1000 - self.loop.wall() + self.loop.passed

    async def made_elsewhere(self, count: int, **fields: Any) -> list[Answer]:
        """Tasks of another program with the same key."""
        fields = {"prompt": "cat", "model_name": "kling-v1", **fields}
        return [await self.other.create(fields) for _ in range(count)]


async def press(
    studio: Studio, prompt: str = "a fox", *, owner: str = OWNER, **values: Any
) -> Task:
    values = {"model_name": "kling-v2-1", "aspect_ratio": "1:1", **values}
    outcome = await studio.submit(ImageRequest.draft({"prompt": prompt, **values}), owner=owner)
    assert isinstance(outcome, Task), outcome
    return outcome


async def until(
    studio: Studio, task: Task, *states: State, case: str | None = None, within: float = 2 * DAY
) -> Task:
    """Wait until `task` is in one of `states` (default: over) and, if asked for, of that case."""
    async with asyncio.timeout(within):
        with studio.watching(task.owner) as changed:
            while True:
                changed.clear()
                now = studio.history.get(task.id)
                assert now
                there = now.state in states if states else now.state.over or case is not None
                if there and case in (None, now.case):
                    return now
                await changed.wait()


def played(
    **options: Any,
) -> Callable[[Callable[Concatenate[Scene, P], Awaitable[None]]], Callable[P, None]]:
    """A test told as a story in a `Scene`; `options` are the simulator's."""

    def tell(story: Callable[Concatenate[Scene, P], Awaitable[None]]) -> Callable[P, None]:
        def test(*args: P.args, **named: P.kwargs) -> None:
            with _stage(options) as scene:
                scene.loop.run_until_complete(_to_its_end(story(scene, *args, **named)))

        given = [*inspect.signature(story).parameters.values()][1:]
        test.__signature__ = inspect.Signature(given)  # type: ignore[attr-defined]
        test.__name__, test.__qualname__ = story.__name__, story.__qualname__
        test.__doc__, test.__module__ = story.__doc__, story.__module__
        return test

    return tell


async def _to_its_end(story: Awaitable[None]) -> None:
    """And nothing of it goes on."""
    try:
        await story
    finally:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for one in left:
            one.cancel()
        await asyncio.gather(*left, return_exceptions=True)


@contextlib.contextmanager
def _stage(options: dict[str, Any]) -> Any:
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    random.seed(1)
    loop = Loop(random.Random(1))
    asyncio.set_event_loop(loop)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("kling_ui.simulator.painter.paint", _dot)
            patch.setattr("kling_ui.simulator.tasks.randbelow", loop.chance.randrange)
            patch.setattr(secrets, "token_hex", lambda size: loop.chance.randbytes(size).hex())
            yield Scene(loop, folder, **options)
    finally:
        asyncio.set_event_loop(None)
        loop.close()
        shutil.rmtree(folder)


def _dot(*, prompt: str, index: int, width: int, height: int, reference: Any = None) -> bytes:
    colour = hashlib.sha256(f"{prompt} {index}".encode()).digest()
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (colour[0], colour[1], colour[2])).save(file, "PNG")
    return file.getvalue()
