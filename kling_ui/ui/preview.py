"""A request as JSON, as a cURL call and as Python, to read and to copy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pprint import pformat
from typing import Any

from ..addresses import check_reference_url

SHOWN = 80  # characters of a picture that are shown
_KEY = "$KLING_API_KEY"


def preview(url: str, body: Mapping[str, Any], *, whole: bool) -> dict[str, str]:
    """By kind (json, curl, python). The key is never in it: it is named by its variable. What is
    not `whole` is for the eye: of a picture only the beginning is shown."""
    shown = dict(body)
    if not whole and "image" in body:
        shown["image"] = _short(body["image"])
    text = json.dumps(shown, ensure_ascii=False, indent=2)
    return {"json": text, "curl": _curl(url, text), "python": _python(url, shown)}


def _short(picture: str) -> str:
    if len(picture) <= 2 * SHOWN or check_reference_url(picture) is None:
        return picture
    return f"{picture[:SHOWN]}… ({len(picture):,})"


def _curl(url: str, body: str) -> str:
    """The body goes in by a here-document, which no character of a prompt can leave."""
    return (
        f"curl '{url}' \\\n"
        f'  -H "Authorization: Bearer {_KEY}" \\\n'
        f"  -H 'Content-Type: application/json' \\\n"
        f"  --data-binary @- <<'BODY'\n{body}\nBODY"
    )


def _python(url: str, body: Mapping[str, Any]) -> str:
    return f"""\
import os

import httpx

body = {pformat(dict(body), width=88, sort_dicts=False)}
reply = httpx.post(
    {url!r},
    headers={{"Authorization": f"Bearer {{os.environ['KLING_API_KEY']}}"}},
    json=body,
    timeout=90,
)
print(reply.raise_for_status().json())
"""
