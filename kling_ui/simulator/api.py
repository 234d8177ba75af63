"""What a simulated Kling answers to each request."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from ..catalog import MODELS
from . import wire
from .accounts import Accounts
from .body import received
from .callbacks import Callbacks
from .gallery import Gallery
from .gate import Gate
from .journal import Journal
from .ledger import Ledger
from .mishaps import befall
from .options import Fault, Moment, Options
from .order import Order, invalid, order
from .tasks import Status, Task, new_id
from .wire import Refusal

GATEWAY = "/kling"

_PICTURE = re.compile(r"(\d{18})-(\d)(-watermark)?\.png")
_PACK_UNITS = 100_000


class Api:
    """One method per route; each answers, or raises a `Refusal` or `TooLarge`."""

    def __init__(self, options: Options, journal: Journal) -> None:
        self._options, self._journal = options, journal
        self._accounts = Accounts(options)
        self._ledger = Ledger(options.folder, options.clock())
        self._gate = Gate(options, self._ledger)
        self._gallery = Gallery(self._ledger)
        self._callbacks = Callbacks(options)

    async def create(self, request: Request) -> Response:
        body = await received(request)
        self._journal.create(body or {}, request.headers)
        external_id = (body or {}).get("external_task_id")
        request.state.named = external_id if isinstance(external_id, str) else ""
        fault = self._fault(
            "create", request, body=body or {}, external_task_id=request.state.named
        )
        if fault and not fault.accept and (fault.drop or fault.status):
            return await befall(fault, request, self._options, usual=Response())
        reply = await self._accepted(request, body)
        return await befall(fault, request, self._options, reply) if fault else reply

    async def get(self, request: Request) -> Response:
        request.state.named = request.path_params["id"]
        return await self._told("get", request, self._one)

    async def list(self, request: Request) -> Response:
        return await self._told("list", request, self._page)

    async def costs(self, request: Request) -> Response:
        """One made-up pack, from which this account's finished tasks are taken off."""
        account, now = self._account(request), self._options.clock()
        start = _whole(request, "start_time", 0, 10**15)
        end = _whole(request, "end_time", 0, 10**15)
        done = (t for t in self._ledger.of(account) if t.status(now) is Status.SUCCEED)
        left = _PACK_UNITS - sum((task.units or 0) * task.n for task in done)
        return JSONResponse(wire.envelope(wire.costs(start=start, end=end, left=left)))

    async def picture(self, request: Request) -> Response:
        """No key is asked for: whoever knows the address gets the picture."""
        found = _PICTURE.fullmatch(request.path_params["name"])
        task = self._ledger.get(found[1]) if found else None
        index, watermarked = (int(found[2]), bool(found[3])) if found else (0, False)
        done = task is not None and task.status(self._options.clock()) is Status.SUCCEED
        if task is None or not done or index >= task.n or (watermarked and not task.watermark):
            return PlainTextResponse("Not Found", 404)
        fault = self._fault("picture", request, task_id=task.id, index=index)
        if fault and (fault.drop or fault.status):
            return await befall(fault, request, self._options, usual=Response())
        picture = await self._gallery.picture(task, index, watermarked=watermarked)
        reply = Response(picture, media_type="image/png")
        return await befall(fault, request, self._options, reply) if fault else reply

    async def _accepted(self, request: Request, body: Mapping[str, Any] | None) -> Response:
        """A task made of the body, and the answer to it; or a `Refusal`."""
        account = self._account(request)
        if body is None:
            raise Refusal(400, 1200, "Request parameters are invalid")
        wanted = await asyncio.to_thread(order, body, models=self._models(request))
        self._gate.judge(wanted, account, self._options.clock())
        task = self._task(wanted, account, _base(request))
        self._ledger.add(task, wanted.picture)  # no await since the gate: nobody slips in
        await self._save(task)
        self._callbacks.follow(task)
        if task.answer_after:
            await self._options.sleep(task.answer_after)
            raise Refusal(504, 5002, "Service internal timeout")
        return JSONResponse(wire.envelope(wire.accepted(task, external=self._options.lookup)))

    def _task(self, wanted: Order, account: str, base: str) -> Task:
        return Task(
            id=new_id(),
            account=account,
            external_id=wanted.external_id,
            model=wanted.model,
            prompt=wanted.prompt,
            n=wanted.n,
            width=wanted.width,
            height=wanted.height,
            watermark=wanted.watermark,
            callback_url=wanted.callback_url,
            base=base,
            units=wanted.units,
            failure=wanted.failure,
            created=self._options.clock(),
        ).scheduled(self._options.seconds, lives=self._options.lives)

    async def _save(self, task: Task) -> None:
        try:
            await asyncio.to_thread(self._ledger.save, task)
        except OSError as error:
            self._ledger.drop(task)
            raise Refusal(500, 5000, f"Service internal error: {error.strerror}") from error

    def _one(self, request: Request) -> Any:
        account, wanted = self._account(request), request.path_params["id"]
        task = self._ledger.get(wanted)
        found = [task] if task and task.account == account else []
        if not found and self._options.lookup:
            found = self._ledger.named(account, wanted)
        now = self._options.clock()
        for task in found:
            if task.visible <= now:
                return self._described(task, request, now)
        raise Refusal.of_value(f"Task not found by id/external id: {wanted}")

    def _page(self, request: Request) -> Any:
        account, now = self._account(request), self._options.clock()
        page = _whole(request, "pageNum", 1, 1000, default=1)
        size = _whole(request, "pageSize", 1, 500, default=30)
        tasks = [task for task in self._ledger.of(account) if task.visible <= now]
        shown = tasks[(page - 1) * size : page * size]
        return [self._described(task, request, now) for task in shown]

    def _described(self, task: Task, request: Request, now: float) -> dict[str, Any]:
        return wire.described(task, now=now, base=_base(request), external=self._options.lookup)

    async def _told(
        self, moment: Moment, request: Request, look: Callable[[Request], Any]
    ) -> Response:
        """The answer to a query, which a fault may twist."""
        if moment == "list" and not (self._options.listing and self._options.lookup):
            return wire.unknown_path(request.url.path)
        try:
            reply = JSONResponse(wire.envelope(look(request)))
        except Refusal as refusal:
            reply = refusal.reply()
        if not self._options.faults:
            return reply
        answer = json.loads(bytes(reply.body))
        fault = self._fault(moment, request, id=request.path_params.get("id", ""), answer=answer)
        return await befall(fault, request, self._options, reply) if fault else reply

    def _fault(self, moment: Moment, request: Request, **info: Any) -> Fault | None:
        faults = self._options.faults
        return faults(moment, {"path": request.url.path, **info}) if faults else None

    def _account(self, request: Request) -> str:
        return self._accounts.admit(request.headers.get("authorization"))

    def _models(self, request: Request) -> tuple[str, ...]:
        if self._options.models is not None:
            return self._options.models
        everything = request.url.path.startswith(GATEWAY)
        return tuple(n for n, m in MODELS.items() if everything or m.status == "current")


def _base(request: Request) -> str:
    return f"{request.base_url.scheme}://{request.base_url.netloc}"


def _whole(
    request: Request, name: str, lowest: int, highest: int, *, default: int | None = None
) -> int:
    """A number of the query string; without a `default` it must be there."""
    given = request.query_params.get(name)
    if given is None and default is not None:
        return default
    if given is None:
        raise Refusal.of_value(f"{name} can not be null")
    if not re.fullmatch(r"[0-9]{1,16}", given) or not lowest <= int(given) <= highest:
        raise invalid(name, given)
    return int(given)
