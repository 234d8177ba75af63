"""A hundred browsers in one process, as far as the server can tell. They do one thing for each
line on standard input, and answer with a line of JSON:

``open``  the event streams of pages that are open, or polls by ``gr.Timer``
``told``  what they got since the last time they were asked
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import secrets
import sys
import time
from collections.abc import Callable

from kling_ui.web.links import PREFIX
from kling_ui.web.owner import COOKIE

from .wire import PATIENCE, Wire

STREAM = "text/event-stream"


def main() -> None:
    made = argparse.ArgumentParser(prog="python -m tests.benchmarks.visitors")
    made.add_argument("kind", choices=("streams", "polls"))
    made.add_argument("--url", required=True)
    made.add_argument("--count", type=int, required=True)
    given = made.parse_args()
    asyncio.run(visit(given.kind, given.url, given.count))


async def visit(kind: str, url: str, count: int) -> None:
    visitors = [KINDS[kind](Wire(url), place / count) for place in range(count)]
    for visitor in visitors:
        await visitor.arrive()
    say([visitor.owner for visitor in visitors])
    work: list[asyncio.Task[None]] = []
    while order := (await asyncio.to_thread(sys.stdin.readline)).strip():
        if order == "open":
            work += [asyncio.create_task(visitor.stay()) for visitor in visitors]
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*(visitor.there.wait() for visitor in visitors))
            say(len(work))
        elif order == "told":
            for gone in filter(asyncio.Task.done, work):
                gone.result()
            say([visitor.told() for visitor in visitors])
    for one in work:
        one.cancel()
    await asyncio.gather(*work, return_exceptions=True)


def say(what: object) -> None:
    print(json.dumps(what), flush=True)


async def poll(wire: Wire, session: str) -> None:
    """What Gradio 6.31's script does at a tick."""
    asked = {"data": [], "fn_index": 0, "trigger_id": 3, "session_hash": session}
    await wire.ask("/gradio_api/queue/join?", asked)
    answer = await wire.ask(f"/gradio_api/queue/data?session_hash={session}", accept=STREAM)
    if b'"process_completed"' not in answer:
        raise ConnectionError(answer.decode())


class Listener:
    """A page of ours. `told`: moment (Unix seconds) and revision of each event."""

    def __init__(self, wire: Wire, place: float) -> None:
        self._wire, self._heard = wire, list[tuple[float, int]]()
        self.owner, self.there = "", asyncio.Event()

    async def arrive(self) -> None:
        await self._wire.ask("/", accept="text/html")
        if token := self._wire.cookies.get(COOKIE):
            self.owner = hashlib.sha256(token.encode()).hexdigest()

    async def stay(self) -> None:
        await self._wire.begin(f"{PREFIX}/events?since=", accept=STREAM)
        async for mark in self._wire.events():
            self._heard.append((time.time(), int(mark.partition("-")[2])))
            self.there.set()
        raise ConnectionError("the stream ended")

    def told(self) -> list[tuple[float, int]]:
        heard, self._heard = self._heard, []
        return heard


class Poller:
    """A page with a ``gr.Timer(1)``, one tick at a time, `place` of a second after the first's.
    `told`: seconds from each tick to its answer; a tick falls out where the one before it has none
    yet."""

    def __init__(self, wire: Wire, place: float) -> None:
        self._wire, self._place, self._session = wire, place, secrets.token_hex(6)
        self._took = list[float]()
        self.owner, self.there = "", asyncio.Event()

    async def arrive(self) -> None:
        await self._wire.ask("/", accept="text/html")

    async def stay(self) -> None:
        self.there.set()
        tick = time.monotonic() + self._place
        while True:
            await asyncio.sleep(tick - time.monotonic())
            await poll(self._wire, self._session)
            self._took.append(time.monotonic() - tick)
            tick += 1 + int(time.monotonic() - tick)

    def told(self) -> list[float]:
        took, self._took = self._took, []
        return took


Visitor = Listener | Poller
KINDS: dict[str, Callable[[Wire, float], Visitor]] = {"streams": Listener, "polls": Poller}


if __name__ == "__main__":
    main()
