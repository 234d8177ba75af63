"""SIGTERM: whatever goes on, the real program leaves in good order, soon, and loses nothing."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gradio_client import Client

from kling_ui.simulator import Fault

from .conftest import Kling
from .program import Program

LEAVES = 5.0  # seconds
FINISHED = 30.0
OVER = b"\r\n0\r\n\r\n"  # the last chunk of an answer that was sent to its end

Start = Callable[..., Kling]
Starts = Callable[..., Program]


class Connection:
    """One that stays open; what comes in, and how it ended."""

    def __init__(self, url: str, request: str, body: bytes = b"") -> None:
        parts = urlsplit(url)
        self.came, self.reset = b"", False
        self._socket = socket.create_connection(
            (parts.hostname, parts.port or 80), timeout=FINISHED
        )
        head = request.replace("\n", f" HTTP/1.1\nhost: {parts.netloc}\n", 1)
        self._socket.sendall(head.replace("\n", "\r\n").encode() + b"\r\n" + body)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            while data := self._socket.recv(65536):
                self.came += data
        except OSError:
            self.reset = True

    def hears(self, word: bytes) -> None:
        eventually(lambda: word in self.came, f"no {word!r} in {self.came!r}")

    def ended(self) -> bool:
        """Whether the other side closed it, and not because something broke."""
        self._thread.join(1)
        return not self._thread.is_alive() and not self.reset

    def close(self) -> None:
        self._socket.close()


def eventually(holds: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + FINISHED
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def stopped(app: Program) -> tuple[int, float]:
    """The code that it left with, and after how many seconds."""
    told = time.monotonic()
    return app.stop(), time.monotonic() - told


def half_an_upload(app: Program) -> Connection:
    fields = "content-type: multipart/form-data; boundary=x\ncontent-length: 9000000\n"
    part = b'--x\r\ncontent-disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    return Connection(app.url, f"POST /gradio_api/upload\n{fields}", part + bytes(100_000))


def rows(data: Path) -> dict[str, str]:
    """The state of every task on the disk."""
    with closing(sqlite3.connect(data / "database" / "history.db")) as db:
        return dict(db.execute("SELECT id, state FROM task"))


def key(server: Kling) -> dict[str, str]:
    return {"KLING_BASE_URL": f"{server.url}/kling", "KLING_API_KEY": "key"}


def test_everything_under_way_ends_well_and_goes_on_after_the_restart(
    kling: Start, program: Starts, tmp_path: Path
) -> None:
    server = kling(seconds=(4.0, 4.0))
    app = program(**key(server))
    client = Client(app.url, verbose=False)
    with ExitStack() as stack:

        def opened(connection: Connection) -> Connection:
            stack.callback(connection.close)
            return connection

        events = opened(Connection(app.url, "GET /gradio_api/studio/events\n"))
        heart = opened(Connection(app.url, "GET /gradio_api/heartbeat/a\n"))
        idle = opened(Connection(app.url, "GET /gradio_api/app_id\n"))
        silent = opened(Connection(app.url, "GET /"))
        opened(half_an_upload(app))
        tasks = [client.predict(prompt=f"fox {k}", api_name="/submit") for k in range(3)]
        for task in tasks:
            events.hears(task.encode())
        heart.hears(b"ALIVE")
        idle.hears(b"app_id")
        eventually(lambda: len(server.creates) == 3, "the tasks do not begin")
        code, took = stopped(app)
        assert code == 0, "".join(app.log)
        assert took < LEAVES
        assert [one.ended() for one in (events, heart, idle, silent)] == [True] * 4
        assert events.came.endswith(OVER)
        assert heart.came.endswith(OVER)

    at_rest = rows(tmp_path / "data")
    assert {*at_rest} == {*tasks}
    assert {*at_rest.values()} <= {"submitted", "processing"}
    app.start()
    again = Client(app.url, verbose=False)
    eventually(lambda: states(again, tasks) == ["succeeded"] * 3, "they are not finished")
    assert sorted(body["prompt"] for body in server.creates) == ["fox 0", "fox 1", "fox 2"]


def states(client: Client, tasks: list[str]) -> list[str]:
    return [client.predict(task_id=task, api_name="/task")["state"] for task in tasks]


def test_a_create_that_is_not_answered_holds_nothing_up(
    kling: Start, program: Starts, tmp_path: Path
) -> None:
    def slowly(moment: str, _: Mapping[str, Any]) -> Fault | None:
        return Fault(delay=60) if moment == "create" else None

    app = program(**key(kling(faults=slowly)))
    client = Client(app.url, verbose=False)
    task = client.predict(prompt="a slow answer", api_name="/submit")
    eventually(lambda: rows(tmp_path / "data") == {task: "sending"}, "it is not sent")
    with closing(half_an_upload(app)):
        code, took = stopped(app)
    assert code == 0, "".join(app.log)
    assert took < LEAVES
    assert rows(tmp_path / "data") == {task: "sending"}  # so that it is looked for, not sent again
