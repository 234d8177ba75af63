"""A task of ours and its states; what Kling answered about it.

A task travels::

    queued ─▶ sending ─▶ submitted ─▶ processing ─▶ saving ─▶ succeeded
      │          │            └──────────┴─────────────┴────▶ failed
      │          ├──▶ rejected
      │          └──▶ unconfirmed ─▶ submitted
      └──▶ cancelled | expired
    submitted | processing ─▶ stalled ─▶ …
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeGuard


class State(StrEnum):
    """Where a task is. The comment says whether Kling may have charged for it."""

    QUEUED = "queued"  # a row, nothing sent
    SENDING = "sending"  # the request may be on the wire
    UNCONFIRMED = "unconfirmed"  # sent, no usable answer: maybe charged
    SUBMITTED = "submitted"  # Kling has it
    PROCESSING = "processing"  # Kling works on it
    STALLED = "stalled"  # no end after a day; asked now and then
    SAVING = "saving"  # finished at Kling, pictures on their way to disk
    SUCCEEDED = "succeeded"  # pictures on disk, charged
    FAILED = "failed"  # Kling accepted it, then it failed: not charged
    REJECTED = "rejected"  # Kling said no: not charged
    CANCELLED = "cancelled"  # by the user, before it was sent
    EXPIRED = "expired"  # could not be sent in time: never sent

    @property
    def over(self) -> bool:
        """No worker will touch it again."""
        return self in _OVER

    @property
    def repeatable(self) -> bool:
        """It brought nothing, as far as is known: the same may be asked for once more."""
        return self is State.UNCONFIRMED or (self.over and self is not State.SUCCEEDED)


MOST_RESULTS = 20  # pictures of one task; Kling makes at most nine

_OVER = {State.SUCCEEDED, State.FAILED, State.REJECTED, State.CANCELLED, State.EXPIRED}


def is_id(value: object) -> TypeGuard[str]:
    """Whether `value` can be an id of ours, of a task, a picture or a press: 128 bits in hex."""
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{32}", value) is not None


@dataclass(frozen=True, slots=True)
class RemotePicture:
    """A result picture as Kling names it. `index` counts from 0 and may be missing."""

    url: str
    watermark_url: str = ""
    index: int | None = None

    @classmethod
    def from_json(cls, item: Any) -> RemotePicture | None:
        """None where the item names no picture."""
        if not isinstance(item, Mapping) or not isinstance(item.get("url"), str):
            return None
        if not item["url"].strip():
            return None
        index, mark = item.get("index"), item.get("watermark_url")
        return cls(
            url=item["url"],
            watermark_url=mark if isinstance(mark, str) else "",
            index=index if isinstance(index, int) and not isinstance(index, bool) else None,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What Kling says of a task: the ``data`` of a create or query reply, read leniently.

    `status` is Kling's word, with ``succeeded`` (newer endpoints) folded into ``succeed``;
    a word nobody knows means "still running". No more than `MOST_RESULTS` pictures are believed.
    Times are Unix milliseconds, 0 when absent.
    """

    task_id: str
    status: str = "submitted"
    message: str = ""
    external_task_id: str = ""
    pictures: tuple[RemotePicture, ...] = ()
    deduction: str = ""
    created_at: int = 0
    updated_at: int = 0
    request_id: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def succeeded(self) -> bool:
        return self.status == "succeed"

    @property
    def failed(self) -> bool:
        return self.status == "failed"

    @property
    def seconds(self) -> float | None:
        """How long it took at Kling, by Kling's own times; None where they say nothing."""
        took = (self.updated_at - self.created_at) / 1000
        return took if self.created_at and 0 < took < 24 * 3600 else None

    @classmethod
    def from_json(cls, data: Any, *, request_id: str = "") -> Answer | None:
        """None where `data` names no task: then nothing can be said about it."""
        if not isinstance(data, Mapping):
            return None
        task_id = data.get("task_id") or data.get("id")
        if not isinstance(task_id, str | int) or isinstance(task_id, bool):
            return None
        if not str(task_id).strip() or not task_id:
            return None
        status = _word(data.get("task_status") or data.get("status")).lower() or "submitted"
        info, result = _mapping(data.get("task_info")), _mapping(data.get("task_result"))
        images = result.get("images")
        found = (
            (RemotePicture.from_json(item) for item in images[:MOST_RESULTS] if item)
            if isinstance(images, list)
            else ()
        )
        return cls(
            task_id=str(task_id),
            status="succeed" if status in {"succeed", "succeeded", "success"} else status,
            message=_word(data.get("task_status_msg"))
            or _word(_mapping(data.get("error")).get("message")),
            external_task_id=_word(info.get("external_task_id")),
            pictures=tuple(picture for picture in found if picture),
            deduction=_word(data.get("final_unit_deduction")),
            created_at=_milliseconds(data.get("created_at")),
            updated_at=_milliseconds(data.get("updated_at")),
            request_id=request_id,
            raw=data,
        )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _word(value: Any) -> str:
    return str(value) if isinstance(value, str | int | float) else ""


def _milliseconds(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and 0 <= value < 1e15 else 0


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture on our disk. `id` is 128 random bits in hex and names the file as well."""

    id: str
    task_id: str
    position: int  # 0-based place among the task's pictures
    watermarked: bool
    file: str  # name inside the pictures folder
    media_type: str  # image/png, image/jpeg, image/webp
    bytes: int
    sha256: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Cell:
    """A task's place in a comparison: rows and columns count from 0 and bear labels."""

    comparison: str  # 128 bits in hex, the same for all cells
    row: int
    column: int
    row_label: str
    column_label: str

    @classmethod
    def from_json(cls, item: Any) -> Cell | None:
        """None where the item is no place."""
        try:
            return cls(**item) if is_id(item["comparison"]) else None
        except (TypeError, KeyError):
            return None


@dataclass(frozen=True, slots=True)
class Task:
    """One press of Generate, or one cell of a comparison. Times are Unix seconds; `revision`
    grows at every change."""

    id: str
    owner: str
    account: str
    state: State
    request: Mapping[str, Any]  # field → value as asked, the reference picture by name
    external_task_id: str
    revision: int
    created: float
    state_since: float
    sent: float | None = None
    ended: float | None = None
    attempts: int = 0
    remote_id: str = ""
    remote_status: str = ""
    case: str = ""  # key into errors.CASES: why it waits, failed or was refused
    detail: str = ""  # upstream's own words, cleaned
    request_id: str = ""
    deduction: str = ""  # units really charged, as Kling says
    estimate: float | None = None  # expected price in `currency`, None when unknown
    currency: str = ""
    supersedes: str = ""  # id of the task this one was sent again for
    took: float | None = None  # seconds at Kling by its own times, None when unknown
    resubmitted: bool = False  # sent a second time by itself
    starred: bool = False
    cell: Cell | None = None
    remote_pictures: tuple[RemotePicture, ...] = ()
    pictures: tuple[Picture, ...] = ()

    @property
    def n(self) -> int:
        """Pictures asked for."""
        n = self.request.get("n", 1)
        return n if isinstance(n, int) else 1
