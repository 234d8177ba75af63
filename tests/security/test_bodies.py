"""What comes in with a request: too much, too slow, or nothing that anybody would send."""

from __future__ import annotations

import asyncio
import io
import json
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from PIL import Image
from starlette.types import Message, Receive

from kling_ui.web.guard import doors, waiting
from kling_ui.web.guard.body import TooLarge, TooSlow, limited
from kling_ui.web.sessions import MOST_UNREAD

from ..program import Program
from .visitor import STUDIO, Visitor, eventually, nonce
from .wire import Payments

# by door, more than it takes, in bytes
LARGE = {
    "/gradio_api/run/predict": 600_000,
    "/gradio_api/queue/join": 600_000,
    "/gradio_api/call/submit": 600_000,
    f"{STUDIO}/key": 70_000,
    f"{STUDIO}/delete": 70_000,
    f"{STUDIO}/account/check": 70_000,
    f"{STUDIO}/account/adopt": 70_000,
    f"{STUDIO}/zip": 70_000,
    "/login": 5_000,
    "/gradio_api/upload": 70_000_000,
}
JSON = {"content-type": "application/json"}
READ = ("/", "/config", f"{STUDIO}/tasks", f"{STUDIO}/events")
ORDERS = (f"{STUDIO}/key", f"{STUDIO}/delete", f"{STUDIO}/account/check", f"{STUDIO}/account/adopt")
EVENTS = ("/gradio_api/run/predict", "/gradio_api/queue/join", "/gradio_api/call/submit")


@pytest.fixture
def here(local: Program) -> Iterator[Visitor]:
    one = Visitor.come(local, space=False)
    yield one
    assert one.get("/config").status_code == 200  # whatever came in before
    one.http.close()


@pytest.fixture
def there(space: Program) -> Iterator[Visitor]:
    one = Visitor.come(space, patient=False)
    yield one
    one.http.close()


def wire(one: Visitor) -> socket.socket:
    parts = urlsplit(str(one.http.base_url))
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout=20)


def head(path: str, *lines: str, method: str = "POST") -> bytes:
    start = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    if not any(line.startswith("Content-Type") for line in lines):
        start.append("Content-Type: application/json")
    return "\r\n".join([*start, *lines, "", ""]).encode()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


# too much


def answered(one: Visitor, *pieces: bytes) -> int:
    """The status that follows; 0 where the connection is cut."""
    with wire(one) as line, suppress(OSError):
        with suppress(OSError):  # cut while it is sent: the answer may be there all the same
            for piece in pieces:
                line.sendall(piece)
        return status(line.recv(100))
    return 0


def test_what_says_that_it_is_too_large_is_told_so(here: Visitor) -> None:
    """Even where nothing of it is sent."""
    asked = [head(path, f"Content-Length: {size}") for path, size in LARGE.items()]
    asked += [head(path, "Content-Length: 1000000", method="GET") for path in READ]
    with ThreadPoolExecutor(len(asked)) as pool:
        assert {*pool.map(lambda one: answered(here, one), asked)} == {413}


@pytest.mark.parametrize("path", LARGE)
def test_what_turns_out_to_be_too_large_is_not_kept(
    here: Visitor, local: Program, path: str
) -> None:
    """Sent in pieces whose number nobody tells."""
    assert local.process
    size, before = min(2 * LARGE[path], 75_000_000), memory(local.process.pid)
    pieces = [b"%x\r\n%s\r\n" % (60_000, b" " * 60_000)] * (size // 60_000 + 1)
    kind = "Content-Type: multipart/form-data; boundary=b" if "upload" in path else "X-A: b"
    begin = b"e\r\n--b\r\n\r\nxxxxx\r\n" if "upload" in path else b""
    sent = (begin, *pieces, b"0\r\n\r\n")
    found = answered(here, head(path, "Transfer-Encoding: chunked", kind), *sent)
    assert found in (0, 400, 413, 422)  # the last where it was not even read
    assert memory(local.process.pid) - before < 40_000_000


def test_an_upload_of_many_files_is_none(here: Visitor) -> None:
    for number, status in ((1, 200), (4, 200), (6, 413), (50, 413)):
        files = [("files", (f"{k}.txt", b"x")) for k in range(number)]
        assert here.post("/gradio_api/upload", files=files).status_code == status


def test_where_nothing_is_expected_nothing_is_taken(here: Visitor) -> None:
    pieces = [b"%x\r\n%s\r\n" % (60_000, b" " * 60_000)] * 10
    for path in READ:
        found = answered(here, head(path, "Transfer-Encoding: chunked", method="GET"), *pieces)
        assert found in (0, 200, 413)
    answer = here.http.request("DELETE", f"{STUDIO}/key", content=b"x" * 70_000)
    assert answer.status_code == 413


def test_a_length_that_is_none_is_refused(here: Visitor) -> None:
    for length in ("-1", "1e3", "0x10", "10, 10000000", "٣", "", "9" * 30, "+5", "5 5"):
        with wire(here) as one:
            one.sendall(head(f"{STUDIO}/key", f"Content-Length: {length}") + b"{}")
            one.settimeout(3)
            try:
                answer = one.recv(100)
            except TimeoutError:  # the rest of so many bytes is waited for: not more than they
                assert length in ("+5", "")
                continue
            assert status(answer) in (400, 413), length


def test_two_lengths_smuggle_nothing(here: Visitor) -> None:
    inner = b"GET /gradio_api/deep_link HTTP/1.1\r\nHost: localhost\r\n\r\n"
    lines = ("Content-Length: 0", f"Content-Length: {len(inner)}")
    chunked = ("Transfer-Encoding: chunked", f"Content-Length: {len(inner)}")
    for more in (lines, chunked):
        with wire(here) as one:
            one.sendall(head(f"{STUDIO}/key", *more) + b"0\r\n\r\n" + inner)
            answer = one.recv(10_000)
            assert status(answer) == 400 or b"HTTP/1.1" not in answer[10:] or b"404" in answer


def test_headers_without_end_are_cut_off(here: Visitor) -> None:
    with wire(here) as one:
        one.settimeout(5)
        try:
            for _ in range(200):
                one.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: " + b"a" * 10_000)
            answer = one.recv(100)
        except OSError:
            answer = b""
    assert status(answer) in (0, 400, 431)


# too slow


def drip(pieces: list[bytes], every: float) -> Receive:
    """Brings piece after piece."""
    waiting = iter(pieces)

    async def receive() -> Message:
        await asyncio.sleep(every)
        body = next(waiting, None)
        if body is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": body, "more_body": True}

    return receive


async def test_a_drip_is_cut_when_the_doors_patience_ends() -> None:
    slow = limited(drip([b"x"] * 1000, 0.02), largest=1000, patience=0.2)
    began = time.monotonic()
    with pytest.raises(TooSlow):
        while True:
            await slow()
    assert 0.1 < time.monotonic() - began < 10


async def test_parts_of_a_form_are_counted_however_it_comes() -> None:
    form = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" * 6
    for size in (1, 7, 1000):
        pieces = [form[k : k + size] for k in range(0, len(form), size)]
        receive = limited(drip(pieces, 0), largest=10_000, patience=5, parts=5)
        with pytest.raises(TooLarge):
            for _ in pieces:
                await receive()


async def test_a_byte_too_much_is_one() -> None:
    exact = limited(drip([b"x" * 10] * 10, 0), largest=100, patience=5)
    for _ in range(10):
        await exact()
    more = limited(drip([b"x" * 10] * 11, 0), largest=100, patience=5)
    with pytest.raises(TooLarge):
        for _ in range(11):
            await more()


async def test_who_listens_for_long_is_not_cut_off() -> None:
    """The patience is for what comes in; a stream goes on."""

    async def receive() -> Message:
        await asyncio.sleep(0.15)
        return {"type": "http.request", "body": b"", "more_body": False}

    calm = limited(receive, largest=0, patience=0.2)
    for _ in range(4):
        await calm()


def test_every_door_has_an_end(here: Visitor) -> None:
    """None waits for ever, and none takes more than a picture."""
    for door in doors.DOORS:
        assert 0 < door.patience <= 300
        assert door.largest <= 65 * 1024 * 1024
        assert door.patience <= 10 or door.largest > 1024 * 1024
        assert "GET" not in door.methods or door.largest == 0


def test_who_never_says_what_they_want_is_hung_up_on_and_who_listens_is_not(here: Visitor) -> None:
    listening = here.http.stream("GET", f"{STUDIO}/events", timeout=60)
    with listening as stream, wire(here) as silent, wire(here) as dripping, wire(here) as again:
        pieces = stream.iter_raw()
        next(pieces)
        dripping.sendall(b"GET / HTTP/1.1\r\nHost: loc")
        again.sendall(head(f"{STUDIO}/tasks", method="GET"))
        assert status(again.recv(100_000)) == 200
        again.sendall(b"GET / HT")  # uvicorn itself waits for the rest of it for ever
        for one in (silent, dripping, again):
            one.settimeout(3 * waiting.PATIENCE)
            while one.recv(100_000):
                pass
        here.submit(nonce())
        assert next(pieces)


def test_a_slow_loris_holds_up_nobody(here: Visitor) -> None:
    drops = [wire(here) for _ in range(100)]
    try:
        for one in drops:
            one.sendall(head(f"{STUDIO}/key", "Content-Length: 100") + b"{")
        began = time.monotonic()
        assert here.get(f"{STUDIO}/tasks").status_code == 200
        assert here.get("/").status_code == 200
        assert time.monotonic() - began < 5
    finally:
        for one in drops:
            one.close()


# nothing that anybody would send

ODD = {
    "deep": b"[" * 60_000,
    "deep objects": b'{"a":' * 12_000,
    "deep and sound": b'{"key":' + b"[" * 2_000 + b"]" * 2_000 + b"}",
    "no utf-8": b'{"key": "\xff\xfe\xed\xa0\x80"}',
    "nothing": b"",
    "a word": b"key",
    "a number": b"1" * 5_000,
    "a huge number": b'{"key": ' + b"9" * 5_000 + b"}",
    "an exponent": b'{"key": 1e999999}',
    "NaN": b'{"key": NaN, "ids": [NaN], "task_id": Infinity}',
    "half": b'{"key": "',
    "NUL": b'{"key": "a\x00b"}',
    "UTF-16": '{"key": "a-key-in-utf-16"}'.encode("utf-16"),
    "BOM": b'\xef\xbb\xbf{"key": "x"}',
    "gzip": b"\x1f\x8b\x08\x00" + b"\x00" * 20,
    "a list": b"[]",
    "null": b"null",
    "twice": b'{"key": "short", "key": null}',
    "ids": b'{"ids": [null, 1, [], {}, "\\ud800", "\\u0000"]}',
    "surrogates": b'{"key": "\\ud800\\ud800", "task_id": "\\udfff", "ids": "\\ud800"}',
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("path", ORDERS)
def test_an_order_that_is_none_is_said_so(here: Visitor, path: str, name: str) -> None:
    answer = here.post(path, content=ODD[name], headers=JSON)
    assert answer.status_code in (200, 400, 413)
    if answer.status_code == 200:
        assert answer.json().get("problem", "-") and answer.json().get("deleted") != []
    packed = here.post(path, content=ODD[name], headers=JSON | {"content-encoding": "gzip"})
    assert packed.status_code in (200, 400, 413)


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("path", EVENTS)
def test_an_event_that_is_none_is_said_so(here: Visitor, path: str, name: str) -> None:
    for kind in (
        *("application/json", "text/plain", "application/x-www-form-urlencoded"),
        *("multipart/form-data", ""),
    ):
        answer = here.post(path, content=ODD[name], headers={"content-type": kind})
        assert answer.status_code in (400, 413, 422)
        assert len(answer.content) < 200  # nothing is repeated of what came in


def test_what_is_no_event_leaves_no_story_in_the_log(here: Visitor, local: Program) -> None:
    before = len(local.log)
    for path in EVENTS:
        for name in ("NaN", "surrogates", "no utf-8", "a list"):
            here.post(path, content=ODD[name], headers=JSON)
    time.sleep(0.5)
    assert len(local.log) - before < 10


def test_deep_values_inside_a_sound_event_are_no_value(here: Visitor) -> None:
    inner = "[" * 5_000 + "]" * 5_000
    for name in ("pressed", "judged", "check_upload"):
        event = here.events.id(name)
        count = len(here.events.inputs(event))
        data = ",".join([inner] * count)
        body = f'{{"fn_index": {event}, "session_hash": "x", "data": [{data}]}}'
        answer = here.post("/gradio_api/run/predict", content=body, headers=JSON)
        assert answer.status_code in (200, 400, 500)
        assert "Recursion" not in answer.text


@pytest.mark.parametrize("mark", ["\ud800", "\x00", "\udfff\ud800", "\u202e", "\x1b[31m", "\ufeff"])
def test_what_no_model_reads_is_left_out_of_a_prompt(
    bank: Payments, here: Visitor, mark: str
) -> None:
    prompt = nonce()
    event = here.events.id("pressed")
    given = {"prompt": f"{prompt}{mark} fox{mark}", "model_name": "kling-v3", "nonce": nonce()}
    body = {"fn_index": event, "data": here.events.inputs(event, **given), "session_hash": "x"}
    answer = here.post("/gradio_api/run/predict", content=json.dumps(body), headers=JSON)
    assert answer.json()["data"][0]["task"]
    asked = json.dumps({"data": [f"{prompt}{mark}", "kling-v3", *[None] * 12]})
    assert here.post("/gradio_api/call/submit", content=asked, headers=JSON).status_code == 200
    found = eventually(lambda: [c for c in bank.creates if prompt in c.prompt][1:])
    assert all(mark not in create.prompt for create in found)


@pytest.mark.parametrize("mark", ["\ud800", "\x00", "x" * 30_000, "\u2028", "🦊" * 2_000])
def test_odd_words_in_an_address_are_no_trouble(here: Visitor, mark: str) -> None:
    word = quote(mark.encode("utf-8", "surrogatepass"))[:8_000]
    for path in (f"{STUDIO}/tasks?q={word}", f"{STUDIO}/tasks?before={word}"):
        assert here.get(path).status_code in (200, 400)
    for path in (
        f"{STUDIO}/tasks/{word}",
        f"{STUDIO}/pictures/{word}",
        f"{STUDIO}/events?since={word}",
    ):
        with here.http.stream("GET", path) as answer:
            assert answer.status_code in (200, 404)


# uploads


def uploaded(here: Visitor, content: bytes, kind: str = "multipart/form-data; boundary=b") -> int:
    headers = {"content-type": kind}
    return here.post("/gradio_api/upload", content=content, headers=headers).status_code


def part(name: str, value: bytes = b"x", *, file: str | None = None) -> bytes:
    told = f'; filename="{file}"' if file is not None else ""
    line = f'--b\r\nContent-Disposition: form-data; name="{name}"{told}\r\n\r\n'
    return line.encode("utf-8", "surrogatepass") + value + b"\r\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"--b--\r\n",
        b"--b\r\n",
        b"nonsense",
        part("files"),
        part("files", file="") + b"--b--\r\n",
        part("files", file="x" * 5_000) + b"--b--\r\n",
        part("files", file="a\x00b.png") + b"--b--\r\n",
        part("files", file="../../../a.png") + b"--b--\r\n",
        part("files", file="\ud800.png") + b"--b--\r\n",
        part("files", file="CON") + b"--b--\r\n",
        part("other", file="a.png") + b"--b--\r\n",
        part("files", file="a.png") * 1_200 + b"--b--\r\n",
        part("files") * 5_000 + b"--b--\r\n",
        b"--b\r\nX: " + b"y" * 100_000 + b"\r\n\r\nx\r\n--b--\r\n",
        b"--b\r\n" + b"X: y\r\n" * 10_000 + b"\r\nx\r\n--b--\r\n",
    ],
)
def test_a_form_that_is_none_uploads_nothing_and_breaks_nothing(
    here: Visitor, content: bytes
) -> None:
    assert uploaded(here, content) in (200, 400, 413, 422)
    for kind in ("multipart/form-data", "text/plain", ""):
        assert uploaded(here, content, kind) in (400, 413, 422)


def test_json_that_is_no_forms_goes_no_further(there: Visitor) -> None:
    event = there.events.id("judged")
    numbers, deep = [1] * 3000, json.loads("[" * 50 + "]" * 50)
    named = {"path": "/tmp/a\n12:00 ERROR forged", "meta": {"_type": "gradio.FileData"}}
    long = {**named, "path": "/tmp/" + "a" * 5000}
    for odd in (numbers, deep, named, long, [{"inside": named}]):
        count = len(there.events.names(event))
        for path, body in (
            ("run/predict", {"fn_index": event, "session_hash": there.session}),
            ("call/submit", {}),
        ):
            answer = there.post(f"/gradio_api/{path}", {**body, "data": [odd] * count})
            assert answer.status_code == 400, path
            assert answer.text == "That cannot be read."
    for broken in (b"", b"[]", b"1", b'{"data": ['):
        answer = there.http.post("/gradio_api/call/tasks", content=broken)
        assert answer.status_code == 400


def test_answers_that_nobody_reads_are_not_kept_without_end(there: Visitor) -> None:
    calls = [there.post("/gradio_api/call/tasks", {"data": []}) for _ in range(MOST_UNREAD + 1)]
    assert [one.status_code for one in calls] == [*[200] * MOST_UNREAD, 429]
    assert f"{MOST_UNREAD} answers wait" in calls[-1].text
    assert there.run(there.events.id("judged"), []).status_code != 429
    event = calls[0].json()["event_id"]
    assert "complete" in there.get(f"/gradio_api/call/tasks/{event}").text
    assert there.post("/gradio_api/call/tasks", {"data": []}).status_code == 200


def test_nobody_listens_where_nothing_is_said(there: Visitor) -> None:
    for session in (there.session, "made-up"):
        params = {"session_hash": session}
        assert there.get("/gradio_api/queue/data", params=params).status_code == 404


def test_an_upload_that_breaks_off_leaves_nothing(here: Visitor, local: Program) -> None:
    folder = Path(local.env["KLING_UI_DATA_DIR"]) / "uploads"
    before = {path for path in folder.rglob("*") if path.is_file()}
    whole = part("files", b"x" * 3_000_000, file="a.png")
    kind = "Content-Type: multipart/form-data; boundary=b"
    for length in (60_000_000, len(whole)):  # gone away in the middle, and no end
        with wire(here) as one:
            one.sendall(head("/gradio_api/upload", f"Content-Length: {length}", kind) + whole)
            time.sleep(0.5)
    eventually(lambda: {path for path in folder.rglob("*") if path.is_file()} <= before)


def test_nor_does_it_while_somebody_takes_their_time(here: Visitor, local: Program) -> None:
    folder = Path(local.env["KLING_UI_DATA_DIR"]) / "uploads"
    kind = "Content-Type: multipart/form-data; boundary=b"

    def begun(line: socket.socket) -> Path:
        before = {*folder.glob("tmp*")}
        whole = part("files", b"x" * 3_000_000, file="a.png")
        line.sendall(head("/gradio_api/upload", "Content-Length: 60000000", kind) + whole)
        return eventually(lambda: {*folder.glob("tmp*")} - before).pop()

    with wire(here) as slow:
        under_way = begun(slow)
        with wire(here) as one:
            broken = begun(one)
        long_ago = time.time() - doors.UPLOAD_PATIENCE - 1

        def swept() -> bool:
            with suppress(FileNotFoundError):
                os.utime(broken, (long_ago, long_ago))  # what still came in made it new
            assert uploaded(here, part("files", file="a.png") + b"--b--\r\n") == 200
            return not broken.exists()

        eventually(swept)
        assert under_way.exists()
    eventually(lambda: not under_way.exists())


def test_a_picture_that_grows_when_it_is_opened_is_refused_soon(
    here: Visitor, local: Program
) -> None:
    file = io.BytesIO()
    Image.new("1", (13_300, 13_300)).save(file, "PNG")
    assert len(file.getvalue()) < 100_000
    files = {"files": ("bomb.png", file.getvalue(), "image/png")}
    (path,) = here.post("/gradio_api/upload", files=files).json()
    assert local.process
    before, began = memory(local.process.pid), time.monotonic()
    report = here.press("a fox", image={"path": path, "meta": {"_type": "gradio.FileData"}})
    assert report["task"] == ""
    assert "image" in report["problems"]
    assert time.monotonic() - began < 5
    assert memory(local.process.pid) - before < 150_000_000


def memory(pid: int) -> int:
    """Bytes that a process has at hand."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
