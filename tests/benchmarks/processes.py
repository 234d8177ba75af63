"""Processes that are measured, and what they spend."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..program import Program


@contextmanager
def running(program: Program) -> Iterator[Program]:
    """Until the block ends."""
    program.start()
    try:
        yield program
    finally:
        program.stop()


def share_of(program: Program, seconds: float) -> float:
    """Per cent of one core, over the next `seconds`."""
    cpu, began = program.cpu, time.monotonic()
    time.sleep(seconds)
    return 100 * (program.cpu - cpu) / (time.monotonic() - began)
