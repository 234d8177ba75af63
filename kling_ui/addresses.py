"""Which addresses belong to the public internet, and which links to a picture may be passed on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from .text import Text

MOST_CHARACTERS = 2048

NO_LINK = Text(
    "This is not a link to a picture. It begins with https:// or http://, "
    "like https://host.com/picture.png.",
    "这不是图片链接。链接应以 https:// 或 http:// 开头，例如 https://host.com/picture.png。",
)
LONG_LINK = Text(
    "The link has {length} characters; at most {limit} are taken.",
    "链接有 {length} 个字符，最多 {limit} 个。",
)
ODD_LINK = Text(
    "The link holds a space or a character outside ASCII. Percent-encode it: a space becomes %20.",
    "链接中含有空格或非 ASCII 字符，请先做百分号编码（例如空格写成 %20）。",
)
LINK_WITH_PASSWORD = Text(
    "The link holds a user name or a password, which others would get to see. Use one without.",
    "链接中含有用户名或密码，会被第三方看到。请换用不含它们的链接。",
)
PRIVATE_LINK = Text(
    "Kling cannot reach {host}: it is not on the public internet. Upload the picture instead.",
    "可灵无法访问 {host}：它不在公网上。请改为上传图片。",
)


def check_reference_url(url: str, *, allow_private: bool = False) -> Text | None:
    """Why a link cannot be handed to Kling, which fetches it; None when it can.

    Nothing is looked up. `allow_private`: a gateway in the same private network is in use."""
    if len(url) > MOST_CHARACTERS:
        return LONG_LINK.fill(length=len(url), limit=MOST_CHARACTERS)
    if not url.strip():
        return NO_LINK
    if not url.strip().lower().startswith(("http://", "https://")):
        return NO_LINK
    if not re.fullmatch(r"[\x21-\x7e]+", url):
        return ODD_LINK
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return NO_LINK
    if parts.scheme not in {"http", "https"} or not host:
        return NO_LINK
    if "@" in parts.netloc:
        return LINK_WITH_PASSWORD
    if not (_is_address(host) or ("[" not in parts.netloc and _NAME.fullmatch(host))):
        return NO_LINK
    return None if allow_private or _looks_public(host) else PRIVATE_LINK.fill(host=host)


_NAME = re.compile(r"(?=.{1,253}\.?$)([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?")
_HERE = re.compile(r".*\.(localhost|localdomain|local|internal|intranet|lan|home|corp|home\.arpa)")


def _looks_public(host: str) -> bool:
    """By its spelling alone. A last label that is a number is an IPv4 address, however written
    (127.1, 0x7f.1, 2130706433), and only the usual spelling of it is taken."""
    name = host.removesuffix(".")
    if _is_address(name):
        return is_public(name)
    last = name.rpartition(".")[2]
    if "." not in name or re.fullmatch(r"\d+|0x[0-9a-f]*", last):
        return False
    return not _HERE.fullmatch(name)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


# Refused by name, whatever this Python's `ipaddress` makes of them: carrier-grade NAT (also
# Tailscale, and Alibaba's metadata at 100.100.100.200), link-local (the other clouds' metadata),
# IETF protocol addresses (Oracle's metadata at 192.0.0.192), the dead 6to4 relays, local-use
# NAT64, site-local, documentation.
_REFUSED = tuple(
    ip_network(block)
    for block in (
        "100.64.0.0/10",
        "169.254.0.0/16",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "64:ff9b:1::/48",
        "fec0::/10",
        "3fff::/20",
    )
)
_NAT64 = ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an IP address, in its usual spelling, belongs to the public internet. One that
    carries an IPv4 address inside is judged by that; anything that is no address is not public."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return all(_is_open(inner) for inner in _unwrapped(found))


def _unwrapped(address: IPv4Address | IPv6Address) -> Sequence[IPv4Address | IPv6Address]:
    """The addresses a packet to `address` may end up at."""
    if isinstance(address, IPv4Address):
        return (address,)
    if address.ipv4_mapped:
        return (address.ipv4_mapped,)
    if address.sixtofour:
        return (address.sixtofour,)
    if address.teredo:
        return address.teredo
    if address in _NAT64:
        return (IPv4Address(int(address) & 0xFFFFFFFF),)
    return (address,)


def _is_open(address: IPv4Address | IPv6Address) -> bool:
    return (
        address.is_global
        and not (
            address.is_private
            or address.is_loopback
            or address.is_link_local
            or address.is_multicast
            or address.is_reserved
            or address.is_unspecified
        )
        and not getattr(address, "scope_id", None)
        and not any(address in block for block in _REFUSED)
    )
