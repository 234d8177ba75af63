"""The labels of the page's widgets, and how they reach the browser in its language.

Labels go through `gr.I18n`: the browser translates them by its locale, which `web.boot` sets to
what the person chose. Sentences made at run time are rendered in Python with ``Text.of``.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from ..text import Text


class Speech:
    """Collects every label it is asked to say; `i18n` is what Gradio's launch wants."""

    def __init__(self) -> None:
        self._said: dict[str, Text] = {}

    def say(self, text: Text) -> Any:
        key = f"kling{len(self._said)}"
        self._said[key] = text
        return gr.I18n()(key)

    @property
    def i18n(self) -> gr.I18n:
        english = {key: text.en for key, text in self._said.items()}
        chinese = {key: text.zh for key, text in self._said.items()}
        return gr.I18n(en=english, **{"zh-CN": chinese})
