"""The worker: submit once, watch, keep; recovery after a crash. It knows no web and no page."""

from .accounts import Account, account_name, local_secret
from .records import Records
from .studio import NO_OWNER, Problems, Studio

__all__ = [
    "NO_OWNER",
    "Account",
    "Problems",
    "Records",
    "Studio",
    "account_name",
    "local_secret",
]
