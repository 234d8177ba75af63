"""The stage: the selected task's pictures and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from ..task import Picture, Task
from ..text import Text
from ..web.links import PREFIX, picture_link
from .words.stage import ACTIONS

HEAD = '<div id="stage-head"></div><p id="stage-said" role="status"></p>'
SHOWN = 1280  # longest side of a picture on the stage, pixels


class Stage:
    """Owns the gallery and the action buttons; which actions show is decided in the browser,
    which knows the state without asking."""

    def __init__(self, say: Callable[[Text], Any], examples: list[str]) -> None:
        self.examples = examples
        gr.HTML(
            html_template=HEAD,
            apply_default_css=False,
            padding=False,
            elem_id="stage-header",
        )
        self.gallery = gr.Gallery(
            show_label=False,
            container=False,
            interactive=False,
            buttons=["fullscreen"],
            columns=4,
            object_fit="contain",
            height="auto",
            elem_id="stage-gallery",
        )
        gr.HTML(
            html_template='<div id="stage-grid" hidden></div>',
            apply_default_css=False,
            padding=False,
            elem_id="stage-grid-box",
        )
        with gr.Row(elem_id="stage-actions"):
            self.actions = {
                name: gr.Button(say(text), size="sm", elem_id=f"act-{name}", elem_classes="act")
                for name, text in ACTIONS.items()
            }
        gr.HTML(
            html_template='<div id="stage-details" hidden></div>',
            apply_default_css=False,
            padding=False,
            elem_id="stage-details-box",
        )

    def show(self, task: Task | None, base: str) -> Any:
        """The gallery for `task`, or the examples; `base` is the page's own address."""
        links = _links(task) if task else self.examples
        value = [f"{base}{link}" for link in links]
        columns = columns_for(len(value))
        return gr.update(value=value, columns=columns, selected_index=None)


def columns_for(count: int) -> int:
    """One row up to four pictures, then rows of about equal length."""
    return max(1, count if count <= 4 else -(-count // 2) if count <= 8 else 3)


def on_stage(task: Task) -> dict[int, Picture]:
    """Each picture by its place: while the task runs there are places for those to come."""
    kept = [picture for picture in task.pictures if not picture.watermarked]
    return dict(enumerate(kept)) if task.state.over else {one.position: one for one in kept}


def _links(task: Task) -> list[str]:
    links = {place: picture_link(one.id, SHOWN) for place, one in on_stage(task).items()}
    count = len(links) if task.state.over else max(task.n, len(links))
    return [links.get(place, _placeholder(task)) for place in range(count)]


def _placeholder(task: Task) -> str:
    width, _, height = str(task.request.get("aspect_ratio", "1:1")).partition(":")
    sound = width.isdigit() and height.isdigit()
    w, h = (int(width), int(height)) if sound else (1, 1)
    scale = SHOWN // max(w, h, 1)
    return f"{PREFIX}/placeholder/{w * scale}x{h * scale}"
