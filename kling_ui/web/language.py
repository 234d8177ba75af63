"""The language of a request: what the person chose, else what the browser prefers."""

from __future__ import annotations

from typing import Any

from ..text import Lang
from .incoming import incoming

COOKIE = "kling_language"


def language(request: Any) -> Lang:
    """Every kind of Chinese (zh, zh-HK, zh-TW) gets Chinese, everything else English."""
    inner = incoming(request)
    chosen = inner.cookies.get(COOKIE) or inner.headers.get("accept-language") or ""
    return "zh" if chosen.strip().lower().startswith("zh") else "en"
