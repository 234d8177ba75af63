"""What others may spend of the operator's key in a day, and do at a time."""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import Literal

from ..history import Limits, OverLimit
from ..text import Text

Payer = Literal["operator", "visitor", "nobody"]  # whose key a task goes to; the demo's is nobody's

NEIGHBOURS = 5  # times what one visitor may have, for all who come from one address
ATTEMPTS = 5  # tasks for each picture that one visitor may have: what fails is not counted there

NONE_LEFT = Text(
    "Your {limit} pictures of today are used up. Add your own key under Settings, or come back "
    "tomorrow.",
    "您今天的 {limit} 张图片额度已用完。请在“设置”中添加您自己的密钥，或明天再来。",
)
FEW_LEFT = Text(
    "{left} of {limit} pictures are left for you today. Ask for fewer, or add your own key under "
    "Settings.",
    "您今天还可生成 {left} 张（共 {limit} 张）。请减少数量，或在“设置”中添加您自己的密钥。",
)
NEIGHBOURS_FULL = Text(
    "The pictures that your network may have today are used up. Add your own key under Settings, "
    "or come back tomorrow.",
    "您所在网络今天的图片额度已用完。请在“设置”中添加您自己的密钥，或明天再来。",
)
NO_MONEY = Text(
    "What this studio may spend today does not suffice for this. Ask for fewer pictures, add your "
    "own key under Settings, or come back tomorrow.",
    "本站今天的预算不足以完成此任务。请减少数量，在“设置”中添加您自己的密钥，或明天再来。",
)
NO_MONEY_FOR_ONE = Text(
    "What this studio may spend today does not suffice for this. Add your own key under Settings, "
    "or come back tomorrow.",
    "本站今天的预算不足以完成此任务。请在“设置”中添加您自己的密钥，或明天再来。",
)
UNPRICED = Text(
    "The price of this model is unknown here, so it cannot be held against today's budget. Choose "
    "another model, or add your own key under Settings.",
    "此模型的价格未知，无法计入今天的预算。请选择其他模型，或在“设置”中添加您自己的密钥。",
)
TOO_MANY_TASKS = Text(
    "You have made {limit} tasks today, whatever became of them: no more are taken. Come back "
    "tomorrow.",
    "您今天已提交 {limit} 个任务（无论结果如何），不再接受新任务，请明天再来。",
)
FEW_TASKS = Text(
    "{left} of {limit} tasks are left for you today. Compare fewer.",
    "您今天还可提交 {left} 个任务（共 {limit} 个）。请减少对比数量。",
)
NEIGHBOURS_TASKS = Text(
    "From your network no more tasks are taken today. Come back tomorrow.",
    "您所在网络今天的任务数已达上限，请明天再来。",
)
TOO_MANY_OPEN = Text(
    "You have {limit} tasks under way. Wait until one is finished.",
    "您已有 {limit} 个任务正在进行，请等待其中一个完成。",
)
TOO_MANY_WAIT = Text(
    "Too many tasks wait here at the moment: nothing was sent. Try again in a few minutes.",
    "当前等待的任务过多：未发送任何内容。请过几分钟再试。",
)
STILL_COUNTING = Text(
    "What was spent today is still being counted. Try again in a moment, or add your own key under "
    "Settings.",
    "正在统计今天已花费的金额。请稍后再试，或在“设置”中添加您自己的密钥。",
)
NEVER_COUNTED = Text(
    "What was spent today cannot be known here: this studio forgets it at a restart, and the API "
    "gives no list of its tasks. Add your own key under Settings.",
    "无法得知今天已花费的金额：本站重启后会丢失记录，而该 API 不提供任务列表。"
    "请在“设置”中添加您自己的密钥。",
)
TOO_MANY_AT_ONCE = Text(
    "At most {limit} in one task with this studio's key.",
    "使用本站密钥时每个任务最多 {limit} 张。",
)


@dataclass(frozen=True, slots=True)
class Left:
    """Pictures that an owner may still have today, of so many."""

    left: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """None is no limit. Of the operator's key, per day: `pictures` for each owner, `money` in all,
    in the price's currency; and `per_task` pictures in one task. Of the demo, which fills the disk:
    `drawn` pictures for each owner. Of everybody, whoever pays: `tasks` of one owner in a day,
    `open` ones at a time, `waiting` ones in all. `secret` hides addresses."""

    pictures: int | None = None
    drawn: int | None = None
    money: float | None = None
    per_task: int | None = None
    tasks: int | None = None
    open: int | None = None
    waiting: int | None = None
    secret: bytes = b""

    def limits(self, payer: Payer, *, dearest: float = 0.0) -> Limits:
        """`dearest` is what a picture may cost at most, as far as that is known."""
        pictures = {"operator": self.pictures, "nobody": self.drawn}.get(payer)
        tasks = self.tasks
        if tasks is not None and pictures is not None:
            tasks = min(tasks, ATTEMPTS * pictures)
        return Limits(
            since=midnight(),
            tasks=tasks,
            neighbours_tasks=self._of_neighbours(tasks),
            pictures=pictures,
            neighbours=self._of_neighbours(pictures),
            money=self.money if payer == "operator" else None,
            unknown=dearest,
            open=self.open,
            waiting=self.waiting,
        )

    def _of_neighbours(self, of_one: int | None) -> int | None:
        return None if of_one is None or not self.secret else NEIGHBOURS * of_one

    def address(self, caller: str) -> str:
        """What is written down of where somebody comes from: nobody can tell where that is."""
        if not caller or not self.secret:
            return ""
        return hmac.new(self.secret, caller.encode(), hashlib.sha256).hexdigest()[:16]

    def at_once(self, n: int) -> Text | None:
        """What is wrong with so many pictures in one task."""
        few = self.per_task is None or n <= self.per_task
        return None if few else TOO_MANY_AT_ONCE.fill(limit=self.per_task)

    def problem(self, over: OverLimit, limits: Limits, *, only_one: bool = False) -> Text:
        """Why something was not taken; `only_one` picture, so that no fewer can be asked for."""
        match over.limit:
            case "tasks":
                text = FEW_TASKS if over.left else TOO_MANY_TASKS
                return text.fill(left=int(over.left or 0), limit=limits.tasks)
            case "neighbours_tasks":
                return NEIGHBOURS_TASKS
            case "pictures":
                text = FEW_LEFT if over.left else NONE_LEFT
                return text.fill(left=int(over.left or 0), limit=limits.pictures)
            case "neighbours":
                return NEIGHBOURS_FULL
            case "money":
                return NO_MONEY_FOR_ONE if only_one else NO_MONEY
            case "unpriced":
                return UNPRICED
            case "open":
                return TOO_MANY_OPEN.fill(limit=self.open)
            case "waiting":
                return TOO_MANY_WAIT


def midnight() -> float:
    """When today began here, in Unix seconds."""
    return time.mktime((*time.localtime()[:3], 0, 0, 0, 0, 0, -1))
