"""Owners, the event stream, pictures by URL, and the script that comes before Gradio."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route

from kling_ui.history import NewTask
from kling_ui.studio import Studio
from kling_ui.task import State, Task
from kling_ui.ui.habits import Calls
from kling_ui.web import Assets, Boot, Owners, middleware, routes
from kling_ui.web.cards import Cards
from kling_ui.web.language import language
from kling_ui.web.links import base_of
from kling_ui.web.owner import owner_of

from .conftest import OWNER, Kling, guard, reaches, served, submitted
from .program import ROOT

Start = Callable[..., Kling]
Open = Callable[..., Any]
WHO = "/gradio_api/app_id"  # for these tests it says who asks
HEAD = "<html><head><title>x</title></head><body></body></html>"


def site(studio: Studio, *, shared: bool = True) -> Starlette:
    """Our routes and middleware as they stand in Gradio's app."""

    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse(HEAD)

    async def who(request: Request) -> PlainTextResponse:
        return PlainTextResponse(owner_of(request))

    own = [Route("/", page), Route("/config", who), Route(WHO, who)]
    facts: Any = {"en": {"lang": "en", "evil": "</script><b>"}, "zh": {"lang": "zh"}}
    boot = Boot(faces={"": facts}, code="/*code*/")
    return Starlette(
        routes=[*own, *routes(studio, Assets(ROOT / "assets"))],
        middleware=[*middleware(guard(), Owners(shared=shared), boot, Calls(gr.Blocks()))],
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
        assert (await client.get(WHO)).text == OWNER
        assert "set-cookie" not in (await client.get("/")).headers


async def test_elsewhere_a_cookie_is_minted_on_the_page_and_config_only(
    kling: Start, studio: Open
) -> None:
    async with studio(kling().url) as one, caller(site(one, shared=False)) as client:
        nobody = await client.get(WHO)
        assert nobody.text == ""
        assert "set-cookie" not in nobody.headers
        cookie = (await client.get("/config")).headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        mine = (await client.get(WHO)).text
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
        assert (await client.get(WHO)).text
        cross = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}
        for address in ("/", "/config", WHO, "/gradio_api/studio/tasks"):
            answer = await client.get(address, headers=cross)
            assert answer.status_code == 403
            assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("other", ['prefs={"a":"b"}', "a b=c", "[x]", "é=1", "=;=", 'q="'])
async def test_an_odd_cookie_of_another_program_hides_nobody(
    kling: Start, studio: Open, other: str
) -> None:
    async with studio(kling().url) as one, caller(site(one, shared=False)) as client:
        cookie = (await client.get("/")).headers["set-cookie"].partition(";")[0]
        mine = (await client.get(WHO)).text
        client.cookies.clear()
        for line in (f"{other}; {cookie}", f"{cookie}; {other}"):
            answer = await client.get("/config", headers={"cookie": line.encode()})
            assert answer.text == mine
            assert "set-cookie" not in answer.headers


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
    assert page["older"] == ""
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
        mark, reached = await one.reached()
        await one.delete(gone.id, owner=OWNER)
        await reaches(one, await submitted(one, "missed"))
        last = f"{mark}-{reached}"
        for told in ({"headers": {"last-event-id": last}}, {"params": {"since": last}}):
            (kind, message), *_ = await heard(client, bool, **told)
            assert kind == "changes"
            assert message["gone"] == [gone.id]
            assert [task["request"]["prompt"] for task in message["tasks"]] == ["missed"]


@pytest.mark.parametrize(
    "last",
    [
        "0000000000000000-1",  # another history's
        "{mark}-{ahead}",  # this one's, before it was set back to an older copy
        "1",
        "{mark}-²",
        "{mark}-٣",
        "{mark}-" + "9" * 30,
        "{mark}--1",
        "{mark}-1\u00a0",
    ],
)
async def test_an_event_id_that_means_nothing_here_gives_a_fresh_page(
    kling: Start, studio: Open, last: str
) -> None:
    async with studio(kling().url, run=False) as one, caller(site(one)) as client:
        await submitted(one, "a fox")
        mark, reached = await one.reached()
        last = last.format(mark=mark, ahead=reached + 1)
        (kind, page), *_ = await heard(client, bool, params={"since": last})
    assert kind == "page"
    assert [task["request"]["prompt"] for task in page["tasks"]] == ["a fox"]


async def test_nobody_hears_nothing_even_of_tasks_that_belong_to_nobody(
    kling: Start, studio: Open
) -> None:
    async with studio(kling().url, run=False) as one, caller(site(one, shared=False)) as client:
        new = NewTask(owner="", account="test", nonce="n", external_task_id="e", request={})
        task, _ = one.history.add(new)
        cursor = f"{task.created + 1!r}-{task.id}"
        for path in ("events", "tasks", f"tasks?before={cursor}"):
            answer = await client.get(f"/gradio_api/studio/{path}")
            assert (answer.status_code, answer.content) == (403, b"")


async def test_a_stream_tells_nothing_of_another_owner_and_nobody_hears_nothing(
    kling: Start, studio: Open
) -> None:
    async with studio(kling().url) as one, caller(site(one, shared=False)) as client:
        assert (await client.get("/gradio_api/studio/events")).status_code == 403
        await client.get("/")
        owner = (await client.get(WHO)).text
        await submitted(one, "a stranger's", owner="somebody else")
        later = asyncio.create_task(heard(client, lambda m: len(m) > 1))
        await asyncio.sleep(0.3)
        await submitted(one, "a stranger's too", owner="somebody else")
        await submitted(one, "mine", owner=owner)
        found = await later
    assert "stranger" not in json.dumps(found)


async def test_a_waiting_task_moves_up_without_a_change_of_its_own(
    kling: Start, studio: Open
) -> None:
    async with studio(kling().url, run=False) as one, caller(site(one)) as client:
        first = await submitted(one, "another's", owner="somebody else")
        mine = await submitted(one, "mine")
        later = asyncio.create_task(heard(client, lambda m: len(m) > 1))
        await asyncio.sleep(0.3)
        await one.cancel(first.id, owner="somebody else")
        one.records.wake([OWNER])  # as the sender does whenever the line moves
        (_, page), (kind, moved) = await later
    assert page["waiting"] == {mine.id: 1}
    assert (kind, moved["tasks"], moved["gone"]) == ("changes", [], [])
    assert moved["waiting"] == {mine.id: 0}


async def test_a_line_that_moved_unseen_is_seen_in_a_while(
    kling: Start, studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kling_ui.web.events.HEARTBEAT", 0.3)
    async with studio(kling().url, run=False) as one, caller(site(one)) as client:
        first = await submitted(one, "another's", owner="somebody else")
        mine = await submitted(one, "mine")
        later = asyncio.create_task(heard(client, lambda m: len(m) > 1))
        await asyncio.sleep(0.2)
        await one.cancel(first.id, owner="somebody else")
        _, (_, moved) = await later
    assert moved["waiting"] == {mine.id: 0}


async def test_a_tab_is_told_nothing_twice_and_not_asked_for_in_vain(
    kling: Start, studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kling_ui.web.events.HEARTBEAT", 0.05)
    monkeypatch.setattr("kling_ui.web.events.CALM", 5)
    async with studio(kling().url, run=False) as one, caller(site(one)) as client:
        asked = Counted(one)
        later = asyncio.create_task(heard(client, lambda m: len(m) > 1))
        await asyncio.sleep(0.5)
        assert asked.names == ["summary"]  # for the page; a heartbeat asks nothing
        for _ in range(10):
            one.records.wake_all()
            await asyncio.sleep(0.03)
        assert asked.names == ["summary"]  # not at every stir
        async with asyncio.timeout(20):
            while asked.names == ["summary"]:  # noqa: ASYNC110 — it has no event to wait for
                await asyncio.sleep(0.1)
        assert asked.names == ["summary"] * 2
        await submitted(one, "a fox")
        found = await later
    assert [[t["request"]["prompt"] for t in m["tasks"]] for _, m in found] == [[], ["a fox"]]


@pytest.mark.parametrize(
    ("accept", "says"), [("en", "The disk is full"), ("zh-CN", "磁盘空间不足")]
)
async def test_what_everybody_has_to_know_comes_at_once_and_goes(
    kling: Start, studio: Open, accept: str, says: str
) -> None:
    async with studio(kling().url, run=False) as one, caller(site(one)) as client:
        headers = {"accept-language": accept}
        later = asyncio.create_task(heard(client, lambda m: len(m) > 2, headers=headers))
        await asyncio.sleep(0.3)
        one.records.cramp(True)
        await asyncio.sleep(1.3)
        one.records.cramp(False)
        (_, page), (_, full), (_, room) = await later
    assert page["notice"] == ""
    assert says in full["notice"]
    assert room["notice"] == ""


async def test_a_stream_that_comes_back_hears_what_stands_beside_the_cards(
    kling: Start, studio: Open
) -> None:
    async with studio(kling().url, run=False) as one, caller(site(one)) as client:
        mark, reached = await one.reached()
        one.records.cramp(True)
        (kind, message), *_ = await heard(client, bool, params={"since": f"{mark}-{reached}"})
    assert (kind, message["tasks"]) == ("changes", [])
    assert message["notice"]


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
        assert len(page["tasks"]) == 60
        rest = (await client.get(f"/gradio_api/studio/tasks?before={page['older']}")).json()
        assert [t["request"]["prompt"] for t in rest["tasks"]] == [
            f"fox {k}" for k in range(9, -1, -1)
        ]
        assert rest["older"] == ""
        for odd in ("x", "", "nan", "1", "1e5-" + "0" * 32, "²-" + "0" * 32, f"{page['older']}0"):
            answer = await client.get("/gradio_api/studio/tasks", params={"before": odd})
            assert answer.status_code == 400, odd


async def test_what_every_tab_draws_is_worked_out_once(kling: Start, studio: Open) -> None:
    async with studio(kling().url, run=False) as one:
        tasks = [await _running(one, f"fox {k}") for k in range(3)]
        asked = Counted(one)
        cards = Cards(one)
        first, second = await asyncio.gather(cards.of(tasks, "en"), cards.of(tasks, "en"))
        assert [a is b for a, b in zip(first, second, strict=True)] == [True] * 3
        assert (await cards.of(tasks, "zh"))[0] is not first[0]
        moment = time.monotonic()
        await asyncio.gather(*(cards.summary(OWNER, since=moment) for _ in range(5)))
        assert asked.names == ["usual_seconds", "summary", "ahead"]
        await cards.summary("somebody else", since=moment)  # nothing runs: nothing waits
        assert asked.names[3:] == ["summary"]
        await cards.summary(OWNER, since=time.monotonic())
        assert asked.names[4:] == ["summary", "ahead"]


async def test_a_card_is_drawn_anew_when_its_task_changed(kling: Start, studio: Open) -> None:
    async with studio(kling().url, run=False) as one:
        task, cards = await _running(one, "a fox"), Cards(one)
        await cards.of([task], "en")
        changed = await one.records.move(task, State.STALLED)
        assert changed
        assert [card["state"] for card in await cards.of([changed], "en")] == ["stalled"]


async def test_the_usual_time_is_learned_anew_after_a_success(kling: Start, studio: Open) -> None:
    async with studio(kling().url, run=False) as one:
        first, second, cards = await _running(one, "a"), await _running(one, "b"), Cards(one)
        assert [card["usual"] for card in await cards.of([first, second], "en")] == [None, None]
        sent = first.sent or 0
        done = await one.records.move(first, State.SUCCEEDED, ended=sent + 7)
        second = await one.records.note(second, remote_status="processing")
        assert done
        found = await cards.of([done, second], "en")
        assert [card["usual"] for card in found] == [None, 7.0]


async def test_nothing_of_a_deleted_task_is_remembered_and_no_more_than_so_many(
    kling: Start, studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kling_ui.web.cards.MOST", 2)
    async with studio(kling().url, run=False) as one:
        tasks, cards = [await _running(one, f"fox {k}") for k in range(3)], Cards(one)
        before = await cards.of(tasks, "en")
        after = await cards.of([tasks[2], tasks[0]], "en")
        assert (after[0] is before[2], after[1] is before[0]) == (True, False)
        cards.forget([tasks[2].id])
        assert (await cards.of([tasks[2]], "en"))[0] is not before[2]


async def _running(one: Studio, prompt: str) -> Task:
    task = await submitted(one, prompt)
    moved = await one.records.move(task, State.PROCESSING, sent=time.time())
    assert moved
    return moved


class Counted:
    """Which of the studio's questions were asked, by name."""

    def __init__(self, studio: Studio) -> None:
        self.names: list[str] = []
        for name in ("usual_seconds", "summary", "ahead"):
            setattr(studio, name, self._watched(name, getattr(studio, name)))

    def _watched(self, name: str, ask: Callable[..., Any]) -> Callable[..., Any]:
        async def asked(**values: Any) -> Any:
            self.names.append(name)
            return await ask(**values)

        return asked


# pictures


async def test_a_picture_is_its_owners_only_and_byte_for_byte(kling: Start, studio: Open) -> None:
    async with studio(kling().url) as one, caller(site(one, shared=False)) as client:
        await client.get("/")
        owner = (await client.get(WHO)).text
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


async def test_a_picture_that_is_gone_from_the_disk_is_not_found(
    kling: Start, studio: Open
) -> None:
    async with studio(kling().url) as one, caller(site(one)) as client:
        task = await reaches(one, await submitted(one))
        await one.folder.forget(task.pictures[0].file)
        path = f"/gradio_api/studio/pictures/{task.pictures[0].id}"
        for gone in (path, f"{path}?download", f"{path}/480"):
            answer = await client.get(gone)
            assert answer.status_code == 404
            assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", ["..%2f..%2fhistory.db", "x" * 32, "A" * 32, "0" * 32, "%00"])
async def test_what_is_no_picture_is_not_found(kling: Start, studio: Open, name: str) -> None:
    async with studio(kling().url) as one, caller(site(one)) as client:
        assert (await client.get(f"/gradio_api/studio/pictures/{name}")).status_code == 404


async def test_what_was_spent_today_is_looked_at_again_after_midnight(
    kling: Start, studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kling_ui.web.events._until_midnight", lambda: 0.3)
    async with studio(kling().url, run=False) as one, caller(site(one)) as client:
        asked = Counted(one)
        tab = asyncio.create_task(heard(client, lambda messages: len(messages) > 1))
        async with asyncio.timeout(20):
            while asked.names.count("summary") < 3:  # noqa: ASYNC110 — it has no event to wait for
                await asyncio.sleep(0.05)
        tab.cancel()


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
        assert plain(html).startswith('<html><head><script>window.kling={"lang": "en"')
        assert "</script><b>" not in html
        assert html.count("<script") == 1
        chinese = (await client.get("/", headers={"accept-language": "zh-HK,en"})).text
        assert '"lang": "zh"' in chinese


async def test_the_page_travels_packed_where_the_caller_can_unpack_it(
    kling: Start, studio: Open
) -> None:
    async with studio(kling().url) as one, caller(site(one)) as client:
        packed, open_ = [
            await client.get("/", headers={"accept-encoding": accepted})
            for accepted in ("gzip, br", "identity")
        ]
        assert packed.headers["content-encoding"] == "gzip"
        assert "content-encoding" not in open_.headers
        assert plain(packed.text) == plain(open_.text)
        assert "accept-encoding" in open_.headers["vary"]


async def test_every_page_names_its_scripts_to_the_browser(kling: Start, studio: Open) -> None:
    async with studio(kling().url) as one, caller(site(one)) as client:
        first, second = await client.get("/"), await client.get("/")
    nonces = [re.findall(r'nonce="([\w-]+)"', page.text) for page in (first, second)]
    assert nonces[0] != nonces[1]
    for page, (nonce,) in zip((first, second), nonces, strict=True):
        policy = page.headers["content-security-policy"]
        assert f"script-src 'self' 'nonce-{nonce}' 'unsafe-eval';" in policy
        assert "frame-ancestors 'self'" in policy


def plain(html: str) -> str:
    """Without what is another at every visit."""
    return re.sub(r' nonce="[\w-]+"', "", html)


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
