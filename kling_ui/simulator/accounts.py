"""Who asks: from the ``Authorization`` header to an account."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import jwt

from .options import Options
from .wire import Refusal

_TOKEN = re.compile(r"eyJ[\w-]*\.[\w-]+\.[\w-]*")


class Accounts:
    """The keys and key pairs that are let in; with neither, every key is its own account."""

    def __init__(self, options: Options) -> None:
        self._keys, self._pairs = options.keys, options.pairs
        self._clock = options.clock

    def admit(self, header: str | None) -> str:
        """The account's fingerprint (16 hex digits), which is safe to keep; or a `Refusal`."""
        if not header:
            raise Refusal(401, 1001, "Authorization is empty")
        found = re.fullmatch(r"Bearer (\S+)", header)
        if not found:
            raise Refusal(401, 1002, "Authorization is invalid")
        return hashlib.sha256(self._name(found[1]).encode()).hexdigest()[:16]

    def _name(self, key: str) -> str:
        """The key itself, or the access key of a token, which stays when the token changes."""
        if key in self._keys:
            return key
        claimed = _claimed(key) if _TOKEN.fullmatch(key) else ""
        if not self._keys and not self._pairs:
            return claimed or key
        if claimed not in self._pairs:
            raise Refusal(401, 1002, "api key not found")
        self._verify(key, self._pairs[claimed])
        return claimed

    def _verify(self, token: str, secret: str) -> None:
        try:
            claims = jwt.decode(token, secret, algorithms=["HS256"], options=_OURS)
        except jwt.InvalidTokenError:
            raise Refusal(401, 1002, "Authorization is invalid") from None
        self._judge_times(claims)

    def _judge_times(self, claims: dict[str, Any]) -> None:
        now = self._clock()
        if not _at(claims, "nbf", 0) <= now:
            raise Refusal(401, 1003, "Authorization is not yet valid")
        if not now < _at(claims, "exp", 0):
            raise Refusal(401, 1004, "Authorization has expired")


# the times are judged by the simulator's own clock
_OURS: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "require": ["exp"]}


def _claimed(token: str) -> str:
    """Whose access key the token names, before anything is verified; empty: nobody's."""
    try:
        return str(jwt.decode(token, options={"verify_signature": False}).get("iss", ""))
    except jwt.InvalidTokenError:
        return ""


def _at(claims: dict[str, Any], name: str, default: float) -> float:
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal(401, 1002, "Authorization is invalid")
    return value
