"""A Kling whose tasks live about as long as real ones, with pictures that were made beforehand.

``GET /benchmark`` tells when each task ended and how many requests came, pictures apart.
"""

from __future__ import annotations

import argparse
import json
import socket
from math import log
from pathlib import Path
from random import Random
from unittest import mock

import uvicorn
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from kling_ui.simulator import Options, build

ROUTE = "/benchmark"
QUEUE = 0.2  # seconds as ``submitted``
MEDIAN, SIGMA, SHORTEST, LONGEST = 9.0, 0.35, 5.0, 20.0  # seconds of a task, log-normal
QUOTA = 10_000
KEEP_ALIVE = 75  # seconds; uvicorn's own 5 end just as a poll every 5 s begins


def main() -> None:
    given = parser().parse_args()
    app = build(
        Options(
            folder=given.folder,
            quota=QUOTA,
            lives=life,
            callbacks=True,
            listing=not given.no_list,
        )
    )
    pictures: list[bytes] = [file.read_bytes() for file in sorted(given.pictures.iterdir())]

    def picture(*, prompt: str, index: int, **_: object) -> bytes:
        return pictures[index % len(pictures)]

    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        print(f"Kling on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        with mock.patch("kling_ui.simulator.painter.paint", picture):
            served = Counted(app, given.folder)
            config = uvicorn.Config(served, log_level="warning", timeout_keep_alive=KEEP_ALIVE)
            uvicorn.Server(config).run(sockets=[listener])


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m tests.benchmarks.kling")
    made.add_argument("--folder", type=Path, required=True, help="its tasks are kept here")
    made.add_argument("--pictures", type=Path, required=True, help="a folder of PNGs to serve")
    made.add_argument("--no-list", action="store_true")
    return made


def life(random: Random) -> tuple[float, float]:
    whole = random.lognormvariate(log(MEDIAN), SIGMA)
    return QUEUE, min(max(whole, SHORTEST), LONGEST)


class Counted:
    """`app` with every request counted, and the benchmark's own route beside it."""

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self._app, self._folder = app, folder
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == ROUTE:
            await JSONResponse(self._told())(scope, receive, send)
            return
        if scope["type"] == "http" and not scope["path"].startswith("/pictures/"):
            self._requests += 1
        await self._app(scope, receive, send)

    def _told(self) -> dict[str, object]:
        """`ended`: Unix seconds by task id, as the simulator itself keeps them on disk."""
        records = [json.loads(file.read_bytes()) for file in self._folder.glob("*.json")]
        ended = {record["id"]: record["ended"] for record in records}
        return {"requests": self._requests, "ended": ended}


if __name__ == "__main__":
    main()
