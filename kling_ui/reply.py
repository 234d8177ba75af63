"""What a reply of Kling, or of a gateway before it, means.

Kling's docs and live samples, gateways' shapes as seen (2026-11-22).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any

from .errors import (
    CASES,
    AccountBlocked,
    BadRequest,
    KlingError,
    NoAnswer,
    Refused,
    TooFast,
    clean,
    refusal,
)
from .task import Answer


def read_reply(status: int, body: bytes, headers: Mapping[str, str]) -> tuple[Any, str]:
    """What the reply carries and its request id, or the `KlingError` it stands for.

    A flat reply, without ``data``, carries itself. Whether there is a task in it is not looked at.
    """
    reply = _parsed(body)
    said = reply if isinstance(reply, dict) else {}
    code, word, message = _verdict(said)
    request_id = _text(said.get("request_id"))
    if 200 <= status < 300 and isinstance(reply, dict | list) and _says_yes(said, code, word):
        return reply if said.get("data") is None else said["data"], clean(request_id)
    if 200 <= status < 300 and not said:
        raise NoAnswer("unreadable reply", status=status)
    kind, case = _judged(status, code, word, message, bare=not body.strip())
    if issubclass(kind, Refused) and _holds_task(said, code, kind):
        kind, case = NoAnswer, ""  # it says no and shows a task: nobody knows
    raise kind(
        message or word or f"HTTP {status}",
        case=case,
        code=code,
        status=status,
        request_id=request_id,
        retry_after=_retry_after(headers.get("Retry-After", "")),
    )


def _parsed(body: bytes) -> Any:
    """None where it is no JSON. Lone surrogates, which no disk or wire takes, become "?"."""
    text = body.decode("utf-8-sig", "replace")
    try:
        reply = json.loads(text)
        if "\\ud" in text.lower():
            reply = json.loads(json.dumps(reply, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return reply


def _verdict(said: Mapping[str, Any]) -> tuple[int | None, str, str]:
    """Kling's code, or the word a gateway has instead of one; and the message."""
    error = said.get("error")
    inner = error if isinstance(error, dict) else {}
    given = _text(said.get("code")) or _text(inner.get("code"))
    number = int(given) if re.fullmatch(r"-?[0-9]{1,9}", given) else None
    words = (said.get("message"), inner.get("message"), error, said.get("msg"), said.get("detail"))
    message = next((word for word in words if isinstance(word, str) and word.strip()), "")
    return number, "" if number is not None else given, message


def _says_yes(said: Mapping[str, Any], code: int | None, word: str) -> bool:
    """An unknown code beside a task is a task: a paid one taken for a refusal is paid twice."""
    if str(code) in CASES:
        return False
    if code in (0, 200) or word.lower() in {"success", "succeed", "ok"}:
        return True
    data = said["data"] if isinstance(said.get("data"), dict) else said
    if "task_id" in data or isinstance(data.get("status"), str):
        return True
    return code is None and not word and not said.get("error")


def _holds_task(said: Mapping[str, Any], code: int | None, kind: type[KlingError]) -> bool:
    """A task beside "too fast", or beside a code 0 under a status that says no."""
    data = said if said.get("data") is None else said["data"]
    return (code in (0, 200) or kind is TooFast) and Answer.from_json(data) is not None


_MONEY = re.compile(r"balance|quota|余额|额度", re.I)


def _judged(
    status: int, code: int | None, word: str, message: str, *, bare: bool
) -> tuple[type[KlingError], str]:
    if status < 200:
        return NoAnswer, ""
    if 300 <= status < 400:
        return BadRequest, "redirect"
    kind = refusal(code, status, bare=bare)
    if str(code) in CASES or not issubclass(kind, Refused):
        return kind, ""
    if _MONEY.search(f"{word} {message}"):
        return AccountBlocked, "1102"
    return kind, "1202" if status in (404, 405) and not word else ""


def _retry_after(value: str) -> float | None:
    """Seconds from now, at most an hour; the header holds seconds or a date."""
    try:
        seconds = float(value)
    except ValueError:
        there = unix(value)
        if there is None:
            return None
        seconds = there - time.time()
    return min(max(seconds, 0.0), 3600.0) if isfinite(seconds) else None


def unix(date: str) -> float | None:
    """Unix seconds of an HTTP date."""
    try:
        there = parsedate_to_datetime(date)
        return (there if there.tzinfo else there.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _text(value: Any) -> str:
    return str(value).strip() if isinstance(value, str | int) and value is not True else ""
