"""What is said on the way, and why something is not done."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from ..text import Text

T = TypeVar("T")

SILENCE = 5.0  # seconds between two words about how far it is
MB = 1_000_000

# refusals

NO_HISTORY = Text(
    "There is no history in {folder}: nothing was saved.",
    "{folder} 中没有历史记录：未保存任何内容。",
)
INSIDE = Text(
    "{file} would lie in the data folder itself. Choose a place outside of {folder}.",
    "{file} 位于数据文件夹内部。请选择 {folder} 以外的位置。",
)
EXISTS = Text(
    "{file} is there already. With --force it is written over.",
    "{file} 已存在。使用 --force 可覆盖。",
)
ANOTHER_SAVES = Text(
    "Another backup is being written to {file}: this one was given up.",
    "另一个备份正在写入 {file}：本次备份已放弃。",
)
DAMAGED = Text(
    "The history in {folder} is damaged ({why}). Start the program once, which saves what can be "
    "saved; then try again.",
    "{folder} 中的历史记录已损坏（{why}）。请先启动一次程序以抢救可恢复的内容，然后再试。",
)
NO_FILE = Text("There is no file {file}.", "文件 {file} 不存在。")
RUNS = Text(
    "A Kling Image Studio uses {folder}: nothing was changed. Stop it, then try again.",
    "Kling Image Studio 正在使用 {folder}：未做任何更改。请先停止它，然后再试。",
)
NOT_EMPTY = Text(
    "There is something in {folder} already: nothing was changed. With --force it is moved aside, "
    "to {aside}.",
    "{folder} 中已有内容：未做任何更改。使用 --force 会将其移至 {aside}。",
)
MOUNTED = Text(
    "{folder} is a volume of its own, which cannot be exchanged in one step: nothing was changed. "
    "Set KLING_UI_DATA_DIR to a folder inside of it.",
    "{folder} 是独立的卷，无法一步替换：未做任何更改。请将 KLING_UI_DATA_DIR 设为其中的子文件夹。",
)
NO_ROOM = Text(
    "It needs {needed} MB of disk, and there are {free} MB: nothing was changed.",
    "需要 {needed} MB 磁盘空间，而目前只有 {free} MB：未做任何更改。",
)
BROKEN = Text(
    "{file} is no whole backup: {why}. Nothing was changed.",
    "{file} 不是完整的备份：{why}。未做任何更改。",
)
NO_ARCHIVE = Text("it cannot be read as one", "无法作为备份读取")
CUT_OFF = Text("its end is missing", "缺少结尾部分")
STRANGE = Text("it holds {name}, which does not belong there", "其中含有不应出现的 {name}")
OTHER = Text("{name} is not as it was saved", "{name} 与保存时不一致")
HISTORY_BROKEN = Text("its history cannot be used ({why})", "其中的历史记录无法使用（{why}）")
FAILED = Text("It could not be done: {why}", "操作失败：{why}")
STOPPED = Text("Stopped before it was done.", "操作未完成即已停止。")

# what is told on the way

SO_FAR = Text("… {n} files", "…… {n} 个文件")
COPIED = Text(
    "The history is copied: {tasks} tasks with {pictures} pictures.",
    "历史记录已复制：{tasks} 个任务，{pictures} 张图片。",
)
MISSING = Text(
    "{n} files that the history names were gone already, as when a task is deleted meanwhile. "
    "The first is {first}.",
    "历史记录所列的 {n} 个文件当时已不存在（例如任务在此期间被删除），第一个是 {first}。",
)
ALTERED = Text(
    "{n} pictures are no longer on the disk as they once came; they are saved as they are. "
    "The first is {first}.",
    "有 {n} 张图片在磁盘上已与当初收到时不同，按现状保存，第一个是 {first}。",
)
SAVED = Text("Saved in {file}: {size} MB.", "已保存到 {file}：{size} MB。")
UNPACKING = Text("Unpacking {file}; this changes nothing yet.", "正在解压 {file}，尚未做任何更改。")
RESTORED = Text(
    "Restored in {folder}: {tasks} tasks with {pictures} pictures.",
    "已恢复到 {folder}：{tasks} 个任务，{pictures} 张图片。",
)
LOOKED_FOR = Text(
    "Of {n} tasks it is not known whether they were sent: the program looks for them at Kling and "
    "never sends them by itself.",
    "有 {n} 个任务无法确定是否已发送：程序会在可灵查询它们，绝不会自动发送。",
)
ASIDE = Text("What was there before is in {aside}.", "原有内容保存在 {aside}。")


class Refusal(Exception):
    """Why it was not done."""

    def __init__(self, text: Text) -> None:
        super().__init__(text.en)
        self.text = text


def tell(text: Text) -> None:
    """The command line speaks English, as the program does there."""
    print(text.en, flush=True)


def counted(items: Iterable[T]) -> Iterator[T]:
    """The same, with a word now and then about how far it is."""
    spoken = time.monotonic()
    for number, item in enumerate(items):
        if time.monotonic() - spoken > SILENCE:
            tell(SO_FAR.fill(n=number))
            spoken = time.monotonic()
        yield item


def shown(name: str) -> str:
    """A name from an archive may hold anything, and be shown to a terminal."""
    return ascii(name)[1:-1][:200]


def mb(size: int) -> str:
    return f"{size / MB:.1f}"
