from __future__ import annotations

from typing import Any

import pytest

from kling_ui.task import Answer, RemotePicture, State, Task, is_id

DONE = {
    "task_id": "831922345719271433",
    "task_status": "succeed",
    "task_status_msg": "",
    "task_info": {"external_task_id": "kui1-0"},
    "final_unit_deduction": "8",
    "created_at": 1722769557708,
    "updated_at": 1722769565708,
    "task_result": {
        "images": [{"index": 0, "url": "https://x/0.png", "watermark_url": "https://x/0w.png"}]
    },
}


def read(**changes: Any) -> Answer:
    answer = Answer.from_json({**DONE, **changes}, request_id="r1")
    assert answer
    return answer


def test_a_whole_answer_is_read_whole() -> None:
    assert read() == Answer(
        task_id="831922345719271433",
        status="succeed",
        external_task_id="kui1-0",
        pictures=(RemotePicture("https://x/0.png", "https://x/0w.png", 0),),
        deduction="8",
        created_at=1722769557708,
        updated_at=1722769565708,
        request_id="r1",
    )
    assert read().raw == DONE


@pytest.mark.parametrize("word", ["succeed", "succeeded", "Succeed", "SUCCESS"])
def test_success_has_more_than_one_spelling(word: str) -> None:
    answer = read(task_status=word)
    assert (answer.status, answer.succeeded, answer.failed) == ("succeed", True, False)


@pytest.mark.parametrize("word", ["submitted", "processing", "queueing", "paused", 7])
def test_a_word_nobody_knows_means_still_running(word: Any) -> None:
    answer = read(task_status=word)
    assert answer.status == str(word)
    assert not answer.succeeded and not answer.failed


@pytest.mark.parametrize("status", [None, "", [], {}])
def test_no_status_means_submitted(status: Any) -> None:
    assert read(task_status=status).status == "submitted"


@pytest.mark.parametrize(
    ("flat", "task_id"),
    [
        ({"task_id": "t1"}, "t1"),
        ({"id": "t1", "status": "failed"}, "t1"),
        ({"task_id": 831922345719271433}, "831922345719271433"),
        ({"task_id": "", "id": "t2"}, "t2"),
    ],
)
def test_the_id_is_a_string_wherever_it_stands(flat: Any, task_id: str) -> None:
    answer = Answer.from_json(flat)
    assert answer
    assert answer.task_id == task_id


@pytest.mark.parametrize(
    "data",
    [None, [], "t1", 1, {}, {"task_id": ""}, {"task_id": "", "id": ""}, {"task_id": True}]
    + [{"task_id": None}, {"task_id": {"id": 1}}, {"task_status": "failed"}],
)
def test_without_an_id_there_is_no_answer(data: Any) -> None:
    assert Answer.from_json(data) is None


def test_a_failed_task_says_why() -> None:
    assert read(task_status="failed", task_status_msg="Image pixel is invalid").message == (
        "Image pixel is invalid"
    )
    answer = Answer.from_json({"id": "t", "status": "failed", "error": {"message": "no"}})
    assert answer
    assert (answer.failed, answer.message) == (True, "no")


@pytest.mark.parametrize(
    ("images", "pictures"),
    [
        ([{"url": "u"}], [("u", "", None)]),
        ([{"id": "", "url": "u", "index": "0", "watermark_url": None}], [("u", "", None)]),
        ([{"url": "u", "index": True}], [("u", "", None)]),
        ([{"url": "b", "index": 1}, {"url": "a", "index": 0}], [("b", "", 1), ("a", "", 0)]),
        ([None, {}, {"url": None}, {"url": " "}, "u", 3], []),
        ({"url": "u"}, []),
        (None, []),
    ],
)
def test_pictures_are_read_leniently_and_in_their_order(images: Any, pictures: Any) -> None:
    found = read(task_result={"images": images}).pictures
    assert [(picture.url, picture.watermark_url, picture.index) for picture in found] == pictures


@pytest.mark.parametrize("field", ["task_info", "task_result", "error"])
@pytest.mark.parametrize("junk", [None, [], "x", 0, {}])
def test_junk_beside_the_id_is_no_harm(field: str, junk: Any) -> None:
    assert read(**{field: junk}).task_id == DONE["task_id"]


@pytest.mark.parametrize("time", [None, "1722769557708", -1, 1e300, float("nan"), [], {}])
def test_a_time_that_is_none_is_zero(time: Any) -> None:
    assert read(created_at=time).created_at == 0


def test_the_answer_as_sent_stays_out_of_its_repr() -> None:
    assert "secret" not in repr(read(prompt="secret"))


@pytest.mark.parametrize(
    "value", ["", "0" * 31, "0" * 33, "A" * 32, "٣" * 32, "0" * 32 + "\n", 7, None]
)
def test_what_is_no_id_of_ours_is_told_from_one(value: Any) -> None:
    assert is_id("0123456789abcdef" * 2)
    assert not is_id(value)


def test_a_task_is_over_when_no_worker_will_touch_it_again() -> None:
    assert {state for state in State if state.over} == {
        State.SUCCEEDED,
        State.FAILED,
        State.REJECTED,
        State.CANCELLED,
        State.EXPIRED,
    }


@pytest.mark.parametrize(("request_", "n"), [({"n": 4}, 4), ({}, 1), ({"n": "4"}, 1)])
def test_a_task_knows_how_many_pictures_were_asked_for(request_: Any, n: int) -> None:
    task = Task(
        id="1",
        owner="o",
        account="a",
        state=State.QUEUED,
        request=request_,
        external_task_id="kui1-0",
        revision=1,
        created=0,
        state_since=0,
    )
    assert task.n == n
