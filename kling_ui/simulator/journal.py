"""What was asked of a simulator, for tests to look into."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

KEPT = 10_000


class Call(NamedTuple):
    """`status` 0: the connection was dropped. For a create `external_task_id` is the one in its
    body, for a get the id in its path."""

    method: str
    path: str
    external_task_id: str
    status: int


class Journal:
    """Oldest first, each list at most `KEPT` long; `creates` and `headers` belong together."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.creates: list[Mapping[str, Any]] = []  # JSON bodies, {} where it was not an object
        self.headers: list[Mapping[str, str]] = []

    def call(self, call: Call) -> None:
        self.calls.append(call)
        del self.calls[:-KEPT]

    def create(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        self.creates.append({k: _shortened(v) if k == "image" else v for k, v in body.items()})
        self.headers.append({k: "•••" if k == "authorization" else v for k, v in headers.items()})
        del self.creates[:-KEPT], self.headers[:-KEPT]


def _shortened(image: Any) -> Any:
    """A long picture as ``sha256:<hex>:<characters>``; a URL or anything short as it is."""
    if not isinstance(image, str) or len(image) <= 200 or image.startswith(("http:", "https:")):
        return image
    return f"sha256:{hashlib.sha256(image.encode('utf-8', 'replace')).hexdigest()}:{len(image)}"
