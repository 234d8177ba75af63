"""A history with something in every state, and the cards that the studio draws of it."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from kling_ui.history import History, NewTask
from kling_ui.pictures import PictureFolder
from kling_ui.simulator.sizes import fitted
from kling_ui.studio import Studio
from kling_ui.task import Cell, Picture, State, Task
from kling_ui.text import Lang, Text
from kling_ui.web.cards import Cards

from ...conftest import OWNER, account

Paint = Callable[..., bytes]  # prompt, index, width, height → a PNG
NOBODY = "http://127.0.0.1:9"
KEPT_STILL = "elsewhere"  # an account the program does not have: its worker leaves the tasks alone
GONE = "f" * 32  # a picture whose file is not there
TOOK = 18.0  # seconds
ACCEPTED = (State.SENDING, State.SUBMITTED)
MADE = (*ACCEPTED, State.PROCESSING)
WAY = {  # to each state
    State.QUEUED: (),
    State.SENDING: (State.SENDING,),
    State.SUBMITTED: ACCEPTED,
    State.PROCESSING: MADE,
    State.SAVING: (*MADE, State.SAVING),
    State.SUCCEEDED: (*MADE, State.SAVING, State.SUCCEEDED),
    State.FAILED: (*MADE, State.FAILED),
    State.STALLED: (*MADE, State.STALLED),
    State.REJECTED: (State.SENDING, State.REJECTED),
    State.UNCONFIRMED: (State.SENDING, State.UNCONFIRMED),
    State.CANCELLED: (State.CANCELLED,),
    State.EXPIRED: (State.EXPIRED,),
}


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A task as it is to be. `age`: seconds since it was asked for; `came`: how many pictures are
    here; `after`: the name of the piece it was sent again for; `away`: its account is unknown."""

    en: str = ""
    zh: str = ""
    age: float
    state: State = State.SUCCEEDED
    n: int = 1
    ratio: str = "1:1"
    model: str = "kling-v2-1"
    came: int = 0
    after: str = ""
    away: bool = False
    cell: Cell | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def prompt(self) -> Text:
        return Text(self.en, self.zh)

    @property
    def request(self) -> dict[str, Any]:
        """What was asked; nothing of one that was found again at Kling."""
        if not self.en:
            return {}
        asked = {"model_name": self.model, "prompt": self.en, "n": self.n}
        return asked | {"aspect_ratio": self.ratio, "resolution": "1k"}


@dataclass(frozen=True)
class Sample:
    """`cards` by language and name; `now` (Unix seconds) is the moment they are as old as said."""

    now: float
    ids: dict[str, str]
    cards: dict[Lang, dict[str, dict[str, Any]]]
    files: dict[str, Path]  # the first picture of each


def plain(*, prompt: str, index: int, width: int, height: int) -> bytes:
    """One colour, small: where nobody looks at the picture."""
    colour = hashlib.sha256(f"{prompt} {index}".encode()).hexdigest()[:6]
    file = io.BytesIO()
    Image.new("RGB", (width // 3, height // 3), f"#{colour}").save(file, "PNG")
    return file.getvalue()


def prepared(data: Path, pieces: dict[str, Piece], *, paint: Paint) -> Sample:
    """Writes them into the data folder of a program that does not run yet. Not while a page is
    open: that needs the thread's event loop."""
    history = History(data / "database" / "history.db", clock=(clock := _Clock()))
    writer = _Writer(history, PictureFolder(data / "pictures"), paint, clock)
    for name, piece in sorted(pieces.items(), key=lambda item: -item[1].age):
        writer.write(name, piece)
    cards: dict[Lang, dict[str, dict[str, Any]]] = {
        lang: asyncio.run(_cards(data, writer, pieces, lang)) for lang in ("en", "zh")
    }
    history.close()
    return Sample(clock.base, writer.ids, cards, writer.files)


class _Clock:
    """Stands still where it is set."""

    def __init__(self) -> None:
        self.base = self.now = time.time()

    def __call__(self) -> float:
        return self.now


class _Writer:
    def __init__(self, history: History, folder: PictureFolder, paint: Paint, clock: _Clock):
        self.history, self.folder, self.paint, self.clock = history, folder, paint, clock
        self.ids: dict[str, str] = {}
        self.files: dict[str, Path] = {}

    def write(self, name: str, piece: Piece) -> None:
        self.clock.now = self.clock.base - piece.age
        task, _ = self.history.add(self._asked(name, piece))
        self.ids[name] = task.id
        sent = self.clock.now + 0.2
        for state in WAY[piece.state]:
            self.clock.now += {State.SENDING: 0.2, State.PROCESSING: 1.1}.get(state, 0.6)
            if state is State.SAVING:
                self.clock.now = sent + TOOK
                self._keep(name, piece, task)
            self.history.move(task.id, state, frm=set(State))
        self.history.note(task.id, **_facts(task, piece, sent))

    def _asked(self, name: str, piece: Piece) -> NewTask:
        number = hashlib.md5(name.encode()).hexdigest()
        return NewTask(
            owner=OWNER,
            account=_account(piece),
            nonce=number,
            external_task_id=f"kui1-06e55b63-{number}",
            request=piece.request,
            estimate=0.014 * piece.n if piece.en else None,
            currency="USD" if piece.en else "",
            supersedes=self.ids.get(piece.after, ""),
            cell=piece.cell,
        )

    def _keep(self, name: str, piece: Piece, task: Task) -> None:
        width, height = map(int, piece.ratio.split(":"))
        w, h = fitted(width / height, "1k")
        for index in range(piece.came):
            picture_id = hashlib.md5(f"{name} {index}".encode()).hexdigest()
            path = self.folder.original(f"{picture_id}.png")
            path.write_bytes(self.paint(prompt=piece.en, index=index, width=w, height=h))
            self.files.setdefault(name, path)
            self._row(task, index, picture_id, w, h, path.stat().st_size)
        if piece.state is State.SUCCEEDED and not piece.came:
            self._row(task, 0, GONE, w, h, 1_200_000)

    def _row(self, task: Task, index: int, name: str, w: int, h: int, size: int) -> None:
        kind = ("image/png", size, "ab" * 32, w, h)
        self.history.keep_picture(Picture(name, task.id, index, False, f"{name}.png", *kind))


def _account(piece: Piece) -> str:
    """What is over may be the demo's; what runs must be nobody's, or it would go on."""
    if piece.away:
        return "a former key"
    return "demo" if piece.state.over and piece.age < 24 * 3600 else KEPT_STILL


def _facts(task: Task, piece: Piece, sent: float) -> dict[str, Any]:
    reached = WAY[piece.state]
    facts: dict[str, Any] = {}
    if State.SENDING in reached:
        facts |= {"sent": sent, "request_id": f"CjhqFWbZ{task.id[:12]}"}
    if State.SUBMITTED in reached:
        remote = str(int(task.id[:14], 16)).rjust(18, "8")[:18]
        answer = {"task_id": remote, "task_status": "succeed", "final_unit_deduction": "4"}
        facts |= {"remote_id": remote, "reply": json.dumps(answer)}
    if piece.state is State.SUCCEEDED:
        facts |= {"took": TOOK}
    return facts | piece.notes


async def _cards(
    data: Path, writer: _Writer, pieces: dict[str, Piece], lang: Lang
) -> dict[str, dict[str, Any]]:
    """As the studio draws them, but for the prompt: a Chinese page speaks of Chinese ones."""
    one = account(NOBODY, name=KEPT_STILL)
    studio = Studio(
        history=writer.history,
        folder=writer.folder,
        accounts={one.name: one},
        account=one,
        alive=data / "never",
    )
    tasks = filter(None, map(writer.history.get, writer.ids.values()))
    drawn = zip(writer.ids, await Cards(studio).of(tasks, lang), strict=True)
    await one.client.aclose()
    await one.downloader.aclose()
    return {name: _spoken(card, pieces[name], lang) for name, card in drawn}


def _spoken(card: dict[str, Any], piece: Piece, lang: Lang) -> dict[str, Any]:
    asked = card["request"]
    return card | {"request": asked | {"prompt": piece.prompt.of(lang)} if asked else asked}
