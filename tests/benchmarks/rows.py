"""Finished tasks, written through the history, and their pictures on disk."""

from __future__ import annotations

import os
import secrets
import time
from itertools import count
from pathlib import Path

from PIL import Image

from kling_ui.history import History
from kling_ui.task import Picture, State, Task

from ..histories import added, moved, picture
from .pictures import SIDE, make_pictures

PROMPTS = (
    "A lighthouse on a basalt cliff at dusk, long exposure sea, film grain",
    "A paper fox in a paper wood, soft light from the left",
    "Still life with pears",
    "An alpine lake before sunrise, mist over the water, a rowing boat at the pier",
)
COUNTS = (1, 4, 2, 1)  # pictures of one task after another
UNLUCKY = 12  # every so many-th task failed
THUMBNAIL = 480


def write_tasks(history: History, owner: str, account: str, tasks: int) -> list[Picture]:
    """With one picture each, of which only the rows are there."""
    return [one for number in range(tasks) for one in _succeeded(history, owner, account, number)]


def write_history(data: Path, owner: str, account: str, tasks: int) -> None:
    """A data folder with so many tasks of the last weeks, and a thumbnail for every picture."""
    clock = count(time.time() - 400 * tasks, 100)
    history = History(data / "database" / "history.db", clock=lambda: float(next(clock)))
    history._database.connection.execute("PRAGMA synchronous=OFF")  # nothing is measured yet
    shelf = Shelf(data / "pictures")
    for number in range(tasks):
        if number % UNLUCKY == UNLUCKY - 1:
            _failed(history, owner, account, number)
            continue
        pictures = COUNTS[number % len(COUNTS)]
        for one in _succeeded(history, owner, account, number, pictures):
            shelf.put(one)
    history.close()


def _asked(history: History, owner: str, account: str, number: int, pictures: int) -> Task:
    prompt = f"{PROMPTS[number % len(PROMPTS)]}, {number}"
    asked = {"model_name": "kling-v2-1", "prompt": prompt, "n": pictures, "aspect_ratio": "1:1"}
    ids = {"nonce": secrets.token_hex(16), "external_task_id": f"kui1-{secrets.token_hex(16)}"}
    price = {"estimate": 0.014 * pictures, "currency": "USD"}
    return added(history, owner=owner, account=account, request=asked, **ids, **price)


def _failed(history: History, owner: str, account: str, number: int) -> None:
    task = _asked(history, owner, account, number, 1)
    moved(history, task, State.FAILED, case="risk_control", sent=task.created)


def _succeeded(
    history: History, owner: str, account: str, number: int, pictures: int = 1
) -> list[Picture]:
    task = _asked(history, owner, account, number, pictures)
    kept = []
    for position in range(pictures):
        name = secrets.token_hex(16)
        sides = {"width": SIDE, "height": SIDE}
        kept.append(picture(task, position, id=name, file=f"{name}.png", **sides))
        history.keep_picture(kept[-1])
    moved(history, task, State.SUCCEEDED, sent=task.created, took=9.0)
    return kept


class Shelf:
    """A few pictures under many names, as the program's own folder has them."""

    def __init__(self, root: Path) -> None:
        self._root, self._names = root, count()
        make_pictures(root.parent / "made")
        self._originals = sorted((root.parent / "made").iterdir())
        for original in self._originals:
            with Image.open(original) as image:
                image.thumbnail((THUMBNAIL, THUMBNAIL))
                image.save(original.with_suffix(".webp"))
        for name in ("originals", "renditions"):
            (root / name).mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, one: Picture) -> None:
        original = self._originals[next(self._names) % len(self._originals)]
        os.link(original, self._root / "originals" / one.file)
        thumbnail = self._root / "renditions" / f"{one.id}-{THUMBNAIL}.webp"
        os.link(original.with_suffix(".webp"), thumbnail)
