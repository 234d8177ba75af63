"""The routes that answer. Gradio has many more, and gets new ones: what is not here is nowhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs

from ..body import LARGEST, PATIENCE
from ..links import PREFIX

KILO, MEGA = 1024, 1024 * 1024
UPLOAD = 65 * MEGA  # a file of 64, which Gradio itself refuses to exceed, and its envelope
UPLOAD_PATIENCE = 300.0  # seconds
FORM = 512 * KILO  # what a page sends of its form
FOR = Literal["all", "known"]  # whether a caller must have logged in, where there is a password


@dataclass(frozen=True, slots=True)
class Door:
    """`methods`, with spaces between, and `path`, a pattern. `largest`: bytes that may come in;
    `patience`: seconds for them to arrive; `counted`: how many of the asks that a caller may make
    it costs; `weighed`: what goes out costs as well; `held`: the connection stays open; `file`:
    what comes in is kept; `led`: a link of another site may lead here; `called`: by Kling."""

    methods: str
    path: str
    to: FOR = "known"
    largest: int = 0
    patience: float = PATIENCE
    counted: float = 0.0
    weighed: bool = False
    held: bool = False
    file: bool = False
    led: bool = True
    called: bool = False

    def leads(self, method: str, path: str) -> bool:
        return method in self.methods.split() and bool(re.fullmatch(self.path, path, re.ASCII))


_API, _OURS = re.escape("/gradio_api"), re.escape(PREFIX)
_NAME = r"[A-Za-z0-9_-]{1,64}"
DOORS = (
    # the page itself; its own question whether somebody logged in comes with it
    Door("GET HEAD", "/", to="all", counted=5),
    Door("GET HEAD", r"/(assets|static)/[\w./@+-]+", to="all", counted=0.1),
    Door(
        "GET HEAD", r"/(theme\.css|favicon\.ico|robots\.txt|manifest\.json)", to="all", counted=0.1
    ),
    Door("GET HEAD", r"/pwa_icon(/\d{1,4})?", to="all", counted=0.1),
    Door("POST", "/login/?", to="all", largest=4 * KILO),
    Door("GET", "/logout", to="all", led=False),
    Door("GET", f"{_API}/(theme\\.css|startup-events|app_id)/?", to="all", counted=0.1),
    # what pages and scripts use
    Door("GET", "/config/?", counted=5),
    Door("GET", f"{_API}/info/?", counted=1),
    Door("GET", f"{_API}/heartbeat/{_NAME}", counted=1, held=True),
    Door("GET", f"{_API}/(queue/data|upload_progress)", counted=1, held=True),
    Door("POST", f"{_API}/queue/join/?", largest=FORM, counted=1),
    Door("POST", f"{_API}/run/predict/?", largest=FORM, counted=1),
    Door("POST", f"{_API}/call/(submit|tasks?)/?", largest=FORM, counted=1),
    Door("GET", f"{_API}/call/(submit|tasks?)/{_NAME}", counted=1, held=True),
    Door(
        "POST", f"{_API}/upload/?", largest=UPLOAD, patience=UPLOAD_PATIENCE, counted=20, file=True
    ),
    Door("GET HEAD", rf"{_API}/file=(?!https?:)[^\x00-\x1f\\]+", counted=0.3),
    # ours
    Door("POST", rf"{_OURS}/callbacks/[^/]+/[^/]+", to="all", largest=LARGEST, called=True),
    Door("GET HEAD", rf"{_OURS}/(assets/[\w./-]+|placeholder/\d{{1,4}}x\d{{1,4}})", counted=0.1),
    Door("GET HEAD", rf"{_OURS}/pictures/\w+(/\d+)?", counted=0.3),
    Door("GET", rf"{_OURS}/events", counted=1, weighed=True, held=True),
    Door("GET", rf"{_OURS}/(tasks|account|comparisons)(/[\w.-]+)*", counted=1, weighed=True),
    Door("POST", rf"{_OURS}/zip", largest=LARGEST, counted=5),
    Door("POST", rf"{_OURS}/(delete|account/(check|adopt))", largest=LARGEST, counted=1),
    Door("POST DELETE", rf"{_OURS}/key", largest=4 * KILO, counted=20),
)


def door_to(method: str, path: str, query: bytes) -> Door | None:
    """None where nobody opens."""
    if "/../" in f"{path}/" or _unwanted(path, parse_qs(query.decode("latin-1"))):
        return None
    return next((door for door in DOORS if door.leads(method, path)), None)


def _unwanted(path: str, query: Mapping[str, list[str]]) -> bool:
    """A page with what somebody else typed in it, or another one than there is."""
    return path == "/" and not {"deep_link", "page"}.isdisjoint(query)
