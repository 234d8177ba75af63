"""Hugging Face in front of a Space, as far as a browser can tell."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from ..program import Program
from ..test_pictures import CERTIFICATE, KEY


def edge_of(program: Program) -> Starlette:
    """Passes everything on, and tells by whom and how it was asked."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    http = httpx.AsyncClient(trust_env=False, timeout=None, limits=limits)

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        async with http:
            yield

    async def pass_on(request: Request) -> StreamingResponse:
        headers = [*request.headers.raw]
        headers += [(b"x-forwarded-proto", b"https"), (b"x-forwarded-for", b"198.51.100.9")]
        url = httpx.URL(program.url).copy_with(raw_path=_target(request))
        body = await request.body()
        asked = http.build_request(request.method, url, headers=headers, content=body)
        answer = await http.send(asked, stream=True)

        async def pieces() -> AsyncIterator[bytes]:
            try:
                async for piece in answer.aiter_raw():
                    yield piece
            finally:
                await answer.aclose()

        passed = StreamingResponse(pieces(), answer.status_code)
        passed.raw_headers = [(name.lower(), value) for name, value in answer.headers.raw]
        return passed

    methods = ["GET", "HEAD", "POST", "DELETE"]
    return Starlette(routes=[Route("/{path:path}", pass_on, methods=methods)], lifespan=life)


def _target(request: Request) -> bytes:
    query = request.scope["query_string"]
    return bytes(request.scope["raw_path"]) + (b"?" + query if query else b"")


@contextmanager
def over_tls(program: Program, folder: Path) -> Iterator[str]:
    """Its edge with a certificate that proves nothing; host and port. `folder` takes files."""
    certificate = folder / "certificate.pem"
    certificate.write_text(CERTIFICATE + KEY)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            edge_of(program),
            log_level="error",
            timeout_graceful_shutdown=1,
            ssl_certfile=certificate,
        )
        server = uvicorn.Server(config)
        run = {"sockets": [listener]}
        thread = threading.Thread(target=server.run, kwargs=run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield "{}:{}".format(*listener.getsockname())
        server.should_exit = True
        thread.join(timeout=5)
