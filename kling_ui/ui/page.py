"""The page: what stands where, and which gesture leads to which function."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import api

from ..catalog import MAX_PICTURES, estimate
from ..fields import MODEL_REQUIRED, is_blank
from ..pictures.reference import MOST_BYTES
from ..request import SPECS, rules
from ..studio import NO_OWNER, Problems, Studio
from ..task import Task, is_id
from ..text import Lang, Text
from ..web import Assets
from ..web.language import language
from ..web.links import PREFIX
from ..web.owner import owner_of
from .actions import Actions
from .endpoints import Endpoints, leave_urls_alone
from .form import Form, Uploads
from .speech import Speech, words
from .stage import Stage

EXAMPLES = (
    (
        Text("Café window", "咖啡馆窗边"),
        Text(
            "Café window on a rainy evening, neon reflections, bokeh",
            "雨夜咖啡馆的窗边，霓虹倒影，柔焦光斑",
        ),
        "3:2",
    ),
    (
        Text("Alpine lake", "高山湖泊"),
        Text(
            "Alpine lake at sunrise, mirror-still water, drifting mist",
            "日出时的高山湖泊，水面如镜，薄雾飘动",
        ),
        "16:9",
    ),
    (
        Text("Paper fox", "剪纸狐狸"),
        Text(
            "Paper-cut fox in a birch forest, layered, soft light",
            "白桦林里的剪纸狐狸，层层叠叠，柔和光线",
        ),
        "1:1",
    ),
)
FIRST_PROMPT = Text(
    "A lighthouse on a basalt cliff at dusk, long exposure sea, film grain",
    "黄昏时分玄武岩悬崖上的灯塔，长曝光海面，胶片颗粒",
)
MORE = Text("More — negative prompt, callback, task id", "更多：负向提示词、回调、任务 ID")
GENERATE = Text("Generate", "生成")
DEMO_BANNER = Text(
    "Demo. No API key is set: pictures are drawn on this machine, nothing is sent or charged. "
    "Set KLING_API_KEY and restart to use Kling.",
    "演示模式。未设置 API 密钥：图片由本机绘制，不会发送任何内容，也不会产生费用。"
    "设置 KLING_API_KEY 并重启后即可使用可灵。",
)
FEED = ("task.js", "stage.js", "details.js", "feed.js")  # one script
FOLD = (
    '<button type="button" class="fold-head" aria-expanded="false"><span>${value}</span></button>'
)
HINT = (
    '<div id="hint"><span id="hint-keys"></span><span id="hint-price"></span></div>'
    '<div id="problems" role="alert"></div>'
)
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


class Page:
    """The whole page over one studio. `blocks` is what Gradio launches."""

    def __init__(self, studio: Studio, assets: Assets, *, default_model: str) -> None:
        self.studio, self.assets = studio, assets
        self.speech = Speech()
        with gr.Blocks(title="Kling Image Studio", analytics_enabled=False) as self.blocks:
            self._header()
            with gr.Row(elem_id="main", equal_height=False):
                with gr.Column(elem_id="composer", scale=0, min_width=300):
                    self.form = self._composer(default_model)
                with gr.Column(elem_id="right", scale=1, min_width=300):
                    self._right()
            self.uploads = Uploads(studio.folder, Path(self.blocks.GRADIO_CACHE))
            self.actions = Actions(studio, self.uploads, form=self.form, stage=self.stage)
            self._wire()
            self._api(default_model)

    def facts(self, lang: Lang) -> dict[str, Any]:
        """What the page's scripts know before anything else runs."""
        return {
            "lang": lang,
            "words": words(lang),
            "fields": [*SPECS, "image_url"],
            "rules": self._rules(lang),
            "examples": [[prompt.of(lang), ratio] for _, prompt, ratio in EXAMPLES],
            "routes": PREFIX.lstrip("/"),
            "live": self.studio.account.live,
            "host": self.studio.account.host,
            "banner": self._banner(lang),
            "largest_upload": MOST_BYTES,
            "first_prompt": FIRST_PROMPT.of(lang),
        }

    def _rules(self, lang: Lang) -> dict[str, Any]:
        """With `prices`: of one picture, of two and so on, "" where nobody knows."""
        table = rules(lang)
        for model, situations in table.items():
            prices = {picture: self._prices(model, picture=picture) for picture in (False, True)}
            for situation, rule in situations.items():
                rule["prices"] = prices[bool(situation)]
        return table

    def _prices(self, model: str, *, picture: bool) -> list[str]:
        host = self.studio.account.base_url
        found = (
            estimate(model, picture=picture, n=n, base_url=host) for n in range(1, MAX_PICTURES + 1)
        )
        return [str(price) if price else "" for price in found]

    def _banner(self, lang: Lang) -> dict[str, str] | None:
        if self.studio.blocked:
            return {"kind": "error", "text": self.studio.blocked.of(lang)}
        return None if self.studio.account.live else {"kind": "demo", "text": DEMO_BANNER.of(lang)}

    # layout

    def _header(self) -> None:
        gr.HTML(
            html_template=self.assets.text("header.html"),
            apply_default_css=False,
            padding=False,
            elem_id="header",
        )

    def _composer(self, default_model: str) -> Form:
        say = self.speech.say
        form = Form(say, default_model=default_model)
        form.place("prompt", lines=4, max_lines=12)
        with gr.Row(elem_id="examples"):
            self.examples = [
                gr.Button(say(name), size="sm", elem_classes="chip") for name, _, _ in EXAMPLES
            ]
        form.place("image", sources=["upload", "clipboard"], height=132, buttons=[])
        form.place_url()
        with gr.Column(elem_id="reference-options", elem_classes="bare"):
            form.place("image_reference")
            with gr.Row(elem_classes="bare"):
                form.place("image_fidelity", placeholder="0.5", min_width=120)
                form.place("human_fidelity", placeholder="0.45", min_width=120)
        form.place("model_name", allow_custom_value=True, filterable=True)
        form.place("aspect_ratio", "n", "resolution")
        with gr.Column(elem_id="more", elem_classes="fold"):
            gr.HTML(value=str(say(MORE)), html_template=FOLD, padding=False)
            with gr.Column(elem_classes="fold-body"):
                form.place("negative_prompt", lines=2)
                form.place("watermark_info", "callback_url", "external_task_id", "element_list")
        self.generate = gr.Button(say(GENERATE), variant="primary", elem_id="generate")
        gr.HTML(
            html_template=HINT,
            apply_default_css=False,
            padding=False,
        )
        return form

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
        self.nonce = gr.Textbox(visible=False)
        self.report = gr.JSON(visible=False)
        self.successor = gr.JSON(visible=False)
        self.chosen = gr.Textbox(visible=False)
        fields = self.form.components
        pressed = self.generate.click(
            self._generate,
            inputs_kwargs={**fields, "nonce": self.nonce},
            outputs=self.report,
            js=f"(...v) => kling.pressed(v, {len(fields)})",
            trigger_mode="multiple",
            concurrency_limit=None,
            preprocess=False,
            **QUIET,
        )
        self._reports(pressed)
        pressed.failure(None, None, None, js="() => kling.failed()", **QUIET)
        uploaded = fields["image"].upload(
            self._check_upload,
            fields["image"],
            self.report,
            concurrency_limit=None,
            preprocess=False,
            **QUIET,
        )
        self._reports(uploaded)
        self._wire_examples()
        self._wire_rules()
        self._wire_stage()

    def _reports(self, event: Any) -> None:
        """Only of an event that went well: after another the report is a former one's."""
        event.success(None, self.report, None, js="(report) => kling.report(report)", **QUIET)

    def _wire_examples(self) -> None:
        targets = [self.form.components["prompt"], self.form.components["aspect_ratio"]]
        for index, button in enumerate(self.examples):
            button.click(None, None, targets, js=f"() => kling.examples[{index}]", **QUIET)

    def _wire_rules(self) -> None:
        """What a model cannot take is switched off in the browser, from the rules it was given."""
        fields = self.form.components
        inputs = [fields[name] for name in (*SPECS, "image_url")]
        outputs = [*inputs, self.generate]
        gr.on(
            [
                self.blocks.load,
                *(fields[n].change for n in ("model_name", "n", "aspect_ratio")),
                *(fields[n].change for n in ("image", "image_url", "image_reference")),
                fields["resolution"].input,
            ],
            None,
            inputs,
            outputs,
            js="(...v) => kling.adapt(v)",
            **QUIET,
        )
        for name in ("prompt", "negative_prompt"):  # also when a program fills them
            fields[name].change(None, None, None, js="() => kling.filled()", **QUIET)

    def _wire_stage(self) -> None:
        chosen, acts, selected = self.chosen, self.actions, "() => [kling.selected()]"
        self.feed.show(acts.show, None, self.stage.gallery, trigger_mode="multiple", **QUIET).then(
            None, None, None, js="() => kling.showed()", **QUIET
        )
        buttons, fields = self.stage.actions, self.form.components
        outputs = [fields[name] for name in (*SPECS, "image_url")]
        buttons["settings"].click(acts.use_settings, chosen, outputs, js=selected, **QUIET)
        for name, act in (("cancel", self.studio.cancel), ("release", self.studio.release)):
            buttons[name].click(acts.on_own(act), chosen, None, js=selected, **QUIET)
        for name in ("discard", "delete"):
            ask = f"() => kling.sure('{name}')"
            buttons[name].click(acts.on_own(self.studio.delete), chosen, None, js=ask, **QUIET)
        asked = buttons["look"].click(
            acts.on_own(self.studio.look), chosen, None, js="() => kling.look()", **QUIET
        )
        asked.failure(None, None, None, js="() => kling.unheard()", **QUIET)
        for name in ("again", "retry"):
            self._wire_again(buttons[name], f"() => kling.again('{name}')")
        buttons["download"].click(None, None, None, js="() => kling.download()", **QUIET)
        buttons["details"].click(None, None, None, js="() => kling.details()", **QUIET)

    def _wire_again(self, button: gr.Button, press: str) -> None:
        pressed = button.click(
            self.actions.again,
            inputs_kwargs={"task_id": self.chosen, "nonce": self.nonce},
            outputs=self.successor,
            js=press,
            trigger_mode="multiple",
            concurrency_limit=None,
            **QUIET,
        )
        hear = "(report) => kling.sentAgain(report)"
        pressed.success(None, self.successor, None, js=hear, **QUIET)
        pressed.failure(None, None, None, js="() => kling.unanswered()", **QUIET)

    # handlers: all logic behind them runs without Gradio

    async def _generate(self, request: gr.Request, nonce: Any, **values: Any) -> dict[str, Any]:
        own = nonce if is_id(nonce) else secrets.token_hex(16)
        outcome = await self._submitted(values, owner=owner_of(request), nonce=own)
        return self._reported(outcome, language(request)) | {"nonce": own}

    async def _submitted(
        self, values: dict[str, Any], *, owner: str, nonce: str
    ) -> Task | Problems:
        if not owner:
            return {"": NO_OWNER}
        draft, problems = await self.uploads.draft(values)
        if is_blank(values.get("model_name")):  # emptied by hand: the default was not chosen
            problems["model_name"] = MODEL_REQUIRED
        return problems or await self.studio.submit(draft, owner=owner, nonce=nonce)

    async def _check_upload(self, image: Any, request: gr.Request) -> dict[str, Any]:
        found = await self.uploads.image(image) if owner_of(request) else NO_OWNER
        problems = {"image": found} if isinstance(found, Text) else {}
        return self._reported(problems, language(request)) | {"only": "image"}

    @staticmethod
    def _reported(outcome: Task | dict[str, Text], lang: Lang) -> dict[str, Any]:
        """For the browser: the new task's id, or each problem by field; `nonce` says which press
        it answers, `only` which field is all it is about."""
        if isinstance(outcome, Task):
            return {"task": outcome.id, "problems": {}}
        labels = {name: spec.label.of(lang) for name, spec in SPECS.items()}
        labels["image_url"] = labels["image"]
        return {
            "task": "",
            "problems": {name: text.of(lang) for name, text in outcome.items()},
            "labels": {name: labels.get(name, "") for name in outcome},
        }

    # scripts

    def _api(self, default_model: str) -> None:
        endpoints = Endpoints(self.studio, self.uploads)

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
        leave_urls_alone(self.blocks, submit)
