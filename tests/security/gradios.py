"""Prints method and path of every route that this version of Gradio has. Run by itself: Gradio
leaves event loops open, which a test would have to answer for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import gradio as gr
from gradio.routes import App


def app() -> Any:
    """Of a page with an event."""
    with gr.Blocks() as blocks:
        box = gr.Textbox()
        box.change(lambda text: text, box, box)
    blocks.queue(api_open=False)
    return App.create_app(blocks)


def found(routes: Iterable[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for route in routes:
        if hasattr(route, "original_router"):
            inner = prefix + route.include_context.prefix
            yield from found(route.original_router.routes, inner)
        else:  # a mounted app or a socket would have no methods, and be a reason to look
            yield from ((method, prefix + route.path) for method in route.methods)


if __name__ == "__main__":
    for method, path in found(app().routes):
        print(method, path)
