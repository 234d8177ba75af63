"""An account at Kling: whose key pays, at which address, and how it is reached."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..client import KlingClient
from ..pictures import Downloader


@dataclass(frozen=True, slots=True)
class Account:
    """`name` stands in every row of its tasks; `base_url` is ``prices.DEMO_HOST`` in the demo."""

    name: str
    base_url: str
    client: KlingClient
    downloader: Downloader
    live: bool = True
    sends: bool = True  # else what it has is finished, and nothing new is sent
    closed: Callable[[], None] = lambda: None  # called when nothing will use it any more

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).netloc

    async def aclose(self) -> None:
        await self.client.aclose()
        await self.downloader.aclose()
        self.closed()


@dataclass(frozen=True, slots=True)
class Loan:
    """A key that an owner lends, in memory only: `until` is on the studio's clock, `ending` what
    may be shown of it."""

    account: Account
    until: float
    ending: str
    address: str = ""  # tells apart where keys come from, as in `NewTask`


class Accounts(Mapping[str, Account]):
    """All that can be reached, by name: the operator's for good, others as long as somebody lends
    their key. `usual` is the one that new tasks of everybody else belong to."""

    def __init__(self, own: Mapping[str, Account], *, usual: Account) -> None:
        self._own, self.usual = dict(own), usual
        self._loans: dict[str, Loan] = {}  # by owner
        self._reached = dict(own)

    def of(self, owner: str) -> Account:
        """The one that this owner's new tasks belong to."""
        loan = self._loans.get(owner)
        return loan.account if loan else self.usual

    def names(self, owner: str) -> set[str]:
        """Of all that this owner's tasks can belong to."""
        return {*self._own, self.of(owner).name}

    def loan(self, owner: str) -> Loan | None:
        return self._loans.get(owner)

    def lend(self, owner: str, loan: Loan) -> None:
        self._loans[owner] = loan
        self._reach()

    def give_back(self, owner: str) -> Account | None:
        """What this owner lent; None unless nobody else reaches that account by now."""
        loan = self._loans.pop(owner, None)
        self._reach()
        return loan.account if loan and loan.account.name not in self else None

    def overdue(self, now: float) -> list[str]:
        """Owners whose time is up."""
        return [owner for owner, loan in self._loans.items() if loan.until <= now]

    def crowded(self, address: str, *, near: int, most: int) -> bool:
        """Whether there are so many loans from this address, or in all."""
        from_there = sum(loan.address == address for loan in self._loans.values())
        return len(self._loans) >= most or (bool(address) and from_there >= near)

    def _reach(self) -> None:
        lent = {loan.account.name: loan.account for loan in self._loans.values()}
        self._reached = lent | self._own

    def __getitem__(self, name: str) -> Account:
        return self._reached[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._reached)

    def __len__(self) -> int:
        return len(self._reached)


def account_name(base_url: str, key: str, *, secret: bytes) -> str:
    """Base URL and a fingerprint of the key that nobody can test keys against."""
    mark = hmac.new(secret, key.encode(), hashlib.sha256).hexdigest()[:16]
    return f"{base_url}#{mark}"


def local_secret(path: Path) -> bytes:
    """32 random bytes of this installation, made at the first call and kept in `path`."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_bytes(secrets.token_bytes(32))
        part.replace(path)
    return path.read_bytes()
