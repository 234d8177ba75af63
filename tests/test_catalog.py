from __future__ import annotations

import re
from dataclasses import replace

import pytest

from kling_ui.catalog import ANY, MODELS, NO, Support, model
from kling_ui.prices import DEMO_HOST, Price, Prices

GLOBAL, CHINA = "https://api-singapore.klingai.com", "https://api-beijing.klingai.com"


@pytest.mark.parametrize(
    ("price", "text"),
    [
        (Price(0.014, "USD"), "$0.014"),
        (Price(0.0035, "USD"), "$0.0035"),
        (Price(0.5, "USD"), "$0.50"),
        (Price(3, "USD"), "$3.00"),
        (Price(10, "USD"), "$10.00"),
        (Price(100.1, "CNY"), "¥100.10"),
        (Price(0, "USD"), "$0.00"),
        (Price(1.5, "EUR"), "EUR 1.50"),
    ],
)
def test_a_price_shows_at_least_cents_and_no_idle_zeros(price: Price, text: str) -> None:
    assert str(price) == text


@pytest.mark.parametrize(
    ("name", "picture", "n", "url", "price"),
    [
        ("kling-v2-1", False, 1, GLOBAL, Price(0.014, "USD")),
        ("kling-v2-1", True, 3, GLOBAL, Price(0.084, "USD")),
        ("kling-v3", False, 9, "https://api.klingai.com", Price(0.252, "USD")),
        ("kling-v3", True, 2, CHINA, Price(0.4, "CNY")),
        ("kling-v1", False, 1, DEMO_HOST, Price(0.0035, "USD")),
        (" kling-v1 ", False, 1, DEMO_HOST, Price(0.0035, "USD")),
    ],
)
def test_an_estimate_is_units_times_price_times_pictures(
    name: str, picture: bool, n: int, url: str, price: Price
) -> None:
    assert Prices().estimate(name, picture=picture, n=n, base_url=url) == price


@pytest.mark.parametrize(
    "url", ["https://gateway.example/kling", "http://127.0.0.1:8000", "", "http://[::1", "x"]
)
def test_a_gateway_has_no_known_price(url: str) -> None:
    assert Prices().estimate("kling-v2-1", picture=False, n=1, base_url=url) is None


@pytest.mark.parametrize(("name", "picture"), [("kling-v9", False), ("kling-v2-new", False)])
def test_a_model_without_known_units_has_no_estimate(name: str, picture: bool) -> None:
    assert Prices().estimate(name, picture=picture, n=1, base_url=GLOBAL) is None


@pytest.mark.parametrize("name", ["kling-v9", "", "KLING-V3", "kling/kling-v3"])
def test_a_model_nobody_knows_is_allowed_and_unchecked(name: str) -> None:
    assert model(name) is ANY
    assert (ANY.prompt_limit, ANY.status) == (None, "unknown")
    limits = {name: getattr(ANY, name) for name in ANY.__dataclass_fields__}
    assert NO not in limits.values()


def test_every_model_stands_under_its_name_with_its_source_and_day() -> None:
    for name, facts in MODELS.items():
        assert facts.name == name == name.strip()
        assert facts.source
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", facts.as_of)


def test_every_model_can_make_a_picture_and_says_consistently_how() -> None:
    for facts in (*MODELS.values(), ANY):
        assert facts.from_text is not NO or facts.from_picture is not NO
        assert set(facts.picture_resolutions) <= set(facts.resolutions)
        assert not facts.reference_needed or facts.image_reference is Support.YES
        assert facts.from_text is not NO or facts.units_from_text is None


def test_units_depend_on_a_reference_picture() -> None:
    facts = replace(ANY, units_from_text=1, units_from_picture=2)
    assert (facts.units(picture=False), facts.units(picture=True)) == (1, 2)
