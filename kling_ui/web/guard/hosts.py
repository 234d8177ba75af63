"""Under which names this program may be asked, and by whose pages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

LOOPBACK = ("localhost", "127.0.0.1")  # not [::1]: there Gradio lets every page read its answers
HERE = ("same-origin", "none")  # what a browser says of a page of ours, or of a typed address
SAFE = ("GET", "HEAD", "OPTIONS")
_HOST = re.compile(r"([\w.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.ASCII | re.IGNORECASE)
DEFAULT_PORTS = {"http": 80, "https": 443}


class Hosts:
    """`names` are those that the operator allows beside this machine's own. A name that anybody
    could make up, and let point here, is none of them: no page of theirs can then read ours. Under
    the name `called` Kling calls back."""

    def __init__(self, names: Iterable[str] = (), *, called: str = "") -> None:
        self._called = called.lower()
        self._names = {*LOOPBACK, *(name.lower() for name in names)} - {"0.0.0.0", "::"}

    def known(self, scope: Scope, headers: Headers) -> bool:
        """Also by the very address that the request came in at, as on a home network."""
        name = hostname(headers.get("host", ""))
        server = scope.get("server") or ("", 0)
        return name in self._names or (name == server[0] and ":" not in name and bool(name))

    def known_to_kling(self, headers: Headers) -> bool:
        return bool(self._called) and hostname(headers.get("host", "")) == self._called

    def forwarded(self, headers: Headers) -> str:
        """The host that a proxy says it was asked for; empty where that is none of ours."""
        host = headers.get("x-forwarded-host", "").split(",")[0].strip()
        return host if hostname(host) in self._names else ""

    def asked_from_here(self, scope: Scope, headers: Headers, *, led: bool = True) -> bool:
        """Whether a page of ours asks, or a script. A browser tells of another one's by `Origin`
        or `Sec-Fetch-Site`; what another page may do is lead here, where that is `led`."""
        for origin in headers.getlist("origin"):
            if _place(origin) not in self._own(headers, origin):
                return False
        site = headers.get("sec-fetch-site", "none")
        leads = headers.get("sec-fetch-mode") == "navigate" and scope["method"] in SAFE
        return site in HERE or (leads and led)

    def _own(self, headers: Headers, origin: str) -> set[tuple[str, int]]:
        scheme = origin.partition("://")[0]
        hosts = (headers.get("host", ""), self.forwarded(headers))
        return {place for host in hosts if host and (place := _place(f"{scheme}://{host}"))}


def hostname(host: str) -> str:
    """Without its port, in lower case; empty for what is no host."""
    if not _HOST.fullmatch(host):
        return ""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _place(origin: str) -> tuple[str, int] | None:
    """Name and port; None for what is no web page's origin, such as ``null``."""
    try:
        parts = urlsplit(origin)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname and port else None
