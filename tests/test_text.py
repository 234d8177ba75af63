from __future__ import annotations

import pytest

from kling_ui.text import Text

CATS = Text("{n} cats in {place}", "{place}里有 {n} 只猫")


def test_a_text_speaks_both_languages() -> None:
    assert (CATS.of("en"), CATS.of("zh")) == (CATS.en, CATS.zh)


def test_filling_fills_both_languages() -> None:
    assert CATS.fill(n=2, place="A") == Text("2 cats in A", "A里有 2 只猫")


def test_a_text_inside_a_text_speaks_the_language_around_it() -> None:
    assert CATS.fill(n=2, place=Text("a box", "箱子")) == Text("2 cats in a box", "箱子里有 2 只猫")


def test_braces_in_a_value_are_no_places() -> None:
    assert CATS.fill(n="{place}", place="{0}") == Text(
        "{place} cats in {0}", "{0}里有 {place} 只猫"
    )


def test_a_forgotten_place_is_a_mistake_that_shows() -> None:
    with pytest.raises(KeyError):
        CATS.fill(n=2)


def test_two_texts_are_joined_as_each_language_does() -> None:
    assert Text("One.", "一。") + Text("Two.", "二。") == Text("One. Two.", "一。二。")
