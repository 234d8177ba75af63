"""10,000 replies gone wrong: whatever comes back, nothing is paid for twice, nothing paid is lost.

Sound replies are twisted as JSON and as bytes, under any HTTP status and odd headers. What each
of them may mean is judged here a second time, from the rules alone, so that the two can disagree.
"""

from __future__ import annotations

import copy
import gzip
import json
import math
import re
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kling_ui.client import BearerAuth, JwtAuth, KlingClient
from kling_ui.errors import CASES, KlingError, NoAnswer, NotFound, NotSent, Refused, TooFast
from kling_ui.history import History, NewTask
from kling_ui.reply import read_reply
from kling_ui.settings import Secret
from kling_ui.task import Answer, State

from .test_errors import CODES

KEY = "sk-canary-1234567890"
UNSURE = {408, 409, 425}  # and every 5xx
ECHO = f"no such key: {KEY}"

TASK = {
    "task_id": "833446756123456789",
    "task_status": "submitted",
    "task_status_msg": "",
    "task_info": {"external_task_id": "kui1-0a1b2c3d-00ff"},
    "created_at": 1722769557708,
    "updated_at": 1722769557999,
}
IMAGES = [
    {
        "index": 0,
        "url": "https://cdn.klingai.com/bs2/a_raw_image_0.png",
        "watermark_url": "https://w",
    },
    {"index": 1, "url": "https://s15-kling.klingai.com/b.origin?x-kcdn-pid=112372"},
]
DONE = {
    **TASK,
    "task_status": "succeed",
    "final_unit_deduction": "16",
    "final_balance_deduction": {"quota": "0.056", "list_price": "0.056"},
    "watermark_info": {"enabled": True},
    "task_result": {"images": IMAGES},
}
FAILED = {**TASK, "task_status": "failed", "task_status_msg": "Image pixel is invalid"}


def _kling(data: Any, **said: Any) -> dict[str, Any]:
    return {"code": 0, "message": "SUCCEED", "request_id": "ace7625a-3e18", "data": data, **said}


SOUND: list[tuple[int, Any]] = [
    (200, _kling(TASK)),
    (200, _kling(TASK, code="0", message="success")),
    (200, _kling({**TASK, "task_status": "processing"})),
    (200, _kling(DONE)),
    (200, _kling({**DONE, "task_status": "succeeded"})),
    (200, _kling({**DONE, "task_result": {"images": [{"id": "", "url": "https://x/a"}]}})),
    (200, _kling(FAILED)),
    (200, _kling([DONE, TASK, FAILED])),
    (200, _kling({"list": [TASK, DONE]})),
    (200, _kling({"id": "867000", "status": "submitted"})),
    (200, {"task_id": "kling_cd1fad111e0c", "task_status": "submitted"}),
    (200, DONE),  # as a callback brings it
    (200, {"code": "success", "message": "", "data": TASK}),
    (200, {"code": "task_failed", "message": "upstream", "data": None}),
    (200, {"status": "failed", "error": {"message": "why", "code": "x"}}),
    (429, {"code": 400, "message": "Account balance not enough"}),
    (400, {"code": 1201, "message": "Task not found by id/external id: x", "request_id": "u"}),
    (400, {"code": "task_not_exist", "message": "task_not_exist", "data": None}),
    (401, {"error": {"message": ECHO, "type": "new_api_error", "code": "invalid_key"}}),
    (429, {"error": {"message": "slow down", "type": "new_api_error", "code": 1302}}),
    (401, {"code": 1002, "message": ECHO, "request_id": KEY, "data": None}),
    (404, {"timestamp": "2026", "status": 404, "error": "Not Found", "message": "No message"}),
    *((status, {"code": code, "message": "m", "request_id": "u"}) for status, code, _ in CODES),
]

# How a reply goes wrong

NUMBERS = [0, -1, 1, 200, 0.0, -0.0, 2**53 + 1, 2**63, -(2**64), 10**400, 1e15, -1e15, 1e308]
NUMBERS += [1302, 1302.0, 1301, 1102, 1203, 1004, 5000, math.nan, math.inf]
TEXTS = ["", " ", "\t\n", "\x00", "\ufeff", "\u202eevil", "a\nb\r\nc\u2028d\x85e\x1cf", "t1", "0"]
TEXTS += ["1302", " 1303 ", "01302", "1302.0", "1203", "200", "success", "SUCCEED", "ok", "error"]
TEXTS += ["failed", "succeed", "succeeded", "task_failed", "task not exist", "Task not found"]
TEXTS += [
    "余额不足",
    "quota",
    "https://x/y",
    "http://[",
    "9" * 400,
    "x" * 301,
    "长" * 301,
    "y" * 20_000,
]
TEXTS += ["\ud800", "\udfff\ud83d", "a\ud83db", "\ud83d\ude00"]
KEYS = [KEY, f"Bearer {KEY}", f"x{KEY}y", f"_{KEY}", f"{KEY[:9]}\u200b{KEY[9:]}", ECHO]
TREES = [[], {}, [[[[[]]]]], [None], [{}], {"code": 1302}, {"task_id": "t2"}, [TASK], TASK]
VALUES = st.sampled_from([None, True, False, *NUMBERS, *TEXTS, *KEYS, *TREES]) | st.text(max_size=9)
DECISIVE = ("code", "task_id", "id", "data")
NAMES = ["code", "data", "error", "id", "task_id", "task_status", "status", "message", "request_id"]


@dataclass(frozen=True)
class Twist:
    """One change of a JSON tree; places are counted around."""

    how: str
    where: int
    other: int
    value: Any

    def of(self, tree: Any) -> Any:
        box = {"": copy.deepcopy(tree)}
        places = [*_places(box)]
        places += [place for place in places if place[1] in DECISIVE] * 3
        container, key = places[self.where % len(places)]
        second, place = places[self.other % len(places)]
        there = copy.deepcopy(container[key])
        match self.how:
            case "delete" if container is not box:
                del container[key]
            case "duplicate" if isinstance(container, list):
                container.insert(key, there)
            case "duplicate" if container is not box:
                container[NAMES[self.other % len(NAMES)]] = there
            case "swap":
                container[key], second[place] = copy.deepcopy(second[place]), there
            case "add" if isinstance(there, dict):
                container[key][NAMES[self.other % len(NAMES)]] = copy.deepcopy(self.value)
            case "wrap":
                container[key] = [there] if self.other % 2 else {"data": there}
            case _:
                container[key] = copy.deepcopy(self.value)
        return box[""]


def _places(container: Any) -> Iterator[tuple[Any, Any]]:
    keys = range(len(container)) if isinstance(container, list) else [*container]
    for key in keys:
        yield container, key
        if isinstance(container[key], dict | list):
            yield from _places(container[key])


AROUND = st.sampled_from(["", " ", "Bearer ", "key=", "x", "_", "-", "\n", "长", "\ud800"])
HOW = ["replace", "replace", "delete", "duplicate", "swap", "add", "wrap"]
TWISTS = st.builds(
    lambda at, value: Twist(HOW[at % 7], at // 7 % 60, at // 420, value),
    st.integers(0, 7 * 60 * 60 - 1),
    VALUES,
)


def _text(tree: Any, *, style: int) -> bytes:
    """`tree` as ASCII; as UTF-8, lone surrogates as they are; with the key in escapes."""
    if style == 1:
        return json.dumps(tree, ensure_ascii=False).encode("utf-8", "surrogatepass")
    text = json.dumps(tree)
    if style == 2:
        text = text.replace(KEY, "".join(f"\\u{ord(letter):04x}" for letter in KEY))
    return text.encode()


DAMAGE: list[Callable[[bytes, int], bytes]] = [
    lambda body, at: body[: at % (len(body) + 1)],
    lambda body, at: body[at % (len(body) + 1) :],
    lambda body, at: (
        body[:at] + bytes([body[at] ^ 1 << at % 8]) + body[at + 1 :] if at < len(body) else body
    ),
    lambda body, at: (
        body[:at] + [b"\x00", b"\xff", b'"', b"}", b",", b"\\ud800"][at % 6] + body[at:]
    ),
    lambda body, at: body.replace(
        b"{", [b'{"code":1302,', b'{"code":0,', b'{"id":"t9",'][at % 3], 1
    ),
    lambda body, at: body.replace(b"}", [b',"code":1303}', b',"data":null}'][at % 2], 1),
    lambda body, at: b"<html><body><h1>502</h1><pre>" + body + b"</pre></html>",
    lambda body, at: b"\xef\xbb\xbf" + body,
    lambda body, at: body + body,
    lambda body, at: b"\n \t" + body + b"\r\n",
    lambda body, at: body.decode("utf-8", "replace").encode(
        ["utf-16", "utf-32", "gbk"][at % 3], "replace"
    ),
    lambda body, at: b"[" * 20_000 + body,
    lambda body, at: b"[" * (30 * at) + body + b"]" * (30 * at),
    lambda body, at: b'{"data":' * (9 * at) + body + b"}" * (9 * at),
    lambda body, at: body.replace(b":0", b":" + b"9" * 5000, 1),
    lambda body, at: gzip.compress(body, mtime=0),
    lambda body, at: b"",
    lambda body, at: b" \r\n",
]
WRECKS = st.tuples(st.sampled_from(DAMAGE), st.integers(0, 300))

DATES = st.lists(
    st.sampled_from(
        [
            "Mon,",
            "Sun",
            "0",
            "1",
            "31",
            "99",
            "-5",
            "Jan",
            "Foo",
            "1970",
            "2026",
            "9999",
            "99999999999",
            "0001",
            "00:00:00",
            "24:61",
            "99:99:99",
            "GMT",
            "+0000",
            "-9999",
            "+99999",
            "(x)",
            ",",
            ":",
            "-",
        ]
    ),
    max_size=7,
).map(" ".join)
WAITS = (
    st.sampled_from(
        ["0", "7", "0.5", "-3", "1e999", "-inf", "nan", "1_0", "٣", "9" * 5000, "", "soon", "0x10"]
    )
    | DATES
    | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20)
)
ODD = st.sampled_from(
    [
        *[
            ("Content-Encoding", name)
            for name in ("identity", "gzip", "deflate", "br", "GZIP", "ÿ")
        ],
        *[("Content-Type", name) for name in ("text/html; charset=\xff", "", "application/json")],
        *[("Location", place) for place in ("http://[", "//", "ftp://\xff", "/x", "https://evil/")],
        *[
            ("Set-Cookie", one)
            for one in ("a=b; expires=\xff; domain=..", "=;;;", "a=b; max-age=x")
        ],
        ("Content-Length", "7"),
        ("Date", "Fri, 01 Jan 9999 00:00:00 GMT"),
    ]
)
STATUSES = st.sampled_from(
    [200, 200, 201, 202, 204, 299, 301, 302, 400, 401, 402, 403, 404, 408, 409, 413, 425, 429, 429]
    + [500, 502, 503, 504, 524, 599]
) | st.integers(100, 999)


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...]

    @property
    def plain(self) -> bytes:
        """The body unpacked; nothing where it says that it is packed in a way that it is not."""
        packing = dict(self.headers).get("Content-Encoding", "identity").lower()
        for bits in {"gzip": (31,), "deflate": (15, -15)}.get(packing, ()):
            with suppress(zlib.error):
                return zlib.decompressobj(bits).decompress(self.body)
        return self.body if packing == "identity" else b""

    @property
    def http_headers(self) -> httpx.Headers:
        return httpx.Headers(
            [(name.encode(), value.encode("latin-1", "replace")) for name, value in self.headers]
        )

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.plain.decode("utf-8-sig", "replace"))
        except (ValueError, RecursionError):
            return None


def reply_of(status: int, tree: Any) -> Reply:
    return Reply(status, _text(tree, style=0), ())


@st.composite
def replies(draw: Any, *, wrecks: bool = True) -> Reply:
    status, tree = draw(st.sampled_from(SOUND))
    for twist in draw(st.lists(TWISTS, max_size=3)):
        tree = twist.of(tree)
    odds = draw(st.integers(0, 24 * 15 - 1))
    body = _text(tree, style=odds % 4)
    for damage, at in draw(st.lists(WRECKS, max_size=2)) if wrecks and odds % 3 == 0 else []:
        body = damage(body, at)
    if odds % 8 > 3:
        status = draw(STATUSES)
    headers = [("Retry-After", draw(WAITS))] if odds % 5 == 4 else []
    return Reply(status, body, (*headers, draw(ODD)) if odds % 6 == 5 else tuple(headers))


def examples(number: int) -> settings:
    """A failure prints what repeats it; in CI the examples are the same every time."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
    return settings(max_examples=number, deadline=None, print_blob=True, suppress_health_check=slow)


# What a reply may mean, by the rules alone


def told(reply: Reply) -> dict[str, Any]:
    return reply.json if isinstance(reply.json, dict) else {}


def codes(reply: Reply) -> set[str]:
    """Every code in the reply, Kling's own or the one in a gateway's ``error``."""
    said = told(reply)
    error = said.get("error")
    given = [said.get("code"), error.get("code") if isinstance(error, dict) else None]
    return {str(code).strip().lstrip("0") or "0" for code in given if isinstance(code, int | str)}


def carried(reply: Reply) -> dict[str, Any]:
    """Kling's ``data``, or the reply itself where it is flat."""
    data = told(reply) if told(reply).get("data") is None else told(reply)["data"]
    return data if isinstance(data, dict) else {}


def named(reply: Reply) -> str:
    """The id of the task that the reply holds, empty without one."""
    found = carried(reply).get("task_id") or carried(reply).get("id")
    sound = isinstance(found, str | int) and not isinstance(found, bool)
    return str(found) if found and sound and str(found).strip() else ""


def accepted(reply: Reply) -> bool:
    """2xx, code 0, a task."""
    code = told(reply).get("code")
    fine = code in (0, "0") and isinstance(code, int | str) and code is not False
    return 200 <= reply.status < 300 and fine and bool(named(reply))


def throttled(reply: Reply) -> bool:
    """Kling says "too fast", and nothing but that."""
    if reply.status >= 500 or reply.status in UNSURE:
        return False
    if reply.status == 429 and not reply.plain.strip():
        return True
    return bool(codes(reply) & {"1302", "1303"}) and not named(reply)


def encodable(text: str) -> bool:
    return text == text.encode("utf-8", "replace").decode()


def check_words(error: KlingError) -> None:
    """What a person reads of an error: short, one line, no key; what a program reads: sane."""
    for words in (error.detail, error.request_id, str(error).removeprefix(f"{error.case}: ")):
        assert len(words) <= 300
        assert words.splitlines() in ([], [words])
        assert encodable(words)
    assert error.case in CASES
    assert error.retry_after is None or 0 <= error.retry_after <= 3600
    assert error.code is None or abs(error.code) < 10**9


def check_answer(answer: Answer) -> None:
    """What goes into the history, and the page."""
    assert encodable(words_of(answer))
    assert answer.task_id.strip()
    assert all(picture.url.strip() for picture in answer.pictures)
    assert 0 <= answer.created_at < 10**15
    assert 0 <= answer.updated_at < 10**15


# The wire


class Pieces(httpx.AsyncByteStream):
    """A body in pieces, not yet unpacked, as it comes from a socket."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), 65536):
            yield self._body[start : start + 65536]


def words_of(found: KlingError | Answer) -> str:
    """Everything in it that somebody may read."""
    if isinstance(found, KlingError):
        return f"{found!s} {found!r} {found.args} {found.detail} {found.request_id}"
    urls = [text for one in found.pictures for text in (one.url, one.watermark_url)]
    kept = [found.task_id, found.status, found.message, found.external_task_id]
    return " ".join([*kept, found.deduction, found.request_id, *urls])


async def outcome(
    reply: Reply, call: Callable[[KlingClient], Awaitable[Any]], *, auth: httpx.Auth | None = None
) -> tuple[Any, list[httpx.Request]]:
    """What the client makes of the reply, an answer or a `KlingError`, and what it asked."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        assert len(asked) < 5, "it goes on and on"
        return httpx.Response(reply.status, headers=reply.http_headers, stream=Pieces(reply.body))

    transport, found = httpx.MockTransport(answer), None
    bearer = auth or BearerAuth(Secret(KEY))
    async with KlingClient(base_url="http://k.test", auth=bearer, transport=transport) as client:
        try:
            found = await call(client)
        except KlingError as error:
            found = error
    for one in found if isinstance(found, list) else [found]:
        check_words(one) if isinstance(one, KlingError) else check_answer(one)
        assert auth or KEY not in words_of(one)
    return found, asked


def create(client: KlingClient) -> Awaitable[Answer]:
    return client.create({"prompt": "a fox"})


# 10,000 replies; where one comes with a second status it counts twice


@examples(1000)
@given(reply=replies(), status=STATUSES)
def test_any_reply_is_data_or_one_of_our_errors(reply: Reply, status: int) -> None:
    for one in (reply, replace(reply, status=status)):
        try:
            data, request_id = read_reply(one.status, one.body, one.http_headers)
        except KlingError as error:
            assert isinstance(error, NoAnswer | Refused)
            continue
        assert 200 <= one.status < 300
        assert encodable(json.dumps([data, request_id], ensure_ascii=False))
        for item in data if isinstance(data, list) else [data]:
            answer = Answer.from_json(item, request_id=request_id)
            assert answer is None or answer.raw is item


@examples(1500)
@example(reply=reply_of(409, {"code": 1302, "message": "slow down"}), status=425)
@example(reply=reply_of(200, _kling(TASK, code=1303)), status=429)
@example(reply=reply_of(200, _kling(TASK, code=0.0)), status=429)
@example(reply=reply_of(200, _kling({**TASK, "task_id": True})), status=400)
@given(reply=replies(), status=STATUSES)
async def test_a_create_is_repeated_only_where_nothing_can_have_been_made(
    reply: Reply, status: int
) -> None:
    for one in (reply, replace(reply, status=status)):
        found, asked = await outcome(one, create)
        assert [request.method for request in asked] == ["POST"]
        check_verdict(one, found)


def check_verdict(reply: Reply, found: Answer | KlingError) -> None:
    fine = 200 <= reply.status < 300
    if reply.status < 200 or reply.status >= 500 or reply.status in UNSURE:
        assert isinstance(found, NoAnswer)
    match found:
        case Answer():
            assert fine and named(reply)  # it is not made up
        case NotSent():
            raise AssertionError("it was sent")
        case TooFast():
            assert throttled(reply)
        case Refused() if fine:
            assert codes(reply) or told(reply).get("error")  # garbage is no refusal


@examples(1000)
@example(reply=reply_of(200, {**_kling(None), **TASK}), before=b"", fine=200, other=400)
@example(reply=reply_of(200, _kling(TASK, error="no")), before=b"", fine=200, other=429)
@given(
    reply=replies(wrecks=False),
    before=st.sampled_from([b"", b"", b"\xef\xbb\xbf", b"\r\n ", b"\xef\xbb\xbf\t"]),
    fine=st.sampled_from([200, 200, 201, 202, 299]),
    other=STATUSES,
)
async def test_a_task_that_kling_has_taken_is_never_missed(
    reply: Reply, before: bytes, fine: int, other: int
) -> None:
    """Whatever else stands in the reply, a task with code 0 was accepted, under that very id;
    under a status that says no it may have been, and must be looked for."""
    sound = replace(reply, status=fine, body=before + reply.body)
    found, _ = await outcome(sound, create)
    if accepted(sound) and encodable(named(sound)) and KEY not in named(sound):
        assert isinstance(found, Answer), found
        assert found.task_id == named(sound)
    found, _ = await outcome(replace(sound, status=other), create)
    if accepted(sound) and not 300 <= other < 400:
        assert isinstance(found, Answer | NoAnswer), found


@examples(1000)
@example(reply=reply_of(200, _kling({**DONE, "created_at": math.inf, "updated_at": 1e308})))
@example(reply=reply_of(200, _kling({**TASK, "task_id": " "})))
@given(reply=replies())
async def test_a_query_tells_what_kling_says_and_nothing_else(reply: Reply) -> None:
    found, asked = await outcome(reply, lambda client: client.get("kui1-0a1b2c3d-00ff"))
    assert [request.method for request in asked] == ["GET"]
    await outcome(reply, lambda client: client.list(size=100))
    if isinstance(found, NotFound):
        words = reply.plain.decode("utf-8", "replace")
        assert reply.status < 500
        assert "1203" in codes(reply) or re.search("not.(found|exist)", words, re.I)
    if isinstance(found, Answer) and named(reply):
        check_pictures(reply, found)


def check_pictures(reply: Reply, answer: Answer) -> None:
    """No picture that has an address is left out, and the end is the one that Kling tells."""
    data, result = carried(reply), carried(reply).get("task_result")
    images = result.get("images") if isinstance(result, dict) else None
    items = [item for item in images if isinstance(item, dict)] if isinstance(images, list) else []
    urls = [item.get("url") for item in items]
    assert len(answer.pictures) == sum(isinstance(url, str) and bool(url.strip()) for url in urls)
    word = str(data.get("task_status") or data.get("status")).lower()
    assert answer.failed == (word == "failed")
    assert answer.succeeded == (word in {"succeed", "succeeded", "success"})


@examples(750)
@given(reply=replies(), date=DATES | WAITS)
async def test_only_a_refused_signature_is_posted_again_and_once(reply: Reply, date: str) -> None:
    auth = JwtAuth(Secret("access-key"), Secret("secret-key-0123456789-0123456789-0123"))
    dated = replace(reply, headers=(*reply.headers, ("Date", date)))
    _, asked = await outcome(dated, create, auth=auth)
    anew = reply.status == 401 and bool(codes(reply) & {"1003", "1004"})
    assert len(asked) <= (2 if anew else 1)


@examples(750)
@given(
    reply=st.sampled_from(SOUND),
    twist=TWISTS,
    around=st.tuples(AROUND, AROUND),
    style=st.integers(0, 2),
    status=STATUSES,
)
async def test_the_key_comes_back_in_nothing_that_is_kept(
    reply: tuple[int, Any], twist: Twist, around: tuple[str, str], style: int, status: int
) -> None:
    """Some gateways quote it, and not always where a word begins or in the letters we sent."""
    echo = KEY.join(around)
    tree = replace(twist, how="replace", value=echo).of(reply[1])
    twisted = Reply(status, _text(tree, style=style), ())
    assert KEY in json.dumps(twisted.json)
    await outcome(twisted, create)
    await outcome(twisted, lambda client: client.get(TASK["task_id"]))
    await outcome(twisted, lambda client: client.list())


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    one = History(tmp_path_factory.mktemp("replies") / "history.db")
    yield one
    one.close()


@pytest.fixture(scope="module")
def row(history: History) -> str:
    new = NewTask(owner="o", account="a", nonce="n", external_task_id="x", request={})
    return history.add(new)[0].id


@examples(500)
@given(reply=replies())
async def test_whatever_is_answered_can_be_written_down(
    history: History, row: str, reply: Reply
) -> None:
    """A verdict that the disk does not take is a task that is lost."""
    found, _ = await outcome(reply, create)
    if isinstance(found, Answer):
        changes: dict[str, Any] = {
            "remote_id": found.task_id,
            "remote_status": found.status,
            "request_id": found.request_id,
            "deduction": found.deduction,
            "remote_pictures": found.pictures,
        }
    else:
        changes = {"case": found.case, "detail": found.detail, "request_id": found.request_id}
    task = history.move(row, State.QUEUED, frm={State.QUEUED}, **changes)
    assert task
    assert {name: getattr(task, name) for name in changes} == changes


HEAVY = {
    "a hundred thousand brackets": b"[" * 100_000 + b'{"code":0}',
    "brackets": b"[" * 1_900_000,
    "objects": b'{"a":' * 380_000,
    "digits": b'{"code":' + b"9" * 1_900_000 + b"}",
    "numbers": b"[" + b"9" * 4000 + b",9" * 900_000 + b"]",
    "spaces": b" " * 1_900_000,
    "words": b'{"message":"' + b"bearer " * 270_000 + b'"}',
    "gap": b'{"message":"bearer' + b" " * 1_900_000 + b'"}',
    "keys": b'{"message":"' + b"sk-a api-key- eyJ " * 100_000 + b'"}',
    "tokens": b'{"message":"' + b"eyJ" + b"a." * 900_000 + b'"}',
    "surrogates": b'{"message":"' + rb"\ud800" * 310_000 + b'"}',
    "controls": b'{"message":"' + rb"\u0000" * 310_000 + b'"}',
}


@pytest.mark.parametrize("name", HEAVY)
@pytest.mark.parametrize("status", [200, 400, 429])
async def test_a_heavy_reply_is_read_quickly(name: str, status: int) -> None:
    began = time.process_time()
    reply = Reply(status, HEAVY[name], (("Retry-After", "9" * 60_000),))
    found, _ = await outcome(reply, create)
    assert isinstance(found, KlingError)
    assert not isinstance(found, TooFast) or throttled(reply)
    assert time.process_time() - began < 3
