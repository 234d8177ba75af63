"""A machine that lost its disk finds its tasks in the account's list."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kling_ui.history import DiskTrouble
from kling_ui.studio.sweep import external_id
from kling_ui.task import State

from .sequences.scene import DAY, OWNER, Fate, Scene, Sent, played, press, refused, until

COOKIE = "c0ffee" * 5


async def kept(scene: Scene, owner: str = OWNER) -> list[str]:
    """The external ids of an owner's tasks after a start that had time."""
    async with scene.studio() as studio:
        await asyncio.sleep(60)
        return [task.external_task_id for task in await studio.tasks(owner=owner)]


@played()
async def test_a_lost_history_is_found_again_with_its_pictures(scene: Scene) -> None:
    async with scene.studio() as studio:
        mine = [await press(studio, f"fox {k}", n=2) for k in range(3)]
        theirs = await press(studio, "secret", owner=COOKIE)
        for task in (*mine, theirs):
            await until(studio, task, State.SUCCEEDED)
    posts = len(scene.wire.of("create"))
    scene.lose_disk()
    async with scene.studio() as studio:
        await asyncio.sleep(60)
        found = await studio.tasks(owner=OWNER)
        names = {task.external_task_id for task in mine}
        assert {task.external_task_id for task in found} == names
        assert [task.created for task in found] == sorted((t.created for t in found), reverse=True)
        assert {(task.state, len(task.pictures)) for task in found} == {(State.SUCCEEDED, 2)}
        assert all(studio.folder.original(task.pictures[0].file).exists() for task in found)
        assert await studio.tasks(owner="somebody else") == []
        await asyncio.sleep(DAY)
        (later,) = await studio.tasks(owner=COOKIE)
        assert (later.external_task_id, later.owner) == (theirs.external_task_id, COOKIE)
        changed, _, _ = await studio.changes(owner=COOKIE, since=0)
        assert [task.id for task in changed] == [later.id]
    assert len(scene.wire.of("create")) == posts


@played()
async def test_one_that_still_runs_is_watched_to_its_end(scene: Scene) -> None:
    scene.lasting = 300.0
    async with scene.studio() as studio:
        task = await until(studio, await press(studio), State.PROCESSING)
    scene.lose_disk()
    async with scene.studio() as studio:
        await asyncio.sleep(10)
        (found,) = await studio.tasks(owner=OWNER)
        assert (found.state, found.remote_id) == (State.PROCESSING, task.remote_id)
        assert (await until(studio, found)).state is State.SUCCEEDED


@played()
async def test_only_ours_and_only_of_the_last_month(scene: Scene) -> None:
    old, young = external_id(OWNER), external_id(OWNER)
    await scene.made_elsewhere(1, external_task_id=old)
    await asyncio.sleep(2 * DAY)
    await scene.made_elsewhere(1, external_task_id=young)
    for name in ("theirs", f"kui1-{'x' * 41}", f"{external_id(OWNER)}0", "kui1-mine"):
        await scene.made_elsewhere(1, external_task_id=name)
    await scene.made_elsewhere(3)
    await asyncio.sleep(29 * DAY)
    assert await kept(scene) == [young]
    async with scene.studio() as studio:
        assert len(studio.history._database.read("SELECT id FROM task")) == 1


@played()
async def test_what_was_deleted_does_not_come_back(scene: Scene) -> None:
    """Nor does anything come twice, although the list is read once more."""
    async with scene.studio() as studio:
        one, two = [await press(studio, name) for name in ("one", "two")]
        for task in (one, two):
            await until(studio, task, State.SUCCEEDED)
        await studio.delete(one.id, owner=OWNER)
        studio.history._database.read("DELETE FROM learned WHERE name='swept'")
    begun = scene.now
    assert await kept(scene) == [two.external_task_id]
    assert scene.wire.of("list", since=begun)


@played()
async def test_once_in_the_life_of_a_history(scene: Scene) -> None:
    await scene.made_elsewhere(1, external_task_id=external_id(OWNER))
    assert len(await kept(scene)) == 1
    begun = scene.now
    await scene.made_elsewhere(1, external_task_id=external_id(OWNER))
    assert len(await kept(scene)) == 1
    assert not scene.wire.of("list", since=begun)


@pytest.mark.parametrize("fate", ["connect", "502 before", "html after", refused(1302)])
@played()
async def test_a_list_that_cannot_be_read_is_read_later(scene: Scene, fate: Fate) -> None:
    down = 3600.0
    name = external_id(OWNER)
    await scene.made_elsewhere(1, external_task_id=name)
    scene.wire.script = lambda sent: fate if sent.kind == "list" and scene.now < down else None
    async with scene.studio() as studio:
        await asyncio.sleep(down)
        assert 5 <= len(scene.wire.of("list")) < 20
        assert await studio.tasks(owner=OWNER) == []
        await asyncio.sleep(700)
        assert [task.external_task_id for task in await studio.tasks(owner=OWNER)] == [name]


@played()
async def test_a_second_page_that_fails_is_no_end(scene: Scene) -> None:
    """What stands beyond 500 tasks of other programs is found, and nothing twice."""
    names = [external_id(OWNER) for _ in range(3)]
    for name in names:
        await scene.made_elsewhere(1, external_task_id=name)
        await scene.made_elsewhere(250)
    failures = iter(["502 before"] * 2)

    def second(sent: Sent) -> Fate:
        return next(failures, None) if sent.kind == "list" and sent.page == 2 else None

    scene.wire.script = second
    assert await kept(scene) == names[::-1]
    assert {sent.size for sent in scene.wire.of("list")} == {500}
    assert max(sent.page for sent in scene.wire.of("list")) >= 2


# what a reviewer found


@played()
async def test_the_sweep_is_patient_with_a_full_disk(scene: Scene) -> None:
    async with scene.studio() as studio:
        await until(studio, await press(studio), State.SUCCEEDED)
    scene.lose_disk()
    begun = scene.now
    async with scene.studio() as studio:

        def full(*_: object, **__: object) -> None:
            raise DiskTrouble("full")

        studio.history.adopt = full  # type: ignore[method-assign]
        await asyncio.sleep(600)
    assert len(scene.wire.of("list", since=begun)) < 30


@played()
async def test_pages_may_be_shorter_than_asked_for(scene: Scene) -> None:
    await scene.made_elsewhere(1, external_task_id=external_id(OWNER))
    await scene.made_elsewhere(250)
    api = scene.app.state.simulator._api

    def capped(request: Any) -> Any:
        tasks = api._ledger.of(api._account(request))
        page = int(request.query_params["pageNum"])
        shown = tasks[(page - 1) * 100 : page * 100]
        return [api._described(task, request, scene.loop.wall()) for task in shown]

    api._page = capped
    async with scene.studio() as studio:
        await asyncio.sleep(60)
        assert await studio.tasks(owner=OWNER)
