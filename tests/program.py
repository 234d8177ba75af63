"""The real program, or the simulator, as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
START = 60  # seconds
# a developer's own .env must never reach a test: what is set, if only to nothing, is not read there
NO_SETTINGS = dict.fromkeys(
    (
        "KLING_API_KEY",
        "KLING_ACCESS_KEY",
        "KLING_SECRET_KEY",
        "KLING_BASE_URL",
        "KLING_DEFAULT_MODEL",
        "KLING_UI_ALLOW_PRIVATE_HOSTS",
        "KLING_UI_SHARE_KEY",
        "KLING_UI_PRICES",
        "KLING_UI_ASK_PICTURES",
        "KLING_UI_ASK_PRICE",
        "KLING_UI_MODE",
        "KLING_UI_PASSWORD",
        "KLING_UI_ALLOWED_HOSTS",
        "KLING_UI_VISITOR_IMAGES_PER_DAY",
        "KLING_UI_DAILY_BUDGET",
        "KLING_UI_MAX_IMAGES_PER_TASK",
        "KLING_UI_PUBLIC_URL",
        "KLING_UI_AUTO_RESUBMIT",
        "KLING_WEBHOOK_SECRET",
        "SPACE_ID",
        "SPACE_HOST",
    ),
    "",
)


@dataclass
class Program:
    """A process of ours that prints its address. `env` is its whole environment of settings."""

    command: list[str]
    env: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    url: str = ""
    process: subprocess.Popen[str] | None = None

    def start(self) -> Program:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("KLING_", "GRADIO_"))}
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=clean | self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.url = ""
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        end = time.monotonic() + START
        while not self.url and time.monotonic() < end and self.process.poll() is None:
            time.sleep(0.05)
        assert self.url, "".join(self.log)
        return self

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        with process.stdout:
            for line in process.stdout:
                self.log.append(line)
                found = re.search(r"http://127\.0\.0\.1:\d+", line)
                if found and not self.url:
                    self.url = found.group()

    @property
    def cpu(self) -> float:
        """Seconds of user and system together that it has spent so far, asked of the kernel and not
        of the program."""
        assert self.process
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(timeout=20)


def app_at(data: Path, **env: str) -> Program:
    port = str(_free_port())
    settings = {"KLING_UI_DATA_DIR": str(data), "GRADIO_SERVER_PORT": port}
    return Program([sys.executable, "app.py"], NO_SETTINGS | settings | env)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
