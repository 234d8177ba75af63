"""Result pictures, painted when somebody asks for them."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from ..catalog import MAX_PICTURES
from . import painter
from .ledger import Ledger
from .tasks import Task
from .wire import picture_name

_PAINTERS = 2
_KEPT_BYTES = 32 * 2**20
_VARIATIONS = 1000
_MARK = "KLING AI · DEMO"


class Gallery:
    """Two painters of its own, so that a crowd of pictures keeps no other thread waiting; and
    the latest pictures, so that asking twice does not paint twice."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._painters = ThreadPoolExecutor(_PAINTERS, thread_name_prefix="kling-painter")
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    async def picture(self, task: Task, index: int, *, watermarked: bool) -> bytes:
        """A PNG of the task's size."""
        name = picture_name(task.id, index)
        plain = self._kept.get(name) or await self._made(self._paint, task, index)
        self._keep(name, plain)
        return await self._made(marked, plain) if watermarked else plain

    async def _made(self, work: Callable[..., bytes], *details: Any) -> bytes:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._painters, work, *details)

    def _keep(self, name: str, picture: bytes) -> None:
        self._kept[name] = picture
        self._kept.move_to_end(name)
        while len(self._kept) > 1 and sum(map(len, self._kept.values())) > _KEPT_BYTES:
            self._kept.popitem(last=False)

    def _paint(self, task: Task, index: int) -> bytes:
        own = int(task.id) % _VARIATIONS  # the same words twice give two different pictures
        paint = partial(
            painter.paint,
            prompt=task.text,
            index=own * MAX_PICTURES + index,
            width=task.width,
            height=task.height,
        )
        try:
            return paint(reference=self._ledger.reference(task))
        except (OSError, ValueError, SyntaxError):  # its header was sound, the rest is not
            return paint()


def marked(picture: bytes) -> bytes:
    """The same PNG with Kling's name in the lower left corner."""
    with Image.open(BytesIO(picture), formats=("PNG",)) as opened:
        canvas = opened.convert("RGB")
    size = max(12, min(canvas.size) // 28)
    ImageDraw.Draw(canvas).text(
        (size, canvas.height - size),
        _MARK,
        fill="white",
        font=ImageFont.load_default(size=size),
        anchor="ls",
        stroke_width=max(1, size // 12),
        stroke_fill="black",
    )
    file = BytesIO()
    canvas.save(file, "PNG", compress_level=1)
    return file.getvalue()
