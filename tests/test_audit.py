from __future__ import annotations

import json
import subprocess
from types import SimpleNamespace
from typing import Any

import pytest

from . import audit

SOUND = {"name": "httpx", "version": "0.28.1", "vulns": []}
SKIPPED = {"name": "ours", "skip_reason": "Dependency not found on PyPI"}
HOLE = {"id": "PYSEC-1", "fix_versions": ["2.0"]}
BROKEN = {"name": "gradio", "version": "1.0", "vulns": [HOLE]}


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([SOUND], 0, "1 packages audited, 0 not known"),
        ([SOUND, SKIPPED], 0, "1 packages audited, 1 not known"),
        ([SOUND, BROKEN], 1, "gradio 1.0: PYSEC-1, mended in ['2.0']"),
    ],
)
def test_only_what_is_known_to_be_dangerous_fails(
    packages: list[Any],
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer = SimpleNamespace(stdout=json.dumps({"dependencies": packages}))
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)
    assert audit.main() == code
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("stdout", ["", "no JSON", "[]", "{}"])
def test_a_database_out_of_reach_fails_nothing(
    stdout: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=stdout))
    assert audit.main() == 0
    assert "could not be reached" in capsys.readouterr().out
