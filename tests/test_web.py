"""Owners, the event stream, pictures by URL, and the script that comes before Gradio."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route

from kling_ui.studio import Studio
from kling_ui.web import Assets, Boot, Owners, middleware, routes
from kling_ui.web.language import language
from kling_ui.web.links import base_of
from kling_ui.web.owner import owner_of

from .conftest import OWNER, Kling, reaches, served, submitted
from .program import ROOT

Start = Callable[..., Kling]
Open = Callable[..., Any]
HEAD = "<html><head><title>x</title></head><body></body></html>"


def site(studio: Studio, *, shared: bool = True) -> Starlette:
    """Our routes and middleware as they stand in Gradio's app."""

    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse(HEAD)

    async def who(request: Request) -> PlainTextResponse:
        return PlainTextResponse(owner_of(request))

    own = [Route("/", page), Route("/config", who), Route("/who", who)]
    facts: Any = {"en": {"lang": "en", "evil": "</script><b>"}, "zh": {"lang": "zh"}}
    boot = Boot(facts=facts, code="/*code*/")
    return Starlette(
        routes=[*own, *routes(studio, Assets(ROOT / "assets"))],
        middleware=[*middleware(Owners(shared=shared), boot)],
    )


@asynccontextmanager
async def caller(app: Starlette, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    with served(app) as url:
        async with httpx.AsyncClient(base_url=url, headers=headers) as client:
            yield client


def messages(lines: list[str]) -> list[tuple[str, Any]]:
    """(event, data) of what a stream said."""
    found, event = [], ""
    for line in lines:
        if line.startswith("event: "):
            event = line.removeprefix("event: ")
        elif line.startswith("data: "):
            found.append((event, json.loads(line.removeprefix("data: "))))
    return found


async def heard(
    client: httpx.AsyncClient, until: Callable[[list[Any]], bool], **options: Any
) -> Any:
    lines: list[str] = []
    async with (
        asyncio.timeout(15),
        client.stream("GET", "/gradio_api/studio/events", **options) as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        async for line in stream.aiter_lines():
            lines.append(line)
            if until(messages(lines)):
                return messages(lines)


# owners


async def test_on_this_machine_everybody_is_the_operator(kling: Start, studio: Open) -> None:
    async with studio(kling().url) as one, caller(site(one)) as client:
        assert (await client.get("/who")).text == OWNER
        assert "set-cookie" not in (await client.get("/")).headers


async def test_elsewhere_a_cookie_is_minted_on_the_page_and_config_only(
    kling: Start, studio: Open
) -> None:
    async with studio(kling().url) as one, caller(site(one, shared=False)) as client:
        nobody = await client.get("/who")
        assert nobody.text == ""
        assert "set-cookie" not in nobody.headers
        cookie = (await client.get("/config")).headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        mine = (await client.get("/who")).text
        assert len(mine) == 64
        assert mine not in cookie
        assert "set-cookie" not in (await client.get("/")).headers


async def test_over_https_the_cookie_lives_in_the_spaces_frame(kling: Start, studio: Open) -> None:
    async with studio(kling().url) as one, caller(site(one, shared=False)) as client:
        cookie = (await client.get("/", headers={"x-forwarded-proto": "https"})).headers[
            "set-cookie"
        ]
    assert cookie.endswith("Secure; SameSite=None; Partitioned")


async def test_another_sites_page_is_nobody(kling: Start, studio: Open) -> None:
    async with studio(kling().url) as one, caller(site(one, shared=False)) as client:
        await client.get("/")
        assert (await client.get("/who")).text
        cross = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}
        assert (await client.get("/who", headers=cross)).text == ""
        fresh = await client.get("/config", headers=cross)
        assert fresh.text == ""
        assert "set-cookie" not in fresh.headers


# the stream


async def test_the_stream_begins_with_the_page_and_goes_on_with_changes(
    kling: Start, studio: Open
) -> None:
    async with studio(kling().url) as one, caller(site(one)) as client:
        await reaches(one, await submitted(one, "before"))
        later = asyncio.create_task(heard(client, lambda m: bool(m) and _ended(m, "after")))
        await asyncio.sleep(0.3)
        await submitted(one, "after")
        (kind, page), *changes = await later
    assert kind == "page"
    assert [task["request"]["prompt"] for task in page["tasks"]] == ["before"]
    assert page["more"] is False
    states = [t["state"] for _, message in changes for t in message["tasks"]]
    assert states[-1] == "succeeded"
    assert changes[-1][1]["running"] == 0


def _ended(found: list[Any], prompt: str) -> bool:
    return any(
        task["over"] and task["request"].get("prompt") == prompt
        for _, message in found
        for task in message["tasks"]
    )


async def test_a_stream_that_comes_back_hears_what_it_missed(kling: Start, studio: Open) -> None:
    async with studio(kling().url) as one, caller(site(one)) as client:
        gone = await reaches(one, await submitted(one, "gone"))
        reached = one.history.revision()
        await one.delete(gone.id, owner=OWNER)
        await reaches(one, await submitted(one, "missed"))
        headers = {"last-event-id": str(reached)}
        found = await heard(client, lambda m: bool(m), headers=headers)
    (kind, message), *_ = found
    assert kind == "changes"
    assert message["gone"] == [gone.id]
    assert [task["request"]["prompt"] for task in message["tasks"]] == ["missed"]


async def test_a_stream_tells_nothing_of_another_owner_and_nobody_hears_nothing(
    kling: Start, studio: Open
) -> None:
    async with studio(kling().url) as one, caller(site(one, shared=False)) as client:
        assert (await client.get("/gradio_api/studio/events")).status_code == 403
        await client.get("/")
        owner = (await client.get("/who")).text
        await submitted(one, "a stranger's", owner="somebody else")
        later = asyncio.create_task(heard(client, lambda m: len(m) > 1))
        await asyncio.sleep(0.3)
        await submitted(one, "a stranger's too", owner="somebody else")
        await submitted(one, "mine", owner=owner)
        found = await later
    assert "stranger" not in json.dumps(found)


async def test_sentences_come_in_the_streams_language(kling: Start, studio: Open) -> None:
    async with studio(kling().url) as one, caller(site(one)) as client:
        await reaches(one, await submitted(one, "x #policy"))
        for accept, title in (("en", "Wording or picture refused"), ("zh-TW", "内容未通过审核")):
            found = await heard(client, bool, headers={"accept-language": accept})
            assert found[0][1]["tasks"][0]["trouble"]["title"] == title


async def test_streams_end_when_the_studio_closes(kling: Start, studio: Open) -> None:
    async with studio(kling().url) as one, caller(site(one)) as client:
        ended = asyncio.create_task(heard(client, lambda _: False))
        await asyncio.sleep(0.3)
        one.close()
        async with asyncio.timeout(5):
            assert await ended is None


async def test_older_tasks_come_by_pages(kling: Start, studio: Open) -> None:
    async with studio(kling().url, run=False) as one, caller(site(one)) as client:
        for k in range(70):
            await submitted(one, f"fox {k}")
        (_, page), *_ = await heard(client, bool)
        assert (len(page["tasks"]), page["more"]) == (60, True)
        before = page["tasks"][-1]["created"]
        rest = (await client.get(f"/gradio_api/studio/tasks?before={before}")).json()
        assert [t["request"]["prompt"] for t in rest["tasks"]] == [
            f"fox {k}" for k in range(9, -1, -1)
        ]
        assert rest["more"] is False
        assert (await client.get("/gradio_api/studio/tasks?before=x")).status_code == 400


# pictures


async def test_a_picture_is_its_owners_only_and_byte_for_byte(kling: Start, studio: Open) -> None:
    async with studio(kling().url) as one, caller(site(one, shared=False)) as client:
        await client.get("/")
        owner = (await client.get("/who")).text
        task = await reaches(one, await submitted(one, "Löwe / tee", owner=owner))
        path = f"/gradio_api/studio/pictures/{task.pictures[0].id}"
        original = await client.get(path)
        assert original.content == one.folder.original(task.pictures[0].file).read_bytes()
        assert "immutable" in original.headers["cache-control"]
        for side in (480, 1280):
            small = await client.get(f"{path}/{side}")
            assert small.headers["content-type"] == "image/webp"
        named = await client.get(f"{path}?download")
        assert "l%C3%B6we-tee" in named.headers["content-disposition"]
        assert (await client.get(f"{path}/999")).status_code == 404
        client.cookies.clear()
        await client.get("/")
        for stranger in (path, f"{path}/480", f"{path}?download"):
            assert (await client.get(stranger)).status_code == 404


@pytest.mark.parametrize("name", ["..%2f..%2fhistory.db", "x" * 32, "A" * 32, "0" * 32, "%00"])
async def test_what_is_no_picture_is_not_found(kling: Start, studio: Open, name: str) -> None:
    async with studio(kling().url) as one, caller(site(one)) as client:
        assert (await client.get(f"/gradio_api/studio/pictures/{name}")).status_code == 404


async def test_a_placeholder_has_the_asked_shape(kling: Start, studio: Open) -> None:
    async with studio(kling().url) as one, caller(site(one)) as client:
        svg = await client.get("/gradio_api/studio/placeholder/1280x720")
        assert 'viewBox="0 0 1280 720"' in svg.text
        assert (await client.get("/gradio_api/studio/placeholder/0x9")).status_code == 404
        assert (await client.get("/gradio_api/studio/placeholder/9999999x9")).status_code == 404


async def test_assets_are_served_and_nothing_else_of_the_folder(
    kling: Start, studio: Open, tmp_path: Path
) -> None:
    assets = Assets(ROOT / "assets")
    example = assets.names("examples")[0]
    async with studio(kling().url) as one, caller(site(one)) as client:
        picture = await client.get(assets.link(example))
        assert picture.headers["content-type"] == "image/webp"
        prefix = assets.link(example).removesuffix(example)
        for name in ("..%2fapp.py", "..%2f..%2fapp.py", "header.html", "none.js"):
            assert (await client.get(prefix + name)).status_code == 404


# boot


async def test_the_script_stands_first_in_the_head_and_cannot_be_broken_out_of(
    kling: Start, studio: Open
) -> None:
    async with studio(kling().url) as one, caller(site(one)) as client:
        html = (await client.get("/")).text
        assert html.startswith('<html><head><script>window.kling={"lang": "en"')
        assert "</script><b>" not in html
        assert html.count("<script>") == 1
        chinese = (await client.get("/", headers={"accept-language": "zh-HK,en"})).text
        assert '"lang": "zh"' in chinese


@pytest.mark.parametrize(
    ("cookie", "accept", "lang"),
    [
        ("", "en-US", "en"),
        ("", "zh-TW,zh;q=0.9", "zh"),
        ("", "", "en"),
        ("", "fr", "en"),
        ("kling_language=zh", "en", "zh"),
        ("kling_language=en", "zh-CN", "en"),
    ],
)
def test_the_language_is_the_persons_choice_or_the_browsers(
    cookie: str, accept: str, lang: str
) -> None:
    headers = [(b"cookie", cookie.encode()), (b"accept-language", accept.encode())]
    assert language(Request({"type": "http", "headers": headers})) == lang


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        ({"host": "localhost:7860"}, "http://localhost:7860"),
        (
            {"host": "inner", "x-forwarded-host": "art.example", "x-forwarded-proto": "https,http"},
            "https://art.example",
        ),
    ],
)
def test_links_are_right_behind_a_proxy(headers: dict[str, str], base: str) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope: dict[str, Any] = {"type": "http", "scheme": "http", "headers": raw}
    assert base_of(Request(scope)) == base
    scope["app"] = type("App", (), {"root_path": "/kling"})
    assert base_of(Request(scope)) == f"{base}/kling"
