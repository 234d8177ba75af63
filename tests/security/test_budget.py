"""A shared key pays for no more than its operator said, whoever asks, however often, by any way."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from kling_ui.simulator.options import Fault

from ..conftest import QUICK
from ..program import Program
from .conftest import ANN, OPERATOR, SPACE, running
from .visitor import STUDIO, Visitor, addresses, eventually, nonce
from .wire import Create, Payments, paid

EACH, AT_ONCE = 6, 3  # pictures of one visitor in a day, and in one task
NEIGHBOURS = 5 * EACH
BUDGET, PRICE = 0.30, 0.01
PURSE = "the-operators-other-key"  # what one program finds of another's on its account counts
PRICES = {"127.0.0.1": {"currency": "USD", "models": {"kling-v3": PRICE, "kling-v2-1": 2 * PRICE}}}
NONE_LEFT = f"Your {EACH} pictures of today are used up."
STILL_COUNTING = "What was spent today is still being counted."
NO_MONEY = "What this studio may spend today"

Come = Callable[..., Visitor]


def lost(moment: str, what: Mapping[str, Any]) -> Fault | None:
    """A create whose answer says nothing of what became of it."""
    prompt = str(what.get("body", {}).get("prompt"))
    return Fault(status=502) if moment == "create" and "#lost" in prompt else None


@pytest.fixture(scope="module")
def till() -> Iterator[Payments]:
    with paid(
        seconds=QUICK, quota=1000, faults=lost, keys=frozenset({OPERATOR, PURSE, ANN})
    ) as one:
        yield one


def shared(till: Payments) -> dict[str, str]:
    key = {"KLING_API_KEY": OPERATOR, "KLING_BASE_URL": till.base_url}
    return {**SPACE, **key, "KLING_UI_SHARE_KEY": "1"}


@pytest.fixture(scope="module")
def studio(till: Payments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """So many pictures for each."""
    limits = {
        "KLING_UI_VISITOR_IMAGES_PER_DAY": str(EACH),
        "KLING_UI_MAX_IMAGES_PER_TASK": str(AT_ONCE),
    }
    with running(tmp_path_factory.mktemp("each"), **shared(till), **limits) as program:
        yield program


@pytest.fixture(scope="module")
def purse(till: Payments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """So much money for all together."""
    data = tmp_path_factory.mktemp("purse")
    (data / "prices.json").write_text(json.dumps(PRICES))
    limits = {
        "KLING_API_KEY": PURSE,
        "KLING_UI_VISITOR_IMAGES_PER_DAY": "1000",
        "KLING_UI_DAILY_BUDGET": str(BUDGET),
        "KLING_UI_PRICES": str(data / "prices.json"),
    }
    with running(data / "data", **(shared(till) | limits)) as program:
        yield program


@pytest.fixture
def come() -> Iterator[Come]:
    """``come(program)`` is somebody new, from an address of their own unless it is said."""
    with ExitStack() as leaving:

        def come(program: Program, **options: Any) -> Visitor:
            one = Visitor(program, cookie=f"kling_owner={nonce()}", **options)
            one.events = events_of(program)
            return leaving.enter_context(one)

        yield come


_pages: dict[str, Any] = {}


def events_of(program: Program) -> Any:
    """Read once: the page is the same for all."""
    if program.url not in _pages:
        one = Visitor.come(program)
        _pages[program.url] = one.events
        one.http.close()
    return _pages[program.url]


def charged(till: Payments, prompt: str) -> list[Create]:
    """The creates that Kling made pictures for, or may have, of all with this in their prompt."""
    return [one for one in till.creates if prompt in one.prompt and one.status in (200, 502, 504)]


def pictures(till: Payments, prompt: str) -> int:
    return sum(one.n for one in charged(till, prompt))


def left(one: Visitor) -> Any:
    return one.get(f"{STUDIO}/tasks").json()["left"]


def settled(one: Visitor) -> None:
    """Nothing of theirs is on its way any more."""
    eventually(lambda: one.get(f"{STUDIO}/tasks").json()["running"] == 0)


# ways to ask, each: whether it was taken, and what was said


def by_button(one: Visitor, prompt: str, n: int = 1, **fields: Any) -> tuple[bool, str]:
    report = one.press(prompt, n=str(n), **fields)
    return bool(report["task"]), json.dumps(report["problems"], ensure_ascii=False)


def by_queue(one: Visitor, prompt: str, n: int = 1, **fields: Any) -> tuple[bool, str]:
    """As Gradio's clients do."""
    data = for_scripts(prompt, n, **fields)
    lines = one.queued((one.events.id("submit"), data), session_hash=nonce())
    found = next(json.loads(line[6:]) for line in lines if "process_completed" in line)
    return found["success"], json.dumps(found["output"], ensure_ascii=False)


def by_script(one: Visitor, prompt: str, n: int = 1, **fields: Any) -> tuple[bool, str]:
    kind, said = one.call("submit", *for_scripts(prompt, n, **fields))
    return kind == "complete", json.dumps(said, ensure_ascii=False)


def for_scripts(prompt: str, n: int, **fields: Any) -> list[Any]:
    model = fields.get("model_name", "kling-v3")
    return [prompt, model, "", None, "", None, None, "1k", n, "16:9", False, "", "", ""]


WAYS = (by_button, by_queue, by_script)


def all_at_once(calls: list[Callable[[], tuple[bool, str]]]) -> list[tuple[bool, str]]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [*pool.map(lambda call: call(), calls)]


# pictures of one visitor


@pytest.mark.parametrize("way", WAYS)
def test_a_visitor_gets_so_many_and_is_told_what_is_left(
    till: Payments, studio: Program, come: Come, way: Any
) -> None:
    one, prompt = come(studio), nonce()
    assert left(one) == {"left": EACH, "of": EACH}
    assert way(one, prompt, 3)[0]
    assert way(one, prompt, 1)[0]
    assert left(one) == {"left": 2, "of": EACH}
    taken, said = way(one, prompt, 3)
    assert not taken
    assert f"2 of {EACH} pictures are left for you today." in said
    assert way(one, prompt, 2)[0]
    assert left(one) == {"left": 0, "of": EACH}
    taken, said = way(one, prompt, 1)
    assert not taken
    assert NONE_LEFT in said
    one.http.headers["accept-language"] = "zh"
    assert f"您今天的 {EACH} 张图片额度已用完" in way(one, prompt, 1)[1]
    settled(one)
    assert pictures(till, prompt) == EACH
    assert {create.key for create in till.of(prompt)} == {OPERATOR}


def test_forty_presses_at_once_by_every_way_get_no_more(
    till: Payments, studio: Program, come: Come
) -> None:
    one, prompt = come(studio), nonce()
    answers = all_at_once([partial(WAYS[k % 3], one, prompt) for k in range(40)])
    assert sum(taken for taken, _ in answers) == EACH
    assert all(NONE_LEFT in said for taken, said in answers if not taken)
    settled(one)
    assert pictures(till, prompt) == EACH


def test_forty_cookies_of_one_address_get_no_more_than_five(
    till: Payments, studio: Program, come: Come
) -> None:
    """Whatever they say of where they come from: the last address is the proxy's word."""
    prompt, last = nonce(), next(addresses)
    crowd = [come(studio, address=f"{next(addresses)}, 2001:db8::{k:x}, {last}") for k in range(40)]
    answers = all_at_once([partial(WAYS[k % 3], one, prompt, 2) for k, one in enumerate(crowd)])
    assert sum(taken for taken, _ in answers) == NEIGHBOURS // 2
    refused = [said for taken, said in answers if not taken]
    assert all("your network may have today are used up" in said for said in refused)
    for one in crowd:
        settled(one)
    assert pictures(till, prompt) == NEIGHBOURS
    assert by_button(come(studio), prompt)[0]  # somebody else's address


def test_a_network_of_ipv6_is_one_address(till: Payments, studio: Program, come: Come) -> None:
    prompt = nonce()
    crowd = [come(studio, address=f"2001:db8:7:7:{k:x}::{k:x}") for k in range(13)]
    answers = all_at_once([partial(by_button, one, prompt, 3) for one in crowd])
    assert sum(taken for taken, _ in answers) == NEIGHBOURS // 3
    assert by_button(come(studio, address="2001:db8:7:8::1"), prompt)[0]
    assert by_button(come(studio, address="::ffff:10.9.9.9"), prompt)[0]


@pytest.mark.parametrize("way", WAYS)
def test_one_task_has_no_more_than_so_many(
    till: Payments, studio: Program, come: Come, way: Any
) -> None:
    one, prompt = come(studio), nonce()
    for n in (AT_ONCE + 1, 9):
        taken, said = way(one, prompt, n)
        assert not taken
        assert f"At most {AT_ONCE} in one task with this studio's key." in said
    assert way(one, prompt, AT_ONCE)[0]
    settled(one)
    assert pictures(till, prompt) == AT_ONCE


def test_each_task_of_a_comparison_has_no_more_than_so_many(
    till: Payments, studio: Program, come: Come
) -> None:
    one, prompt = come(studio), nonce()
    taken, said = by_button(one, prompt, AT_ONCE + 1, compare_ratios=["1:1", "16:9"])
    assert not taken
    assert f"At most {AT_ONCE} in one task" in said
    assert one.cards() == []


def test_a_comparison_is_taken_whole_or_not_at_all(
    till: Payments, studio: Program, come: Come
) -> None:
    one, prompt = come(studio), nonce()
    assert by_button(one, prompt, 3)[0]
    shapes = ["1:1", "16:9", "9:16", "4:3"]
    taken, said = by_button(one, prompt, 1, compare_ratios=shapes)
    assert not taken
    assert f"3 of {EACH} pictures are left" in said
    assert len(one.cards()) == 1
    assert by_button(one, prompt, 1, compare_ratios=shapes[:3])[0]
    settled(one)
    assert pictures(till, prompt) == EACH


@pytest.mark.parametrize("word", ["#policy", "#fail"])
def test_what_kling_refused_or_failed_at_costs_nothing(
    till: Payments, studio: Program, come: Come, word: str
) -> None:
    one = come(studio)
    for _ in range(3):
        assert by_button(one, f"{nonce()} {word}", 3)[0]
        settled(one)
    assert left(one) == {"left": EACH, "of": EACH}


@pytest.mark.parametrize("word", ["#lost", "#timeout"])
def test_what_kling_may_have_made_counts(
    till: Payments, studio: Program, come: Come, word: str
) -> None:
    one, prompt = come(studio), f"{nonce()} {word}"
    tasks = [one.submit(prompt, n="3") for _ in range(2)]
    eventually(lambda: {one.state(task) for task in tasks} == {"unconfirmed"})
    assert left(one) == {"left": 0, "of": EACH}
    for task in tasks:
        answer = one.run(one.events.id("act-again"), [task, nonce()])
        assert NONE_LEFT in answer.json()["data"][0]["problem"]
        one.click("discard", task)
    assert one.cards() == []
    assert left(one) == {"left": 0, "of": EACH}
    assert NONE_LEFT in by_button(one, prompt)[1]
    assert pictures(till, prompt) == EACH


def test_what_is_deleted_was_had_all_the_same(till: Payments, studio: Program, come: Come) -> None:
    one, prompt = come(studio), nonce()
    task = one.submit(prompt, n="3")
    one.ended(task)
    assert one.post(f"{STUDIO}/delete", {"ids": [task]}).json() == {"deleted": [task]}
    assert left(one) == {"left": 3, "of": EACH}


def test_the_same_press_again_costs_nothing(till: Payments, studio: Program, come: Come) -> None:
    one, prompt, press = come(studio), nonce(), nonce()
    with ThreadPoolExecutor(20) as pool:
        tasks = {*pool.map(lambda _: one.submit(prompt, n="3", nonce=press), range(20))}
    assert len(tasks) == 1
    settled(one)
    assert one.submit("another prompt", n="2", nonce=press) in tasks
    assert left(one) == {"left": 3, "of": EACH}
    assert pictures(till, prompt) == 3
    assert by_button(one, prompt, 3)[0]
    assert one.submit(prompt, n="3", nonce=press) in tasks  # also when nothing is left


def test_a_key_of_ones_own_has_no_such_limits(till: Payments, studio: Program, come: Come) -> None:
    one, prompt = come(studio), nonce()
    assert one.bring(ANN) == ""
    assert left(one) is None
    for way in WAYS:
        assert way(one, prompt, 9)[0]
    settled(one)
    assert {(create.key, create.n) for create in till.of(prompt)} == {(ANN, 9)}
    one.forget()
    assert left(one) == {"left": EACH, "of": EACH}


def test_nobody_without_a_cookie_spends_anything(
    till: Payments, studio: Program, come: Come
) -> None:
    one, prompt = come(studio), nonce()
    del one.http.headers["cookie"]
    for way in (by_button, by_script):
        assert not way(one, prompt)[0]
    body = {"fn_index": one.events.id("submit"), "data": for_scripts(prompt, 1)}
    assert one.post("/gradio_api/queue/join", body).status_code == 403
    assert till.of(prompt) == []


def test_a_task_of_others_is_not_taken_over(till: Payments, studio: Program, come: Come) -> None:
    """Many share the account: whose task it is nobody can tell."""
    one, two, prompt = come(studio), come(studio), nonce()
    task = one.submit(prompt)
    ids = one.ended(task)["ids"]
    for known in (ids["task_id"], ids["external_task_id"]):
        answer = two.post(f"{STUDIO}/account/adopt", {"task_id": known}).json()
        assert answer["task"] == ""
        assert "with a key of your own only" in answer["problem"]


def test_gradios_client_meets_the_same_limit(till: Payments, studio: Program, come: Come) -> None:
    prompt, client = nonce(), Client(studio.url, verbose=False)
    for _ in range(2):
        client.predict(prompt=prompt, n=3, api_name="/submit")
    with pytest.raises(AppError, match=re.escape(NONE_LEFT)):
        client.predict(prompt=prompt, api_name="/submit")
    eventually(lambda: pictures(till, prompt) == EACH)


def test_a_restart_forgets_nothing_of_it(till: Payments, studio: Program, come: Come) -> None:
    one, prompt = come(studio), nonce()
    assert by_button(one, prompt, 3)[0]
    eventually(lambda: till.of(prompt))
    studio.stop(signal.SIGKILL)
    studio.start()
    assert left(one) == {"left": 3, "of": EACH}
    assert by_button(one, prompt, 3)[0]
    assert NONE_LEFT in by_button(one, prompt)[1]
    eventually(lambda: pictures(till, prompt) == EACH)


# money of all together: this test uses it up


def test_all_together_spend_no_more_than_the_budget(
    till: Payments, purse: Program, come: Come
) -> None:
    prompt = nonce()
    for way in WAYS:  # unknown prices
        for model in ("made-up", "KLING-V3", "kling-v1"):
            taken, said = way(come(purse), prompt, model_name=model)
            assert not taken
            assert "The price of this model is unknown here" in said
    assert not by_button(come(purse), prompt, compare_models=["kling-v3", "kling-v1"])[0]
    refused = [come(purse) for _ in range(3)]
    for one in refused:  # nothing is charged for them
        taken, said = by_button(one, f"{prompt} #policy", 9)
        assert taken, said
        settled(one)
    assert till.of(prompt) == []
    for way in WAYS:  # too much at once: 60 pictures
        grid = {"compare_ratios": ["1:1", "16:9", "9:16", "4:3"]}
        if way is by_button:
            taken, said = way(come(purse), prompt, 9, **grid)
            assert not taken
            assert NO_MONEY in said
    doubtful = come(purse)
    doubted = doubtful.submit(f"{prompt} #lost", n="2")
    eventually(lambda: doubtful.state(doubted) == "unconfirmed")

    answers = all_at_once(
        [partial(WAYS[k % 3], come(purse), prompt, 1 + k // 3 % 3) for k in range(40)]
    )
    assert all(NO_MONEY in said for taken, said in answers if not taken)
    for _ in range(9):  # what the larger ones left over
        by_button(come(purse), prompt)
    taken, said = by_script(come(purse), prompt)
    assert not taken
    assert NO_MONEY in said
    taken, said = by_button(come(purse), prompt, model_name="kling-v2-1")
    assert not taken
    eventually(lambda: pictures(till, prompt) >= BUDGET / PRICE)
    assert pictures(till, prompt) * PRICE == pytest.approx(BUDGET)
    assert {create.key for create in till.creates if prompt in create.prompt} == {PURSE}

    one = come(purse)  # whoever has a key of their own goes on
    one.bring(ANN)
    task = one.submit(f"{prompt} own", n="9")
    one.ended(task)
    assert [create.key for create in till.of(f"{prompt} own")] == [ANN]

    purse.stop(signal.SIGTERM)  # where the disk forgets
    data = Path(purse.env["KLING_UI_DATA_DIR"])
    shutil.rmtree(data / "database")
    purse.start()
    taken, said = by_button(come(purse), prompt)
    assert not taken
    assert STILL_COUNTING in said or NO_MONEY in said
    eventually(lambda: found_again(data) >= BUDGET / PRICE - 2)  # Kling has no trace of two
    eventually(lambda: NO_MONEY in by_button(come(purse), prompt)[1])  # when its list is read


def found_again(data: Path) -> int:
    """Pictures of tasks that a program took over from Kling's list."""
    with closing(sqlite3.connect(data / "database" / "history.db")) as history:
        return int(history.execute("SELECT coalesce(sum(n), 0) FROM task").fetchone()[0])
