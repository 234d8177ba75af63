"""Gradio's files and ours are packed once, and not for everybody who comes."""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import brotli
import gradio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from kling_ui.web import packing
from kling_ui.web.links import PREFIX
from kling_ui.web.packing import Packing

CODE = "const a = 1;\n" * 20_000  # FileResponse sends it in pieces
Ask = Callable[..., "httpx.Response"]


@pytest.fixture
def asked() -> Counter[str]:
    return Counter()


@pytest.fixture
async def client(tmp_path: Path, asked: Counter[str]) -> AsyncIterator[httpx.AsyncClient]:
    (tmp_path / "a.js").write_text(CODE)

    async def file(request: Request) -> Response:
        asked[request.url.path] += 1
        path = tmp_path / request.path_params["name"]
        if not path.exists():
            return Response("none", 404)
        return FileResponse(path, headers={"cache-control": "public", "x-of": "the file"})

    places = ("/assets", "/file", PREFIX + "/assets/{digest}")
    site = Starlette(routes=[Route(f"{one}/{{name:path}}", file) for one in places])
    wire = httpx.ASGITransport(app=Packing().around(site))
    headers = {"accept-encoding": "gzip, br"}
    async with httpx.AsyncClient(transport=wire, base_url="http://x", headers=headers) as one:
        yield one


@pytest.mark.parametrize(
    ("taken", "encoding", "unpacked"),
    [
        ("gzip, deflate, br", "br", brotli.decompress),
        ("gzip, deflate", "gzip", gzip.decompress),  # a browser's, over http
    ],
)
async def test_a_file_is_packed_once_and_comes_as_it_was(
    client: httpx.AsyncClient,
    asked: Counter[str],
    taken: str,
    encoding: str,
    unpacked: Callable[[bytes], bytes],
) -> None:
    for _ in range(3):
        headers = {"accept-encoding": taken}
        async with client.stream("GET", "/assets/a.js", headers=headers) as answer:
            raw = b"".join([piece async for piece in answer.aiter_raw()])
        assert unpacked(raw).decode() == CODE
        assert answer.headers["content-length"] == str(len(raw))
        assert len(raw) < 2000
        assert answer.headers["content-encoding"] == encoding
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["vary"] == "accept-encoding"
        assert (answer.headers["cache-control"], answer.headers["x-of"]) == ("public", "the file")
    assert asked == {"/assets/a.js": 1}


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/assets/a.js", {"accept-encoding": "deflate"}),
        ("/assets//a.js", {}),
        ("/file/a.js", {}),
        ("/assets/a.png", {}),
        ("/assets/none.js", {}),
    ],
)
async def test_what_else_is_asked_for_is_answered_as_ever(
    client: httpx.AsyncClient, asked: Counter[str], path: str, headers: dict[str, str]
) -> None:
    await client.get("/assets/a.js")
    asked.clear()
    for _ in range(2):
        answer = await client.get(path, headers=headers)
        assert "content-encoding" not in answer.headers
        assert answer.text in (CODE, "none")
    assert asked == {path: 2}


@pytest.mark.parametrize("path", ["./a.js", "././a.js", ".a.js", "x/./a.js", "//a.js", "x/../a.js"])
def test_a_file_has_one_name(path: str) -> None:
    assert packing.GRADIOS.fullmatch("/assets/x/a.js")
    assert not packing.GRADIOS.fullmatch(f"/assets/{path}")


async def test_what_the_browser_has_is_not_sent_again(
    client: httpx.AsyncClient, asked: Counter[str]
) -> None:
    first = await client.get("/assets/a.js")
    same = await client.get(
        "/assets/a.js", headers={"if-none-match": f'"x", {first.headers["etag"]}'}
    )
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["etag"] == first.headers["etag"]
    other = await client.get("/assets/a.js", headers={"if-none-match": '"x"', "range": "bytes=0-9"})
    assert (other.status_code, other.text) == (200, CODE)
    assert asked.total() == 1


async def test_a_file_that_many_ask_for_at_once_is_packed_once(
    client: httpx.AsyncClient, asked: Counter[str]
) -> None:
    answers = await asyncio.gather(*(client.get("/assets/a.js") for _ in range(20)))
    assert {answer.text for answer in answers} == {CODE}
    assert asked.total() == 1


async def test_ours_has_one_name_whatever_its_digest(
    client: httpx.AsyncClient, asked: Counter[str]
) -> None:
    for digest in ("abc", "def"):
        assert (await client.get(f"{PREFIX}/assets/{digest}/a.js")).text == CODE
    assert asked.total() == 1


async def test_no_more_is_kept_than_there_is_room_for(
    client: httpx.AsyncClient, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "MOST_KEPT", 10)
    for _ in range(2):
        assert (await client.get("/assets/a.js")).text == CODE
    assert asked.total() == 2


@pytest.mark.parametrize(
    ("ending", "names"),
    [("export{wu as n,$a as r,ju as t};\n", "n r t"), ("export default wu;\n", "")],
)
async def test_a_player_that_nobody_needs_comes_without_its_insides(
    client: httpx.AsyncClient, tmp_path: Path, ending: str, names: str
) -> None:
    (tmp_path / "hls-DKvq_x-e.js").write_text(CODE + ending)
    came = (await client.get("/assets/hls-DKvq_x-e.js")).text
    if not names:  # as long as it is not understood it comes whole
        assert came == CODE + ending
        return
    assert len(came) < 200
    *_, given = came.partition("export{")
    assert given.strip("};\n").split(",") == [f"none as {name}" for name in names.split()]


def test_gradios_player_is_understood() -> None:
    (player,) = (Path(gradio.__file__).parent / "templates/frontend/assets").glob("hls-*.js")
    assert packing.PLAYER.fullmatch(f"/assets/{player.name}")
    assert len(packing._idle(player.read_bytes())) < 200
