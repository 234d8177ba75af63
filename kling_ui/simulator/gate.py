"""What keeps a sound order out: policy, throttling, a used id, the quota."""

from __future__ import annotations

from .ledger import Ledger
from .options import Options
from .order import Order
from .tasks import words
from .wire import Refusal

_THROTTLED = 2  # refusals that #429 brings…
_THROTTLE_SECONDS = 30.0  # …within this time


class Gate:
    def __init__(self, options: Options, ledger: Ledger) -> None:
        self._options, self._ledger = options, ledger
        self._throttled: dict[tuple[str, str, str], list[float]] = {}

    def judge(self, order: Order, account: str, now: float) -> None:
        """Nothing, or the `Refusal` that the order deserves."""
        found = words(order.prompt)
        if "policy" in found:
            raise Refusal(400, 1301, "The content violates the content safety policy")
        if "429" in found and self._throttles((account, order.prompt, order.external_id), now):
            raise _too_many()
        unique = self._options.external_ids_unique and self._options.lookup
        if unique and order.external_id and self._ledger.named(account, order.external_id):
            raise Refusal.of_value(f"External_task_id {order.external_id} already exists")
        if self._ledger.in_flight(account, order.model, now) + order.n > self._options.quota:
            raise _too_many()

    def _throttles(self, what: tuple[str, str, str], now: float) -> bool:
        """Whether this is one of the first two tries; the one let in starts all over."""
        self._throttled = {
            key: tries
            for key, tries in self._throttled.items()
            if key == what or now - tries[0] < _THROTTLE_SECONDS
        }
        tries = self._throttled.setdefault(what, [])
        if len(tries) < _THROTTLED and (not tries or now - tries[0] < _THROTTLE_SECONDS):
            tries.append(now)
            return True
        del self._throttled[what]
        return False


def _too_many() -> Refusal:
    return Refusal(429, 1303, "parallel task over resource pack limit")
