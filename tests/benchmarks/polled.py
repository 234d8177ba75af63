"""The peer: the same tasks on a page of Gradio's that asks for all of them every second."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from kling_ui.history import History
from kling_ui.task import Task
from kling_ui.web.owner import OPERATOR
from kling_ui.web.states import STATES

from ..program import Program
from .processes import running

SHOWN = 60  # tasks, the newest


def main() -> None:
    given = parser().parse_args()
    history = History(given.data / "database" / "history.db")
    originals = given.data / "pictures" / "originals"
    blocks = page(history, originals if given.stage else None)
    blocks.launch(allowed_paths=[f"{originals}"])


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m tests.benchmarks.polled")
    made.add_argument("--data", type=Path, required=True, help="the program's data folder")
    made.add_argument("--stage", action="store_true", help="the newest task's pictures as well")
    return made


@contextmanager
def polled(data: Path, *, stage: bool = False) -> Iterator[Program]:
    """A process of its own, until the block ends."""
    command = [sys.executable, "-m", "tests.benchmarks.polled", "--data", f"{data}"]
    env = {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": f"{data / 'polled'}"}
    with running(Program([*command, *(["--stage"] if stage else [])], env)) as program:
        yield program


def page(history: History, originals: Path | None) -> gr.Blocks:
    def look() -> str:
        return "".join(map(card, newest()))

    def look_closely() -> tuple[str, list[str]]:
        return look(), [f"{originals}/{one.file}" for task in newest()[:1] for one in task.pictures]

    def newest() -> list[Task]:
        return history.newest(OPERATOR, limit=SHOWN)

    blocks = gr.Blocks()
    with blocks:
        asked: Callable[[], Any] = look
        shown: list[Any] = [gr.HTML(elem_id="feed")]
        if originals:
            asked = look_closely
            shown.append(gr.Gallery(elem_id="stage-gallery", columns=4, interactive=False))
        gr.Timer(1).tick(asked, None, shown, show_progress="hidden")
    return blocks


def card(task: Task) -> str:
    prompt = escape(str(task.request["prompt"]))
    state = STATES[task.state].en
    return f'<p class="card"><b class="state">{state}</b> <span class="prompt">{prompt}</span></p>'


if __name__ == "__main__":
    main()
