"""Callbacks: the bare task sent to a loopback ``callback_url`` at every change of its status."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import ssl
from functools import cached_property
from ipaddress import ip_address
from uuid import uuid4

import httpx

from . import wire
from .options import Options
from .tasks import Task

_SECONDS = 5.0  # a receiver that takes longer is not waited for
_log = logging.getLogger(__name__)


def is_loopback(url: str) -> bool:
    """Whether the host of `url`, as httpx itself reads it, is this machine."""
    try:
        host = httpx.URL(url).host
        return host == "localhost" or ip_address(host).is_loopback
    except (httpx.InvalidURL, ValueError):
        return False


def signature(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """Standard Webhooks: ``v1,<base64>`` with a secret like ``whsec_<base64>``."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


class Callbacks:
    """One asyncio task per Kling task that wants to be told; they end with the process."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._running: set[asyncio.Task[None]] = set()

    def follow(self, task: Task) -> None:
        if not self._options.callbacks or not is_loopback(task.callback_url):
            return
        running = asyncio.create_task(self._tell(task))
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    async def _tell(self, task: Task) -> None:
        for moment in (task.created, task.started, task.ended):
            await self._options.sleep(max(0.0, moment - self._options.clock()))
            await self._send(task, moment)

    async def _send(self, task: Task, moment: float) -> None:
        told = wire.described(task, now=moment, base=task.base, external=self._options.lookup)
        body = json.dumps(told).encode()
        headers = {"Content-Type": "application/json", **self._signed(body)}
        async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False, verify=self._tls) as client:
            try:
                await client.post(task.callback_url, content=body, headers=headers)
            except httpx.HTTPError as error:
                _log.warning("callback of task %s failed: %s", task.id, type(error).__name__)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Made once: that takes longer than several calls."""
        return httpx.create_ssl_context(trust_env=False)

    def _signed(self, body: bytes) -> dict[str, str]:
        secret = self._options.webhook_secret
        if not secret:
            return {}
        message_id, timestamp = uuid4().hex, int(self._options.clock())
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(
                secret, message_id=message_id, timestamp=timestamp, body=body
            ),
        }
