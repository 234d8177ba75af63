"""`deploy/` holds what it promises: behind nginx and Caddy, under systemd, in a container."""

from __future__ import annotations

import configparser
import http.client
import json
import os
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from gradio_client import Client

from kling_ui.simulator import Options, build
from kling_ui.web.events import HEARTBEAT

from .conftest import QUICK, served
from .program import NO_SETTINGS, ROOT, Program, app_at
from .test_docs import README, between, section

DEPLOY = ROOT / "deploy"
NAME = "kling.example.com"  # in the files as they are shipped
OPTIONAL = {"systemd-analyze"}  # others must be there in CI
SOON = 2.0  # seconds
LEAVES = 5.0  # seconds
MEGA = 1024 * 1024
EVENTS, UPLOAD = "/gradio_api/studio/events", "/gradio_api/upload"


def tool(name: str) -> str:
    """Where it is; the test is skipped where it is not, and fails in CI."""
    places = (os.environ.get("PATH", ""), "/usr/sbin", sysconfig.get_path("scripts"))
    if found := shutil.which(name, path=os.pathsep.join(places)):
        return found
    if os.environ.get("CI") and name not in OPTIONAL:
        pytest.fail(f"{name} is not installed")
    pytest.skip(f"{name} is not installed")


def free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        listeners = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)
        ]
        return [int(listener.getsockname()[1]) for listener in listeners]


def eventually(holds: Callable[[], bool], what: str, *, within: float = 30) -> None:
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


# behind a proxy


@dataclass(frozen=True, slots=True)
class Front:
    """The addresses at which a proxy listens; `plain` is empty where it only leads to `secure`."""

    secure: str
    plain: str = ""


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The program as README says it stands behind a proxy, for everybody."""
    with served(build(Options(seconds=QUICK))) as kling:
        program = app_at(
            tmp_path_factory.mktemp("upstream"),
            KLING_UI_MODE="space",
            KLING_UI_ALLOWED_HOSTS=NAME,
            KLING_UI_SHARE_KEY="1",
            KLING_BASE_URL=f"{kling}/kling",
            KLING_API_KEY="key",
        ).start()
        yield program
        program.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For `NAME`, signed by itself; its key beside it."""
    file = tmp_path_factory.mktemp("tls") / "cert.pem"
    subprocess.run(
        [
            *(tool("openssl"), "req", "-x509", "-nodes", "-days", "2", "-subj", f"/CN={NAME}"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-addext", f"subjectAltName=DNS:{NAME}"),
            *("-out", file, "-keyout", file.with_name("key.pem")),
        ],
        check=True,
        capture_output=True,
    )
    return file


@pytest.fixture(scope="module")
def world(certificate: Path) -> Iterator[None]:
    """In which `NAME` is this machine's, and its certificate is believed."""
    usual = socket.getaddrinfo

    def found(host: Any, *rest: Any, **options: Any) -> Any:
        return usual("127.0.0.1" if host == NAME else host, *rest, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", found)
        patch.setenv("SSL_CERT_FILE", str(certificate))
        yield


def shipped(file: str, changes: dict[str, str]) -> str:
    text = (DEPLOY / file).read_text(encoding="utf-8")
    for old, new in changes.items():
        assert text.count(old) == 1, f"{file} has not one {old!r}"
        text = text.replace(old, new)
    return text


@contextmanager
def listening(command: Sequence[str], *, ports: Sequence[int], folder: Path) -> Iterator[None]:
    """A proxy in the foreground, until the block ends."""
    log = folder / "log"

    def ready() -> bool:
        assert process.poll() is None, log.read_text()
        return all(_answers(port) for port in ports)

    with log.open("w") as out:
        env = os.environ | {"HOME": str(folder), "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": ""}
        process = subprocess.Popen(command, stdout=out, stderr=out, env=env, cwd=folder)
    try:
        eventually(ready, "it does not listen")
        yield
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def nginx(upstream: Program, certificate: Path, folder: Path) -> Iterator[Front]:
    """With TLS as certbot would add it."""
    plain, secure = free_ports(2)
    site = shipped(
        "nginx.conf",
        {
            "listen 80;": f"listen 127.0.0.1:{plain};",
            "listen [::]:80;": f"listen 127.0.0.1:{secure} ssl; ssl_certificate {certificate};"
            f" ssl_certificate_key {certificate.with_name('key.pem')};",
            "http://127.0.0.1:7860": upstream.url,
        },
    )
    (folder / "site.conf").write_text(site)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    lines = (
        "user root;" if os.geteuid() == 0 else "",
        f"daemon off; pid {folder}/pid; error_log stderr; events {{}}",
        "http { access_log off;",
        *(f"{kind}_temp_path {folder}/{kind};" for kind in kinds),
        f"include {folder}/site.conf; }}",
    )
    (folder / "nginx.conf").write_text("\n".join(lines))
    command = [tool("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    with listening(command, ports=(plain, secure), folder=folder):
        yield Front(f"https://{NAME}:{secure}", f"http://{NAME}:{plain}")


@contextmanager
def caddy(upstream: Program, certificate: Path, folder: Path) -> Iterator[Front]:
    """With this certificate instead of one that it would order."""
    (port,) = free_ports(1)
    site = shipped(
        "Caddyfile",
        {
            f"\n{NAME} {{": f"\nhttps://{NAME}:{port} {{\n\tbind 127.0.0.1"
            f"\n\ttls {certificate} {certificate.with_name('key.pem')}",
            "127.0.0.1:7860": urlsplit(upstream.url).netloc,
        },
    )
    (folder / "site").write_text(site)
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https off\n}\nimport site\n")
    command = [tool("caddy"), "run", "--config", "Caddyfile", "--adapter", "caddyfile"]
    with listening(command, ports=(port,), folder=folder):
        yield Front(f"https://{NAME}:{port}")


@pytest.fixture(scope="module", params=[nginx, caddy])
def front(
    request: pytest.FixtureRequest,
    world: None,
    certificate: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Front]:
    tool(request.param.__name__)  # before the program is started for nothing
    upstream = request.getfixturevalue("upstream")
    with request.param(upstream, certificate, tmp_path_factory.mktemp("front")) as one:
        yield one


@pytest.fixture(scope="module")
def client(front: Front) -> Iterator[Client]:
    one = Client(front.secure, verbose=False)
    yield one
    one.close()


def follows(lines: Iterator[str], *words: str) -> bool:
    """Whether a line comes that holds all of them."""
    return any(all(word in line for word in words) for line in lines)


def test_the_page_answers_and_its_cookie_is_as_safe_as_its_address(front: Front) -> None:
    page = httpx.get(front.secure)
    assert page.status_code == 200
    assert "window.kling=" in page.text
    assert "Secure; SameSite=None; Partitioned" in page.headers["set-cookie"]
    if front.plain:
        page = httpx.get(front.plain)
        assert "window.kling=" in page.text
        assert "Secure" not in page.headers["set-cookie"]


def test_a_change_comes_through_an_open_stream_at_once(front: Front, client: Client) -> None:
    cookies = client.cookies
    with httpx.stream("GET", front.secure + EVENTS, cookies=cookies, timeout=SOON) as stream:
        lines = stream.iter_lines()
        assert follows(lines, "event: page")
        task = client.predict(prompt="behind a proxy", api_name="/submit")
        assert follows(lines, "data: ", task)


def test_gradios_own_streams_are_not_held_back(front: Front) -> None:
    with httpx.stream("GET", f"{front.secure}/gradio_api/heartbeat/a", timeout=SOON) as stream:
        assert follows(stream.iter_lines(), "ALIVE")


def test_the_links_of_pictures_name_the_public_address(front: Front, client: Client) -> None:
    task: dict[str, Any] = {}

    def over() -> bool:
        task.update(client.predict(task_id=task_id, api_name="/task"))
        return bool(task["images"])

    task_id = client.predict(prompt="a picture for the public", api_name="/submit")
    eventually(over, f"no picture: {task}")
    (link,) = task["images"]
    assert link.startswith(f"{front.secure}/gradio_api/studio/pictures/")
    picture = httpx.get(link, cookies=client.cookies)
    assert picture.headers["content-type"] == "image/png"


def test_a_page_of_ours_uploads_20_megabytes_and_another_sites_nothing(front: Front) -> None:
    def post(size: int, origin: str) -> int:
        files = {"files": ("some.png", bytes(size), "image/png")}
        return httpx.post(
            front.secure + UPLOAD, files=files, headers={"origin": origin}, timeout=30
        ).status_code

    assert post(20 * MEGA, front.secure) == 200
    assert post(1, "https://evil.example") == 403


def test_the_progress_of_an_upload_is_seen_while_it_is_sent(front: Front) -> None:
    parts = urlsplit(front.secure)
    context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    upload = http.client.HTTPSConnection(parts.netloc, context=context, timeout=10)
    upload.putrequest("POST", f"{UPLOAD}?upload_id=half")
    upload.putheader("content-type", "multipart/form-data; boundary=x")
    upload.putheader("transfer-encoding", "chunked")
    upload.endheaders()
    head = b'--x\r\ncontent-disposition: form-data; name="files"; filename="half.png"\r\n\r\n'
    for data in (head, bytes(MEGA // 8), bytes(MEGA // 8)):
        upload.send(b"%x\r\n%b\r\n" % (len(data), data))
    address = f"{front.secure}/gradio_api/upload_progress?upload_id=half"
    try:
        with httpx.stream("GET", address, timeout=2 * SOON) as stream:
            assert follows(stream.iter_lines(), '"msg": "update"', "half.png")
    finally:
        upload.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is not this machine")
def test_visitors_are_told_apart_by_their_addresses(
    front: Front, request: pytest.FixtureRequest
) -> None:
    number = request.node.callspec.indices["front"]
    busy, other = f"127.0.{number}.2", f"127.0.{number}.3"

    def visitor(address: str) -> httpx.Client:
        return httpx.Client(transport=httpx.HTTPTransport(local_address=address, verify=context))

    context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    with visitor(busy) as one, visitor(other) as two:
        for k in range(400):
            says = {"x-forwarded-for": f"10.0.0.{k % 200}"}  # it may say what it likes
            if one.post(front.secure + UPLOAD, headers=says).status_code == 429:
                break
        else:
            pytest.fail("it may ask as often as it likes")
        assert two.post(front.secure + UPLOAD).status_code != 429


def test_another_name_is_not_answered(front: Front) -> None:
    answer = httpx.get(front.secure, headers={"host": "evil.example"})
    assert "window.kling" not in answer.text
    if front.plain:  # nginx asks the program, where it serves no other site
        assert answer.status_code == 421
        assert "KLING_UI_ALLOWED_HOSTS" in answer.text


def test_nginx_waits_longer_than_a_stream_is_silent() -> None:
    text = (DEPLOY / "nginx.conf").read_text()
    (hours,) = re.findall(r"proxy_read_timeout (\d+)h;", text)
    assert int(hours) * 3600 > 3 * HEARTBEAT


# under systemd


HARDENED = {
    "DynamicUser": "yes",
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "StateDirectoryMode": "0700",
    "UMask": "0077",
    "CapabilityBoundingSet": "",
}


@pytest.fixture(scope="module")
def service() -> configparser.SectionProxy:
    unit = configparser.ConfigParser(interpolation=None, strict=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "kling-image-studio.service")
    return unit["Service"]


def test_the_service_starts_what_is_there(service: configparser.SectionProxy) -> None:
    python, *files = shlex.split(service["ExecStart"])
    assert python == f"{service['WorkingDirectory']}/.venv/bin/python"
    assert files == ["app.py"]
    assert (ROOT / "app.py").is_file()


def test_the_service_keeps_its_data_where_it_may_write(service: configparser.SectionProxy) -> None:
    env = dict(word.split("=", 1) for word in shlex.split(service["Environment"]))
    assert env["KLING_UI_DATA_DIR"] == f"/var/lib/{service['StateDirectory']}"


def test_the_service_is_stopped_kindly_and_given_its_time(
    service: configparser.SectionProxy,
) -> None:
    assert service["KillSignal"] == "SIGTERM"
    assert float(service["TimeoutStopSec"]) > LEAVES


def test_the_service_may_do_little(service: configparser.SectionProxy) -> None:
    assert HARDENED.items() <= dict(service).items()


def test_systemd_understands_every_word_of_it(tmp_path: Path) -> None:
    text = shipped(
        "kling-image-studio.service",
        {"ExecStart=/opt/kling-image-studio/.venv/bin/python": f"ExecStart={sys.executable}"},
    )
    copy = tmp_path / "kling-image-studio.service"
    copy.write_text(text)
    command = [tool("systemd-analyze"), "verify", "--man=no", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# in a container


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction of a Dockerfile."""

    word: str
    rest: str

    @property
    def words(self) -> list[str]:
        """Its arguments: an array, or separated by spaces."""
        found = json.loads(self.rest) if self.rest.startswith("[") else shlex.split(self.rest)
        return [str(word) for word in found]


class Image:
    """What a Dockerfile says, as far as it can be done without Docker."""

    def __init__(self, file: Path) -> None:
        lines = (line for line in file.read_text().splitlines() if not line.startswith("#"))
        whole = re.sub(r"\\\n", " ", "\n".join(lines))
        self.steps = [
            Step(*re.split(r"\s+", line.strip(), maxsplit=1)) for line in whole.splitlines() if line
        ]
        self._ignored = [
            line
            for line in file.with_name(f"{file.name}.dockerignore").read_text().splitlines()
            if line and not line.startswith("#")
        ]

    def all(self, word: str) -> list[Step]:
        return [step for step in self.steps if step.word == word]

    def the(self, word: str) -> Step:
        (step,) = self.all(word)
        return step

    @property
    def env(self) -> dict[str, str]:
        pairs = (word.split("=", 1) for step in self.all("ENV") for word in step.words)
        return {name: value for name, value in pairs}

    @property
    def health(self) -> list[str]:
        return Step("CMD", self.the("HEALTHCHECK").rest.partition(" CMD ")[2].strip()).words

    def sent(self, path: PurePosixPath) -> bool:
        """Whether the builder is given this file; the last pattern that fits it, or a folder
        above it, decides."""
        sent = True
        places = [str(place) for place in (path, *path.parents) if place.name]
        for line in self._ignored:
            if any(_pattern(line.removeprefix("!")).fullmatch(place) for place in places):
                sent = line.startswith("!")
        return sent

    def fill(self, folder: Path) -> None:
        """With what is copied below the working folder."""
        for step in self.all("COPY"):
            *sources, target = step.words
            for source in sources:
                for file in _files(ROOT / source):
                    if not self.sent(PurePosixPath(file.relative_to(ROOT))):
                        continue
                    inside = file.relative_to(ROOT / source) if file != ROOT / source else file.name
                    place = folder / target / inside
                    place.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(file, place)


def _pattern(line: str) -> re.Pattern[str]:
    kinds = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", line.strip("/"))
    return re.compile("".join(kinds.get(part, re.escape(part)) for part in parts))


def _files(place: Path) -> list[Path]:
    return [place] if place.is_file() else [file for file in place.rglob("*") if file.is_file()]


@pytest.fixture(scope="module")
def image() -> Image:
    return Image(DEPLOY / "Dockerfile")


@pytest.fixture(scope="module")
def filled(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("image")
    image.fill(folder)
    return folder


@dataclass
class Container:
    """The commands of an image, as its user would set it up."""

    image: Image
    folder: Path
    env: dict[str, str]

    def run(self, command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
        assert command[0] == "python"
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("KLING_", "GRADIO_"))}
        return subprocess.Popen(
            [sys.executable, *command[1:]],
            cwd=self.folder,
            env=clean | NO_SETTINGS | self.image.env | self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ends(self, command: Sequence[str]) -> tuple[int, str]:
        with self.run(command) as process:
            _, said = process.communicate(timeout=30)
        return process.returncode, said


@pytest.fixture
def container(image: Image, filled: Path, tmp_path: Path) -> Container:
    (port,) = free_ports(1)
    env = {
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "KLING_UI_DATA_DIR": str(tmp_path / "data"),
        "KLING_UI_MODE": "lan",  # as it is where it listens to others
    }
    return Container(image, filled, env)


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run(
        [tool("hadolint"), "--no-color", DEPLOY / "Dockerfile"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_image_holds_the_program_and_nothing_else(filled: Path) -> None:
    top = {"app.py", "assets", "kling_ui", "requirements.txt"}
    assert {entry.name for entry in filled.iterdir()} == top
    files = {str(file.relative_to(filled)) for file in filled.rglob("*") if file.is_file()}
    modules = {str(file.relative_to(ROOT)) for file in (ROOT / "kling_ui").rglob("*.py")}
    assert {file for file in files if file.endswith(".py")} == modules | {"app.py"}
    assert {file for file in files if re.search(r"(^|/)\.|\.py[ci]$|screenshot", file)} == set()


@pytest.mark.parametrize(
    "path",
    [
        *(".env", ".git/config", ".venv/bin/python", "tests/conftest.py", "README.md"),
        *("kling_ui/.env", "kling_ui/__pycache__/task.cpython-311.pyc", "kling_ui/ui/page.pyi"),
    ],
)
def test_nothing_else_reaches_the_builder(image: Image, path: str) -> None:
    assert not image.sent(PurePosixPath(path))


def test_what_ran_as_root_is_over_before_the_program_starts(image: Image) -> None:
    order = [step.word for step in image.steps]
    user, group = image.the("USER").rest.split(":")
    assert int(user) >= 1000
    assert int(group) >= 1000
    assert max(order.index("RUN"), len(order) - order[::-1].index("COPY")) < order.index("USER")
    volume = image.the("VOLUME").rest
    data = Path(image.env["KLING_UI_DATA_DIR"])  # in it, so that a backup can be put in its place
    assert data.parent == Path(volume)
    owned = f"install -d -o {user} -g {group} -m 700 {volume}"
    assert owned in [step.rest for step in image.all("RUN")]


def test_the_image_is_of_the_python_and_the_port_that_are_meant(image: Image) -> None:
    front = yaml.safe_load(README.read_text(encoding="utf-8").split("---\n")[1])
    assert image.the("FROM").rest == f"python:{front['python_version']}-slim"
    assert image.the("EXPOSE").rest == image.env["GRADIO_SERVER_PORT"]
    assert image.env["GRADIO_SERVER_NAME"] == "0.0.0.0"


def test_a_container_without_a_password_says_so_and_stops(container: Container) -> None:
    code, said = container.ends(container.image.the("CMD").words)
    assert code == 1
    assert "KLING_UI_PASSWORD" in said


def test_a_container_becomes_healthy_and_leaves_when_told(container: Container) -> None:
    container.env["KLING_UI_PASSWORD"] = "a password"
    health = container.image.health
    assert container.ends(health)[0] != 0  # nothing runs yet
    with container.run(container.image.the("CMD").words) as process:
        try:
            eventually(lambda: container.ends(health)[0] == 0, "it never becomes healthy")
            assert process.poll() is None
            told = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
            assert time.monotonic() - told < LEAVES
        finally:
            process.kill()


# what is said of all this


def test_every_setting_that_is_named_is_one_that_readme_explains() -> None:
    known = between("settings", README.read_text(encoding="utf-8"))
    for file in DEPLOY.iterdir():
        named = set(re.findall(r"\b(?:KLING|GRADIO)_[A-Z_]+\b", file.read_text(encoding="utf-8")))
        assert {name for name in named if f"`{name}`" not in known} == set(), file.name


def test_readme_says_what_every_file_is_for() -> None:
    said = section("Deploy", README.read_text(encoding="utf-8"))
    shown = [file.name for file in DEPLOY.iterdir() if file.suffix != ".dockerignore"]
    assert [name for name in shown if f"deploy/{name}" not in said] == []


def commands(text: str, program: str) -> list[str]:
    """Those of a program in the blocks of code, with what comes before its name cut off."""
    blocks = re.findall(r"```bash\n(.*?)```", text, re.S)
    lines = re.sub(r"\\\n", " ", "".join(blocks)).splitlines()
    return [line.partition(program)[2] for line in lines if program in line]


def test_hugging_faces_tool_knows_every_word_that_readme_gives_it(tmp_path: Path) -> None:
    said = commands(section("Deploy", README.read_text(encoding="utf-8")), ".venv/bin/hf ")
    assert len(said) == 6
    env = os.environ | {"HF_HOME": str(tmp_path), "HF_HUB_DISABLE_UPDATE_CHECK": "1"}
    with ExitStack() as stack:
        asked = [
            stack.enter_context(
                subprocess.Popen(
                    [tool("hf"), *shlex.split(line), "--help"],
                    env=env,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            for line in said
        ]
        answers = [(one.communicate(timeout=30)[1], one.returncode) for one in asked]
    assert answers == [("", 0)] * len(said)


def test_what_is_uploaded_to_a_space_is_what_an_image_holds(image: Image) -> None:
    (upload,) = commands(README.read_text(encoding="utf-8"), "hf upload ")
    words = shlex.split(upload)
    flags = [*zip(words, words[1:], strict=False)]
    included = {word for flag, word in flags if flag == "--include"}
    copied = {source for step in image.all("COPY") for source in step.words[:-1]}
    assert {name.removesuffix("*") for name in included} == copied | {"README.md"}
    assert ("--exclude", "*.pyc") in flags
