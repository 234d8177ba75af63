"""Scripts and example pictures that the page loads from us, cached by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from .links import PREFIX

_TYPES = {".js": "text/javascript", ".webp": "image/webp", ".svg": "image/svg+xml"}


class Assets:
    """The files below `folder` that a page may ask for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.suffix in _TYPES
        }

    def text(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")

    def link(self, name: str) -> str:
        """The path of a file, another one whenever its content changes."""
        digest = hashlib.sha256(self._files[name].read_bytes()).hexdigest()[:12]
        return f"{PREFIX}/assets/{digest}/{name}"

    def names(self, folder: str) -> list[str]:
        return [name for name in self._files if name.startswith(f"{folder}/")]

    def routes(self) -> Sequence[BaseRoute]:
        async def asset(request: Request) -> Response:
            path = self._files.get(request.path_params["name"])
            if path is None:
                return Response(status_code=404)
            headers = {"cache-control": "public, max-age=31536000, immutable"}
            return FileResponse(path, media_type=_TYPES[path.suffix], headers=headers)

        return [Route(f"{PREFIX}/assets/{{digest}}/{{name:path}}", asset)]
