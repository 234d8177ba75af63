"""The worker: submit once, watch, keep; recovery after a crash. It knows no web and no page."""

from .accounts import Account, Accounts, Loan, account_name, local_secret
from .allowance import TOO_MANY_AT_ONCE, Allowance, Left
from .callbacks import CALLBACK_PATH, Callbacks, Hint
from .clock import Clock
from .desk import whatever_happens
from .keys import KEPT_HOURS
from .records import Records
from .shelf import OPERATOR
from .studio import NO_OWNER, Studio
from .submission import Problems, problems_of

__all__ = [
    "CALLBACK_PATH",
    "KEPT_HOURS",
    "NO_OWNER",
    "OPERATOR",
    "TOO_MANY_AT_ONCE",
    "Account",
    "Accounts",
    "Allowance",
    "Callbacks",
    "Clock",
    "Hint",
    "Left",
    "Loan",
    "Problems",
    "Records",
    "Studio",
    "account_name",
    "local_secret",
    "problems_of",
    "whatever_happens",
]
