"""The body of a create, exactly as it goes on the wire."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from dataclasses import replace
from typing import Any

from ..fields import KEPT
from ..pictures import PictureFolder
from ..request import ImageRequest


async def body_of(
    request: ImageRequest, folder: PictureFolder, *, external_task_id: str, callback_url: str = ""
) -> dict[str, Any]:
    """With the reference picture inside, our id where none was typed, and ours to call back where
    the person named no one. Raises FileNotFoundError where the reference is gone."""
    if request.image.startswith(KEPT):
        name = request.image.removeprefix(KEPT)
        request = replace(request, image=await asyncio.to_thread(_base64, folder, name))
    return replace(
        request,
        external_task_id=request.external_task_id or external_task_id,
        callback_url=request.callback_url or callback_url,
    ).payload()


def _base64(folder: PictureFolder, name: str) -> str:
    return b64encode(folder.reference(name)).decode()
