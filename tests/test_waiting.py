"""Who keeps others waiting is hung up on; who takes their time is not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from kling_ui.web.guard import hang_up

LARGE = 60_000_000  # bytes, more than the sockets between take
PATIENCE = 0.3
Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Call = Callable[[bytes], AbstractAsyncContextManager[Line]]


async def large(scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-length", str(LARGE).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": bytes(LARGE)})


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(large, log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        state = server.server_state
        hanging_up = asyncio.create_task(hang_up(lambda: [*state.connections], patience=PATIENCE))

        @asynccontextmanager
        async def connected(said: bytes) -> AsyncIterator[Line]:
            reader, writer = await asyncio.open_connection(*listener.getsockname(), limit=1000)
            writer.write(said)
            yield reader, writer
            writer.close()

        yield connected
        hanging_up.cancel()
        server.should_exit = True
        await serving


ASKED = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("said", [b"", b"GET / HTT"])
async def test_who_does_not_say_what_they_want(call: Call, said: bytes) -> None:
    async with call(said) as (reader, _), asyncio.timeout(10 * PATIENCE):
        assert await reader.read() == b""


async def test_who_reads_nothing_of_an_answer(call: Call) -> None:
    async with call(ASKED) as (reader, _):
        await asyncio.sleep(8 * PATIENCE)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(LARGE)


async def test_who_reads_slowly_gets_all_of_it(call: Call) -> None:
    async with call(ASKED) as (reader, _):
        came = 0
        for k in range(12):
            came += len(await reader.readexactly(LARGE // 20))
            await asyncio.sleep(1.5 * PATIENCE if k < 4 else 0)
        assert came == LARGE // 20 * 12
