"""The watch in virtual time: few questions, soon answered, and nothing ever given up.

And what nobody confirmed: looked for, adopted, never bought twice.
"""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

import httpx
import pytest

from kling_ui.history import DiskTrouble
from kling_ui.studio import Hint, Studio
from kling_ui.task import State, Task

from .sequences.scene import (
    DAY,
    OWNER,
    URL,
    Fate,
    Scene,
    Sent,
    not_found,
    played,
    press,
    refused,
    spring_404,
    until,
)

RUNNING = State.SUBMITTED, State.PROCESSING


def lognormal(chance: random.Random) -> float:
    return min(max(9 * chance.lognormvariate(0, 0.35), 5), 20)


async def pressed(studio: Studio, count: int) -> list[Task]:
    return [await press(studio, f"fox {k}") for k in range(count)]


async def all_end(studio: Studio, tasks: list[Task]) -> None:
    for task in tasks:
        assert (await until(studio, task)).state is State.SUCCEEDED


async def delays(scene: Scene, tasks: list[Task]) -> list[float]:
    """Seconds from the end at Kling until we knew of it, sorted."""
    return sorted([scene.entered(task, State.SAVING) - await scene.ended(task) for task in tasks])


def gaps(looks: list[Sent]) -> list[float]:
    return [later.at - earlier.at for earlier, later in pairwise(looks)]


# few questions, soon answered


@played()
async def test_fifty_in_flight_cost_less_than_one_look_each(scene: Scene) -> None:
    scene.lasting = lognormal
    async with scene.studio() as studio:
        tasks = await pressed(studio, 50)
        await all_end(studio, tasks)
        late = await delays(scene, tasks)
    assert len(scene.wire.of("create")) == 50
    assert len(scene.wire.looks()) < 50
    assert late[25] <= 0.3
    assert late[-1] <= 1.0  # the last one is alone


@played()
async def test_one_alone_costs_few_questions_once_its_model_is_known(scene: Scene) -> None:
    async with scene.studio() as studio:
        await all_end(studio, await pressed(studio, 12))
        for _ in range(5):
            begun = scene.now
            task = await press(studio)
            await all_end(studio, [task])
            assert len(scene.wire.looks(since=begun)) <= 5  # and one create
            assert (await delays(scene, [task]))[0] <= 1.2


@played(listing=False)
async def test_ten_in_flight_without_a_list(scene: Scene) -> None:
    scene.lasting = lognormal
    async with scene.studio() as studio:
        await all_end(studio, await pressed(studio, 10))
        begun, tasks = scene.now, []
        for _ in range(4):
            tasks += (batch := await pressed(studio, 10))
            await all_end(studio, batch)
        late = await delays(scene, tasks)
    assert len(scene.wire.looks(since=begun)) <= 40 * 6
    assert late[20] <= 0.8


@played()
async def test_durations_are_learned_by_model_and_kept_over_a_restart(scene: Scene) -> None:
    """By Kling's own times: a slow download does not make a model slow."""

    def slow_pictures(sent: Sent) -> Fate:
        return httpx.Response(503) if sent.kind == "picture" and len(pictures(sent)) < 6 else None

    def pictures(sent: Sent) -> list[Sent]:
        return scene.wire.of("picture", sent.name)

    scene.lasting, scene.wire.script = 100.0, slow_pictures
    async with scene.studio() as studio:
        tasks = await pressed(studio, 20)
        await all_end(studio, tasks)
        assert all(scene.row(task).took == pytest.approx(100, abs=1) for task in tasks)
        assert scene.entered(tasks[0], State.SUCCEEDED) > scene.entered(tasks[0], State.SAVING) + 5
    for model, fewest, most in (("kling-v2-1", 0, 9), ("kling-v1", 15, 60)):
        async with scene.studio() as studio:
            begun = scene.now
            task = await press(studio, model_name=model)
            await until(studio, task, *RUNNING)
            await asyncio.sleep(60)
            assert fewest <= len(scene.wire.looks(since=begun)) <= most
            await all_end(studio, [task])


@played()
async def test_a_quick_one_is_not_kept_waiting_by_a_slow_one(scene: Scene) -> None:
    async with scene.studio() as studio:
        scene.lasting = 3 * 3600.0
        await press(studio, "slow")
        await asyncio.sleep(5400)
        scene.lasting = 9.0
        quick = await press(studio, "quick")
        await until(studio, quick, State.SUCCEEDED)
        assert (await delays(scene, [quick]))[0] < 5


# the list


@played()
async def test_the_list_is_read_past_what_other_programs_made(scene: Scene) -> None:
    """Two pages are enough to see it; what does not show up meanwhile is asked for singly."""
    scene.lasting = 40.0
    async with scene.studio() as studio:
        tasks = await pressed(studio, 5)
        await asyncio.sleep(6)
        await scene.made_elsewhere(50)
        await all_end(studio, tasks)
        assert max(await delays(scene, tasks)) < 8
        ids = {scene.row(task).remote_id for task in tasks}
    sizes = [sent.size for sent in scene.wire.of("list") if sent.page == 1 and sent.size < 500]
    assert sizes == sorted(sizes)
    assert sizes[0] <= 5 + 15 and sizes[-1] == 5 + 60
    asked = {sent.name for sent in scene.wire.of("get")}
    assert ids <= asked


@played()
async def test_what_fell_off_the_longest_page_is_asked_for_singly(scene: Scene) -> None:
    scene.lasting = 400.0
    async with scene.studio() as studio:
        old = await pressed(studio, 3)
        await asyncio.sleep(30)
        await scene.made_elsewhere(510)
        young = await pressed(studio, 3)
        await all_end(studio, [*old, *young])
        assert max(await delays(scene, [*old, *young])) < 60
    assert max(sent.size for sent in scene.wire.of("list")) == 500


def no_list(sent: Sent) -> Fate:
    return spring_404() if sent.kind == "list" else None


def empty_list(sent: Sent) -> Fate:
    empty = {"code": 0, "message": "SUCCEED", "request_id": "r", "data": []}
    return httpx.Response(200, json=empty) if sent.kind == "list" else None


@pytest.mark.parametrize(("script", "most"), [(no_list, 2), (empty_list, 7)])
@played()
async def test_a_gateway_without_a_list_is_known_by_its_answers(
    scene: Scene, script: object, most: int
) -> None:
    """Remembered over a restart for a day, then tried again."""
    assert callable(script)
    scene.wire.script = script
    async with scene.studio() as studio:
        for _ in range(2):
            await all_end(studio, await pressed(studio, 5))
        assert len(scene.wire.of("list")) <= most  # the sweep's too
        assert studio.history.learned(URL)["listing"].value is False
    for stop, tried in ((60.0, False), (DAY, True)):
        await asyncio.sleep(stop)
        begun = scene.now
        async with scene.studio() as studio:
            tasks = await pressed(studio, 5)
            for task in tasks:
                await studio.release(task.id, owner=OWNER)
            await all_end(studio, tasks)
        assert bool(scene.wire.of("list", since=begun)) is tried


@played()
async def test_lookup_is_learned_by_the_first_question_and_remembered(scene: Scene) -> None:
    for first in (True, False):
        async with scene.studio() as studio:
            begun = scene.now
            task = await press(studio)
            await all_end(studio, [task])
            assert bool(scene.wire.of("get", task.external_task_id, since=begun)) is first
            assert studio.history.learned(URL)["lookup"].value is True


@played(lookup=False)
async def test_that_nothing_is_looked_up_is_learned_too(scene: Scene) -> None:
    async with scene.studio() as studio:
        tasks = [await until(studio, await press(studio), State.SUCCEEDED) for _ in range(2)]
    asked = [len(scene.wire.of("get", task.external_task_id)) for task in tasks]
    assert asked == [1, 0]


# long ones


@played()
async def test_a_long_one_is_asked_about_ever_more_rarely_and_never_given_up(scene: Scene) -> None:
    scene.lasting = 26 * 3600.0
    async with scene.studio() as studio:
        task = await until(studio, await press(studio), *RUNNING)
        await asyncio.sleep(3600 - scene.now)
        assert len(scene.wire.looks()) < 120
        await asyncio.sleep(3600)
        hour = gaps(scene.wire.looks(since=3600))
        assert max(hour) <= 301
        assert min(hour) >= 299
        await asyncio.sleep(DAY - scene.now - 1)
        assert scene.row(task).state is State.PROCESSING
        await asyncio.sleep(400)
        assert scene.row(task).state is State.STALLED
        await until(studio, task, State.SUCCEEDED)
        last = gaps(scene.wire.looks(since=DAY + 400))
        assert min(last) > 3000
        assert max(last) < 4000
    assert len(scene.wire.of("create")) == 1


@played()
async def test_an_unknown_word_means_that_it_runs_and_is_kept(scene: Scene) -> None:
    word = "rendering-2nd-pass"

    def odd(sent: Sent) -> Fate:
        task = {"task_id": known.remote_id, "task_status": word} if known else {}
        said = {"code": 0, "message": "SUCCEED", "request_id": "r", "data": task}
        return httpx.Response(200, json=said) if sent.kind == "get" and scene.now < 20 else None

    known: Task | None = None
    async with scene.studio() as studio:
        known = await until(studio, await press(studio), State.SUBMITTED)
        scene.wire.script = odd
        shown = await until(studio, known, State.PROCESSING)
        assert shown.remote_status == word
        await all_end(studio, [known])


# not found, throttled, down, poisoned


@played()
async def test_a_known_task_that_is_not_found_is_waited_for(scene: Scene) -> None:
    """Said so after ten answers over ten minutes; and it recovers."""
    lost = True
    scene.lasting = 20.0
    scene.wire.script = lambda sent: not_found() if sent.kind == "get" and lost else None
    async with scene.studio() as studio:
        task = await press(studio)
        await asyncio.sleep(590)
        assert scene.row(task).case == ""
        said = await until(studio, task, *RUNNING, case="forgotten")
        assert len(scene.wire.of("get")) >= 10
        assert 600 <= scene.now < 700
        assert said.state is State.SUBMITTED
        await asyncio.sleep(3600)
        lost = False
        ended = await until(studio, task)
    assert (ended.state, ended.case) == (State.SUCCEEDED, "")


@played()
async def test_ten_quick_not_founds_are_not_ten_minutes(scene: Scene) -> None:
    scene.lasting = 20.0
    scene.wire.script = lambda sent: not_found() if scene.now < 100 and sent.kind == "get" else None
    async with scene.studio() as studio:
        task = await press(studio)
        for _ in range(15):
            await studio.look(task.id, owner=OWNER)
            await asyncio.sleep(3)
        assert len(scene.wire.of("get")) >= 10
        assert scene.row(task).case == ""
        await all_end(studio, [task])


@pytest.mark.parametrize(
    ("asked", "least", "most"), [("", 0.5, 61), ("30", 30, 61), ("500", 120, 140)]
)
@played()
async def test_reads_that_are_throttled_pause_as_asked(
    scene: Scene, asked: str, least: float, most: float
) -> None:
    throttle = refused(1302, Retry_After=asked) if asked else refused(1302)
    scene.lasting = 200.0
    scene.wire.script = lambda sent: (
        throttle if sent.kind == "get" and 10 < scene.now < 400 else None
    )
    async with scene.studio() as studio:
        tasks = [await press(studio)]
        await all_end(studio, tasks)
    looks = scene.wire.of("get", since=10)
    throttled = [one for one in looks if one.status == 429]
    waits = [b.at - a.at for a, b in pairwise(looks) if a in throttled]
    assert len(throttled) >= 3
    assert least <= min(waits)
    assert max(waits) <= most


@pytest.mark.parametrize("listing", [True, False])
@pytest.mark.parametrize("fate", ["connect", "502 before"])
@played()
async def test_a_gateway_that_is_down_gets_one_probe_a_pause(
    scene: Scene, fate: str, listing: bool
) -> None:
    def down(sent: Sent) -> Fate:
        if sent.kind == "list" and not listing:
            return spring_404()
        return fate if sent.kind in ("get", "list") and 20 < scene.now < 620 else None

    scene.lasting, scene.wire.script = 100.0, down
    async with scene.studio() as studio:
        tasks = await pressed(studio, 30)
        await asyncio.sleep(200)
        begun = scene.now
        await asyncio.sleep(300)
        probes = scene.wire.looks(since=begun)
        assert 5 <= len(probes) <= 40  # pauses of up to 30 s, not one look for each of thirty
        assert min(gaps(probes)) >= 1
        await all_end(studio, tasks)
        assert scene.now < 700


@played(listing=False)
async def test_a_poisoned_one_does_not_slow_the_others(scene: Scene) -> None:
    async def late(poisoned: Task | None) -> list[float]:
        scene.wire.script = lambda sent: (
            refused(5000, status=500)
            if poisoned and sent.kind == "get" and sent.name == poisoned.remote_id
            else None
        )
        tasks = []
        for _ in range(3):
            batch = await pressed(studio, 4)
            await all_end(studio, batch)
            tasks += batch
        return await delays(scene, tasks)

    async with scene.studio() as studio:
        await late(None)
        usual = await late(None)
        poisoned = await until(studio, await press(studio, "poisoned"), State.SUBMITTED)
        beside = await late(poisoned)
        assert beside[-1] <= usual[-1] + 0.3
        assert len(scene.wire.of("get", poisoned.remote_id)) < 30
        assert scene.row(poisoned).state in RUNNING


# what nobody confirmed


class Lost:
    """The answer to the first POST is lost, and what became of the POST is `fate`. Answers to
    questions after our own id are `gets`, if they are not Kling's."""

    def __init__(self, fate: str = "timeout before") -> None:
        self.fate, self.posts = fate, [False]
        self.gets: httpx.Response | str | None = None
        self.lists: httpx.Response | str | None = None
        self.body: dict[str, object] = {}

    def __call__(self, sent: Sent) -> Fate:
        if sent.kind == "create" and not self.body:
            self.body = sent.body
            return self.fate
        return self.gets if sent.kind == "get" else self.lists if sent.kind == "list" else None


async def proven(scene: Scene, studio: Studio) -> None:
    """Lookup is known to work."""
    await until(studio, await press(studio, "witness"), State.SUCCEEDED)


@pytest.mark.parametrize("how", ["lookup", "list"])
@played()
async def test_it_is_adopted_when_it_shows_up_after_twenty_hours(scene: Scene, how: str) -> None:
    lost = scene.wire.script = Lost()
    lost.gets = None if how == "lookup" else spring_404()
    lost.lists = None if how == "list" else spring_404()
    async with scene.studio() as studio:
        task = await until(studio, await press(studio), State.UNCONFIRMED)
        await asyncio.sleep(20 * 3600)
        assert len(scene.wire.looks()) < 200
        await scene.other.create(lost.body)
        begun = scene.now
        lost.gets = None
        ended = await until(studio, task)
    assert (ended.state, ended.case, len(ended.pictures)) == (State.SUCCEEDED, "", 1)
    assert scene.now - begun < 2000
    assert len(scene.wire.of("create")) == 1


@played()
async def test_no_trace_is_said_after_three_clean_answers_over_two_minutes(scene: Scene) -> None:
    async with scene.studio() as studio:
        await proven(scene, studio)
        scene.wire.script = Lost()
        task = await until(studio, await press(studio), State.UNCONFIRMED)
        asked = scene.now
        for _ in range(10):  # any number of questions in less than two minutes
            await studio.look(task.id, owner=OWNER)
            await asyncio.sleep(10)
        assert len(scene.wire.of("get", task.external_task_id)) >= 10
        assert scene.row(task).case == "no_answer"
        await until(studio, task, State.UNCONFIRMED, case="not_found")
        assert 120 <= scene.now - asked < 300
        await asyncio.sleep(DAY)
    assert len(scene.wire.of("create")) == 2


@played()
async def test_two_answers_however_far_apart_are_not_three(scene: Scene) -> None:
    """All the others get no answer."""
    async with scene.studio() as studio:
        await proven(scene, studio)
        lost = scene.wire.script = Lost()
        lost.gets = "502 before"
        task = await until(studio, await press(studio), State.UNCONFIRMED)
        for case in ("no_answer", "no_answer", "not_found"):
            await asyncio.sleep(150)
            lost.gets = None
            await studio.look(task.id, owner=OWNER)
            await asyncio.sleep(0.06)
            lost.gets = "502 before"
            await asyncio.sleep(1)
            assert scene.row(task).case == case
    clean = [one for one in scene.wire.of("get", task.external_task_id) if one.status == 400]
    assert len(clean) == 3


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(502), httpx.Response(200, content=b"<html>"), refused(1302), spring_404()],
    ids=["502", "html", "throttled", "no such path"],
)
@played()
async def test_errors_are_no_evidence(scene: Scene, answer: httpx.Response) -> None:
    async with scene.studio() as studio:
        await proven(scene, studio)
        lost = scene.wire.script = Lost()
        lost.gets = answer
        task = await until(studio, await press(studio), State.UNCONFIRMED)
        await asyncio.sleep(3 * 3600)
        assert (scene.row(task).state, scene.row(task).case) == (State.UNCONFIRMED, "no_answer")


@pytest.mark.parametrize("witness", [False, True])
@played(lookup=False)
async def test_where_lookup_is_not_proven_nothing_is_evidence(scene: Scene, witness: bool) -> None:
    async with scene.studio(resubmit=True) as studio:
        if witness:
            await proven(scene, studio)
        scene.wire.script = Lost()
        task = await until(studio, await press(studio), State.UNCONFIRMED)
        await asyncio.sleep(DAY / 2)
        assert (scene.row(task).state, scene.row(task).case) == (State.UNCONFIRMED, "no_answer")
    assert len(scene.wire.of("create")) == 1 + witness


@played()
async def test_with_leave_it_is_sent_again_once_and_never_twice(scene: Scene) -> None:
    async with scene.studio(resubmit=True) as studio:
        await proven(scene, studio)
        scene.wire.script = lambda sent: "timeout before" if sent.kind == "create" else None
        task = await press(studio)
        await until(studio, task, State.UNCONFIRMED)
        again = await until(studio, task, State.UNCONFIRMED, case="not_found")
        assert again.resubmitted
        await asyncio.sleep(DAY / 2)
    async with scene.studio(resubmit=True) as studio:
        await asyncio.sleep(DAY / 2)
        assert scene.row(task).case == "not_found"
    first, second = scene.wire.of("create", task.external_task_id)
    assert first.body == second.body
    assert second.at - first.at >= 120


@pytest.mark.parametrize("typed", ["", "my-own-id"])
@played()
async def test_what_exists_already_when_it_is_sent_again_is_adopted(
    scene: Scene, typed: str
) -> None:
    """The first POST reached Kling just before the second."""
    lost = Lost()

    async def arrive() -> None:
        await scene.other.create(lost.body)

    def script(sent: Sent) -> Fate:
        if sent.kind == "create" and lost.body:
            asyncio.ensure_future(arrive())
            return None
        return lost(sent)

    async with scene.studio(resubmit=True) as studio:
        await proven(scene, studio)
        scene.wire.script = script
        task = await until(studio, await press(studio, external_task_id=typed))
    assert (task.state, task.case, task.resubmitted) == (State.SUCCEEDED, "", True)
    statuses = [one.status for one in scene.wire.of("create", task.external_task_id)]
    assert statuses == [None, 400]


# callbacks


@played(lookup=False)
async def test_a_callback_finds_what_could_not_be_looked_for(scene: Scene) -> None:
    lost = scene.wire.script = Lost("timeout after")
    async with scene.studio() as studio:
        task = await until(studio, await press(studio), State.UNCONFIRMED)
        await asyncio.sleep(3600)
        assert scene.row(task).state is State.UNCONFIRMED
        (theirs,) = await made(scene)
        studio.hint(Hint(task.id, theirs, over=True))
        ended = await until(studio, task, within=10)
    assert (ended.state, ended.remote_id, ended.case) == (State.SUCCEEDED, theirs, "")
    assert lost.body["prompt"] == "a fox"


async def made(scene: Scene) -> list[str]:
    """Kling's ids of all tasks, on a gateway that does not list them."""
    return [*scene.app.state.simulator._api._ledger._tasks]


@pytest.mark.parametrize("whose", ["bears another id", "is known already", "was made before"])
@played(listing=False)
async def test_a_callback_that_names_a_foreign_task_adopts_nothing(
    scene: Scene, whose: str
) -> None:
    other = {"external_task_id": "theirs"} if whose == "bears another id" else {}
    (old,) = await scene.made_elsewhere(1, **other)
    named = old.task_id
    if whose == "was made before":
        await asyncio.sleep(1200)
    async with scene.studio() as studio:
        if whose == "is known already":
            named = (await until(studio, await press(studio), State.SUCCEEDED)).remote_id
        scene.wire.script = Lost()
        task = await until(studio, await press(studio), State.UNCONFIRMED)
        studio.hint(Hint(task.id, named, over=True))
        await asyncio.sleep(60)
        assert scene.row(task).state is State.UNCONFIRMED
        assert scene.row(task).remote_id == ""


@played()
async def test_forged_callbacks_change_nothing(scene: Scene) -> None:
    """A storm of them is one question at a time."""
    scene.lasting = 60.0
    async with scene.studio() as studio:
        task = await until(studio, await press(studio), *RUNNING)
        before = scene.row(task)
        begun = scene.now
        for k in range(500):
            studio.hint(Hint(task.id, f"forged-{k}", over=True))
            studio.hint(Hint(f"{k:032x}", "forged", over=True))
            await asyncio.sleep(0.01)
        assert len(scene.wire.looks(since=begun)) <= 5 / 0.02
        now = scene.row(task)
        assert (now.remote_id, now.state in RUNNING) == (before.remote_id, True)
        assert not any(one.name.startswith("forged") for one in scene.wire.of("get"))
        ended = await until(studio, task)
        studio.hint(Hint(task.id, "forged", over=True))
        await asyncio.sleep(60)
        assert scene.row(task) == ended


@played()
async def test_where_callbacks_come_hardly_anything_is_asked(scene: Scene) -> None:
    async with scene.studio() as studio:
        for turn in range(4):
            begun = scene.now
            task = await until(studio, await press(studio), *RUNNING)
            studio.hint(Hint(task.id, task.remote_id, over=False))
            await asyncio.sleep(9 + begun - scene.now + 0.1)
            studio.hint(Hint(task.id, task.remote_id, over=True))
            await until(studio, task, State.SUCCEEDED)
            assert (await delays(scene, [task]))[0] < 0.3
            if turn:
                assert len(scene.wire.looks(since=begun)) == 1


# what a reviewer found


@pytest.mark.parametrize("status", [500, 403, 401])
@played()
async def test_a_list_that_always_fails_keeps_nobody_waiting(scene: Scene, status: int) -> None:
    scene.wire.script = lambda sent: (
        httpx.Response(status, content=b"no") if sent.kind == "list" else None
    )
    async with scene.studio() as studio:
        tasks = [await press(studio, f"fox {k}") for k in range(3)]
        for task in tasks:
            await until(studio, task, State.SUCCEEDED, within=120)


@played()
async def test_a_busy_account_is_not_taken_for_one_without_a_list(scene: Scene) -> None:
    scene.lasting = 60.0
    async with scene.studio() as studio:
        tasks = [await press(studio, f"fox {k}") for k in range(3)]
        await asyncio.sleep(2)
        await scene.made_elsewhere(300)
        for task in tasks:
            await until(studio, task, State.SUCCEEDED, within=1200)
        assert studio.history.learned(URL)["listing"].value is True


@played()
async def test_a_new_one_does_not_wait_for_two_slow_ones(scene: Scene) -> None:
    async with scene.studio() as studio:
        scene.lasting = 3 * 3600.0
        await pressed(studio, 2)
        await asyncio.sleep(5400)
        scene.lasting = 9.0
        late = []
        for k in range(5):
            await asyncio.sleep(100)
            task = await until(studio, await press(studio, f"young {k}"), State.SUCCEEDED)
            late.append(scene.entered(task, State.SAVING) - await scene.ended(task))
        assert max(late) < 5


@played()
async def test_a_lookup_that_is_throttled_pauses_too(scene: Scene) -> None:
    scene.wire.script = lambda sent: (
        "timeout before" if sent.kind == "create" else refused(1302, Retry_After="30")
    )
    async with scene.studio() as studio:
        await press(studio)
        await asyncio.sleep(300)
    at = [one.at for one in scene.wire.looks() if one.size != 500]
    assert min(b - a for a, b in pairwise(at)) >= 30


@played()
async def test_forgotten_on_a_full_disk_is_still_watched(scene: Scene) -> None:
    gone = True
    scene.lasting = 3600.0
    scene.wire.script = lambda sent: not_found() if sent.kind == "get" and gone else None
    async with scene.studio() as studio:
        task = await press(studio)
        await asyncio.sleep(30)
        note = studio.history.note

        def full(*_: object, **__: object) -> None:
            raise DiskTrouble("full")

        studio.history.note = full  # type: ignore[method-assign]
        await asyncio.sleep(1200)
        studio.history.note = note  # type: ignore[method-assign]
        gone = False
        await until(studio, task, State.SUCCEEDED, within=4 * 3600)


@played(listing=False)
async def test_a_missing_list_is_tried_again_in_a_long_run(scene: Scene) -> None:
    async with scene.studio() as studio:
        for _ in range(3):
            tasks = [await press(studio, f"fox {k}") for k in range(3)]
            for task in tasks:
                await until(studio, task, State.SUCCEEDED)
            await asyncio.sleep(DAY)
    assert scene.wire.of("list")[-1].at > DAY


@played()
async def test_a_deleted_one_is_asked_about_no_more(scene: Scene) -> None:
    scene.wire.script = lambda sent: "timeout before" if sent.kind == "create" else None
    async with scene.studio() as studio:
        task = await press(studio)
        await until(studio, task, State.UNCONFIRMED)
        await asyncio.sleep(60)
        await studio.delete(task.id, owner=OWNER)
        await asyncio.sleep(3600)
        begun = scene.now
        await asyncio.sleep(DAY / 2)
        assert not scene.wire.looks(since=begun)


@played()
async def test_a_gateway_that_is_down_says_for_how_long(scene: Scene) -> None:
    scene.lasting = 100.0
    scene.wire.script = lambda sent: (
        httpx.Response(503, headers={"Retry-After": "30"}) if sent.kind in ("get", "list") else None
    )
    async with scene.studio() as studio:
        await press(studio)
        await asyncio.sleep(300)
    at = [round(one.at, 1) for one in scene.wire.looks() if one.size != 500]
    assert min(b - a for a, b in pairwise(at)) >= 30
