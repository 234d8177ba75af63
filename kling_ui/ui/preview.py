"""A request as JSON, as a cURL call and as Python, to read and to copy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pprint import pformat
from typing import Any

SHOWN = 80  # characters of a text without spaces, like base64, that are shown
_KEY = "$KLING_API_KEY"


def preview(url: str, body: Mapping[str, Any], *, whole: bool) -> dict[str, str]:
    """By kind (json, curl, python). The key is never in it: it is named by its variable. What is
    not `whole` is for the eye: long base64 is cut short."""
    shown = dict(body) if whole else {name: _short(value) for name, value in body.items()}
    text = json.dumps(shown, ensure_ascii=False, indent=2)
    return {"json": text, "curl": _curl(url, text), "python": _python(url, shown)}


def _short(value: Any) -> Any:
    if not isinstance(value, str) or len(value) <= 2 * SHOWN or any(map(str.isspace, value)):
        return value
    return f"{value[:SHOWN]}… ({len(value):,})"


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
