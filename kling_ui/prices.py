"""What a picture is expected to cost, by host and model. Estimates: the bill is Kling's.

Kling prices in units (`catalog`), and what a unit costs depends on the host. An operator's file
replaces the prices of the hosts it names::

    {"gateway.example": {"currency": "USD",
                         "models": {"kling-v2-1": {"text": 0.01, "picture": 0.02},
                                    "kling-v3": 0.03}}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from . import catalog
from .text import Text

DEMO_HOST = "demo"
BROKEN_PRICES = Text(
    "KLING_UI_PRICES: {path} cannot be used ({why}). The built-in prices are shown.",
    "KLING_UI_PRICES：无法使用 {path}（{why}）。将显示内置价格。",
)
_LARGEST = 1_000_000  # bytes of an operator's file


@dataclass(frozen=True, slots=True)
class Price:
    """An estimate in `currency` (ISO 4217)."""

    amount: float
    currency: str

    def __str__(self) -> str:
        sign = {"USD": "$", "CNY": "¥"}.get(self.currency, f"{self.currency} ")
        digits = f"{self.amount:.4f}".rstrip("0")
        whole, _, cents = digits.partition(".")
        return f"{sign}{whole}.{cents:0<2}"


_UNIT = {  # price of one unit; resellers set their own, so other hosts have none
    DEMO_HOST: Price(0.0035, "USD"),
    "api-singapore.klingai.com": Price(0.0035, "USD"),
    "api.klingai.com": Price(0.0035, "USD"),
    "api-beijing.klingai.com": Price(0.025, "CNY"),
}

Source = Literal["file", "list", "unknown"]  # the operator's, Kling's own, none
Own = Mapping[tuple[str, str, bool], Price]  # host, model, with a picture → of one picture


@dataclass(frozen=True, slots=True)
class Prices:
    """`own` are the operator's; a host they name has no others."""

    own: Own = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path | None) -> tuple[Prices, Text | None]:
        """From an operator's file; and what is wrong with it, where it cannot be used."""
        if path is None:
            return cls(), None
        try:
            with path.open("rb") as file:
                return cls(_read(json.loads(file.read(_LARGEST)))), None
        except (OSError, ValueError, RecursionError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            return cls(), BROKEN_PRICES.fill(path=path, why=why)

    def estimate(self, name: str, *, picture: bool, n: int, base_url: str) -> Price | None:
        """Of `n` pictures; None where the model's or the host's price is unknown."""
        one = self._of_one(name.strip(), picture=picture, host=host_of(base_url))
        return Price(round(one.amount * n, 6), one.currency) if one else None

    def dearest(self, base_url: str) -> float:
        """Of one picture at this host, as far as prices are known; 0 where none is."""
        names = {*catalog.MODELS, *self.models(base_url)}
        known = (
            self.estimate(name, picture=picture, n=1, base_url=base_url)
            for name in names
            for picture in (False, True)
        )
        return max((price.amount for price in known if price), default=0.0)

    def models(self, base_url: str) -> tuple[str, ...]:
        """Those that the operator's file prices at this host, in its order."""
        host = host_of(base_url)
        return tuple(dict.fromkeys(model for known, model, _ in self.own if known == host))

    def source(self, base_url: str) -> Source:
        host = host_of(base_url)
        if self.models(base_url):
            return "file"
        return "list" if host in _UNIT else "unknown"

    def _of_one(self, name: str, *, picture: bool, host: str) -> Price | None:
        if any(known == host for known, _, _ in self.own):
            return self.own.get((host, name, picture))
        units, unit = catalog.model(name).units(picture=picture), _UNIT.get(host)
        if units is None or unit is None:
            return None
        return Price(units * unit.amount, unit.currency)


def host_of(base_url: str) -> str:
    """The host of a base URL; `DEMO_HOST`, or whatever is no address at all, as it is."""
    try:
        return urlsplit(base_url).hostname or base_url
    except ValueError:
        return base_url


def _read(table: Any) -> Own:
    own: dict[tuple[str, str, bool], Price] = {}
    for host, facts in _object(table, "file").items():
        currency = _object(facts, host).get("currency")
        if not isinstance(currency, str) or not currency.strip():
            raise ValueError(f"{host}: no currency")
        for model, price in _object(facts.get("models"), f"{host}: models").items():
            for picture, name in ((False, "text"), (True, "picture")):
                amount = price.get(name) if isinstance(price, Mapping) else price
                if amount is not None:
                    price_of_one = Price(_amount(amount, model), currency.strip())
                    own[_bare(host), model.strip(), picture] = price_of_one
    return own


def _object(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{name}: not an object")
    return value


def _bare(host: str) -> str:
    """As `host_of` names it: a pasted address and a port are no harm."""
    return host_of(host.strip() if "//" in host else f"//{host.strip()}")


def _amount(value: Any, model: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{model}: {value!r} is no price")
    if not (isfinite(value) and value >= 0):
        raise ValueError(f"{model}: {value!r} is no price")
    return float(value)
