"""Under which names it answers, and to whose pages: a website that somebody has open beside it
must neither read nor drive it, whatever name it lets point here."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from ..conftest import photo
from ..program import Program
from .conftest import NAMES
from .visitor import SPACE_HOST, STUDIO, Visitor

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "SEARCH")
READ = (
    "/",
    "/config",
    "/gradio_api/info",
    "/gradio_api/app_id",
    f"{STUDIO}/tasks",
    f"{STUDIO}/account",
    f"{STUDIO}/account/spending.csv",
    f"{STUDIO}/events",
    f"{STUDIO}/placeholder/3x2",
    "/theme.css",
    "/favicon.ico",
)
ORDERS: tuple[tuple[str, str, object], ...] = (
    ("POST", "/gradio_api/run/predict", {"fn_index": 0, "data": []}),
    ("POST", "/gradio_api/queue/join", {"fn_index": 49, "data": [], "session_hash": "x"}),
    ("POST", "/gradio_api/call/tasks", {"data": []}),
    ("POST", f"{STUDIO}/delete", {"ids": []}),
    ("POST", f"{STUDIO}/account/check", {}),
    ("POST", f"{STUDIO}/key", {"key": "from-elsewhere"}),
    ("DELETE", f"{STUDIO}/key", None),
    ("POST", f"{STUDIO}/zip", {}),
    ("POST", "/login", {}),
)
STRANGE = "https://evil.example"

Ask = Callable[..., httpx.Response]


def asking(program: Program, *, space: bool) -> Iterator[Ask]:
    """``ask(method, path, host=…, **headers)``; underlines in a header's name are dashes."""
    one = Visitor(program, space=space)

    def ask(method: str, path: str, *, json: object = None, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-").encode(): text.encode() for name, text in headers.items()}
        return one.http.request(method, path, json=json, headers=named)

    yield ask
    one.http.close()


@pytest.fixture
def here(local: Program) -> Iterator[Ask]:
    yield from asking(local, space=False)


@pytest.fixture
def there(space: Program) -> Iterator[Ask]:
    yield from asking(space, space=True)


def port(program: Program) -> int:
    return urlsplit(program.url).port or 0


# names


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "127.0.0.1", "localhost."]
    + [*NAMES, NAMES[0].upper(), f"{NAMES[1]}:443"],
)
def test_under_its_own_names_it_answers(here: Ask, local: Program, host: str) -> None:
    answer = here("GET", "/config", host=host.format(port=port(local)))
    assert answer.status_code == 200
    assert answer.json()["dependencies"]


STRANGERS = (
    *("evil.example", "evil.example:{port}", "rebound.evil.example", "127.0.0.1.nip.io"),
    *("[::1]", "[::1]:{port}", "[::ffff:127.0.0.1]:{port}", "::1", "0.0.0.0", "0.0.0.0:{port}"),
    *("evil.localhost", "evil.localhost:{port}", "localhost.evil.example", "127.1", "2130706433"),
    *("0x7f000001", "127.0.0.2", "017700000001", "", "null", "localhost:{port}:80", "[", "*"),
    *(
        "local host",
        "localhost@evil.example",
        "evil.example@localhost",
        "localhost/evil.example",
        "evilstudio.example",
    ),
    *("studio.example.evil.example", "xn--localhost-", "ｌocalhost", "10.0.0.1", "169.254.169.254"),
)


@pytest.mark.parametrize("host", [*STRANGERS, SPACE_HOST])
def test_under_another_name_it_tells_nothing(here: Ask, local: Program, host: str) -> None:
    host = host.format(port=port(local))
    for method in METHODS:
        for path in ("/", "/config", f"{STUDIO}/tasks", "/gradio_api/run/predict"):
            answer = here(method, path, host=host)
            assert answer.status_code in (400, 421), (method, path)
            assert "dependencies" not in answer.text


@pytest.mark.parametrize(
    "host",
    [*STRANGERS, "evil-studio.hf.space", "hf.space", "huggingface.co", f"x.{SPACE_HOST}"]
    + [f"{SPACE_HOST}.evil.example", "someone-studio.hf.space.", "someone_studio.hf.space"][:1],
)
def test_a_space_answers_under_its_own_name_only(there: Ask, space: Program, host: str) -> None:
    host = host.format(port=port(space))
    for path in ("/", "/config", f"{STUDIO}/tasks"):
        assert there("GET", path, host=host).status_code in (400, 421)
    assert there("GET", "/config").status_code == 200


def test_the_refusal_says_what_to_do_and_repeats_no_markup(here: Ask) -> None:
    answer = here("GET", "/", host="home.example")
    assert "home.example" in answer.text
    assert "KLING_UI_ALLOWED_HOSTS" in answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    assert "<" not in here("GET", "/", host="<script>alert(1)</script>").text


@pytest.mark.parametrize(
    "request_",
    ["GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n"],
)
def test_no_name_and_two_names_are_none(local: Program, request_: str) -> None:
    with socket.create_connection(("127.0.0.1", port(local)), timeout=10) as wire:
        wire.sendall(request_.encode())
        assert wire.recv(100).split()[1] in (b"400", b"421")


@pytest.mark.parametrize(
    "name",
    ["x_forwarded_host", "x_gradio_server", "x_forwarded_server", "x_original_host", "forwarded"]
    + ["x_original_url", "x_rewrite_url", "x_forwarded_prefix", "x_direct_url", "x_host"],
)
@pytest.mark.parametrize("value", ["evil.example", STRANGE, "host=evil.example", "/evil.example"])
def test_no_header_makes_the_page_point_elsewhere(
    here: Ask, there: Ask, name: str, value: str
) -> None:
    for ask in (here, there):
        for path in ("/", "/config", "/theme.css", f"{STUDIO}/tasks", "/gradio_api/info"):
            answer = ask("GET", path, **{name: value})
            assert "evil.example" not in answer.text
            assert "evil.example" not in repr(answer.headers)


def test_a_proxy_may_say_that_it_is_one_of_the_allowed_names(here: Ask, there: Ask) -> None:
    told = {"x_forwarded_host": NAMES[0], "x_forwarded_proto": "https"}
    assert here("GET", "/config", **told).json()["root"] == f"https://{NAMES[0]}"
    assert there("GET", "/config", **told).json()["root"] == f"https://{SPACE_HOST}"
    odd = here("GET", "/config", x_forwarded_host=NAMES[0], x_forwarded_proto="javascript")
    assert odd.json()["root"] == f"http://{NAMES[0]}"


# other people's pages


def origins(own: str) -> list[str]:
    """What a page of others says, beside `own` (scheme, name and port)."""
    parts = urlsplit(own)
    name = parts.hostname or ""
    return [
        *(STRANGE, "null", "", "https://huggingface.co", "https://evil-studio.hf.space"),
        *(f"http://{name}:1", f"http://x.{name}", f"http://{name}.evil.example", f"{own}:1"),
        *(f"{own}@evil.example", f"{own}.evil.example", f"http://evil.example#{name}"),
        *("file://", "chrome-extension://abcdefgh", "http://[::1]", "http://0.0.0.0", "http://["),
    ]


FROM_ELSEWHERE = (
    {"sec_fetch_site": "cross-site", "sec_fetch_mode": "cors"},
    {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"},
    {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "script"},
    {"sec_fetch_site": "same-site", "sec_fetch_mode": "cors"},
    {"sec_fetch_site": "same-site", "sec_fetch_mode": "no-cors"},
    {"sec_fetch_site": "cross-site"},
    {"sec_fetch_site": "nonsense"},
)


def refused(answer: httpx.Response, origin: str = "") -> None:
    """Told nothing, whether a browser would let the page read that or not."""
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.startswith("This was asked by another site's page") or not answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", READ)
def test_another_sites_page_reads_nothing(here: Ask, there: Ask, local: Program, path: str) -> None:
    for ask, own in ((here, local.url), (there, f"https://{SPACE_HOST}")):
        for origin in origins(own):
            for method in ("GET", "HEAD"):
                refused(ask(method, path, origin=origin))
            for more in FROM_ELSEWHERE[:1]:
                refused(ask("GET", path, origin=origin, **more))
        for more in FROM_ELSEWHERE:
            refused(ask("GET", path, **more))


@pytest.mark.parametrize(("method", "path", "body"), ORDERS)
def test_another_sites_page_orders_nothing(
    here: Ask, there: Ask, local: Program, method: str, path: str, body: object
) -> None:
    for ask, own in ((here, local.url), (there, f"https://{SPACE_HOST}")):
        for origin in origins(own):
            refused(ask(method, path, json=body, origin=origin))
        for more in FROM_ELSEWHERE:
            refused(ask(method, path, json=body, **more))
            refused(ask(method, path, json=body, origin=own, **more))
        navigates = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
        refused(ask(method, path, json=body, **navigates))
        refused(ask(method, path, json=body, origin="null", **navigates))


def test_another_sites_form_uploads_nothing(local: Program, space: Program) -> None:
    for program, on_space in ((local, False), (space, True)):
        one = Visitor(program, space=on_space)
        for told in ({"origin": STRANGE}, {"sec-fetch-site": "cross-site"}):
            files = {"files": ("a.jpg", photo(), "image/jpeg")}
            refused(one.http.post("/gradio_api/upload", files=files, headers=told))
        one.http.close()


def test_a_preflight_tells_nothing_and_what_follows_is_refused(here: Ask, there: Ask) -> None:
    """Gradio itself answers it, and under a public name allows it; the order is refused."""
    for ask in (here, there):
        asked = {"access_control_request_method": "POST", "origin": STRANGE}
        answer = ask("OPTIONS", f"{STUDIO}/key", **asked)
        assert answer.text in ("OK", "") or answer.status_code == 403
        refused(ask("POST", f"{STUDIO}/key", json={"key": "from-elsewhere"}, origin=STRANGE))
    assert "access-control-allow-origin" not in here("OPTIONS", "/config", **asked).headers


def test_a_link_from_elsewhere_leads_to_the_page(here: Ask, there: Ask) -> None:
    leads = {"sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    for site in ("cross-site", "same-site", "same-origin", "none"):
        for ask in (here, there):
            answer = ask("GET", "/", sec_fetch_site=site, **leads)
            assert answer.status_code == 200
            assert "<html" in answer.text
    framed = there("GET", "/", sec_fetch_site="cross-site", **leads | {"sec_fetch_dest": "iframe"})
    assert framed.status_code == 200  # huggingface.co shows it in a frame
    assert "set-cookie" in framed.headers


def test_ones_own_page_is_answered(here: Ask, there: Ask, local: Program) -> None:
    for ask, own in (
        (here, local.url),
        (there, f"https://{SPACE_HOST}"),
        (there, f"https://{SPACE_HOST}:443"),
        (there, f"https://{SPACE_HOST.upper()}"),
    ):
        for site in ("same-origin", "none"):
            told = {"origin": own, "sec_fetch_site": site, "sec_fetch_mode": "cors"}
            told |= {"cookie": f"kling_owner={'c' * 40}"}
            assert ask("GET", "/config", **told).status_code == 200
            answer = ask("POST", "/gradio_api/call/tasks", json={"data": []}, **told)
            assert answer.status_code == 200
    behind = {"x_forwarded_host": NAMES[0], "origin": f"https://{NAMES[0]}"}
    assert here("GET", "/config", **behind).status_code == 200
    refused(there("GET", "/config", **behind))
