"""The kinds of errors: what is known of a request that went wrong.

    KlingError
      x NotSent          nothing left this machine: connect, DNS, TLS      safe to send again
      x NoAnswer         sent, but no usable answer                        may have been accepted
        + KlingDown      5000–5002 and every other 5xx
      x Refused          Kling answered, and said no: nothing made, nothing charged
        + KeyRejected    1000–1004, any other 401
        + AccountBlocked 1100–1103, 1304, any other 403
        + BadRequest     1200–1203, any other 4xx, a redirect
        + ContentBlocked 1300–1301
        + TooFast        1302–1303, a 429 without a body                   safe to send again
        + NotFound       a query for a task that Kling does not know

A task that Kling accepted and that failed later is no exception: it is an answer, with a `Case`.
Codes decide, never the HTTP status alone: 429 means "slow down" as well as "no money".
Source: Kling's error table and live messages, 2026-11-22.
"""

from __future__ import annotations

import re

from .cases import CASES


class KlingError(Exception):
    """`case` is a key of `CASES`; `detail` is upstream's text, already cleaned."""

    fallback = "unexpected"

    def __init__(
        self,
        detail: str = "",
        *,
        case: str = "",
        code: int | None = None,
        status: int | None = None,
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        self.case = case or (str(code) if str(code) in CASES else self.fallback)
        self.detail = clean(detail)
        self.code, self.status = code, status
        self.request_id, self.retry_after = clean(request_id), retry_after
        super().__init__(f"{self.case}: {self.detail}" if self.detail else self.case)


class NotSent(KlingError):
    fallback = "unreachable"


class NoAnswer(KlingError):
    fallback = "no_answer"


class KlingDown(NoAnswer):
    fallback = "5000"


class Refused(KlingError):
    fallback = "refused"


class KeyRejected(Refused):
    fallback = "1002"


class AccountBlocked(Refused):
    fallback = "1103"


class BadRequest(Refused):
    fallback = "1200"


class ContentBlocked(Refused):
    fallback = "1301"


class TooFast(Refused):
    fallback = "1302"


class NotFound(Refused):
    fallback = "not_found"


_KINDS: dict[int, type[KlingError]] = {
    **dict.fromkeys(range(1000, 1005), KeyRejected),
    **dict.fromkeys((1100, 1101, 1102, 1103, 1304), AccountBlocked),
    **dict.fromkeys(range(1200, 1204), BadRequest),
    **dict.fromkeys((1300, 1301), ContentBlocked),
    **dict.fromkeys((1302, 1303), TooFast),
    **dict.fromkeys((5000, 5001, 5002), KlingDown),
}
_BY_STATUS: dict[int, type[KlingError]] = {401: KeyRejected, 403: AccountBlocked}


def refusal(code: int | None, status: int, *, bare: bool = False) -> type[KlingError]:
    """The class of a reply that is not a success.

    `code` is Kling's own; without one the HTTP `status` decides. `bare`: the reply had no body,
    which makes a 429 a throttle. A 5xx, 408, 409 or 425 stays ambiguous, whatever code
    it carries."""
    if status >= 500:
        return KlingDown if code in (5000, 5001, 5002) or code is None else NoAnswer
    if status in (408, 409, 425):
        return NoAnswer
    if code in _KINDS:
        return _KINDS[code]
    if status == 429:
        return TooFast if bare else Refused
    return _BY_STATUS.get(status, BadRequest if 300 <= status < 500 else Refused)


_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]+"
)
_SECRET = re.compile(r"(?i)(bearer\s+)\S+|\b(sk|api-key)-[\w-]{6,}|\beyJ[\w-]{8,}(\.[\w-]*){0,2}")


def clean(text: object) -> str:
    """Foreign text made fit to show: one line, no control or direction marks, nothing that looks
    like a key, at most 300 characters."""
    line = _CONTROL.sub(" ", str(text).encode("utf-8", "replace").decode()).strip()
    line = _SECRET.sub("•••", line)
    return line if len(line) <= 300 else line[:299] + "…"
