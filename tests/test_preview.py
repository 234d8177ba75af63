"""The request that is shown is the request that is sent."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kling_ui.ui.page import Page
from kling_ui.ui.preview import preview
from kling_ui.web import Assets

from .conftest import Kling, open_studio, photo, reaches
from .program import ROOT
from .test_page import asked_by, sent

BODY = {
    "prompt": 'it\'s "a" fox\nBODY\n狐狸 $HOME `id`',
    "n": 2,
    "watermark_info": {"enabled": True},
}
URL = "https://host/kling/v1/images/generations"


def test_of_a_picture_the_beginning_is_shown_and_of_words_all() -> None:
    words, link = "狐狸" * 500, f"https://example.com/{'x' * 300}.png"
    shown = json.loads(preview(URL, {"prompt": words, "image": "A" * 9000}, whole=False)["json"])
    assert shown == {"prompt": words, "image": f"{'A' * 80}… (9,000)"}
    shown = json.loads(preview(URL, {"image": link}, whole=False)["json"])
    assert shown == {"image": link}


async def test_what_is_shown_is_what_is_sent(kling: Callable[..., Kling], tmp_path: Path) -> None:
    server = kling()
    async with open_studio(tmp_path, server.url) as studio:
        page = Page(studio, Assets(ROOT / "assets"), default_model="kling-v2-1")
        upload = Path(page.blocks.GRADIO_CACHE) / "a" / "photo.jpg"
        upload.parent.mkdir(parents=True, exist_ok=True)
        upload.write_bytes(photo())
        values: dict[str, Any] = {
            "prompt": "a fox",
            "model_name": "kling-v1-5",
            "image": sent(upload),
            "image_reference": "subject",
            "image_fidelity": "0.4",
            "negative_prompt": "never sent with a picture",
            "external_task_id": "mine",
        }
        wish = {"request": "whole", "turn": 7}
        report = await page.composer.judged(asked_by("ann"), wish=wish, **values)
        assert (report["problems"], report["judged"]) == ({}, 7)
        pressed = await page.composer.pressed(asked_by("ann"), nonce="", **values)
        task = await studio.task(pressed["task"], owner="ann")
        assert task
        await reaches(studio, task)
    picture = report["preview"]["picture"]  # fetched and put in by the browser
    body = base64.b64encode(Path(picture["path"]).read_bytes()).decode()
    shown = json.loads(report["preview"]["json"].replace(picture["instead"], body))
    shown["image"] = (
        f"sha256:{hashlib.sha256(shown['image'].encode()).hexdigest()}:{len(shown['image'])}"
    )
    assert shown == server.creates[0]  # of a long text the simulator notes no more
    assert studio.endpoint("operator") in report["preview"]["curl"]


@pytest.mark.parametrize("wish", ["whole", None, 7, {"request": "all", "turn": "x"}])
async def test_nothing_is_prepared_that_nobody_looks_at(
    kling: Callable[..., Kling], tmp_path: Path, wish: Any
) -> None:
    async with open_studio(tmp_path, kling().url) as studio:
        page = Page(studio, Assets(ROOT / "assets"), default_model="kling-v2-1")
        report = await page.composer.judged(asked_by("ann"), wish=wish, prompt="a fox")
        assert "preview" not in report
        report = await page.composer.judged(asked_by(""), wish=wish, prompt="a fox")
        assert "preview" not in report and [*report["problems"]] == [""]


def test_a_long_picture_is_cut_for_the_eye_only() -> None:
    body = {"prompt": "long " * 100, "image": "x" * 5000}
    eye, whole = (preview(URL, body, whole=one) for one in (False, True))
    assert json.loads(whole["json"]) == body
    shown = json.loads(eye["json"])
    assert shown["prompt"] == body["prompt"]
    assert len(shown["image"]) < 200


def test_the_curl_call_is_a_shell_command_that_posts_the_body(tmp_path: Path) -> None:
    """A curl of our own writes down what it is given."""
    curl = tmp_path / "curl"
    curl.write_text('#!/bin/sh\nprintf "%s\\n" "$@" >"$0.args"\ncat >"$0.body"\n')
    curl.chmod(0o755)
    text = preview(URL, BODY, whole=True)["curl"]
    env = {"PATH": f"{tmp_path}:/bin:/usr/bin", "KLING_API_KEY": "sk-1"}
    subprocess.run(["sh", "-c", text], env=env, check=True, timeout=20)
    assert json.loads((tmp_path / "curl.body").read_text("utf-8")) == BODY
    assert "Authorization: Bearer sk-1" in (tmp_path / "curl.args").read_text()


def test_the_python_script_holds_the_body_and_no_key() -> None:
    tree = ast.parse(preview(URL, BODY, whole=True)["python"])
    (body,) = [node.value for node in tree.body if isinstance(node, ast.Assign)][:1]
    assert ast.literal_eval(body) == BODY
