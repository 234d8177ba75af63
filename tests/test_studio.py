"""The one use case, end to end over a real socket: submit once, watch, keep."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from kling_ui.fields import KEPT
from kling_ui.pictures import Reference
from kling_ui.request import ImageRequest
from kling_ui.simulator import Fault
from kling_ui.studio import Studio
from kling_ui.studio.backoff import backoff
from kling_ui.studio.keeper import places
from kling_ui.studio.studio import MADE_AND_DELETED
from kling_ui.studio.sweep import external_id
from kling_ui.task import RemotePicture, State, Task

from .conftest import OWNER, PACE, Kling, photo, reaches, submitted

NOWHERE = "http://127.0.0.1:9"
Start = Callable[..., Kling]
Open = Callable[..., Any]


async def test_a_prompt_becomes_pictures_on_disk(kling: Start, studio: Open) -> None:
    server = kling()
    async with studio(server.url) as one:
        task = await reaches(one, await submitted(one, "a fox", n=3, aspect_ratio="1:1"))
        assert task.state is State.SUCCEEDED
        assert [picture.position for picture in task.pictures] == [0, 1, 2]
        for picture in task.pictures:
            data = one.folder.original(picture.file).read_bytes()
            assert hashlib.sha256(data).hexdigest() == picture.sha256
            assert len(data) == picture.bytes
            assert picture.width == picture.height
            assert (await one.folder.rendition(picture.file, 480)).exists()
    assert len(server.creates) == 1


async def test_states_pass_in_order(kling: Start, studio: Open) -> None:
    server = kling(seconds=(1.2, 1.3))
    async with studio(server.url) as one:
        task = await reaches(one, await submitted(one))
        states = [state for state, _ in one.history.transitions(task.id)]
    path = ["queued", "sending", "submitted", "processing", "saving", "succeeded"]
    assert states == [state for state in path if state in states]
    assert {"queued", "sending", "submitted", "saving", "succeeded"} <= {*states}


async def test_submit_commits_a_row_before_anything_is_sent(kling: Start, studio: Open) -> None:
    server = kling()
    async with studio(server.url, run=False) as one:
        task = await submitted(one)
        assert one.history.get(task.id) == task
        assert task.state is State.QUEUED
        assert task.external_task_id.startswith("kui1-")
    assert server.creates == []


async def test_the_same_press_makes_one_task(kling: Start, studio: Open) -> None:
    server = kling()
    async with studio(server.url) as one:
        tasks = await asyncio.gather(*(submitted(one, nonce="press") for _ in range(10)))
        assert len({task.id for task in tasks}) == 1
        await reaches(one, tasks[0])
    assert len(server.creates) == 1


async def test_twenty_tasks_run_side_by_side(kling: Start, studio: Open) -> None:
    server = kling(seconds=(1.0, 1.2), quota=20)
    async with studio(server.url) as one:
        tasks = [await submitted(one, f"fox {k}") for k in range(20)]
        async with asyncio.timeout(30):
            ended = [await reaches(one, task, within=30) for task in tasks]
    assert {task.state for task in ended} == {State.SUCCEEDED}
    assert len(server.creates) == 20
    assert sorted(body["prompt"] for body in server.creates) == sorted(
        f"fox {k}" for k in range(20)
    )


async def test_what_runs_over_the_quota_waits_and_goes_on(kling: Start, studio: Open) -> None:
    server = kling(quota=2)
    async with studio(server.url) as one:
        tasks = [await submitted(one, f"fox {k}") for k in range(4)]
        ended = [await reaches(one, task, within=40) for task in tasks]
    assert {task.state for task in ended} == {State.SUCCEEDED}
    accepted = [call for call in server.calls if call.method == "POST" and call.status == 200]
    assert len(accepted) == 4
    assert len({call.external_task_id for call in accepted}) == 4


@pytest.mark.parametrize(
    ("word", "state", "case", "posts"),
    [
        ("#policy", State.REJECTED, "1301", 1),
        ("#fail", State.FAILED, "risk_control", 1),
        ("#429", State.SUCCEEDED, "", 3),
    ],
)
async def test_a_prompt_word_brings_its_outcome(
    kling: Start, studio: Open, word: str, state: State, case: str, posts: int
) -> None:
    server = kling()
    async with studio(server.url) as one:
        task = await reaches(one, await submitted(one, f"a fox {word}"), within=40)
    assert (task.state, task.case, len(server.creates)) == (state, case, posts)


async def test_a_lost_answer_is_looked_for_and_never_sent_again(kling: Start, studio: Open) -> None:
    """The server takes the task and drops the connection without an answer."""

    def lose(moment: str, info: Mapping[str, Any]) -> Fault | None:
        return Fault(drop=True, accept=True) if moment == "create" else None

    server = kling(faults=lose)
    async with studio(server.url) as one:
        task = await submitted(one)
        unconfirmed = await reaches(one, task, State.UNCONFIRMED)
        assert unconfirmed.case == "no_answer"
        assert (await reaches(one, task)).state is State.SUCCEEDED
    assert len(server.creates) == 1


async def test_a_lost_answer_of_a_server_that_took_nothing_stays_unconfirmed(
    kling: Start, studio: Open
) -> None:
    def lose(moment: str, info: Mapping[str, Any]) -> Fault | None:
        return Fault(drop=True) if moment == "create" else None

    server = kling(faults=lose)
    async with studio(server.url) as one:
        task = await submitted(one)
        await reaches(one, task, State.UNCONFIRMED)
        await asyncio.sleep(0.6)
        assert (await reaches(one, task, State.UNCONFIRMED)).state is State.UNCONFIRMED
        posts = [call for call in server.calls if call.method == "POST"]
        looks = [call for call in server.calls if call.method == "GET"]
    assert len(posts) == 1
    assert looks


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 200])
async def test_every_ambiguous_answer_is_posted_once(
    kling: Start, studio: Open, status: int
) -> None:
    def garble(moment: str, info: Mapping[str, Any]) -> Fault | None:
        page = b"<html>Bad gateway</html>"
        return Fault(status=status, body=page, accept=True) if moment == "create" else None

    server = kling(faults=garble)
    async with studio(server.url) as one:
        task = await submitted(one)
        await reaches(one, task, State.UNCONFIRMED)
        assert (await reaches(one, task)).state is State.SUCCEEDED
    assert len(server.creates) == 1


async def test_an_unreachable_host_sends_nothing_and_says_so(kling: Start, studio: Open) -> None:
    async with studio(NOWHERE) as one:
        task = await submitted(one)
        await asyncio.sleep(0.5)
        now = await reaches(one, task, State.QUEUED)
        assert (now.case, now.sent) == ("unreachable", None)


async def test_a_wrong_key_is_refused_in_words(kling: Start, studio: Open) -> None:
    server = kling(keys=frozenset({"right"}))
    async with studio(server.url, key="wrong") as one:
        task = await reaches(one, await submitted(one))
    assert (task.state, task.case) == (State.REJECTED, "1002")


async def test_a_bad_request_is_told_at_once_and_nothing_is_sent(
    kling: Start, studio: Open
) -> None:
    server = kling()
    async with studio(server.url) as one:
        outcome = await one.submit(ImageRequest(prompt="", n=12), owner=OWNER)
        assert {*outcome} == {"prompt", "n"}
        assert await one.tasks(owner=OWNER) == []
    assert server.creates == []


async def test_an_external_id_of_ones_own_is_used_once(kling: Start, studio: Open) -> None:
    server = kling()
    async with studio(server.url) as one:
        task = await submitted(one, external_task_id="mine-1")
        assert task.external_task_id == "mine-1"
        again = await one.submit(
            ImageRequest(prompt="another", external_task_id="mine-1"), owner=OWNER
        )
        assert {*again} == {"external_task_id"}
        await reaches(one, task)
    assert [body["external_task_id"] for body in server.creates] == ["mine-1"]


async def kept(one: Studio, data: bytes) -> str:
    cleaned = await one.folder.receive(data)
    assert isinstance(cleaned, Reference)
    return KEPT + one.folder.keep_reference(cleaned)


async def test_an_uploaded_photo_goes_out_as_base64_and_keeps_its_shape(
    kling: Start, studio: Open
) -> None:
    server = kling()
    async with studio(server.url) as one:
        image = await kept(one, photo(800, 600))
        task = await reaches(one, await submitted(one, image=image, aspect_ratio="9:16"))
        assert task.state is State.SUCCEEDED
        assert (task.pictures[0].width, task.pictures[0].height) == (1168, 864)
        assert task.request["image"] == image
    assert server.creates[0]["image"].startswith("sha256:")


async def test_a_reference_that_is_gone_is_refused_before_anything_is_sent(
    kling: Start, studio: Open
) -> None:
    server = kling()
    async with studio(server.url, run=False) as one:
        image = await kept(one, photo())
        task = await submitted(one, image=image)
        one.folder.forget_reference(image.removeprefix(KEPT))
    async with studio(server.url) as one:
        ended = await reaches(one, task)
    assert (ended.state, ended.case) == (State.REJECTED, "reference_gone")
    assert server.creates == []


async def test_watermarked_copies_are_kept_too(kling: Start, studio: Open) -> None:
    server = kling()
    async with studio(server.url) as one:
        task = await reaches(one, await submitted(one, n=2, watermark_info=True))
        marks = [(picture.position, picture.watermarked) for picture in task.pictures]
        digests = {picture.sha256 for picture in task.pictures}
    assert marks == [(0, False), (0, True), (1, False), (1, True)]
    assert len(digests) == 4


async def test_the_seeds_ten_fields_arrive_as_its_page_describes_them(
    kling: Start, studio: Open
) -> None:
    server = kling()
    asked = {
        "model_name": "kling-v1-5",
        "negative_prompt": "blur",
        "image_reference": "subject",
        "image_fidelity": 0.5,
        "human_fidelity": 1,
        "n": 2,
        "aspect_ratio": "1:1",
        "callback_url": "https://example.com/hook",
    }
    async with studio(server.url) as one:
        image = await kept(one, photo())
        task = await reaches(one, await submitted(one, "flow", image=image, **asked))
    body = dict(server.creates[0])
    assert body.pop("external_task_id") == task.external_task_id
    assert body.pop("image").startswith("sha256:")
    assert body == {"prompt": "flow", **asked}


# restarts


async def test_a_restart_in_mid_task_finishes_it_and_sends_nothing_twice(
    kling: Start, studio: Open
) -> None:
    server = kling(seconds=(0.6, 0.8))
    async with studio(server.url) as one:
        task = await submitted(one)
        await reaches(one, task, State.SUBMITTED, State.PROCESSING)
    async with studio(server.url) as one:
        assert (await reaches(one, task)).state is State.SUCCEEDED
    assert len(server.creates) == 1


async def test_a_task_found_sending_at_start_is_looked_for_only(kling: Start, studio: Open) -> None:
    server = kling()
    async with studio(server.url, run=False) as one:
        task = await submitted(one)
        one.history.move(task.id, State.SENDING, frm={State.QUEUED})
    async with studio(server.url) as one:
        orphan = await reaches(one, task, State.UNCONFIRMED)
        assert orphan.case == "interrupted"
        await asyncio.sleep(0.6)
    assert [call for call in server.calls if call.method == "POST"] == []


async def test_a_queued_task_is_sent_after_a_short_stop(kling: Start, studio: Open) -> None:
    server = kling()
    async with studio(server.url, run=False) as one:
        task = await submitted(one)
    async with studio(server.url) as one:
        assert (await reaches(one, task)).state is State.SUCCEEDED


async def test_after_a_long_stop_it_is_asked_about_first(
    kling: Start, studio: Open, tmp_path: Path
) -> None:
    server = kling()
    async with studio(server.url, run=False) as one:
        task = await submitted(one)
    (tmp_path / "alive").touch()
    os.utime(tmp_path / "alive", (0, time.time() - 3600))
    async with studio(server.url) as one:
        await asyncio.sleep(0.3)
        held = await reaches(one, task, State.QUEUED)
        assert held.case == "held"
        assert server.creates == []
        assert await one.release(task.id, owner="somebody else") is None
        await one.release(task.id, owner=OWNER)
        assert (await reaches(one, task)).state is State.SUCCEEDED
    assert (tmp_path / "alive").stat().st_mtime > time.time() - 60


async def test_a_task_of_another_account_waits_for_it(kling: Start, studio: Open) -> None:
    server = kling()
    async with studio(server.url, run=False) as one:
        task = await submitted(one)
    async with studio(server.url, name="another") as one:
        waiting = await one.records.get(task.id)
        assert waiting is not None
        assert one.case(waiting) == "account_missing"
    async with studio(server.url) as one:
        assert (await reaches(one, task)).state is State.SUCCEEDED


# what a person may do


async def test_a_queued_task_can_be_cancelled_and_is_never_sent(kling: Start, studio: Open) -> None:
    server = kling()
    async with studio(server.url, run=False) as one:
        task = await submitted(one)
        assert await one.cancel(task.id, owner="somebody else") is None
        cancelled = await one.cancel(task.id, owner=OWNER)
        assert cancelled is not None
        assert cancelled.state is State.CANCELLED
    async with studio(server.url) as one:
        await asyncio.sleep(0.3)
    assert server.creates == []


async def test_deleting_takes_the_files_along(kling: Start, studio: Open, tmp_path: Path) -> None:
    server = kling()
    async with studio(server.url) as one:
        image = await kept(one, photo())
        first = await reaches(one, await submitted(one, image=image))
        second = await reaches(one, await submitted(one, "another", image=image))
        name = image.removeprefix(KEPT)
        assert await one.delete(first.id, owner="somebody else") is None
        await one.delete(first.id, owner=OWNER)
        assert not one.folder.original(first.pictures[0].file).exists()
        assert one.folder.reference(name)
        await one.delete(second.id, owner=OWNER)
        with pytest.raises(FileNotFoundError):
            one.folder.reference(name)
        assert await one.tasks(owner=OWNER) == []
    assert [*(tmp_path / "pictures" / "originals").iterdir()] == []


async def test_a_running_task_cannot_be_deleted(kling: Start, studio: Open) -> None:
    server = kling(seconds=(5.0, 6.0))
    async with studio(server.url) as one:
        task = await submitted(one)
        await reaches(one, task, State.SUBMITTED, State.PROCESSING)
        assert await one.delete(task.id, owner=OWNER) is None
        assert await one.records.get(task.id)


# pictures


async def test_a_picture_that_is_late_is_fetched_again(kling: Start, studio: Open) -> None:
    failures = iter([503, 404])

    def refuse(moment: str, info: Mapping[str, Any]) -> Fault | None:
        status = next(failures, None) if moment == "picture" else None
        return Fault(status=status) if status else None

    server = kling(faults=refuse)
    async with studio(server.url) as one:
        task = await reaches(one, await submitted(one), within=30)
    assert task.state is State.SUCCEEDED
    assert len(server.creates) == 1


@pytest.mark.parametrize(
    ("indexes", "order"),
    [([1, 0, 2], [1, 0, 2]), ([None, None, None], [0, 1, 2]), ([0, 0, 1], [0, 1, 2])],
)
def test_results_are_placed_by_index_or_as_they_came(
    indexes: list[int | None], order: list[int]
) -> None:
    pictures = tuple(
        RemotePicture(url=f"https://host/{k}", index=index) for k, index in enumerate(indexes)
    )
    assert [places(pictures)[(k, False)] for k in range(3)] == [f"https://host/{k}" for k in order]


async def test_a_press_whose_task_was_deleted_says_so(kling: Start, studio: Open) -> None:
    async with studio(kling().url) as one:
        task = await reaches(one, await submitted(one, nonce="press"))
        await one.delete(task.id, owner=OWNER)
        asked = ImageRequest.draft(task.request)
        said = await one.submit(asked, owner=OWNER, nonce="press")
        assert said == {"": MADE_AND_DELETED}
        assert await one.tasks(owner=OWNER) == []
        assert isinstance(await one.submit(asked, owner=OWNER, nonce="another"), Task)


def test_the_owner_is_not_readable_in_anexternal_id() -> None:
    one, two = external_id("alice"), external_id("alice")
    assert one != two
    assert "alice" not in one
    assert one[:37] == two[:37]
    assert len(one) == len("kui1-") + 32 + 1 + 32


async def test_what_could_never_be_sent_expires(
    studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kling_ui.studio.sender.EXPIRY", 0.3 / PACE)
    async with studio(NOWHERE) as one:
        task = await reaches(one, await submitted(one))
    assert (task.state, task.case, task.sent) == (State.EXPIRED, "expired", None)


async def test_waiting_for_a_place_does_not_count_towards_expiry(
    studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No place for longer than a task may try in vain, then the line is down once."""
    monkeypatch.setattr("kling_ui.studio.sender.EXPIRY", 0.4 / PACE)
    started = time.monotonic()
    refused = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal refused
        if request.method == "GET":
            return httpx.Response(404)
        if time.monotonic() - started < 0.8:
            return httpx.Response(429, json={"code": 1303, "message": "full"})
        refused += 1
        raise httpx.ConnectError("down") if refused == 1 else httpx.ReadTimeout("late")

    async with studio(NOWHERE, wire=httpx.MockTransport(answer)) as one:
        task = await reaches(one, await submitted(one), State.UNCONFIRMED, State.EXPIRED)
    assert (task.state, refused) == (State.UNCONFIRMED, 2)


async def test_a_cancel_that_overtakes_the_sender_wins(kling: Start, studio: Open) -> None:
    server = kling()
    async with studio(server.url, run=False) as one:
        task = await submitted(one)
        await one.cancel(task.id, owner=OWNER)
        async with one.running():
            await asyncio.sleep(0.5)
    assert server.creates == []


async def test_only_a_task_that_bears_our_id_is_adopted(kling: Start, studio: Open) -> None:
    """A gateway that answers a lookup with some other task."""

    def confuse(moment: str, info: Mapping[str, Any]) -> Fault | None:
        if moment == "create":
            return Fault(drop=True)
        other = {"task_id": "1", "task_status": "succeed", "task_info": {}}
        body = {"code": 0, "message": "SUCCEED", "data": [other] if moment == "list" else other}
        return Fault(status=200, body=json.dumps(body).encode(), content_type="application/json")

    server = kling(faults=confuse)
    async with studio(server.url) as one:
        task = await submitted(one)
        await reaches(one, task, State.UNCONFIRMED)
        await asyncio.sleep(0.6)
        now = await one.records.get(task.id)
    assert now is not None
    assert (now.state, now.remote_id) == (State.UNCONFIRMED, "")


async def test_the_state_is_klings_word(kling: Start, studio: Open) -> None:
    server = kling(seconds=(1.2, 1.3))
    async with studio(server.url) as one:
        task = await submitted(one)
        submitted_ = await reaches(one, task, State.SUBMITTED)
        assert submitted_.remote_status == "submitted"
        assert (await reaches(one, task, State.PROCESSING)).remote_status == "processing"


async def test_a_picture_whose_address_has_died_is_asked_for_anew(
    kling: Start, studio: Open
) -> None:
    twisted = 0

    def age(moment: str, info: Mapping[str, Any]) -> Fault | None:
        nonlocal twisted
        answer = info.get("answer")
        if moment != "get" or twisted or "images" not in json.dumps(answer):
            return None
        twisted += 1
        body = json.dumps(answer).replace("/pictures/", "/pictures/0")
        return Fault(status=200, body=body.encode(), content_type="application/json")

    server = kling(faults=age)
    async with studio(server.url) as one:
        task = await reaches(one, await submitted(one))
    assert (twisted, task.state, len(task.pictures)) == (1, State.SUCCEEDED, 1)


# what a reviewer found


async def test_looking_again_and_again_is_one_question_at_a_time(
    kling: Start, studio: Open
) -> None:
    """An adopted task must go on being watched, however often it was looked for meanwhile."""
    lost = iter([Fault(drop=True, accept=True)])

    def slow(moment: str, info: Mapping[str, Any]) -> Fault | None:
        return next(lost, None) if moment == "create" else Fault(delay=0.05)

    server = kling(faults=slow, seconds=(0.5, 0.6))
    async with studio(server.url) as one:
        task = await submitted(one)
        await reaches(one, task, State.UNCONFIRMED)
        for _ in range(20):
            await one.look(task.id, owner=OWNER)
            await asyncio.sleep(0.01)
        assert (await reaches(one, task)).state is State.SUCCEEDED
        looks = len([call for call in server.calls if call.method == "GET"])
        await asyncio.sleep(0.5)
        assert len([call for call in server.calls if call.method == "GET"]) == looks
    assert len(server.creates) == 1


@pytest.mark.parametrize("attempt", [0, 1, 10, 10_000, 10**9])
def test_waits_stay_sane_after_any_number_of_attempts(attempt: int) -> None:
    assert 2 <= backoff(attempt, first=2, factor=1.6, ceiling=300) <= 300


async def test_a_loop_that_breaks_begins_anew(
    kling: Start, studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = kling()
    async with studio(server.url) as one:
        broken = iter([OSError("disk on fire")])
        waiting = one.history.waiting

        def sometimes(*values: Any, **named: Any) -> Any:
            if error := next(broken, None):
                raise error
            return waiting(*values, **named)

        monkeypatch.setattr(one.history, "waiting", sometimes)
        assert (await reaches(one, await submitted(one))).state is State.SUCCEEDED


async def test_a_verdict_that_cannot_be_written_is_not_forgotten(
    kling: Start, studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full just after Kling accepted the task, at a gateway without lookup."""
    server = kling(lookup=False)
    async with studio(server.url) as one:
        full = iter([OSError("no space")] * 2)
        move = one.history.move

        def sometimes(task_id: str, to: State, **named: Any) -> Any:
            if to is State.SUBMITTED and (error := next(full, None)):
                raise error
            return move(task_id, to, **named)

        monkeypatch.setattr(one.history, "move", sometimes)
        assert (await reaches(one, await submitted(one))).state is State.SUCCEEDED
    assert len(server.creates) == 1


async def test_a_caller_that_goes_away_leaves_a_task_that_is_sent(
    kling: Start, studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is cancelled between the commit and whatever comes after it."""
    server = kling()
    async with studio(server.url) as one:
        add = one.records.add

        async def slowly(*new: Any) -> Any:
            added = await add(*new)
            await asyncio.sleep(0.2)
            return added

        monkeypatch.setattr(one.records, "add", slowly)
        call = asyncio.create_task(submitted(one))
        await asyncio.sleep(0.1)
        call.cancel()
        (task,) = await one.tasks(owner=OWNER)
        assert (await reaches(one, task)).state is State.SUCCEEDED
    assert len(server.creates) == 1


async def test_nobody_owns_nothing_and_sends_nothing(kling: Start, studio: Open) -> None:
    server = kling()
    async with studio(server.url) as one:
        assert {*await one.submit(ImageRequest(prompt="x"), owner="")} == {""}
        assert await one.tasks(owner="") == []
    assert server.creates == []


async def test_our_own_id_that_exists_already_means_it_was_accepted(
    kling: Start, studio: Open
) -> None:
    """The first answer was lost on the way, and the gateway repeated the request by itself."""

    def twice(moment: str, info: Mapping[str, Any]) -> Fault | None:
        if moment != "create":
            return None
        mark = info["external_task_id"]
        body = {"code": 1201, "message": f"External_task_id {mark} already exists"}
        return Fault(status=400, body=json.dumps(body).encode(), accept=True)

    server = kling(faults=twice)
    async with studio(server.url) as one:
        assert (await reaches(one, await submitted(one))).state is State.SUCCEEDED
        typed = await reaches(one, await submitted(one, external_task_id="kui1-mine"))
    assert (typed.state, typed.case) == (State.REJECTED, "1201")


async def test_a_gateway_that_cannot_look_up_may_still_list(kling: Start, studio: Open) -> None:
    def odd(moment: str, info: Mapping[str, Any]) -> Fault | None:
        if moment == "create":
            return Fault(drop=True, accept=True)
        by_ours = "kui1-" in str(info.get("path"))
        return Fault(status=404, body=b"<html>no</html>") if by_ours else None

    server = kling(faults=odd)
    async with studio(server.url) as one:
        assert (await reaches(one, await submitted(one))).state is State.SUCCEEDED


async def test_saving_is_not_given_up_because_of_time(kling: Start, studio: Open) -> None:
    """Found a day later, and the first try fails: the picture is still there."""
    down = iter([Fault(status=503)] * 3)
    server = kling(faults=lambda moment, info: next(down, None) if moment == "picture" else None)
    async with studio(server.url) as one:
        one.history._clock = lambda: time.time() - 3 * 24 * 3600
        assert (await reaches(one, await submitted(one))).state is State.SUCCEEDED


async def test_pictures_that_stay_gone_are_told_of_in_the_end(
    kling: Start, studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kling_ui.studio.keeper.GONE_AFTER", 3.0)
    server = kling(faults=lambda moment, info: Fault(status=404) if moment == "picture" else None)
    async with studio(server.url) as one:
        task = await reaches(one, await submitted(one))
    assert (task.state, task.case) == (State.FAILED, "pictures_gone")


@pytest.mark.parametrize(
    ("kept", "state", "case"),
    [(0, State.FAILED, "no_pictures"), (1, State.SUCCEEDED, "some_missing")],
)
async def test_fewer_pictures_than_asked_for_are_kept_and_said(
    kling: Start, studio: Open, kept: int, state: State, case: str
) -> None:
    def fewer(moment: str, info: Mapping[str, Any]) -> Fault | None:
        answer = json.loads(json.dumps(info.get("answer")))
        images = ((answer or {}).get("data") or {}).get("task_result", {}).get("images")
        if moment != "get" or not images:
            return None
        del images[kept:]
        return Fault(status=200, body=json.dumps(answer).encode())

    server = kling(faults=fewer)
    async with studio(server.url) as one:
        task = await reaches(one, await submitted(one, n=2))
    assert (task.state, task.case, len(task.pictures)) == (state, case, kept)


async def test_what_cannot_even_be_asked_about_is_stalled_after_a_day(
    kling: Start, studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kling_ui.studio.watcher.A_DAY", 0.3 / PACE)
    down = {"now": True}

    def refuse(moment: str, info: Mapping[str, Any]) -> Fault | None:
        return Fault(status=502) if moment == "get" and down["now"] else None

    server = kling(faults=refuse)
    async with studio(server.url) as one:
        task = await submitted(one)
        await reaches(one, task, State.STALLED)
        down["now"] = False
        await one.look(task.id, owner=OWNER)
        assert (await reaches(one, task)).state is State.SUCCEEDED


async def test_the_oldest_task_goes_first_after_a_pause(
    kling: Start, studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kling_ui.studio.sender.AT_ONCE", 1)  # so that they arrive as they leave
    full = iter([Fault(status=429, body=b'{"code":1303,"message":"full"}')] * 3)
    server = kling(faults=lambda moment, info: next(full, None) if moment == "create" else None)
    async with studio(server.url) as one:
        tasks = [await submitted(one, f"fox {k}") for k in range(3)]
        for task in tasks:
            assert (await reaches(one, task)).state is State.SUCCEEDED
    posts = [call for call in server.calls if call.method == "POST" and call.status == 200]
    assert [call.external_task_id for call in posts] == [task.external_task_id for task in tasks]


async def test_pictures_whose_rows_were_damaged_are_found_on_the_disk(
    kling: Start, studio: Open, tmp_path: Path
) -> None:
    server = kling()
    async with studio(server.url) as one:
        before = await reaches(one, await submitted(one, n=2))
    path = tmp_path / "history.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("DELETE FROM picture")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.write(b"garbage")
    async with studio(NOWHERE) as one:
        after = await reaches(one, before)
        assert one.notice and "history.db.damaged" in one.notice.en
    assert after.state is State.SUCCEEDED
    assert after.pictures == before.pictures
