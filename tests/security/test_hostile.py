"""Pictures and replies that are made to break who reads them, against the program as it is started.

Whoever sends them gets nowhere: the server lives, its memory does not grow, what others asked for
goes on and is finished, and a task that was hit is finished as soon as Kling behaves again.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import re
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from kling_ui.client import BearerAuth, Deadlines, KlingClient
from kling_ui.errors import KlingError, NoAnswer
from kling_ui.pictures import Downloader, NotFetched
from kling_ui.settings import Secret

from ..conftest import photo
from ..program import Program
from ..test_pictures import chunk, raw_png, saved
from .conftest import SPACE, running
from .visitor import STUDIO, Visitor, eventually, nonce

MOST_GROWN = 300  # MB
MEGA = 1024 * 1024
PATH = "/kling/v1/images/generations"
Act = Callable[["Handler"], None]
Come = Callable[..., Visitor]


# what is sent


def plain(status: int, body: bytes, kind: str = "application/json", **headers: str) -> Act:
    def act(one: Handler) -> None:
        names = {"Content-Type": kind, "Content-Length": str(len(body)), **headers}
        one.begin(status, **{name.replace("_", "-"): value for name, value in names.items()})
        one.wfile.write(body)

    return act


def endless(start: bytes, kind: str) -> Act:
    """Two gigabytes in chunks; whoever listens to all of it had better not keep it."""

    def act(one: Handler) -> None:
        one.begin(200, **{"Content-Type": kind, "Transfer-Encoding": "chunked"})
        one.wfile.write(b"%x\r\n%b\r\n" % (len(start), start))
        piece = b"%x\r\n%b\r\n" % (MEGA, bytes(MEGA))
        for _ in range(2048):
            one.wfile.write(piece)

    return act


def drip(start: bytes, kind: str) -> Act:
    """A byte each second, for longer than anybody waits."""

    def act(one: Handler) -> None:
        one.begin(200, **{"Content-Type": kind, "Content-Length": "100000"})
        one.wfile.write(start)
        for _ in range(200):
            one.wfile.write(b" ")
            one.wfile.flush()
            time.sleep(1)

    return act


def packed(size: int, kind: str, wrap: int) -> bytes:
    """So many bytes of JSON, as gzip (31) or deflate (15)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, wrap)
    start = b'{"code": 0, "message": "' if kind == "json" else b""
    parts = [packer.compress(start)]
    parts += [packer.compress(b" " * MEGA) for _ in range(size // MEGA)]
    return b"".join([*parts, packer.flush()])


def moving() -> bytes:
    frames = [Image.new("RGB", (320, 320), colour) for colour in ("red", "green", "blue")]
    return saved(frames[0], save_all=True, append_images=frames[1:])


SOUND = saved(Image.new("RGB", (320, 320), "teal"))
VAST = raw_png(13_360, 13_360, 1, 0, bytes(1670))  # 178 megapixels in 22 kB
WIDE = raw_png(2**31 - 1, 1, 1, 0, bytes(100))
POLYGLOT = SOUND + b"<html><script>alert(1)</script>PK\x05\x06" + bytes(18)
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 400 400\n(/etc/passwd) run\n"
GIF, TIFF = (saved(Image.new("RGB", (320, 320)), kind) for kind in ("GIF", "TIFF"))
BOMB_CHUNK = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(200 * MEGA), 9))
TEXT_BOMB = SOUND[:33] + BOMB_CHUNK + SOUND[33:]
NESTED = b'{"code":0,"data":' + b"[" * 900_000
REPLIES: dict[str, Act] = {
    "gzip bomb": plain(200, packed(200 * MEGA, "json", 31), Content_Encoding="gzip"),
    "deflate bomb": plain(200, packed(200 * MEGA, "json", 15), Content_Encoding="deflate"),
    "gzip in gzip": plain(200, gzip.compress(gzip.compress(b"{}")), Content_Encoding="gzip, gzip"),
    "endless": endless(b'{"code": 0, "message": "', "application/json"),
    "nested": plain(200, NESTED),
    "nested objects": plain(200, b'{"data":' * 200_000),
    "huge number": plain(200, b'{"code": 0, "data": {"task_id": ' + b"9" * 1_900_000 + b"}}"),
    "no numbers": plain(200, b'{"code": NaN, "data": {"task_id": Infinity}}'),
    "too short": plain(200, b'{"code": 0}', Content_Length="1000000"),
    "too long": plain(200, b'{"code": 0, "data"', Content_Length="11"),
    "no length": plain(200, b"{}", Content_Length="-1"),
    "huge header": plain(200, b"{}", X_Header="x" * 200_000),
}
PICTURES: dict[str, Act] = {
    "vast": plain(200, VAST, "image/png"),
    "wide": plain(200, WIDE, "image/png"),
    "text bomb": plain(200, TEXT_BOMB, "image/png"),
    "gzip": plain(200, gzip.compress(SOUND), "image/png", Content_Encoding="gzip"),
    "deflate": plain(200, zlib.compress(SOUND), "image/png", Content_Encoding="deflate"),
    "gzip bomb": plain(200, packed(200 * MEGA, "", 31), "image/png", Content_Encoding="gzip"),
    "endless": endless(SOUND, "image/png"),
    "said to be endless": plain(200, SOUND, "image/png", Content_Length=str(2**40)),
    "too short": plain(200, SOUND, "image/png", Content_Length=str(len(SOUND) + 9)),
    "too long": plain(200, SOUND, "image/png", Content_Length=str(len(SOUND) - 9)),
    "cut": plain(200, SOUND[:-50], "image/png"),
    "nothing": plain(200, b"", "image/png"),
    "svg": plain(200, SVG, "image/png"),
    "eps": plain(200, EPS, "image/png"),
    "gif": plain(200, GIF, "image/png"),
    "tiff": plain(200, TIFF, "image/png"),
    "page": plain(200, b"<html><script>alert(1)</script>", "text/html"),
    "loop": plain(302, b"", "image/png", Location="/again"),
    "file": plain(302, b"", "image/png", Location="file:///etc/passwd"),
    "broken place": plain(302, b"", "image/png", Location="http://[broken/"),
}
KEPT = {"polyglot": POLYGLOT, "moving": moving()}  # strange, and yet pictures
TIMES = 2  # so often Kling misbehaves, and then no more


# who sends it


class Handler(BaseHTTPRequestHandler):
    """Answers by what a prompt says: ``create …``, ``query …``, ``picture …`` and one of those."""

    protocol_version = "HTTP/1.1"
    prompts: dict[str, str] = {}
    asked: Counter[str] = Counter()

    def begin(self, status: int, **headers: str) -> None:
        self.close_connection = True
        self.send_response(status)
        for name, value in {**headers, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        moment, _, what = str(body["prompt"]).partition(": ")
        task_id = f"{len(self.prompts)}-{random.randrange(10**9)}"
        self.prompts[task_id] = f"{moment}: {what.partition('#')[0].strip()}"
        if moment == "create":
            self.misbehave(REPLIES.get(self.prompts[task_id][8:]) or drip(b"{", "text/plain"))
        else:
            self.tell({"task_id": task_id, "task_status": "submitted"})

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2].partition("?")[0]
        if self.path.startswith("/again"):
            self.misbehave(PICTURES["loop"])
        elif name not in self.prompts:  # a list there is none
            code, words = (1203, "no such task") if self.path.startswith(f"{PATH}/") else (1202, "")
            self.misbehave(plain(404, json.dumps({"code": code, "message": words}).encode()))
        else:
            self.about(name, picture=self.path.startswith("/picture/"))

    def about(self, task_id: str, *, picture: bool) -> None:
        moment, _, what = self.prompts.get(task_id, "").partition(": ")
        self.asked[f"{picture} {task_id}"] += 1
        early = self.asked[f"{picture} {task_id}"] <= TIMES
        if picture:
            act = PICTURES.get(what) or drip(SOUND[:9], "image/png")
            sound = plain(200, KEPT.get(what, SOUND), "image/png")
            bad = moment == "drips" or (moment == "picture" and early and what not in KEPT)
            self.misbehave(act if bad else sound)
        elif moment == "query" and early:
            self.misbehave(REPLIES.get(what) or drip(b"{", "text/plain"))
        else:
            url = f"http://{self.headers['host']}/picture/{task_id}"
            images = [{"index": 0, "url": url}] * {"many": 3000, "drips": 20}.get(moment, 1)
            result = {"task_status": "succeed", "task_result": {"images": images}}
            self.tell({"task_id": task_id, **result})

    def tell(self, data: Any) -> None:
        self.misbehave(plain(200, json.dumps({"code": 0, "message": "", "data": data}).encode()))

    def misbehave(self, act: Act) -> None:
        try:
            act(self)
        except OSError:
            return  # nobody listens any more

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@contextmanager
def hostile() -> Iterator[str]:
    class Own(Handler):
        prompts: dict[str, str] = {}
        asked: Counter[str] = Counter()

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Whoever does not like it hangs up."""

    with Server(("127.0.0.1", 0), Own) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


# who gets it


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """On a Space where some bring a key, and others are in the demo."""
    with hostile() as url:
        data = tmp_path_factory.mktemp("hostile")
        with running(data, **SPACE, KLING_BASE_URL=f"{url}/kling") as one:
            yield one
            assert one.process and one.process.poll() is None


@pytest.fixture
def come(program: Program) -> Iterator[Come]:
    with ExitStack() as leaving:

        def visitor(key: str = "") -> Visitor:
            one = leaving.enter_context(Visitor.come(program))
            assert not key or one.bring(key) == ""
            return one

        yield visitor


def memory(program: Program, name: str) -> float:
    """In MB, of the process: ``VmRSS`` is now, ``VmHWM`` the most since `measured` began."""
    assert program.process
    status = Path(f"/proc/{program.process.pid}/status").read_text()
    found = re.search(rf"{name}:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1024


@contextmanager
def measured(program: Program, *, most: int = MOST_GROWN) -> Iterator[None]:
    assert program.process
    before = memory(program, "VmRSS")
    Path(f"/proc/{program.process.pid}/clear_refs").write_text("5")
    yield
    grown = memory(program, "VmHWM") - before
    assert grown < most, f"{grown:.0f} MB"


@contextmanager
def others_go_on(one: Visitor) -> Iterator[None]:
    """Somebody else asks for one picture after the other meanwhile, and gets each soon."""
    over, took, wrong = threading.Event(), list[float](), list[str]()

    def run() -> None:
        while not over.is_set():
            begun = time.monotonic()
            ended = one.ended(one.submit(f"usual: {nonce()}"), within=20)
            took.append(time.monotonic() - begun)
            if ended["state"] != "succeeded":
                wrong.append(ended["state"])
            over.wait(0.5)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert wrong == []
    assert took and max(took) < 15, took


def said_of(card: dict[str, Any]) -> str:
    return " ".join((card["trouble"] or {"": ""}).values()).strip()


def test_bad_replies_to_a_create_leave_a_task_that_says_so(program: Program, come: Come) -> None:
    hit, other = come(nonce()), come()
    with measured(program), others_go_on(other):
        tasks = {what: hit.submit(f"create: {what}") for what in REPLIES}
        eventually(lambda: not any(c["state"] in {"queued", "sending"} for c in hit.cards()))
        for what, task in tasks.items():
            card = hit.card(task)
            assert card["state"] == "unconfirmed", what
            assert "Kling may have accepted" in said_of(card), what
            assert "maybe charged" in said_of(card), what


def test_bad_replies_to_a_query_are_asked_again(program: Program, come: Come) -> None:
    hit = {what: come(nonce()) for what in (*REPLIES, "drip")}  # each with a key of their own
    with measured(program), others_go_on(come()):
        tasks = {what: one.submit(f"query: {what}") for what, one in hit.items()}
        for what in REPLIES:
            assert hit[what].ended(tasks[what], within=60)["state"] == "succeeded", what
        assert hit["drip"].state(tasks["drip"]) in {"submitted", "processing"}


def test_bad_pictures_are_fetched_again_and_no_place_of_theirs_is_taken(
    program: Program, come: Come
) -> None:
    hit, other = come(nonce()), come()
    with measured(program), others_go_on(other):
        tasks = {what: hit.submit(f"picture: {what}") for what in (*PICTURES, "drip")}
        seen: dict[str, set[str]] = {what: set() for what in PICTURES}

        def look() -> bool:
            cards = {card["id"]: card for card in hit.cards()}
            for what in PICTURES:
                seen[what].add(said_of(cards[tasks[what]]))
            return all(cards[tasks[what]]["over"] for what in PICTURES)

        eventually(look, within=60)
        for what in PICTURES:
            card = hit.card(tasks[what])
            assert card["state"] == "succeeded", what
            assert len(card["pictures"]) == 1
            kept = hit.get(f"{STUDIO}/pictures/{card['pictures'][0]['id']}").content
            assert kept == (SOUND[:-9] if what == "too long" else SOUND)
            told = any("picture" in words.lower() for words in seen[what])
            assert told or what == "too long", (what, seen[what])  # that lacks no pixel
        assert hit.state(tasks["drip"]) == "saving"
    folder = Path(program.env["KLING_UI_DATA_DIR"]) / "pictures" / "originals"
    assert len([*folder.glob("*.part")]) <= 1  # of the one that drips


def test_strange_pictures_are_kept_and_are_pictures_only(program: Program, come: Come) -> None:
    one = come(nonce())
    for what, body in KEPT.items():
        card = one.ended(one.submit(f"picture: {what}"))
        assert card["state"] == "succeeded", what
        address = f"{STUDIO}/pictures/{card['pictures'][0]['id']}"
        answer = one.get(address)
        assert answer.content == body
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
        for side in ("480", "1280"):
            with Image.open(io.BytesIO(one.get(f"{address}/{side}").content)) as shown:
                assert (shown.format, getattr(shown, "n_frames", 1)) == ("WEBP", 1)


def test_one_task_that_is_answered_badly_holds_up_no_other_of_its_account(come: Come) -> None:
    key = nonce()
    hit, other = come(key), come(key)
    with others_go_on(other):
        hit.submit("query: drip")
        hit.submit("picture: drip")
        hit.ended(hit.submit("query: nested"), within=60)


def test_pictures_that_drip_keep_no_others_from_coming(come: Come) -> None:
    hit = come(nonce())
    for _ in range(3):
        hit.submit("drips: drip")
    eventually(lambda: [card["state"] for card in hit.cards()] == ["saving"] * 3)
    with others_go_on(come()):
        time.sleep(5)


def test_more_pictures_than_were_asked_for_are_not_fetched_for_ever(
    program: Program, come: Come
) -> None:
    hit, other = come(nonce()), come()
    with measured(program), others_go_on(other):
        card = hit.ended(hit.submit("many: pictures"), within=60)
    assert len(card["pictures"]) <= 20


# what visitors send


def upload(one: Visitor, name: str, body: bytes) -> tuple[int, str]:
    """Sent, and judged as the page has it judged; the status, and what is wrong with it."""
    sent = one.post("/gradio_api/upload", files={"files": (name, body, "image/png")})
    if sent.status_code != 200:
        return sent.status_code, ""
    file = {"path": sent.json()[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}}
    judged = one.events.id("check_upload")
    answer = one.run(judged, [file])
    assert answer.status_code == 200, answer.text
    (report,) = answer.json()["data"]
    again = one.press("never sent", image=file)
    assert (again["task"] == "") is bool(report["problems"])
    return 200, str(report["problems"].get("image", ""))


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("vast.png", VAST, "178.5 million"),
        ("wide.png", WIDE, "million"),
        ("text.png", TEXT_BOMB, "damaged"),
        ("random.png", b"", "not a picture"),
        ("script.svg", SVG, "really SVG"),
        ("script.png", SVG, "really SVG"),
        ("page.png", b"<html><script>alert(1)</script>", "not a picture"),
        ("run.png", EPS, "not a picture"),
        ("gif.png", GIF, "really GIF"),
        ("tiff.png", TIFF, "really TIFF"),
        ("cut.png", photo(kind="PNG")[:-100], "damaged"),
        ("cut.jpg", photo()[:-100], "damaged"),
        ("head.png", SOUND[:33], "damaged"),
        ("empty.png", b"", "empty"),
        ("moving.png", moving(), "3 frames"),
        ("small.png", saved(Image.new("RGB", (20, 20))), "20 × 20"),
    ],
)
def test_a_bad_upload_is_told_of_and_costs_little(
    program: Program, come: Come, name: str, body: bytes, says: str
) -> None:
    heavy = name == "random.png"
    with measured(program):
        status, told = upload(come(), name, os.urandom(60_000_000) if heavy else body)
    if heavy:
        assert status == 413 or "at most 20 MB" in told, (status, told)
    else:
        assert (status, says in told) == (200, True), (status, told)


def test_the_largest_are_worked_on_one_at_a_time(program: Program, come: Come) -> None:
    body = saved(Image.new("RGBA", (5_477, 5_477), (1, 2, 3, 100)))
    assert len(body) < 200_000
    with measured(program, most=MOST_GROWN + 50), ThreadPoolExecutor(3) as pool:
        people = [come(nonce()) for _ in range(3)]  # with a key: the demo would draw meanwhile
        names = (f"{number}.png" for number in range(3))
        for status, told in pool.map(upload, people, names, [body] * 3):
            assert (status, told) == (200, "")


def test_many_bad_uploads_at_once_keep_nobody_waiting(program: Program, come: Come) -> None:
    hit, other = come(), come()
    bodies = [VAST, TEXT_BOMB, GIF, SVG, photo(kind="PNG")[:-100]] * 2
    with measured(program), others_go_on(other):
        threads = [
            threading.Thread(target=partial(upload, hit, f"{k}.png", body))
            for k, body in enumerate(bodies)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


# what would take too long in the program: the same parts, less patient


async def test_a_reply_that_drips_is_given_up() -> None:
    with hostile() as url:
        deadlines = Deadlines(connect=1, create=0.5, read=0.5)
        auth = BearerAuth(Secret("the-operators-key"))
        async with KlingClient(base_url=f"{url}/kling", auth=auth, deadlines=deadlines) as client:
            begun = time.monotonic()
            with pytest.raises(NoAnswer):
                await client.create({"prompt": "create: drip"})
            task = (await client.create({"prompt": "query: drip"})).task_id
            with pytest.raises(KlingError):
                await client.get(task)
            assert time.monotonic() - begun < 20  # they drip for minutes


async def test_a_picture_that_drips_is_given_up(tmp_path: Path) -> None:
    with hostile() as url:
        auth = BearerAuth(Secret("the-operators-key"))
        async with KlingClient(base_url=f"{url}/kling", auth=auth) as client:
            task = (await client.create({"prompt": "picture: drip"})).task_id
        downloader, begun = Downloader(allow_private=True, deadline=0.5), time.monotonic()
        with pytest.raises(NotFetched, match="longer"):
            await downloader.fetch(f"{url}/picture/{task}", tmp_path / "part")
        assert time.monotonic() - begun < 20  # they drip for minutes
        await downloader.aclose()
