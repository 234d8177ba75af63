"""The peer: a loop for each task, the picture written to a file, and nothing else.

A picture is on disk at the last change of its file (``st_ctime_ns``).
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from .meter import Meter
from .outcome import Outcome, arguments

PATH = "/kling/v1/images/generations"
SETTLE = 1.0  # seconds before the process counts as idle


def main() -> None:
    parser = arguments("plain")
    parser.add_argument("--every", type=float, required=True, help="seconds between two queries")
    given = parser.parse_args()
    work = measured(given.url, given.data, tasks=given.tasks, every=given.every)
    print(asyncio.run(work).line())


async def measured(url: str, data: Path, *, tasks: int, every: float) -> Outcome:
    data.mkdir(exist_ok=True)
    meter, headers = Meter(), {"Authorization": "Bearer benchmark"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as http:
        await asyncio.sleep(SETTLE)
        meter.start()
        files = await asyncio.gather(*(one(http, data, every=every) for _ in range(tasks)))
        spent = meter.spent()
    return Outcome({file.stem: file.stat().st_ctime_ns / 1e9 for file in files}, spent)


async def one(http: httpx.AsyncClient, data: Path, *, every: float) -> Path:
    """The file of a task's picture, which bears the task's id."""
    body = {"prompt": "a fox", "n": 1, "aspect_ratio": "1:1"}
    task = (await http.post(PATH, json=body)).raise_for_status().json()["data"]
    while task["task_status"] != "succeed":
        await asyncio.sleep(every)
        reply = await http.get(f"{PATH}/{task['task_id']}")
        task = reply.raise_for_status().json()["data"]
    file = data / f"{task['task_id']}.png"
    async with http.stream("GET", task["task_result"]["images"][0]["url"]) as picture:
        with file.open("wb") as opened:
            async for piece in picture.aiter_bytes():
                opened.write(piece)
    return file


if __name__ == "__main__":
    main()
