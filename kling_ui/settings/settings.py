"""What the operator chose, read once from the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

from dotenv import load_dotenv

from ..text import Text
from .reading import (
    OFF,
    ON,
    amount,
    hosts,
    is_loopback,
    plain_parts,
    switch,
    trimmed,
    webhook_key,
    whole,
)
from .secret import Secret

Mode = Literal["local", "lan", "space"]

GLOBAL_URL = "https://api-singapore.klingai.com"
DEFAULT_MODEL = "kling-v2-1"
ASK_PICTURES = 12
ASK_PRICE = 1.0
IMAGES, BUDGET = "KLING_UI_VISITOR_IMAGES_PER_DAY", "KLING_UI_DAILY_BUDGET"
PER_TASK = "KLING_UI_MAX_IMAGES_PER_TASK"
LIMITS = (IMAGES, BUDGET, PER_TASK)
SWITCHES = ("KLING_UI_SHARE_KEY", "KLING_UI_ALLOW_PRIVATE_HOSTS", "KLING_UI_AUTO_RESUBMIT")
PERSISTENT = Path("/data")  # where a Space with persistent storage has it
VISITOR_IMAGES = 10  # pictures a day, for each visitor of a Space that shares its key

BROKEN_KEY = Text(
    "{name} holds characters that no key has (a space, a line end or a non-Latin letter). "
    "Set it again and restart; nothing is sent until then.",
    "{name} 含有密钥不可能出现的字符（空格、换行或非拉丁字符）。"
    "请重新设置并重启；在此之前不会发送任何请求。",
)
HALF_PAIR = Text(
    "{name} is set without its partner {other}. Set both and restart; nothing is sent until then.",
    "已设置 {name}，但缺少与之配对的 {other}。请同时设置两者并重启；在此之前不会发送任何请求。",
)
BROKEN_URL = Text(
    "KLING_BASE_URL is not an https address like https://host/kling. "
    "Correct it and restart; nothing is sent until then.",
    "KLING_BASE_URL 不是形如 https://host/kling 的 https 地址。"
    "请修正并重启；在此之前不会发送任何请求。",
)
BROKEN_PUBLIC_URL = Text(
    "KLING_UI_PUBLIC_URL is not an address like https://host. "
    "Correct it and restart; until then Kling is not asked to call back.",
    "KLING_UI_PUBLIC_URL 不是形如 https://host 的地址。请修正并重启；在此之前不会请可灵回调。",
)
BROKEN_WEBHOOK_SECRET = Text(
    "KLING_WEBHOOK_SECRET is not a secret like whsec_… from Kling's console. "
    "Set it again and restart; no callback is believed until then.",
    "KLING_WEBHOOK_SECRET 不是可灵控制台给出的 whsec_… 格式的密钥。"
    "请重新设置并重启；在此之前不会采信任何回调。",
)
BROKEN_ASK = Text(
    "{name} is not a number above zero. {usual} is used instead.",
    "{name} 不是大于零的数字，将使用默认值 {usual}。",
)
BROKEN_LIMIT = Text(
    "{name} is no number from 0 on. Until it is corrected and the program started again, this "
    "studio's key is not used.",
    "{name} 不是 0 或更大的数字。修正并重启之前，不会使用本站的密钥。",
)
BROKEN_SWITCH = Text(
    "{name} is neither 1 nor 0: it is taken for 0.", "{name} 既不是 1 也不是 0，将视为 0。"
)
BROKEN_MODE = Text(
    "KLING_UI_MODE is neither local, lan nor space: {mode} is used.",
    "KLING_UI_MODE 不是 local、lan 或 space，将使用 {mode}。",
)
NO_PASSWORD = Text(
    "Others could reach this page at {address}, so it wants a password: set KLING_UI_PASSWORD and "
    "start again. Without GRADIO_SERVER_NAME it listens on this machine only and wants none.",
    "其他人可以通过 {address} 访问此页面，因此需要密码：请设置 KLING_UI_PASSWORD 后重新启动。"
    "不设置 GRADIO_SERVER_NAME 时只监听本机，无需密码。",
)
BROKEN_PORT = Text(
    "GRADIO_SERVER_PORT is “{port}”, which is no port: it wants a number from 1 to 65535.",
    "GRADIO_SERVER_PORT 的值“{port}”不是端口号：应为 1 到 65535 之间的数字。",
)
OPEN_TO_ALL = Text(
    "KLING_UI_MODE=local, yet it listens on {address}: whoever can reach it there uses it as you "
    "do, without a password.",
    "KLING_UI_MODE=local，但监听地址为 {address}："
    "任何能访问该地址的人都可以像您一样使用，无需密码。",
)
NAMED_TO_ALL = Text(
    "The page answers under the name {name}: whoever reaches it there uses it as you do. Set "
    "KLING_UI_PASSWORD, or KLING_UI_MODE=space for a page that is everybody's.",
    "页面会响应主机名 {name}：任何能由此访问的人都可以像您一样使用。请设置 KLING_UI_PASSWORD；"
    "如需公开页面，请设置 KLING_UI_MODE=space。",
)
NO_BUDGET = Text(
    "Visitors may spend this key, and KLING_UI_DAILY_BUDGET sets no limit to all of them together.",
    "访客可以使用此密钥，但未设置 KLING_UI_DAILY_BUDGET，所有访客的总花费没有上限。",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator chose. Without a key the program runs as a demo."""

    api_key: Secret = field(default_factory=Secret)
    access_key: Secret = field(default_factory=Secret)
    secret_key: Secret = field(default_factory=Secret)
    base_url: str = GLOBAL_URL
    default_model: str = DEFAULT_MODEL
    data_dir: Path = Path("~/.kling-ui")
    allow_private_hosts: bool = False
    mode: Mode = "local"
    server_name: str = "127.0.0.1"  # the address it listens on
    server_port: str = ""  # as it was asked for
    password: Secret = field(default_factory=Secret)
    allowed_hosts: tuple[str, ...] = ()  # names under which others reach it
    hosted: bool = False  # by Hugging Face, whose proxy is whoever connects
    forgets: bool = False  # a Space whose disk is empty after a restart
    share_key: bool = False
    # of the operator's key; None is no limit
    visitor_images_per_day: float | None = None
    daily_budget: float | None = None  # in the price's currency
    max_images_per_task: float | None = None
    broken_limit: str = ""  # the name of one that cannot be read
    public_url: str = ""  # where Kling reaches this program; sound, or empty
    webhook_secret: Secret = field(default_factory=Secret)
    auto_resubmit: bool = False
    prices: Path | None = None  # the operator's file of prices
    ask_pictures: int = ASK_PICTURES  # more than these at once, or
    ask_price: float = ASK_PRICE  # dearer by estimate, in the price's currency: the page asks first
    notices: tuple[Text, ...] = ()  # what is set and of no use, and keeps nothing from being sent

    @classmethod
    def load(cls, dotenv: Path = Path(".env")) -> Settings:
        """From the process's environment, with `dotenv` filling in what it does not name."""
        load_dotenv(dotenv)
        return cls.from_env(os.environ)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        given = {name: value.strip() for name, value in env.items() if value.strip()}
        mode, data_dir = _mode(given), _data_dir(given)
        shared = mode == "space" and switch(given.get("KLING_UI_SHARE_KEY", ""))
        return cls(
            api_key=Secret(given.get("KLING_API_KEY", "")),
            access_key=Secret(given.get("KLING_ACCESS_KEY", "")),
            secret_key=Secret(given.get("KLING_SECRET_KEY", "")),
            base_url=trimmed(given.get("KLING_BASE_URL", GLOBAL_URL)),
            default_model=given.get("KLING_DEFAULT_MODEL", DEFAULT_MODEL),
            data_dir=data_dir,
            allow_private_hosts=switch(given.get("KLING_UI_ALLOW_PRIVATE_HOSTS", "")),
            mode=mode,
            server_name=_server_name(given),
            server_port=given.get("GRADIO_SERVER_PORT", ""),
            password=Secret(given.get("KLING_UI_PASSWORD", ""), as_it_is=True),
            allowed_hosts=_allowed_hosts(given, mode),
            hosted="SPACE_ID" in given,
            forgets="SPACE_ID" in given and not data_dir.is_relative_to(PERSISTENT),
            share_key=switch(given.get("KLING_UI_SHARE_KEY", "")),
            visitor_images_per_day=_limit(given, IMAGES, VISITOR_IMAGES if shared else None),
            daily_budget=_limit(given, BUDGET),
            max_images_per_task=_limit(given, PER_TASK),
            broken_limit=next((name for name in LIMITS if _broken(given, name)), ""),
            public_url=_public_url(given),
            webhook_secret=Secret(given.get("KLING_WEBHOOK_SECRET", "")),
            auto_resubmit=switch(given.get("KLING_UI_AUTO_RESUBMIT", "")),
            prices=_prices(given),
            ask_pictures=whole(given.get("KLING_UI_ASK_PICTURES", "")) or ASK_PICTURES,
            ask_price=amount(given.get("KLING_UI_ASK_PRICE", "")) or ASK_PRICE,
            notices=tuple(_notices(given, mode)),
        )

    @property
    def live(self) -> bool:
        """A key is set, whole or not: then nothing is ever simulated by surprise."""
        return bool(self.api_key or self.access_key or self.secret_key)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """All that must not appear anywhere."""
        keys = (self.api_key, self.access_key, self.secret_key)
        own = (*keys, self.webhook_secret, self.password)
        return tuple(secret for secret in own if secret)

    @property
    def callback_host(self) -> str:
        """The name under which Kling reaches this program; empty where it does not."""
        return urlsplit(self.public_url).hostname or ""

    @property
    def refusal(self) -> Text | None:
        """Why it must not start; None when it may."""
        open_to_others = self.mode == "lan" or (self.hosted and self.mode != "space")
        if open_to_others and not self.password:
            return NO_PASSWORD.fill(address=self.server_name)
        port = self.server_port
        if port and not (re.fullmatch("[0-9]{1,5}", port) and 0 < int(port) <= 65535):
            return BROKEN_PORT.fill(port=port)
        return None

    @property
    def loopback_api(self) -> bool:
        return is_loopback(urlsplit(self.base_url).hostname or "")

    def problem(self) -> Text | None:
        """What keeps the key or the address from being used; None when all is well."""
        for name, secret in (
            ("KLING_API_KEY", self.api_key),
            ("KLING_ACCESS_KEY", self.access_key),
            ("KLING_SECRET_KEY", self.secret_key),
        ):
            if secret and not secret.sendable:
                return BROKEN_KEY.fill(name=name)
        if not self.api_key and bool(self.access_key) != bool(self.secret_key):
            pair = ("KLING_ACCESS_KEY", "KLING_SECRET_KEY")
            name, other = pair if self.access_key else pair[::-1]
            return HALF_PAIR.fill(name=name, other=other)
        if self.broken_limit:
            return BROKEN_LIMIT.fill(name=self.broken_limit)
        return None if not self.live or self.sound_url else BROKEN_URL

    @property
    def sound_url(self) -> bool:
        """Whether keys may be sent to the address of the API."""
        parts = plain_parts(self.base_url)
        if parts is None:
            return False
        plain_is_fine = self.loopback_api or self.allow_private_hosts
        return parts.scheme == "https" or (parts.scheme == "http" and plain_is_fine)


def _prices(env: Mapping[str, str]) -> Path | None:
    return Path(env["KLING_UI_PRICES"]).expanduser() if "KLING_UI_PRICES" in env else None


def _mode(env: Mapping[str, str]) -> Mode:
    chosen = env.get("KLING_UI_MODE", "").lower()
    derived: Mode = "space" if "SPACE_ID" in env else "local" if _private(env) else "lan"
    return next((mode for mode in get_args(Mode) if mode == chosen), derived)


def _private(env: Mapping[str, str]) -> bool:
    return "SPACE_ID" not in env and is_loopback(_server_name(env))


def _server_name(env: Mapping[str, str]) -> str:
    """Where the page listens; on a Space, to everybody."""
    return env.get("GRADIO_SERVER_NAME", "0.0.0.0" if "SPACE_ID" in env else "127.0.0.1")


def _allowed_hosts(env: Mapping[str, str], mode: Mode) -> tuple[str, ...]:
    """Those named, and those it says of itself that it is reached under. A local program that
    Kling calls back is not therefore everybody's."""
    space = env.get("SPACE_HOST", "") if "SPACE_ID" in env else ""
    public = "" if mode == "local" and "KLING_UI_PASSWORD" not in env else _public_url(env)
    return hosts(f"{env.get('KLING_UI_ALLOWED_HOSTS', '')} {space} {public}")


def _broken(env: Mapping[str, str], name: str) -> bool:
    return name in env and not amount(env[name]) and not re.fullmatch(r"0+(\.0+)?", env[name])


def _limit(env: Mapping[str, str], name: str, usual: float | None = None) -> float | None:
    """One that cannot be read lets nothing pass."""
    return amount(env[name]) if name in env else usual


def _public_url(env: Mapping[str, str]) -> str:
    """As set, or what a Space says of itself: a list, where it has a domain of its own too."""
    space = env.get("SPACE_HOST", "").split(",")[0].strip() if "SPACE_ID" in env else ""
    url = env.get("KLING_UI_PUBLIC_URL", f"https://{space}").strip("\"' ").rstrip("/")
    parts = plain_parts(url) if re.fullmatch(r"[\w.~:/@!$&()*+,;=%\[\]-]+", url, re.A) else None
    return url if parts and parts.scheme in {"http", "https"} else ""


def _notices(env: Mapping[str, str], mode: Mode) -> Iterator[Text]:
    if env.get("KLING_UI_MODE", mode).lower() != mode:
        yield BROKEN_MODE.fill(mode=mode)
    if mode == "local" and "KLING_UI_PASSWORD" not in env:
        if not _private(env):
            yield OPEN_TO_ALL.fill(address=_server_name(env))
        if named := hosts(env.get("KLING_UI_ALLOWED_HOSTS", "")):
            yield NAMED_TO_ALL.fill(name=named[0])
    if mode == "space" and switch(env.get("KLING_UI_SHARE_KEY", "")) and BUDGET not in env:
        yield NO_BUDGET
    for name in SWITCHES:
        if env.get(name, "").lower() not in ON | OFF:
            yield BROKEN_SWITCH.fill(name=name)
    if "KLING_UI_PUBLIC_URL" in env and not _public_url(env):
        yield BROKEN_PUBLIC_URL
    secret = Secret(env.get("KLING_WEBHOOK_SECRET", ""))
    if secret and webhook_key(secret.reveal()) is None:
        yield BROKEN_WEBHOOK_SECRET
    if "KLING_UI_ASK_PICTURES" in env and not whole(env["KLING_UI_ASK_PICTURES"]):
        yield BROKEN_ASK.fill(name="KLING_UI_ASK_PICTURES", usual=ASK_PICTURES)
    if "KLING_UI_ASK_PRICE" in env and not amount(env["KLING_UI_ASK_PRICE"]):
        yield BROKEN_ASK.fill(name="KLING_UI_ASK_PRICE", usual=f"{ASK_PRICE:g}")


def _data_dir(env: Mapping[str, str]) -> Path:
    if "KLING_UI_DATA_DIR" in env:
        return Path(env["KLING_UI_DATA_DIR"]).expanduser()
    if "SPACE_ID" in env and PERSISTENT.is_dir() and os.access(PERSISTENT, os.W_OK):
        return PERSISTENT / "kling-ui"
    return Path("~/.kling-ui").expanduser()
