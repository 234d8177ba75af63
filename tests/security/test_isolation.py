"""On a Space nobody sees, spends or changes anything of another visitor's, whatever they know."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import pytest

from ..conftest import photo
from ..program import Program
from .conftest import HERS
from .ours import own_routes
from .visitor import STUDIO, Visitor, nonce
from .wire import Payments

Come = Callable[..., Visitor]
CANARY = f"canary-{nonce()}"
SHARED = ("to learn the mark #policy", "lost")  # sent by others who have the same key
CHANGING = {"revision": 0, "usual": None}  # by what she does herself, and others of her account


@dataclass
class Victim:
    """Ann, and everything that somebody could have learned of her."""

    who: Visitor
    tasks: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    remote: list[str] = field(default_factory=list)
    external: list[str] = field(default_factory=list)
    comparison: str = ""
    cursor: str = ""
    heard: str = ""  # the id of an event of her stream
    upload: str = ""

    @property
    def ids(self) -> list[str]:
        one = [self.tasks[0], self.tasks[-1], self.pictures[0], self.remote[0], self.external[0]]
        return [*one, self.comparison, self.cursor, self.heard]

    @property
    def secrets(self) -> set[str]:
        own = {*self.tasks, *self.pictures, *self.remote, *self.external, self.comparison}
        return own | {CANARY, HERS, Path(self.upload).parent.name}


@pytest.fixture(scope="module")
def ann(space: Program) -> Iterator[Victim]:
    """With pictures, a comparison, a star, a reference and a key of her own."""
    one = Victim(Visitor.come(space))
    assert one.who.bring(HERS) == ""
    files = {"files": ("a photo.jpg", photo(), "image/jpeg")}
    (one.upload,) = one.who.post("/gradio_api/upload", files=files).json()
    picture = {"path": one.upload, "meta": {"_type": "gradio.FileData"}}
    with_picture = one.who.submit(f"{CANARY} one", image=picture)
    several = one.who.submit(f"{CANARY} two", n="2", negative_prompt=CANARY)
    one.who.submit(f"{CANARY} grid", compare_ratios=["1:1", "16:9"], n="1")
    refused = one.who.submit(f"{CANARY} #policy")
    for card in one.who.cards():
        one.who.ended(card["id"])
    one.who.click("star", several)
    one.who.click("reference", several, 0)
    cards = one.who.cards()
    one.tasks = [with_picture, several, *(card["id"] for card in cards if card["cell"]), refused]
    one.pictures = [picture["id"] for card in cards for picture in card["pictures"]]
    one.remote = [card["ids"]["task_id"] for card in cards if card["ids"]["task_id"]]
    one.external = [card["ids"]["external_task_id"] for card in cards]
    (one.comparison,) = {card["cell"]["comparison"] for card in cards if card["cell"]}
    one.cursor = f"{cards[0]['created'] + 1!r}-{cards[0]['id']}"
    one.heard = one.who.get(f"{STUDIO}/tasks").json()["id"]
    assert (len(one.tasks), len(one.pictures), len(one.remote)) == (5, 5, 4)
    before = seen(one)
    yield one
    assert seen(one) == before
    one.who.http.close()


def seen(victim: Victim) -> dict[str, Any]:
    """All that she sees herself; also whether what is asked here is answered at all."""
    one = victim.who
    page = one.get(f"{STUDIO}/tasks").json()
    paths = [
        *(f"{STUDIO}/tasks/{task}" for task in victim.tasks),
        *(f"{STUDIO}/pictures/{picture}" for picture in victim.pictures),
        *(f"{STUDIO}/pictures/{picture}/480" for picture in victim.pictures),
        f"{STUDIO}/comparisons/{victim.comparison}",
        f"{STUDIO}/account/spending.csv",
        f"/gradio_api/file={victim.upload}",
    ]
    answers = {path: one.get(path) for path in paths}
    assert {answer.status_code for answer in answers.values()} == {200}
    told = one.account()
    told["files"].pop("free")
    with zipped(one, *victim.tasks) as archive:
        names = archive.namelist()
    return {
        "tasks": [{**card, **CHANGING} for card in page["tasks"]],
        "spent": (page["spent"], page["left"], page["running"]),
        "answers": {path: answer.content for path, answer in answers.items()},
        "account": told,
        "archive": names,
    }


def zipped(one: Visitor, *tasks: str) -> ZipFile:
    answer = one.post(f"{STUDIO}/zip", data={"ids": " ".join(tasks)})
    assert answer.status_code == 200
    return ZipFile(io.BytesIO(answer.content))


@pytest.fixture(autouse=True)
def unchanged(ann: Victim, bank: Payments) -> Iterator[None]:
    """After each test her tasks, key and spending are what they were; nothing was paid for with
    it."""

    def now() -> Any:
        tasks = [{**card, **CHANGING} for card in ann.who.cards()]
        told = ann.who.account()
        sent = [one for one in bank.creates if one.key == HERS and one.prompt not in SHARED]
        return tasks, told["key"], told["spending"], len(sent)

    before = now()
    yield
    assert now() == before


def betrayed(victim: Victim, answer: str | httpx.Response, *known: str) -> set[str]:
    """What of hers stands in an answer, beside what was known before."""
    text = answer if isinstance(answer, str) else answer.text + repr(answer.headers)
    return {one for one in victim.secrets if one in text and not any(one in k for k in known)}


# what Gradio answers


def attacks(one: Visitor, victim: Victim) -> Iterator[tuple[int, list[Any], dict[str, Any], str]]:
    """Every function of the page, with what is known of hers in every place."""
    for event in one.events.all:
        for known in victim.ids if event["backend_fn"] else victim.ids[:1]:
            data = [known] * len(event["inputs"])
            told = {"task_id": known, "question": 1, "id": known}
            yield event["id"], data, {"event_data": told, "trigger_id": 1}, known


@pytest.mark.parametrize("session", ["own", "hers"])
@pytest.mark.parametrize("cookie", ["another's", "none"])
def test_no_event_of_the_page_tells_or_does_anything(
    ann: Victim, visitor: Come, session: str, cookie: str
) -> None:
    one = visitor()
    if cookie == "none":
        del one.http.headers["cookie"]
    if session == "hers":
        one.session = ann.who.session
    asked = 0
    for event, data, more, known in attacks(one, ann):
        answer = one.run(event, data, **more)
        assert answer.status_code in (200, 404, 500)
        assert answer.status_code != 500 or answer.json() == {"error": None}
        assert not betrayed(ann, answer, known), (event, known)
        asked += 1
    assert asked > 100  # else the page was not read


def test_nor_by_way_of_the_queue(ann: Victim, visitor: Come) -> None:
    """Which is for scripts: what the page asks is not queued."""
    for known in ann.ids:
        one, told = visitor(), {"task_id": known, "question": 1}
        theirs = {one.events.id(name) for name in ("submit", "task", "tasks")}
        asked = [(event, data) for event, data, _, found in attacks(one, ann) if found == known]
        for event, data in asked:
            if event not in theirs:
                body = {"fn_index": event, "data": data, "session_hash": one.session}
                answer = one.post("/gradio_api/queue/join", body | {"event_data": told})
                assert answer.status_code == 404
        queued = [(event, data) for event, data in asked if event in theirs]
        lines = one.queued(*queued, event_data=told, trigger_id=1)
        assert len([line for line in lines if "process_completed" in line]) == len(queued) > 0
        assert not betrayed(ann, "\n".join(lines), known)


def test_nor_in_the_queue_of_her_session(ann: Victim, visitor: Come) -> None:
    one = visitor()
    for event, data, more, known in attacks(one, ann):
        if known == ann.tasks[1]:
            body = {"fn_index": event, "data": data, "session_hash": ann.who.session, **more}
            answer = one.post("/gradio_api/queue/join", body)
            assert answer.status_code in (200, 404)
            assert not betrayed(ann, answer, known)


@pytest.mark.parametrize("cookie", ["another's", "none"])
def test_who_knows_her_session_does_not_hear_what_her_script_is_told(
    ann: Victim, visitor: Come, cookie: str
) -> None:
    spy, events, session = visitor(page=cookie != "none"), ann.who.events, nonce()
    for name, data in (("tasks", []), ("task", [ann.tasks[1]])):
        body = {"fn_index": events.id(name), "data": data, "session_hash": session}
        event = ann.who.post("/gradio_api/queue/join", body).json()["event_id"]
        for path in (
            f"/gradio_api/queue/data?session_hash={session}",
            f"/gradio_api/queue/data/?session_hash={session}",
            f"/gradio_api/queue/data?session_hash=x&session_hash={session}",
            f"/gradio_api/call/tasks/{session}",
            f"/gradio_api/call/tasks/{event}",
            f"/gradio_api/call/submit/{event}",
        ):
            assert not betrayed(ann, spy.get(path)), path
        own = spy.post("/gradio_api/call/tasks", {"data": [], "session_hash": session})
        if own.status_code == 200:
            path = f"/gradio_api/call/tasks/{own.json()['event_id']}"
            assert not betrayed(ann, spy.get(path)), "by joining her session"
        heard = ann.who.get("/gradio_api/queue/data", params={"session_hash": session})
        assert any(one in heard.text for one in ann.pictures), name


def test_who_knows_her_call_does_not_hear_what_it_brings(ann: Victim, visitor: Come) -> None:
    spy = visitor()
    event = ann.who.post("/gradio_api/call/tasks", {"data": []}).json()["event_id"]
    for path in (f"call/tasks/{event}", f"queue/data?session_hash={event}"):
        assert not betrayed(ann, spy.get(f"/gradio_api/{path}")), path
    assert ann.pictures[0] in ann.who.get(f"/gradio_api/call/tasks/{event}").text


def test_who_knows_her_upload_does_not_hear_how_it_goes(ann: Victim, visitor: Come) -> None:
    other, known = visitor(), {"upload_id": nonce()}
    files = {"files": (f"{CANARY}.jpg", photo(), "image/jpeg")}
    assert ann.who.post("/gradio_api/upload", params=known, files=files).status_code == 200
    assert other.get("/gradio_api/upload_progress", params=known).status_code == 404
    assert other.post("/gradio_api/upload", params=known, files=files).status_code == 404
    with ann.who.http.stream("GET", "/gradio_api/upload_progress", params=known) as heard:
        assert heard.status_code == 200


def test_who_knows_her_session_does_not_keep_it_from_her(ann: Victim, visitor: Come) -> None:
    """Also not by opening and closing what her browser holds open."""
    spy, events = visitor(), ann.who.events
    with spy.listening(f"/gradio_api/heartbeat/{ann.who.session}") as lines:
        next(lines)
    lines_ = ann.who.queued((events.id("tasks"), []))
    assert ann.pictures[0] in "\n".join(lines_)
    (gallery, _) = ann.who.run(
        events.id("show"), [], event_data={"task_id": ann.tasks[1], "question": 1}, trigger_id=1
    ).json()["data"]
    assert len(gallery["value"]) == 2
    filled = ann.who.click("settings", ann.tasks[1]).json()["data"]
    assert f"{CANARY} two" in [field["value"] for field in filled]


def test_scripts_learn_nothing(ann: Victim, visitor: Come) -> None:
    one = visitor()
    assert one.call("tasks") == ("complete", [[]])
    for known in ann.ids:
        kind, said = one.call("task", known)
        assert kind == "error"
        assert "no such task of yours" in json.dumps(said)
    nobody = visitor(page=False)
    for name, data in (
        ("tasks", []),
        ("task", [ann.tasks[0]]),
        ("submit", ["a fox", *[None] * 13]),
    ):
        answer = nobody.post(f"/gradio_api/call/{name}", {"data": data})
        assert answer.status_code == 403
        assert "No identity" in answer.text


def test_no_function_keeps_anything_for_a_session(ann: Victim) -> None:
    """Whoever knows a session reads and writes its `gr.State`: there is none, of any kind."""
    kinds = {component["type"] for component in ann.who.events.components.values()}
    assert not kinds & {"state", "browserstate", "timer", "loginbutton", "deep_link"}
    assert not any(event["types"]["generator"] for event in ann.who.events.all)


def test_her_key_and_words_are_in_nobodys_page(ann: Victim, visitor: Come) -> None:
    one = visitor()
    for path in ("/", "/config", "/gradio_api/info", "/gradio_api/app_id"):
        assert not betrayed(ann, one.get(path)), path


# what our own routes answer


# of every route: the addresses to try, and what the answer is
STRANGERS: Mapping[tuple[str, str], int] = {
    ("GET", f"{STUDIO}/events"): 200,
    ("GET", f"{STUDIO}/tasks"): 200,
    ("GET", f"{STUDIO}/tasks/{{id}}"): 404,
    ("GET", f"{STUDIO}/comparisons/{{id}}"): 404,
    ("POST", f"{STUDIO}/delete"): 200,
    ("GET", f"{STUDIO}/pictures/{{id}}"): 404,
    ("GET", f"{STUDIO}/pictures/{{id}}/{{side}}"): 404,
    ("GET", f"{STUDIO}/placeholder/{{w}}x{{h}}"): 200,
    ("POST", f"{STUDIO}/zip"): 404,
    ("GET", f"{STUDIO}/account"): 200,
    ("GET", f"{STUDIO}/account/spending.csv"): 200,
    ("POST", f"{STUDIO}/account/check"): 200,
    ("POST", f"{STUDIO}/account/adopt"): 200,
    ("POST", f"{STUDIO}/key"): 200,
    ("DELETE", f"{STUDIO}/key"): 200,
    ("GET", f"{STUDIO}/assets/{{digest}}/{{name}}"): 404,
}
PUBLIC = {f"{STUDIO}/placeholder/{{w}}x{{h}}", f"{STUDIO}/assets/{{digest}}/{{name}}"}


def test_every_route_is_tried(tmp_path: Path) -> None:
    """A new one has to be added above, and tried below."""
    assert own_routes(tmp_path) == {*STRANGERS}


@pytest.mark.parametrize(("method", "path"), STRANGERS)
def test_a_route_tells_a_stranger_nothing(
    ann: Victim, visitor: Come, method: str, path: str
) -> None:
    one, nobody = visitor(), visitor(page=False)
    for known in ann.ids:
        filled = re.sub(r"\{(?!w|h|side|digest)\w+\}", known, path)
        filled = filled.replace("{w}x{h}", "3x2").replace("{side}", "480").replace("{digest}", "0")
        options = asking(method, path, known, ann)
        if path.endswith("/events"):
            for key in ("since", "last-event-id"):
                where: Any = (
                    {"params": {key: known}} if key == "since" else {"headers": {key: known}}
                )
                with one.listening(filled, **where) as lines:
                    text = next(line for line in lines if line.startswith("data: "))
                assert not betrayed(ann, text, known)
        else:
            answer = one.http.request(method, filled, **options)
            assert answer.status_code == STRANGERS[method, path]
            assert not betrayed(ann, answer, known)
        refused = nobody.http.request(method, filled, **options)
        assert refused.status_code in ((200, 404) if path in PUBLIC else (403, 404))
        assert path in PUBLIC or refused.text in ("", "Not found", "Nothing is here.")


def asking(method: str, path: str, known: str, victim: Victim) -> dict[str, Any]:
    """What goes with a request, with what is known of hers wherever something can stand."""
    if method == "DELETE":
        return {}
    if path.endswith("/zip"):
        return {"data": {"ids": " ".join([known, *victim.tasks]), "settings": "1"}}
    if path.endswith("/delete"):
        return {"json": {"ids": victim.tasks}}
    if path.endswith("/key"):
        return {"json": {"key": known if known.isascii() and len(known) > 7 else "x" * 8}}
    if method == "POST":
        return {"json": {"task_id": known, "id": known, "ids": [known], "owner": known}}
    if path.endswith("/tasks"):
        return {"params": {"q": CANARY, "before": victim.cursor, "owner": known}}
    return {"params": {"owner": known, "download": "1", "settings": "1", "offset": "0"}}


def test_her_tasks_among_ones_own_are_neither_packed_nor_deleted(
    ann: Victim, visitor: Come
) -> None:
    one = visitor()
    own = one.submit("my own #policy")
    one.ended(own)
    with zipped(one, own, *ann.tasks) as archive:
        assert archive.namelist() == ["manifest.json"]
        assert not betrayed(ann, archive.read("manifest.json").decode())
    answer = one.post(f"{STUDIO}/delete", {"ids": [own, *ann.tasks]})
    assert answer.json() == {"deleted": [own]}
    assert one.cards() == []


def test_a_search_finds_only_ones_own(ann: Victim, visitor: Come) -> None:
    one = visitor()
    for query in (CANARY, "", "kling", "%", "_", "' OR owner!='", '"', "\x00", "succeeded"):
        for only in ("", "running", "starred", "failed"):
            found = one.get(f"{STUDIO}/tasks", params={"q": query, "filter": only})
            assert found.json()["tasks"] == []


def test_a_stream_tells_nothing_of_what_she_does(ann: Victim, visitor: Come) -> None:
    one = visitor()
    with one.listening(f"{STUDIO}/events") as lines:
        next(line for line in lines if line.startswith("data: "))
        for _ in range(2):
            ann.who.click("star", ann.tasks[0])
        mine = one.submit("mine #policy")
        heard = []
        for line in lines:
            heard.append(line)
            if '"rejected"' in line:
                break
    assert mine in "\n".join(heard)
    assert not betrayed(ann, "\n".join(heard))


def test_a_made_up_callback_is_no_callback(ann: Victim, visitor: Come) -> None:
    nobody = visitor(page=False)
    for task in ann.tasks:
        for mac in ("0" * 32, task, "", ".."):
            path = f"{STUDIO}/callbacks/{task}/{mac}"
            answer = nobody.post(path, {"task_id": ann.remote[0], "task_status": "failed"})
            assert (answer.status_code, answer.content) == (200, b"") or answer.status_code == 404


# what two who share a key can do


def test_who_has_the_same_key_still_takes_nothing_over(ann: Victim, visitor: Come) -> None:
    one = visitor()
    assert one.bring(HERS) == ""
    for known in [*ann.remote, *ann.external]:
        answer = one.post(f"{STUDIO}/account/adopt", {"task_id": known}).json()
        assert answer["task"] == ""
    assert one.cards() == []
    assert one.account()["spending"] == {"today": [], "week": [], "month": [], "days": []}


def test_what_a_lost_history_left_at_kling_is_for_whose_mark_it_bears(
    ann: Victim, bank: Payments, visitor: Come
) -> None:
    """Made with the same key, and known to nobody's history here any more."""
    cem, dan = visitor(), visitor()
    for one in (cem, dan):
        one.bring(HERS)
    card = cem.card(cem.submit(SHARED[0]))
    name = f"kui1-{card['ids']['external_task_id'].split('-')[1]}-{nonce()}"
    lost = {"prompt": SHARED[1], "model_name": "kling-v3", "external_task_id": name}
    url, headers = f"{bank.base_url}/v1/images/generations", {"authorization": f"Bearer {HERS}"}
    task = httpx.post(url, json=lost, headers=headers).json()["data"]["task_id"]
    for known in (task, name):
        assert dan.post(f"{STUDIO}/account/adopt", {"task_id": known}).json()["task"] == ""
    assert cem.post(f"{STUDIO}/account/adopt", {"task_id": task}).json()["task"]
    assert dan.cards() == []


def test_her_id_at_kling_is_no_way_to_her_pictures(ann: Victim, visitor: Come) -> None:
    """Somebody with the same key names a task as hers is called, and its answer is lost."""
    one = visitor()
    one.bring(HERS)
    report = one.press("a fox", external_task_id=ann.external[0])
    assert report["task"] == ""
    assert "already used" in report["problems"]["external_task_id"]


# her files


def test_a_pictures_id_leads_to_no_file(ann: Victim, visitor: Come) -> None:
    """Not even where a copy was lent to her form, which is served without asking who wants it."""
    one = visitor()
    uploads = Path(ann.upload).parents[1]
    for picture in ann.pictures:
        for folder in ("", "results", "references"):
            for end in ("png", "jpg", "webp"):
                path = uploads / folder / f"{picture}.{end}"
                assert one.get(f"/gradio_api/file={path}").status_code == 403


def test_a_reference_of_hers_is_no_value(ann: Victim, visitor: Come) -> None:
    one = visitor()
    card = ann.who.card(ann.tasks[0])
    kept = card["request"]["image"]
    assert kept.startswith("reference:")
    uploads = Path(ann.upload).parents[1]
    name = kept.removeprefix("reference:")
    for image in (
        kept,
        {"path": kept},
        {"path": str(uploads.parent / "pictures" / "references" / name)},
        {"path": f"{uploads}/../pictures/references/{name}"},
    ):
        event = one.events.id("pressed")
        given = {"prompt": "a fox", "model_name": "kling-v3", "nonce": nonce(), "image": image}
        answer = one.run(event, one.events.inputs(event, **given))
        assert (
            answer.json().get("error", "") is None
            or "image" in answer.json()["data"][0]["problems"]
        )
        assert not betrayed(ann, answer, kept)
        kind, said = one.call("submit", "a fox", "kling-v3", "", image, *[None] * 10)
        assert kind == "error"
        assert not betrayed(ann, json.dumps(said), kept)
    assert one.cards() == []
