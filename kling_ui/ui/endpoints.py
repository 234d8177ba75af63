"""The named API for scripts: ``/submit``, ``/task``, ``/tasks``. A caller is its owner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from ..studio import Problems, Studio
from ..task import Task, is_id
from ..text import Text
from ..web.cards import error_of, note_of
from ..web.language import language
from ..web.links import base_of, picture_link
from ..web.owner import NO_IDENTITY, caller_of, owner_of
from .form import Uploads

NO_SUCH_TASK = Text("task_id: no such task of yours.", "task_id：没有这个任务。")


def refuse(text: Text, request: gr.Request) -> gr.Error:
    return gr.Error(text.of(language(request)), print_exception=False)


def named(problems: Problems, labels: Mapping[str, Text] | None = None) -> Text:
    """All problems in one sentence, each with its field's name, or label where there is one."""
    parts = []
    for name, problem in problems.items():
        field = (labels or {}).get(name, Text(name, name))
        whose = Text(f"{field.en}: {problem.en}", f"{field.zh}：{problem.zh}")
        parts.append(whose if name else problem)
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    return whole


class Endpoints:
    def __init__(self, studio: Studio, uploads: Uploads) -> None:
        self.studio, self.uploads = studio, uploads

    async def submit(self, values: dict[str, Any], request: gr.Request) -> str:
        """One new task; its id."""
        owner = self._owner(request)
        caller = caller_of(request)
        draft, problems = await self.uploads.draft(values, whose=self.studio.address(caller))
        outcome = problems or await self.studio.submit(draft, owner=owner, caller=caller)
        if not isinstance(outcome, Task):
            raise refuse(named(outcome), request)
        return outcome.id

    async def task(self, task_id: Any, request: gr.Request) -> dict[str, Any]:
        owner = self._owner(request)
        found = await self.studio.task(task_id, owner=owner) if is_id(task_id) else None
        if found is None:
            raise refuse(NO_SUCH_TASK, request)
        return self._described(found, request)

    async def tasks(self, request: gr.Request) -> list[dict[str, Any]]:
        tasks = await self.studio.tasks(owner=self._owner(request), limit=1000)
        return [self._described(task, request) for task in tasks]

    def _owner(self, request: gr.Request) -> str:
        owner = owner_of(request)
        if not owner:
            raise refuse(NO_IDENTITY, request)
        return owner

    def _described(self, task: Task, request: gr.Request) -> dict[str, Any]:
        base, lang, case = base_of(request), language(request), self.studio.case(task)
        return {
            "id": task.id,
            "state": str(task.state),
            "error": error_of(task, case).of(lang),
            "note": note_of(task, case).of(lang),
            "request_id": task.request_id,
            "images": [
                base + picture_link(picture.id)
                for picture in task.pictures
                if not picture.watermarked
            ],
        }
