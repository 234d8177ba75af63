"""Which addresses are public, and which links may be handed to Kling."""

from __future__ import annotations

import pytest

from kling_ui import addresses
from kling_ui.addresses import check_reference_url, is_public

PUBLIC = """
8.8.8.8 1.1.1.1 93.184.216.34 172.15.0.1 172.32.0.1 100.63.255.255 100.128.0.1 192.167.1.1
2606:4700::1111 2a00:1450:4001:81b::200e 2400:3200::1
::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1
"""

PRIVATE = """
127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255
192.168.0.1 169.254.0.1 169.254.169.254 169.254.170.2 100.64.0.1 100.100.100.200 100.127.255.255
192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 198.18.0.1 198.51.100.1 203.0.113.1
224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::8.8.8.8 fe80::1 fe80::1%eth0 fec0::1 fc00::1 fd00:ec2::254 ff02::1 100::1
2001:db8::1 3fff::1 2606:4700::1%eth0
::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:100.100.100.200
2002:7f00:1::1 2002:a00:1::1 2002:c0a8:101::1 2002:a9fe:a9fe::
64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 64:ff9b:1::808:808
2001:0:7f00:1:0:ffff:f7f7:f7f7 2001:0:808:808:0:ffff:80ff:fffe 2001:0:a00:1:0:ffff:f5ff:fffe
127.1 2130706433 0x7f000001 0177.0.0.1 localhost [::1] 8.8.8.8/32 example.com
"""


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", [*PRIVATE.split(), "", " 8.8.8.8", "8.8.8.8\n"])
def test_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "https://host.com/picture.png",
        "http://host.com/picture.png",
        "HTTPS://HOST.COM/a",
        "https://cdn-1.my_host.co.uk:8443/a%20b.png?X-Sig=a+b/c==&e=1#top",
        "https://8.8.8.8/a.png",
        "https://[2606:4700::1111]/a.png",
        "https://host.com./a.png",
        "https://xn--fiqs8s.example/%E5%9B%BE.png",
        "https://localhost.com/a.png",
        "https://mylocal.host/a.png",
        "https://host.com/" + "a" * (2048 - len("https://host.com/")),
    ],
)
def test_links_passed_on(url: str) -> None:
    assert check_reference_url(url) is None


UNREACHABLE = """
127.0.0.1 127.1 2130706433 0x7f000001 0x7f.1 0177.0.0.1 127.0.0.1. 0 0.0.0.0 [::1] [::]
[::ffff:127.0.0.1] [64:ff9b::7f00:1] [fe80::1] 10.1.2.3 192.168.1.1 169.254.169.254
100.100.100.200 192.0.0.192 localhost LOCALHOST localhost. a.localhost nas nas.local
metadata.google.internal router.lan pc.home.arpa 256.1.1.1 1.2.3 a.1
"""


@pytest.mark.parametrize("host", UNREACHABLE.split())
def test_links_kling_cannot_reach(host: str) -> None:
    why = check_reference_url(f"https://{host}/a.png")
    assert why is not None and "public internet" in why.en and "公网" in why.zh
    assert check_reference_url(f"https://{host}/a.png", allow_private=True) is None


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", addresses.NO_LINK),
        ("   ", addresses.NO_LINK),
        ("picture.png", addresses.NO_LINK),
        ("//host.com/a.png", addresses.NO_LINK),
        ("ftp://host.com/a.png", addresses.NO_LINK),
        ("file:///etc/passwd", addresses.NO_LINK),
        ("javascript:alert(1)", addresses.NO_LINK),
        ("data:image/png;base64,AAAA", addresses.NO_LINK),
        ("https://", addresses.NO_LINK),
        ("https:///a.png", addresses.NO_LINK),
        ("https://host.com:99999/a", addresses.NO_LINK),
        ("https://host.com:x/a", addresses.NO_LINK),
        ("https://[::1/a", addresses.NO_LINK),
        ("https://[v1.a]/a", addresses.NO_LINK),
        ("https://host..com/a", addresses.NO_LINK),
        ("https://good.com\\.evil.com/a", addresses.NO_LINK),
        ("https://%31%32%37.0.0.1/a", addresses.NO_LINK),
        ("https://me:secret@host.com/a", addresses.LINK_WITH_PASSWORD),
        ("https://@host.com/a", addresses.LINK_WITH_PASSWORD),
        ("https://good.com\\@evil.com/a", addresses.LINK_WITH_PASSWORD),
        ("https://host.com/my picture.png", addresses.ODD_LINK),
        ("https://host.com/图.png", addresses.ODD_LINK),
        ("https://①②⑦.0.0.1/a", addresses.ODD_LINK),
        ("https://host.com/a\n", addresses.ODD_LINK),
        ("https://ho\tst.com/a", addresses.ODD_LINK),
        ("https://host.com/a\x00", addresses.ODD_LINK),
    ],
)
def test_links_that_are_none(url: str, sentence: object) -> None:
    assert check_reference_url(url) == sentence
    assert check_reference_url(url, allow_private=True) == sentence


def test_a_long_link_is_measured() -> None:
    why = check_reference_url("https://host.com/" + "a" * 2032)
    assert why is not None and "2049" in why.en and "2048" in why.en and "2049" in why.zh
