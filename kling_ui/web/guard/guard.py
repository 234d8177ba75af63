"""The outermost middleware of ours."""

from __future__ import annotations

import logging
import math
import re

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...text import Text
from ..answers import missing, refusal
from ..owner import CALLER, cookie_of
from .body import TooLarge, TooSlow, drained, limited, said_size
from .cookies import without_others_cookies
from .doors import UPLOAD, Door, door_to
from .headers import with_headers
from .hosts import Hosts
from .login import Login
from .pace import Pace, Rate, neighbourhood
from .room import Crowd, Uploads, raise_file_limit

log = logging.getLogger(__name__)

# of all who come from one address, and of one browser there
CALM = Rate(a_second=40, at_once=400), Rate(a_second=20, at_once=200)
ROOMY = Rate(a_second=400, at_once=2000), Rate(a_second=400, at_once=2000)
WEIGHT = 100_000  # bytes that go out as one ask, where they are made for the asker
UPLOADED = Rate(a_second=140_000, at_once=300_000_000)  # bytes from one address: 500 MB an hour
SMALLEST_UPLOAD = 100_000  # bytes; a file of less costs as much
NEAR, MOST_HELD = 200, 3000  # connections held open: from one address, and in all
NEAR_AT_ONCE = 400  # other answers under way to one address; who reads slowly holds a file, too

UNKNOWN_HOST = Text(
    "This program does not answer under the name “{host}”. If it should, add it to "
    "KLING_UI_ALLOWED_HOSTS and start the program again.",
    "本程序不响应主机名“{host}”。如需使用，请将其加入 KLING_UI_ALLOWED_HOSTS 并重新启动程序。",
)
FROM_ELSEWHERE = Text(
    "This was asked by another site's page, and is not answered. Behind a proxy, it must pass on "
    "the Host header as it came.",
    "该请求来自其他网站的页面，不予响应。如使用代理，请原样转发 Host 请求头。",
)
TOO_LARGE = Text("That is too large.", "内容过大。")
TOO_SLOW = Text("That took too long to arrive.", "传输超时。")
TOO_OFTEN = Text("Busy: too many requests. Wait a moment.", "请求过于频繁，请稍候再试。")
BROKE = Text("Something went wrong here.", "这里出现了问题。")
NO_ROOM = Text("There is no room for another file now.", "当前没有空间存放更多文件。")
LOG_IN = Text("Log in first.", "请先登录。")
TOO_MANY_TRIES = Text(
    "Too many passwords were tried from your address. Wait {seconds} s, then try again.",
    "来自您所在地址的密码尝试过多。请等待 {seconds} 秒后再试。",
)
FILES = "/gradio_api/file="
MOST_PARTS = 5  # of an upload; the page sends one file
KNOWN = "kling_known"  # whether the caller has logged in, where that is asked for


class Guard:
    """`space`: many people share it, and Hugging Face may show it in a frame. `proxied`: whoever
    connects is a proxy, and the last address that it forwards is the caller's."""

    def __init__(
        self,
        hosts: Hosts,
        uploads: Uploads,
        *,
        login: Login | None,
        space: bool,
        proxied: bool,
        ancestors: str,
    ) -> None:
        self._hosts, self._login, self._ancestors = hosts, login, ancestors
        self._space, self._proxied, self._uploads = space, proxied, uploads
        self._addresses, self._browsers = map(Pace, CALM if space else ROOMY)
        self._bytes = Pace(UPLOADED)
        held = min(MOST_HELD, raise_file_limit() // 3)
        self._crowd = Crowd(near=min(NEAR, held) if space else held, most=held)
        most = held // 2
        self._answers = Crowd(near=min(NEAR_AT_ONCE, most) if space else most, most=most)

    def around(self, app: ASGIApp) -> ASGIApp:
        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "websocket":  # there is none
                await send({"type": "websocket.close", "code": 1008})
            elif scope["type"] != "http":
                await app(scope, receive, send)
            else:
                own = with_headers(send, ancestors=self._ancestors)
                await self._serve(app, scope, receive, own)

        return serve

    async def _serve(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        scope = {**scope, "headers": without_others_cookies(scope["headers"])}
        headers = Headers(scope=scope)
        door = door_to(scope["method"], scope["path"], scope["query_string"])
        known = self._login is None or self._login.known(scope)
        refused = self._refusal(scope, headers, door, known=known)
        if refused or door is None:
            await drained(receive, largest=UPLOAD, patience=2.0)
            await (refused or missing(scope))(scope, receive, send)
            return
        if door.file and not await self._uploads.room():
            await drained(receive, largest=UPLOAD, patience=2.0)
            await refusal(scope, 507, NO_ROOM)(scope, receive, send)
            return
        crowd = self._crowd if door.held else self._answers
        inner = {
            **scope,
            KNOWN: known,
            CALLER: self._caller(scope),
            "headers": self._trusted(scope, headers),
        }
        if door.weighed:
            send = self._weighing(send, inner)
        with crowd.holding(inner[CALLER]):
            if scope["path"].startswith("/login") and self._login:
                await self._log_in(app, inner, receive, send, door)
            elif door.file:
                async with self._uploads.coming():
                    await _within(app, inner, receive, send, door)
            else:
                await _within(app, inner, receive, send, door)

    def _refusal(
        self, scope: Scope, headers: Headers, door: Door | None, *, known: bool
    ) -> Response | None:
        """None where the request may go on."""
        calls = door is not None and door.called and self._hosts.known_to_kling(headers)
        if not calls and not self._hosts.known(scope, headers):
            host = re.sub(r"[^\w.:\[\]-]", "", headers.get("host", ""))[:100]
            return refusal(scope, 421, UNKNOWN_HOST.fill(host=host))
        if not self._hosts.asked_from_here(scope, headers, led=door is None or door.led):
            return refusal(scope, 403, FROM_ELSEWHERE)
        if door is None:
            return missing(scope)
        if door.to == "known" and not known:
            return refusal(scope, 401, LOG_IN)
        if said_size(headers) > door.largest:
            return refusal(scope, 413, TOO_LARGE)
        if wait := self._wait(scope, headers, door.counted):
            return refusal(scope, 429, TOO_OFTEN, **{"retry-after": str(math.ceil(wait))})
        if door.file and self._space:
            size = max(SMALLEST_UPLOAD, said_size(headers) or door.largest)
            if wait := self._bytes.wait(self._caller(scope), size):
                return refusal(scope, 429, TOO_OFTEN, **{"retry-after": str(math.ceil(wait))})
        crowd = self._crowd if door.held else self._answers
        if crowd.full(self._caller(scope)):
            return refusal(scope, 429, TOO_OFTEN, **{"retry-after": "10"})
        return None

    def _wait(self, scope: Scope, headers: Headers, cost: float) -> float:
        """Seconds until this caller may ask for so much; 0 for at once."""
        if not cost:
            return 0.0
        if wait := self._addresses.wait(self._caller(scope), cost):
            return wait
        browser = cookie_of(scope)
        return self._browsers.wait(browser, cost) if browser and self._space else 0.0

    def _weighing(self, send: Send, scope: Scope) -> Send:
        """`send`, where what goes out counts."""
        caller, browser = scope[CALLER], cookie_of(scope) if self._space else ""

        async def sent(message: Message) -> None:
            cost = len(message.get("body", b"")) / WEIGHT
            self._addresses.charge(caller, cost)
            if browser:
                self._browsers.charge(browser, cost)
            await send(message)

        return sent

    def _caller(self, scope: Scope) -> str:
        return neighbourhood(_address(scope, proxied=self._proxied))

    def _trusted(self, scope: Scope, headers: Headers) -> list[tuple[bytes, bytes]]:
        """Without what a proxy did not say, or could not know."""
        wrong = {b"x-gradio-server"}  # Gradio would let it name the address of everything
        if not self._hosts.forwarded(headers):
            wrong.add(b"x-forwarded-host")
        if scope["path"].startswith(FILES):
            wrong.add(b"range")  # Gradio's answer to it would repeat the cookies that came with it
        if headers.get("x-forwarded-proto", "").split(",")[0].strip() not in ("http", "https"):
            wrong.add(b"x-forwarded-proto")
        return [(name, value) for name, value in scope["headers"] if name not in wrong]

    async def _log_in(
        self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, door: Door
    ) -> None:
        assert self._login
        caller, status = scope[CALLER], 500

        async def judged(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        async with self._login.trying(caller) as tries:
            if tries is None:
                wait = math.ceil(self._login.pause(caller))
                text = TOO_MANY_TRIES.fill(seconds=wait)
                late = refusal(scope, 429, text, **{"retry-after": str(wait)})
                await late(scope, receive, send)
                return
            await _within(app, scope, receive, judged, door)
            self._login.judge(tries, status)


async def _within(app: ASGIApp, scope: Scope, receive: Receive, send: Send, door: Door) -> None:
    """Served, unless more comes in than this door takes."""
    begun = False

    async def sent(message: Message) -> None:
        nonlocal begun
        begun = True
        await send(message)

    try:
        parts = MOST_PARTS if door.file else None
        own = limited(receive, largest=door.largest, patience=door.patience, parts=parts)
        await app(scope, own, sent)
    except (TooLarge, TooSlow) as error:
        status, text = (413, TOO_LARGE) if isinstance(error, TooLarge) else (408, TOO_SLOW)
        if not begun:
            await refusal(scope, status, text)(scope, receive, send)
    except Exception:
        log.exception("%s %s broke", scope["method"], scope["path"])
        if begun:
            raise
        await refusal(scope, 500, BROKE)(scope, receive, send)


def _address(scope: Scope, *, proxied: bool) -> str:
    """The address of whoever asks; all but the last that was forwarded can be made up."""
    came_from = str((scope.get("client") or ("",))[0])
    forwarded = ",".join(Headers(scope=scope).getlist("x-forwarded-for")) if proxied else ""
    return forwarded.rpartition(",")[2].strip() or came_from
