"""Absolute addresses of our own routes, right behind a proxy and below a root path too."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import Headers

from .incoming import incoming

PREFIX = "/gradio_api/studio"  # below Gradio's own prefix, which every set-up lets through


def base_of(request: Any) -> str:
    """``scheme://host[/root]`` as the browser of a Starlette or Gradio request sees it."""
    inner = incoming(request)
    root = str(getattr(inner.scope.get("app"), "root_path", "") or "").rstrip("/")
    if root.startswith(("http://", "https://")):
        return root
    headers = Headers(scope=inner.scope)
    host = _first(headers, "x-forwarded-host") or headers.get("host", "localhost")
    scheme = _first(headers, "x-forwarded-proto") or str(inner.scope.get("scheme", "http"))
    return f"{scheme}://{host}{root}"


def picture_link(picture_id: str, side: int | None = None) -> str:
    """The path of a picture: the original, or its rendition of at most `side` pixels."""
    return f"{PREFIX}/pictures/{picture_id}" + (f"/{side}" if side else "")


def _first(headers: Headers, name: str) -> str:
    return headers.get(name, "").split(",")[0].strip()
