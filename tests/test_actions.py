"""What the stage's buttons do with what a browser sends; without a server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kling_ui.fields import KEPT
from kling_ui.history import DiskTrouble, Found, NewTask
from kling_ui.studio import Studio
from kling_ui.studio.studio import DISK_FULL
from kling_ui.task import Picture, State, Task
from kling_ui.ui.actions import TOO_LATE
from kling_ui.ui.page import Page
from kling_ui.ui.stage import on_stage
from kling_ui.web import Assets

from .conftest import open_studio, submitted, unchanged
from .program import ROOT
from .test_page import FOX, NOBODY, asked_by

NONCE = "0123456789abcdef" * 2


@pytest.fixture
async def quiet(tmp_path: Path) -> AsyncIterator[Studio]:
    async with open_studio(tmp_path, NOBODY, run=False) as studio:
        yield studio


@pytest.fixture
async def page(quiet: Studio) -> Page:
    return Page(quiet, Assets(ROOT / "assets"), default_model="kling-v2-1")


async def ended(studio: Studio, state: State = State.REJECTED, **values: Any) -> Task:
    """A task of Ann's that brought nothing."""
    values = {"n": 3, "external_task_id": "hers", **values}
    task = await submitted(studio, "as it was sent", owner="ann", **values)
    moved = await studio.records.move(task, state, case="1301")
    assert moved
    return moved


async def test_again_sends_what_was_sent_and_a_press_that_comes_twice_is_one_task(
    page: Page, quiet: Studio
) -> None:
    former = await ended(quiet)
    reports = [
        await page.actions.again(asked_by("ann"), task_id=former.id, nonce=NONCE) for _ in range(2)
    ]
    assert reports[0] == reports[1]
    assert reports[0] == {"former": former.id, "task": reports[0]["task"], "problem": ""}
    new = await quiet.task(reports[0]["task"], owner="ann")
    assert new
    assert (new.request["prompt"], new.n) == ("as it was sent", 3)
    assert new.supersedes == former.id
    assert new.external_task_id != "hers"
    assert len(await quiet.tasks(owner="ann")) == 2


@pytest.mark.parametrize("odd", [None, "", 7, ["x"], "A" * 32, "\ud800"])
async def test_without_a_sound_number_each_press_is_a_task(
    page: Page, quiet: Studio, odd: Any
) -> None:
    former = await ended(quiet)
    ann = asked_by("ann")
    reports = [await page.actions.again(ann, task_id=former.id, nonce=odd) for _ in range(2)]
    assert len({report["task"] for report in reports}) == 2


@pytest.mark.parametrize("lang", ["en", "zh"])
async def test_a_task_that_moved_on_is_not_sent_again_and_says_so(
    page: Page, quiet: Studio, lang: Any
) -> None:
    """It was found at Kling while the question was read."""
    former = await ended(quiet, State.SUBMITTED)
    report = await page.actions.again(asked_by("ann", lang), task_id=former.id, nonce=NONCE)
    assert report == {"former": former.id, "task": "", "problem": TOO_LATE.of(lang)}
    assert len(await quiet.tasks(owner="ann")) == 1


async def test_what_cannot_be_sent_again_says_why_with_the_fields_label(
    page: Page, quiet: Studio
) -> None:
    former = await ended(quiet)
    lost = json.dumps({**former.request, "prompt": ""})  # as an older version may have kept it
    quiet.history.note(former.id, request=lost)
    for lang, says in (("en", "Prompt: Describe"), ("zh", "提示词：请先描述")):
        report = await page.actions.again(asked_by("ann", lang), task_id=former.id, nonce=NONCE)
        assert report["problem"].startswith(says)
        assert report["task"] == ""


async def test_a_strangers_task_is_not_sent_again(page: Page, quiet: Studio) -> None:
    former = await ended(quiet)
    report = await page.actions.again(asked_by("bob"), task_id=former.id, nonce=NONCE)
    assert report["task"] == ""
    new = NewTask(owner="", account="test", nonce="n", external_task_id="e", request=FOX)
    nobodys, _ = quiet.history.add(new)
    quiet.history.move(nobodys.id, State.FAILED, frm={State.QUEUED})
    for task_id in (former.id, nobodys.id):
        assert await page.actions.again(asked_by(""), task_id=task_id, nonce=NONCE) == {}
    assert [len(await quiet.tasks(owner=one)) for one in ("ann", "bob", "")] == [1, 0, 1]


async def test_a_full_disk_is_told_in_place_by_generate_and_by_again(
    page: Page, quiet: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = await ended(quiet)

    def full(*new: Any) -> Any:
        raise DiskTrouble("database or disk is full")

    monkeypatch.setattr(quiet.history, "add_all", full)
    ann = asked_by("ann", "zh")
    report = await page.composer.pressed(ann, nonce=NONCE, **FOX)
    assert (report["task"], report["problems"]) == ("", {"": DISK_FULL.zh})
    assert report["nonce"] == NONCE
    again = await page.actions.again(ann, task_id=former.id, nonce=NONCE)
    assert again == {"former": former.id, "task": "", "problem": DISK_FULL.zh}


async def test_a_task_found_again_fills_no_form(page: Page, quiet: Studio) -> None:
    found = Found(
        owner="ann", account="test", external_task_id="e", remote_id="7",
        request={"prompt": "", "n": 1}, state=State.SUBMITTED, created=1.0, sent=1.0,
    )  # fmt: skip
    task = quiet.history.adopt(found)
    assert task
    assert unchanged(await page.actions.use_settings(task.id, asked_by("ann")))
    known = await ended(quiet, image=KEPT + "0" * 64 + ".png")
    assert await page.actions.use_settings(known.id, asked_by("ann"))


@pytest.mark.parametrize("state", [State.UNCONFIRMED, State.REJECTED])
async def test_discard_forgets_what_nobody_could_confirm(
    page: Page, quiet: Studio, state: State
) -> None:
    former = await ended(quiet, state)
    name = "discard" if state is State.UNCONFIRMED else "delete"
    button = page.stage.actions[name]._id
    (fn,) = [f for f in page.blocks.fns.values() if f.targets == [(button, "click")]]
    assert fn.fn
    await fn.fn(former.id, asked_by("bob"))
    assert await quiet.task(former.id, owner="ann")
    await fn.fn(former.id, asked_by("ann"))
    assert await quiet.task(former.id, owner="ann") is None


def test_a_picture_is_named_by_its_place_also_where_another_is_still_to_come() -> None:
    third = Picture("p", "1", 2, False, "p.png", "image/png", 9, "ab", 10, 10)
    task = Task(
        id="1", owner="ann", account="test", state=State.SAVING, external_task_id="e", revision=1,
        created=0, state_since=0, request={"n": 4}, pictures=(third,),
    )  # fmt: skip
    assert on_stage(task) == {2: third}
    assert on_stage(replace(task, state=State.SUCCEEDED)) == {0: third}
