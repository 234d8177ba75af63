"""On a Space the demo's oldest pictures make room; what somebody paid for stays."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kling_ui.fields import KEPT
from kling_ui.pictures import Reference, clean_reference
from kling_ui.studio import Studio, housekeeping
from kling_ui.task import Task

from .conftest import Kling, account, closed, photo, reaches, studio_of, submitted

Start = Callable[..., Kling]
OWNER = "ann"


async def drawn(studio: Studio, prompt: str) -> Task:
    return await reaches(studio, await submitted(studio, prompt, owner=OWNER))


async def left(studio: Studio) -> list[str]:
    return [str(task.request["prompt"]) for task in await studio.tasks(owner=OWNER)]


async def test_references_that_no_task_speaks_of_go_first(
    kling: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = replace(account(kling().url, name="demo", key="demo"), live=False)
    studio = studio_of(tmp_path, demo, shared=True)
    folder = studio.folder
    named, young, unused = (
        folder.keep_reference(one)
        for k in range(3)
        if isinstance(one := clean_reference(photo(400 + k, 400)), Reference)
    )
    long_ago = time.time() - housekeeping.YOUNG - 5
    for name in (named, unused):
        os.utime(folder.reference_path(name), (long_ago, long_ago))

    def free() -> int:
        return housekeeping.LOW - folder.reference_path(unused).exists()

    async with studio.running():
        asked = {"image": f"{KEPT}{named}", "prompt": "named"}
        await reaches(studio, await submitted(studio, asked.pop("prompt"), owner=OWNER, **asked))
        monkeypatch.setattr(folder, "free", free)
        async with asyncio.timeout(10):
            while folder.reference_path(unused).exists():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert folder.reference_path(named).exists()
        assert folder.reference_path(young).exists()
        assert await left(studio) == ["named"]
    await closed(studio)


@pytest.mark.parametrize("shared", [True, False])
async def test_the_oldest_go_first_and_starred_ones_last(
    kling: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    server = kling()
    demo = replace(account(server.url, name="demo", key="demo"), live=False)
    live = account(server.url, name="live", key="live")
    payer = studio_of(tmp_path, live, shared=shared)
    async with payer.running():
        await drawn(payer, "paid")
    await closed(payer)

    live = account(server.url, name="live", key="live")
    studio = studio_of(tmp_path, demo, live, shared=shared)
    room = 10

    def free() -> int:
        pictures = len([*(tmp_path / "pictures").rglob("*.png")])
        return housekeeping.LOW - (pictures > room)

    async def becomes(*wanted: str) -> None:
        with studio.watching(OWNER) as changed:
            async with asyncio.timeout(10):
                while await left(studio) != [*wanted]:
                    await changed.wait()
                    changed.clear()
        await asyncio.sleep(0.2)
        assert await left(studio) == [*wanted]

    monkeypatch.setattr(studio.folder, "free", free)
    async with studio.running():
        loved = await drawn(studio, "starred")
        await studio.star(loved.id, owner=OWNER)
        for prompt in ("old", "new"):
            await drawn(studio, prompt)
        assert await left(studio) == ["new", "old", "starred", "paid"]
        room = 2
        await becomes(*(["starred", "paid"] if shared else ["new", "old", "starred", "paid"]))
        room = 0
        await becomes(*(["paid"] if shared else ["new", "old", "starred", "paid"]))
        assert len([*(tmp_path / "pictures").rglob("*.png")]) == (1 if shared else 4)
    await closed(studio)
