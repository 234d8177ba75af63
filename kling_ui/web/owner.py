"""Who a request belongs to.

On this machine, and on a LAN behind its password, there is one owner, the operator: every browser,
phone and script sees the same history. On a Space the owner is the hash of a random HttpOnly
cookie, minted on ``/`` and ``/config`` only (minting elsewhere would split one caller into several
when calls run side by side). Gradio's session hash is no identity: the client chooses it.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..studio import OPERATOR
from ..text import Text
from .incoming import incoming

COOKIE = "kling_owner"
NO_IDENTITY = Text(
    "No identity: fetch /config first and keep its cookie, as gradio_client does.",
    "没有身份：请先访问 /config 并保留其 Cookie（gradio_client 会自动处理）。",
)
NOBODY = ""  # owns nothing: a caller that has not been given its cookie yet
_MINTED_ON = {"/", "/config", "/config/"}
CALLER = "kling_caller"  # what the guard writes down
_KEY = "kling_owner"


def owner_of(request: Any) -> str:
    """The owner of a Starlette or Gradio request that came through `Owners`."""
    return owner_of_scope(incoming(request).scope)


def owner_of_scope(scope: Scope) -> str:
    return str(scope.get(_KEY, NOBODY))


def caller_of(request: Any) -> str:
    """The address that a request came from, as one caller has it; empty where that is unknown."""
    return str(incoming(request).scope.get(CALLER, ""))


class Owners:
    """`shared`: one operator owns everything; otherwise each cookie is an owner."""

    def __init__(self, *, shared: bool) -> None:
        self.shared = shared

    def around(self, app: ASGIApp) -> ASGIApp:
        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
            elif self.shared:
                await app({**scope, _KEY: OPERATOR}, receive, send)
            else:
                await self._by_cookie(app, scope, receive, send)

        return serve

    async def _by_cookie(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        token = cookie_of(scope)
        mint = not token and scope["path"] in _MINTED_ON
        if mint:
            token = secrets.token_urlsafe(32)
        owner = hashlib.sha256(token.encode()).hexdigest() if token else NOBODY

        async def with_cookie(message: Message) -> None:
            if mint and message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("set-cookie", _set_cookie(token, scope))
            await send(message)

        await app({**scope, _KEY: owner}, receive, with_cookie)


def cookie_of(scope: Scope) -> str:
    """What tells a browser from others; empty where it brings nothing of ours. Whatever stands
    beside it: SimpleCookie would stop at another program's odd cookie."""
    value = HTTPConnection(scope).cookies.get(COOKIE, "")
    return value if 20 <= len(value) <= 100 else ""


def _set_cookie(token: str, scope: Scope) -> str:
    headers = Headers(scope=scope)
    proto = headers.get("x-forwarded-proto", scope.get("scheme", "http")).split(",")[0].strip()
    site = "Secure; SameSite=None; Partitioned" if proto == "https" else "SameSite=Lax"
    return f"{COOKIE}={token}; Path=/; Max-Age=31536000; HttpOnly; {site}"
