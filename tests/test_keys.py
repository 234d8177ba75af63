"""Keys that people bring along: whose tasks they pay for, and what becomes of those without."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from kling_ui.request import ImageRequest
from kling_ui.settings import Secret
from kling_ui.simulator.options import Fault
from kling_ui.studio import OPERATOR, Account, Allowance, Studio
from kling_ui.studio.allowance import NEVER_COUNTED, STILL_COUNTING, UNPRICED
from kling_ui.studio.studio import OWN_KEY_ONLY
from kling_ui.studio.sweep import UNLISTED, external_id
from kling_ui.task import State, Task

from .conftest import Kling, account, closed, reaches, studio_of, submitted

Start = Callable[..., Kling]
ANN, BOB = Secret("anns-own-key"), Secret("bobs-own-key")


@asynccontextmanager
async def shared(data: Path, url: str) -> AsyncIterator[Studio]:
    """A studio with a key of the operator's, where people may bring theirs."""

    def connect(key: Secret) -> Account:
        return account(url, name=f"of {key.reveal()}", key=key.reveal())

    usual = account(url, name="the operator's", key="the-operators-key")
    studio = studio_of(data, usual, connect=connect)
    async with studio.running():
        yield studio
    await closed(studio)


async def made_elsewhere(url: str, key: Secret, *names: str) -> None:
    """Tasks of these external ids, by a program that knows nothing of ours."""
    made = account(url, key=key.reveal())
    for name in names:
        await made.client.create(
            {"model_name": "kling-v2-1", "prompt": "a fox", "external_task_id": name}
        )
    await made.aclose()


async def taken_over(studio: Studio, owner: str) -> list[Task]:
    """What was found at Kling of this owner's."""
    with studio.watching(owner) as changed:
        async with asyncio.timeout(10):
            while not (tasks := await studio.tasks(owner=owner)):
                await changed.wait()
                changed.clear()
    return tasks


async def test_a_key_takes_over_its_owners_marked_tasks_and_nobody_elses(
    kling: Start, tmp_path: Path
) -> None:
    server = kling()
    hers, theirs = external_id("ann"), external_id("somebody else")
    await made_elsewhere(server.url, ANN, hers, theirs)
    async with shared(tmp_path, server.url) as studio:
        assert await studio.bring_key(ANN, owner="ann") is None
        (found,) = await taken_over(studio, "ann")
        assert (await reaches(studio, found)).state is State.SUCCEEDED
        rows = studio.history._database.read("SELECT external_task_id FROM task")
        assert [row["external_task_id"] for row in rows] == [hers]


async def test_where_the_disk_forgets_todays_pictures_count_all_the_same(
    kling: Start, tmp_path: Path
) -> None:
    """Also of a script, which looks at nothing that was found again."""
    server, taken = kling(), 0
    for run in range(3):
        usual, allowance = account(server.url, name="op"), Allowance(pictures=3, secret=b"x")
        data = tmp_path / str(run)
        data.mkdir()
        studio = studio_of(data, usual, shared=True, allowance=allowance)
        async with studio.running():
            for _ in range(40):
                request = ImageRequest.draft(
                    {"prompt": "a fox", "n": 1, "model_name": "kling-v2-1"}
                )
                given = await studio.submit(request, owner="ann", nonce=token_hex(16))
                if isinstance(given, Task):
                    taken += 1
                    await reaches(studio, given)
                elif given == {"": STILL_COUNTING}:
                    await asyncio.sleep(0.1)
                else:
                    break
            assert taken == 3, run
        await closed(studio)


async def test_where_the_disk_forgets_and_no_list_tells_what_was_spent_nothing_is(
    kling: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until there is one: it may have been an error of the moment."""
    there = False

    def no_list(moment: str, _: Mapping[str, Any]) -> Fault | None:
        return Fault(status=404) if moment == "list" and not there else None

    server = kling(faults=no_list)
    monkeypatch.setattr("kling_ui.studio.sweep.UNLISTED_FOR", 10.0)
    request = ImageRequest.draft({"prompt": "a fox", "n": 1, "model_name": "kling-v2-1"})
    for forgets in (False, True):
        usual, data = account(server.url, name="op"), tmp_path / str(forgets)
        data.mkdir()
        allowance = Allowance(money=100, secret=b"x")
        studio = studio_of(data, usual, shared=True, allowance=allowance, forgets=forgets)
        async with studio.running():
            given = {"": STILL_COUNTING}
            while given == {"": STILL_COUNTING}:
                await asyncio.sleep(0.05)
                given = await studio.submit(request, owner="ann", nonce=token_hex(16))
            assert (given == {"": NEVER_COUNTED}) is forgets
            while given in ({"": NEVER_COUNTED}, {"": STILL_COUNTING}):
                there = True
                await asyncio.sleep(0.05)
                given = await studio.submit(request, owner="ann", nonce=token_hex(16))
            assert given == {"": UNPRICED}
        await closed(studio)


async def test_a_list_that_anothers_key_lacks_is_no_matter_to_the_studios(
    kling: Start, tmp_path: Path
) -> None:
    there = True

    def no_list(moment: str, _: Mapping[str, Any]) -> Fault | None:
        return Fault(status=404) if moment == "list" and not there else None

    server = kling(faults=no_list)
    request = ImageRequest.draft({"prompt": "a fox", "n": 1, "model_name": "kling-v2-1"})
    studio = studio_of(
        tmp_path,
        account(server.url, name="op"),
        connect=lambda key: account(server.url, name="own", key=key.reveal()),
        shared=True,
        allowance=Allowance(money=100, secret=b"x"),
        forgets=True,
    )
    async with studio.running():
        given: Any = {"": STILL_COUNTING}
        while given == {"": STILL_COUNTING}:
            await asyncio.sleep(0.05)
            given = await studio.submit(request, owner="bob", nonce=token_hex(16))
        there = False
        assert await studio.bring_key(ANN, owner="ann") is None
        async with asyncio.timeout(30):
            while UNLISTED not in studio.history.learned("own"):  # noqa: ASYNC110 — no event
                await asyncio.sleep(0.05)
        given = await studio.submit(request, owner="bob", nonce=token_hex(16))
        assert given == {"": UNPRICED}
    await closed(studio)


async def test_what_the_operator_made_at_home_is_not_brought_to_where_many_come(
    kling: Start, tmp_path: Path
) -> None:
    server = kling()
    home, hers = external_id(OPERATOR), external_id("ann")
    await made_elsewhere(server.url, Secret("the-operators-key"), home, hers)
    for shared_by_many in (True, False):
        usual = account(server.url, name="op", key="the-operators-key")
        data = tmp_path / str(shared_by_many)
        data.mkdir()
        studio = studio_of(data, usual, shared=shared_by_many)
        async with studio.running():
            await taken_over(studio, "ann")
            rows = studio.history._database.read("SELECT external_task_id FROM task")
            found = {row["external_task_id"] for row in rows}
            assert found == ({hers} if shared_by_many else {home, hers})
        await closed(studio)


@pytest.mark.parametrize(
    "given",
    [
        {"callback_url": "https://example.com/here"},
        {"element_list": [{"element_id": 1}]},
        {"external_task_id": "order-1"},
    ],
)
async def test_what_belongs_to_the_account_wants_a_key_of_ones_own(
    kling: Start, tmp_path: Path, given: dict[str, Any]
) -> None:
    server = kling()
    (name,) = given
    request = ImageRequest.draft({"prompt": "a fox", "n": 1, "model_name": "kling-v3"} | given)
    assert not request.problems()
    for shared_by_many in (True, False):
        usual = account(server.url, name="op")
        data = tmp_path / str(shared_by_many)
        data.mkdir()
        studio = studio_of(
            data,
            usual,
            shared=shared_by_many,
            connect=lambda key: account(server.url, name="own", key=key.reveal()),
        )
        async with studio.running():
            refused = await studio.submit(request, owner="ann", nonce=token_hex(16))
            assert refused == {name: OWN_KEY_ONLY} if shared_by_many else isinstance(refused, Task)
            assert await studio.bring_key(ANN, owner="ann") is None
            task = await studio.submit(request, owner="ann", nonce=token_hex(16))
            assert isinstance(task, Task)
            assert task.account == "own"
        await closed(studio)


async def test_who_brings_a_key_that_another_brought_finds_their_own_tasks_too(
    kling: Start, tmp_path: Path
) -> None:
    server = kling()
    hers, his = external_id("ann"), external_id("bob")
    await made_elsewhere(server.url, ANN, hers, his)
    async with shared(tmp_path, server.url) as studio:
        for owner, name in (("ann", hers), ("bob", his)):
            await studio.bring_key(ANN, owner=owner)
            (found,) = await taken_over(studio, owner)
            assert found.external_task_id == name


async def test_a_task_waits_for_its_key_and_goes_on_when_it_comes_back(
    kling: Start, tmp_path: Path
) -> None:
    server = kling(seconds=(1.0, 1.2))
    async with shared(tmp_path, server.url) as studio:
        await studio.bring_key(ANN, owner="ann")
        task = await reaches(studio, await submitted(studio, owner="ann"), State.PROCESSING)
        seen = task.revision
        with studio.watching("ann") as changed:  # pages are told
            await studio.keys.forget("ann")
            assert studio.loan("ann") is None
            async with asyncio.timeout(10):
                while (waiting := await studio.records.get(task.id) or task).revision == seen:
                    await changed.wait()
                    changed.clear()
        assert studio.case(waiting) == "account_missing"
        assert studio.account_of("ann").name == "the operator's"
        await studio.bring_key(BOB, owner="ann")  # not the one it waits for
        assert studio.case(waiting) == "account_missing"
        await studio.bring_key(ANN, owner="ann")
        assert (await reaches(studio, task)).state is State.SUCCEEDED
    assert len(server.creates) == 1


async def test_a_key_that_comes_back_cancels_nothing_that_is_on_the_wire(
    kling: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(moment: str, what: Mapping[str, Any]) -> Fault | None:
        return Fault(delay=2.0) if moment == "create" else None

    monkeypatch.setattr("kling_ui.studio.worker.LAST_MOMENT", 0.2)
    server = kling(faults=late, lookup=False, listing=False)  # nothing is found again there
    async with shared(tmp_path, server.url) as studio:
        await studio.bring_key(ANN, owner="ann")
        task = await reaches(studio, await submitted(studio, owner="ann"), State.SENDING)
        await studio.keys.forget("ann")
        await studio.bring_key(ANN, owner="ann")
        assert (await reaches(studio, task)).state is State.SUCCEEDED
    assert len(server.creates) == 1


async def test_one_key_of_two_people_stays_until_both_took_it_back(
    kling: Start, tmp_path: Path
) -> None:
    server = kling(seconds=(1.0, 1.2))
    async with shared(tmp_path, server.url) as studio:
        for owner in ("ann", "bob"):
            await studio.bring_key(ANN, owner=owner)
        task = await submitted(studio, owner="bob")
        await studio.keys.forget("ann")
        assert (await reaches(studio, task)).state is State.SUCCEEDED
        await studio.keys.forget("bob")
        assert [*studio.accounts] == ["the operator's"]


async def test_from_one_address_come_only_so_many_keys(kling: Start, tmp_path: Path) -> None:
    server = kling()
    async with shared(tmp_path, server.url) as studio:
        studio._allowance = type(studio._allowance)(secret=b"secret")
        for number in range(20):
            key = Secret(f"a-key-{number:04}")
            assert await studio.bring_key(key, owner=f"{number}", caller="192.0.2.7") is None
        more = Secret("one-more-key")
        refused = await studio.bring_key(more, owner="late", caller="192.0.2.7")
        assert refused
        assert "Too many people" in refused.en
        assert await studio.bring_key(more, owner="0", caller="192.0.2.7") is None  # instead
        assert await studio.bring_key(ANN, owner="late", caller="192.0.2.8") is None
