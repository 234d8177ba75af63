"""Whether an account can be reached, by a call that costs nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ..errors import CASES, KeyRejected, KlingError
from ..text import Text
from .accounts import Account
from .gateway import Gateway

NO_LIST = (404, 405)  # a gateway without a list answered all the same


@dataclass(frozen=True, slots=True)
class Connection:
    """`trouble` is None when all is well; `seconds` is how long it took. Abilities, and whether the
    key was `accepted`, are True, False or, until that was seen, None."""

    seconds: float
    trouble: Text | None
    answered: bool
    accepted: bool | None
    listing: bool | None
    lookup: bool | None
    deduction: bool | None


async def check(account: Account, gateway: Gateway) -> Connection:
    began, trouble = time.perf_counter(), None
    answered, accepted = True, None
    try:
        await account.client.list(page=1, size=1)
        accepted = True
    except KlingError as error:
        answered = error.status is not None
        accepted = False if isinstance(error, KeyRejected) else None
        if error.status not in NO_LIST:
            trouble = CASES[error.case].title
    return Connection(
        seconds=time.perf_counter() - began,
        trouble=trouble,
        answered=answered,
        accepted=accepted,
        listing=gateway.listing,
        lookup=gateway.lookup,
        deduction=gateway.deduction,
    )
