"""The environment, read once. The only package that looks at ``os.environ``."""

from __future__ import annotations

from .gradio import IGNORED, importing_gradio, tame_gradio
from .reading import is_loopback, trimmed, webhook_key
from .redaction import Redactor
from .secret import Secret
from .settings import (
    ASK_PICTURES,
    ASK_PRICE,
    BROKEN_ASK,
    BROKEN_KEY,
    BROKEN_LIMIT,
    BROKEN_MODE,
    BROKEN_PORT,
    BROKEN_PUBLIC_URL,
    BROKEN_URL,
    BROKEN_WEBHOOK_SECRET,
    DEFAULT_MODEL,
    GLOBAL_URL,
    HALF_PAIR,
    NAMED_TO_ALL,
    NO_BUDGET,
    NO_PASSWORD,
    OPEN_TO_ALL,
    VISITOR_IMAGES,
    Mode,
    Settings,
)

__all__ = [
    "ASK_PICTURES",
    "ASK_PRICE",
    "BROKEN_ASK",
    "BROKEN_KEY",
    "BROKEN_LIMIT",
    "BROKEN_MODE",
    "BROKEN_PORT",
    "BROKEN_PUBLIC_URL",
    "BROKEN_URL",
    "BROKEN_WEBHOOK_SECRET",
    "DEFAULT_MODEL",
    "GLOBAL_URL",
    "HALF_PAIR",
    "IGNORED",
    "NAMED_TO_ALL",
    "NO_BUDGET",
    "NO_PASSWORD",
    "OPEN_TO_ALL",
    "VISITOR_IMAGES",
    "Mode",
    "Redactor",
    "Secret",
    "Settings",
    "importing_gradio",
    "is_loopback",
    "tame_gradio",
    "trimmed",
    "webhook_key",
]
