"""The settings drawer's data and orders: spending, prices, files, the connection, adopting."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from kling_ui.history import Day, DiskTrouble
from kling_ui.prices import DEMO_HOST, Price, Prices
from kling_ui.settings import BROKEN_URL
from kling_ui.studio import Accounts, Studio
from kling_ui.task import State
from kling_ui.web import Assets, Owners, routes
from kling_ui.web.spending import Spending

from .conftest import OWNER, Kling, guard, reaches, submitted
from .histories import finished, picture
from .program import ROOT

Start = Callable[..., Kling]
Open = Callable[..., Any]
ROUTES = "/gradio_api/studio"
ACCOUNT = f"{ROUTES}/account"
CSV = f"{ACCOUNT}/spending.csv"
CHECK, ADOPT = f"{ACCOUNT}/check", f"{ACCOUNT}/adopt"
NOBODY = "http://127.0.0.1:9"


def site(studio: Studio, *, shared: bool = True, folder: Path | None = None) -> Starlette:
    around = Owners(shared=shared)
    return Starlette(
        routes=[*routes(studio, Assets(ROOT / "assets"), folder=folder)],
        middleware=[Middleware(guard().around), Middleware(around.around)],
    )


def caller(app: Starlette, **headers: str) -> httpx.AsyncClient:
    """In the studio's own event loop, as in the program."""
    wire = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=wire, base_url="http://studio.test", headers=headers)


@pytest.fixture
async def quiet(studio: Open) -> Any:
    async with studio(NOBODY, run=False) as one:
        yield one


def demo(studio: Studio) -> None:
    """From now on its account is the demo, called so."""
    usual = studio.accounts.usual
    account = replace(usual, name="demo", base_url=DEMO_HOST, live=False)
    studio.accounts = Accounts({**studio.accounts, "demo": account}, usual=account)


def succeeded(studio: Studio, **values: Any) -> Any:
    """A task of the operator's that is done, with its pictures."""
    given = {"owner": OWNER, "account": "test", "estimate": 0.5, "currency": "USD", **values}
    task = finished(studio.history, 10, **given)
    return studio.history.get(task.id)


# who may ask


@pytest.mark.parametrize("address", [ACCOUNT, CSV])
async def test_nobody_is_told_nothing(quiet: Studio, address: str) -> None:
    async with caller(site(quiet, shared=False)) as client:
        assert (await client.get(address)).status_code == 403


@pytest.mark.parametrize("address", [CHECK, ADOPT])
@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, "{}", 200),
        ({"sec-fetch-site": "none"}, "{}", 200),
        ({}, "{}", 200),
        ({"sec-fetch-site": "same-site"}, "{}", 403),
        ({"sec-fetch-site": "cross-site"}, "{}", 403),
        ({"content-type": "text/plain"}, "{}", 400),
        ({"content-type": "application/x-www-form-urlencoded"}, "{}", 400),
        ({}, "[]", 400),
        ({}, "no json", 400),
        ({}, "[" * 60_000, 400),
        ({}, '{"task_id": "' + "x" * 70_000 + '"}', 413),
    ],
)
async def test_only_a_page_of_ours_or_a_script_may_order(
    quiet: Studio, address: str, headers: dict[str, str], body: str, status: int
) -> None:
    quiet._blocked = BROKEN_URL  # both answer at once then
    async with caller(site(quiet), **{"content-type": "application/json"} | headers) as client:
        assert (await client.post(address, content=body)).status_code == status
        assert (await client.get(address)).status_code in (404, 403, 405)


@pytest.mark.parametrize("address", [CHECK, ADOPT])
async def test_nobody_may_order_anything(quiet: Studio, address: str) -> None:
    async with caller(site(quiet, shared=False)) as client:
        assert (await client.post(address, json={})).status_code == 403


async def test_what_one_visitor_spent_and_keeps_no_other_is_told(quiet: Studio) -> None:
    async with (
        caller(site(quiet, shared=False)) as ann,
        caller(site(quiet, shared=False)) as bob,
    ):
        for client in (ann, bob):
            await client.get("/config")
        (owner,) = {await whoami(ann, quiet)}
        task = succeeded(quiet, owner=owner)
        quiet.history.keep_picture(picture(task))
        of_ann, of_bob = [(await one.get(ACCOUNT)).json() for one in (ann, bob)]
        assert of_ann["spending"]["today"] == [{"amount": 0.5, "currency": "USD", "demo": False}]
        assert of_ann["files"]["pictures"] == 1
        assert of_bob["spending"] == {"today": [], "week": [], "month": [], "days": []}
        assert (of_bob["files"]["pictures"], of_bob["files"]["bytes"]) == (0, 0)
        assert len((await bob.get(CSV)).text.splitlines()) == 1


async def whoami(client: Any, studio: Studio) -> str:
    """The owner that the studio sees in a caller."""
    seen: list[str] = []
    weigh = studio.weight

    async def weight(*, owner: str) -> Any:
        seen.append(owner)
        return await weigh(owner=owner)

    studio.weight = weight  # type: ignore[method-assign]
    await client.get(ACCOUNT)
    return seen[0]


# files


async def test_the_folder_is_told_only_where_it_is_meant_to_be(
    quiet: Studio, tmp_path: Path
) -> None:
    for folder in (tmp_path, None):
        async with caller(site(quiet, folder=folder)) as client:
            files = (await client.get(ACCOUNT)).json()["files"]
        assert files["folder"] == (str(tmp_path) if folder else "")
        assert bool(files["free"]) == bool(folder)


# spending


def day(ago: int, **values: Any) -> Day:
    """Of so many days ago, by the clock of UTC."""
    date = time.strftime("%Y-%m-%d", time.gmtime(time.time() - ago * 24 * 3600))
    given = {"account": "test", "model": "kling-v3", "tasks": 1, "pictures": 2}
    given |= {"amount": 0.25, "currency": "USD", "units": 0.0}
    return Day(**{"day": date, **given, **values})


def summed(studio: Studio, *days: Day) -> dict[str, Any]:
    return Spending(studio, days, offset=0).summary()


async def test_spending_is_summed_for_today_a_week_and_a_month(quiet: Studio) -> None:
    found = summed(quiet, *(day(ago) for ago in (0, 6, 7, 29, 30)))
    amounts = [found[name][0]["amount"] for name in ("today", "week", "month")]
    assert amounts == [0.25, 0.5, 1.0]
    assert len(found["days"]) == 4


async def test_currencies_and_the_demo_are_never_added_up(quiet: Studio) -> None:
    demo(quiet)
    days = [day(0), day(0, currency="CNY"), day(0, account="demo"), day(0, account="former#1")]
    assert summed(quiet, *days)["today"] == [
        {"amount": 0.25, "currency": "CNY", "demo": False},
        {"amount": 0.5, "currency": "USD", "demo": False},
        {"amount": 0.25, "currency": "USD", "demo": True},
    ]


async def test_what_is_unknown_is_no_zero(quiet: Studio) -> None:
    demo(quiet)
    unknown, told, free = summed(
        quiet,
        day(0, amount=0.0, currency=""),
        day(0, units=8.0),
        day(0, account="demo", units=8.0),
    )["days"]
    assert (unknown["amount"], unknown["units"]) == (None, None)
    assert (told["amount"], told["units"], told["demo"]) == (0.25, 8.0, False)
    assert (free["units"], free["demo"]) == (None, True)  # a demo deducts nothing
    assert summed(quiet, day(0, amount=0.0, currency=""))["today"] == []


@pytest.mark.parametrize("offset", ["0", "28800", "-36000", "", "x", "1e9", "999999"])
async def test_a_day_is_one_of_the_askers_clock(quiet: Studio, offset: str) -> None:
    succeeded(quiet)
    hours = int(offset) if offset in ("28800", "-36000") else 0
    async with caller(site(quiet)) as client:
        (row,) = (await client.get(ACCOUNT, params={"offset": offset})).json()["spending"]["days"]
    assert row["day"] == time.strftime("%Y-%m-%d", time.gmtime(time.time() + hours))


async def test_a_deleted_task_was_paid_for_all_the_same(quiet: Studio) -> None:
    task = succeeded(quiet)
    await quiet.delete(task.id, owner=OWNER)
    async with caller(site(quiet)) as client:
        assert (await client.get(ACCOUNT)).json()["spending"]["today"][0]["amount"] == 0.5


# the file for a spreadsheet


def rows(text: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text.removeprefix("\ufeff")))


async def test_the_csv_holds_every_day_in_the_pages_language(quiet: Studio) -> None:
    demo(quiet)
    days = [day(0, units=8.0), day(400, account="demo", amount=0.0, currency="")]
    text = Spending(quiet, days, offset=0).csv("en")
    assert text.startswith("\ufeff")
    head, first, second = rows(text)
    assert head[:4] == ["Day", "Model", "Tasks", "Pictures"]
    assert first[1:] == ["kling-v3", "1", "2", "0.25", "USD", "8", "yes"]
    assert second[1:] == ["kling-v3", "1", "2", "", "", "", "no, demo"]
    assert next(rows(Spending(quiet, days, offset=0).csv("zh")))[0] == "日期"


async def test_the_csv_is_a_file_that_excel_reads(quiet: Studio) -> None:
    succeeded(quiet)
    async with caller(site(quiet), **{"accept-language": "zh-HK"}) as client:
        answer = await client.get(CSV)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == "attachment; filename=kling-spending.csv"
    assert answer.content.startswith(b"\xef\xbb\xbf" + "日期".encode())


@pytest.mark.parametrize(
    "name",
    ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r\n=1", "＝1", "a,b\n=1"],
)
async def test_no_cell_is_a_formula(quiet: Studio, name: str) -> None:
    _, row = rows(Spending(quiet, [day(0, model=name)], offset=0).csv("en"))
    assert row[1] == (name if name.startswith("a") else f"'{name}")
    assert len(row) == 8


# prices


async def prices_told(studio: Studio) -> Any:
    async with caller(site(studio)) as client:
        return (await client.get(ACCOUNT)).json()["prices"]


async def test_the_prices_are_those_of_the_host(quiet: Studio) -> None:
    demo(quiet)
    told = await prices_told(quiet)
    models = {model["model"]: model for model in told["models"]}
    assert (told["source"], told["as_of"]) == ("list", "2026-11-22")
    assert models["kling-v2-1"]["text"] == {"amount": 0.014, "currency": "USD"}
    assert models["kling-v2-1"]["picture"] == {"amount": 0.028, "currency": "USD"}
    assert models["kling-v1-6"] == {"model": "kling-v1-6", "text": None, "picture": None}
    assert "text" not in models["kling-v2-new"]  # it makes none from text


async def test_at_another_host_nobody_knows(quiet: Studio) -> None:
    told = await prices_told(quiet)
    assert told["source"] == "unknown"
    assert all(model.get("text") is None for model in told["models"])


async def test_the_operators_prices_and_models_are_told(quiet: Studio) -> None:
    quiet.prices = Prices({("127.0.0.1", "house", False): Price(0.1, "EUR")})
    told = await prices_told(quiet)
    assert told["source"] == "file"
    assert told["models"][-1] == {
        "model": "house",
        "text": {"amount": 0.1, "currency": "EUR"},
        "picture": None,
    }


# the connection


async def checked(studio: Studio, **headers: str) -> Any:
    async with caller(site(studio), **headers) as client:
        answer = await client.post(CHECK, json={})
        assert answer.status_code == 200
        return answer.json()


async def test_a_sound_connection_says_what_was_found(kling: Start, studio: Open) -> None:
    async with studio(kling().url) as one:
        await reaches(one, await submitted(one))
        found = await checked(one)
    assert (found["answered"], found["accepted"], found["trouble"]) == (True, True, "")
    assert 0 < found["milliseconds"] < 5000
    assert {found[name] for name in ("listing", "lookup", "deduction")} <= {True, False, None}
    assert found["deduction"] is True


async def test_a_wrong_key_is_told_in_the_pages_language(kling: Start, studio: Open) -> None:
    async with studio(kling(keys=frozenset({"good"})).url, key="bad") as one:
        found = await checked(one)
        chinese = await checked(one, **{"accept-language": "zh"})
    assert (found["answered"], found["accepted"]) == (True, False)
    assert "key" in found["trouble"]
    assert "密钥" in chinese["trouble"]


async def test_nobody_at_the_address_is_told(studio: Open) -> None:
    async with studio(NOBODY) as one:
        found = await checked(one)
    assert (found["answered"], found["accepted"]) == (False, None)
    assert "cannot be reached" in found["trouble"]


async def test_a_gateway_without_a_list_answered_and_no_key_was_seen(
    kling: Start, studio: Open
) -> None:
    async with studio(kling(listing=False).url) as one:
        found = await checked(one)
    assert (found["answered"], found["accepted"], found["trouble"]) == (True, None, "")


async def test_what_blocks_the_key_is_told_instead_of_asking_the_demo(quiet: Studio) -> None:
    quiet._blocked = BROKEN_URL
    assert await checked(quiet) == {"answered": None, "trouble": BROKEN_URL.en}


# a task that was made elsewhere


async def adopt(studio: Studio, task_id: Any, **headers: str) -> Any:
    async with caller(site(studio), **headers) as client:
        answer = await client.post(ADOPT, json={"task_id": task_id})
        assert answer.status_code == 200
        return answer.json()


async def test_a_task_made_elsewhere_is_adopted_once(kling: Start, studio: Open) -> None:
    url = kling().url
    async with studio(url) as one:
        made = await one.accounts.usual.client.create(
            {"prompt": "elsewhere", "model_name": "kling-v3"}
        )
        found = await adopt(one, f" {made.task_id} ")
        assert found["problem"] == ""
        task = await one.task(found["task"], owner=OWNER)
        assert task
        assert (await reaches(one, task)).state is State.SUCCEEDED
        again = await adopt(one, made.task_id)
    assert again == {"task": "", "problem": "This task is already in a history here."}


@pytest.mark.parametrize(
    ("task_id", "en", "zh"),
    [
        ("", "no task id", "不是任务 ID"),
        ("two words", "no task id", "不是任务 ID"),
        ("x" * 300, "no task id", "不是任务 ID"),
        (None, "no such task", "没有这个任务"),
        ("123456", "no such task", "没有这个任务"),
    ],
)
async def test_what_cannot_be_adopted_says_why(
    kling: Start, studio: Open, task_id: Any, en: str, zh: str
) -> None:
    async with studio(kling().url) as one:
        found = await adopt(one, task_id)
        chinese = await adopt(one, task_id, **{"accept-language": "zh-CN"})
    assert (found["task"], chinese["task"]) == ("", "")
    assert en in found["problem"]
    assert zh in chinese["problem"]


async def test_adopting_with_a_wrong_key_or_a_full_disk_says_so(
    kling: Start, studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with studio(kling(keys=frozenset({"good"})).url, key="bad") as one:
        assert "key" in (await adopt(one, "123"))["problem"]

        async def full(*_: Any, **__: Any) -> Any:
            raise DiskTrouble("full")

        monkeypatch.setattr(one, "adopt", full)
        assert "disk is full" in (await adopt(one, "123"))["problem"]
