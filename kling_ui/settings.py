"""The environment, read once. The only module that looks at ``os.environ``."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit, urlunsplit

from dotenv import load_dotenv

from .text import Text

Mode = Literal["local", "lan", "space"]

GLOBAL_URL = "https://api-singapore.klingai.com"
DEFAULT_MODEL = "kling-v2-1"
ASK_PICTURES = 12
ASK_PRICE = 1.0


class Secret:
    """A text that never shows itself: `reveal` is the only way to it."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        text = text.strip().strip("\"'").strip()
        self._text = re.sub(r"(?i)^bearer\s+", "", text)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret('***')" if self else "Secret('')"

    @property
    def sendable(self) -> bool:
        """Visible ASCII only, so that it fits into a header."""
        return re.fullmatch(r"[\x21-\x7e]{1,4096}", self._text) is not None

    def reveal(self) -> str:
        return self._text


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
    share_key: bool = False
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
        return cls(
            api_key=Secret(given.get("KLING_API_KEY", "")),
            access_key=Secret(given.get("KLING_ACCESS_KEY", "")),
            secret_key=Secret(given.get("KLING_SECRET_KEY", "")),
            base_url=trimmed(given.get("KLING_BASE_URL", GLOBAL_URL)),
            default_model=given.get("KLING_DEFAULT_MODEL", DEFAULT_MODEL),
            data_dir=_data_dir(given),
            allow_private_hosts=_switch(given.get("KLING_UI_ALLOW_PRIVATE_HOSTS", "")),
            mode=_mode(given),
            share_key=_switch(given.get("KLING_UI_SHARE_KEY", "")),
            public_url=_public_url(given),
            webhook_secret=Secret(given.get("KLING_WEBHOOK_SECRET", "")),
            auto_resubmit=_switch(given.get("KLING_UI_AUTO_RESUBMIT", "")),
            prices=_prices(given),
            ask_pictures=_whole(given.get("KLING_UI_ASK_PICTURES", "")) or ASK_PICTURES,
            ask_price=_amount(given.get("KLING_UI_ASK_PRICE", "")) or ASK_PRICE,
            notices=tuple(_notices(given)),
        )

    @property
    def live(self) -> bool:
        """A key is set, whole or not: then nothing is ever simulated by surprise."""
        return bool(self.api_key or self.access_key or self.secret_key)

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
        return None if not self.live or self._sound_url() else BROKEN_URL

    def _sound_url(self) -> bool:
        parts = _plain_parts(self.base_url)
        if parts is None:
            return False
        plain_is_fine = self.loopback_api or self.allow_private_hosts
        return parts.scheme == "https" or (parts.scheme == "http" and plain_is_fine)


def quiet_gradio(uploads: Path) -> None:
    """Gradio reads its own environment: no telemetry, no statistics of its own after every event,
    and uploads below our data folder."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = "1000000"
    os.environ.setdefault("GRADIO_TEMP_DIR", str(uploads))


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


def _plain_parts(url: str) -> SplitResult | None:
    """None unless it names a host, and neither a user, a query nor a fragment."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    more = "@" in parts.netloc or "?" in url or "#" in url
    return None if more or not parts.hostname else parts


def _switch(word: str) -> bool:
    return word.lower() in {"1", "true", "yes", "on"}


def _whole(word: str) -> int:
    """0 for what is no whole number above it."""
    return int(word) if re.fullmatch("[0-9]{1,9}", word) else 0


def _amount(word: str) -> float:
    """0 for what is no number above it."""
    return float(word) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", word) else 0.0


def _prices(env: Mapping[str, str]) -> Path | None:
    return Path(env["KLING_UI_PRICES"]).expanduser() if "KLING_UI_PRICES" in env else None


def _mode(env: Mapping[str, str]) -> Mode:
    if "SPACE_ID" in env:
        return "space"
    return "local" if is_loopback(env.get("GRADIO_SERVER_NAME", "127.0.0.1")) else "lan"


def _public_url(env: Mapping[str, str]) -> str:
    """As set, or what a Space says of itself: a list, where it has a domain of its own too."""
    space = env.get("SPACE_HOST", "").split(",")[0].strip() if "SPACE_ID" in env else ""
    url = env.get("KLING_UI_PUBLIC_URL", f"https://{space}").strip("\"' ").rstrip("/")
    parts = _plain_parts(url) if re.fullmatch(r"[\w.~:/@!$&()*+,;=%\[\]-]+", url, re.A) else None
    return url if parts and parts.scheme in {"http", "https"} else ""


def _notices(env: Mapping[str, str]) -> Iterator[Text]:
    if "KLING_UI_PUBLIC_URL" in env and not _public_url(env):
        yield BROKEN_PUBLIC_URL
    secret = Secret(env.get("KLING_WEBHOOK_SECRET", ""))
    if secret and webhook_key(secret.reveal()) is None:
        yield BROKEN_WEBHOOK_SECRET
    if "KLING_UI_ASK_PICTURES" in env and not _whole(env["KLING_UI_ASK_PICTURES"]):
        yield BROKEN_ASK.fill(name="KLING_UI_ASK_PICTURES", usual=ASK_PICTURES)
    if "KLING_UI_ASK_PRICE" in env and not _amount(env["KLING_UI_ASK_PRICE"]):
        yield BROKEN_ASK.fill(name="KLING_UI_ASK_PRICE", usual=f"{ASK_PRICE:g}")


def _data_dir(env: Mapping[str, str]) -> Path:
    if "KLING_UI_DATA_DIR" in env:
        return Path(env["KLING_UI_DATA_DIR"]).expanduser()
    persistent = Path("/data")
    if "SPACE_ID" in env and persistent.is_dir() and os.access(persistent, os.W_OK):
        return persistent / "kling-ui"
    return Path("~/.kling-ui").expanduser()
