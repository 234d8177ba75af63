"""A `Fault` put on the wire."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from .options import Fault, Options


async def befall(fault: Fault, request: Request, options: Options, usual: Response) -> Response:
    """What the caller gets in place of the `usual` answer."""
    if fault.delay:
        await options.sleep(fault.delay)
    if fault.drop:
        return await _dropped(request)
    if not fault.status:
        return usual
    return Response(fault.body, fault.status, headers=fault.headers, media_type=fault.content_type)


async def _dropped(request: Request) -> Response:
    """Cuts the connection under uvicorn, whose `receive` belongs to the object that holds the
    socket; elsewhere (in-process) the caller gets a `ConnectionResetError`."""
    socket = getattr(getattr(request.receive, "__self__", None), "transport", None)
    if socket is None:
        raise ConnectionResetError("dropped by a fault")
    socket.abort()
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response(status_code=0)
