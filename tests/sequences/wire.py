"""A wire to a simulated Kling on which anything may go wrong."""

from __future__ import annotations

import asyncio
import contextvars
import json
import random
from collections import defaultdict
from typing import Any

import httpx

from .moment import NOBODY, Loop

CREATE = (  # what may happen to a POST; "after": Kling took it all the same, "late": much later
    *("connect", "reset before", "reset after", "timeout before", "timeout after", "late"),
    *("502 before", "502 after", "html after", "cut after", "5000 after"),
    *("1302", "1303", "bare 429"),
)
SAFE = {"connect", "1302", "1303", "bare 429"}  # after these a POST may be repeated
QUERY = ("connect", "reset after", "timeout after", "502 after", "html after", "cut after", "1302")
PICTURE = ("connect", "reset after", "403", "404", "cut after", "502 after")


class Wire(httpx.AsyncBaseTransport):
    """`trouble` is the share of requests that meet some; it ends at `calm` (virtual seconds).
    `posts` tells what became of every POST, by external task id."""

    def __init__(self, app: Any, loop: Loop, chance: random.Random, *, trouble: float) -> None:
        self._app = httpx.ASGITransport(app=app)
        self._loop, self._chance = loop, chance
        self.trouble, self.calm = trouble, 600.0
        self.latest = 300.0  # seconds a POST may be on its way to Kling
        self.posts: dict[str, list[str]] = defaultdict(list)
        self.lost: set[str] = set()  # Kling's ids of tasks that it says it does not know
        self.under_way = 0  # requests that Kling has not seen yet, although the caller gave up

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The caller's process may die here: before Kling hears of it, or before it hears of
        Kling."""
        body, process = await request.aread(), NOBODY.get()
        if process and (pause := process.suspended_until - self._loop.passed) > 0:
            await asyncio.sleep(pause)
        last = process is not None and process.reaches(f"{request.method} {request.url.path}")
        if process and (process.dead.is_set() or (last and not process.after)):
            await process.end()
        fate = self._fate(request)
        if request.method == "POST":
            self.posts[json.loads(body).get("external_task_id", "")].append(fate)
        await asyncio.sleep(self._chance.uniform(0.001, 0.05))
        try:
            return await self._meet(request, body, fate)
        finally:
            if process and last:
                await process.end()

    def _fate(self, request: httpx.Request) -> str:
        if self._loop.passed > self.calm or self._chance.random() > self.trouble:
            return "fine"
        if request.method == "POST":
            return self._chance.choice(CREATE)
        return self._chance.choice(PICTURE if "/pictures/" in request.url.path else QUERY)

    async def _meet(self, request: httpx.Request, body: bytes, fate: str) -> httpx.Response:
        match fate:
            case "connect":
                raise httpx.ConnectError("no")
            case "reset before":
                raise httpx.WriteError("reset")
            case "timeout before":
                raise httpx.ReadTimeout("late")
            case "502 before":
                return httpx.Response(502, content=b"<html>Bad gateway</html>")
            case "1302" | "1303":
                headers = {"Retry-After": "3"} if self._chance.random() < 0.3 else {}
                said = {"code": int(fate), "message": "too fast", "request_id": "r"}
                return httpx.Response(429, json=said, headers=headers)
            case "bare 429":
                return httpx.Response(429)
            case "403" | "404":
                return httpx.Response(int(fate))
            case "late":  # the caller gave up
                self._spawn(request, body, self._chance.uniform(1, self.latest))
                raise httpx.ReadTimeout("late")
        if request.url.path.rpartition("/")[2] in self.lost:
            return httpx.Response(400, json={"code": 1201, "message": "Task not found by id"})
        return await self._spoilt(await self._spawn(request, body, 0), fate)

    async def _spoilt(self, response: httpx.Response, fate: str) -> httpx.Response:
        content = await response.aread()
        match fate:
            case "reset after":
                raise httpx.ReadError("reset")
            case "timeout after":
                raise httpx.ReadTimeout("late")
            case "502 after":
                return httpx.Response(502, content=b"<html>Bad gateway</html>")
            case "html after":
                return httpx.Response(200, content=b"<html>Hello</html>")
            case "cut after":
                return httpx.Response(response.status_code, content=content[: len(content) // 2])
            case "5000 after":
                said = {"code": 5000, "message": "internal", "request_id": "r"}
                return httpx.Response(500, json=said)
        return response

    def _spawn(self, request: httpx.Request, body: bytes, delay: float) -> Any:
        """What Kling does it does whether the caller lives or not."""

        async def arrive() -> httpx.Response:
            await asyncio.sleep(delay)
            self.under_way -= 1
            sent = httpx.Request(request.method, request.url, headers=request.headers, content=body)
            response = await self._app.handle_async_request(sent)
            return httpx.Response(
                response.status_code, headers=response.headers, content=await response.aread()
            )

        self.under_way += 1
        context = contextvars.copy_context()
        context.run(NOBODY.set, None)
        return asyncio.shield(self._loop.create_task(arrive(), context=context))
