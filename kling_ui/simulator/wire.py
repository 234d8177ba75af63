"""The shapes of Kling's answers: envelope, refusals, tasks, and what the router says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from starlette.responses import JSONResponse

from .tasks import Status, Task


class Refusal(Exception):
    """Kling says no: HTTP `status`, Kling's `code` and its words."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    @classmethod
    def of_value(cls, message: str) -> Refusal:
        """A field or id that will not do (400/1201)."""
        return cls(400, 1201, message)

    def reply(self) -> JSONResponse:
        body = {"code": self.code, "message": self.message, "request_id": str(uuid4())}
        return JSONResponse(body, self.status)


def envelope(data: object) -> dict[str, Any]:
    return {"code": 0, "message": "SUCCEED", "request_id": str(uuid4()), "data": data}


def unknown_path(path: str) -> JSONResponse:
    """What the router in front of Kling says of a path that it does not know."""
    now = datetime.now(UTC)
    body = {
        "timestamp": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}+0000",
        "status": 404,
        "error": "Not Found",
        "message": "No message available",
        "path": path,
    }
    return JSONResponse(body, 404)


def accepted(task: Task, *, external: bool) -> dict[str, Any]:
    """The ``data`` of the answer to a create."""
    return {
        "task_id": task.id,
        "task_status": Status.SUBMITTED,
        "task_info": _info(task, external),
        "created_at": _milliseconds(task.created),
        "updated_at": _milliseconds(task.created),
    }


def described(task: Task, *, now: float, base: str, external: bool) -> dict[str, Any]:
    """A task as the queries and the callbacks tell it; `base` is where its pictures stand."""
    status = task.status(now)
    data: dict[str, Any] = {
        "task_id": task.id,
        "task_status": status,
        "task_status_msg": task.failure if status is Status.FAILED else "",
        "task_info": _info(task, external),
        "created_at": _milliseconds(task.created),
        "updated_at": _milliseconds(task.updated(now)),
        "task_result": {},
    }
    if task.watermark is not None:
        data["watermark_info"] = {"enabled": task.watermark}
    if status is Status.SUCCEED:
        data["task_result"] = {"images": [_image(task, index, base) for index in range(task.n)]}
    if status.over and task.units is not None:
        charged = task.units * task.n if status is Status.SUCCEED else 0
        data["final_unit_deduction"] = f"{charged:g}"
    return data


def costs(*, start: int, end: int, left: float) -> dict[str, Any]:
    """The ``data`` of ``/account/costs``: one pack of 100,000 units, of which `left` remain."""
    pack = {
        "resource_pack_name": "Simulated image pack",
        "resource_pack_id": "simulated",
        "resource_pack_type": "decreasing_total",
        "total_quantity": 100_000,
        "remaining_quantity": left,
        "purchase_time": start,
        "effective_time": start,
        "invalid_time": end,
        "status": "online",
    }
    return {"code": 0, "msg": "success", "resource_pack_subscribe_infos": [pack]}


def picture_name(task_id: str, index: int, *, watermarked: bool = False) -> str:
    return f"{task_id}-{index}{'-watermark' if watermarked else ''}.png"


def _image(task: Task, index: int, base: str) -> Mapping[str, Any]:
    image = {"index": index, "url": f"{base}/pictures/{picture_name(task.id, index)}"}
    if task.watermark:
        marked = picture_name(task.id, index, watermarked=True)
        image["watermark_url"] = f"{base}/pictures/{marked}"
    return image


def _info(task: Task, external: bool) -> dict[str, str]:
    return {"external_task_id": task.external_id} if external and task.external_id else {}


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
