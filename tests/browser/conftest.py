"""The real program as a process of its own, and Chromium to look at it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START = 60  # seconds
# what Gradio itself logs to the console on a page of ours
KNOWN_NOISE = ("Method not implemented.",)


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

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(timeout=20)


def app_at(data: Path, **env: str) -> Program:
    port = str(_free_port())
    settings = {"KLING_UI_DATA_DIR": str(data), "GRADIO_SERVER_PORT": port, **env}
    return Program([sys.executable, "app.py"], settings)


def _free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="session")
def kling_server() -> Iterator[Program]:
    """The simulator as a server of its own; its tasks take one to two seconds."""
    command = [sys.executable, "-m", "kling_ui.simulator", "--port", "0", "--seconds", "1", "2"]
    program = Program([*command, "--key", "good-key"]).start()
    yield program
    program.stop()


@pytest.fixture(scope="session")
def app(kling_server: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The program with a key, as over the internet."""
    program = app_at(
        tmp_path_factory.mktemp("live"),
        KLING_BASE_URL=f"{kling_server.url}/kling",
        KLING_API_KEY="good-key",
    ).start()
    yield program
    program.stop()


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """``program(**env)`` starts a program of this test's own."""
    running: list[Program] = []

    def start(**env: str) -> Program:
        running.append(app_at(tmp_path / "data", **env).start())
        return running[-1]

    yield start
    for one in running:
        if one.process and one.process.poll() is None:
            one.stop(signal.SIGKILL)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if not shutil.which(CHROMIUM):
        if os.environ.get("CI"):
            pytest.fail(f"no browser at {CHROMIUM}")
        pytest.skip(f"no browser at {CHROMIUM}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """``visit(url, locale=…, …)`` opens the page as a new visitor; what the page logs as an error
    fails the test."""
    contexts: list[Any] = []
    errors: list[str] = []

    def open_page(url: str, **options: Any) -> Page:
        context = chromium.new_context(
            **{"locale": "en-US", "viewport": {"width": 1440, "height": 1000}, **options}
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda message: (
                errors.append(message.text)
                if message.type == "error" and message.text not in KNOWN_NOISE
                else None
            ),
        )
        page.goto(url)
        page.wait_for_selector("#generate:has-text('·')", timeout=30_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not [error for error in errors if "net::ERR_" not in error]  # a server may be stopped
