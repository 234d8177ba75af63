"""What can go wrong between us and Kling, and what the user can do about each."""

from __future__ import annotations

from .cases import CASES, Action, Case, Charged, failure
from .kinds import (
    AccountBlocked,
    BadRequest,
    ContentBlocked,
    KeyRejected,
    KlingDown,
    KlingError,
    NoAnswer,
    NotFound,
    NotSent,
    Refused,
    TooFast,
    clean,
    refusal,
)

__all__ = [
    "CASES",
    "AccountBlocked",
    "Action",
    "BadRequest",
    "Case",
    "Charged",
    "ContentBlocked",
    "KeyRejected",
    "KlingDown",
    "KlingError",
    "NoAnswer",
    "NotFound",
    "NotSent",
    "Refused",
    "TooFast",
    "clean",
    "failure",
    "refusal",
]
