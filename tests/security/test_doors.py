"""Which of Gradio's many routes answer, what they serve, and what a browser is told about it."""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest

from ..conftest import photo
from ..program import ROOT, Program
from .conftest import ANN, OPERATOR
from .visitor import SPACE_HOST, STUDIO, Visitor

# by method and path as Gradio has it: the address to try, none where it may be missing
STAY: dict[tuple[str, str], str] = {
    # the page, and what it is drawn with
    ("GET", "/"): "/",
    ("HEAD", "/"): "/",
    ("GET", "/config"): "/config",
    ("GET", "/config/"): "/config/",
    ("GET", "/assets/{path:path}"): "/assets/{asset}",
    ("GET", "/static/{path:path}"): "/static/img/logo.svg",
    ("GET", "/theme.css"): "/theme.css",
    ("GET", "/gradio_api/theme.css"): "/gradio_api/theme.css",
    ("GET", "/favicon.ico"): "/favicon.ico",
    ("GET", "/robots.txt"): "/robots.txt",
    ("GET", "/manifest.json"): "/manifest.json",
    ("GET", "/pwa_icon"): "",  # only where Gradio thinks that the page can be installed
    ("GET", "/pwa_icon/{size}"): "",
    # its events, and those of scripts
    ("POST", "/gradio_api/run/{api_name}"): "/gradio_api/run/predict",
    ("POST", "/gradio_api/run/{api_name}/"): "/gradio_api/run/predict/",
    ("POST", "/gradio_api/queue/join"): "/gradio_api/queue/join",
    ("GET", "/gradio_api/queue/data"): "/gradio_api/queue/data?session_hash=abc",
    ("POST", "/gradio_api/call/{api_name}"): "/gradio_api/call/tasks",
    ("POST", "/gradio_api/call/{api_name}/"): "/gradio_api/call/tasks/",
    ("GET", "/gradio_api/call/{api_name}/{event_id}"): "/gradio_api/call/tasks/{event}",
    ("GET", "/gradio_api/info"): "/gradio_api/info",
    ("GET", "/gradio_api/info/"): "/gradio_api/info/",
    ("GET", "/gradio_api/app_id"): "/gradio_api/app_id",
    ("GET", "/gradio_api/app_id/"): "/gradio_api/app_id/",
    ("GET", "/gradio_api/startup-events"): "/gradio_api/startup-events",
    ("GET", "/gradio_api/heartbeat/{session_hash}"): "/gradio_api/heartbeat/abc",
    # reference pictures
    ("POST", "/gradio_api/upload"): "/gradio_api/upload",
    ("GET", "/gradio_api/upload_progress"): "/gradio_api/upload_progress",
    ("GET", "/gradio_api/file={path_or_url:path}"): "/gradio_api/file={upload}",
    ("HEAD", "/gradio_api/file={path_or_url:path}"): "/gradio_api/file={upload}",
    # where there is a password
    ("POST", "/login"): "/login",
    ("POST", "/login/"): "/login/",
    ("GET", "/logout"): "/logout",
}
STREAMS = ("heartbeat", "queue/data", "upload_progress", "events")


@pytest.fixture(scope="module")
def gradios() -> set[tuple[str, str]]:
    """All routes of this version."""
    command = [sys.executable, "-m", "tests.security.gradios"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return {(method, path) for method, path in map(str.split, done.stdout.splitlines())}


@pytest.fixture
def here(local: Program) -> Iterator[Visitor]:
    one = Visitor.come(local, space=False)
    yield one
    one.http.close()


@pytest.fixture
def there(space: Program) -> Iterator[Visitor]:
    one = Visitor.come(space)
    yield one
    one.http.close()


def uploaded(one: Visitor, name: str = "a.jpg", content: bytes = b"") -> str:
    files = {"files": (name, content or photo(), "application/octet-stream")}
    (path,) = one.post("/gradio_api/upload", files=files).json()
    return str(path)


def status_of(one: Visitor, method: str, path: str) -> int:
    """Of an answer, which may never end."""
    changes = method in ("POST", "PUT", "PATCH")
    event = one.events.id("judged" if "run/" in path else "tasks")
    body = {"data": [], "fn_index": event} if changes else None
    with one.http.stream(method, path, json=body) as answer:
        return answer.status_code


def test_every_route_of_gradio_is_known(gradios: set[tuple[str, str]]) -> None:
    assert {*STAY} <= gradios
    assert len(gradios) > 60


def test_what_the_page_and_scripts_need_answers(here: Visitor, there: Visitor) -> None:
    for one in (here, there):
        page = one.get("/").text
        asset = re.search(r"/assets/([\w.-]+\.js)", page)
        assert asset
        event = one.post("/gradio_api/call/tasks", {"data": []}).json()["event_id"]
        known = {"asset": asset[1], "event": event, "upload": uploaded(one)}
        joined = {"data": [], "fn_index": one.events.id("tasks"), "session_hash": "abc"}
        assert one.post("/gradio_api/queue/join", joined).status_code == 200
        for (method, _), path in ((one, path) for one, path in STAY.items() if path):
            found = status_of(one, method, path.format(**known))
            assert found != 404, (method, path)


def test_no_other_route_of_gradio_answers(
    gradios: set[tuple[str, str]], here: Visitor, there: Visitor
) -> None:
    closed = gradios - {*STAY}
    for one in (here, there):
        for method, route in closed:
            for word in ("predict", "abc", "pressed", "1"):
                path = re.sub(r"\{\w+(:path)?\}", word, route)
                assert status_of(one, method, path) == 404, (method, path)
                assert status_of(one, method, path + "/") in (404, 405), (method, path)
    assert ("GET", "/gradio_api/deep_link") in closed  # the list is of the right app
    assert ("POST", "/gradio_api/component_server") in closed


@pytest.mark.parametrize(
    "path",
    [
        *("/gradio_api/run/pressed", "/gradio_api/run/judged", "/gradio_api/run/tasks"),
        *("/gradio_api/call/pressed", "/gradio_api/call/again", "/gradio_api/call/v2/submit"),
        *("/gradio_api/api/predict", "/gradio_api/run/predict/x", "/run/predict", "/api/predict"),
        *("/queue/join", "/gradio_api/cancel", "/gradio_api/reset", "/upload", "/gradio_api/mcp"),
        *("/gradio_api/mcp/sse", "/mcp", "/openapi.json", "/docs", "/redoc", "/gradio_api/docs"),
        *("/gradio_api//run/predict", "//gradio_api/run/predict", "/GRADIO_API/run/predict"),
        *("/gradio_api/./run/predict", "/x/../gradio_api/run/predict", "/gradio_api/run/predict;"),
        *(f"{STUDIO}/", f"{STUDIO}/database", f"{STUDIO}/secret", f"{STUDIO}/tasks/../key"),
    ],
)
def test_there_is_no_way_around(here: Visitor, path: str) -> None:
    for method in ("GET", "POST"):
        assert raw(here, method, path)[0] in (404, 405), (method, path)


@pytest.mark.parametrize(
    "query",
    [
        *("deep_link=abc", "a=1&deep_link=abc", "deep%5Flink=abc", "deep_link=abc&deep_link="),
        *("deep_link=&deep_link=abc", "%64eep_link=abc", "deep_link=../../secret"),
    ],
)
def test_the_page_takes_no_link_to_what_others_typed(here: Visitor, query: str) -> None:
    assert raw(here, "GET", f"/?{query}")[0] == 404


def test_there_is_one_page_only(here: Visitor) -> None:
    for page in ("x", "runs", "../", "gradio_api/runs", "<script>"):
        assert here.get("/", params={"page": page}).status_code in (200, 404)


def test_there_are_no_sockets(here: Visitor) -> None:
    asked = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    asked["sec-websocket-key"] = "dGhlIHNhbXBsZSBub25jZQ=="
    for path in ("/queue/join", "/gradio_api/queue/join", "/", f"{STUDIO}/events"):
        with here.http.stream("GET", path, headers=asked) as answer:
            assert answer.status_code != 101


# what is served from the disk


def raw(one: Visitor, method: str, target: str) -> tuple[int, bytes]:
    """Status and body of what is asked for exactly so: nobody tidies the address up."""
    url = one.http.base_url
    wire = http.client.HTTPConnection(url.host, url.port, timeout=30)
    wire.putrequest(method, target.encode().decode("latin-1"), skip_accept_encoding=True)
    wire.putheader("content-length", "0")
    wire.endheaders()
    answer = wire.getresponse()
    found = answer.status, answer.read(100_000)
    wire.close()
    return found


def spellings(path: Path, uploads: Path) -> Iterator[str]:
    """Of a file that is no upload, as `file=` might be asked for it."""
    text, up = str(path), "../" * (len(uploads.parts) + 2)
    for one in (
        text,
        f"/{text}",
        f"//{text}",
        f"./{text}",
        f"{uploads}/../{path.name}",
        f"{uploads}/{up}{text[1:]}",
        f"{uploads}/x/../../{path.name}",
        f"{up}{text[1:]}",
        path.name,
        f"file://{text}",
        f"file:{text}",
        f"FILE://localhost{text}",
        f"http://127.0.0.1{text}",
        f"HTTP://127.0.0.1{text}",
        f"https://localhost{text}",
        f"ftp://127.0.0.1{text}",
        text.replace("/", "\\"),
        f"C:{text}",
        f"\\\\?\\{text}",
        f"\\\\localhost\\{text}",
        f"{uploads}\\..\\{path.name}",
        f"{text}\0.png",
        f"{text}\n",
        f"{text} ",
        f"{text}/.",
        f"{text}/",
        f"{text}::$DATA",
        f"~{text}",
        f"{uploads}/..\u2215{path.name}",
        f"{uploads}/．．/{path.name}",
    ):
        yield quote(one, safe="/")
        yield quote(one, safe="")
        yield quote(one, safe="").replace(".", "%2e")
        yield quote(quote(one, safe=""), safe="")
        if one.isprintable() and one.isascii() and " " not in one:
            yield one


def test_what_is_no_upload_is_not_served(here: Visitor, local: Program, tmp_path: Path) -> None:
    data = Path(local.env["KLING_UI_DATA_DIR"])
    task = here.submit("a picture that is kept")
    (kept,) = here.ended(task)["pictures"]
    (original,) = data.glob(f"pictures/originals/{kept['id']}.*")
    uploads = Path(uploaded(here)).parents[1]
    files = [data / "secret", data / "database" / "history.db", original]
    files += [ROOT / "app.py", Path("/proc/self/environ"), Path("/etc/passwd")]
    marks = [(data / "secret").read_bytes(), b"SQLite format 3", OPERATOR.encode(), b"root:"]
    marks += [b"Kling Image Studio: settings", original.read_bytes()[:60]]
    for file in files:
        for spelling in {*spellings(file, uploads)}:
            status, said = raw(here, "GET", f"/gradio_api/file={spelling}")
            assert status in (400, 403, 404), spelling
            assert not any(mark in said for mark in marks), spelling


@pytest.mark.parametrize(
    "prefix",
    ["/assets/", "/static/", "/gradio_api/file/", f"{STUDIO}/assets/0/", f"{STUDIO}/pictures/"],
)
def test_no_other_door_leads_to_the_disk_either(here: Visitor, local: Program, prefix: str) -> None:
    data = Path(local.env["KLING_UI_DATA_DIR"])
    for file in (data / "secret", Path("/etc/passwd")):
        for spelling in {*spellings(file, data / "uploads")}:
            assert raw(here, "GET", prefix + spelling)[0] in (400, 403, 404)


def test_folders_are_not_listed(here: Visitor) -> None:
    uploads = Path(uploaded(here)).parents[1]
    for path in (uploads, f"{uploads}/", f"{uploads}/.", uploads.parent, "/", "/proc/self/fd"):
        assert raw(here, "GET", f"/gradio_api/file={path}")[0] in (403, 404)


def test_a_link_among_the_uploads_leads_out_of_them_for_nobody(
    here: Visitor, local: Program
) -> None:
    data = Path(local.env["KLING_UI_DATA_DIR"])
    link = Path(uploaded(here)).parent / "link.png"
    link.symlink_to(data / "secret")
    try:
        status, said = raw(here, "GET", f"/gradio_api/file={link}")
        assert (data / "secret").read_bytes() not in said
        assert status == 403
    finally:
        link.unlink()


@pytest.mark.parametrize("address", ["http://example.com/a.png", "https://example.com/a.png"])
@pytest.mark.parametrize("write", [str, lambda text: quote(text, safe=""), str.upper])
def test_nothing_is_fetched_for_others(
    here: Visitor, address: str, write: Callable[[str], str]
) -> None:
    for prefix in ("/gradio_api/file=", "/gradio_api/proxy=", "/proxy="):
        assert raw(here, "GET", prefix + write(address))[0] in (403, 404)


def test_no_event_fetches_what_it_is_given_the_address_of(here: Visitor, local: Program) -> None:
    """Gradio would, for every input of every function, before it looks at anything else; where it
    tries, it makes a folder for what it gets."""
    folder = Path(local.env["KLING_UI_DATA_DIR"]) / "uploads"
    before = {*folder.iterdir()}
    for event in here.events.all:
        address = f"http://127.0.0.1:9/{event['id']}.png"
        file = {"path": address, "url": address, "meta": {"_type": "gradio.FileData"}}
        here.run(event["id"], [file] * len(event["inputs"]))
        here.run(event["id"], [{"deep": [file]}] * len(event["inputs"]))
        here.queued((event["id"], [file] * len(event["inputs"])))
    assert {*folder.iterdir()} == before


# what a browser is told


def kinds_of_answers(one: Visitor) -> Iterator[tuple[str, httpx.Response]]:
    """Of every kind there is, by what it is."""
    one.bring(ANN)
    task = one.submit("a picture with a policy")
    (picture,) = one.ended(task)["pictures"]
    asset = re.search(r'/gradio_api/studio/assets/[^"\\]+?\.webp', one.get("/").text)
    own = f"{STUDIO}/pictures/{picture['id']}"
    for path in (
        *("/", "/config", "/gradio_api/info", "/theme.css", "/favicon.ico", "/robots.txt"),
        *(f"{STUDIO}/tasks", f"{STUDIO}/tasks/{task}", f"{STUDIO}/account", own, f"{own}/480"),
        *(f"{own}?download=1", f"{STUDIO}/account/spending.csv", f"{STUDIO}/placeholder/3x2"),
        *(asset[0] if asset else "/missing", "/nowhere", "/gradio_api/deep_link"),
        *("/gradio_api/file=/etc/passwd", f"{STUDIO}/pictures/{'0' * 32}", "/assets/nothing.js"),
    ):
        yield path, one.get(path)
    yield "HEAD", one.http.head("/")
    yield "zip", one.post(f"{STUDIO}/zip", data={"ids": task})
    yield "event", one.run(one.events.id("act-star"), [task])
    yield "broken event", one.run(10_000, [])
    yield "broken JSON", one.post("/gradio_api/run/predict", content=b"{")
    yield "too large", one.post(f"{STUDIO}/key", {"key": "x" * 100_000})
    yield "from elsewhere", one.get("/", headers={"origin": "https://evil.example"})
    yield "other name", one.get("/", headers={"host": "evil.example"})
    yield "method", one.http.put(f"{STUDIO}/key")
    with one.http.stream("GET", f"{STUDIO}/events") as stream:
        yield "stream", stream
    yield "order", one.http.delete(f"{STUDIO}/key")


def assert_told(answer: httpx.Response, *, space: bool, page: bool) -> None:
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    policy = dict(part.strip().partition(" ")[::2] for part in headers[CSP].split(";"))
    frames = ("'self' https://huggingface.co",) if space else ("'self'", "'none'")
    assert policy["frame-ancestors"] in frames
    assert headers.get("x-frame-options") in ((None,) if space else ("SAMEORIGIN", "DENY"))
    if not page:
        assert (policy["default-src"], policy["sandbox"]) == ("'none'", "")
        return
    assert "'unsafe-inline'" not in policy["script-src"]
    assert re.search(r"'nonce-[\w-]{20,}'", policy["script-src"])
    assert policy["object-src"] == "'none'"
    assert policy["frame-src"] in ("'none'", "'self'")
    for name in ("default-src", "base-uri", "form-action"):
        assert policy[name] == "'self'"
    for name, sources in policy.items():
        if name != "frame-ancestors":
            assert "http" not in sources
            assert "*" not in sources


CSP = "content-security-policy"


@pytest.mark.parametrize("on_space", [False, True])
def test_every_answer_says_what_a_browser_may_do_with_it(
    here: Visitor, there: Visitor, on_space: bool
) -> None:
    for name, answer in kinds_of_answers(there if on_space else here):
        page = name == "/"
        try:
            assert_told(answer, space=on_space, page=page)
        except (AssertionError, KeyError) as error:
            raise AssertionError(f"{name}: {answer.status_code} {answer.headers}") from error


def test_each_page_has_a_nonce_of_its_own_and_every_script_bears_it(there: Visitor) -> None:
    nonces = set()
    for _ in range(3):
        answer = there.get("/")
        (nonce,) = re.findall(r"'nonce-([\w-]+)'", answer.headers[CSP])
        tags = re.findall(r"<script[^>]*>", answer.text)
        assert len(tags) > 3
        assert all(f'nonce="{nonce}"' in tag for tag in tags)
        nonces.add(nonce)
    assert len(nonces) == 3


def test_the_page_repeats_nothing_of_what_it_is_asked_with(here: Visitor, there: Visitor) -> None:
    evil = "canary<script>alert(1)</script>"
    for one in (here, there):
        cookie = one.http.headers.get("cookie", "")
        for path in ("/", "/config"):
            answer = one.get(
                path,
                params={"__theme": evil, "view": evil, "x": evil, "lang": evil, "page": ""},
                headers={
                    **{name: evil for name in ("accept-language", "user-agent", "referer")},
                    "cookie": f"{cookie}; kling_language={evil}; other={evil}",
                    "x-forwarded-prefix": evil,
                },
            )
            assert answer.status_code == 200
            assert "canary" not in answer.text
            assert "canary" not in repr(answer.headers)


ACTIVE = {
    "a.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "a.html": b"<script>alert(1)</script>",
    "a.htm": b"<script>alert(1)</script>",
    "a.xhtml": b'<html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>',
    "a.xml": b'<?xml-stylesheet href="javascript:alert(1)"?><a/>',
    "a.js": b"alert(1)",
    "a.mjs": b"alert(1)",
    "a.css": b"body{}",
    "a.pdf": b"%PDF-1.4 /JS (app.alert(1))",
    "a.swf": b"FWS",
    "a.mht": b"MIME-Version: 1.0",
    "a.png": b"<html><script>alert(1)</script></html>",
    "a.txt": b"<script>alert(1)</script>",
    "a": b"<script>alert(1)</script>",
    "a.svg.png": b"<svg onload=alert(1)>",
    "a.": b"<script>alert(1)</script>",
}


@pytest.mark.parametrize("name", ACTIVE)
def test_nothing_that_was_uploaded_runs(here: Visitor, there: Visitor, name: str) -> None:
    for one, on_space in ((here, False), (there, True)):
        path = uploaded(one, name, ACTIVE[name])
        for part in ({}, {"range": "bytes=0-5"}, {"range": "bytes=0-9999"}, {"range": "bytes=5-2"}):
            answer = one.get(f"/gradio_api/file={path}", headers=part)
            assert answer.status_code in (200, 206, 416)
            assert_told(answer, space=on_space, page=False)
            kind = answer.headers.get("content-type", "").partition(";")[0]
            inline = answer.headers.get("content-disposition", "").startswith("inline")
            assert not inline or kind in ("image/png", "image/jpeg", "text/plain"), kind


@pytest.mark.parametrize("part", ["", "bytes=0-5"])
def test_what_is_served_repeats_nothing_of_who_asked(there: Visitor, part: str) -> None:
    path = uploaded(there)
    told = {"range": part, "x-canary": "canary", "authorization": "Bearer canary-key"}
    answer = there.get(f"/gradio_api/file={path}", headers=told if part else {})
    assert "canary" not in repr(answer.headers)
    assert "kling_owner" not in repr(answer.headers)


def test_what_was_uploaded_lies_where_nobody_can_guess(here: Visitor) -> None:
    paths = [Path(uploaded(here, name)) for name in ("../../up.jpg", "..\\up.jpg", "/etc/up.jpg")]
    for path in paths:
        assert re.fullmatch("[0-9a-f]{64}", path.parent.name)
        assert path.parents[1].name == "uploads"
        assert path.is_file()


def test_the_address_of_the_test_is_the_spaces(there: Visitor) -> None:
    """Else all of this would say nothing about a Space."""
    assert urlsplit(there.get("/config").json()["root"]).hostname == SPACE_HOST
