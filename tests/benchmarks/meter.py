"""What a process spends."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds are user and system together."""

    cpu: float
    pixels: float  # the part of `cpu` that decoded pictures and made thumbnails
    idle: float  # MB
    peak: float  # MB


class Meter:
    """Counts from `start`, which is for the moment when the process is ready and idle."""

    def __init__(self) -> None:
        self._pixels: list[float] = []
        self._since = self._idle = 0.0

    def start(self) -> None:
        self._pixels.clear()
        self._idle = _megabytes("VmRSS")
        _forget_peak()
        self._since = time.process_time()

    def spent(self) -> Spent:
        cpu, peak = time.process_time() - self._since, _megabytes("VmHWM")
        return Spent(cpu, sum(self._pixels), self._idle, peak)

    def on_pixels(self, work: Callable[P, T]) -> Callable[P, T]:
        """`work`, with the CPU time of its thread counted apart."""

        def counted(*values: P.args, **named: P.kwargs) -> T:
            since = time.thread_time()
            try:
                return work(*values, **named)
            finally:
                self._pixels.append(time.thread_time() - since)

        return counted


def _megabytes(line: str) -> float:
    found = re.search(rf"^{line}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.M)
    assert found, line
    return int(found[1]) / 1024


def _forget_peak() -> None:
    """Where that is forbidden, the peak is that since the process began: no less."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
