"""Of all cookies that come, those that this program or Gradio reads."""

from __future__ import annotations

from collections.abc import Iterable

LARGEST = 4096  # bytes of one header
_OURS = (b"kling_", b"access-token-")  # how their names begin


def without_others_cookies(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """A quoted value is nobody's of ours, and Python's parser may take minutes for one
    (CVE-2024-7592); other programs of the same host have cookies, too."""
    return [(name, value if name != b"cookie" else _ours(value)) for name, value in headers]


def _ours(cookies: bytes) -> bytes:
    pairs = (pair.strip() for pair in cookies.split(b";"))
    return b"; ".join(one for one in pairs if one.startswith(_OURS) and b'"' not in one)[:LARGEST]
