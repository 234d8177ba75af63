"""The composer: the form, the button, and everything that is asked of the server before a press."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from ..comparison import Comparison, compare
from ..fields import MODEL_REQUIRED, is_blank
from ..request import SPECS, ImageRequest
from ..studio import NO_OWNER, Problems, Studio, problems_of
from ..task import Task, is_id
from ..text import Lang, Text
from ..web.language import language
from ..web.owner import caller_of, owner_of
from .examples import EXAMPLES, STYLES
from .form import COMPARED, Form, Uploads
from .preview import preview

MORE = Text("More — negative prompt, callback, task id", "更多：负向提示词、回调、任务 ID")
COMPARE = Text("Compare models and shapes", "对比模型与画幅")
REQUEST = Text("Request — JSON · cURL · Python", "请求内容：JSON · cURL · Python")
GENERATE = Text("Generate", "生成")
FOLD = (
    '<button type="button" class="fold-head" aria-expanded="false"><span>${value}</span></button>'
)
MADE_UP = ("external_task_id", "callback_url")
HINT = (
    '<div id="hint"><span id="hint-keys"></span><span id="hint-price"></span></div>'
    '<div id="problems" role="alert"></div>'
)
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
ALL_AT_ONCE: dict[str, Any] = {"trigger_mode": "multiple", "concurrency_limit": None}


class Composer:
    """Places its widgets where it is made. `fields` are all that the browser's rules look at."""

    def __init__(
        self, studio: Studio, say: Callable[[Text], Any], upload_folder: Path, *, default_model: str
    ) -> None:
        self.studio = studio
        self.form = Form(say, default_model=default_model)
        self.uploads = Uploads(studio.folder, upload_folder)
        self._place(say)
        self.fields = [self.form.components[name] for name in (*SPECS, "image_url", *COMPARED)]

    def _place(self, say: Callable[[Text], Any]) -> None:
        form = self.form
        form.place("prompt", lines=4, max_lines=12)
        with gr.Row(elem_id="examples", elem_classes="chips"):
            self.examples = [
                gr.Button(say(example.name), size="sm", elem_classes="chip") for example in EXAMPLES
            ]
        with gr.Row(elem_id="styles", elem_classes="chips"):
            self.styles = [
                gr.Button(say(style), size="sm", elem_classes="chip style") for style in STYLES
            ]
        form.place("image", sources=["upload", "clipboard"], height=56, buttons=[])
        form.place_url()
        with gr.Column(elem_id="reference-options", elem_classes="bare"):
            form.place("image_reference")
            with gr.Row(elem_classes="bare"):
                form.place("image_fidelity", placeholder="0.5", min_width=120)
                form.place("human_fidelity", placeholder="0.45", min_width=120)
        form.place("model_name", allow_custom_value=True, filterable=True)
        form.place("aspect_ratio", "n", "resolution")
        with _fold("more", say(MORE)):
            form.place("negative_prompt", lines=2)
            form.place("watermark_info", "callback_url", "external_task_id", "element_list")
        with _fold("compare", say(COMPARE)):
            form.place_comparison()
        with _fold("request", say(REQUEST)):
            gr.HTML(html_template='<div id="request-shown"></div>', padding=False)
        self.generate = gr.Button(say(GENERATE), variant="primary", elem_id="generate")
        gr.HTML(html_template=HINT, apply_default_css=False, padding=False)
        self.judge = gr.Button(elem_id="judge", elem_classes="unseen")
        self.fill = gr.Button(elem_id="fill", elem_classes="unseen")

    # wires

    def wire(self, load: Any) -> None:
        """`load` is the event of the page's own start."""
        self.nonce = gr.Textbox(visible=False)
        self.wish = gr.JSON(visible=False)
        self.report = gr.JSON(visible=False)
        self._wire_press()
        self._wire_judge()
        self._wire_rules(load)
        self._wire_filling()

    def _wire_press(self) -> None:
        fields = self.form.components
        pressed = self.generate.click(
            self.pressed,
            inputs_kwargs={**fields, "nonce": self.nonce},
            outputs=self.report,
            js=f"(...v) => kling.pressed(v, {len(fields)})",
            preprocess=False,
            **ALL_AT_ONCE,
            **QUIET,
        )
        self._reports(pressed)
        pressed.failure(None, None, None, js="() => kling.failed()", **QUIET)

    def _wire_judge(self) -> None:
        fields = self.form.components
        judged = self.judge.click(
            self.judged,
            inputs_kwargs={**fields, "wish": self.wish},
            outputs=self.report,
            js=f"(...v) => kling.judging(v, {len(fields)})",
            preprocess=False,
            **ALL_AT_ONCE,
            **QUIET,
        )
        self._reports(judged)
        uploaded = fields["image"].upload(
            self.check_upload, fields["image"], self.report, preprocess=False, **QUIET
        )
        self._reports(uploaded)

    def _reports(self, event: Any) -> None:
        """Only of an event that went well: after another the report is a former one's."""
        event.success(None, self.report, None, js="(report) => kling.report(report)", **QUIET)

    def _wire_rules(self, load: Any) -> None:
        """What a model cannot take is switched off in the browser, from the rules it was given."""
        fields = self.form.components
        changing = ("model_name", "n", "aspect_ratio", "image", "image_url", "image_reference")
        gr.on(
            [
                load,
                *(fields[name].change for name in changing),
                *(fields[name].change for name in COMPARED),
                fields["resolution"].input,
            ],
            None,
            self.fields,
            [*self.fields, self.generate],
            js="(...v) => kling.adapt(v)",
            preprocess=False,  # whoever calls it by itself makes Gradio open no picture
            **QUIET,
        )
        for name in ("prompt", "negative_prompt"):  # also when a program fills them
            fields[name].change(None, None, self.generate, js="() => kling.filled()", **QUIET)

    def _wire_filling(self) -> None:
        for index, button in enumerate(self.examples):
            button.click(None, None, self.fields, js=f"() => kling.example({index})", **QUIET)
        prompt = self.form.components["prompt"]
        for index, button in enumerate(self.styles):
            button.click(
                None, prompt, prompt, js=f"(prompt) => kling.style(prompt, {index})", **QUIET
            )
        self.fill.click(None, None, self.fields, js="() => kling.filling()", **QUIET)

    # handlers: all logic behind them runs without Gradio

    async def pressed(self, request: gr.Request, nonce: Any, **values: Any) -> dict[str, Any]:
        own = nonce if is_id(nonce) else secrets.token_hex(16)
        whose = {"owner": owner_of(request), "caller": caller_of(request)}
        outcome = await self._submitted(values, nonce=own, **whose)
        return _reported(outcome, language(request)) | {"nonce": own}

    async def _submitted(
        self, values: dict[str, Any], *, owner: str, nonce: str, caller: str
    ) -> Task | Problems:
        if not owner:
            return {"": NO_OWNER}
        draft, problems = await self._read(values, caller)
        grid = compared(draft, values)
        if found := _all_problems(draft, problems, grid, values):
            return found
        if len(grid.places) == 1:
            only = grid.places[0].request
            return await self.studio.submit(only, owner=owner, nonce=nonce, caller=caller)
        return await self.studio.compare(grid, owner=owner, nonce=nonce, caller=caller)

    async def judged(self, request: gr.Request, wish: Any, **values: Any) -> dict[str, Any]:
        """What is wrong so far, as an answer to the wish's `turn`; and, where the browser wishes to
        see (`request` is ``shown``) or to copy it (``whole``), the request that would be sent."""
        owner, lang = owner_of(request), language(request)
        shown, turn = _wished(wish)
        if not owner:
            return _reported({"": NO_OWNER}, lang) | {"judged": turn}
        draft, problems = await self._read(values, caller_of(request))
        grid = compared(draft, values)
        report = _reported(_all_problems(draft, problems, grid, values), lang) | {"judged": turn}
        if shown:
            report["preview"] = await self._preview(grid, owner=owner, whole=shown == "whole")
        return report

    async def _preview(self, grid: Comparison, *, owner: str, whole: bool) -> dict[str, Any]:
        """Of the first, where there are several."""
        asked, url = grid.places[0].request, self.studio.endpoint(owner)
        if not whole:
            return preview(url, await self.studio.preview(asked, owner=owner), whole=False)
        picture, asked = await self._apart(asked)
        body = await self.studio.preview(asked, owner=owner)
        # to be run elsewhere, where ids that are made with a press have no place
        made_up = {name for name in MADE_UP if is_blank(getattr(asked, name))}
        body = {name: value for name, value in body.items() if name not in made_up}
        return {**preview(url, body, whole=True), "picture": picture}

    async def _apart(self, asked: ImageRequest) -> tuple[dict[str, str], ImageRequest]:
        """Where the browser fetches a kept picture, and what it is to replace by it: three times
        ten megabytes are nothing to hold in memory for whoever asks."""
        path = await self.uploads.lend(asked.image)
        if path is None:
            return {}, asked
        instead = secrets.token_hex(16)
        return {"path": str(path), "instead": instead}, replace(asked, image=instead)

    async def _read(self, values: dict[str, Any], caller: str) -> tuple[ImageRequest, Problems]:
        draft, problems = await self.uploads.draft(values, whose=self.studio.address(caller))
        ticked = _chosen(values.get("compare_models"))
        if is_blank(values.get("model_name")) and not ticked:  # the default was not chosen
            problems["model_name"] = MODEL_REQUIRED
        return draft, problems

    async def check_upload(self, image: Any, request: gr.Request) -> dict[str, Any]:
        whose = self.studio.address(caller_of(request))
        known = owner_of(request)
        found = await self.uploads.image(image, whose=whose) if known else NO_OWNER
        problems = {"image": found} if isinstance(found, Text) else {}
        return _reported(problems, language(request)) | {"only": "image"}


def _wished(wish: Any) -> tuple[str, int]:
    """What of the request, and in which turn; a caller may have sent anything."""
    given = wish if isinstance(wish, dict) else {}
    shown, turn = given.get("request"), given.get("turn")
    return shown if shown in ("shown", "whole") else "", turn if isinstance(turn, int) else 0


def compared(draft: ImageRequest, values: dict[str, Any]) -> Comparison:
    models, ratios = (_chosen(values.get(name)) for name in COMPARED)
    return compare(draft, models=models, ratios=ratios)


def _chosen(value: Any) -> Sequence[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _all_problems(
    draft: ImageRequest, problems: Problems, grid: Comparison, values: Mapping[str, Any]
) -> Problems:
    """`problems` are the draft's. Where something is compared, each place's own, under what was
    ticked, and of the draft's those of what all places share."""
    if grid.places[0].request == draft:
        return problems
    shared = {"image", "image_url"}
    if problems.get("model_name") is MODEL_REQUIRED:
        shared.add("model_name")
    ticked = {"model_name": "compare_models", "aspect_ratio": "compare_ratios"}
    under = {name: other for name, other in ticked.items() if _chosen(values.get(other))}
    found = {under.get(name, name): text for name, text in problems_of(grid).items()}
    return found | {name: text for name, text in problems.items() if name in shared}


def _reported(outcome: Task | dict[str, Text], lang: Lang) -> dict[str, Any]:
    """For the browser: the new task's id, or each problem by field; `nonce` says which press
    it answers, `only` which field is all it is about."""
    if isinstance(outcome, Task):
        return {"task": outcome.id, "problems": {}}
    labels = {name: spec.label.of(lang) for name, spec in SPECS.items()}
    labels["image_url"] = labels["image"]
    labels |= {name: label.of(lang) for name, label in COMPARED.items()}
    return {
        "task": "",
        "problems": {name: text.of(lang) for name, text in outcome.items()},
        "labels": {name: labels.get(name, "") for name in outcome},
    }


@contextmanager
def _fold(name: str, title: Any) -> Iterator[None]:
    """It stays mounted, so that what is wrong inside can be shown."""
    with gr.Column(elem_id=name, elem_classes="fold"):
        gr.HTML(value=str(title), html_template=FOLD, padding=False)
        with gr.Column(elem_classes="fold-body"):
            yield
