"""Pictures of many tasks in one file, made while it is sent: never more than a piece of it is in
memory."""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from ..fields import KEPT
from ..pictures import PictureFolder
from ..studio import Studio
from ..task import Picture, Task, is_id
from .answers import NO_STORE, missing
from .body import body_of
from .links import PREFIX
from .owner import owner_of
from .pictures import file_name, with_settings
from .tasks import MOST

PIECE = 1024 * 1024  # bytes
_PRIVATE = {"callback_url", "external_task_id"}  # the latter may bear the mark of its owner


def archive_routes(studio: Studio) -> Sequence[BaseRoute]:
    async def archive(request: Request) -> Response:
        owner = owner_of(request)
        if not owner:
            return Response(status_code=403)
        form = await body_of(request)
        ids = _ids(form)
        if ids is None:
            return Response(status_code=400)
        asked = [await studio.task(task_id, owner=owner) for task_id in ids]
        tasks = [task for task in asked if task]
        if not tasks:
            return missing(request.scope)
        name = time.strftime("kling-%Y%m%d-%H%M%S.zip")
        headers = NO_STORE | {"content-disposition": f"attachment; filename={name}"}
        pieces = packed(tasks, studio.folder, settings=_given(form, "settings") == "1")
        return StreamingResponse(pieces, media_type="application/zip", headers=headers)

    return [Route(f"{PREFIX}/zip", archive, methods=["POST"])]


def _ids(form: bytes | None) -> list[str] | None:
    """What is no id is left out; None where there is nothing to read, or too many."""
    if form is None:
        return None
    words = _given(form, "ids").split()
    return None if len(words) > MOST else [*dict.fromkeys(filter(is_id, words))]


def _given(form: bytes | None, name: str) -> str:
    return parse_qs((form or b"").decode(errors="replace")).get(name, [""])[0]


def packed(
    tasks: Sequence[Task], folder: PictureFolder, *, settings: bool = False
) -> Iterator[bytes]:
    """A zip in pieces: the pictures as Kling made them, or with their `settings` inside, and what
    was asked in a manifest. A picture that is gone from the disk is in neither."""
    sink, listed, taken = _Sink(), [], set[str]()
    with ZipFile(sink, "w", ZIP_STORED) as zipped:
        for task in tasks:
            files: list[dict[str, Any]] = []
            for picture in task.pictures:
                path = folder.original(picture.file)
                with suppress(FileNotFoundError), _opened(path, task, settings=settings) as file:
                    name = _free_name(task, picture, taken)
                    for _ in _copied(file, zipped, _entry(name, file, task)):
                        yield sink.drain()
                    files.append(_file(name, picture, file))
            listed.append({**_described(task), "files": files})
        text = json.dumps({"tasks": listed}, ensure_ascii=False, indent=2)
        zipped.writestr("manifest.json", text)
    yield sink.drain()


def _opened(path: Path, task: Task, *, settings: bool) -> io.BufferedIOBase:
    return io.BytesIO(b"".join(with_settings(path, task)[1])) if settings else path.open("rb")


class _Sink(io.RawIOBase):
    """What is written stays until it is drained; there is no way back."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        return len(data)

    def drain(self) -> bytes:
        held, self._held = bytes(self._held), bytearray()
        return held


def _copied(source: io.BufferedIOBase, zipped: ZipFile, entry: ZipInfo) -> Iterator[None]:
    """Stops after each piece."""
    with zipped.open(entry, "w") as target:
        while piece := source.read(PIECE):
            target.write(piece)
            yield


def _entry(name: str, file: io.BufferedIOBase, task: Task) -> ZipInfo:
    made = time.localtime(max(task.created, 0))
    entry = ZipInfo(name, date_time=max(made[:6], (1980, 1, 1, 0, 0, 0)))
    entry.file_size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return entry


def _free_name(task: Task, picture: Picture, taken: set[str]) -> str:
    """The name of its download; the whole id where another task's has the same."""
    name = file_name(picture, prompt=task.request.get("prompt", ""))
    if name in taken:
        name = f"{picture.task_id}-{name}"
    taken.add(name)
    return name


def _file(name: str, picture: Picture, file: io.BufferedIOBase) -> dict[str, Any]:
    """As it lies in the zip; what was kept as it came was hashed when it came."""
    size = {"width": picture.width, "height": picture.height}
    if isinstance(file, io.BytesIO):  # with its settings inside
        digest = hashlib.sha256(file.getbuffer()).hexdigest()
    else:
        digest = picture.sha256
    return {"name": name, **size, "sha256": digest}


def _described(task: Task) -> dict[str, Any]:
    """Nothing that is the owner's own: no key, no place on a disk, no address with a secret."""
    asked = {name: value for name, value in task.request.items() if name not in _PRIVATE}
    made = datetime.fromtimestamp(task.created, UTC).isoformat(timespec="seconds")
    return {
        **asked,
        "image": _public(str(asked.get("image", ""))),
        **{"state": task.state, "created": made, "task_id": task.remote_id},
    }


def _public(image: str) -> str:
    """A reference's address without what may be a secret in it; empty for an uploaded one."""
    if image.startswith(KEPT) or not image:
        return ""
    parts = urlsplit(image)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
