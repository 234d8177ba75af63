"""Lists of tasks by address: searched, filtered, by the page, with whole comparisons; and many
deleted at once."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from kling_ui.comparison import compare
from kling_ui.request import ImageRequest
from kling_ui.studio import Studio
from kling_ui.task import State, Task
from kling_ui.web.search import search_of

from .conftest import OWNER, submitted
from .test_web import caller, heard, site

Open = Callable[..., Any]
NOWHERE = "http://127.0.0.1:9"
TASKS = "/gradio_api/studio/tasks"
SAME = {"sec-fetch-site": "same-origin"}


@asynccontextmanager
async def visited(
    studio: Open, *, shared: bool = True
) -> AsyncIterator[tuple[Studio, httpx.AsyncClient]]:
    """A studio that sends nothing, and somebody who calls it."""
    async with (
        studio(NOWHERE, run=False) as one,
        caller(site(one, shared=shared)) as client,
    ):
        yield one, client


async def listed(client: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await client.get(TASKS, params=query)
    assert answer.status_code == 200
    return [task["request"]["prompt"] for task in answer.json()["tasks"]]


async def grid(one: Studio, *, owner: str = OWNER) -> str:
    """The id of a comparison of four."""
    asked = compare(
        ImageRequest.draft({"prompt": "{red|blue} fox"}), models=("kling-v1", "kling-v2")
    )
    first = await one.compare(asked, owner=owner, nonce=secrets.token_hex(16))
    assert isinstance(first, Task), first
    assert first.cell
    return first.cell.comparison


# searching


async def test_each_word_is_found_in_the_prompt_the_model_the_state_or_the_date(
    studio: Open,
) -> None:
    async with visited(studio) as (one, client):
        fox = await submitted(one, "A FOX in Straße", model_name="kling-v3")
        await submitted(one, "a lake", model_name="kling-v1")
        await one.cancel(fox.id, owner=OWNER)
        today = time.strftime("%Y-%m", time.gmtime(fox.created))
        for query in ("fox", "strasse", "V3", "canc", "已取", "fox v3 cancelled", f"fox {today}"):
            assert await listed(client, q=query) == ["A FOX in Straße"], query
        assert await listed(client, q="  waiting ") == ["a lake"]
        assert await listed(client, q=today) == ["a lake", "A FOX in Straße"]
        for query in ("wolf", "fox lake", "ancelled", "100%", "_"):
            assert await listed(client, q=query) == [], query


async def test_a_state_of_two_words_is_found_by_either() -> None:
    found = search_of({"q": "Not confirmed"})
    assert found
    assert [word.states for word in found.words] == [
        {State.UNCONFIRMED, State.EXPIRED},
        {State.UNCONFIRMED},
    ]


async def test_the_date_is_the_browsers(studio: Open) -> None:
    async with visited(studio) as (one, client):
        task = await submitted(one, "a fox")
        for offset in (-12 * 3600, 0, 14 * 3600):
            day = time.strftime("%Y-%m-%d", time.gmtime(task.created + offset))
            assert await listed(client, q=day, offset=offset) == ["a fox"]
            assert await listed(client, q=day, offset=offset - 86400 if offset > 0 else 86400) == []


async def test_filters_are_those_of_the_page(studio: Open) -> None:
    async with visited(studio) as (one, client):
        names = ["waits", "starred", "unsure", "refused", "made"]
        waits, starred, unsure, refused, made = [await submitted(one, name) for name in names]
        for task, state in (
            (starred, State.CANCELLED),
            (unsure, State.UNCONFIRMED),
            (refused, State.REJECTED),
            (made, State.SUCCEEDED),
        ):
            await one.records.move(task, state)
        await one.star(starred.id, owner=OWNER)
        assert await listed(client, filter="running") == ["waits"]
        assert await listed(client, filter="starred") == ["starred"]
        assert await listed(client, filter="failed") == ["refused", "unsure"]
        assert await listed(client, filter="failed", q="refused") == ["refused"]
        assert await listed(client, filter="") == names[::-1]
        assert waits.state is State.QUEUED


@pytest.mark.parametrize(
    "query",
    [
        {"filter": "all"},
        {"offset": "x"},
        {"offset": "٣"},
        {"offset": "86401"},
        {"offset": "--1"},
        {"q": "x" * 201},
        {"before": ""},
        {"before": "9.0-x", "q": "fox"},
    ],
)
async def test_what_is_no_search_is_refused(studio: Open, query: dict[str, str]) -> None:
    async with visited(studio) as (_, client):
        assert (await client.get(TASKS, params=query)).status_code == 400


def test_a_word_is_looked_for_once_and_only_so_many() -> None:
    found = search_of({"q": "Fox fox " + " ".join("abcdefghijk")})
    assert found
    assert [word.text for word in found.words] == ["fox", *"abcdefg"]


async def test_a_search_goes_on_where_its_page_ended_and_nobody_sees_anothers(
    studio: Open,
) -> None:
    async with visited(studio) as (one, client):
        for k in range(140):
            await submitted(one, f"{'fox' if k % 2 else 'lake'} {k}")
        await submitted(one, "fox of a stranger", owner="somebody else")
        found, query = [], {"q": "fox"}
        while True:
            page = (await client.get(TASKS, params=query)).json()
            found.append([task["request"]["prompt"] for task in page["tasks"]])
            if not page["older"]:
                break
            query["before"] = page["older"]
    assert [len(page) for page in found] == [60, 10]
    assert [name for page in found for name in page] == [f"fox {k}" for k in range(139, 0, -2)]


# the first page of a tab that shares another's stream


async def test_a_first_page_holds_what_the_stream_begins_with_and_where_to_go_on(
    studio: Open,
) -> None:
    async with visited(studio) as (one, client):
        await submitted(one, "a fox")
        one.records.cramp(True)
        first = (await client.get(TASKS)).json()
        ((kind, page),) = await heard(client, bool)
        assert kind == "page"
        assert first.keys() - page.keys() == {"id"}
        for name in ("tasks", "older", "running", "spent", "waiting", "notice"):
            assert first[name] == page[name], name
        assert first["notice"]
        await submitted(one, "a lake")
        (kind, news), *_ = await heard(client, bool, params={"since": first["id"]})
    assert kind == "changes"
    assert [task["request"]["prompt"] for task in news["tasks"]] == ["a lake"]


# comparisons


async def test_a_card_names_its_place_and_its_star(studio: Open) -> None:
    async with visited(studio) as (one, client):
        comparison = await grid(one)
        answer = (await client.get(f"/gradio_api/studio/comparisons/{comparison}")).json()
        cells = [task["cell"] for task in answer["tasks"]]
        assert [(cell["row"], cell["column"]) for cell in cells] == [(0, 0), (0, 1), (1, 0), (1, 1)]
        assert cells[3] == {
            **{"comparison": comparison, "row": 1, "column": 1},
            **{"row_label": "blue", "column_label": "kling-v2"},
        }
        await one.star(answer["tasks"][0]["id"], owner=OWNER)
        await submitted(one, "alone")
        alone, *rest = (await client.get(TASKS)).json()["tasks"]
    assert (alone["cell"], alone["starred"]) == (None, False)
    assert [task["starred"] for task in rest] == [False, False, False, True]


async def test_a_page_does_not_end_within_a_comparison(studio: Open) -> None:
    async with visited(studio) as (one, client):
        await submitted(one, "the oldest")
        comparison = await grid(one)
        for k in range(58):
            await submitted(one, f"fox {k}")
        page = (await client.get(TASKS)).json()
        cells = [task for task in page["tasks"] if task["cell"]]
        assert len(page["tasks"]) == 62
        assert {task["cell"]["comparison"] for task in cells} == {comparison}
        assert len({task["id"] for task in cells}) == 4
        rest = (await client.get(TASKS, params={"before": page["older"]})).json()
    assert [task["request"]["prompt"] for task in rest["tasks"]].count("the oldest") == 1
    assert rest["older"] == ""


async def test_a_comparison_is_its_owners_only(studio: Open) -> None:
    async with visited(studio) as (one, client):
        strange = await grid(one, owner="somebody else")
        for name in (strange, "0" * 32, "x", "%00"):
            answer = await client.get(f"/gradio_api/studio/comparisons/{name}")
            assert answer.status_code == 404, name


# deleting


async def test_many_are_deleted_at_once_but_only_what_is_over_and_ones_own(studio: Open) -> None:
    async with visited(studio) as (one, client):
        over, unsure, waits = [await submitted(one, name) for name in ("over", "unsure", "waits")]
        strange = await submitted(one, "strange", owner="somebody else")
        for task in (over, strange):
            await one.records.move(task, State.SUCCEEDED)
        await one.records.move(unsure, State.UNCONFIRMED)
        ids = [task.id for task in (over, unsure, waits, strange)] + ["0" * 32]
        answer = await client.post("/gradio_api/studio/delete", json={"ids": ids}, headers=SAME)
        assert answer.json() == {"deleted": [over.id, unsure.id]}
        assert await listed(client) == ["waits"]
        assert await one.task(strange.id, owner="somebody else")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"content-type": "text/plain"}, 400),
        ({"content-type": "application/json-not"}, 400),
        ({"content-type": "application/json; charset=utf-8", "sec-fetch-site": "none"}, 200),
    ],
)
async def test_another_sites_page_deletes_nothing(
    studio: Open, headers: dict[str, str], status: int
) -> None:
    async with visited(studio) as (one, client):
        task = await submitted(one)
        await one.records.move(task, State.SUCCEEDED)
        content = f'{{"ids": ["{task.id}"]}}'
        headers = {"content-type": "application/json", **headers}
        answer = await client.post("/gradio_api/studio/delete", content=content, headers=headers)
        assert answer.status_code == status
        assert bool(await one.task(task.id, owner=OWNER)) is (status != 200)


@pytest.mark.parametrize(
    "asked", [None, [], {}, {"ids": "x"}, {"ids": ["x"]}, {"ids": [1]}, {"ids": ["0" * 32] * 501}]
)
async def test_what_names_no_tasks_is_refused(studio: Open, asked: Any) -> None:
    async with visited(studio) as (_, client):
        answer = await client.post("/gradio_api/studio/delete", json=asked)
        assert answer.status_code == 400


async def test_nobody_lists_compares_packs_or_deletes(studio: Open) -> None:
    async with visited(studio, shared=False) as (one, client):
        await submitted(one, "of nobody", owner="somebody else")
        assert (await client.get(TASKS)).status_code == 403
        assert (await client.get(f"/gradio_api/studio/comparisons/{'0' * 32}")).status_code == 404
        for name in ("zip", "delete"):
            answer = await client.post(f"/gradio_api/studio/{name}", json={"ids": []})
            assert answer.status_code == 403
