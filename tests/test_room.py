"""The folder of uploads: what is forgotten, and what is not."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kling_ui.pictures import BUSY, PictureFolder, Reference
from kling_ui.pictures import folder as pictures
from kling_ui.web import Uploads
from kling_ui.web.guard.pace import neighbourhood
from kling_ui.web.guard.room import MOST_FILES

from .conftest import photo
from .program import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "uploads"
    path.mkdir()
    return path


def test_as_many_files_may_be_open_as_the_system_allows() -> None:
    code = """if True:
        import resource
        from kling_ui.web.guard.room import raise_file_limit

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
        print(raise_file_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))
        print(raise_file_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))
        """
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    (most, soft, hard), few = (map(int, line.split()) for line in told.stdout.splitlines())
    assert most == soft == min(hard, MOST_FILES)
    assert [*few] == [300, 300, 300]


def old(path: Path, *, seconds: float) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x")
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def test_old_files_are_forgotten_with_their_folders_and_the_folder_stays(folder: Path) -> None:
    gone = old(folder / "one" / "a.png", seconds=100)
    part = old(folder / "tmpabc", seconds=100)
    young = old(folder / "two" / "b.png", seconds=10)
    Uploads(folder).forget(older=50)
    assert not gone.parent.exists() and not part.exists()
    assert young.exists()
    Uploads(folder).forget(older=5)
    old(folder / "tmpalone", seconds=100)
    Uploads(folder).forget(older=5)
    assert [*folder.iterdir()] == []


async def test_a_folder_that_is_gone_is_made_again(folder: Path) -> None:
    folder.rmdir()
    assert await Uploads(folder).room()
    assert folder.is_dir()


async def test_what_comes_in_is_not_swept_away_with_what_broke_off(folder: Path) -> None:
    uploads = Uploads(folder)
    async with uploads.coming():
        broken = old(folder / "tmpbroken", seconds=1)
    assert not broken.exists()
    async with uploads.coming():
        coming = old(folder / "tmpcoming", seconds=1)
        async with uploads.coming():
            stale = old(folder / "tmpstale", seconds=1000)
        assert coming.exists()
        assert not stale.exists()


async def test_more_pictures_than_can_be_read_soon_are_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "MOST_RECEIVED", 2)
    folder = PictureFolder(tmp_path / "pictures")
    came = await asyncio.gather(*(folder.receive(photo()) for _ in range(5)))
    assert [isinstance(one, Reference) for one in came] == [True, True, False, False, False]
    assert {one for one in came if not isinstance(one, Reference)} == {BUSY}
    assert isinstance(await folder.receive(photo()), Reference)


async def test_one_person_has_not_everybodys_places(tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path / "pictures")
    asked = [*["ann"] * (pictures.EACH + 2), "bob"]
    came = await asyncio.gather(*(folder.receive(photo(), whose=one) for one in asked))
    refused = [one for one, given in zip(asked, came, strict=True) if given == BUSY]
    assert refused == ["ann", "ann"]
    assert isinstance(await folder.receive(photo(), whose="ann"), Reference)


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:5555", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:443", "192.0.2.1"),
        ("2001:db8::1", "2001:0db8:0000:0000"),
        ("[2001:db8::2]:443", "2001:0db8:0000:0000"),
        ("fe80::1%eth0", "fe80:0000:0000:0000"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_an_address_is_one_caller_however_it_is_written(address: str, whose: str) -> None:
    assert neighbourhood(address) == whose
