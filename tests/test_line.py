"""The line in virtual time: who is sent when, and how much an account takes at once."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise
from typing import Any

import httpx
import pytest

from kling_ui.history import DiskTrouble, NewTask
from kling_ui.request import ImageRequest
from kling_ui.studio import Studio
from kling_ui.task import State, Task

from .sequences.scene import DAY, URL, Fate, Scene, Sent, played, press, refused, until

SENT = State.SUBMITTED, State.PROCESSING, State.SUCCEEDED
OTHER = "kling-v1"  # another model than the usual one


def refusals(scene: Scene, task: Task | None = None, *, since: float = 0) -> int:
    """How often Kling said "too many at once"."""
    name = task.external_task_id if task else None
    return sum(one.status == 429 for one in scene.wire.of("create", name, since=since))


async def taught(scene: Scene, studio: Studio, quota: int) -> None:
    """A limit that was refused once is known, and nothing is under way."""
    tasks = []
    for k in range(quota + 1):
        tasks.append(await press(studio, f"lesson {k}"))
        await asyncio.sleep(1)
    for task in tasks:
        await until(studio, task, State.SUCCEEDED)
    assert refusals(scene) >= 1


async def sent(studio: Studio, task: Task, within: float = 1000) -> Task:
    return await until(studio, task, *SENT, within=within)


# how much at once


@played(quota=5)
async def test_hardly_anything_is_refused_once_the_limit_is_known(scene: Scene) -> None:
    """Thirty of one to four pictures through a pack of five, and then again after a restart."""
    chance = random.Random(3)
    for most in (10, 4):
        async with scene.studio() as studio:
            begun = scene.now
            tasks = [await press(studio, f"fox {k}", n=chance.randint(1, 4)) for k in range(30)]
            for task in tasks:
                assert (await until(studio, task)).state is State.SUCCEEDED
            assert refusals(scene, since=begun) <= most
            assert max(refusals(scene, task) for task in tasks) <= 3
            pictures = sum(task.n for task in tasks)
            assert scene.now - begun < 9 * pictures / 5 * 2.2  # the places were used


@played(quota=4)
async def test_the_sum_of_pictures_counts_for_each_model(scene: Scene) -> None:
    async with scene.studio() as studio:
        await taught(scene, studio, 4)
        scene.lasting = 50.0
        refused_before = refusals(scene)
        first = await press(studio, "three", n=3)
        await sent(studio, first)
        two = await press(studio, "two", n=2)
        one = await press(studio, "other", n=4, model_name=OTHER)
        await sent(studio, one, within=1)
        await asyncio.sleep(20)
        assert scene.row(two).state is State.QUEUED
        assert refusals(scene) == refused_before
        assert (await studio.ahead(owner=two.owner)) == {two.id: 0}
        await until(studio, first, State.SUCCEEDED)
        await sent(studio, two, within=1)


@played(quota=3)
async def test_a_larger_pack_is_found_out(scene: Scene) -> None:
    async with scene.studio() as studio:
        await taught(scene, studio, 3)
        object.__setattr__(scene.app.state.simulator.options, "quota", 8)
        scene.lasting = 30.0
        tasks = [await press(studio, f"fox {k}") for k in range(40)]
        peak = 0
        while any(not scene.row(task).state.over for task in tasks):
            peak = max(peak, sum(scene.row(task).state in SENT[:2] for task in tasks))
            await asyncio.sleep(5)
        assert peak == 8
        assert refusals(scene, since=60) <= 4


@played(quota=4)
async def test_more_than_the_limit_says_so_and_lets_the_others_pass(scene: Scene) -> None:
    async with scene.studio() as studio:
        await taught(scene, studio, 4)
        scene.lasting = 30.0
        small = await press(studio, "small")
        await sent(studio, small)
        big = await press(studio, "big", n=6)
        others = [await press(studio, f"small {k}") for k in range(3)]
        for task in others:
            await sent(studio, task, within=3)
        told = await until(studio, big, State.QUEUED, case="above_limit")
        assert "6" in told.detail
        assert not scene.wire.of("create", big.external_task_id)
        for task in (small, *others):
            await until(studio, task, State.SUCCEEDED)
        await asyncio.sleep(120)  # nothing runs: it is tried
        assert scene.wire.of("create", big.external_task_id)
        assert scene.row(big).state is State.QUEUED
        object.__setattr__(scene.app.state.simulator.options, "quota", 6)
        ended = await until(studio, big, within=1200)
        assert (ended.state, ended.case, len(ended.pictures)) == (State.SUCCEEDED, "", 6)


# who is next


@played(quota=5)
async def test_a_big_one_at_the_head_is_not_starved_by_small_ones(scene: Scene) -> None:
    async with scene.studio() as studio:
        await taught(scene, studio, 5)
        scene.lasting = lambda chance: chance.uniform(5, 15)
        small = [await press(studio, f"small {k}") for k in range(5)]
        big = await press(studio, "big", n=5)
        for k in range(40):  # somebody presses every second
            small.append(await press(studio, f"later {k}"))
            await asyncio.sleep(1)
        await sent(studio, big)
        before = [task for task in small if left(scene, task) < left(scene, big)]
    assert len(before) <= 12


def left(scene: Scene, task: Task) -> float:
    """When it was last sent."""
    posts = scene.wire.of("create", task.external_task_id)
    return posts[-1].at if posts else float("inf")


@played(quota=2)
async def test_one_owner_does_not_crowd_out_another(scene: Scene) -> None:
    async with scene.studio() as studio:
        await taught(scene, studio, 2)
        many = [await press(studio, f"fox {k}", owner="greedy") for k in range(50)]
        await sent(studio, many[1])
        single = await press(studio, "one", owner="modest")
        assert await studio.ahead(owner="modest") == {single.id: 0}
        assert (await studio.ahead(owner="greedy"))[many[2].id] == 1
        await sent(studio, single)
    assert sum(left(scene, task) < left(scene, single) for task in many) <= 3


@played(quota=2)
async def test_first_come_first_served_for_each(scene: Scene) -> None:
    async with scene.studio() as studio:
        await taught(scene, studio, 2)
        tasks = [await press(studio, f"fox {k}") for k in range(8)]
        for task in tasks:
            await until(studio, task, State.SUCCEEDED)
        moments = [scene.entered(task, State.SENDING) for task in tasks]
    # two may be on their way to the disk side by side
    assert all(later > earlier - 0.1 for earlier, later in pairwise(moments))
    assert moments[0] < moments[2] < moments[4] < moments[6]


@played(quota=3)
async def test_a_full_model_does_not_hold_up_another(scene: Scene) -> None:
    async with scene.studio() as studio:
        await taught(scene, studio, 3)
        scene.lasting = 300.0
        full = [await press(studio, f"fox {k}") for k in range(20)]
        for task in full[:3]:
            await sent(studio, task)
        for k in range(10):
            task = await press(studio, f"other {k}", model_name=OTHER)
            if k < 3:
                await sent(studio, task, within=4)


@played(quota=2)
async def test_what_waits_can_be_cancelled(scene: Scene) -> None:
    async with scene.studio() as studio:
        await taught(scene, studio, 2)
        tasks = [await press(studio, f"fox {k}") for k in range(4)]
        await sent(studio, tasks[1])
        cancelled = await studio.cancel(tasks[2].id, owner=tasks[2].owner)
        assert cancelled
        assert (cancelled.state, cancelled.sent) == (State.CANCELLED, None)
        assert await studio.cancel(tasks[0].id, owner=tasks[0].owner) is None
        await until(studio, tasks[3], State.SUCCEEDED)
    assert not scene.wire.of("create", tasks[2].external_task_id)


# pauses


@pytest.mark.parametrize(
    ("answer", "least"),
    [
        (refused(1302), 1.0),
        (refused(1302, Retry_After="40"), 40.0),
        (refused(1303, Retry_After="40"), 40.0),
        (refused(1302, Retry_After="900"), 120.0),
        (httpx.Response(429), 1.0),
        ("connect", 1.0),
    ],
    ids=["1302", "1302 after 40", "1303 after 40", "1302 after 900", "bare 429", "no connection"],
)
@played()
async def test_all_pause_together_and_one_probe_goes_first(
    scene: Scene, answer: Fate, least: float
) -> None:
    down = 600.0
    scene.wire.script = lambda sent: answer if sent.kind == "create" and scene.now < down else None
    async with scene.studio() as studio:
        tasks = [await press(studio, f"fox {k}") for k in range(30)]
        await asyncio.sleep(down)
        first = scene.wire.of("create")
        begun = [one for one in first if one.at < 0.5]
        probes = first[len(begun) :]
        assert 1 <= len(begun) <= 8
        waits = [b.at - a.at for a, b in zip(probes, probes[1:], strict=False)]
        assert min([*waits, probes[0].at - begun[-1].at]) >= least - 0.1
        assert max(waits) <= 125
        assert len(probes) < 60
        for task in tasks:
            assert (await until(studio, task)).state is State.SUCCEEDED
        assert scene.now < down + 400
    accepted = [one.name for one in scene.wire.of("create") if one.status == 200]
    assert sorted(accepted) == sorted(task.external_task_id for task in tasks)


# the disk


@played()
async def test_without_room_nothing_is_sent_until_there_is_some(scene: Scene) -> None:
    async with scene.studio() as studio:
        free, room = studio.folder.free, 50_000_000
        studio.folder.free = lambda: room  # type: ignore[method-assign]
        task = await press(studio)
        await asyncio.sleep(600)
        assert scene.row(task).state is State.QUEUED
        assert not scene.wire.of("create")
        assert studio.notice is not None
        studio.folder.free = free  # type: ignore[method-assign]
        await sent(studio, task, within=10)
        assert studio.notice is None


def fill(studio: Studio) -> None:
    read = studio.history._database.read
    (pages,) = read("PRAGMA page_count")[0]
    read(f"PRAGMA max_page_count={pages}")


def empty(studio: Studio) -> None:
    studio.history._database.read("PRAGMA max_page_count=100000")


@played()
async def test_a_full_database_takes_no_press_and_nothing_is_sent(scene: Scene) -> None:
    async with scene.studio() as studio:
        await until(studio, await press(studio), State.SUCCEEDED)
        fill(studio)
        draft = ImageRequest(prompt="x" * 2000)
        while isinstance(outcome := await studio.submit(draft, owner="operator"), Task):
            await studio.cancel(outcome.id, owner="operator")
        assert {*outcome} == {""}
        posts = len(scene.wire.of("create"))
        assert studio.notice is not None
        await asyncio.sleep(60)
        assert len(scene.wire.of("create")) == posts
        empty(studio)
        await until(studio, await press(studio), State.SUCCEEDED)
        assert studio.notice is None


@played(lookup=False)
async def test_a_verdict_is_written_when_the_disk_takes_it_again(scene: Scene) -> None:
    """Kling accepts while the disk fills up; nobody could find the task afterwards."""
    async with scene.studio() as studio:

        def full(sent: Sent) -> Fate:
            if sent.kind == "create":
                studio.history._database.read("PRAGMA query_only=ON")
            return None

        scene.wire.script = full
        task = await press(studio)
        await asyncio.sleep(120)
        assert scene.row(task).state is State.SENDING
        assert studio.notice is not None
        studio.history._database.read("PRAGMA query_only=OFF")
        assert (await until(studio, task, within=60)).state is State.SUCCEEDED
        assert studio.notice is None
    assert len(scene.wire.of("create")) == 1


@pytest.mark.parametrize(("slept", "late"), [(4.0, False), (6.0, True), (36_000.0, True)])
@played()
async def test_a_machine_that_slept_before_the_post_does_not_send(
    scene: Scene, slept: float, late: bool
) -> None:
    """Another program on the same disk may have acted on the row meanwhile."""
    async with scene.studio() as studio:
        move, naps = studio.history.move, iter([slept])

        def nap(task_id: str, to: State, **named: object) -> Task | None:
            moved = move(task_id, to, **named)  # type: ignore[arg-type]
            if to is State.SENDING:
                scene.loop.passed += next(naps, 0.0)
            return moved

        studio.history.move = nap  # type: ignore[method-assign]
        task = await press(studio)
        ended = await until(studio, task)
        states = [state for state, _ in studio.history.transitions(task.id)]
    assert (ended.state, states.count("sending")) == (State.SUCCEEDED, 1 + late)
    assert states[:3] == ["queued", "sending", "queued" if late else "submitted"]
    assert len(scene.wire.of("create")) == 1


# what a reviewer found


@played()
async def test_the_line_survives_any_number_of_errors(scene: Scene) -> None:
    async with scene.studio() as studio:
        broken = iter([OSError("disk on fire")] * 10)
        free = studio.folder.free

        def sometimes() -> int:
            if error := next(broken, None):
                raise error
            return free()

        studio.folder.free = sometimes  # type: ignore[method-assign]
        await until(studio, await press(studio), State.SUCCEEDED, within=3600)


@played()
async def test_a_row_that_cannot_be_read_does_not_block_the_line(scene: Scene) -> None:
    async with scene.studio() as studio:
        bad = NewTask(
            owner="x", account="kling", nonce="1", external_task_id="e", request={"prompt": "x"}
        )
        task, _ = studio.history.add(bad)
        studio.history._database.read("UPDATE task SET remote_pictures='{' WHERE id=?", task.id)
        await until(studio, await press(studio), State.SUCCEEDED, within=3600)


@played()
async def test_a_request_of_another_version_does_not_block_the_line(scene: Scene) -> None:
    async with scene.studio() as studio:
        bad = NewTask(
            owner="x",
            account="kling",
            nonce="1",
            external_task_id="e",
            request={"prompt": "x", "later": 1},
        )
        studio.history.add(bad)
        await until(studio, await press(studio), State.SUCCEEDED, within=3600)


@played(quota=4)
async def test_one_above_the_limit_does_not_hold_up_the_account(scene: Scene) -> None:
    async with scene.studio() as studio:
        await press(studio, "big", n=6)
        late = []
        for k in range(20):
            await asyncio.sleep(97)
            begun = scene.now
            task = await press(studio, f"other {k}", model_name="kling-v1")
            await until(studio, task, State.SUBMITTED, State.PROCESSING, State.SUCCEEDED)
            late.append(round(scene.entered(task, State.SUBMITTED) - begun, 1))
        assert max(late) < 5


@played(quota=5)
async def test_a_cancel_makes_room_for_the_next(scene: Scene) -> None:
    async with scene.studio() as studio:
        for t in [await press(studio, f"teach {k}") for k in range(6)]:
            await until(studio, t, State.SUCCEEDED)
        scene.lasting = 50.0
        running = [await press(studio, f"run {k}", n=2) for k in range(2)]
        for t in running:
            await until(studio, t, State.SUBMITTED)
        big = await press(studio, "big", n=3)
        small = await press(studio, "small", n=1)
        await asyncio.sleep(1)
        assert scene.row(small).state is State.QUEUED
        await studio.cancel(big.id, owner=big.owner)
        await until(studio, small, State.SUBMITTED, State.PROCESSING, within=2)


@played()
async def test_a_machine_that_slept_and_has_a_full_disk_sends_later(scene: Scene) -> None:
    async with scene.studio() as studio:
        move = studio.history.move
        full = iter([1])

        def sleepy(task_id: str, to: State, **named: Any) -> Task | None:
            if to is State.QUEUED and next(full, None):
                raise DiskTrouble("full")
            done = move(task_id, to, **named)
            if to is State.SENDING and scene.now < 10:
                scene.loop.passed += 20
            return done

        studio.history.move = sleepy  # type: ignore[method-assign]
        await until(studio, await press(studio), State.SUCCEEDED, within=600)


@played()
async def test_what_was_sent_once_never_ends_as_never_sent(scene: Scene) -> None:
    """Kling shows up with the first one after the second could not be sent."""
    lost: list[Sent] = []

    def script(sent: Sent) -> Fate:
        if sent.kind == "create":
            lost.append(sent)
            return "timeout before" if len(lost) == 1 else "connect"
        return None

    scene.wire.script = script
    async with scene.studio() as studio:
        studio.history.learn(URL, "lookup", True)
    async with scene.studio(resubmit=True) as studio:
        task = await press(studio)
        await asyncio.sleep(400)
        await scene.other.create(lost[0].body)  # the network delivers it late
        await asyncio.sleep(3600)
        await until(studio, task, State.SUCCEEDED, within=DAY)


@played(quota=1)
async def test_one_place_goes_round(scene: Scene) -> None:
    async with scene.studio() as studio:
        many = [await press(studio, f"fox {k}", owner="greedy") for k in range(20)]
        await until(studio, many[1], State.SUCCEEDED)
        single = await press(studio, "one", owner="modest")
        await until(studio, single, State.SUCCEEDED)
        gone = [task for task in many if scene.row(task).state is not State.QUEUED]
        assert len(gone) <= 5
