"""A Kling on a real socket, and a studio that talks to it."""

from __future__ import annotations

import asyncio
import hashlib
import io
import random
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from PIL import Image

from kling_ui.client import BearerAuth, KlingClient
from kling_ui.history import History
from kling_ui.pictures import Downloader, PictureFolder
from kling_ui.request import ImageRequest
from kling_ui.settings import Secret
from kling_ui.simulator import Options, build
from kling_ui.studio import Account, Clock, Studio
from kling_ui.task import State, Task
from kling_ui.web import Guard, Hosts, Uploads

from .program import Program, app_at

OWNER = "operator"
QUICK = (0.05, 0.1)  # seconds a task takes
PACE = 0.05  # the worker's waits, of a real one's


# these begin first, the rest fills up
LONGEST = ("test_sequences", "browser", "test_kills", "test_studio", "test_endpoints", "test_web")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=50, help="how often the worker is killed")
    parser.addoption("--sequences", type=int, default=2000, help="simulated runs of the studio")
    parser.addoption("--seed", type=int, help="draws the same again")
    parser.addoption("--screenshots", metavar="DIR", help="pictures of every state of the page")


def pytest_configure(config: pytest.Config) -> None:
    """The processes that share the tests must draw the same: the first one tells the others."""
    told = getattr(config, "workerinput", {}).get("seed")
    if config.option.seed is None:
        config.option.seed = random.SystemRandom().randrange(2**32) if told is None else told


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["seed"] = node.config.option.seed


def pytest_report_header(config: pytest.Config) -> str:
    return f"--seed {config.option.seed}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        names = (item.path.stem, item.path.parent.name)
        return next((k for k, name in enumerate(LONGEST) if name in names), len(LONGEST))

    items.sort(key=place)


@dataclass
class Kling:
    """A simulator on a socket; `creates` are the JSON bodies that came."""

    url: str
    app: Any = field(repr=False)

    @property
    def creates(self) -> list[Any]:
        return list(self.app.state.simulator.creates)

    @property
    def calls(self) -> list[Any]:
        return list(self.app.state.simulator.calls)


@contextmanager
def served(app: Any) -> Iterator[str]:
    """`app` under uvicorn in a thread of its own; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        config = uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join(timeout=5)


@pytest.fixture(autouse=True)
def plain_pictures(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Plain pictures instead of paintings, where the painter is not what is tested."""
    if request.module.__name__.endswith(("test_painter", "test_simulator")):
        return

    def sketch(*, prompt: str, index: int, width: int, height: int, reference: Any = None) -> bytes:
        colour = hashlib.sha256(f"{prompt} {index}".encode()).digest()
        file = io.BytesIO()
        Image.new("RGB", (width, height), (colour[0], colour[1], colour[2])).save(file, "PNG")
        return file.getvalue()

    monkeypatch.setattr("kling_ui.simulator.painter.paint", sketch)


@pytest.fixture
def kling() -> Iterator[Callable[..., Kling]]:
    """``kling(quota=…, seconds=…)`` starts a simulator with these options."""
    running: list[Any] = []

    def start(**options: Any) -> Kling:
        app = build(Options(**{"seconds": QUICK, **options}))
        one = served(app)
        running.append(one)
        return Kling(one.__enter__(), app)

    yield start
    for one in running:
        one.__exit__(None, None, None)


def account(url: str, *, name: str = "test", key: str = "key", wire: Any = None) -> Account:
    auth = BearerAuth(Secret(key))
    client = KlingClient(base_url=f"{url}/kling", auth=auth, transport=wire)
    return Account(name, f"{url}/kling", client, Downloader(allow_private=True))


def studio_of(data: Path, usual: Account, *others: Account, **more: Any) -> Studio:
    """Not at work yet; its history is the caller's to close. `more` as `Studio` takes it."""
    given: dict[str, Any] = {"clock": Clock(pace=PACE)} | more
    return Studio(
        history=History(data / "history.db"),
        folder=PictureFolder(data / "pictures"),
        accounts={one.name: one for one in (usual, *others)},
        account=usual,
        alive=data / "alive",
        **given,
    )


async def closed(studio: Studio) -> None:
    """With its accounts, its folder and its history."""
    for one in studio.accounts.values():
        await one.aclose()
    await studio.folder.aclose()
    studio.history.close()


@asynccontextmanager
async def open_studio(
    data: Path,
    url: str,
    *,
    name: str = "test",
    key: str = "key",
    wire: Any = None,
    run: bool = True,
) -> AsyncIterator[Studio]:
    """`wire` is an httpx transport instead of sockets."""
    one = account(url, name=name, key=key, wire=wire)
    studio = studio_of(data, one)
    try:
        if run:
            async with studio.running():
                yield studio
        else:
            yield studio
    finally:
        await closed(studio)


@pytest.fixture(scope="session")
def kling_server() -> Iterator[Kling]:
    """A simulator for the program to talk to as over the internet. "good-key" is `app`'s: who else
    used it would find its tasks and take them for its own."""
    app = build(Options(seconds=(1.0, 1.6), keys=frozenset({"good-key", "another-key"})))
    with served(app) as url:
        yield Kling(url, app)


@pytest.fixture(scope="session")
def app(kling_server: Kling, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The program with a key, as over the internet."""
    program = app_at(
        tmp_path_factory.mktemp("live"),
        KLING_UI_ALLOWED_HOSTS="kling.example",
        KLING_BASE_URL=f"{kling_server.url}/kling",
        KLING_API_KEY="good-key",
    ).start()
    yield program
    program.stop()


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """``program(**env)`` starts a program of this test's own."""
    running: list[Program] = []

    def start(**env: str) -> Program:
        running.append(app_at(tmp_path / "data", **env).start())
        return running[-1]

    yield start
    for one in running:
        if one.process and one.process.poll() is None:
            one.stop(signal.SIGKILL)


@pytest.fixture
def studio(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Studio]]:
    """``studio(url)`` opens the studio of this test's data folder, again and again if need be."""

    def opened(url: str, **options: Any) -> AbstractAsyncContextManager[Studio]:
        return open_studio(tmp_path, url, **options)

    return opened


async def submitted(studio: Studio, prompt: str = "a fox", **values: Any) -> Task:
    nonce = values.pop("nonce", "")
    owner = values.pop("owner", OWNER)
    task = await studio.submit(
        ImageRequest.draft({"prompt": prompt, **values}), owner=owner, nonce=nonce
    )
    assert isinstance(task, Task), task
    return task


async def reaches(studio: Studio, task: Task, *states: State, within: float = 20) -> Task:
    """Wait until `task` is in one of `states` (default: over)."""
    async with asyncio.timeout(within):
        while True:
            now = await studio.records.get(task.id)
            assert now is not None
            if now.state in states or (not states and now.state.over):
                return now
            await asyncio.sleep(0.02)


def photo(width: int = 400, height: int = 300, kind: str = "JPEG", **options: Any) -> bytes:
    """A picture with something in it."""
    image = Image.linear_gradient("L").resize((width, height))
    picture = Image.merge("RGB", (image, image.rotate(180), image.transpose(Image.Transpose(0))))
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def guard() -> Guard:
    """What stands before everything else; nothing is uploaded."""
    hosts, nowhere = Hosts(["studio.test"]), Uploads(Path())
    return Guard(hosts, nowhere, login=None, space=False, proxied=False, ancestors="'self'")


def unchanged(updates: Any) -> bool:
    """Whether what a handler gave leaves the form as it is."""
    skip = {"__type__": "update"}
    return bool(updates) and all(update == skip for update in updates.values())
