"""How a simulator behaves: everything a caller may choose."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Literal

Moment = Literal["create", "get", "list", "picture"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One answer gone wrong. `status` 0 leaves the usual answer, only `delay` seconds late."""

    status: int = 0
    body: bytes = b""
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    accept: bool = False  # at a create: a sound task is made all the same
    drop: bool = False  # the connection ends without an answer


Faults = Callable[[Moment, Mapping[str, Any]], Fault | None]
Lives = Callable[[Random], tuple[float, float]]  # seconds until processing, and of the whole life


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Times are in seconds. Keys and secrets stay out of the `repr`.

    `faults` is asked before a create (``path``, ``body``, ``external_task_id``), before a picture
    (``path``, ``task_id``, ``index``) and after a get or a list, where ``answer`` holds the JSON
    that would be sent, so that a fault can send it twisted.
    """

    folder: Path | None = None  # where tasks outlive the process; None: in memory only
    keys: frozenset[str] = field(default=frozenset(), repr=False)
    pairs: Mapping[str, str] = field(default_factory=dict, repr=False)  # access key → secret key
    quota: int = 20  # pictures in flight per account and model
    seconds: tuple[float, float] = (4.0, 9.0)  # shortest and longest life of a task
    lives: Lives | None = None  # instead of `seconds`; drawn with the task's id as the seed
    models: tuple[str, ...] | None = None  # the models of every path; None: Kling's own
    callbacks: bool = False  # call a loopback ``callback_url``
    webhook_secret: str = field(default="", repr=False)  # ``whsec_…``: callbacks are signed
    listing: bool = True
    lookup: bool = True  # False: a gateway that knows neither the list nor external ids
    external_ids_unique: bool = True
    faults: Faults | None = None
    clock: Callable[[], float] = time.time  # Unix seconds
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
