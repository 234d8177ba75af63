"""A key of one's own: who may bring it, whose pictures it pays, and where it never shows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client

from kling_ui.settings import Secret
from kling_ui.studio import Account, Clock, Studio, account_name, desk
from kling_ui.studio import keys as policy
from kling_ui.studio.sweep import mark_of

from ..conftest import PACE, QUICK, account, closed, reaches, studio_of, submitted
from ..program import Program
from .conftest import ANN, BOB, OPERATOR
from .visitor import STUDIO, Visitor, eventually, nonce
from .wire import Payments, paid

Come = Callable[..., Visitor]
KEY = f"{STUDIO}/key"
JSON = {"content-type": "application/json"}
WAITS = "Waiting for your key"


# whose pictures it pays


def test_each_pays_with_their_own_key_and_nobody_with_the_operators(
    bank: Payments, visitor: Come
) -> None:
    ann, bob, cem = visitor(), visitor(), visitor()
    assert (ann.bring(ANN), bob.bring(BOB)) == ("", "")
    prompts = {who: nonce() for who in (ann, bob, cem)}
    with ThreadPoolExecutor() as pool:
        [*pool.map(lambda who: who.submit(prompts[who]), [ann, bob, cem] * 3)]
    for who, key in ((ann, ANN), (bob, BOB)):
        assert {who.ended(card["id"])["state"] for card in who.cards()} == {"succeeded"}
        assert [create.key for create in bank.of(prompts[who])] == [key] * 3
    for card in cem.cards():
        cem.sent(card["id"])
    assert bank.of(prompts[cem]) == []  # the demo draws it


def test_it_is_shown_by_its_ending_only(visitor: Come) -> None:
    ann = visitor()
    assert ann.account()["key"] is None
    ann.bring(ANN)
    account = ann.account()
    assert account["key"] == {"ending": ANN[-4:]}
    assert ANN not in json.dumps(account)
    ann.forget()
    assert ann.account()["key"] is None


@pytest.mark.parametrize(
    "pasted",
    [
        f"Bearer {ANN}",
        f"bearer   {ANN}",
        f'"{ANN}"',
        f"'{ANN}'\n",
        f"  {ANN}\r\n",
        f'"Bearer {ANN}"',
    ],
)
def test_what_came_with_it_when_it_was_copied_is_left_out(
    bank: Payments, visitor: Come, pasted: str
) -> None:
    one, prompt = visitor(), nonce()
    assert one.bring(pasted) == ""
    one.submit(prompt)
    (create,) = eventually(lambda: bank.of(prompt))
    assert create.key == ANN


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("", "Enter a key."),
        ("   ", "Enter a key."),
        ("Bearer ", "Enter a key"),
        (None, "Enter a key."),
        (12345678, "Enter a key."),
        ([ANN], "Enter a key."),
        ({"key": ANN}, "Enter a key."),
        ("short", "This is no key"),
        ("canary-sk\nX-Evil: 1", "This is no key"),
        ("canary-sk\r\nX-Evil: 1", "This is no key"),
        ("canary sk with spaces", "This is no key"),
        ("canary-sk\x00nul", "This is no key"),
        ("canary-sk\ttab", "This is no key"),
        ("canary-钥匙-canary", "This is no key"),
        ("canary-\ud800-canary", "This is no key"),
        ("canary-\u2028-canary", "This is no key"),
        ("canary" * 100, "This is no key"),
    ],
)
def test_what_is_no_key_goes_nowhere(
    bank: Payments, space: Program, visitor: Come, key: Any, says: str
) -> None:
    one = visitor()
    answer = one.post(KEY, content=json.dumps({"key": key}), headers=JSON)
    assert answer.status_code == 200
    assert answer.json()["problem"].startswith(says)
    assert "canary" not in answer.text
    assert not any("canary" in sent or sent == "short" for sent in bank.keys)
    assert one.account()["key"] is None
    assert "canary" not in "".join(space.log)


def test_one_that_kling_refuses_is_asked_about_and_not_taken(
    bank: Payments, space: Program, visitor: Come
) -> None:
    one, prompt = visitor(), nonce()
    assert one.bring("nobodys-key") == "Kling does not accept this key."
    assert "nobodys-key" in bank.keys
    assert one.account()["key"] is None
    one.sent(one.submit(prompt))
    assert bank.of(prompt) == []
    assert "nobodys-key" not in "".join(space.log)
    chinese = visitor(**{"accept-language": "zh-CN"})
    assert chinese.bring("nobodys-key") == "可灵不接受此密钥。"


def test_a_sound_one_stays_when_a_broken_or_refused_one_follows(
    bank: Payments, visitor: Come
) -> None:
    one, prompt = visitor(), nonce()
    one.bring(ANN)
    for worse in ("no key", "refused-by-kling"):
        assert one.bring(worse)
        assert one.account()["key"] == {"ending": ANN[-4:]}
    one.submit(prompt)
    assert eventually(lambda: bank.of(prompt))[0].key == ANN


def test_the_same_key_of_two_is_one_account_and_two_histories(
    bank: Payments, visitor: Come
) -> None:
    one, two, prompt = visitor(), visitor(), nonce()
    assert (one.bring(ANN), two.bring(ANN)) == ("", "")
    tasks = [who.submit(prompt) for who in (one, two)]
    for who, task in zip((one, two), tasks, strict=True):
        assert who.ended(task)["state"] == "succeeded"
        assert [card["id"] for card in who.cards()] == [task]
    one.forget()  # the other's goes on
    task = two.submit(prompt)
    assert two.ended(task)["state"] == "succeeded"
    assert [made.key for made in bank.of(prompt)] == [ANN] * 3
    one.sent(one.submit(prompt))
    assert len(bank.of(prompt)) == 3  # the demo draws it


def test_brought_many_times_at_once_it_is_one_account(bank: Payments, visitor: Come) -> None:
    one, prompt = visitor(), nonce()
    with ThreadPoolExecutor(8) as pool:
        assert {*pool.map(lambda _: one.bring(BOB), range(8))} == {""}
    assert one.ended(one.submit(prompt))["state"] == "succeeded"
    assert len(bank.of(prompt)) == 1


# forgetting and coming back


def over_or_waiting(card: dict[str, Any]) -> bool:
    """For its key."""
    return bool(card["over"] or (card["trouble"] and card["trouble"]["title"] == WAITS))


def test_what_was_sent_with_it_waits_until_it_comes_again(bank: Payments, visitor: Come) -> None:
    one, prompt = visitor(), nonce()
    one.bring(ANN)
    tasks = [one.submit(prompt) for _ in range(3)]
    one.forget()
    eventually(lambda: all(map(over_or_waiting, one.cards())))
    sent = len(bank.of(prompt))
    one.sent(one.submit(prompt))  # with what everybody has
    assert len(bank.of(prompt)) == sent
    assert one.bring(ANN) == ""
    assert {one.ended(task)["state"] for task in tasks} == {"succeeded"}
    assert [made.key for made in bank.of(prompt)] == [ANN] * 3
    assert {made.body["external_task_id"] for made in bank.of(prompt)} == {
        one.card(task)["ids"]["external_task_id"] for task in tasks
    }


def test_another_key_does_not_wake_what_waits_for_the_first(bank: Payments, visitor: Come) -> None:
    one, prompt = visitor(), nonce()
    one.bring(ANN)
    task = one.submit(prompt)
    one.bring(BOB)
    eventually(lambda: over_or_waiting(one.card(task)))
    other = one.submit(prompt)
    assert one.ended(other)["state"] == "succeeded"
    one.bring(ANN)
    assert one.ended(task)["state"] == "succeeded"
    assert sorted(made.key for made in bank.of(prompt)) == [ANN, BOB]


def test_after_a_restart_it_is_gone_and_what_waits_goes_on_with_it(
    bank: Payments, space: Program, visitor: Come
) -> None:
    one, prompt = visitor(), nonce()
    one.bring(ANN)
    tasks = [one.submit(prompt) for _ in range(3)]
    space.stop()
    space.start()
    assert one.account()["key"] is None
    assert all(map(over_or_waiting, one.cards()))
    sent = len(bank.of(prompt))
    one.sent(one.submit(prompt))  # to the demo
    assert len(bank.of(prompt)) == sent
    assert one.bring(ANN) == ""
    assert {one.ended(task)["state"] for task in tasks} == {"succeeded"}
    assert [made.key for made in bank.of(prompt)] == [ANN] * 3
    assert len({made.body["external_task_id"] for made in bank.of(prompt)}) == 3


def test_it_is_written_nowhere(bank: Payments, space: Program, visitor: Come) -> None:
    one, prompt = visitor(), nonce()
    one.bring(ANN)
    task = one.submit(prompt)
    one.ended(task)
    told = [
        one.get(path).text
        for path in (
            "/",
            "/config",
            f"{STUDIO}/account",
            f"{STUDIO}/tasks",
            f"{STUDIO}/tasks/{task}",
        )
    ]
    data = Path(space.env["KLING_UI_DATA_DIR"])
    written = [path.read_bytes() for path in data.rglob("*") if path.is_file()]
    assert not any(key in text for key in (ANN, BOB, OPERATOR) for text in [*told, *space.log])
    assert not any(key.encode() in content for key in (ANN, BOB, OPERATOR) for content in written)


# who may bring and take it


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "https://huggingface.co"},
        {"origin": "https://evil-studio.hf.space"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
    ],
)
def test_another_sites_page_neither_brings_nor_takes_it(
    visitor: Come, headers: dict[str, str]
) -> None:
    one = visitor()
    body = json.dumps({"key": BOB})
    assert one.post(KEY, content=body, headers=JSON | headers).status_code == 403
    assert one.account()["key"] is None
    one.bring(ANN)
    assert one.post(KEY, content=body, headers=JSON | headers).status_code == 403
    assert one.http.delete(KEY, headers=headers).status_code == 403
    assert one.account()["key"] == {"ending": ANN[-4:]}


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text/plain", json.dumps({"key": ANN})),
        ("application/x-www-form-urlencoded", f"key={ANN}"),
        ("multipart/form-data; boundary=x", f'--x\r\nname="key"\r\n\r\n{ANN}\r\n--x--'),
        ("", json.dumps({"key": ANN})),
        ("application/json", json.dumps([ANN])),
        ("application/json", "{"),
        ("application/json", "[" * 3_900),
    ],
)
def test_what_a_form_of_another_site_could_send_is_no_order(
    visitor: Come, kind: str, content: str
) -> None:
    one = visitor()
    assert one.post(KEY, content=content, headers={"content-type": kind}).status_code == 400
    assert one.account()["key"] is None


def test_who_brings_no_cookie_brings_no_key(bank: Payments, visitor: Come) -> None:
    nobody = visitor(page=False)
    assert nobody.post(KEY, {"key": "a-key-of-nobodys"}).status_code == 403
    assert nobody.http.delete(KEY).status_code == 403
    assert "a-key-of-nobodys" not in bank.keys


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "OPTIONS", "TRACE"])
def test_it_cannot_be_asked_for(visitor: Come, method: str) -> None:
    one = visitor()
    one.bring(ANN)
    answer = one.http.request(method, KEY)
    assert answer.status_code in (404, 405)
    assert ANN not in answer.text


def test_a_script_brings_it_with_its_cookies(bank: Payments, space: Program, visitor: Come) -> None:
    prompt = nonce()
    script = Client(space.url, verbose=False)
    cookies = "; ".join(f"{name}={value}" for name, value in script.cookies.items())
    one = visitor(page=False, space=False, cookie=cookies)
    assert one.bring(ANN) == ""
    task = script.predict(prompt=prompt, api_name="/submit")
    (create,) = eventually(lambda: bank.of(prompt))
    assert create.key == ANN
    assert one.ended(task)["state"] == "succeeded"


# how long it is kept


class Later(Clock):
    """A clock that can be set forward."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


@asynccontextmanager
async def lending(data: Path, url: str) -> AsyncIterator[tuple[Studio, Later]]:
    """A studio at work that takes keys, and its clock."""
    usual, clock = account("http://127.0.0.1:9"), Later(pace=PACE)

    def connect(key: Secret) -> Account:
        name = account_name(url, key.reveal(), secret=b"secret")
        return account(url, name=name, key=key.reveal())

    studio = studio_of(data, usual, connect=connect, clock=clock)
    try:
        async with studio.running():
            yield studio, clock
    finally:
        await closed(studio)


async def test_it_is_forgotten_when_nobody_used_it_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "OFTEN", 0.2)
    long = policy.KEPT_HOURS * 3600 - 60
    with paid(seconds=QUICK) as bank:
        async with lending(tmp_path, bank.url) as (studio, clock):
            for owner in ("ann", "bob"):
                assert await studio.keys.bring(Secret(f"{owner}-has-a-key"), owner=owner) is None
            clock.ahead += long
            task = await submitted(studio, owner="ann")  # used: another while
            await reaches(studio, task)
            clock.ahead += long
            await asyncio.sleep(0.1)
            assert [bool(studio.loan(owner)) for owner in ("ann", "bob")] == [True, False]
            clock.ahead += 120
            async with asyncio.timeout(5):
                while studio.loan("ann"):  # noqa: ASYNC110 — it has no event to wait for
                    await asyncio.sleep(0.01)
            assert len(studio.accounts) == 1


async def test_no_more_people_than_so_many_lend_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "MOST", 2)
    with paid(seconds=QUICK) as bank:
        async with lending(tmp_path, bank.url) as (studio, _):
            bring = studio.keys.bring
            found = [await bring(Secret("the-same-key"), owner=owner) for owner in "abc"]
            assert found == [None, None, policy.TOO_MANY]
            assert await bring(Secret("another-key"), owner="a") is None
            await studio.keys.forget("b")
            assert await bring(Secret("the-same-key"), owner="c") is None
            assert {*studio.accounts} == {studio.account_of(one).name for one in "abc"}


async def test_no_more_lend_one_who_come_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "MOST", 2)
    with paid(seconds=QUICK) as bank:
        async with lending(tmp_path, bank.url) as (studio, _):
            bring = studio.keys.bring
            keys = [Secret(f"key-number-{number}") for number in range(5)]
            found = await asyncio.gather(*(bring(key, owner=key.reveal()) for key in keys))
            assert sorted(map(str, found)) == sorted(map(str, [None] * 2 + [policy.TOO_MANY] * 3))
            assert len(studio.accounts) == 1 + 2


async def test_what_was_asked_last_counts_and_not_what_kling_answered_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with paid(seconds=QUICK) as bank:
        async with lending(tmp_path, bank.url) as (studio, _):
            first, second = Secret("the-first-key"), Secret("the-second-key")
            answered, tried = asyncio.Event(), studio.keys._rejected

            async def slowly(account: Account) -> bool:
                if account.name == studio.keys._connect(first).name:  # type: ignore[misc]
                    await answered.wait()
                return await tried(account)

            monkeypatch.setattr(studio.keys, "_rejected", slowly)
            forgotten = asyncio.create_task(studio.keys.bring(first, owner="ann"))
            replaced = asyncio.create_task(studio.keys.bring(first, owner="bob"))
            await asyncio.sleep(0.05)
            await studio.keys.forget("ann")
            assert await studio.keys.bring(second, owner="bob") is None
            answered.set()
            assert [await forgotten, await replaced] == [policy.OVERTAKEN] * 2
            assert studio.loan("ann") is None
            assert str(studio.loan("bob").ending) == second.reveal()[-4:]  # type: ignore[union-attr]
            assert studio.keys._wishes == {}


async def test_the_same_key_that_is_brought_by_several_tabs_is_there_for_all(
    tmp_path: Path,
) -> None:
    with paid(seconds=QUICK) as bank:
        async with lending(tmp_path, bank.url) as (studio, _):
            key = Secret("the-same-key")
            told = await asyncio.gather(*(studio.keys.bring(key, owner="ann") for _ in range(3)))
            assert told == [None] * 3
            assert len(studio.accounts) == 1 + 1
            assert studio.keys._wishes == {}


async def test_a_key_that_is_forgotten_by_one_as_another_brings_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both in one turn of the loop, before anything else can run."""
    key = Secret("the-same-key")
    with paid(seconds=QUICK) as bank:
        async with lending(tmp_path, bank.url) as (studio, _):
            assert await studio.keys.bring(key, owner="ann") is None
            loan = studio.loan("ann")
            assert loan
            await studio.keys._take_back("ann")
            again = replace(loan, account=studio.keys._connect(key))  # type: ignore[misc]
            await studio.keys._lend("bob", again)
            await asyncio.sleep(0.2)
            assert (await studio.check(owner="bob")).accepted
            task = await submitted(studio, owner="bob")
            assert (await reaches(studio, task)).state == "succeeded"


async def test_many_owners_of_one_key_ask_kling_one_after_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once: list[str] = []
    most, done = 0, list[str]()

    async def sweep(*_: Any, mark: str, **__: Any) -> None:
        nonlocal most
        at_once.append(mark)
        most = max(most, len(at_once))
        await asyncio.sleep(0.01)
        at_once.remove(mark)
        done.append(mark)

    monkeypatch.setattr(desk, "sweep", sweep)
    with paid(seconds=QUICK) as bank:
        async with lending(tmp_path, bank.url) as (studio, _):
            done.clear()
            owners = [f"owner {number}" for number in range(6)]
            for owner in owners:
                assert await studio.keys.bring(Secret("the-same-key"), owner=owner) is None
            async with asyncio.timeout(5):
                while not {*map(mark_of, owners)} <= {*done}:  # noqa: ASYNC110 — no event
                    await asyncio.sleep(0.01)
    assert most <= 2  # one of each account: the studio's own, too


async def test_a_key_that_is_changed_back_and_forth_sends_nothing_twice(tmp_path: Path) -> None:
    with paid(seconds=QUICK) as bank:
        async with lending(tmp_path, bank.url) as (studio, _):
            tasks = []
            for k in range(12):
                key = Secret(("first-key", "second-key")[k % 2])
                assert await studio.keys.bring(key, owner="ann") is None
                tasks.append(await submitted(studio, f"swap {k}", owner="ann"))
                if k % 3 == 0:
                    await studio.keys.forget("ann")
            for owner, own in (("ann", "first-key"), ("bob", "second-key")):
                assert await studio.keys.bring(Secret(own), owner=owner) is None
            for task in tasks:
                assert (await reaches(studio, task)).state == "succeeded"
        for k in range(12):
            (create,) = bank.of(f"swap {k}")
            assert create.key == ("first-key", "second-key")[k % 2]
