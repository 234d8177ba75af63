"""Pictures of many tasks as one file: what is in it, whose, and that it comes in pieces."""

from __future__ import annotations

import hashlib
import io
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import httpx
import pytest

from kling_ui.pictures import PictureFolder
from kling_ui.studio import Studio
from kling_ui.task import Picture, State, Task
from kling_ui.web.archive import PIECE, packed

from .conftest import OWNER, Kling, reaches, submitted
from .test_web import WHO, caller, site

Open = Callable[..., Any]
Start = Callable[..., Kling]
ZIP = "/gradio_api/studio/zip"


@asynccontextmanager
async def visited(
    kling: Start, studio: Open, **options: Any
) -> AsyncIterator[tuple[Studio, httpx.AsyncClient]]:
    async with studio(kling().url) as one, caller(site(one, **options)) as client:
        yield one, client


async def made(one: Studio, prompt: str, **values: Any) -> Task:
    return await reaches(one, await submitted(one, prompt, **values))


async def zipped(client: httpx.AsyncClient, *ids: str) -> ZipFile:
    answer = await client.post(ZIP, data={"ids": " ".join(ids)})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith("attachment; filename=kling-")
    found = ZipFile(io.BytesIO(answer.content))
    assert found.testzip() is None
    return found


def manifest(found: ZipFile) -> Any:
    return json.loads(found.read("manifest.json"))["tasks"]


async def test_the_originals_byte_for_byte_and_what_was_asked(kling: Start, studio: Open) -> None:
    async with visited(kling, studio) as (one, client):
        fox = await made(one, "Löwe, at tea", n=2, negative_prompt="blur", watermark_info=True)
        lake = await made(one, "a lake #policy")
        found = await zipped(client, lake.id, fox.id)
        stem = f"löwe-at-tea-{fox.id[:6]}"
        files = {
            f"{stem}-{p.position + 1}{'-watermark' if p.watermarked else ''}.png": p
            for p in fox.pictures
        }
        assert len(files) == 4
        assert {*found.namelist()} == {*files, "manifest.json"}
        assert {info.compress_type for info in found.infolist()} == {ZIP_STORED}
        for name, picture in files.items():
            assert found.read(name) == one.folder.original(picture.file).read_bytes()
        refused, done = manifest(found)
    assert (refused["state"], refused["files"]) == ("rejected", [])
    assert (done["prompt"], done["negative_prompt"], done["n"]) == ("Löwe, at tea", "blur", 2)
    assert (done["model_name"], done["state"]) == (fox.request["model_name"], "succeeded")
    assert done["task_id"] == fox.remote_id
    assert done["created"].endswith("+00:00")
    assert done["files"] == [
        {"name": name, "width": p.width, "height": p.height, "sha256": p.sha256}
        for name, p in files.items()
    ]


async def test_nothing_that_is_private_is_in_it(kling: Start, studio: Open) -> None:
    async with visited(kling, studio) as (one, client):
        task = await made(one, "a fox")
        request = {
            **task.request,
            "callback_url": "https://example.com/secret-callback",
            "external_task_id": "kui1-owner-mark",
            "image": "https://ann:secret-word@example.com/fox.png?secret-token=1#secret-part",
        }
        kept = {**request, "image": "reference:" + "a" * 64 + ".png"}
        for asked in (request, kept):
            changed = replace(task, request=asked, owner="secret-owner", account="secret-account")
            text = b"".join(packed([changed], one.folder))
            (described,) = manifest(ZipFile(io.BytesIO(text)))
            expected = "" if asked is kept else "https://example.com/fox.png"
            assert described["image"] == expected
            for word in (
                b"secret",
                b"kui1-",
                b"a" * 64,
                str(one.folder.original("0" * 32 + ".png").parent).encode(),
            ):
                assert word not in text


async def test_only_the_callers_own_and_forged_ids_are_left_out(kling: Start, studio: Open) -> None:
    async with visited(kling, studio, shared=False) as (one, client):
        await client.get("/")
        owner = (await client.get(WHO)).text
        mine = await made(one, "mine", owner=owner)
        strange = await made(one, "strange", owner="somebody else")
        forged = ["0" * 32, "x", "../../history.db", "' OR 1=1 --"]
        found = await zipped(client, strange.id, *forged, mine.id, mine.id)
        assert [task["prompt"] for task in manifest(found)] == ["mine"]
        assert len(found.namelist()) == 2
        for ids in ("", strange.id, " ".join(forged)):
            assert (await client.post(ZIP, data={"ids": ids})).status_code == 404
        assert (await client.post(ZIP)).status_code == 404


@pytest.mark.parametrize(
    ("site_", "status"),
    [("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)],
)
async def test_another_sites_form_gets_nothing(
    kling: Start, studio: Open, site_: str, status: int
) -> None:
    async with visited(kling, studio) as (one, client):
        task = await made(one, "a fox")
        answer = await client.post(ZIP, data={"ids": task.id}, headers={"sec-fetch-site": site_})
        assert answer.status_code == status


async def test_settings_stand_in_the_files_where_they_are_wished(
    kling: Start, studio: Open
) -> None:
    async with visited(kling, studio) as (one, client):
        task = await made(one, "a fox")
        answer = await client.post(ZIP, data={"ids": task.id, "settings": "1"})
        found = ZipFile(io.BytesIO(answer.content))
        (described,) = manifest(found)
        (file,) = described["files"]
        data = found.read(file["name"])
    assert b"kling-image-studio:" in data
    assert file["sha256"] == hashlib.sha256(data).hexdigest() != task.pictures[0].sha256


async def test_too_many_ids_and_too_large_a_form_are_refused(kling: Start, studio: Open) -> None:
    async with visited(kling, studio) as (_, client):
        assert (await client.post(ZIP, data={"ids": "0 " * 501})).status_code == 400
        assert (await client.post(ZIP, content=b"ids=" + b"x" * 70_000)).status_code == 413


async def test_a_picture_that_is_gone_from_the_disk_is_left_out(kling: Start, studio: Open) -> None:
    async with visited(kling, studio) as (one, client):
        task = await made(one, "a fox", n=2)
        await one.folder.forget(task.pictures[0].file)
        found = await zipped(client, task.id)
        (described,) = manifest(found)
    assert [file["sha256"] for file in described["files"]] == [task.pictures[1].sha256]
    assert len(found.namelist()) == 2


# made while it is sent

TASK = Task(
    id="a" * 32, owner="o", account="a", state=State.SUCCEEDED, external_task_id="e", revision=1,
    created=0, state_since=0, request={"prompt": "a fox"},
)  # fmt: skip


def large(folder: PictureFolder, *, count: int, size: int) -> list[Task]:
    """Tasks with the same beginning of their ids, each with a picture of `size` bytes."""
    tasks = []
    for k in range(count):
        file = f"{k:032x}.png"
        folder.original(file).write_bytes(bytes([k]) * size)
        task_id = "a" * 31 + f"{k:x}"
        own = Picture(f"{k:032x}", task_id, 0, False, file, "image/png", size, "ab", 8, 8)
        tasks.append(replace(TASK, id=task_id, pictures=(own,)))
    return tasks


def test_no_more_than_a_piece_is_in_memory_and_no_name_is_there_twice(tmp_path: Path) -> None:
    tasks = large(PictureFolder(tmp_path), count=6, size=8 * PIECE + 1)
    target = tmp_path / "all.zip"
    tracemalloc.start()
    try:
        with target.open("wb") as file:
            for piece in packed(tasks, PictureFolder(tmp_path)):
                assert len(piece) <= PIECE + 1024
                file.write(piece)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 6 * PIECE
    with ZipFile(target) as found:
        assert found.testzip() is None
        names = found.namelist()
        assert len({*names}) == len(names) == 7
        assert found.getinfo(names[5]).file_size == 8 * PIECE + 1


async def test_it_begins_to_come_before_it_is_read(kling: Start, studio: Open) -> None:
    async with visited(kling, studio) as (one, client):
        task = await made(one, "a fox")
        path = one.folder.original(task.pictures[0].file)
        with path.open("r+b") as file:
            file.truncate(400 * PIECE)  # a hole: takes no place on the disk
        async with client.stream("POST", ZIP, data={"ids": task.id}) as answer:
            first = await anext(answer.aiter_raw())
        assert "content-length" not in answer.headers
        assert first.startswith(b"PK")
        assert (await client.get(WHO)).text == OWNER  # whoever leaves early blocks nobody
