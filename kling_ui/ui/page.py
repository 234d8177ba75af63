"""The page: what stands where, and which gesture leads to which function."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import gradio as gr
from gradio.events import api

from ..catalog import MAX_PICTURES
from ..pictures.reference import MOST_BYTES
from ..request import SHARED, SPECS, ImageRequest, rules
from ..settings import ASK_PICTURES, ASK_PRICE
from ..studio import Studio
from ..text import Lang, Text
from ..web import Assets
from ..web.links import PREFIX
from .actions import Actions
from .composer import ALL_AT_ONCE, QUIET, Composer
from .endpoints import Endpoints
from .examples import EXAMPLES, FIRST_PROMPT, STYLES, Example
from .form import COMPARED
from .habits import break_habits
from .speech import Speech
from .stage import Stage
from .words import words

DEMO_BANNER = Text(
    "Demo. No API key is set: pictures are drawn on this machine, nothing is sent or charged. "
    "To use Kling, set KLING_API_KEY and restart, or add a key here for a while.",
    "演示模式。未设置 API 密钥：图片由本机绘制，不会发送任何内容，也不会产生费用。"
    "如需使用可灵，请设置 KLING_API_KEY 并重启，或在此临时添加密钥。",
)
VISITOR_BANNER = Text(
    "Demo. Pictures are drawn on the server, nothing is sent or charged. Add your own key to use "
    "Kling: it stays in the server's memory, and only your pictures are paid with it.",
    "演示模式。图片由服务器绘制，不会发送任何内容，也不会产生费用。添加您自己的密钥即可使用可灵："
    "密钥只保存在服务器内存中，仅用于支付您的图片。",
)
# later ones go before earlier ones
STYLE = ("page", "composer", "stage", "history", "settings", "present")
COMPOSER = ("press", "problems", "rules", "picture", "prompt", "request")
BOOT = (  # runs before Gradio starts
    "boot.js",
    *(f"composer/{name}.js" for name in COMPOSER),
)
LOGIN = ("boot.js", "login.js")  # on the page that asks for the password
FEED = (  # one script
    "task.js",
    "stage.js",
    "gallery.js",
    "compare.js",
    "details.js",
    "ledger.js",
    "keyring.js",
    "settings.js",
    "present.js",
    "attention.js",
    "views.js",
    "history.js",
    "choice.js",
    "header.js",
    "stream.js",
)


class Page:
    """The whole page over one studio. `blocks` is what Gradio launches. It asks before more
    `pictures` at once, or more `money` by estimate, than `ask` says; `demo` is what it says of
    itself where nothing goes to Kling; `key_host` is the API that a key of somebody's own is for,
    empty where none can be used; `forgets`: the disk is empty after a restart; `together`: several
    people are one owner, with one key."""

    def __init__(
        self,
        studio: Studio,
        assets: Assets,
        *,
        default_model: str,
        ask: Mapping[str, float] | None = None,
        demo: Text = DEMO_BANNER,
        key_host: str = "",
        forgets: bool = False,
        together: bool = False,
    ) -> None:
        self.studio, self.assets, self.demo = studio, assets, demo
        self.key_host, self.forgets, self.together = key_host, forgets, together
        self.ask = ask or {"pictures": ASK_PICTURES, "money": ASK_PRICE}
        self.speech = Speech()
        with gr.Blocks(title="Kling Image Studio", analytics_enabled=False) as self.blocks:
            self._header()
            with gr.Row(elem_id="main", equal_height=False):
                with gr.Column(elem_id="composer", scale=0, min_width=300):
                    self.composer = Composer(
                        studio,
                        self.speech.say,
                        Path(self.blocks.GRADIO_CACHE),
                        default_model=default_model,
                    )
                with gr.Column(elem_id="right", scale=1, min_width=300):
                    self._right()
            uploads, form = self.composer.uploads, self.composer.form
            self.actions = Actions(studio, uploads, form=form, stage=self.stage)
            self._wire()
            self._api(default_model)

    def facts(self, lang: Lang, *, own_key: bool = False) -> dict[str, Any]:
        """What the page's scripts know before anything else runs, with a key of one's own or with
        what everybody has."""
        usual = self.studio.accounts.usual
        host = self.key_host if own_key else usual.base_url
        live = own_key or usual.live
        return {
            "lang": lang,
            "words": words(lang),
            "fields": [*SPECS, "image_url", *COMPARED],
            "blank": asdict(ImageRequest()),
            "shared": SHARED,
            "rules": self._rules(lang, host),
            "examples": [_filled(example, lang) for example in EXAMPLES],
            "styles": [style.of(lang) for style in STYLES],
            "routes": PREFIX.lstrip("/"),
            "ask": dict(self.ask),
            "most_pictures": None if own_key else self._most_pictures(),
            "live": live,
            "own_key": own_key,
            "adopts": own_key or self.studio.adopts,
            "takes_keys": bool(self.key_host),
            "key_host": urlsplit(self.key_host).netloc,
            "forgets": self.forgets,
            "together": self.together,
            "host": urlsplit(host).netloc if live else "",
            "banner": None if own_key else self._banner(lang),
            "largest_upload": MOST_BYTES,
            "first_prompt": FIRST_PROMPT.of(lang),
        }

    def _rules(self, lang: Lang, host: str) -> dict[str, Any]:
        """With `price` of one picture: amount and currency, None where nobody knows."""
        table = rules(lang)
        for model, situations in table.items():
            prices = {picture: self._price(model, host, picture) for picture in (False, True)}
            for situation, rule in situations.items():
                rule["price"] = prices[bool(situation)]
        return table

    def _most_pictures(self) -> int | None:
        """In one task, where the studio's own key is there for fewer than Kling would draw."""
        most = self.studio.most_at_once
        return most if most is not None and 0 < most < MAX_PICTURES else None

    def _price(self, model: str, host: str, picture: bool) -> tuple[float, str] | None:
        price = self.studio.prices.estimate(model, picture=picture, n=1, base_url=host)
        return (price.amount, price.currency) if price else None

    def _banner(self, lang: Lang) -> dict[str, str] | None:
        """With a way to `add` a key where that helps."""
        add = {"add": "key"} if self.key_host else {}
        if blocked := self.studio.blocked(""):
            return {"kind": "error", "text": blocked.of(lang), **add}
        if self.studio.accounts.usual.live:
            return None
        return {"kind": "demo", "text": self.demo.of(lang), **add}

    # layout

    def _header(self) -> None:
        gr.HTML(
            html_template=self.assets.text("header.html"),
            apply_default_css=False,
            padding=False,
            elem_id="header",
        )

    def _right(self) -> None:
        gr.HTML(
            html_template='<div id="banner" hidden></div>', apply_default_css=False, padding=False
        )
        with gr.Column(elem_id="stage"):
            examples = [self.assets.link(name) for name in self.assets.names("examples")]
            self.stage = Stage(self.speech.say, examples)
        self.feed = gr.HTML(
            html_template='<section id="feed"></section>',
            js_on_load="\n".join(self.assets.text(name) for name in FEED),
            apply_default_css=False,
            padding=False,
            elem_id="history",
        )

    # wires

    def _wire(self) -> None:
        self.chosen, self.position = gr.Textbox(visible=False), gr.JSON(visible=False)
        self.successor = gr.JSON(visible=False)
        self.composer.wire(self.blocks.load)
        self._wire_stage()

    def _wire_stage(self) -> None:
        chosen, acts, selected = self.chosen, self.actions, "() => [kling.selected()]"
        answered = gr.Number(visible=False)
        self.feed.show(
            acts.show, None, [self.stage.gallery, answered], trigger_mode="multiple", **QUIET
        ).success(None, answered, None, js="(question) => kling.showed(question)", **QUIET)
        buttons, fields = self.stage.actions, self.composer.fields
        picture = [self.composer.form.components[name] for name in ("image", "image_url")]
        own, studio, place = acts.on_own, self.studio, [chosen, self.position]
        for name, act, inputs, outputs, js in (
            ("settings", acts.use_settings, chosen, fields, selected),
            ("reference", acts.use_as_reference, place, picture, "() => kling.reference()"),
            ("cancel", own(studio.cancel), chosen, None, selected),
            ("release", own(studio.release), chosen, None, selected),
            ("star", own(studio.star), chosen, None, selected),
            ("look", own(studio.look), chosen, None, "() => kling.look()"),
            ("discard", own(studio.delete), chosen, None, "() => kling.sure('discard')"),
            ("delete", own(studio.delete), chosen, None, "() => kling.sure('delete')"),
        ):
            asked = buttons[name].click(act, inputs, outputs, js=js, **QUIET)
            asked.failure(None, None, None, js="() => kling.unheard()", **QUIET)
        for name in ("again", "retry"):
            self._wire_again(buttons[name], f"() => kling.again('{name}')")
        in_the_browser = {"download": "download", "details": "details", "link": "copyLink"}
        for name, function in {**in_the_browser, "export": "exportGrid"}.items():
            buttons[name].click(None, None, None, js=f"() => kling.{function}()", **QUIET)

    def _wire_again(self, button: gr.Button, press: str) -> None:
        pressed = button.click(
            self.actions.again,
            inputs_kwargs={"task_id": self.chosen, "nonce": self.composer.nonce},
            outputs=self.successor,
            js=press,
            **ALL_AT_ONCE,
            **QUIET,
        )
        hear = "(report) => kling.sentAgain(report)"
        pressed.success(None, self.successor, None, js=hear, **QUIET)
        pressed.failure(None, None, None, js="() => kling.unanswered()", **QUIET)

    # scripts

    def _api(self, default_model: str) -> None:
        endpoints = Endpoints(self.studio, self.composer.uploads)

        async def submit(
            prompt: str,
            request: gr.Request,
            model_name: str = default_model,
            negative_prompt: str = "",
            image: gr.FileData | str | None = None,
            image_reference: str = "",
            image_fidelity: float | None = None,
            human_fidelity: float | None = None,
            resolution: str = "1k",
            n: int = 1,
            aspect_ratio: str = "16:9",
            watermark_info: bool = False,
            callback_url: str = "",
            external_task_id: str = "",
            element_list: str = "",
        ) -> str:
            """Submit one task and get its id at once. `image` is a file or a URL."""
            values = {name: value for name, value in locals().items() if name in SPECS}
            return await endpoints.submit(values, request)

        async def task(task_id: str, request: gr.Request) -> dict[str, Any]:
            """A task: id, state, error, request_id, and the URLs of its images."""
            return await endpoints.task(task_id, request)

        async def tasks(request: gr.Request) -> list[dict[str, Any]]:
            """All tasks of yours, newest first."""
            return await endpoints.tasks(request)

        for function in (submit, task, tasks):
            api(function, api_name=function.__name__, concurrency_limit=None)
        break_habits()


def _filled(example: Example, lang: Lang) -> dict[str, Any]:
    """Field → value; a field that is not named is left blank."""
    return {
        "prompt": example.prompt.of(lang),
        "negative_prompt": example.negative_prompt.of(lang),
        "aspect_ratio": example.aspect_ratio,
        "n": example.n,
    }
