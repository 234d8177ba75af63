"""Pictures by URL: originals and renditions for their owner, placeholders for everybody."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from ..pictures import HEAD, Inscription, inscription
from ..request import SHARED
from ..studio import Studio
from ..task import Picture, Task, is_id
from .answers import missing
from .links import PREFIX
from .owner import owner_of

FOREVER = {"cache-control": "private, max-age=31536000, immutable"}
PIECE = 256 * 1024  # bytes
SIDES: dict[str, Literal[480, 1280]] = {"480": 480, "1280": 1280}

# a neutral grey that fits the light and the dark page
_PLACEHOLDER = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{w}" \
height="{h}"><rect width="{w}" height="{h}" fill="#8a94a3" opacity=".24"/></svg>"""


def picture_routes(studio: Studio) -> Sequence[BaseRoute]:
    async def original(request: Request) -> Response:
        picture = await _owned(studio, request)
        if picture is None:
            return missing(request.scope)
        headers = FOREVER | {"x-content-type-options": "nosniff"}
        if "download" in request.query_params:
            headers["content-disposition"] = await _attachment(studio, request, picture)
        path = studio.folder.original(picture.file)
        if not path.is_file():
            return missing(request.scope)
        if "settings" in request.query_params:
            return await _inscribed(studio, request, picture, path, headers)
        return FileResponse(path, media_type=picture.media_type, headers=headers)

    async def rendition(request: Request) -> Response:
        picture, side = await _owned(studio, request), SIDES.get(request.path_params["side"])
        if picture is None or side is None:
            return missing(request.scope)
        try:
            path = await studio.folder.rendition(picture.file, side)
        except FileNotFoundError:
            return missing(request.scope)
        return FileResponse(path, media_type="image/webp", headers=FOREVER)

    async def placeholder(request: Request) -> Response:
        w, h = int(request.path_params["w"]), int(request.path_params["h"])
        if not (0 < w <= 5000 and 0 < h <= 5000):
            return missing(request.scope)
        svg = _PLACEHOLDER.format(w=w, h=h)
        headers = {"cache-control": "public, max-age=86400"}
        return Response(svg, media_type="image/svg+xml", headers=headers)

    return [
        Route(f"{PREFIX}/pictures/{{id}}", original),
        Route(f"{PREFIX}/pictures/{{id}}/{{side}}", rendition),
        Route(f"{PREFIX}/placeholder/{{w:int}}x{{h:int}}", placeholder),
    ]


async def _owned(studio: Studio, request: Request) -> Picture | None:
    picture_id, owner = request.path_params["id"], owner_of(request)
    if not owner or not is_id(picture_id):
        return None
    return await studio.picture(picture_id, owner=owner)


async def _inscribed(
    studio: Studio, request: Request, picture: Picture, path: Path, headers: dict[str, str]
) -> Response:
    """By the piece: who is slow to take it holds no whole picture in memory."""
    task = await studio.task(picture.task_id, owner=owner_of(request))
    if task is None:  # deleted in this moment
        return missing(request.scope)
    size, pieces = await asyncio.to_thread(with_settings, path, task)
    length = {"content-length": str(size)}
    return StreamingResponse(pieces, media_type=picture.media_type, headers=headers | length)


def with_settings(path: Path, task: Task) -> tuple[int, Iterator[bytes]]:
    """A copy of the original that tells what it was made with, as far as others may know it: its
    size and its pieces."""
    told = {name: value for name, value in task.request.items() if name in SHARED}
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEAD)
    one = inscription(head, size, request=told, task_id=task.remote_id)
    return len(one.start) + size - one.skip + len(one.end), _pieces(path, one)


def _pieces(path: Path, one: Inscription) -> Iterator[bytes]:
    yield one.start
    with path.open("rb") as file:
        file.seek(one.skip)
        while piece := file.read(PIECE):
            yield piece
    yield one.end


async def _attachment(studio: Studio, request: Request, picture: Picture) -> str:
    task = await studio.task(picture.task_id, owner=owner_of(request))
    name = file_name(picture, prompt=task.request.get("prompt", "") if task else "")
    return f"attachment; filename*=UTF-8''{quote(name)}"


def file_name(picture: Picture, *, prompt: Any) -> str:
    """From the prompt's first words, the task and the picture's number."""
    words = "-".join(re.findall(r"\w+", str(prompt).lower())[:6])[:60] or "kling"
    mark = "-watermark" if picture.watermarked else ""
    ending = picture.file.rpartition(".")[2]
    return f"{words}-{picture.task_id[:6]}-{picture.position + 1}{mark}.{ending}"
