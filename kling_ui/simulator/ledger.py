"""The tasks that a simulator has accepted, in memory and, given a folder, on disk."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from .tasks import Task

KEPT_SECONDS = 30 * 24 * 3600  # Kling clears its results after 30 days

_FIELDS = frozenset(field.name for field in fields(Task))


class Ledger:
    """One ``<id>.json`` per task in `folder`, and its reference picture beside it."""

    def __init__(self, folder: Path | None, now: float) -> None:
        self._folder = folder
        self._tasks: dict[str, Task] = {}
        self._references: dict[str, bytes] = {}
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._load(folder, now)

    def add(self, task: Task, reference: bytes | None) -> None:
        """From here on the task exists; `save` makes it outlive the process."""
        self._tasks[task.id] = task
        if reference is not None:
            self._references[task.id] = reference

    def drop(self, task: Task) -> None:
        self._tasks.pop(task.id, None)
        self._references.pop(task.id, None)

    def save(self, task: Task) -> None:
        """Writes files: off the event loop. The record comes last, so it is never alone."""
        if self._folder is None:
            return
        reference = self._references.get(task.id)
        if reference is not None:
            _write(self._folder / f"{task.id}.reference", reference)
        _write(self._folder / f"{task.id}.json", json.dumps(asdict(task)).encode())
        self._references.pop(task.id, None)

    def reference(self, task: Task) -> bytes | None:
        """Reads a file: off the event loop."""
        kept = self._references.get(task.id)
        if kept is not None or self._folder is None:
            return kept
        try:
            return (self._folder / f"{task.id}.reference").read_bytes()
        except FileNotFoundError:
            return None

    def get(self, task_id: str) -> Task | None:
        return self._tasks.get(task_id)

    def of(self, account: str) -> list[Task]:
        """The account's tasks, newest first."""
        return [task for task in reversed(self._tasks.values()) if task.account == account]

    def named(self, account: str, external_id: str) -> list[Task]:
        """The account's tasks with that external id, newest first."""
        return [task for task in self.of(account) if task.external_id == external_id]

    def in_flight(self, account: str, model: str, now: float) -> int:
        """Pictures that the account's live tasks of the model are making."""
        tasks = (task for task in self._tasks.values() if task.live(now) and task.model == model)
        return sum(task.n for task in tasks if task.account == account)

    def _load(self, folder: Path, now: float) -> None:
        tasks = []
        for file in folder.glob("*.json"):
            task = _read(file)
            if task is None:
                continue
            if now - task.created > KEPT_SECONDS:
                file.unlink(missing_ok=True)
                file.with_suffix(".reference").unlink(missing_ok=True)
            else:
                tasks.append(task)
        self._tasks = {task.id: task for task in sorted(tasks, key=lambda task: task.created)}


def _read(file: Path) -> Task | None:
    """None where the file is no task of ours."""
    try:
        record: Any = json.loads(file.read_bytes())
        known = {k: v for k, v in record.items() if k in _FIELDS}
        task = Task(**known)
        return task if isinstance(task.created, int | float) and file.stem == task.id else None
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _write(file: Path, content: bytes) -> None:
    """The whole file or none of it."""
    part = file.with_suffix(file.suffix + ".part")
    part.write_bytes(content)
    part.replace(file)
