"""Gradio reads an environment of its own, when it is imported."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..text import Text

# what would open the program to others, or write down what people type
DANGEROUS = (
    "ALLOWED_PATHS",
    "CACHE_EXAMPLES",
    "CACHE_MODE",
    "CHAT_FLAGGING_MODE",
    "DEBUG",
    "EXAMPLES_CACHE",
    "FLAGGING_MODE",
    "HISTORY_BUCKET",
    "LOCAL_DEV_MODE",
    "MCP_SERVER",
    "NUM_WORKERS",
    "PROFILING",
    "RUN_HISTORY",
    "SERVER_MODE_ENABLED",
    "SHARE",
    "SHARE_SERVER_ADDRESS",
    "STATIC_WORKER_PORTS",
    "VIBE_MODE",
)
IGNORED = Text(
    "{name} is ignored: this program does not let it change what others may reach.",
    "已忽略 {name}：本程序不允许它改变对外开放的内容。",
)


def tame_gradio(uploads: Path) -> list[Text]:
    """No telemetry, no statistics of its own after every event, uploads below our data folder, and
    nothing that is dangerous; what was taken away is told. Hugging Face says that this is a Space;
    what Gradio would do about that is not wanted."""
    dangerous = [f"GRADIO_{word}" for word in DANGEROUS]
    ignored = [name for name in dangerous if os.environ.pop(name, "")]
    if os.environ.get("GRADIO_TEMP_DIR", str(uploads)) != str(uploads):  # all below it is served
        ignored.append("GRADIO_TEMP_DIR")
    if os.environ.pop("SYSTEM", "") == "spaces":  # Gradio would reload code from elsewhere there,
        os.environ.setdefault("GRADIO_SERVER_NAME", "0.0.0.0")  # and ask other hosts from the page
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = "1000000"
    return [IGNORED.fill(name=name) for name in ignored]


@contextmanager
def importing_gradio() -> Iterator[None]:
    """Within it Gradio can be imported in half of the time. Each import reads the source of all its
    components, to write stub files for editors beside them (1.1 of 2.2 s with 6.31); a component
    without a file has none."""
    real = inspect.getfile

    def getfile(thing: Any) -> str:
        if str(getattr(thing, "__module__", "")).startswith("gradio."):
            raise OSError("no stub file is wanted")
        return real(thing)

    inspect.getfile = getfile  # type: ignore[assignment]
    try:
        yield
    finally:
        inspect.getfile = real
