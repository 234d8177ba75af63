from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kling_ui.settings import (
    ASK_PICTURES,
    ASK_PRICE,
    BROKEN_ASK,
    BROKEN_KEY,
    BROKEN_LIMIT,
    BROKEN_MODE,
    BROKEN_PORT,
    BROKEN_PUBLIC_URL,
    BROKEN_URL,
    BROKEN_WEBHOOK_SECRET,
    DEFAULT_MODEL,
    GLOBAL_URL,
    HALF_PAIR,
    NAMED_TO_ALL,
    NO_BUDGET,
    NO_PASSWORD,
    OPEN_TO_ALL,
    VISITOR_IMAGES,
    Secret,
    Settings,
    is_loopback,
    tame_gradio,
    trimmed,
    webhook_key,
)

from .program import ROOT

KEY = "api-key-kling-0123456789"
WHSEC = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="


def of(**env: str) -> Settings:
    return Settings.from_env(env)


def live(url: str, **options: Any) -> Settings:
    return Settings(api_key=Secret(KEY), base_url=url, **options)


def test_an_empty_environment_is_a_demo_for_one_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    settings = of()
    assert settings == Settings(data_dir=Path("/home/someone/.kling-ui"))
    assert (settings.live, settings.mode, settings.problem()) == (False, "local", None)
    assert (settings.base_url, settings.default_model) == (GLOBAL_URL, DEFAULT_MODEL)


def test_every_variable_is_read() -> None:
    assert of(
        KLING_API_KEY=f" {KEY}\n",
        KLING_ACCESS_KEY="access",
        KLING_SECRET_KEY="secret",
        KLING_BASE_URL=" https://host/kling/v1/ ",
        KLING_DEFAULT_MODEL=" kling-v3 ",
        KLING_UI_DATA_DIR="/tmp/data",
        KLING_UI_ALLOW_PRIVATE_HOSTS="1",
        KLING_UI_SHARE_KEY="yes",
        KLING_UI_PUBLIC_URL=" https://art.example/studio/ ",
        KLING_WEBHOOK_SECRET=f"{WHSEC} ",
        KLING_UI_AUTO_RESUBMIT="on",
        KLING_UI_PRICES=" /etc/prices.json",
        KLING_UI_ASK_PICTURES="20",
        KLING_UI_ASK_PRICE="2.5",
        GRADIO_SERVER_NAME="0.0.0.0",
        KLING_UI_PASSWORD=" a-password",
        KLING_UI_ALLOWED_HOSTS="https://Art.example:443/, kling.lan",
        KLING_UI_VISITOR_IMAGES_PER_DAY="20",
        KLING_UI_DAILY_BUDGET="0.5",
        KLING_UI_MAX_IMAGES_PER_TASK="4",
    ) == Settings(
        api_key=Secret(KEY),
        access_key=Secret("access"),
        secret_key=Secret("secret"),
        base_url="https://host/kling",
        default_model="kling-v3",
        data_dir=Path("/tmp/data"),
        allow_private_hosts=True,
        share_key=True,
        public_url="https://art.example/studio",
        webhook_secret=Secret(WHSEC),
        auto_resubmit=True,
        prices=Path("/etc/prices.json"),
        ask_pictures=20,
        ask_price=2.5,
        mode="lan",
        server_name="0.0.0.0",
        password=Secret("a-password"),
        allowed_hosts=("art.example", "kling.lan"),
        visitor_images_per_day=20,
        daily_budget=0.5,
        max_images_per_task=4,
    )


def test_a_blank_variable_is_none() -> None:
    blank = of(KLING_API_KEY=" ", KLING_BASE_URL="", KLING_DEFAULT_MODEL="\t", SPACE_ID=" ")
    assert blank == of()


@pytest.mark.parametrize("word", ["1", "true", "TRUE", "yes", "On"])
def test_a_switch_is_on_by_a_word_for_it(word: str) -> None:
    assert of(KLING_UI_SHARE_KEY=word).share_key
    assert of(KLING_UI_AUTO_RESUBMIT=word).auto_resubmit


@pytest.mark.parametrize("word", ["0", "false", "no", "off", "maybe"])
def test_any_other_word_leaves_a_switch_off(word: str) -> None:
    assert not of(KLING_UI_ALLOW_PRIVATE_HOSTS=word).allow_private_hosts
    assert not of(KLING_UI_AUTO_RESUBMIT=word).auto_resubmit


@pytest.mark.parametrize("word", ["0", "-1", "many", "nan", "inf", "1e9", "1.", "$2", "９"])
def test_what_is_no_number_to_ask_at_is_told_and_not_used(word: str) -> None:
    settings = of(KLING_UI_ASK_PICTURES=word, KLING_UI_ASK_PRICE=word)
    assert (settings.ask_pictures, settings.ask_price) == (ASK_PICTURES, ASK_PRICE)
    assert settings.notices == (
        BROKEN_ASK.fill(name="KLING_UI_ASK_PICTURES", usual=12),
        BROKEN_ASK.fill(name="KLING_UI_ASK_PRICE", usual=1),
    )


def test_a_part_of_a_price_is_a_number_and_a_part_of_a_picture_is_none() -> None:
    settings = of(KLING_UI_ASK_PICTURES="2.5", KLING_UI_ASK_PRICE="2.5")
    assert (settings.ask_pictures, settings.ask_price) == (ASK_PICTURES, 2.5)
    assert len(settings.notices) == 1


def test_the_file_of_prices_may_lie_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert of(KLING_UI_PRICES="~/prices.json").prices == Path("/home/someone/prices.json")
    assert of(KLING_UI_PRICES=" ").prices is None


@pytest.mark.parametrize(
    ("env", "mode"),
    [
        ({"GRADIO_SERVER_NAME": "127.0.0.1"}, "local"),
        ({"GRADIO_SERVER_NAME": "localhost"}, "local"),
        ({"GRADIO_SERVER_NAME": "::1"}, "local"),
        ({"GRADIO_SERVER_NAME": "0.0.0.0"}, "lan"),
        ({"GRADIO_SERVER_NAME": "192.168.1.2"}, "lan"),
        ({"SPACE_ID": "me/studio"}, "space"),
        ({"SPACE_ID": "me/studio", "GRADIO_SERVER_NAME": "127.0.0.1"}, "space"),
    ],
)
def test_the_mode_follows_from_where_it_listens(env: dict[str, str], mode: str) -> None:
    assert Settings.from_env(env).mode == mode


def test_a_space_keeps_its_data_where_it_lasts_if_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "is_dir", lambda _: True)
    monkeypatch.setattr(os, "access", lambda *_: True)
    assert of(SPACE_ID="me/studio").data_dir == Path("/data/kling-ui")
    assert of(SPACE_ID="me/studio", KLING_UI_DATA_DIR="/x").data_dir == Path("/x")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert of(SPACE_ID="me/studio").data_dir == Path("~/.kling-ui").expanduser()


def test_the_home_sign_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert of(KLING_UI_DATA_DIR="~/pictures").data_dir == Path("/home/someone/pictures")


def test_a_dotenv_file_fills_in_what_the_environment_does_not_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text(f'KLING_API_KEY="{KEY}"\nKLING_DEFAULT_MODEL=from-file\n', "utf-8")
    monkeypatch.setattr(os, "environ", {"KLING_DEFAULT_MODEL": "from-environment"})
    settings = Settings.load(file)
    assert settings.api_key == Secret(KEY)
    assert settings.default_model == "from-environment"


def test_without_a_dotenv_file_the_environment_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {"KLING_API_KEY": KEY})
    assert Settings.load(tmp_path / ".env").live


@pytest.mark.parametrize(
    "pasted",
    [
        KEY,
        f" {KEY}\n",
        f"Bearer {KEY}",
        f'"{KEY}"',
        f"'bearer  {KEY}' ",
        f'Bearer "{KEY}"',
        f"“{KEY}”",
        f"\u3000{KEY}\xa0",
        f"\u200b{KEY}",
        f"Bearer Bearer {KEY}",
    ],
)
def test_a_pasted_key_is_freed_from_what_clings_to_it(pasted: str) -> None:
    assert Secret(pasted).reveal() == KEY


@pytest.mark.parametrize(
    "broken", ["a b", "a\nb", "a\x00b", "ключ", "ａｂｃ", "a\u200bb", "x" * 4097]
)
def test_a_key_no_header_takes_is_a_problem_and_nothing_shows_it(broken: str) -> None:
    for name in ("KLING_API_KEY", "KLING_ACCESS_KEY", "KLING_SECRET_KEY"):
        settings = of(**{"KLING_ACCESS_KEY": "a", "KLING_SECRET_KEY": "s", name: broken})
        assert settings.live
        assert settings.problem() == BROKEN_KEY.fill(name=name)


@pytest.mark.parametrize(
    ("name", "other"),
    [("KLING_ACCESS_KEY", "KLING_SECRET_KEY"), ("KLING_SECRET_KEY", "KLING_ACCESS_KEY")],
)
def test_half_a_pair_is_a_problem_unless_an_api_key_is_there(name: str, other: str) -> None:
    assert of(**{name: "x"}).live
    assert of(**{name: "x"}).problem() == HALF_PAIR.fill(name=name, other=other)
    assert of(**{name: "x", other: "y"}).problem() is None
    assert of(**{name: "x", "KLING_API_KEY": KEY}).problem() is None


@pytest.mark.parametrize(
    "url",
    [
        "https://host",
        "https://host:8443/kling",
        "http://127.0.0.1:8000",
        "http://localhost:8000",
        "http://kling.localhost",
        "http://[::1]:8000",
    ],
)
def test_https_and_this_machine_are_sound_addresses(url: str) -> None:
    assert live(url).problem() is None


@pytest.mark.parametrize(
    "url",
    ["", "host", "ftp://host", "https://", "https://host:x", "https://host:99999", "http://[::1"]
    + ["https://me:pw@host", "https://:pw@host", "https://@host", "https://host?a=b"]
    + ["https://host#x"],
)
def test_anything_else_is_no_address(url: str) -> None:
    assert live(url, allow_private_hosts=True).problem() == BROKEN_URL
    assert Settings(base_url=url).problem() is None  # a demo has no use for it


@pytest.mark.parametrize("url", ["http://192.168.1.2", "http://gateway.example/kling"])
def test_plain_http_elsewhere_needs_leave(url: str) -> None:
    assert live(url).problem() == BROKEN_URL
    assert live(url, allow_private_hosts=True).problem() is None


@pytest.mark.parametrize(
    "pasted",
    ["https://host/kling", "https://host/kling/", "https://host/kling//", "https://host/kling/v1"]
    + ["https://host/kling/v1/images/generations", "https://host/kling/v1/images/generations/t1"]
    + [' "https://host/kling" ', "https://host/kling/v1?x=1#y"],
)
def test_a_pasted_address_is_trimmed_to_the_base(pasted: str) -> None:
    assert trimmed(pasted) == "https://host/kling"
    assert trimmed(trimmed(pasted)) == trimmed(pasted)


def test_an_address_that_cannot_be_read_is_left_for_the_problem() -> None:
    assert trimmed("http://[::1") == "http://[::1"


@pytest.mark.parametrize(
    "url",
    ["https://host", "http://host:7860", "HTTPS://Host.example", "https://host/a/b-c"]
    + ["http://127.0.0.1:7860", "http://[::1]:7860", "https://user-name.hf.space"],
)
def test_a_public_address_is_taken_without_what_clings_to_it(url: str) -> None:
    for pasted in (url, f"{url}/", f"{url}//", f'"{url}/"', f" '{url}' "):
        settings = of(KLING_UI_PUBLIC_URL=pasted)
        assert (settings.public_url, settings.notices) == (url, ())


@pytest.mark.parametrize(
    "url",
    ["host", "host.example/x", "ftp://host", "https://", "https:///x", "https://:7860", "/", "//"]
    + ["https://host:x", "https://host:99999", "http://[::1", "https://me:pw@host", "https://@host"]
    + ["https://host?a=b", "https://host/?", "https://host#x", "https://host/#", "https:host"]
    + ["https://ho st", "https://host/a\nb", "https://主机", "https://host\\evil", "off"],
)
def test_a_public_address_that_is_none_is_left_out_and_said_and_stops_nothing(url: str) -> None:
    for elsewhere in ({}, {"SPACE_ID": "me/studio", "SPACE_HOST": "me-studio.hf.space"}):
        settings = of(KLING_API_KEY=KEY, KLING_UI_PUBLIC_URL=url, **elsewhere)
        assert (settings.public_url, settings.notices) == ("", (BROKEN_PUBLIC_URL,))
        assert settings.problem() is None


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("me-studio.hf.space", "https://me-studio.hf.space"),
        ("me-studio.hf.space, art.example", "https://me-studio.hf.space"),
        ("", ""),
        (",", ""),
        ("me studio", ""),
    ],
)
def test_a_space_knows_its_public_address(host: str, url: str) -> None:
    space = of(SPACE_ID="me/studio", SPACE_HOST=host)
    assert (space.public_url, space.notices) == (url, ())
    assert of(SPACE_HOST=host).public_url == ""  # no Space
    own = of(SPACE_ID="me/studio", SPACE_HOST=host, KLING_UI_PUBLIC_URL="https://own.example")
    assert own.public_url == "https://own.example"


def test_a_webhook_secret_holds_the_key_of_the_signatures() -> None:
    assert webhook_key(WHSEC) == b"testsecrettestsecrettestsecret12"
    settings = of(KLING_WEBHOOK_SECRET=f'"{WHSEC}"')
    assert (settings.webhook_secret.reveal(), settings.notices) == (WHSEC, ())


@pytest.mark.parametrize(
    "broken",
    ["whsec_", "whsec", "abc", "dGVzdA==", "whsec_dGVzdA", "whsec_dGV*dA==", "whsec_dGVz dA=="]
    + ["WHSEC_dGVzdA==", "xwhsec_dGVzdA==", "whsec_ключ"],
)
def test_a_broken_webhook_secret_is_said_kept_and_stops_nothing(broken: str) -> None:
    settings = of(KLING_API_KEY=KEY, KLING_WEBHOOK_SECRET=broken)
    assert webhook_key(broken) is None
    assert settings.notices == (BROKEN_WEBHOOK_SECRET,)
    assert settings.webhook_secret  # so that callbacks are not believed unsigned
    assert settings.problem() is None


def test_all_that_is_of_no_use_is_said_at_once() -> None:
    both = of(KLING_UI_PUBLIC_URL="host", KLING_WEBHOOK_SECRET="x")
    assert both.notices == (BROKEN_PUBLIC_URL, BROKEN_WEBHOOK_SECRET)
    assert of().notices == ()


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True)]
    + [("0.0.0.0", False), ("10.0.0.1", False), ("localhost.example", False), ("", False)],
)
def test_only_this_machine_is_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_a_secret_shows_in_no_print() -> None:
    settings = Settings(api_key=Secret(KEY), access_key=Secret("AK-1"), secret_key=Secret("SK-1"))
    for shown in (repr(settings), str(settings), f"{settings.api_key} {settings.api_key!r}"):
        assert not any(secret in shown for secret in (KEY, "AK-1", "SK-1"))
    for secret in (WHSEC, "whsec_?"):
        assert secret not in repr(of(KLING_WEBHOOK_SECRET=secret))
    assert (repr(Secret("x")), repr(Secret())) == ("Secret('***')", "Secret('')")


def test_secrets_are_compared_by_what_they_hide() -> None:
    assert Secret("a") == Secret(" a ") != Secret("b")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"


# modes, and what others may do


@pytest.mark.parametrize(
    ("env", "mode"),
    [
        ({}, "local"),
        ({"GRADIO_SERVER_NAME": "127.0.0.1"}, "local"),
        ({"GRADIO_SERVER_NAME": "localhost"}, "local"),
        ({"GRADIO_SERVER_NAME": "0.0.0.0"}, "lan"),
        ({"GRADIO_SERVER_NAME": "192.168.1.5"}, "lan"),
        ({"GRADIO_SERVER_NAME": "studio.lan"}, "lan"),
        ({"GRADIO_SERVER_NAME": "0.0.0.0", "SPACE_ID": "me/studio"}, "space"),
        ({"KLING_UI_MODE": "Space"}, "space"),
        ({"KLING_UI_MODE": "lan", "SPACE_ID": "me/studio"}, "lan"),
        ({"KLING_UI_MODE": "open"}, "local"),
    ],
)
def test_a_mode_is_derived_or_chosen(env: dict[str, str], mode: str) -> None:
    settings = of(**env)
    assert settings.mode == mode
    assert (BROKEN_MODE.fill(mode=mode) in settings.notices) is (env.get("KLING_UI_MODE") == "open")


def test_a_lan_wants_a_password_and_says_how() -> None:
    refusal = of(GRADIO_SERVER_NAME="0.0.0.0").refusal
    assert refusal == NO_PASSWORD.fill(address="0.0.0.0")
    assert "KLING_UI_PASSWORD" in refusal.en
    assert of(GRADIO_SERVER_NAME="0.0.0.0", KLING_UI_PASSWORD="x").refusal is None
    assert of().refusal is None
    assert of(SPACE_ID="me/studio", GRADIO_SERVER_NAME="0.0.0.0").refusal is None


@pytest.mark.parametrize(("word", "told"), [("1", 0), ("off", 0), ("", 0), ("maybe", 1)])
def test_a_switch_that_is_neither_on_nor_off_is_told(word: str, told: int) -> None:
    notices = [one.en for one in of(KLING_UI_AUTO_RESUBMIT=word).notices]
    assert sum("KLING_UI_AUTO_RESUBMIT is neither" in one for one in notices) == told


@pytest.mark.parametrize(
    ("port", "good"),
    [
        ("", True),
        ("7860", True),
        ("80x", False),
        ("0", False),
        ("-1", False),
        ("65536", False),
        ("٧", False),
    ],
)
def test_a_port_that_is_none_is_told(port: str, good: bool) -> None:
    refusal = of(GRADIO_SERVER_PORT=port).refusal
    assert refusal == (None if good else BROKEN_PORT.fill(port=port))


def test_who_opens_a_local_program_to_others_is_told() -> None:
    settings = of(GRADIO_SERVER_NAME="0.0.0.0", KLING_UI_MODE="local")
    assert settings.notices == (OPEN_TO_ALL.fill(address="0.0.0.0"),)


def test_a_public_name_opens_no_local_program() -> None:
    """Kling calls back under it; whoever else comes that way is not the operator."""
    url = {"KLING_UI_PUBLIC_URL": "https://art.example/x"}
    assert (of(**url).allowed_hosts, of(**url).callback_host) == ((), "art.example")
    assert of(**url, KLING_UI_PASSWORD="x").allowed_hosts == ("art.example",)
    assert of(**url, KLING_UI_MODE="space").allowed_hosts == ("art.example",)
    named = of(KLING_UI_ALLOWED_HOSTS="art.example")
    assert named.notices == (NAMED_TO_ALL.fill(name="art.example"),)
    assert of(KLING_UI_ALLOWED_HOSTS="art.example", KLING_UI_PASSWORD="x").notices == ()


def test_names_under_which_it_is_reached() -> None:
    assert of().allowed_hosts == ()
    space = of(SPACE_ID="me/studio", SPACE_HOST="me-studio.hf.space,art.example")
    assert space.allowed_hosts == ("me-studio.hf.space", "art.example")
    assert of(SPACE_HOST="me-studio.hf.space").allowed_hosts == ()
    assert of(KLING_UI_ALLOWED_HOSTS=" A.example:80 https://b.example/x ,c. ").allowed_hosts == (
        "a.example",
        "b.example",
        "c",
    )


@pytest.mark.parametrize(
    "written", ["2001:db8::1", "[2001:DB8::1]", "[2001:db8::1]:7860", "http://[2001:db8::1]:80/x"]
)
def test_an_address_of_ipv6_is_a_name_too(written: str) -> None:
    assert of(KLING_UI_ALLOWED_HOSTS=written).allowed_hosts == ("2001:db8::1",)


def test_a_space_that_shares_its_key_has_limits() -> None:
    env = {"SPACE_ID": "me/studio", "KLING_UI_SHARE_KEY": "1"}
    assert of(**env).visitor_images_per_day == VISITOR_IMAGES
    assert of(**env).notices == (NO_BUDGET,)
    assert of(**env, KLING_UI_VISITOR_IMAGES_PER_DAY="0").visitor_images_per_day == 0
    assert of(**env, KLING_UI_DAILY_BUDGET="2.50").daily_budget == 2.5
    assert of(SPACE_ID="me/studio").visitor_images_per_day is None
    assert of(KLING_UI_SHARE_KEY="1").visitor_images_per_day is None


@pytest.mark.parametrize("word", ["5 USD", "-1", "1e9", "many", "0x10"])
def test_a_limit_that_cannot_be_read_lets_nothing_pass(word: str) -> None:
    settings = of(KLING_API_KEY=KEY, KLING_UI_DAILY_BUDGET=word)
    assert settings.daily_budget == 0
    assert settings.problem() == BROKEN_LIMIT.fill(name="KLING_UI_DAILY_BUDGET")


@pytest.mark.parametrize(
    ("env", "forgets"),
    [
        ({}, False),
        ({"SPACE_ID": "me/studio", "KLING_UI_DATA_DIR": "/data/kling-ui"}, False),
        ({"SPACE_ID": "me/studio", "KLING_UI_DATA_DIR": "/home/user/x"}, True),
    ],
)
def test_a_space_without_storage_forgets(env: dict[str, str], forgets: bool) -> None:
    assert of(**env).forgets is forgets


def test_a_space_listens_to_everybody_whatever_its_mode() -> None:
    settings = of(SPACE_ID="me/studio", KLING_UI_MODE="local")
    assert settings.server_name == "0.0.0.0"
    assert settings.refusal
    assert "0.0.0.0" in settings.refusal.en


def test_all_that_must_not_appear_is_named() -> None:
    env = {"KLING_API_KEY": KEY, "KLING_SECRET_KEY": "secret", "KLING_WEBHOOK_SECRET": WHSEC}
    assert {one.reveal() for one in of(**env, KLING_UI_PASSWORD="pass").secrets} == {
        *env.values(),
        "pass",
    }


def test_dangerous_variables_of_gradio_are_taken_away_and_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("SHARE", "ALLOWED_PATHS", "MCP_SERVER", "RUN_HISTORY", "TEMP_DIR"):
        monkeypatch.setenv(f"GRADIO_{name}", "/")
    monkeypatch.setenv("GRADIO_SERVER_NAME", "127.0.0.1")
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "True")
    monkeypatch.setenv("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1")
    told = {notice.en.split()[0] for notice in tame_gradio(tmp_path)}
    assert told == {
        "GRADIO_SHARE",
        "GRADIO_ALLOWED_PATHS",
        "GRADIO_MCP_SERVER",
        "GRADIO_RUN_HISTORY",
        "GRADIO_TEMP_DIR",
    }
    left = {name: value for name, value in os.environ.items() if name.startswith("GRADIO_")}
    assert left == {
        "GRADIO_TEMP_DIR": str(tmp_path),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000",
        "GRADIO_SERVER_NAME": "127.0.0.1",
    }
    assert tame_gradio(tmp_path) == []


def test_gradio_does_not_know_that_this_is_a_space(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SYSTEM", "spaces")
    for name in ("TEMP_DIR", "ANALYTICS_ENABLED", "ANALYTICS_CACHE_FREQUENCY", "SERVER_NAME"):
        monkeypatch.setenv(f"GRADIO_{name}", "")  # as it was, afterwards
    monkeypatch.delenv("GRADIO_SERVER_NAME")
    tame_gradio(tmp_path)
    assert "SYSTEM" not in os.environ
    assert os.environ["GRADIO_SERVER_NAME"] == "0.0.0.0"


def test_gradio_is_imported_without_reading_its_own_source() -> None:
    code = """if True:
        import inspect
        from pathlib import Path

        read, real = [], Path.read_text
        def read_text(path, *args, **options):
            read.append(path)
            return real(path, *args, **options)
        Path.read_text = read_text
        from kling_ui.settings import importing_gradio
        with importing_gradio():
            import gradio
        assert not [path for path in read if path.suffix in (".py", ".pyi")], read
        assert inspect.getfile(gradio.Textbox).endswith("textbox.py")
        """
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
