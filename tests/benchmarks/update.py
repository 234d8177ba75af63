"""What it costs the server that the stage shows another task: the one event of Gradio's that the
page sends when pictures arrive. The peer's is a tick of its timer, whether they do or not."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from kling_ui.history import History
from kling_ui.web.owner import OPERATOR

from ..program import Program
from .figure import Figure, NotMeasured
from .idle import SETTLE
from .polled import polled
from .rows import write_history
from .served import served
from .visitors import poll
from .wire import Wire

TIMES = 150
WARM_UP = 20
TASKS = 2  # the newer one has so many pictures:
PICTURES = 4

Ask = Callable[[Wire], Awaitable[None]]


def update(folder: Path, *, peers: bool) -> Iterator[Figure]:
    data = folder / "data"
    write_history(data, OPERATOR, "demo", TASKS)
    with served(data) as program:
        ours = asyncio.run(_cost(program, _shown(_newest(data))))
    theirs = _peer(data) if peers else None
    yield Figure(f"the stage shows {PICTURES} pictures, mean", ours, "ms CPU", 10, theirs)


def _peer(data: Path) -> float:
    async def tick(wire: Wire) -> None:
        await poll(wire, secrets.token_hex(6))

    with polled(data, stage=True) as program:
        return asyncio.run(_cost(program, tick))


def _newest(data: Path) -> str:
    with closing(History(data / "database" / "history.db")) as history:
        task = history.newest(OPERATOR, limit=1)[0]
    assert len(task.pictures) == PICTURES
    return task.id


def _shown(task_id: str) -> Ask:
    """As the page's own script asks for it."""
    body: dict[str, Any] = {}

    async def ask(wire: Wire) -> None:
        if not body:
            config = json.loads(await wire.ask("/config"))
            event = next(one for one in config["dependencies"] if one["targets"][0][1] == "show")
            body.update(fn_index=event["id"], trigger_id=event["targets"][0][0])
            body.update(
                data=[], event_data={"task_id": task_id, "question": 1}, session_hash="benchmark"
            )
        answer = (await wire.ask("/gradio_api/run/predict", body)).decode()
        if answer.count("/1280") < PICTURES:
            raise NotMeasured(answer)

    return ask


async def _cost(program: Program, ask: Ask) -> float:
    """Milliseconds of the program's time, a time."""
    wire = Wire(program.url)
    for number in range(WARM_UP + TIMES):
        if number == WARM_UP:
            await asyncio.sleep(SETTLE)
            cpu = program.cpu
        await ask(wire)
    return 1000 * (program.cpu - cpu) / TIMES
