"""Keys that people bring along: in memory only, each for its owner, for a while."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from ..errors import KeyRejected, KlingError
from ..settings import Secret
from ..text import Text
from .accounts import Account, Accounts, Loan
from .clock import Clock
from .records import Records
from .sender import LAST_MOMENT
from .worker import Worker

KEPT_HOURS = 12  # after its last use a key is forgotten
MOST, NEAR = 500, 20  # keys at a time, in all and from one address
TRIES = 8  # keys that are tried at Kling at a time
OFTEN = 60.0  # seconds between two looks at whose time is up
log = logging.getLogger(__name__)

NO_KEY = Text("Enter a key.", "请输入密钥。")
BROKEN = Text(
    "This is no key: it holds a space, a line end or a letter that no key has, or it is too short.",
    "这不是有效的密钥：其中含有空格、换行或密钥不可能出现的字符，或长度不足。",
)
REJECTED = Text("Kling does not accept this key.", "可灵不接受此密钥。")
NOT_HERE = Text(
    "Keys cannot be used here: the address of the API is not set up.",
    "无法使用密钥：尚未设置有效的 API 地址。",
)
TOO_MANY = Text(
    "Too many people use a key of their own here at the moment. Try again later.",
    "当前使用自有密钥的人数过多，请稍后再试。",
)
OVERTAKEN = Text(
    "Another key was brought, or this one forgotten, before Kling had answered.",
    "在可灵响应之前，您已填入其他密钥或删除了此密钥。",
)


class Keys:
    """`connect` makes an account of a key; None where that is not possible."""

    def __init__(
        self,
        accounts: Accounts,
        worker: Worker,
        records: Records,
        clock: Clock,
        *,
        connect: Callable[[Secret], Account] | None,
    ) -> None:
        self._accounts, self._worker, self._records = accounts, worker, records
        self._clock, self._connect = clock, connect
        self._turn, self._trying = asyncio.Lock(), asyncio.Semaphore(TRIES)
        self._closing: set[asyncio.Task[None]] = set()
        self._wishes: dict[str, Account] = {}  # by owner, the latest that is being tried

    async def bring(self, key: Secret, *, owner: str, address: str = "") -> Text | None:
        """This owner's new tasks are paid with `key` from now on, and what waited for it goes on;
        or why not. `address` tells where it comes from."""
        if not key:
            return NO_KEY
        if not re.fullmatch(r"[\x21-\x7e]{8,512}", key.reveal()):
            return BROKEN
        if self._connect is None:
            return NOT_HERE
        if self._full(owner, address):
            return TOO_MANY
        account = self._wishes[owner] = self._connect(key)
        try:
            return await self._bring(account, key, owner, address)
        finally:
            if self._wishes.get(owner) is account:
                del self._wishes[owner]

    async def _bring(self, account: Account, key: Secret, owner: str, address: str) -> Text | None:
        if account.name not in self._accounts and await self._rejected(account):
            await account.aclose()
            return REJECTED
        async with self._turn:  # what was asked while Kling was is known by now
            overtaken = not self._wished(owner, account)
            if overtaken or self._full(owner, address):
                await account.aclose()
                return OVERTAKEN if overtaken else TOO_MANY
            known = self._accounts.get(account.name)
            if known is not None:
                await account.aclose()
            loan = Loan(known or account, self._until(), key.reveal()[-4:], address)
            await self._lend(owner, loan)
        return None

    def _wished(self, owner: str, account: Account) -> bool:
        """Whether it still is; also by another tab that brought the same key."""
        loan = self._accounts.loan(owner)
        wish = self._wishes.get(owner) or (loan.account if loan else None)
        return wish is not None and wish.name == account.name

    def _full(self, owner: str, address: str) -> bool:
        crowded = self._accounts.crowded(address, near=NEAR, most=MOST)
        return crowded and self._accounts.loan(owner) is None

    async def _lend(self, owner: str, loan: Loan) -> None:
        if self._accounts.of(owner) is not loan.account:
            await self._take_back(owner)
        self._accounts.lend(owner, loan)
        try:
            await self._worker.open(loan.account, owner=owner)
        except BaseException:
            await self._take_back(owner)
            raise
        self._records.wake([owner])

    def _until(self) -> float:
        return self._clock.now() + KEPT_HOURS * 3600

    def used(self, owner: str) -> None:
        """It is not forgotten for another while."""
        if loan := self._accounts.loan(owner):
            self._accounts.lend(owner, replace(loan, until=self._until()))

    async def forget(self, owner: str, *, only_overdue: bool = False) -> None:
        """Tasks that were sent with it wait until it comes again."""
        if not only_overdue:
            self._wishes.pop(owner, None)
        async with self._turn:
            if only_overdue and owner not in self._accounts.overdue(self._clock.now()):
                return  # used, or brought again, meanwhile
            await self._take_back(owner)
        self._records.wake([owner])

    async def ready(self) -> None:
        """A key that was brought at this moment can be used."""
        async with self._turn:
            return

    async def settled(self) -> None:
        """Accounts that are being closed are given a moment to end what is on the wire."""
        if self._closing:
            await asyncio.wait(self._closing, timeout=LAST_MOMENT)

    async def _rejected(self, account: Account) -> bool:
        """Whether Kling says so; one that says nothing may accept it."""
        try:
            async with self._trying:
                await account.client.list(page=1, size=1)
        except KeyRejected:
            return True
        except KlingError as error:
            log.info("a key that was brought could not be tried (%s)", error.case)
        return False

    async def _take_back(self, owner: str) -> None:
        account = self._accounts.give_back(owner)
        if account:
            closing = asyncio.create_task(self._close(account, self._worker.close(account)))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def _close(self, account: Account, at_work: Coroutine[Any, Any, None]) -> None:
        try:
            await at_work
        finally:
            await account.aclose()

    async def expire(self) -> None:
        """Forgets what nobody used for long, again and again."""
        while True:
            await self._clock.sleep(OFTEN)
            for owner in self._accounts.overdue(self._clock.now()):
                await self.forget(owner, only_overdue=True)
