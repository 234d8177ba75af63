"""Serving the page: Gradio's launch with what is safe, and a way to leave in good order."""

from __future__ import annotations

import gc
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from ..text import Text
from .page import Page

LARGEST_UPLOAD = "64mb"  # our own check speaks long before, in both languages
LAST_MOMENT = 1  # seconds for open connections when the program stops; the worker's come after
WHO = Text(
    "Kling Image Studio. Any user name will do, or none; the password is the one that whoever "
    "started the program set with KLING_UI_PASSWORD.",
    "可灵图像工作室。用户名可任意填写，也可留空；密码由启动本程序的人通过 KLING_UI_PASSWORD 设置。",
)
PORT_TAKEN = "Port {port} is taken by another program. A proxy that asks there does not find {url}"
CANNOT_LISTEN = (
    "The program cannot listen there. Set GRADIO_SERVER_NAME to an address of this machine, and "
    "GRADIO_SERVER_PORT to a free port."
)
QUEUE_REST = 0.02  # seconds between looks at an empty queue; Gradio's own 0.001 costs 4 % of a core


def serve(
    page: Page,
    *,
    css: Sequence[Path],
    app_kwargs: dict[str, Any],
    closing: Callable[[], None],
    port: str = "",
    accepts: Callable[[str, str], bool] | None = None,
) -> None:
    """Until SIGTERM or SIGINT; `closing` then lets event streams end by themselves. `port` is the
    one that was asked for. Where there is a password, `accepts` judges a name and what was given
    for it."""
    blocks = page.blocks
    blocks.queue(max_size=256, default_concurrency_limit=None, api_open=False)
    blocks._queue.sleep_when_free = QUEUE_REST
    stop = _stop_signal()
    try:
        app, url, _ = blocks.launch(
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            show_error=False,
            run_history=False,
            mcp_server=False,
            enable_monitoring=False,
            ssr_mode=False,
            footer_links=[],
            max_file_size=LARGEST_UPLOAD,
            auth=accepts,
            auth_message=f"{WHO.en}<br>{WHO.zh}" if accepts else None,
            state_session_capacity=500,
            i18n=page.speech.i18n,
            theme=gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace"]),
            css_paths=[*css],
            app_kwargs=app_kwargs,
        )
    except OSError as error:
        if "port" not in str(error):  # which is all that Gradio says of an address, too
            raise
        sys.exit(f"{CANNOT_LISTEN} {error}")
    if app is None:  # `gradio app.py` runs this file again when it changes
        return
    if port and not url.rstrip("/").endswith(f":{port}"):
        print(PORT_TAKEN.format(port=port, url=url), file=sys.stderr, flush=True)
    print(f"Kling Image Studio is ready: {url}", flush=True)
    while not stop.wait(0.2):
        pass
    closing()
    blocks.server.config.timeout_graceful_shutdown = LAST_MOMENT
    blocks.close(verbose=False)
    gc.freeze()  # else leaving looks through all of it once more, for half a second


def connections(page: Page) -> list[Any]:
    """Uvicorn's, that are open now."""
    return [*page.blocks.server.server_state.connections]


def _stop_signal() -> threading.Event:
    """Set by SIGTERM or SIGINT, from before the first request on."""
    stop = threading.Event()
    if threading.current_thread() is threading.main_thread():  # `gradio app.py` runs it in another
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    return stop
