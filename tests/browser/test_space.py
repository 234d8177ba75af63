"""The page on a Space: the demo, a key of one's own, what is left of the Space's, in Chromium."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Collection, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from ..conftest import served
from ..program import Program
from ..security.conftest import ANN, BOB, OPERATOR, SPACE, running
from ..security.visitor import SPACE_HOST
from ..security.wire import Payments, paid
from .conftest import FLAGS, USUAL, chromium_path
from .edge import over_tls
from .test_page import DONE, ask, card

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
UNKNOWN = "sk-nobodys-key-0000"
PRICES = {"127.0.0.1": {"currency": "EUR", "models": {"kling-v2-1": 0.05}}}
CEM = "cems-own-key-9012"
READ = "try { localStorage.setItem('kling.forgets', 'read') } catch { /* no page yet */ }"
GONE = {"en-US": "Your own key is no longer kept here", "zh-CN": "您的密钥已不在此处保存"}
FORGETS = {"en-US": "This Space forgets pictures", "zh-CN": "此 Space 重启后会丢失图片"}
DEMO = {"en-US": "Pictures are drawn on the server", "zh-CN": "图片由服务器绘制"}
AT_KLING = re.compile("Submitted|Processing|已提交|生成中")
HUB = "https://huggingface.co/"
# Hugging Face is played by this machine, so that Chromium takes it for a page of the internet's
# that reaches for somebody's own machine
FROM_ANYWHERE = "--disable-features=LocalNetworkAccessChecks"
BACK = 60_000  # milliseconds for the program to be up again and the page to hear of it


@pytest.fixture(scope="module")
def bank() -> Iterator[Payments]:
    """Kling with four customers."""
    with paid(seconds=(1.0, 1.6), keys=frozenset({OPERATOR, ANN, BOB, CEM})) as one:
        yield one


@pytest.fixture(scope="module")
def space(bank: Payments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Its operator's key is nobody else's."""
    folder = tmp_path_factory.mktemp("space")
    (folder / "prices.json").write_text(json.dumps(PRICES), "utf-8")
    env = {
        "SYSTEM": "spaces",  # as Hugging Face sets it
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "KLING_BASE_URL": bank.base_url,
        "KLING_API_KEY": OPERATOR,
        "KLING_UI_PRICES": str(folder / "prices.json"),
    }
    with running(folder / "data", **SPACE, **env) as program:
        yield program


def read(page: Page) -> None:
    """Somebody who knows that the Space forgets."""
    page.context.add_init_script(READ)


def storage(page: Page) -> str:
    return str(page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])"))


def pill(page: Page) -> Any:
    return page.locator("#pill-account")


def bring(page: Page, key: str, *, keep: bool = False) -> None:
    """By the settings, as the banner leads there."""
    page.click("#pill-settings")
    page.fill("#key-field", key)
    page.locator("#key-keep").set_checked(keep)
    page.click("#key-use")


def live(page: Page, *, whose: str = "Your key|您的密钥") -> None:
    """Its own key is in use, and the page drawn anew for it."""
    expect(pill(page)).to_have_text(re.compile(rf"({whose}) · 127\.0\.0\.1:\d+"))
    expect(page.locator("#generate")).to_contain_text("EUR 0.05")
    expect(page.locator("#banner")).to_be_hidden()


def demo(page: Page, *, told: Collection[str] = DEMO.values()) -> None:
    expect(pill(page)).to_have_text(re.compile("Demo|演示"), timeout=BACK)
    expect(page.locator("#generate")).to_contain_text("$0.014")
    expect(page.locator("#banner")).to_contain_text(re.compile("|".join(told)))


def done(page: Page, prompt: str) -> None:
    expect(card(page, prompt).locator(".state.ok")).to_be_visible(timeout=DONE)


# a key of one's own


@pytest.mark.parametrize(
    ("locale", "add", "broken", "refused"),
    [
        ("en-US", "Add your own key", "This is no key: it holds", "Kling does not accept this key"),
        ("zh-CN", "添加您自己的密钥", "这不是有效的密钥", "可灵不接受此密钥"),
    ],
)
def test_the_banner_leads_to_the_field_where_a_bad_key_is_told_of(
    space: Program, bank: Payments, visit: Visit, locale: str, add: str, broken: str, refused: str
) -> None:
    page = visit(space.url, locale=locale, before=read)
    demo(page)
    page.get_by_role("button", name=add).click()
    expect(page.locator("#key-field")).to_be_focused()
    expect(page.locator("#key-field")).to_have_attribute("type", "password")
    for key, told in (("two words of it", broken), ("short", broken), (UNKNOWN, refused)):
        page.fill("#key-field", key)
        expect(page.locator("#key-problem")).to_be_empty()
        page.press("#key-field", "Enter")
        expect(page.locator("#key-problem")).to_contain_text(told)
        expect(page.locator("#key-field")).to_be_focused()
        expect(page.locator("#key-field")).to_have_attribute("aria-invalid", "true")
        assert UNKNOWN not in page.inner_text("#key-problem")
    assert UNKNOWN in bank.keys
    page.keyboard.press("Escape")
    demo(page)
    assert UNKNOWN not in storage(page)


def test_with_a_key_the_page_is_live_and_whoever_else_is_there_stays_in_the_demo(
    space: Program, bank: Payments, visit: Visit
) -> None:
    page = visit(space.url, locale="zh-CN", before=read)
    other = visit(space.url, before=read)
    bring(page, ANN)
    live(page)
    assert ANN not in storage(page)
    page.click("#pill-settings")
    expect(page.locator("#key-told")).to_contain_text(ANN[-4:])
    expect(page.locator("#key-field")).to_have_value("")  # for another one
    assert ANN not in page.content()
    page.keyboard.press("Escape")
    ask(page, "paid with my key")
    ask(other, "drawn by the demo")
    done(page, "paid with my key")
    assert [create.key for create in bank.of("paid with my key")] == [ANN]
    for one in (page, other):
        one.reload()
    live(page)
    demo(other)
    expect(card(page, "paid with my key")).to_be_visible()
    expect(card(other, "drawn by the demo")).to_be_visible()
    expect(card(other, "paid with my key")).to_have_count(0)
    expect(card(page, "drawn by the demo")).to_have_count(0)
    assert bank.of("drawn by the demo") == []


def test_after_a_restart_it_comes_again_by_itself_only_where_it_is_remembered(
    space: Program, bank: Payments, visit: Visit
) -> None:
    waiting = {"en-US": "Waiting for your key", "zh-CN": "等待您的密钥"}
    keeper, asked = visit(space.url, before=read), {"in flight, remembered": ANN}
    bring(keeper, ANN, keep=True)
    live(keeper)
    assert json.loads(storage(keeper))[0]["kling.key"] == ANN
    others = {locale: visit(space.url, locale=locale, before=read) for locale in waiting}
    for (locale, page), key in zip(others.items(), (BOB, CEM), strict=True):
        bring(page, key)
        live(page)
        asked[f"in flight, {locale}"] = key
    for page, prompt in zip((keeper, *others.values()), asked, strict=True):
        ask(page, prompt)
        expect(card(page, prompt)).to_contain_text(AT_KLING)
    space.stop(signal.SIGKILL)
    space.start()
    done(keeper, "in flight, remembered")
    live(keeper)
    for (locale, page), key in zip(others.items(), (BOB, CEM), strict=True):
        demo(page, told=[GONE[locale]])  # and not silently
        expect(page.locator("#stage-head .notice")).to_contain_text(waiting[locale], timeout=BACK)
        expect(card(page, f"in flight, {locale}")).to_contain_text(waiting[locale])
        assert key not in storage(page)
        page.locator("#banner-read").click()
        demo(page)
        bring(page, key)
        live(page)
        done(page, f"in flight, {locale}")
    for prompt, key in asked.items():
        assert [create.key for create in bank.of(prompt)] == [key]
    for page in (keeper, *others.values()):
        page.close()


def test_forgotten_it_is_gone_from_every_tab_and_from_the_browser(
    space: Program, bank: Payments, visit: Visit
) -> None:
    first = visit(space.url, before=read)
    context = first.context
    second = context.new_page()
    second.goto(space.url)
    demo(second)
    bring(first, BOB, keep=True)
    live(first)
    live(second)  # nobody touched it
    third = context.new_page()
    third.goto(space.url)
    live(third)
    third.click("#pill-settings")
    third.click("#key-forget")
    for tab in (third, second, first):
        demo(tab)
        assert BOB not in storage(tab)
    for tab in (first, second, third):
        tab.reload()
        demo(tab)
        assert BOB not in storage(tab)
    ask(first, "after it was forgotten")
    expect(card(third, "after it was forgotten")).to_be_visible()
    asked = len(bank.keys)
    for tab in (first, second, third):
        tab.goto("about:blank")  # else Gradio in it may load the page anew at the same moment
    space.stop()
    space.start()
    for tab in (first, second, third):
        tab.goto(space.url)
        demo(tab)
        expect(card(tab, "after it was forgotten")).to_be_visible(timeout=BACK)
    assert BOB not in bank.keys[asked:]
    assert bank.of("after it was forgotten") == []


# what everybody is told


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_that_the_space_forgets_is_told_once(space: Program, visit: Visit, locale: str) -> None:
    page = visit(space.url, locale=locale)
    banner = page.locator("#banner")
    expect(banner).to_contain_text(FORGETS[locale])
    page.reload()
    expect(banner).to_contain_text(FORGETS[locale])  # nobody has said that it was read
    banner.get_by_role("button", name=re.compile("Got it|知道了")).click()
    expect(banner).to_contain_text(DEMO[locale])
    page.reload()
    expect(page.locator("#generate")).to_contain_text("·")
    expect(banner).to_contain_text(DEMO[locale])


@pytest.fixture(scope="module")
def sharing(bank: Payments, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """Whoever comes may have three pictures a day."""
    folder = tmp_path_factory.mktemp("sharing")
    (folder / "prices.json").write_text(json.dumps(PRICES), "utf-8")
    env = {
        "KLING_BASE_URL": bank.base_url,
        "KLING_API_KEY": OPERATOR,
        "KLING_UI_PRICES": str(folder / "prices.json"),
        "KLING_UI_SHARE_KEY": "1",
        "KLING_UI_VISITOR_IMAGES_PER_DAY": "3",
        "KLING_UI_MAX_IMAGES_PER_TASK": "4",
    }
    with running(folder / "data", **SPACE, **env) as program:
        yield program


def test_what_is_left_of_the_spaces_own_key_is_counted_down(
    sharing: Program, bank: Payments, visit: Visit
) -> None:
    page = visit(sharing.url, before=read)
    hint, problems = page.locator("#hint-price"), page.locator("#problems")
    left = "{} of 3 pictures left today"
    live(page, whose="Live")  # with the Space's own
    counts = page.locator("#field-n input")
    expect(counts).to_have_count(4)
    expect(page.locator("#field-n")).to_contain_text("At most 4 in one task")
    page.click("#pill-settings")
    drawer = page.locator("#drawer")
    expect(drawer).to_contain_text("Prices in use")
    expect(drawer).not_to_contain_text("Adopt a task")  # whose it is nobody knows
    expect(drawer).not_to_contain_text("free on the disk")
    page.keyboard.press("Escape")
    expect(hint).to_have_text(left.format(3))
    ask(page, "one of three")
    expect(hint).to_have_text(left.format(2))
    page.click("#field-n label:has-text('3')")
    ask(page, "three of two")
    expect(problems).to_contain_text("2 of 3 pictures are left for you today")
    page.click("#field-n label:has-text('2')")
    ask(page, "two of two")
    expect(hint).to_have_text(left.format(0))
    page.click("#field-n label:has-text('1')")
    ask(page, "one too many")
    expect(problems).to_contain_text("pictures of today are used up. Add your own key")
    button = problems.get_by_role("button", name="Add your own key")
    page.set_viewport_size({"width": 1280, "height": 720})
    page.evaluate("scrollTo(0, 0)")
    expect(problems).not_to_be_in_viewport()
    page.click("#generate")  # which is in sight wherever one has scrolled to
    expect(button).to_be_in_viewport()
    done(page, "two of two")
    page.click("#pill-language")
    expect(hint).to_have_text("今天还可生成 0 张（共 3 张）")
    ask(page, "one too many")
    expect(problems).to_contain_text("您今天的 3 张图片额度已用完")
    problems.get_by_role("button", name="添加您自己的密钥").click()
    expect(page.locator("#key-field")).to_be_focused()
    page.fill("#key-field", BOB)
    page.press("#key-field", "Enter")
    expect(hint).not_to_contain_text("今天还可生成")
    live(page)
    expect(counts).to_have_count(9)
    ask(page, "with a key of my own")
    done(page, "with a key of my own")
    assert [create.key for create in bank.of("one of three")] == [OPERATOR]
    assert [create.key for create in bank.of("with a key of my own")] == [BOB]
    assert bank.of("one too many") == bank.of("three of two") == []
    expect(card(page, "one too many")).to_have_count(0)
    page.close()


# in a frame


@pytest.mark.parametrize("where", ["local", "space"])
def test_no_other_sites_page_holds_it_in_a_frame(
    space: Program, chromium: Browser, where: str, request: pytest.FixtureRequest
) -> None:
    program: Program = request.getfixturevalue("app") if where == "local" else space

    async def home(_: Any) -> HTMLResponse:
        return HTMLResponse(f"<iframe src='{program.url}' width=900 height=700></iframe>")

    with served(Starlette(routes=[Route("/", home)])) as elsewhere:
        page, told = chromium.new_page(), list[str]()
        page.on("console", lambda message: told.append(message.text))
        page.goto(elsewhere)
        page.wait_for_timeout(1000)
        (frame,) = (one for one in page.frames if one.parent_frame)
        assert frame.url.startswith("chrome-error:")
        assert any("frame-ancestors" in text or "X-Frame-Options" in text for text in told)
        page.close()


@pytest.fixture(scope="module")
def edge(space: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Host and port where the Space's own name leads to."""
    with over_tls(space, tmp_path_factory.mktemp("edge")) as place:
        yield place


@pytest.fixture
def outside(edge: str, chromium: Browser) -> Iterator[Page]:
    """A page that finds the Space under its own name. Nothing it shows may log an error."""
    flags = [*FLAGS, f"--host-resolver-rules=MAP {SPACE_HOST} {edge}", FROM_ANYWHERE]
    browser = chromium.browser_type.launch(executable_path=chromium_path(), args=flags)
    context, wrong = browser.new_context(**USUAL, ignore_https_errors=True), list[str]()
    context.on("weberror", lambda error: wrong.append(str(error.error)))
    context.on("console", lambda one: wrong.append(one.text) if one.type == "error" else None)
    context.on("request", lambda one: wrong.append(one.url) if foreign(one.url) else None)
    yield context.new_page()
    browser.close()
    assert wrong == []


def foreign(url: str) -> bool:
    return not url.startswith((f"https://{SPACE_HOST}/", HUB, "data:", "blob:"))


def test_in_hugging_faces_own_frame_it_works_and_knows_who_comes_again(
    outside: Page, bank: Payments
) -> None:
    around = f"<iframe src='https://{SPACE_HOST}/' width=1400 height=900></iframe>"
    outside.route(f"{HUB}**", lambda r: r.fulfill(body=around, content_type="text/html"))
    inside = outside.frame_locator("iframe").first
    outside.goto(f"{HUB}spaces/someone/studio")
    inside.get_by_role("button", name="Got it").click()
    inside.get_by_role("button", name="Add your own key").click()
    inside.locator("#key-field").fill(ANN)
    inside.locator("#key-field").press("Enter")
    expect(inside.locator("#pill-account")).to_have_text(re.compile("Your key"))
    inside.locator("#field-prompt textarea").fill("asked for in a frame")
    inside.locator("#generate").click()
    made = inside.locator("#feed .card", has_text="asked for in a frame")
    expect(made.locator(".state.ok")).to_be_visible(timeout=DONE)
    expect(made.locator("img")).to_have_js_property("complete", True)
    outside.reload()
    expect(made.locator(".state.ok")).to_be_visible()
    expect(inside.locator("#pill-account")).to_have_text(re.compile("Your key"))
    assert [create.key for create in bank.of("asked for in a frame")] == [ANN]


def test_under_its_own_name_it_asks_nobody_else(outside: Page) -> None:
    outside.goto(f"https://{SPACE_HOST}/")
    expect(outside.locator("#pill-account")).to_have_text("Demo")
    expect(outside.locator("#stage-gallery img")).to_have_count(4)
    outside.wait_for_timeout(500)
    expect(outside.locator("#huggingface-space-header")).to_have_count(0)
