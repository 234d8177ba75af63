"""The routes of a simulated Kling."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from . import wire
from .api import GATEWAY, Api
from .body import TooLarge
from .journal import Call, Journal
from .options import Options
from .wire import Refusal

_GENERATIONS = "/v1/images/generations"
_DEFAULTS = Options()

Work = Callable[[Request], Awaitable[Response]]


def build(options: Options = _DEFAULTS) -> Starlette:
    """A Kling on this machine. It needs no lifespan; ``app.state.simulator`` is its `Simulator`."""
    simulator = Simulator(options)
    app = Starlette(
        routes=simulator.routes(),
        exception_handlers={
            Refusal: _refused,
            TooLarge: _too_large,
            ClientDisconnect: _gone,
            HTTPException: _unrouted,
        },
    )
    app.router.redirect_slashes = False
    app.state.simulator = simulator
    return app


class Simulator:
    """`calls`, `creates` and `headers` tell what was asked of it (see `Journal`)."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._journal = Journal()
        self._api = Api(options, self._journal)
        self.calls = self._journal.calls
        self.creates = self._journal.creates
        self.headers = self._journal.headers

    def routes(self) -> list[Route]:
        routes = [self._route("/pictures/{name}", self._api.picture)]
        for prefix in ("", GATEWAY):
            routes += [
                self._route(prefix + _GENERATIONS, self._api.create, method="POST"),
                self._route(prefix + _GENERATIONS, self._api.list),
                self._route(prefix + _GENERATIONS + "/{id}", self._api.get),
                self._route(prefix + "/account/costs", self._api.costs),
            ]
        return routes

    def _route(self, path: str, work: Work, *, method: str = "GET") -> Route:
        """A route whose every call is noted, whatever comes of it."""

        async def endpoint(request: Request) -> Response:
            status, request.state.named = 0, ""
            try:
                response = await work(request)
                status = response.status_code
                return response
            except Refusal as refusal:
                status = refusal.status
                raise
            except TooLarge:
                status = 413
                raise
            finally:
                url, named = request.url.path, request.state.named
                self._journal.call(Call(request.method, url, named, status))

        return Route(path, endpoint, methods=[method])


async def _refused(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return refusal.reply()


async def _too_large(_: Request, __: Exception) -> Response:
    return PlainTextResponse("Payload Too Large", 413)


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=400)  # nobody is there to read it


async def _unrouted(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == 405:
        return Refusal(404, 1202, f"Request method '{request.method}' is not supported").reply()
    return wire.unknown_path(request.url.path)
