"""The page as it is built, and what it makes of what a browser sends; without a server."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import gradio as gr
import pytest
import pytest_asyncio
from gradio.queueing import Queue
from gradio.state_holder import SessionState
from starlette.requests import Request

from kling_ui.fields import KEPT
from kling_ui.history import NewTask
from kling_ui.pictures import Reference
from kling_ui.prices import DEMO_HOST, Prices
from kling_ui.request import SPECS, ImageRequest
from kling_ui.settings import Mode
from kling_ui.studio import NO_OWNER, Accounts, Studio
from kling_ui.task import RemotePicture, State, Task, is_id
from kling_ui.text import Lang
from kling_ui.ui.endpoints import Endpoints
from kling_ui.ui.form import COMPARED, NOT_AN_UPLOAD, Uploads
from kling_ui.ui.habits import Calls
from kling_ui.ui.page import BOOT, FEED, LOGIN, Page
from kling_ui.ui.stage import columns_for
from kling_ui.ui.words import SCRIPT, login_facts
from kling_ui.web import Assets

from .conftest import account, open_studio, photo, studio_of, unchanged
from .program import ROOT

Open = Callable[..., Any]
FOX = {"prompt": "a fox", "model_name": "kling-v2-1"}
NOBODY = "http://127.0.0.1:9"
SCRIPTS = (*FEED, *BOOT)


@pytest.fixture
async def quiet(tmp_path: Path) -> AsyncIterator[Studio]:
    async with open_studio(tmp_path, NOBODY, run=False) as studio:
        yield studio


@pytest.fixture
async def page(quiet: Studio) -> Page:
    return Page(quiet, Assets(ROOT / "assets"), default_model="kling-v2-1")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def built(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Page]:
    """One page for all tests that only look at it."""
    studio = studio_of(tmp_path_factory.mktemp("built"), account(NOBODY))
    yield Page(studio, Assets(ROOT / "assets"), default_model="kling-v2-1")
    studio.history.close()


async def test_every_field_has_one_widget(built: Page) -> None:
    assert {*built.composer.form.components} == {*SPECS, "image_url", *COMPARED}
    ids = [component.elem_id for component in built.composer.form.components.values()]
    assert len({*ids}) == len(ids)


async def test_only_the_three_endpoints_are_public(built: Page) -> None:
    public = {fn.api_name for fn in built.blocks.fns.values() if fn.api_visibility != "private"}
    assert public == {"submit", "task", "tasks"}


async def test_no_widget_has_a_limit_of_its_own(built: Page) -> None:
    """Gradio would answer in English before our own check can speak."""
    for name, component in built.composer.form.components.items():
        for limit in ("minimum", "maximum", "max_length"):
            assert getattr(component, limit, None) is None, f"{name}.{limit}"


async def test_events_with_uploads_are_not_preprocessed(built: Page) -> None:
    image = built.composer.form.components["image"]
    for fn in built.blocks.fns.values():
        if fn.fn is not None and image in fn.inputs:
            assert fn.preprocess is False, fn.name


async def test_a_script_may_name_every_field_and_no_other(built: Page) -> None:
    submit = next(fn for fn in built.blocks.fns.values() if fn.api_name == "submit")
    assert submit.fn is not None
    assert {*inspect.signature(submit.fn).parameters} == {*SPECS, "request"}


async def test_a_report_is_read_only_after_an_event_that_went_well(built: Page) -> None:
    """After another it is the report of a former one."""
    said = [fn for fn in built.blocks.fns.values() if "kling.report(" in str(fn.js)]
    assert len(said) == 3
    assert all(fn.trigger_only_on_success for fn in said)
    (failed,) = [fn for fn in built.blocks.fns.values() if "kling.failed(" in str(fn.js)]
    assert failed.trigger_only_on_failure


async def test_every_label_is_said_in_both_languages(built: Page) -> None:
    said = built.speech.i18n.translations
    assert {*said} == {"en", "zh-CN"}
    assert said["en"].keys() == said["zh-CN"].keys()
    assert not [text for text in said["en"].values() if "{" in text]  # ICU would read them


async def test_a_custom_default_model_is_offered(quiet: Studio) -> None:
    page = Page(quiet, Assets(ROOT / "assets"), default_model="house-model")
    model = page.composer.form.components["model_name"]
    assert model.value == "house-model"
    assert model.choices[0] == ("house-model", "house-model")


@pytest.mark.parametrize("lang", ["en", "zh"])
async def test_the_scripts_know_words_rules_and_prices(built: Page, lang: Any) -> None:
    facts = json.loads(json.dumps(built.facts(lang)))
    assert facts["rules"]["kling-v1-5"][""]["prompt"] == 500
    assert facts["words"]["state"].keys() == {*map(str, State)}
    prices = [rule["price"] for model in facts["rules"].values() for rule in model.values()]
    assert not any(prices)  # a gateway: nobody says what a picture costs there
    assert facts["fields"] == [*SPECS, "image_url", *COMPARED]
    assert len(facts["examples"]) == len(built.composer.examples)


async def test_prices_are_those_of_the_account(quiet: Studio) -> None:
    usual = replace(quiet.accounts.usual, base_url=DEMO_HOST)
    quiet.accounts = Accounts({usual.name: usual}, usual=usual)
    page = Page(quiet, Assets(ROOT / "assets"), default_model="kling-v2-1")
    rules = page.facts("en")["rules"]
    assert rules["kling-v2-1"][""]["price"] == (0.014, "USD")
    for model, situations in rules.items():
        for situation, rule in situations.items():
            known = Prices().estimate(model, picture=bool(situation), n=1, base_url=DEMO_HOST)
            assert rule["price"] == (known and (known.amount, known.currency)), (model, situation)


def test_no_word_is_there_for_nobody() -> None:
    code = "".join((ROOT / "assets" / name).read_text("utf-8") for name in SCRIPTS)
    asked = {f"{action}_{part}" for action in ("discard", "delete") for part in ("title", "body")}
    asked |= {"again_title", "retry_title"}  # put together from the action's name
    asked |= {f"mode_{mode}" for mode in get_args(Mode)}
    asked |= {f"no_{view}" for view in ("running", "starred", "failed")}
    unsaid = [name for name in SCRIPT if not re.search(rf'"{name}"|words\.{name}\b', code)]
    assert {*unsaid} == asked


async def test_every_word_a_script_says_exists(built: Page) -> None:
    words = built.facts("en")["words"]
    for name in SCRIPTS:
        code = (ROOT / "assets" / name).read_text(encoding="utf-8")
        said = {
            *re.findall(r"""\bsay\("(\w+)\"""", code),
            *re.findall(r"kling\.words\.(\w+)", code),
        }
        assert said <= {*words}, name


def test_the_page_that_asks_for_the_password_says_only_what_it_knows() -> None:
    code = "".join((ROOT / "assets" / name).read_text("utf-8") for name in LOGIN)
    said = {*re.findall(r"""\bsay\("(\w+)"\)""", code)}
    for lang in get_args(Lang):
        assert said == {*login_facts(lang)["words"]}


# what a browser or a script sends


@pytest.fixture
def uploads(quiet: Studio, tmp_path: Path) -> Uploads:
    (tmp_path / "uploads").mkdir()
    return Uploads(quiet.folder, tmp_path / "uploads")


def sent(path: Path) -> dict[str, Any]:
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


async def test_an_upload_becomes_a_kept_reference_once(
    uploads: Uploads, quiet: Studio, tmp_path: Path
) -> None:
    path = tmp_path / "uploads" / "a.jpg"
    path.write_bytes(photo())
    first = await uploads.image(sent(path))
    assert isinstance(first, str)
    assert first.startswith(KEPT)
    path.write_bytes(b"changed behind our back")
    assert await uploads.image(sent(path)) == first
    assert quiet.folder.reference(first.removeprefix(KEPT))


async def test_an_upload_that_many_ask_about_at_once_is_cleaned_once(
    uploads: Uploads, quiet: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "uploads" / "a.jpg"
    path.write_bytes(photo())
    receive, cleaned = quiet.folder.receive, []

    async def receiving(source: Any, **_: Any) -> Any:
        cleaned.append(source)
        return await receive(source)

    monkeypatch.setattr(quiet.folder, "receive", receiving)
    names = await asyncio.gather(*(uploads.image(sent(path)) for _ in range(8)))
    assert len({*names}) == len(cleaned) == 1


async def test_the_same_reference_written_by_many_at_once_is_whole(quiet: Studio) -> None:
    reference = await quiet.folder.receive(photo())
    assert isinstance(reference, Reference)
    for _ in range(20):
        keeping = (asyncio.to_thread(quiet.folder.keep_reference, reference) for _ in range(8))
        names = {*await asyncio.gather(*keeping)}
        assert quiet.folder.reference(names.pop()) == reference.data
        quiet.folder.forget_reference(reference.name)


@pytest.mark.parametrize(
    "given",
    [
        {"path": "/etc/passwd"},
        {"path": "uploads/../history.db"},
        "/etc/passwd",
        "file:///etc/passwd",
        ["x"],
        7,
        {"path": "\0"},
        {"path": "\ud800"},
        {"path": "x" * 5000},
        {"path": ["x"]},
        {"meta": {"_type": "gradio.FileData"}},
        {"url": "/etc/passwd"},
        KEPT + "0" * 64 + ".png",
    ],
)
async def test_a_file_that_was_not_uploaded_is_refused(uploads: Uploads, given: Any) -> None:
    assert await uploads.image(given) == NOT_AN_UPLOAD


async def test_a_picture_kept_for_another_is_not_had_by_its_name(
    uploads: Uploads, tmp_path: Path
) -> None:
    path = tmp_path / "uploads" / "a.jpg"
    path.write_bytes(photo())
    kept = await uploads.image(sent(path))
    for field in ("image", "image_url"):
        request, problems = await uploads.draft({"prompt": "x", field: kept})
        assert problems == {field: NOT_AN_UPLOAD}
        assert request.image == ""


async def test_gradio_keeps_nothing_of_what_a_session_said(built: Page) -> None:
    """It would, 9 MB for a list of 360 kB, for each of 500 sessions."""
    state, prompt = SessionState(built.blocks), built.composer.form.components["prompt"]._id
    state._update_value_in_config(prompt, "x" * 100_000)
    assert "x" * 100 not in json.dumps(state.config_values[prompt], default=str)


async def test_answers_that_are_kept_for_somebody_are_counted(built: Page) -> None:
    calls, queue = Calls(built.blocks), built.blocks._queue
    for session, kept in (("gone", False), ("there", True)):
        queue.pending_event_ids_session[session] = {"a", "b"}
        if kept:
            queue.pending_messages_per_session[session] = asyncio.Queue()
    assert [calls.there(one) for one in ("gone", "there", "none")] == [False, True, False]
    assert [calls.unread(one) for one in ("gone", "there", "none")] == [0, 2, 0]
    calls.forget("there")
    assert calls.unread("there") == 0
    named = {one.api_name: number for number, one in built.blocks.fns.items()}
    assert calls.queued(named["submit"])
    judged = next(number for number, one in built.blocks.fns.items() if not one.queue)
    assert not any(map(calls.queued, (judged, -1, "0", None, [], 1.5)))


async def test_an_address_is_taken_as_it_was_pasted(uploads: Uploads) -> None:
    request, problems = await uploads.draft(
        {"prompt": "x", "image_url": " https://example.com/a.png\n"}
    )
    assert (request.image, problems) == ("https://example.com/a.png", {})
    for named in ({"path": "https://example.com/a.png"}, {"url": "https://example.com/a.png"}):
        request, problems = await uploads.draft({"prompt": "x", "image": named})
        assert (request.image, problems) == ("https://example.com/a.png", {})
    request, problems = await uploads.draft({"prompt": "x", "image_url": " \n", "image": None})
    assert (request.image, problems) == ("", {})


async def test_the_same_upload_again_after_its_task_was_deleted_is_kept_anew(
    uploads: Uploads, quiet: Studio, tmp_path: Path
) -> None:
    path = tmp_path / "uploads" / "a.jpg"
    path.write_bytes(photo())
    request, _ = await uploads.draft({"prompt": "x", "image": sent(path)})
    task = await quiet.submit(request, owner="ann")
    assert isinstance(task, Task)
    await quiet.cancel(task.id, owner="ann")
    await quiet.delete(task.id, owner="ann")
    name = request.image.removeprefix(KEPT)
    assert not quiet.folder.reference_path(name).exists()
    again, problems = await uploads.draft({"prompt": "x", "image": sent(path)})
    assert (again.image, problems) == (request.image, {})
    assert quiet.folder.reference(name)


async def test_a_link_out_of_the_upload_folder_is_refused(uploads: Uploads, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(photo(kind="PNG"))
    link = tmp_path / "uploads" / "link.png"
    link.symlink_to(tmp_path / "secret.png")
    assert await uploads.image(sent(link)) == NOT_AN_UPLOAD


async def test_an_upload_goes_before_an_address_and_each_has_its_own_problem(
    uploads: Uploads, tmp_path: Path
) -> None:
    path = tmp_path / "uploads" / "a.jpg"
    path.write_bytes(photo())
    request, problems = await uploads.draft(
        {"prompt": "x", "image": sent(path), "image_url": "https://example.com/a.png"}
    )
    assert request.image.startswith(KEPT)
    assert problems == {}
    _, problems = await uploads.draft({"prompt": "", "image_url": "http://127.0.0.1/a.png"})
    assert {*problems} == {"prompt", "image_url"}
    path = tmp_path / "uploads" / "b.jpg"
    path.write_bytes(b"no picture")
    _, problems = await uploads.draft(
        {"prompt": "x", "image": sent(path), "model_name": "kling-v2-new"}
    )
    assert {*problems} == {"image"}
    assert "not a picture" in problems["image"].en


async def test_settings_of_a_task_fill_the_form_with_its_picture(
    page: Page, uploads: Uploads, tmp_path: Path
) -> None:
    path = tmp_path / "uploads" / "a.jpg"
    path.write_bytes(photo())
    image = await uploads.image(sent(path))
    assert isinstance(image, str)
    lent = await uploads.lend(image)
    assert lent is not None
    assert lent.is_relative_to(tmp_path / "uploads")
    updates = page.composer.form.fill(ImageRequest(prompt="again", image=image, n=4), picture=lent)
    values = {component.elem_id: update["value"] for component, update in updates.items()}
    assert values["field-image"] == str(lent)
    assert (values["field-prompt"], values["field-n"], values["field-image_url"]) == (
        "again",
        4,
        "",
    )
    assert await uploads.lend(KEPT + "0" * 64 + ".png") is None
    assert await uploads.lend(image) == lent  # however often: it takes no room twice
    assert lent.stat().st_nlink == 2


# who asks


def asked_by(owner: str, lang: str = "en") -> Any:
    headers = [(b"accept-language", lang.encode()), (b"host", b"here")]
    return Request({"type": "http", "headers": headers, "kling_owner": owner})


@pytest.mark.parametrize("lang", ["en", "zh"])
async def test_a_caller_without_a_cookie_is_told_so_and_nothing_is_kept(
    page: Page, quiet: Studio, tmp_path: Path, lang: Any
) -> None:
    nobody = asked_by("", lang)
    task, _ = quiet.history.add(
        NewTask(owner="", account="test", nonce="n", external_task_id="e", request={"n": 9})
    )
    report = await page.composer.pressed(nobody, nonce="", prompt="a fox", image=sent(tmp_path))
    assert report["problems"] == {"": NO_OWNER.of(lang)}
    report = await page.composer.check_upload(sent(tmp_path), nobody)
    assert [*report["problems"].values()] == [NO_OWNER.of(lang)]
    asked = gr.EventData(None, {"task_id": task.id, "question": 7})
    update, question = await page.actions.show(asked, nobody)
    assert question == 7
    assert len(update["value"]) == len(page.stage.examples)
    assert unchanged(await page.actions.use_settings(task.id, nobody))
    (cancel,) = [
        fn for fn in page.blocks.fns.values() if fn.targets == [(_id(page, "cancel"), "click")]
    ]
    assert cancel.fn
    await cancel.fn(task.id, nobody)
    assert quiet.history.unfinished() == [task]
    assert page.facts(lang)["words"]["no_owner"] == NO_OWNER.of(lang)


def _id(page: Page, action: str) -> int:
    return int(page.stage.actions[action]._id)


@pytest.mark.parametrize("odd", [None, "", 7, ["x"], {"a": 1}, "x", "\ud800" * 32, "\0"])
async def test_whatever_is_named_as_a_task_nothing_raises(built: Page, odd: Any) -> None:
    ann = asked_by("ann")
    for event in (gr.EventData(None, odd), gr.EventData(None, {"task_id": odd})):
        update, _ = await built.actions.show(event, ann)
        assert len(update["value"]) == len(built.stage.examples)
    assert unchanged(await built.actions.use_settings(odd, ann))
    for name in ("cancel", "release", "look", "discard", "delete"):
        (fn,) = [f for f in built.blocks.fns.values() if f.targets == [(_id(built, name), "click")]]
        assert fn.fn
        await fn.fn(odd, ann)
    assert await built.actions.again(ann, task_id=odd, nonce=odd) == {}
    with pytest.raises(gr.Error, match="no such task"):
        await Endpoints(built.studio, built.composer.uploads).task(odd, ann)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [(7, 7), (0, 0), (2**53 - 1, 2**53 - 1), (2**53, 0), (-(2**64), 0), (10**400, 0), ("7", 0)],
)
async def test_an_answer_names_the_question_or_none_where_no_answer_could_hold_it(
    built: Page, asked: Any, answered: int
) -> None:
    event = gr.EventData(None, {"task_id": "", "question": asked})
    _, question = await built.actions.show(event, asked_by("ann"))
    assert question == answered


@pytest.mark.parametrize("odd", [None, "", 7, ["x"], "A" * 32, "\ud800", "x" * 100_000])
async def test_a_press_without_a_sound_number_gets_one(page: Page, quiet: Studio, odd: Any) -> None:
    ann = asked_by("ann")
    reports = [await page.composer.pressed(ann, nonce=odd, **FOX) for _ in range(2)]
    assert len({report["task"] for report in reports}) == 2
    assert all(is_id(report["nonce"]) for report in reports)


async def test_a_press_that_comes_twice_is_one_task_and_the_report_names_it(built: Page) -> None:
    ann, nonce = asked_by("ann"), "0123456789abcdef" * 2
    reports = [await built.composer.pressed(ann, nonce=nonce, **FOX) for _ in range(2)]
    assert reports[0] == reports[1]
    assert reports[0]["nonce"] == nonce
    assert reports[0]["task"]


async def test_a_script_hears_the_studios_word_on_a_task(page: Page, quiet: Studio) -> None:
    """One whose account is missing waits for it, whatever else was noted."""
    new = NewTask(owner="ann", account="gone", nonce="n", external_task_id="e", request=FOX)
    task, _ = quiet.history.add(new)
    endpoints, ann = Endpoints(quiet, page.composer.uploads), asked_by("ann")
    assert (await endpoints.task(task.id, ann))["error"] == ""
    quiet.history.move(task.id, State.UNCONFIRMED, frm={State.QUEUED}, case="no_answer")
    (described,) = await endpoints.tasks(ann)
    assert described["error"].startswith("Waiting for your key (Kling may have")


# the stage


@pytest.mark.parametrize(("count", "columns"), [(0, 1), (1, 1), (4, 4), (5, 3), (8, 4), (9, 3)])
def test_pictures_stand_in_rows(count: int, columns: int) -> None:
    assert columns_for(count) == columns


async def test_a_running_task_shows_a_tile_per_picture_in_the_asked_shape(built: Page) -> None:
    task = Task(
        id="1", owner="o", account="a", state=State.PROCESSING, external_task_id="e", revision=1,
        created=0, state_since=0, request={"n": 3, "aspect_ratio": "9:16"},
        remote_pictures=(RemotePicture(url="https://host/a.png"),),
    )  # fmt: skip
    update = built.stage.show(task, "http://here")
    tile = "http://here/gradio_api/studio/placeholder/720x1280"
    assert update["value"] == [tile] * 3
    update = built.stage.show(None, "http://here")
    assert len(update["value"]) == 4


def test_gradios_queue_still_rests_for_as_long_as_it_is_told() -> None:
    """A private name of Gradio's: without it an empty queue costs 4 % of a core."""
    assert "sleep_when_free" in Queue.start_processing.__code__.co_names


# what Gradio does before a function of ours runs


def test_no_event_lets_gradio_open_a_picture(built: Page) -> None:
    """An event's function may be missing, and its pictures are prepared all the same."""
    for event in built.blocks.fns.values():
        pictures = [one for one in event.inputs if isinstance(one, gr.Image)]
        assert not pictures or not event.preprocess, event


async def test_no_widget_fetches_what_a_caller_names(built: Page) -> None:
    """Neither those of the page nor those that Gradio makes of them for a session."""
    for widget in [*built.blocks.blocks.values(), gr.Textbox(), gr.Image()]:
        move = widget.async_move_resource_to_block_cache
        for url in ("http://127.0.0.1:9/x.png", "https://host.invalid/x.png"):
            assert await move(url) == url, widget
