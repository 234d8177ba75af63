"""The operator's own prices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kling_ui.prices import DEMO_HOST, Price, Prices

GLOBAL = "https://api-singapore.klingai.com"
HOST = "https://gateway.example:8443/kling"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "prices.json"


def loaded(file: Path, table: Any) -> Prices:
    file.write_text(json.dumps(table), "utf-8")
    prices, problem = Prices.load(file)
    assert problem is None, problem
    return prices


def one(prices: Prices, model: str, *, host: str = HOST, picture: bool = False) -> Price | None:
    return prices.estimate(model, picture=picture, n=1, base_url=host)


def test_without_a_file_there_is_the_list() -> None:
    prices, problem = Prices.load(None)
    assert problem is None
    assert one(prices, "kling-v2-1", host=GLOBAL) == Price(0.014, "USD")
    assert [prices.source(host) for host in (GLOBAL, DEMO_HOST, HOST)] == [
        "list",
        "list",
        "unknown",
    ]


def test_a_file_prices_the_models_of_its_hosts(file: Path) -> None:
    models = {"kling-v2-1": {"text": 0.01, "picture": 0.02}, "kling-v3": 0.03, "house": {"text": 0}}
    prices = loaded(file, {"gateway.example": {"currency": "EUR", "models": models}})
    assert one(prices, "kling-v2-1") == Price(0.01, "EUR")
    assert one(prices, "kling-v2-1", picture=True) == Price(0.02, "EUR")
    assert one(prices, "kling-v3", picture=True) == Price(0.03, "EUR")
    assert one(prices, "house") == Price(0.0, "EUR")
    assert one(prices, "house", picture=True) is None
    assert prices.models(HOST) == ("kling-v2-1", "kling-v3", "house")
    assert prices.source(HOST) == "file"


def test_a_file_replaces_all_prices_of_its_host_and_no_others(file: Path) -> None:
    table = {"api-singapore.klingai.com": {"currency": "USD", "models": {"kling-v3": 1}}}
    prices = loaded(file, table)
    assert one(prices, "kling-v3", host=GLOBAL) == Price(1.0, "USD")
    assert one(prices, "kling-v2-1", host=GLOBAL) is None
    assert one(prices, "kling-v2-1", host=DEMO_HOST) == Price(0.014, "USD")
    assert prices.source(DEMO_HOST) == "list"


def test_the_dearest_picture_of_a_host(file: Path) -> None:
    models = {"kling-v2-1": {"text": 0.01, "picture": 0.02}, "house": 0.015}
    prices = loaded(file, {"gateway.example": {"currency": "EUR", "models": models}})
    assert prices.dearest(HOST) == 0.02
    assert prices.dearest(GLOBAL) == 0.028
    assert prices.dearest("https://elsewhere.example") == 0


@pytest.mark.parametrize(
    "name", ["Gateway.Example", " gateway.example ", "gateway.example:8443", HOST]
)
def test_a_host_may_be_named_as_it_was_pasted(file: Path, name: str) -> None:
    prices = loaded(file, {name: {"currency": "USD", "models": {" kling-v3 ": 2}}})
    assert one(prices, "kling-v3") == Price(2.0, "USD")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value"),
        ("{", "Expecting"),
        ("[]", "file: not an object"),
        ('{"h": 3}', "h: not an object"),
        ('{"h": {"models": {}}}', "h: no currency"),
        ('{"h": {"currency": 1, "models": {}}}', "h: no currency"),
        ('{"h": {"currency": "USD"}}', "h: models: not an object"),
        ('{"h": {"currency": "USD", "models": {"m": "0.1"}}}', "m: '0.1' is no price"),
        ('{"h": {"currency": "USD", "models": {"m": {"text": true}}}}', "m: True is no price"),
        ('{"h": {"currency": "USD", "models": {"m": -1}}}', "m: -1 is no price"),
        ('{"h": {"currency": "USD", "models": {"m": NaN}}}', "m: nan is no price"),
        ("[" * 100_000, "recursion"),
        (" " * 1_000_001 + "{}", "Expecting value"),
    ],
)
def test_a_broken_file_is_told_and_the_list_is_used(file: Path, text: str, why: str) -> None:
    file.write_text(text, "utf-8")
    prices, problem = Prices.load(file)
    assert prices == Prices()
    assert problem
    assert why in problem.en
    assert str(file) in problem.en


def test_a_file_that_cannot_be_read_is_told(file: Path, tmp_path: Path) -> None:
    for path in (file, tmp_path):
        prices, problem = Prices.load(path)
        assert prices == Prices()
        assert problem
    file.write_bytes(b"\xff\xfe{")
    assert Prices.load(file)[1]
