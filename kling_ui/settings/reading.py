"""From what somebody typed to what is meant."""

from __future__ import annotations

import base64
import re
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit, urlunsplit

ON, OFF = {"1", "true", "yes", "on"}, {"", "0", "false", "no", "off"}


def switch(word: str) -> bool:
    return word.lower() in ON


def whole(word: str) -> int:
    """0 for what is no whole number above it."""
    return int(word) if re.fullmatch("[0-9]{1,9}", word) else 0


def amount(word: str) -> float:
    """0 for what is no number above it."""
    return float(word) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", word) else 0.0


def trimmed(url: str) -> str:
    """A pasted base URL without a trailing slash, ``/v1`` or the rest of an endpoint's path."""
    try:
        parts = urlsplit(url.strip().strip("\"'"))
    except ValueError:
        return url
    path = re.sub(r"(/v1(/images(/generations(/.*)?)?)?)?/*$", "", parts.path)
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def webhook_key(secret: str) -> bytes | None:
    """The bytes inside ``whsec_<base64>``, with which Kling signs its callbacks; None without."""
    if not secret.startswith("whsec_"):
        return None
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True) or None
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def plain_parts(url: str) -> SplitResult | None:
    """None unless it names a host, and neither a user, a query nor a fragment."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    more = "@" in parts.netloc or "?" in url or "#" in url
    return None if more or not parts.hostname else parts


def hosts(text: str) -> tuple[str, ...]:
    """Names of hosts in lower case, whether they were written with commas, spaces, a scheme or a
    port; an address of IPv6 with its brackets or without."""
    words = (word.rpartition("://")[2].partition("/")[0] for word in re.split(r"[\s,]+", text))
    return tuple(dict.fromkeys(name for name in map(_host, words) if name))


def _host(word: str) -> str:
    word = word.lower().strip("[]") if word.count(":") > 1 and "]:" not in word else word.lower()
    if word.count(":") > 1 and not word.startswith("["):
        return word
    return re.sub(r":[0-9]+$", "", word).strip("[]").rstrip(".")
