"""The one way in for a key that somebody brings along: never a widget's value, never written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..history import DiskTrouble
from ..settings import Secret
from ..studio import Studio
from .account import ordered
from .answers import DISK_FULL, NO_STORE
from .language import language
from .links import PREFIX
from .owner import caller_of, owner_of


def key_routes(studio: Studio) -> Sequence[BaseRoute]:
    async def bring(request: Request, owner: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        given = asked.get("key")
        secret = Secret(given if isinstance(given, str) else "")
        try:
            problem = await studio.bring_key(secret, owner=owner, caller=caller_of(request))
        except DiskTrouble:
            problem = DISK_FULL
        return {"problem": problem.of(language(request)) if problem else ""}

    async def forget(request: Request) -> Response:
        owner = owner_of(request)
        if not owner:
            return Response(status_code=403)
        await studio.keys.forget(owner)
        return JSONResponse({"problem": ""}, headers=NO_STORE)

    return [
        Route(f"{PREFIX}/key", ordered(bring), methods=["POST"]),
        Route(f"{PREFIX}/key", forget, methods=["DELETE"]),
    ]
