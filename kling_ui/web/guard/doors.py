"""The routes that answer. Gradio has many more, and gets new ones: what is not here is nowhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs

from ..links import PREFIX

KILO, MEGA = 1024, 1024 * 1024
UPLOAD = 65 * MEGA  # a file of 64, which Gradio itself refuses to exceed, and its envelope
FORM = 512 * KILO  # what a page sends of its form
FOR = Literal["all", "known"]  # whether a caller must have logged in, where there is a password


@dataclass(frozen=True, slots=True)
class Door:
    """`largest`: bytes that may come in; `patience`: seconds for them to arrive; `counted`: how
    many of the asks that a caller may make it costs; `held`: the connection stays open; `file`:
    what comes in is kept; `led`: a link of another site may lead here; `called`:
    by Kling."""

    methods: frozenset[str]
    path: re.Pattern[str]
    to: FOR = "known"
    largest: int = 0
    patience: float = 10.0
    counted: float = 0.0
    held: bool = False
    file: bool = False
    led: bool = True
    called: bool = False

    def leads(self, method: str, path: str) -> bool:
        return method in self.methods and self.path.fullmatch(path) is not None


def _door(methods: str, path: str, **more: object) -> Door:
    return Door(frozenset(methods.split()), re.compile(path, re.ASCII), **more)  # type: ignore[arg-type]


_API, _OURS = re.escape("/gradio_api"), re.escape(PREFIX)
_NAME = r"[A-Za-z0-9_-]{1,64}"
DOORS = (
    # the page itself; its own question whether somebody logged in comes with it
    _door("GET HEAD", "/", to="all", counted=2),
    _door("GET HEAD", r"/(assets|static)/[\w./@+-]+", to="all"),
    _door("GET HEAD", r"/(theme\.css|favicon\.ico|robots\.txt|manifest\.json)", to="all"),
    _door("GET HEAD", r"/pwa_icon(/\d{1,4})?", to="all"),
    _door("POST", "/login/?", to="all", largest=4 * KILO),
    _door("GET", "/logout", to="all", led=False),
    _door("GET", f"{_API}/(theme\\.css|startup-events|app_id)/?", to="all"),
    # what pages and scripts use
    _door("GET", "/config/?", counted=1),
    _door("GET", f"{_API}/info/?", counted=1),
    _door("GET", f"{_API}/heartbeat/{_NAME}", counted=1, held=True),
    _door("GET", f"{_API}/(queue/data|upload_progress)", counted=1, held=True),
    _door("POST", f"{_API}/queue/join/?", largest=FORM, counted=1),
    _door("POST", f"{_API}/run/predict/?", largest=FORM, counted=1),
    _door("POST", f"{_API}/call/(submit|tasks?)/?", largest=FORM, counted=1),
    _door("GET", f"{_API}/call/(submit|tasks?)/{_NAME}", counted=1, held=True),
    _door("POST", f"{_API}/upload/?", largest=UPLOAD, patience=300.0, counted=20, file=True),
    _door("GET HEAD", rf"{_API}/file=(?!https?:)[^\x00-\x1f\\]+", counted=0.2),
    # ours
    _door("POST", rf"{_OURS}/callbacks/[^/]+/[^/]+", to="all", largest=64 * KILO, called=True),
    _door("GET HEAD", rf"{_OURS}/(assets/[\w./-]+|placeholder/\d{{1,4}}x\d{{1,4}})"),
    _door("GET HEAD", rf"{_OURS}/pictures/\w+(/\d+)?", counted=0.1),
    _door("GET", rf"{_OURS}/events", counted=1, held=True),
    _door("GET", rf"{_OURS}/(tasks|account|comparisons)(/[\w.-]+)*", counted=1),
    _door("POST", rf"{_OURS}/zip", largest=64 * KILO, counted=5),
    _door("POST", rf"{_OURS}/(delete|account/(check|adopt))", largest=64 * KILO, counted=1),
    _door("POST DELETE", rf"{_OURS}/key", largest=4 * KILO, counted=20),
)


def door_to(method: str, path: str, query: bytes) -> Door | None:
    """None where nobody opens."""
    if "/../" in f"{path}/" or _unwanted(path, parse_qs(query.decode("latin-1"))):
        return None
    return next((door for door in DOORS if door.leads(method, path)), None)


def _unwanted(path: str, query: Mapping[str, list[str]]) -> bool:
    """A page with what somebody else typed in it, or another one than there is."""
    return path == "/" and not {"deep_link", "page"}.isdisjoint(query)
