"""A whole day of the program with keys that are looked for everywhere afterwards.

Kling tells everybody's key to whoever asks; visitors bring broken keys and paste theirs where it
does not belong; the program is killed. The one place for a key is the header that signs a call.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import io
import json
import re
import signal
import sqlite3
import threading
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus
from zipfile import ZipFile

import httpx
import pytest
from PIL import Image
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kling_ui.simulator import Options, build

from ..conftest import QUICK, photo, served
from ..program import Program
from .conftest import SPACE, running
from .visitor import STUDIO, Events, Visitor, eventually, nonce
from .wire import GENERATIONS

# visible ASCII of every kind, because a quoted or escaped key is that key as well
SERVER = 'srv-Gq7ZrVx+Tn4/WbM2Lp"Yc9Hd8JfUa5\\Ss=Qe3Xo6'
VISITOR = "vis-Mw2KtBn8&Rz5/HpQ4Xd+Jc7Lf9Yg3=Us6Va1Eo0i"
WEBHOOK = "whsec_" + base64.b64encode(b"a canary of a secret, long enough").decode()
BROKEN = {
    "newline": ("brk-nl-Td6QmWx3Zk9H", "Pv4RyLc8Bj2N-nl-end"),
    "nul": ("brk-nul-Fs7JnGq5Ea1", "Xo8UhKt3Wd9M-nul-end"),
    "zh": ("brk-zh-Ci2VbYp6Lr4S", "Qz9TfHm7Jx1D-zh-end"),
}
CREATES = ("401", "400", "404", "500", "503", "garbage", "redirect", "headers", "quoted", "id")
QUERIES = ("failed", "refused", "broken", "garbage", "picture", "status", "fields", "moved")
CANARIES = {
    "server": SERVER,
    "visitor": VISITOR,
    "webhook": WEBHOOK,
    "webhook bytes": "a canary of a secret, long enough",
    **{f"{name} {k}": part for name, parts in BROKEN.items() for k, part in enumerate(parts)},
}


# how a key may look


def looks(key: str) -> dict[str, bytes]:
    """All that a careless program could make of it."""
    half = len(key) // 2
    escaped = "".join(f"\\u{ord(one):04x}" for one in key)
    found = {
        "raw": key,
        "quoted": quote(key, safe=""),
        "quoted as a path": quote(key),
        "quoted as a form": quote_plus(key),
        "in JSON": json.dumps(key)[1:-1],
        "in JSON twice": json.dumps(json.dumps(key))[3:-3],
        "in JSON, escaped": escaped,
        "in HTML": html.escape(key),
        "in Python": repr(key)[1:-1],
        "hex": key.encode().hex(),
        "backwards": key[::-1],
    }
    if half >= 12:
        found |= {"first half": key[:half], "last half": key[half:]}
        found |= {"first half, backwards": key[:half][::-1]}
        found |= {"last half, backwards": key[half:][::-1]}
    return {name: text.encode() for name, text in found.items()} | _packed(key.encode())


def _packed(key: bytes) -> dict[str, bytes]:
    """Base64, wherever in a longer text it begins."""
    found = {}
    for before in range(3):
        packed = base64.b64encode(bytes(before) + key + bytes(-(before + len(key)) % 3))
        whole = packed[4 if before else 0 : -4 if (before + len(key)) % 3 else None]
        found[f"base64 {before}"] = whole
        found[f"base64 {before} for addresses"] = whole.translate(bytes.maketrans(b"+/", b"-_"))
    return found


LOOKS = {name: looks(key) for name, key in CANARIES.items()}


def found_in(place: str, content: bytes) -> list[str]:
    return [
        f"{name} ({look}) in {place}"
        for name, all_looks in LOOKS.items()
        for look, text in all_looks.items()
        if text in content
    ]


@pytest.mark.parametrize("key", [SERVER, VISITOR, WEBHOOK])
def test_a_key_is_found_however_it_is_written(key: str) -> None:
    for text in (
        f"Bearer {key}!",
        json.dumps({"message": f"bad {key}"}),
        json.dumps({"reply": json.dumps({"message": key})}),
        f"https://host/?token={quote(key, safe='')}",
        f"<p>{html.escape(key)}</p>",
        *(base64.b64encode((before + f"{key} and more").encode()).decode() for before in "abc"),
        *(base64.urlsafe_b64encode(f"{'x' * k}{key}".encode()).decode() for k in range(3)),
        key[: len(key) // 2] + "…",
        key[::-1],
    ):
        assert found_in("a text", text.encode()), text
    assert not found_in("a text", f"Bearer ***, which ends in {key[-4:]}".encode())


# a Kling that tells keys


@dataclass
class Talker:
    """A simulated Kling that says back to everybody what was in the Authorization header; `heard`
    is all that came beside that."""

    app: ASGIApp
    url: str = ""
    heard: list[bytes] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    modes: dict[str, str] = field(default_factory=dict)  # of a query, by Kling's id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        header = Headers(scope=scope).get("authorization", "")
        key = header.removeprefix("Bearer ")
        self.keys |= {key} if key else set()
        head = [(k, v) for k, v in scope["headers"] if k != b"authorization"]
        asked = scope["raw_path"] + b"?" + scope["query_string"]
        self.heard.append(repr((scope["method"], asked, head)).encode() + bytes(body))
        answer = await self._answer(scope, bytes(body), key)
        if isinstance(answer, Response):
            await answer(scope, receive, send)
            return
        for message in answer:
            await send(message)

    async def _answer(self, scope: Scope, body: bytes, key: str) -> Response | list[Message]:
        path = scope["path"]
        if path.endswith(GENERATIONS) and scope["method"] == "POST":
            asked = json.loads(body)
            self.bodies.append(asked)
            prompt = str(asked.get("prompt"))
            mode = prompt.partition(" create ")[2].split()
            if mode and key:
                return told(mode[0], key)
            status, messages, answer = await self._usual(scope, body)
            if status == 200 and (later := prompt.partition(" query ")[2].split()):
                self.modes[answer["data"]["task_id"]] = later[0]
            return messages
        if not path.startswith(f"/kling{GENERATIONS}") or not key:
            return (await self._usual(scope, body))[1]
        status, messages, answer = await self._usual(scope, body)
        if status != 200:
            return messages
        tasks = answer["data"] if isinstance(answer["data"], list) else [answer["data"]]
        one = None
        for task in tasks:
            one = self._twisted(task, key) or one
        if one and not isinstance(answer["data"], list):
            return one
        return JSONResponse({**answer, "request_id": key, "message": f"for {key}"})

    def _twisted(self, task: dict[str, Any], key: str) -> Response | None:
        """Changed in place; or the answer in its stead, where one alone is asked for."""
        mode = self.modes.get(task["task_id"], "")
        done = task["task_status"] == "succeed"
        if mode == "failed":
            task |= {"task_status": "failed", "task_status_msg": f"{key} Bearer {key}"}
        elif mode == "status" and not done:
            task |= {"task_status": key, "task_status_msg": f"busy with {key}"}
        elif mode == "fields":
            task |= {"final_unit_deduction": key, "request_id": key, key: key}
            task["task_info"] = {**task["task_info"], "owner": {"key": key, "keys": [key]}}
        elif mode in ("picture", "moved") and done:
            for image in task["task_result"]["images"]:
                image["url"] += f"?{mode}={quote(key, safe='')}"
                image["note"] = key
        elif mode in ("refused", "broken", "garbage") and not done:
            return told({"refused": "401", "broken": "500"}.get(mode, mode), key)
        return None

    async def _usual(self, scope: Scope, body: bytes) -> tuple[int, list[Message], Any]:
        """As the simulator answers."""
        messages: list[Message] = []

        async def received() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def sent(message: Message) -> None:
            messages.append(message)

        query = scope["query_string"]
        if query.startswith(b"moved="):  # a picture that lies elsewhere, and the key goes along
            there = f"{self.url}{scope['path']}?there={query.decode().partition('=')[2]}"
            return 302, await _sent(Response("", 302, {"location": there})), None
        await self.app(scope, received, sent)
        whole = b"".join(message.get("body", b"") for message in messages)
        try:
            return messages[0]["status"], messages, json.loads(whole)
        except ValueError:
            return 0, messages, None


async def _sent(response: Response) -> list[Message]:
    head = {"type": "http.response.start", "status": response.status_code}
    return [
        {**head, "headers": response.raw_headers},
        {"type": "http.response.body", "body": bytes(response.body)},
    ]


def told(mode: str, key: str) -> Response:
    """What is wrong, with the key in it."""
    escaped = "".join(f"\\u{ord(one):04X}" for one in key)
    words = f"Your key {key} (Authorization: Bearer {key}) will not do"
    match mode:
        case "401" | "400" | "404":
            code = {"401": 1002, "400": 1201, "404": 1203}[mode]
            said = {"code": code, "message": words, "request_id": key, key: [key]}
            return JSONResponse(said, int(mode))
        case "500" | "503":
            page = f"<html><title>{key}</title><pre>Bearer {key}</pre>{html.escape(key)}</html>"
            return Response(page, int(mode), media_type="text/html")
        case "garbage":
            return Response(b"\x00\xff{" + key.encode() + b"} \r\n" + escaped.encode(), 200)
        case "redirect":
            where = f"https://elsewhere.example/?key={quote(key, safe='')}"
            return Response(where, 307, {"location": where})
        case "headers":
            names = ("x-request-id", "www-authenticate", "set-cookie", "date", "retry-after")
            return JSONResponse({"code": 1200, "message": "no"}, 400, dict.fromkeys(names, key))
        case "quoted":
            body = f'{{"error": {{"code": "{escaped}", "message": "{escaped} {quote(key)}"}}}}'
            return Response(body, 400, media_type="application/json")
        case _:  # as if the task were called so
            data = {"task_id": key, "task_status": "submitted", "request_id": key}
            return JSONResponse({"code": 0, "message": key, "request_id": key, "data": data})


# a day


class Everything:
    """All that the program ever said, as it came."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, bytes]] = []
        self.visitors: list[Visitor] = []

    def visitor(self, program: Program, *, address: str) -> Visitor:
        one = Visitor(program, address=address)
        self.visitors.append(one)
        one.http.headers["accept-encoding"] = "identity"  # what is packed cannot be searched
        one.http.event_hooks["response"].append(self.note)
        answer = one.get("/")
        one.http.headers["cookie"] = answer.headers["set-cookie"].partition(";")[0]
        one.http.cookies.clear()
        one.events = Events(one.get("/config").json())
        return one

    def note(self, answer: httpx.Response) -> None:
        if "event-stream" not in answer.headers.get("content-type", ""):
            answer.read()
            head = repr(answer.headers.raw).encode()
            self.answers.append((f"{answer.request.method} {answer.url}", head + answer.content))

    def listen(self, one: Visitor) -> None:
        """To the event stream, until the program stops."""

        def run() -> None:
            try:
                with one.listening(f"{STUDIO}/events", timeout=None) as lines:
                    for line in lines:
                        self.answers.append(("the event stream", line.encode()))
            except httpx.HTTPError:
                return

        threading.Thread(target=run, daemon=True).start()


@dataclass
class Day:
    """What was left of it."""

    folder: Path
    program: Program
    talker: Talker
    said: Everything
    states: dict[str, str]  # by prompt and visitor
    zips: list[bytes] = field(default_factory=list)
    pictures: list[bytes] = field(default_factory=list)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    folder = tmp_path_factory.mktemp("canary")
    for name in ("home", "tmp"):
        (folder / name).mkdir()
    talker = Talker(build(Options(seconds=QUICK)))
    env = {
        "KLING_API_KEY": SERVER,
        "KLING_WEBHOOK_SECRET": WEBHOOK,
        "KLING_UI_SHARE_KEY": "1",
        "KLING_UI_VISITOR_IMAGES_PER_DAY": "1000",
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with served(talker) as url:
        talker.url = url
        settings = {**SPACE, **env, "KLING_BASE_URL": f"{url}/kling"}
        with running(folder / "data", **settings) as program:
            said = Everything()
            found = Day(folder, program, talker, said, {})
            lived(found)
            program.stop(signal.SIGTERM)
            yield found
            for one in said.visitors:
                one.http.close()


def lived(day: Day) -> None:
    program, said = day.program, day.said
    guest, owner = (said.visitor(program, address=f"198.51.100.{k}") for k in (7, 8))
    broken_keys(owner)
    assert owner.bring(VISITOR) == ""
    for one in (guest, owner):
        said.listen(one)
        looked_around(one)
    tasks = {(mode, one): one.submit(f"{_mark()} {mode}") for one in (guest, owner) for mode in ALL}
    by_script(owner)
    for one in (guest, owner):
        eventually(partial(settled, one))
    for (mode, one), task in tasks.items():
        day.states[f"{'guest' if one is guest else 'owner'} {mode}"] = one.state(task)
    for (_, one), task in tasks.items():
        pressed_about(one, task)
    for one in (guest, owner):
        pasted(one)
    called_back(day, owner)
    program.stop(signal.SIGKILL)
    program.start()
    assert owner.bring(VISITOR) == ""
    for one in (guest, owner):
        said.listen(one)
        looked_around(one)
        day.zips += [packed(one, settings=settings) for settings in ("1", "")]
        day.pictures += downloaded(one)
    program.stop(signal.SIGTERM)
    program.start()
    looked_around(owner)
    tidied(owner)
    assert owner.bring(VISITOR) == ""
    owner.forget()
    looked_around(owner)


ALL = [*(f"create {mode}" for mode in CREATES), *(f"query {mode}" for mode in QUERIES), "usual"]
BY_SCRIPT = ("kling-v3", "", None, "", None, None, "1k", 1, "16:9", False, "", "", "")
UNDERWAY = {"queued", "sending"}


def settled(one: Visitor) -> bool:
    """Whether Kling was asked for all of it."""
    return not any(card["state"] in UNDERWAY for card in one.cards())


def _mark() -> str:
    return nonce()[:6]


def broken_keys(one: Visitor) -> None:
    """Those that no header takes, and a sound one where it cannot be read."""
    for sign, name in (("\n", "newline"), ("\x00", "nul"), ("钥匙", "zh")):
        assert one.bring(sign.join(BROKEN[name]))
        assert one.bring(f"Bearer {sign.join(BROKEN[name])}{sign}")
    path, kind = f"{STUDIO}/key", {"content-type": "application/json"}
    for body in (
        json.dumps({"key": VISITOR})[:-1],
        json.dumps([VISITOR]),
        json.dumps({"key": [VISITOR]}),
        json.dumps({VISITOR: VISITOR}),
        json.dumps({"key": VISITOR * 20}),
        json.dumps({"key": VISITOR * 5000}),
        f"key={quote(VISITOR)}",
    ):
        one.post(path, content=body, headers=kind)
        one.post(path, content=body)
    one.get(path, headers={"authorization": f"Bearer {VISITOR}"})
    one.http.put(path, json={"key": VISITOR})


def looked_around(one: Visitor) -> None:
    for path in (
        "/",
        "/?__theme=dark",
        "/config",
        "/gradio_api/info",
        "/gradio_api/startup-events",
        "/theme.css",
        "/manifest.json",
        "/openapi.json",
        "/gradio_api/deep_link",
        f"{STUDIO}/account",
        f"{STUDIO}/account/spending.csv",
        f"{STUDIO}/tasks",
        f"{STUDIO}/tasks?filter=failed",
        f"{STUDIO}/nothing",
    ):
        for lang in ("en", "zh"):
            one.get(path, headers={"accept-language": lang})
    one.post(f"{STUDIO}/account/check")
    judged = one.events.id("judged")
    for wish in ("shown", "whole"):
        form = {"prompt": "a fox", "model_name": "kling-v3", "nonce": {"request": wish, "turn": 1}}
        assert one.run(judged, one.events.inputs(judged, **form)).status_code == 200


def by_script(one: Visitor) -> None:
    for mode in ("create 401", "create quoted", "query failed", "usual"):
        event, task = one.call("submit", f"{_mark()} {mode} by script", *BY_SCRIPT)
        assert event == "complete", task
        one.ended(task[0])
        one.call("task", task[0])
    one.call("submit", "", *BY_SCRIPT)
    one.call("task", "0" * 32)
    one.call("tasks")


def pressed_about(one: Visitor, task: str) -> None:
    """The stage's buttons, whether they are there or not."""
    one.get(f"{STUDIO}/tasks/{task}")
    for button in ("look", "star", "settings", "cancel", "release"):
        one.click(button, task)
    one.click("reference", task, 0)
    for button in ("again", "retry"):
        one.click(button, task, nonce())


def pasted(one: Visitor) -> None:
    """A key where an id belongs."""
    for key in (VISITOR, f" {VISITOR} ", f"Bearer {VISITOR}"):
        found = one.post(f"{STUDIO}/account/adopt", {"task_id": key}).json()
        assert found["problem"], found


def called_back(day: Day, one: Visitor) -> None:
    """By Kling, and by somebody who has no secret to sign with."""
    url = next(body["callback_url"] for body in day.talker.bodies if body.get("callback_url"))
    path = url.partition(".hf.space")[2]
    body = json.dumps({"task_id": VISITOR, "task_status": "succeed", "message": VISITOR}).encode()
    moment = str(int(time.time()))
    key = base64.b64decode(WEBHOOK.removeprefix("whsec_"))
    for signed in (hmac.digest(key, f"id.{moment}.".encode() + body, hashlib.sha256), b"wrong"):
        headers = {
            "webhook-id": "id",
            "webhook-timestamp": moment,
            "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
        }
        assert one.post(path, content=body, headers=headers).status_code == 200


def packed(one: Visitor, *, settings: str) -> bytes:
    ids = " ".join(card["id"] for card in one.cards())
    answer = one.post(f"{STUDIO}/zip", data={"ids": ids, "settings": settings})
    assert answer.status_code == 200
    return answer.content


def downloaded(one: Visitor) -> list[bytes]:
    found = []
    for card in one.cards():
        for picture in card["pictures"]:
            path = f"{STUDIO}/pictures/{picture['id']}"
            for query in ("", "?download", "?download&settings", "/480", "/1280"):
                answer = one.get(path + query)
                assert answer.status_code == 200
                found.append(answer.content)
    return found


def tidied(one: Visitor) -> None:
    ids = [card["id"] for card in one.cards() if card["over"]][:4]
    assert one.post(f"{STUDIO}/delete", {"ids": ids}).status_code == 200
    files = {"files": ("photo.jpg", photo(), "image/jpeg")}
    assert one.post("/gradio_api/upload", files=files).status_code == 200


# what is found afterwards


def test_the_day_was_as_bad_as_it_was_meant_to_be(day: Day) -> None:
    """What is searched is worth it."""
    for whose in ("guest", "owner"):
        states = {mode: day.states[f"{whose} {mode}"] for mode in ALL}
        for mode in ("401", "400", "404", "redirect", "headers", "quoted"):
            assert states[f"create {mode}"] == "rejected", mode
        for mode in ("500", "503", "garbage"):
            assert states[f"create {mode}"] == "unconfirmed", mode
    assert day.talker.keys == {SERVER, VISITOR}
    assert len(day.talker.heard) > 100
    assert len(day.said.answers) > 500
    assert all(ZipFile(io.BytesIO(zipped)).namelist() for zipped in day.zips)
    assert len(day.pictures) > 10
    assert {path.name for path in data(day).iterdir()} >= {"database", "pictures", "uploads"}


def test_no_answer_holds_a_key(day: Day) -> None:
    assert [one for place, text in day.said.answers for one in found_in(place, text)] == []


def test_no_file_holds_a_key(day: Day) -> None:
    found = []
    for path in day.folder.rglob("*"):
        found += found_in("a file's name", str(path).encode())
        if path.is_file():
            found += found_in(str(path.relative_to(day.folder)), path.read_bytes())
    assert found == []


def test_no_row_holds_a_key(day: Day) -> None:
    """A long text does not lie in the file in one piece."""
    for path in data(day).rglob("*.db"):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            rows = "\n".join(db.iterdump())
        db.close()
        assert "create 401" in rows
        assert found_in(path.name, rows.encode()) == []


def test_no_picture_and_no_archive_holds_a_key(day: Day) -> None:
    pictures = [*day.pictures]
    for zipped in day.zips:
        with ZipFile(io.BytesIO(zipped)) as opened:
            for name in opened.namelist():
                content = opened.read(name)
                assert found_in(name, content) == []
                pictures += [content] if not name.endswith(".json") else []
    for picture in pictures:
        with Image.open(io.BytesIO(picture)) as image:
            assert found_in("metadata", repr(image.info).encode()) == []
        for packed_text in re.findall(rb"x\x9c.{20,}", picture, re.DOTALL)[:3]:
            try:
                assert found_in("a packed text", zlib.decompress(packed_text)) == []
            except zlib.error:
                continue


def test_no_line_of_the_log_holds_a_key(day: Day) -> None:
    log = "".join(day.program.log)
    assert log.count("is ready") == 3
    assert found_in("the log", log.encode()) == []
    assert "Traceback" not in log, log[log.index("Traceback") - 300 :][:3000]


def test_kling_hears_a_key_in_the_one_header_only(day: Day) -> None:
    assert [one for text in day.talker.heard for one in found_in(text[:80].decode(), text)] == []


def data(day: Day) -> Path:
    return day.folder / "data"
