"""The named API as a script uses it: over a real socket, with gradio_client."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from kling_ui.request import SPECS

from .conftest import Kling, photo
from .program import ROOT, Program, app_at

OVER = {"succeeded", "failed", "rejected", "cancelled", "expired"}


@pytest.fixture(scope="module")
def client(app: Program) -> Client:
    return Client(app.url, verbose=False)


def ended(client: Client, task_id: str) -> dict[str, Any]:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        task: dict[str, Any] = client.predict(task_id=task_id, api_name="/task")
        if task["state"] in OVER:
            return task
        time.sleep(0.5)
    raise AssertionError(f"{task_id} did not end")


def test_the_endpoints_are_three_and_submit_takes_every_field(client: Client) -> None:
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert {*named} == {"/submit", "/task", "/tasks"}
    parameters = {p["parameter_name"]: p for p in named["/submit"]["parameters"]}
    assert {*parameters} == {*SPECS}
    assert {n for n, p in parameters.items() if not p["parameter_has_default"]} == {"prompt"}


def test_a_task_is_submitted_watched_and_its_pictures_fetched(client: Client) -> None:
    task_id = client.predict(prompt="by a script", n=2, api_name="/submit")
    assert isinstance(task_id, str)
    task = ended(client, task_id)
    assert {*task} == {"id", "state", "error", "note", "request_id", "images"}
    assert (task["id"], task["state"], task["error"]) == (task_id, "succeeded", "")
    assert task["request_id"]
    assert len(task["images"]) == 2
    for url in task["images"]:
        picture = httpx.get(url)
        assert picture.headers["content-type"] == "image/png"
        assert picture.content.startswith(b"\x89PNG")
    assert client.predict(api_name="/tasks")[0]["id"] == task_id


def test_twenty_calls_at_once_are_twenty_tasks(client: Client) -> None:
    def call(k: int) -> Any:
        return client.predict(prompt=f"at once {k}", api_name="/submit")

    with ThreadPoolExecutor(20) as pool:
        ids = [*pool.map(call, range(20))]
    assert len({*ids}) == 20
    ended(client, ids[-1])
    assert {ended(client, one)["state"] for one in ids} == {"succeeded"}
    assert {*ids} <= {task["id"] for task in client.predict(api_name="/tasks")}


def test_an_image_is_a_file_or_an_address_that_is_passed_on(
    client: Client, kling_server: Kling, tmp_path: Path
) -> None:
    (tmp_path / "photo.jpg").write_bytes(photo())
    nobody = "http://example.com/never-fetched.png"
    images = (handle_file(tmp_path / "photo.jpg"), nobody, handle_file(nobody))
    ids = []
    for k, image in enumerate(images):
        ids.append(client.predict(prompt=f"image {k}", image=image, api_name="/submit"))
    assert {ended(client, one)["state"] for one in ids} == {"succeeded"}
    sent = {body["prompt"]: body.get("image") for body in kling_server.creates}
    upload, *addresses = [sent[f"image {k}"] for k in range(3)]
    assert upload.startswith("sha256:")
    assert addresses == [nobody, nobody]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"prompt": "  "}, "prompt: Describe the picture first."),
        ({"aspect_ratio": "5:4"}, 'aspect_ratio: "5:4" is not one of: 16:9,'),
        ({"n": 10}, 'n: "10" is not a whole number from 1 to 9.'),
        ({"n": "many"}, 'n: "many" is not a whole number'),
        ({"model_name": "kling-v1", "prompt": "x" * 501}, "prompt: 501 characters, 1 more"),
        ({"image": "http://127.0.0.1/a.png"}, "image: "),
        ({"image": "/etc/passwd"}, "image: Neither an uploaded file nor a URL."),
        ({"image": {"path": "/etc/passwd"}}, "image: Neither an uploaded file nor a URL."),
        ({"image": ["a"]}, "image: Neither an uploaded file nor a URL."),
        ({"callback_url": "nonsense"}, "callback_url: Not a web address"),
        ({"element_list": "a, b", "model_name": "kling-v3"}, 'element_list: "a" is not'),
    ],
)
def test_bad_input_names_the_field_and_the_reason(
    client: Client, values: dict[str, Any], says: str
) -> None:
    before = len(client.predict(api_name="/tasks"))
    with pytest.raises(AppError, match=re.escape(says)):
        client.predict(**{"prompt": "never sent", **values}, api_name="/submit")
    assert len(client.predict(api_name="/tasks")) == before


def test_all_problems_are_told_at_once(client: Client) -> None:
    with pytest.raises(AppError, match=r"prompt: .* n: .* aspect_ratio: "):
        client.predict(prompt="", n=0, aspect_ratio="q", api_name="/submit")


def test_a_caller_reads_the_errors_in_its_language(app: Program) -> None:
    chinese = Client(app.url, verbose=False, headers={"accept-language": "zh-CN"})
    with pytest.raises(AppError, match="prompt：请先描述想要的画面。"):
        chinese.predict(prompt="", api_name="/submit")


def test_a_task_that_is_not_there_is_said_so(client: Client) -> None:
    for task_id in ("nope", "", "0" * 32):
        with pytest.raises(AppError, match="no such task"):
            client.predict(task_id=task_id, api_name="/task")


def test_a_refusal_comes_with_its_sentence(client: Client) -> None:
    task = ended(client, client.predict(prompt="x #policy", api_name="/submit"))
    assert task["state"] == "rejected"
    assert "Change the prompt or the picture" in task["error"]


# on a Space everybody has a history of their own


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    data = tmp_path_factory.mktemp("space")
    program = app_at(data, SPACE_ID="somebody/kling", KLING_API_KEY="the-owners-key").start()
    yield program
    program.stop()


def test_two_callers_on_a_space_do_not_see_each_other(space: Program) -> None:
    one, two = Client(space.url, verbose=False), Client(space.url, verbose=False)
    with ThreadPoolExecutor(20) as pool:
        ids = [*pool.map(lambda k: one.predict(prompt=f"fox {k}", api_name="/submit"), range(20))]
    assert {task["id"] for task in one.predict(api_name="/tasks")} == {*ids}
    assert two.predict(api_name="/tasks") == []
    with pytest.raises(AppError, match="no such task"):
        two.predict(task_id=ids[0], api_name="/task")
    task = ended(one, ids[0])
    assert task["state"] == "succeeded"  # painted by the demo: the owner's key is not spent
    url = task["images"][0]
    assert httpx.get(url, cookies=one.cookies).status_code == 200
    assert httpx.get(url, cookies=two.cookies).status_code == 404
    assert httpx.get(url).status_code == 404


def test_a_caller_keeps_its_identity_with_its_cookies(space: Program) -> None:
    one = Client(space.url, verbose=False)
    task_id = one.predict(prompt="mine", api_name="/submit")
    again = Client(space.url, verbose=False, httpx_kwargs={"cookies": dict(one.cookies)})
    assert [task["id"] for task in again.predict(api_name="/tasks")] == [task_id]


def test_the_readmes_script_runs_as_printed(app: Program, tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    script = next(
        code for code in re.findall(r"```python\n(.*?)```", text, re.S) if "/submit" in code
    )
    assert "http://127.0.0.1:7860" in script
    (tmp_path / "photo.jpg").write_bytes(photo())
    (tmp_path / "script.py").write_text(script.replace("http://127.0.0.1:7860", app.url))
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len([*tmp_path.glob("*.png")]) >= 2


def test_submits_parameters_are_the_requests_fields_and_defaults(client: Client) -> None:
    from kling_ui.request import ImageRequest

    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    blank = ImageRequest()
    for parameter in named["/submit"]["parameters"]:
        name = parameter["parameter_name"]
        if name != "prompt":
            default = parameter["parameter_default"]
            assert (default or None) == (getattr(blank, name) or None), name
    assert inspect.signature(ImageRequest).parameters.keys() == SPECS.keys()
