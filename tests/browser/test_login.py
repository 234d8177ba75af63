"""The page that asks for the password, in Chromium."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from ..conftest import QUICK
from ..program import Program
from ..security.conftest import ANN, running
from ..security.test_login import LAN, PASSWORD
from ..security.wire import paid
from .test_space import BACK, GONE, bring, pill

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
WORDS = {
    "en-US": ("Incorrect Credentials", "Checking the password", "does not answer", "Too many"),
    "zh-CN": ("凭据不正确", "正在验证密码", "服务器没有响应", "密码尝试过多"),
}


@pytest.fixture(scope="module")
def lan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with running(tmp_path_factory.mktemp("lan"), **LAN) as program:
        yield program


def give(page: Page, password: str) -> None:
    """Without a name: any will do."""
    page.fill("input[type=password]", password)
    page.press("input[type=password]", "Enter")


@pytest.mark.parametrize("locale", WORDS)
def test_it_says_what_becomes_of_a_try(lan: Program, visit: Visit, locale: str) -> None:
    wrong, checking, unheard, often = WORDS[locale]
    page = visit(lan.url, locale=locale, until="input[type=password]", refused={400, 429, 502})
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if one.method == "POST" else None)
    said = page.locator("#login-said")
    give(page, "a guess")
    expect(page.get_by_text(wrong)).to_be_visible()
    expect(said).to_be_hidden()

    held: list[Route] = []
    page.route("**/login", lambda route: held.append(route))
    give(page, "slowly")
    expect(said).to_contain_text(checking)
    expect(page.get_by_text(wrong)).to_be_hidden()
    expect(page.locator("input[type=password]")).not_to_be_editable()
    before = len(asked)
    for _ in range(3):
        page.press("input[type=password]", "Enter")  # would only wait for the first
    page.wait_for_timeout(200)
    assert len(asked) == before
    assert page.input_value("input[type=password]") == "slowly"
    held[0].abort()
    expect(said).to_contain_text(unheard)

    page.unroute("**/login")
    page.route(
        "**/login", lambda route: route.fulfill(status=429, body=often, content_type="text/plain")
    )
    give(page, "again")
    expect(said).to_have_text(often)
    assert page.input_value("input[type=password]") == "again"  # nothing is lost
    page.unroute("**/login")
    page.route("**/login", lambda route: route.fulfill(status=502, body="<h1>Bad Gateway</h1>"))
    give(page, "once more")
    expect(said).to_contain_text(unheard)
    page.unroute("**/login")
    give(page, PASSWORD)
    expect(page.locator("#generate")).to_contain_text("·")


def test_a_tab_that_was_logged_out_elsewhere_asks_to_log_in(lan: Program, visit: Visit) -> None:
    page = visit(lan.url, until="input[type=password]", refused={401})
    give(page, PASSWORD)
    expect(page.locator("#generate")).to_contain_text("·")
    page.fill("#field-prompt textarea", "typed before")
    other = page.context.new_page()
    other.goto(f"{lan.url}/logout")
    page.click("#generate")
    expect(page.locator("input[type=password]")).to_be_visible()
    give(page, PASSWORD)
    expect(page.locator("#field-prompt textarea")).to_have_value("typed before")


def test_who_brought_a_key_for_all_is_told_that_it_is_gone_and_nobody_else(
    tmp_path: Path, visit: Visit
) -> None:
    def come(page: Page, pays: str) -> None:
        give(page, PASSWORD)
        expect(pill(page)).to_contain_text(pays)

    with (
        paid(seconds=QUICK, keys=frozenset({ANN})) as bank,
        running(tmp_path, **LAN, KLING_BASE_URL=bank.base_url) as program,
    ):
        pages = [visit(program.url, until="input[type=password]", refused={401}) for _ in "ab"]
        mine, other = pages
        come(mine, "Demo")
        bring(mine, ANN)
        expect(pill(mine)).to_contain_text("A user's key")
        come(other, "A user's key")
        program.stop(signal.SIGTERM)
        program.start()
        for page in pages:
            # of its own accord
            expect(page.locator("input[type=password]")).to_be_visible(timeout=BACK)
            come(page, "Demo")
        expect(mine.locator("#banner")).to_contain_text(GONE["en-US"])
        expect(other.locator("#banner")).not_to_contain_text(GONE["en-US"])
