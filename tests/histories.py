"""Histories with tasks in them, as the tests of the history want them."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

from kling_ui.history import History, NewTask
from kling_ui.task import Picture, State, Task


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


numbers = count()


def new(**values: Any) -> NewTask:
    number = next(numbers)
    request = {"model_name": "kling-v3", "prompt": "a fox", "n": 2} | values.pop("request", {})
    return NewTask(
        **{
            "owner": "ann",
            "account": "live",
            "nonce": f"nonce-{number}",
            "external_task_id": f"kui1-{number}",
            "request": request,
            **values,
        }
    )


def added(history: History, **values: Any) -> Task:
    task, fresh = history.add(new(**values))
    assert fresh
    return task


def moved(history: History, task: Task, to: State, **changes: Any) -> Task:
    now = history.get(task.id)
    assert now
    done = history.move(task.id, to, frm={now.state}, **changes)
    assert done
    return done


def picture(task: Task, position: int = 0, **values: Any) -> Picture:
    name = f"{task.id[:8]}{position}"
    plain = Picture(name, task.id, position, False, f"{name}.png", "image/png", 9, "ab", 1280, 720)
    return replace(plain, **values)


def finished(
    history: History,
    seconds: float,
    state: State = State.SUCCEEDED,
    *,
    took: float | None = None,
    **values: Any,
) -> Task:
    times = {"sent": 100.0, "ended": 100.0 + seconds, "took": took}
    return moved(history, added(history, **values), state, **times)
