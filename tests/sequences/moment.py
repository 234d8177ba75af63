"""Virtual time: an event loop that never waits, on which several processes live and die.

Work that the program hands to a thread is done a few virtual milliseconds later; there, and at
every request on the wire, a process may be killed. A dead process changes nothing any more.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import random
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

NOBODY: contextvars.ContextVar[Process | None] = contextvars.ContextVar("process", default=None)
START = 1_790_000_000.0  # Unix seconds at which every sequence begins


class Stuck(Exception):
    """Everybody waits and no time is named at which anything would happen."""


class Process:
    """What one start of the program does, until `kill`. `dies_at` counts its steps: work of
    threads and requests; `after`: the step's effect is there, but nobody heard of it."""

    def __init__(self, name: str, *, dies_at: int | None = None, after: bool = False) -> None:
        self.name, self.dies_at, self.after = name, dies_at, after
        self.steps, self.dead = 0, asyncio.Event()
        self.tasks: set[asyncio.Task[Any]] = set()
        self.suspended_until = 0.0
        self.trace: list[str] = []

    def reaches(self, what: str) -> bool:
        """One step more; whether it is the last."""
        self.steps += 1
        self.trace.append(what)
        return self.steps == self.dies_at

    def kill(self) -> None:
        self.dead.set()

    async def end(self) -> None:
        """Dies, and with it whoever called."""
        self.kill()
        await asyncio.Event().wait()

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """`work`, and all it starts, belongs to this process."""
        context = contextvars.copy_context()
        context.run(NOBODY.set, self)
        return asyncio.get_running_loop().create_task(work, context=context)

    async def bury(self) -> None:
        """Let what a dead process was at come to an end without any effect."""
        self.kill()
        while left := [task for task in self.tasks if not task.done()]:
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=1)


class _Selector(selectors.DefaultSelector):
    """Lets the time pass at once in which nothing happens."""

    loop: Loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise Stuck
        self.loop.passed += max(0.0, timeout)
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    def __init__(self, chance: random.Random) -> None:
        selector = _Selector()
        selector.loop, self.passed, self.chance = self, 0.0, chance
        super().__init__(selector)
        self.set_task_factory(self._task)

    def time(self) -> float:
        return self.passed

    def wall(self) -> float:
        return START + self.passed

    def _task(self, loop: Any, work: Any, context: Any = None) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, context=context)
        owner = (context or contextvars.copy_context()).get(NOBODY)
        if owner:
            owner.tasks.add(task)
            task.add_done_callback(owner.tasks.discard)
        return task

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """Later, not elsewhere: the order is of chance and can be repeated."""
        future = self.create_future()
        process = NOBODY.get()
        delay = self.chance.uniform(0, 0.004)
        if process:
            delay += max(0.0, process.suspended_until - self.passed)
        self.call_later(delay, self._do, process, future, functools.partial(func, *args))
        return future

    def _do(self, process: Process | None, future: Any, work: Callable[[], Any]) -> None:
        if future.cancelled() or (process and process.dead.is_set()):
            future.cancel()
            return
        last = process is not None and process.reaches(_name(work))
        if last and process and not process.after:
            process.kill()
            return
        try:
            result = work()
        except Exception as error:
            if not last:
                future.set_exception(error)
                return
        else:
            if not last:
                future.set_result(result)
                return
        if process:
            process.kill()


def _name(work: Any) -> str:
    """What `asyncio.to_thread` was asked to run."""
    while isinstance(work, functools.partial):
        work = next((arg for arg in work.args if callable(arg)), work.func)
    return str(getattr(work, "__qualname__", work))
