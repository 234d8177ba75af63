"""What a strict reviewer found could be paid twice or lost, each as the story it was found by."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from kling_ui.history import DiskTrouble, History, InFlight, MovedOn, NewTask, Waiting
from kling_ui.studio import Studio
from kling_ui.studio.line import Quota
from kling_ui.studio.studio import NOT_HEARD
from kling_ui.task import State, Task

from .sequences.scene import OWNER, Fate, Scene, Sent, played, press, until

NONCE = "0123456789abcdef" * 2
THROTTLED = httpx.Response(429, json={"code": 1303, "message": "parallel task over resource pack"})


def lost_once(prompt: str) -> Any:
    """A gateway times out on the first create with this prompt, and Kling never heard of it."""
    creates: list[Sent] = []

    def script(sent: Sent) -> Fate:
        if sent.kind != "create" or sent.body.get("prompt") != prompt:
            return None
        creates.append(sent)
        return httpx.Response(504, text="gateway timeout") if len(creates) == 1 else None

    return script


async def lost(scene: Scene, studio: Studio) -> Task:
    """An unconfirmed task that Kling has no trace of, at a gateway whose lookup is proven."""
    await until(studio, await press(studio, "proof"), State.SUCCEEDED)
    scene.wire.script = lost_once("lost")
    return await until(studio, await press(studio, "lost"), State.UNCONFIRMED)


@played()
async def test_what_somebody_sent_again_is_not_sent_again_by_itself(scene: Scene) -> None:
    async with scene.studio(resubmit=True) as studio:
        task = await lost(scene, studio)
        new = await studio.again(task.id, owner=OWNER, nonce=NONCE)
        assert isinstance(new, Task)
        await until(studio, new, State.SUCCEEDED)
        await asyncio.sleep(600)
        former = await studio.task(task.id, owner=OWNER)
        assert former
        assert (former.state, former.case) == (State.UNCONFIRMED, "not_found")
    assert len([one for one in scene.wire.of("create") if one.body["prompt"] == "lost"]) == 2


@played()
async def test_what_is_sent_again_by_itself_is_not_sent_by_a_press_as_well(scene: Scene) -> None:
    async with scene.studio() as studio:
        task = await lost(scene, studio)
        await studio.records.move(task, State.QUEUED, resubmitted=True)
        new = NewTask(
            owner=OWNER,
            account=task.account,
            nonce=NONCE,
            external_task_id="another",
            request=task.request,
            supersedes=task.id,
        )
        with pytest.raises(MovedOn):
            studio.history.add(new)
        assert await studio.again(task.id, owner=OWNER, nonce=NONCE) is None


def unreadable_after_creates(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk cannot be read for a moment after each create was answered."""
    account = next(iter(studio.accounts.values()))
    create, in_flight, bad = account.client.create, studio.history.in_flight, [False]

    def reading(name: str) -> list[InFlight]:
        if bad[0]:
            raise DiskTrouble("disk I/O error")
        return in_flight(name)

    async def creating(payload: Any) -> Any:
        try:
            return await create(payload)
        finally:
            bad[0] = True
            asyncio.get_running_loop().call_later(0.2, bad.__setitem__, 0, False)

    monkeypatch.setattr(studio.history, "in_flight", reading)
    monkeypatch.setattr(account.client, "create", creating)


@played()
async def test_an_accepted_task_is_known_though_nothing_can_be_learned_from_it(
    scene: Scene,
) -> None:
    async with scene.studio() as studio:
        with pytest.MonkeyPatch.context() as monkeypatch:
            unreadable_after_creates(studio, monkeypatch)
            done = await until(studio, await press(studio, "a fox"), State.SUCCEEDED)
    assert done.remote_id
    assert len(scene.wire.of("create")) == 1


@played()
async def test_a_throttled_task_waits_though_nothing_can_be_learned_from_it(scene: Scene) -> None:
    refused: list[Sent] = []

    def script(sent: Sent) -> Fate:
        if sent.kind == "create" and not refused:
            refused.append(sent)
            return THROTTLED
        return None

    scene.wire.script = script
    async with scene.studio() as studio:
        with pytest.MonkeyPatch.context() as monkeypatch:
            unreadable_after_creates(studio, monkeypatch)
            await until(studio, await press(studio, "a fox"), State.SUCCEEDED)
    assert len(scene.wire.of("create")) == 2


@played()
async def test_a_task_found_in_the_list_is_watched_though_its_answer_could_not_be_written(
    scene: Scene,
) -> None:
    async with scene.studio() as studio:
        await until(studio, await press(studio, "a fox"), State.SUCCEEDED)
    for file in scene.folder.glob("history.db*"):
        file.unlink()
    move, failed = History.move, []

    def moving(*values: Any, **named: Any) -> Task | None:
        if not failed:
            failed.append(values)
            raise DiskTrouble("full")
        return move(*values, **named)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(History, "move", moving)
        async with scene.studio() as studio:
            for _ in range(60):
                await asyncio.sleep(1)
                found = await studio.tasks(owner=OWNER)
                if [task.state for task in found] == ["succeeded"]:
                    break
            assert [(task.state, len(task.pictures)) for task in found] == [("succeeded", 1)]
    assert failed


def test_a_trial_that_is_due_hides_no_later_one() -> None:
    quota = Quota({"A": 1, "B": 1}, now=0)
    quota._limits["B"].trial = 130.0
    line = [Waiting("a", "o", "A", 3, ""), Waiting("b", "o", "B", 1, "")]
    flying = [InFlight("x", "o", "A", 1), InFlight("y", "o", "B", 1)]
    assert quota.next(line, flying, now=100) is None
    assert quota.wait(line, now=100) == 30


@played()
async def test_a_kling_that_does_not_answer_is_told_on_every_page(scene: Scene) -> None:
    def gone(sent: Sent) -> Fate:
        return None if sent.kind == "create" else httpx.Response(502, text="bad gateway")

    async with scene.studio() as studio:
        task = await until(studio, await press(studio, "a fox"), State.SUBMITTED)
        assert studio.notice is None
        scene.wire.script = gone
        with studio.watching(OWNER) as changed:
            changed.clear()
            async with asyncio.timeout(300):
                await changed.wait()
        assert studio.notice == NOT_HEARD
        scene.wire.script = lambda _: None
        await until(studio, task, State.SUCCEEDED)
        assert studio.notice is None
