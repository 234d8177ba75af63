"""What the page's scripts say, by the name they use."""

from __future__ import annotations

from typing import Any

from ...text import Lang, Text
from ...web.guard.login import LONGEST
from ...web.states import STATES
from . import composer, header, history, login, present, settings, stage

SCRIPT: dict[str, Text] = {
    **header.WORDS,
    **composer.WORDS,
    **stage.WORDS,
    **history.WORDS,
    **settings.WORDS,
    **present.WORDS,
}


def words(lang: Lang) -> dict[str, Any]:
    """In one language; `state` holds the names of the states, `names` those in both languages,
    by which they can be searched for, `act` what the stage's buttons say, `gradio` what Gradio
    calls things in English only."""
    states = {
        "state": {state: text.of(lang) for state, text in STATES.items()},
        "names": {state: [text.en, text.zh] for state, text in STATES.items()},
        "act": {name: text.of(lang) for name, text in stage.ACTIONS.items()},
        "gradio": {text.en: text.of(lang) for text in stage.GRADIO},
    }
    return {name: text.of(lang) for name, text in SCRIPT.items()} | states


def login_facts(lang: Lang) -> dict[str, Any]:
    """All that the page knows that asks for the password."""
    said = {name: text.fill(seconds=int(LONGEST)) for name, text in login.WORDS.items()}
    return {"lang": lang, "words": {name: text.of(lang) for name, text in said.items()}}
