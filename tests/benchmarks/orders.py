"""What the benchmark has the program do, from inside: tasks written down, moved on and submitted
as the worker itself does it, through the history and the notice that open pages get."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib import request as ask

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from kling_ui.request import ImageRequest
from kling_ui.studio import Studio
from kling_ui.task import State, Task
from kling_ui.web.owner import OPERATOR

from .commits import Commits
from .rows import write_tasks

ROUTE = "/benchmark"
PATIENCE = 60.0  # seconds for a task
ORDERED = 120.0  # seconds for an order to be done
STEPS = (State.SUBMITTED, State.PROCESSING, State.SAVING, State.SUCCEEDED)


def order_routes(studio: Studio, commits: Commits) -> Sequence[BaseRoute]:
    async def told(_: Request) -> JSONResponse:
        return JSONResponse(commits.told)

    async def seed(request: Request) -> JSONResponse:
        asked = await request.json()
        for owner in asked["owners"]:
            await asyncio.to_thread(
                write_tasks, studio.history, owner, studio.accounts.usual.name, asked["tasks"]
            )
        return JSONResponse({})

    async def change(request: Request) -> JSONResponse:
        asked = await request.json()
        changing = Changing(studio, time.monotonic(), asked["seconds"], len(asked["owners"]))
        await asyncio.gather(*map(changing.one, range(len(asked["owners"])), asked["owners"]))
        return JSONResponse({})

    async def press(request: Request) -> JSONResponse:
        async with asyncio.timeout(PATIENCE):
            task = await pressed(studio, ImageRequest.draft(await request.json()))
        return JSONResponse({"pictures": [one.id for one in task.pictures]})

    return [
        Route(ROUTE, told),
        Route(f"{ROUTE}/seed", seed, methods=["POST"]),
        Route(f"{ROUTE}/change", change, methods=["POST"]),
        Route(f"{ROUTE}/press", press, methods=["POST"]),
    ]


def order(url: str, what: str, **asked: Any) -> Any:
    """Done when it answers."""
    body, kind = json.dumps(asked).encode(), {"content-type": "application/json"}
    with ask.urlopen(ask.Request(f"{url}{ROUTE}/{what}", body, kind), timeout=ORDERED) as reply:
        return json.load(reply)


def told(url: str) -> list[dict[str, Any]]:
    """As in `Commits`."""
    with ask.urlopen(f"{url}{ROUTE}", timeout=ORDERED) as reply:
        return [*json.load(reply)]


@dataclass(frozen=True, slots=True)
class Changing:
    """Each of `owners` has one task after another go through its states, a step a second, for some
    `seconds` from `began` (monotonic); owners take turns within the second."""

    studio: Studio
    began: float
    seconds: float
    owners: int

    async def one(self, place: int, owner: str) -> None:
        tasks = await self.studio.tasks(owner=owner)
        for number in range(round(self.seconds)):
            moment = self.began + number + place / self.owners
            await asyncio.sleep(moment - time.monotonic())
            which, step = number // len(STEPS) % len(tasks), STEPS[number % len(STEPS)]
            tasks[which] = await self._step(tasks[which], step)

    async def _step(self, task: Task, step: State) -> Task:
        times: dict[str, Any] = {"took": 3.0} if step.over else {"ended": None, "took": None}
        if step is STEPS[0]:
            times["sent"] = time.time()
        moved = await self.studio.records.move(task, step, **times)
        assert moved
        return moved


async def pressed(studio: Studio, request: ImageRequest) -> Task:
    """The task when it is over."""
    task = await studio.submit(request, owner=OPERATOR)
    assert isinstance(task, Task), task
    with studio.watching(OPERATOR) as changed:
        while not task.state.over:
            await changed.wait()
            changed.clear()
            task = await studio.task(task.id, owner=OPERATOR) or task
    return task
