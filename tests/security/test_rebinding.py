"""A gateway names the hosts that pictures are fetched from. Names that mean one machine now and
another one a moment later, and addresses in disguise, lead to none of ours.

Names are looked up by the program's own code: what the operating system answers is made up here,
and every connection that is begun is written down and led to one server on this machine.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import certifi
import pytest

from kling_ui import client
from kling_ui.addresses import is_public
from kling_ui.client import BearerAuth, KlingClient
from kling_ui.errors import KlingError
from kling_ui.pictures import Downloader, NotFetched
from kling_ui.settings import Secret

from ..test_pictures import CERTIFICATE, KEY

PUBLIC = "93.184.216.34"
NAME, ELSEWHERE = "cdn.example.com", "other.example.com"
INSIDE = (
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
    *("169.254.169.254", "100.100.100.200", "192.0.0.192", "198.18.0.1", "224.0.0.1"),
    *("255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
    *("::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1"),
    *("2002:7f00:1::", "2002:a9fe:a9fe::", "2001:0:7f00:1:0:ffff:f7f7:f7f7", "fe80::1"),
    *("fe80::1%lo", "fd00:ec2::254", "fc00::1", "fec0::1", "ff02::1"),
)


@dataclass
class World:
    """`names`: what a name means, at each lookup the next; the last stays."""

    names: dict[str, list[list[str]]] = field(default_factory=dict)
    looked_up: list[str] = field(default_factory=list)
    dialled: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)
    replies: dict[str, bytes] = field(default_factory=dict)

    def means(self, host: str) -> list[str]:
        """As an operating system: a number, however it is spelled, means itself."""
        self.looked_up.append(host)
        name = host.lower()
        if name in self.names:
            answers = self.names[name]
            return answers.pop(0) if len(answers) > 1 else answers[0]
        try:
            return [socket.inet_ntoa(socket.inet_aton(name))]
        except OSError:
            pass
        try:
            socket.inet_pton(socket.AF_INET6, name.partition("%")[0])
        except OSError:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None
        return [name]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.heard.append(head)
                writer.write(self.replies.get(head.split()[1], answer("404 Not Found")))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def answer(status: str = "200 OK", body: bytes = b"", *headers: str) -> bytes:
    lines = (f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", "")
    return "\r\n".join(lines).encode() + body


def moved(to: str, status: str = "302 Found") -> bytes:
    return answer(status, b"", f"Location: {to}")


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """Nothing of the program's own is replaced: only what its event loop asks and dials."""
    world = World({NAME: [[PUBLIC]]})
    world.replies["/a.png"] = answer(body=b"a picture")
    pem = tmp_path / "both.pem"
    pem.write_text(KEY + CERTIFICATE)
    monkeypatch.setattr(certifi, "where", lambda: str(pem))
    client._tls.cache_clear()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(world.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    dial = type(loop).create_connection

    async def look_up(host: Any, port: Any, **_: Any) -> list[Any]:
        found = world.means(host.decode() if isinstance(host, bytes) else str(host))
        six = [":" in address for address in found]
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, int(port or 0), 0, 0))
            if v6
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, int(port or 0)))
            for address, v6 in zip(found, six, strict=True)
        ]

    async def connect(protocol: Any, host: Any = None, to: Any = None, **options: Any) -> Any:
        world.dialled.append(f"{host}:{to}")
        if not is_public(str(host)):
            raise ConnectionRefusedError("nobody is there")
        return await dial(loop, protocol, "127.0.0.1", port)

    monkeypatch.setattr(loop, "getaddrinfo", look_up)
    monkeypatch.setattr(loop, "create_connection", connect)
    yield world
    server.close()
    client._tls.cache_clear()


Fetch = Callable[..., Any]


@pytest.fixture
async def fetch(tmp_path: Path) -> AsyncIterator[Fetch]:
    """With the downloader that the program makes for an API of the internet's."""
    downloader = Downloader(deadline=5)

    async def get(url: str = f"https://{NAME}/a.png") -> bytes:
        await downloader.fetch(url, tmp_path / "picture")
        return (tmp_path / "picture").read_bytes()

    yield get
    await downloader.aclose()


async def test_a_public_name_is_fetched_without_proxy_key_or_cookie(
    world: World, fetch: Fetch
) -> None:
    assert await fetch() == b"a picture"
    assert world.looked_up == [NAME]
    assert world.dialled == [f"{PUBLIC}:443"]
    (head,) = world.heard
    names = {line.partition(":")[0].lower() for line in head.splitlines()[1:] if line}
    assert names <= {"host", "accept", "accept-encoding", "connection", "user-agent"}


@pytest.mark.parametrize("inside", INSIDE)
async def test_a_name_that_means_another_machine_a_moment_later(
    world: World, fetch: Fetch, inside: str
) -> None:
    world.names[NAME] = [[PUBLIC], [inside]]
    assert await fetch() == b"a picture"  # looked up once, and that is where it went
    assert world.looked_up == [NAME]
    with pytest.raises(NotFetched):
        await fetch()
    assert world.dialled == [f"{PUBLIC}:443"]


@pytest.mark.parametrize("inside", INSIDE)
async def test_a_name_that_means_an_inner_machine_too(
    world: World, fetch: Fetch, inside: str
) -> None:
    for answers in ([inside], [PUBLIC, inside], [inside, PUBLIC], [PUBLIC] * 5 + [inside]):
        world.names[NAME] = [answers]
        with pytest.raises(NotFetched):
            await fetch()
    assert world.dialled == []


@pytest.mark.parametrize("inside", INSIDE)
@pytest.mark.parametrize("status", ["301 Moved", "307 Temporary Redirect"])
async def test_a_redirect_to_a_name_that_means_an_inner_machine(
    world: World, fetch: Fetch, inside: str, status: str
) -> None:
    world.names[ELSEWHERE] = [[inside]]
    world.replies["/a.png"] = moved(f"https://{ELSEWHERE}/latest/meta-data/", status)
    with pytest.raises(NotFetched):
        await fetch()
    assert world.dialled == [f"{PUBLIC}:443"]


async def test_a_redirect_to_its_own_name_is_looked_up_anew(world: World, fetch: Fetch) -> None:
    world.names[NAME] = [[PUBLIC], ["127.0.0.1"]]
    world.replies["/a.png"] = moved("/b.png")
    with pytest.raises(NotFetched):
        await fetch()
    assert world.looked_up == [NAME, NAME]
    assert world.dialled == [f"{PUBLIC}:443"]


SPELLINGS = """
127.1 127.0.1 127.00.0.01 2130706433 0x7f000001 0x7f.0.0.1 0x7f.1 0177.0.0.1 0177.1 017700000001
0 0x0 00000000 0.0.0.0 127.0.0.1. 2130706433. 169.254.43518 0xa9fea9fe 2852039166 10.1
0251.0376.0251.0376
[::1] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1] [::ffff:7f00:1] [0000::ffff:a9fe:a9fe] [64:ff9b::7f00:1]
[2002:7f00:1::] [::1%25lo] [fe80::1%25eth0] [::ffff:127.0.0.1%25lo] [::127.0.0.1]
①②⑦.⓪.⓪.① １２７.0.0.1 127。0。0。1 127．0．0．1 ⓛocalhost localhost LOCALHOST localhost.
ip6-localhost 0300.0250.1.1 192.168.257
"""


@pytest.mark.parametrize("host", SPELLINGS.split())
@pytest.mark.parametrize("port", ["", ":8443"])
async def test_an_inner_address_in_any_spelling(
    world: World, fetch: Fetch, host: str, port: str
) -> None:
    for local in ("localhost", "localhost.", "ip6-localhost"):
        world.names[local] = [["127.0.0.1"]]
    world.names |= {"127.0.0.1.": [["127.0.0.1"]], "2130706433.": [["127.0.0.1"]]}
    with pytest.raises(NotFetched):
        await fetch(f"https://{host}{port}/a.png")
    world.replies["/a.png"] = moved(f"https://{host}{port}/a.png")
    with pytest.raises(NotFetched):
        await fetch()
    assert world.dialled == [f"{PUBLIC}:443"]


@pytest.mark.parametrize(
    "url",
    [
        f"https://{NAME}@127.0.0.1/a.png",
        f"https://127.0.0.1@{NAME}/a.png",
        f"https://127.0.0.1:80@{NAME}/a.png",
        f"https://{NAME}:443@127.0.0.1/",
        f"https://{NAME}%40127.0.0.1/a.png",
        f"https://{NAME}\\@127.0.0.1/a.png",
        f"https://127.0.0.1\\@{NAME}/a.png",
        f"https://127.0.0.1#@{NAME}/a.png",
        f"https://127.0.0.1?@{NAME}/a.png",
        f"https://127.0.0.1\t.{NAME}/a.png",
        f"https://127.0.0.1\n{NAME}/a.png",
        f"https://127.0.0.1%00.{NAME}/a.png",
        f"https://127.0.0.1%2f.{NAME}/a.png",
        f"https://{NAME}:0/a.png",
        f"https://{NAME}:-1/a.png",
        f"https://{NAME}:65536/a.png",
        f"https://{NAME}:22:443/a.png",
        "https:127.0.0.1/a.png",
        "https:///127.0.0.1/a.png",
        "https://",
        "//127.0.0.1/a.png",
        "/etc/passwd",
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        "FILE:///etc/passwd",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "dict://127.0.0.1:11211/stats",
        "ftp://127.0.0.1/a.png",
        "ldap://127.0.0.1/",
        "unix:/var/run/docker.sock",
        "http+unix://%2Fvar%2Frun%2Fdocker.sock/info",
        "jar:https://127.0.0.1!/a.png",
        "data:image/png;base64,iVBORw0KGgo=",
        "javascript:alert(1)",
        f"http://{NAME}/a.png",
        f"ws://{NAME}/a.png",
        "https://xn--127-0-0-1/a.png",
        "https://xn--/a.png",
        "https://[v1.fe80::1]/a.png",
        "https://[::1",
        "https://::1/a.png",
    ],
)
async def test_an_address_that_is_none_or_hides_its_host(
    world: World, fetch: Fetch, url: str
) -> None:
    world.names |= {f"127.0.0.1.{NAME}": [["127.0.0.1"]]}
    with pytest.raises(NotFetched):
        await fetch(url)
    assert world.dialled == []
    world.replies["/a.png"] = moved(url.replace("\n", "").replace("\t", ""))
    with pytest.raises(NotFetched):
        await fetch()
    assert {*world.dialled} == {f"{PUBLIC}:443"}


async def test_a_name_that_turns_into_another_one_is_that_one(world: World, fetch: Fetch) -> None:
    """What looks like a letter is that letter before anything is looked up."""
    world.names["xn--fiqs8s.example.com"] = [["10.0.0.1"]]
    for host in ("中国.example.com", "XN--FIQS8S.EXAMPLE.COM", "中国。example．com"):
        with pytest.raises(NotFetched):
            await fetch(f"https://{host}/a.png")
    assert {name.lower() for name in world.looked_up} == {"xn--fiqs8s.example.com"}
    assert world.dialled == []


async def test_a_loop_of_redirects_ends(world: World, fetch: Fetch) -> None:
    world.names[ELSEWHERE] = [[PUBLIC]]
    world.replies["/a.png"] = moved(f"https://{ELSEWHERE}/b.png")
    world.replies["/b.png"] = moved(f"https://{NAME}/a.png")
    with pytest.raises(NotFetched, match="redirects"):
        await fetch()
    assert len(world.heard) == 4


async def test_no_key_and_no_cookie_travels_to_where_pictures_lie(
    world: World, fetch: Fetch
) -> None:
    """Not even where the API itself hands them out, and has set a cookie before."""
    world.names[ELSEWHERE] = [[PUBLIC]]
    said = b'{"code": 0, "data": []}'
    world.replies["/v1/images/generations?pageNum=1&pageSize=30"] = answer(
        "200 OK", said, "Set-Cookie: session=canary; Path=/"
    )
    world.replies["/a.png"] = answer(
        "302 Found", b"", "Set-Cookie: other=canary", f"Location: https://{ELSEWHERE}/b.png"
    )
    world.replies["/b.png"] = answer(body=b"a picture")
    auth = BearerAuth(Secret("canary-of-a-key"))
    async with KlingClient(base_url=f"https://{NAME}", auth=auth) as kling:
        assert await kling.list() == []
        assert await fetch() == b"a picture"
        assert await kling.list() == []
    first, *pictures, last = world.heard
    assert "Bearer canary-of-a-key" in first and "Bearer canary-of-a-key" in last
    assert "cookie" not in last.lower()
    assert len(pictures) == 2
    assert "canary" not in "".join(pictures)


async def test_a_key_does_not_follow_a_redirect(world: World) -> None:
    world.names[ELSEWHERE] = [[PUBLIC]]
    path = "/v1/images/generations?pageNum=1&pageSize=30"
    for place in (f"https://{ELSEWHERE}/", "https://127.0.0.1/", "/elsewhere", "http://10.0.0.1/"):
        world.replies[path] = moved(place, "307 Temporary Redirect")
        auth = BearerAuth(Secret("canary-of-a-key"))
        async with KlingClient(base_url=f"https://{NAME}", auth=auth) as kling:
            with pytest.raises(KlingError):
                await kling.list()
    assert {*world.dialled} == {f"{PUBLIC}:443"}
    assert len(world.heard) == 4
