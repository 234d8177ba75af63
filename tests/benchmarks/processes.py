"""Processes that are measured, and what they spend."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..program import Program

TICK = os.sysconf("SC_CLK_TCK")


@contextmanager
def running(program: Program) -> Iterator[Program]:
    """Until the block ends."""
    program.start()
    try:
        yield program
    finally:
        program.stop()


def cpu_of(program: Program) -> float:
    """Seconds of user and system together that it has spent so far, asked of the kernel and not of
    the program."""
    assert program.process
    stat = Path(f"/proc/{program.process.pid}/stat").read_text()
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / TICK


def share_of(program: Program, seconds: float) -> float:
    """Per cent of one core, over the next `seconds`."""
    cpu, began = cpu_of(program), time.monotonic()
    time.sleep(seconds)
    return 100 * (cpu_of(program) - cpu) / (time.monotonic() - began)
