"""How often somebody may ask."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

MOST = 20_000  # callers that are remembered


@dataclass(frozen=True, slots=True)
class Rate:
    """`a_second` in the long run, `at_once` after a pause."""

    a_second: float
    at_once: float


class Pace:
    """A bucket for each caller: it holds `at_once` asks and fills up again by `a_second`."""

    def __init__(self, rate: Rate, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, caller: str, cost: float) -> float:
        """0 when it may ask now, which then counts; else how many seconds to wait."""
        left = self._left(caller)
        if left < cost:
            return (cost - left) / self._rate.a_second
        self.charge(caller, cost)
        return 0.0

    def charge(self, caller: str, cost: float) -> None:
        """What it turned out to have asked for; there may be less than nothing left."""
        left = self._left(caller)
        self._buckets[caller] = (left - cost, self._clock())
        while len(self._buckets) > MOST:
            self._buckets.popitem(last=False)

    def _left(self, caller: str) -> float:
        now = self._clock()
        left, moment = self._buckets.pop(caller, (self._rate.at_once, now))
        left = min(self._rate.at_once, left + (now - moment) * self._rate.a_second)
        self._buckets[caller] = (left, now)
        return left


def neighbourhood(address: str) -> str:
    """An address as one caller has it: who has one of IPv6 has a whole network of them."""
    try:
        found = ip_address(_without_port(address).partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or found.exploded[:19])
    return str(found)


def _without_port(address: str) -> str:
    """Some proxies forward it as well."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    host, _, port = address.partition(":")
    return host if port.isdigit() else address
