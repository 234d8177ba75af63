"""Callbacks of Kling's: who may call, and what a call is worth.

Anybody may POST to us. A call counts only at the address of its task, which nobody can guess, and,
where the operator has a webhook secret, only if Kling signed it. Even then it is a hint: a reason
to ask Kling now. No state and no picture is ever taken from it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..settings import webhook_key
from ..task import Answer, is_id

CALLBACK_PATH = "/gradio_api/studio/callbacks"  # below the web's prefix
MOST_EARLY = 1000  # hints that are remembered until their task is watched
CLOCKS_APART = 300  # seconds between Kling's clock and ours
_RUNNING = {"submitted", "processing"}


@dataclass(frozen=True, slots=True)
class Hint:
    """What a callback said of our task `task_id`. `remote_id` is Kling's id as the body names it,
    empty where it names none. `over`: anything but a clear word that it still runs, so look now."""

    task_id: str
    remote_id: str
    over: bool


class EarlyHints:
    """Those at tasks whose create is not answered yet; the latest are kept."""

    def __init__(self) -> None:
        self._hints: dict[str, Hint] = {}

    def keep(self, task_id: str, *, remote_id: str, over: bool) -> None:
        former = self._hints.pop(task_id, Hint(task_id, "", over=False))
        self._hints[task_id] = Hint(task_id, remote_id or former.remote_id, over or former.over)
        if len(self._hints) > MOST_EARLY:
            del self._hints[next(iter(self._hints))]

    def pop(self, task_id: str) -> Hint | None:
        return self._hints.pop(task_id, None)


class Callbacks:
    """`secret` makes the addresses; `webhook_secret` (``whsec_…``) is Kling's, empty if there is
    none. One that is broken verifies nothing, so that nothing is believed."""

    def __init__(self, public_url: str, secret: bytes, webhook_secret: str = "") -> None:
        self._base = f"{public_url}{CALLBACK_PATH}"
        self._secret, self._webhook_secret = secret, webhook_secret

    def url(self, task_id: str) -> str:
        """Where Kling reports of this task."""
        return f"{self._base}/{task_id}/{self._mac(task_id)}"

    def heard(
        self,
        task_id: str,
        mac: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        now: float | None = None,
    ) -> Hint | None:
        """None where the call is not for us: a wrong address, a wrong or an old signature.
        `headers` by their names in lower case; `now` in Unix seconds."""
        ours = is_id(task_id) and _same(mac, self._mac(task_id))
        moment = time.time() if now is None else now
        return _hint(task_id, body) if ours and self._signed(headers, body, moment) else None

    def _mac(self, task_id: str) -> str:
        mac = hmac.digest(self._secret, b"callback:" + task_id.encode(), hashlib.sha256)
        return mac.hex()[:32]

    def _signed(self, headers: Mapping[str, str], body: bytes, now: float) -> bool:
        """Standard Webhooks: ``v1,<base64>``, several while a secret is being changed."""
        if not self._webhook_secret:
            return True
        key, sent = webhook_key(self._webhook_secret), headers.get("webhook-timestamp", "")
        if key is None or not re.fullmatch("[0-9]{1,15}", sent):
            return False
        if abs(now - int(sent)) > CLOCKS_APART:
            return False
        signed = f"{headers.get('webhook-id', '')}.{sent}.".encode() + body
        expected = f"v1,{b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"
        given = headers.get("webhook-signature", "").split(" ")
        return any(_same(one, expected) for one in given)


def _same(given: str, expected: str) -> bool:
    """In constant time, whatever characters are given."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def _hint(task_id: str, body: bytes) -> Hint:
    answer = Answer.from_json(_task_in(body))
    if answer is None:
        return Hint(task_id, "", over=True)
    status = answer.raw.get("task_status") or answer.raw.get("status")
    runs = isinstance(status, str) and answer.status in _RUNNING
    usable = re.fullmatch(r"\w[\w.:-]{0,127}", answer.task_id, re.ASCII)
    return Hint(task_id, answer.task_id if usable else "", over=not runs)


def _task_in(body: bytes) -> Any:
    """The task bare, as Kling's page shows it, or below ``data``, as gateways have it."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    inner = said.get("data") if isinstance(said, dict) else None
    return inner if isinstance(inner, dict) else said
