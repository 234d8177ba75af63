"""What the routes have in common when they answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Scope

from ..text import Text
from .language import language

NO_STORE = {"cache-control": "no-store"}
NOTHING_HERE = Text("Nothing is here.", "这里没有内容。")
UNREADABLE = Text("That cannot be read.", "无法读取该内容。")
DISK_FULL = Text(
    "The disk is full or cannot be written. Make room and try again.",
    "磁盘已满或无法写入。请清理磁盘空间后重试。",
)


def refusal(scope: Scope, status: int, text: Text, **headers: str) -> Response:
    """In the caller's language."""
    said = text.of(language(Request(scope)))
    return PlainTextResponse(said, status, headers=NO_STORE | headers)


def missing(scope: Scope) -> Response:
    """The answer where nothing is, and where it is somebody else's."""
    return refusal(scope, 404, NOTHING_HERE)


async def _unreadable(request: Request, error: Exception) -> Response:
    """FastAPI would repeat all that came in, and break over what JSON cannot say."""
    return refusal(request.scope, 422, UNREADABLE)


EXCEPTIONS: Mapping[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    RequestValidationError: _unreadable
}
