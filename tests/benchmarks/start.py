"""How long it takes from the command line to the first byte of the page."""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from ..program import ROOT, START, app_at
from .figure import Figure, NotMeasured

TIMES = 5
LOOK = 0.005  # seconds between two looks at whether it listens
ASK = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/html\r\nConnection: close\r\n\r\n"


def start(folder: Path, *, peers: bool) -> Iterator[Figure]:
    """By turns; the first of each warms the disk up."""
    ours, theirs = [], []
    for number in range(1 + TIMES):
        ours.append(_program(folder / f"{number}"))
        if peers:
            theirs.append(_bare(folder / f"{number}"))
    program = statistics.median(ours[1:])
    bare = statistics.median(theirs[1:]) if peers else None
    yield Figure("from the start to the first byte, median", program, "s", bare=bare)
    if bare:
        yield Figure("  in starts of a bare app", program / bare, "x", 1.25, bare=1.0)


def _program(folder: Path) -> float:
    program = app_at(folder / "data")
    return first_byte(program.command, program.env)


def _bare(folder: Path) -> float:
    env = {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": f"{folder / 'bare'}"}
    port = {"GRADIO_SERVER_PORT": app_at(folder).env["GRADIO_SERVER_PORT"]}
    return first_byte([sys.executable, "tests/benchmarks/bare.py"], env | port)


def first_byte(command: list[str], env: Mapping[str, str]) -> float:
    """Seconds."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("KLING_", "GRADIO_"))}
    silent = subprocess.DEVNULL
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, env=clean | dict(env), stdout=silent, stderr=silent
    )
    try:
        return _answered(int(env["GRADIO_SERVER_PORT"]), began + START) - began
    finally:
        process.terminate()
        process.wait(timeout=20)


def _answered(port: int, end: float) -> float:
    while time.perf_counter() < end:
        with (
            suppress(ConnectionRefusedError),
            socket.create_connection(("127.0.0.1", port)) as wire,
        ):
            wire.settimeout(START)
            wire.sendall(ASK)
            if wire.recv(1):
                return time.perf_counter()
        time.sleep(LOOK)
    raise NotMeasured("it did not start")
