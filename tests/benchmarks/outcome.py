"""What a worker is told on its command line, and what it tells in the end."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from .meter import Spent


@dataclass(frozen=True, slots=True)
class Outcome:
    """`landed`: when each task's picture was on disk, in Unix seconds by Kling's task id."""

    landed: dict[str, float]
    spent: Spent

    def line(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, line: str) -> Outcome:
        told = json.loads(line)
        return cls(told["landed"], Spent(**told["spent"]))


def arguments(worker: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m tests.benchmarks.{worker}")
    parser.add_argument("--url", required=True, help="where Kling is")
    parser.add_argument("--data", type=Path, required=True, help="a folder to write to")
    parser.add_argument("--tasks", type=int, required=True, help="how many, all at once")
    return parser
