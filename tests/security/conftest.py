"""The program as its neighbours meet it: on this machine, on a LAN, on a Space."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ..conftest import QUICK
from ..program import Program, app_at
from .visitor import SPACE_HOST, Visitor
from .wire import Payments, paid

OPERATOR, ANN, BOB = "the-operators-key", "anns-own-key-1234", "bobs-own-key-5678"
HERS = "the-victims-key-9012"  # nobody else's in any test
NAMES = ("studio.example", "pictures.example")
SPACE = {"SPACE_ID": "someone/studio", "SPACE_HOST": SPACE_HOST}

Start = Callable[..., Program]


@contextmanager
def running(data: Path, **env: str) -> Iterator[Program]:
    """Started, and stopped by its own process."""
    program = app_at(data, **env).start()
    try:
        yield program
    finally:
        if program.process and program.process.poll() is None:
            program.stop(signal.SIGKILL)


@pytest.fixture(scope="session")
def bank() -> Iterator[Payments]:
    """Kling with four customers."""
    with paid(seconds=QUICK, keys=frozenset({OPERATOR, ANN, BOB, HERS})) as one:
        yield one


@pytest.fixture(scope="session")
def space(bank: Payments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """On a Space whose operator lets nobody spend the key: visitors get the demo."""
    data = tmp_path_factory.mktemp("space")
    urls = {"KLING_BASE_URL": bank.base_url, "KLING_API_KEY": OPERATOR}
    with running(data, **SPACE, **urls) as program:
        yield program


@pytest.fixture(scope="session")
def local(bank: Payments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """On this machine, with the operator's key; reached under two more names."""
    settings = {
        "KLING_BASE_URL": bank.base_url,
        "KLING_API_KEY": OPERATOR,
        "KLING_UI_ALLOWED_HOSTS": ", ".join(NAMES),
    }
    with running(tmp_path_factory.mktemp("local"), **settings) as program:
        yield program


@pytest.fixture
def visitor(space: Program) -> Iterator[Callable[..., Visitor]]:
    """``visitor()`` is somebody new with the Space's page open; ``page=False``: without."""
    with ExitStack() as leaving:

        def come(*, page: bool = True, **options: Any) -> Visitor:
            return leaving.enter_context((Visitor.come if page else Visitor)(space, **options))

        yield come
