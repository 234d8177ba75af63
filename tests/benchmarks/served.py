"""The program as ``app.py`` starts it, with routes of the benchmark's own beside its own: what was
committed when, and changes made on order."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from starlette.routing import BaseRoute

import app
from kling_ui import web
from kling_ui.studio import Studio
from kling_ui.web.guard import doors
from kling_ui.web.guard.doors import Door

from ..program import Program, app_at
from .commits import Commits
from .orders import ROUTE, order_routes
from .processes import running


def main() -> None:
    commits = Commits()

    def with_orders(studio: Studio, *values: Any, **named: Any) -> Sequence[BaseRoute]:
        return [*web.routes(studio, *values, **named), *order_routes(studio, commits)]

    orders = Door("GET POST", rf"{ROUTE}(/\w+)?", largest=1024 * 1024)
    with (
        commits.kept(),
        mock.patch.object(app, "routes", with_orders),
        mock.patch.object(doors, "DOORS", (*doors.DOORS, orders)),
    ):
        app.main()


@contextmanager
def served(
    data: Path, env: Mapping[str, str] | None = None, *, called: bool = False
) -> Iterator[Program]:
    """A process of its own, until the block ends. `called`: it asks Kling to call back."""
    program = app_at(data, **env or {})
    if called:
        program.env["KLING_UI_PUBLIC_URL"] = f"http://127.0.0.1:{program.env['GRADIO_SERVER_PORT']}"
    program.command = [sys.executable, "-m", "tests.benchmarks.served"]
    with running(program):
        yield program


if __name__ == "__main__":
    main()
