"""What the stage's buttons do, for whoever presses them. Nothing here waits for Kling."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import gradio as gr

from ..request import SPECS, ImageRequest
from ..studio import Problems, Studio
from ..task import Task, is_id
from ..text import Text
from ..web.language import language
from ..web.links import base_of
from ..web.owner import caller_of, owner_of
from .endpoints import named
from .form import Form, Uploads
from .stage import Stage, on_stage

TOO_LATE = Text(
    "It has moved on meanwhile: nothing was sent again.", "任务状态已变化：没有再次发送。"
)
LARGEST = 2**53 - 1  # a browser counts no further, and an answer's JSON little further
LABELS = {name: spec.label for name, spec in SPECS.items()}


class Actions:
    """All logic behind the handlers runs without Gradio. The id of a task is the caller's word:
    it is looked up among the caller's own."""

    def __init__(self, studio: Studio, uploads: Uploads, *, form: Form, stage: Stage) -> None:
        self.studio, self.uploads, self.form, self.stage = studio, uploads, form, stage

    async def show(self, event: gr.EventData, request: gr.Request) -> tuple[Any, int]:
        """The gallery, and the number of the question that it answers."""
        try:
            task, question = await self._task(event.task_id, request), event.question
        except (AttributeError, TypeError):  # an event may come without data, or with any
            task, question = None, 0
        number = question if isinstance(question, int) and abs(question) <= LARGEST else 0
        return self.stage.show(task, base_of(request)), number

    async def use_settings(self, task_id: Any, request: gr.Request) -> dict[Any, Any]:
        task = await self._task(task_id, request)
        if task is None or not task.request.get("model_name"):  # found again: nothing is known
            return self._nothing()
        asked = ImageRequest.draft({**task.request, "external_task_id": ""})
        picture = await self.uploads.lend(asked.image)
        return self.form.fill(asked, picture=picture)

    async def use_as_reference(
        self, task_id: Any, position: Any, request: gr.Request
    ) -> dict[Any, Any]:
        """The picture at `position` on the stage, into the form."""
        task = await self._task(task_id, request)
        placed = on_stage(task) if task else {}
        if not placed:
            return self._nothing()
        place = position if isinstance(position, int) and position in placed else min(placed)
        path = await self.uploads.lend_picture(placed[place])
        return self.form.show_picture(path) if path else self._nothing()

    def _nothing(self) -> dict[Any, Any]:
        """No change of the form; an empty answer would be an error to Gradio."""
        return {self.form.components["image"]: gr.skip()}

    async def again(self, request: gr.Request, task_id: Any, nonce: Any) -> dict[str, str]:
        """For the browser: the new task's id, or why there is none; and whose successor it is."""
        owner = owner_of(request)
        if not owner or not is_id(task_id):
            return {}
        own = nonce if is_id(nonce) else secrets.token_hex(16)
        outcome = await self.studio.again(
            task_id, owner=owner, nonce=own, caller=caller_of(request)
        )
        if isinstance(outcome, Task):
            return {"former": task_id, "task": outcome.id, "problem": ""}
        problem = _sentence(outcome).of(language(request))
        return {"former": task_id, "task": "", "problem": problem}

    def on_own(self, act: Callable[..., Any]) -> Callable[..., Any]:
        """An action of the studio's on the chosen task."""

        async def handle(task_id: Any, request: gr.Request) -> None:
            if is_id(task_id) and (owner := owner_of(request)):
                await act(task_id, owner=owner)

        return handle

    async def _task(self, task_id: Any, request: gr.Request) -> Task | None:
        """The task a caller names, whatever it names, where it is the caller's."""
        owner = owner_of(request)
        sound = owner and is_id(task_id)
        return await self.studio.task(task_id, owner=owner) if sound else None


def _sentence(problems: Problems | None) -> Text:
    return named(problems, LABELS) if problems else TOO_LATE
