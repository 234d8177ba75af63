"""An account at Kling: whose key pays, at which address, and how it is reached."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..client import KlingClient
from ..pictures import Downloader


@dataclass(frozen=True, slots=True)
class Account:
    """`name` stands in every row of its tasks; `base_url` is ``prices.DEMO_HOST`` in the demo."""

    name: str
    base_url: str
    client: KlingClient
    downloader: Downloader
    live: bool = True

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).netloc


def account_name(base_url: str, key: str, *, secret: bytes) -> str:
    """Base URL and a fingerprint of the key that nobody can test keys against."""
    mark = hmac.new(secret, key.encode(), hashlib.sha256).hexdigest()[:16]
    return f"{base_url}#{mark}"


def local_secret(path: Path) -> bytes:
    """32 random bytes of this installation, made at the first call and kept in `path`."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_bytes(secrets.token_bytes(32))
        part.replace(path)
    return path.read_bytes()
