"""Every sentence of the package, found by walking it."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import pkgutil
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import kling_ui
from kling_ui.text import Text


def _modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(kling_ui.__path__, "kling_ui."):
        yield importlib.import_module(found.name)


def _texts(value: Any, seen: set[int]) -> Iterator[Text]:
    """The texts in `value`: in fields, mappings and sequences, however deep."""
    if id(value) in seen or isinstance(value, str | bytes | type):
        return
    seen.add(id(value))
    inner: Iterable[Any] = ()
    if isinstance(value, Text):
        yield value
    elif dataclasses.is_dataclass(value):
        inner = [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    elif isinstance(value, Mapping):
        inner = [*value.keys(), *value.values()]
    elif isinstance(value, tuple | list | set | frozenset):
        inner = value
    for item in inner:
        yield from _texts(item, seen)


def _written() -> Iterator[tuple[str, Text]]:
    """Texts as they stand in the source, those inside functions too."""
    for file in sorted(Path(kling_ui.__path__[0]).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Text":
                said = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
                if len(said) == 2:
                    yield f"{file.name}:{node.lineno}", Text(*said)


def _built() -> Iterator[tuple[str, Text]]:
    seen: set[int] = set()
    for module in _modules():
        for name, value in vars(module).items():
            for text in _texts(value, seen):
                yield f"{module.__name__}.{name}", text


def _places(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


# a button that speaks the language it leads to, and the sentence that says nothing
_MEANT = {Text("切换到中文", "Switch to English"), Text("", "")}


def _flaw(text: Text) -> str:
    if text in _MEANT:
        return ""
    if not text.en.strip() or not text.zh.strip():
        return "a language is missing"
    if _places(text.en) != _places(text.zh):
        return "the places differ"
    if text.en != text.zh and not re.search(r"[\u4e00-\u9fff]", text.zh):
        return "the Chinese is not Chinese"
    if re.search(r"[\u3000-\u9fff\uff00-\uffef]", text.en):
        return "the English is not English"
    return ""


@pytest.mark.parametrize("find", [_written, _built])
def test_every_sentence_is_whole_in_both_languages(find: Any) -> None:
    found = list(find())
    assert len(found) > 100
    flaws = [f"{where}: {flaw}: {text}" for where, text in found if (flaw := _flaw(text))]
    assert not flaws, "\n".join(flaws)


@pytest.mark.parametrize(
    "text",
    [
        Text("", "空"),
        Text("Empty", " "),
        Text("{n} cats", "猫"),
        Text("{n} cats", "{m} 只猫"),
        Text("Cats", "Chats"),
        Text("猫", "猫猫"),
    ],
)
def test_a_flawed_sentence_is_noticed(text: Text) -> None:
    assert _flaw(text)


def test_texts_are_found_however_deep_they_stand() -> None:
    @dataclasses.dataclass
    class Thing:
        words: Any

    text = Text("Deep", "深")
    assert list(_texts({"a": [Thing((text,))]}, set())) == [text]
