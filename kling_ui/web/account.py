"""The settings drawer's data and orders: the connection, the files, the money, the prices."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from ..catalog import MODELS, NO
from ..history import DiskTrouble
from ..studio import Studio
from ..text import Text
from .answers import DISK_FULL, NO_STORE
from .body import json_of
from .language import language
from .links import PREFIX
from .owner import owner_of
from .spending import Spending

_OFFSET = re.compile(r"-?[0-9]{1,5}")

Order = Callable[[Request, str, Mapping[str, Any]], Awaitable[dict[str, Any]]]


def account_routes(studio: Studio, *, folder: Path | None, mode: str) -> Sequence[BaseRoute]:
    """`folder`, where the data lie, is told to whoever asks; `mode` is how the program runs."""

    async def account(request: Request) -> Response:
        owner = owner_of(request)
        if not owner:
            return Response(status_code=403)
        spending = await _spending(studio, request, owner)
        return JSONResponse(
            {
                "files": await _files(studio, owner, folder),
                "spending": spending.summary(),
                "prices": _prices(studio, owner),
                "key": _key(studio, owner),
                "mode": mode,
            },
            headers=NO_STORE,
        )

    async def spending_csv(request: Request) -> Response:
        owner = owner_of(request)
        if not owner:
            return Response(status_code=403)
        text = (await _spending(studio, request, owner)).csv(language(request))
        name = {"content-disposition": "attachment; filename=kling-spending.csv"}
        return Response(text, media_type="text/csv", headers=NO_STORE | name)

    async def check(request: Request, owner: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        if blocked := studio.blocked(owner):  # the account is the demo then: nobody asks about it
            return {"answered": None, "trouble": blocked.of(language(request))}
        found = await studio.check(owner=owner)
        return {
            "answered": found.answered,
            "accepted": found.accepted,
            "trouble": found.trouble.of(language(request)) if found.trouble else "",
            "milliseconds": round(1000 * found.seconds),
            "listing": found.listing,
            "lookup": found.lookup,
            "deduction": found.deduction,
        }

    async def adopt(request: Request, owner: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        try:
            task = await studio.adopt(str(asked.get("task_id", "")).strip(), owner=owner)
        except DiskTrouble:
            task = DISK_FULL
        if isinstance(task, Text):
            return {"task": "", "problem": task.of(language(request))}
        return {"task": task.id, "problem": ""}

    return [
        Route(f"{PREFIX}/account", account),
        Route(f"{PREFIX}/account/spending.csv", spending_csv),
        Route(f"{PREFIX}/account/check", ordered(check), methods=["POST"]),
        Route(f"{PREFIX}/account/adopt", ordered(adopt), methods=["POST"]),
    ]


def ordered(order: Order) -> Callable[[Request], Awaitable[Response]]:
    """Only for somebody, and with a JSON object."""

    @wraps(order)
    async def answer(request: Request) -> Response:
        owner = owner_of(request)
        if not owner:
            return Response(status_code=403)
        asked = await json_of(request)
        if not isinstance(asked, dict):
            return Response(status_code=400)
        return JSONResponse(await order(request, owner, asked), headers=NO_STORE)

    return answer


async def _spending(studio: Studio, request: Request, owner: str) -> Spending:
    found = _OFFSET.fullmatch(request.query_params.get("offset", ""))
    offset = int(found[0]) if found else 0
    return Spending(studio, await studio.spending(owner=owner, offset=offset), offset=offset)


async def _files(studio: Studio, owner: str, folder: Path | None) -> dict[str, Any]:
    weight = await studio.weight(owner=owner)
    return {
        "pictures": weight.pictures,
        "bytes": weight.bytes,
        "free": weight.free if folder else None,
        "folder": str(folder) if folder else "",
    }


def _key(studio: Studio, owner: str) -> dict[str, Any] | None:
    """What may be shown of the key that this owner brought along."""
    loan = studio.loan(owner)
    return {"ending": loan.ending} if loan else None


def _prices(studio: Studio, owner: str) -> dict[str, Any]:
    """Of one picture, by model: None where nobody knows it, no entry where the model makes none."""
    prices, host = studio.prices, studio.account_of(owner).base_url
    names = dict.fromkeys([*MODELS, *prices.models(host)])
    return {
        "source": prices.source(host),
        "as_of": max(model.as_of for model in MODELS.values()),
        "models": [{"model": name, **_price(studio, name, host)} for name in names],
    }


def _price(studio: Studio, name: str, host: str) -> dict[str, Any]:
    known, model = studio.prices, MODELS.get(name)
    found: dict[str, Any] = {}
    for kind, picture in (("text", False), ("picture", True)):
        if model and (model.from_picture if picture else model.from_text) is NO:
            continue
        price = known.estimate(name, picture=picture, n=1, base_url=host)
        found[kind] = {"amount": price.amount, "currency": price.currency} if price else None
    return found
