"""Many browsers at once, which a process of their own plays."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..program import ROOT
from .figure import NotMeasured

BROWSERS = 100
PATIENCE = 120.0  # seconds for a hundred of anything


class Crowd:
    """`owners`: what each browser's cookie makes it, empty where there is none."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.owners: list[str] = self._answer()

    def open(self) -> None:
        """All pages, from now on."""
        self._do("open")

    def told(self) -> Any:
        """What each was told since the last time; see `visitors`."""
        return self._do("told")

    def _do(self, order: str) -> Any:
        assert self._process.stdin
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout
        if not select.select([self._process.stdout], [], [], PATIENCE)[0]:
            raise NotMeasured("the browsers do not answer")
        return json.loads(self._process.stdout.readline())


@contextmanager
def crowd(kind: str, url: str) -> Iterator[Crowd]:
    """Until the block ends, browsers that have been to `url`."""
    command = [sys.executable, "-m", "tests.benchmarks.visitors", kind, "--url", url]
    process = subprocess.Popen(
        [*command, "--count", f"{BROWSERS}"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Crowd(process)
    finally:
        assert process.stdin
        process.stdin.close()
        process.wait(timeout=20)
