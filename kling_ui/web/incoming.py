"""The Starlette request inside whatever a route or a Gradio function is handed."""

from __future__ import annotations

from typing import Any

from starlette.requests import HTTPConnection


def incoming(request: Any) -> HTTPConnection:
    """Gradio wraps the request it passes to functions; its wrapper turns mappings into objects
    that do not behave like mappings."""
    found: HTTPConnection = getattr(request, "request", None) or request
    return found
