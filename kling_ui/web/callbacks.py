"""The addresses that Kling calls back. Whoever calls and whatever is said: the answer is 200."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ..studio import CALLBACK_PATH, Hint, Studio
from .body import body_of

MOST = 20  # hints of one task in a second
MOST_TASKS = 1000  # that are heard of in a second
log = logging.getLogger(__name__)


def callback_routes(
    studio: Studio, *, clock: Callable[[], float] = time.monotonic
) -> Sequence[BaseRoute]:
    """Empty where Kling is not asked to call."""
    callbacks, pace = studio.callbacks, _Pace()
    if callbacks is None:
        return []

    async def called(request: Request) -> Response:
        task_id, mac = request.path_params["task_id"], request.path_params["mac"]
        body = await body_of(request)
        hint = None if body is None else callbacks.heard(task_id, mac, request.headers, body)
        if hint and pace.allows(task_id, now=clock()):
            _pass_on(studio, hint)
        return Response()

    return [Route(f"{CALLBACK_PATH}/{{task_id}}/{{mac}}", called, methods=["POST"])]


def _pass_on(studio: Studio, hint: Hint) -> None:
    try:
        studio.hint(hint)
    except Exception:
        log.exception("task %s: a callback could not be followed", hint.task_id)


class _Pace:
    """So many hints of each task in a second, and then all is forgotten."""

    def __init__(self) -> None:
        self._second, self._heard = 0, Counter[str]()

    def allows(self, task_id: str, *, now: float) -> bool:
        if int(now) != self._second:
            self._second, self._heard = int(now), Counter()
        if task_id not in self._heard and len(self._heard) >= MOST_TASKS:
            return False
        self._heard[task_id] += 1
        return self._heard[task_id] <= MOST
