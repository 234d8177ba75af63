"""What a request field is made of: its spec, when it means something, how a value is read.

Every endpoint's request is declared with these (`request` has the first one).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any
from urllib.parse import urlsplit

from . import catalog
from .addresses import check_reference_url
from .catalog import NO, YES, Model, Support
from .text import Text

KEPT = "reference:"  # how `image` names a cleaned upload in our own folder
KINDS = ("", "subject", "face")
# characters of what is written, of any model: it travels in every event of its task; and of what
# is chosen, or an address
LONGEST, SHORT = 10_000, 2048


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides whether a field means something."""

    model: Model
    picture: bool
    reference: str  # one of KINDS

    @property
    def ratios(self) -> tuple[str, ...]:
        return self.model.ratios

    @property
    def resolutions(self) -> tuple[str, ...]:
        return self.model.picture_resolutions if self.picture else self.model.resolutions


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a field is taken, and if not surely: why."""

    support: Support = YES
    reason: Text | None = None


Limit = Callable[[Situation], int | None]


@dataclass(frozen=True, slots=True)
class Spec:
    """What is known about a field besides its type and default."""

    label: Text
    help: Text
    required: bool = False
    length: Limit | None = None  # most characters
    bounds: tuple[float, float] | None = None
    switch: bool = False
    choices: Callable[[Situation], Sequence[str]] | None = None
    when: Callable[[Situation], Verdict] = lambda _: Verdict()
    check: Callable[[str], Text | None] | None = None

    def problem(self, value: Any, situation: Situation) -> Text | None:
        """What is wrong with `value` here; None when nothing is."""
        if is_blank(value):
            return REQUIRED if self.required else None
        if self.switch:
            return None if isinstance(value, bool) else NOT_A_SWITCH.fill(value=_short(value))
        if self.bounds:
            return self._number(value)
        if not isinstance(value, str):
            return NOT_TEXT
        if self.choices and situation.model.status != "unknown":
            return self._choice(value, self.choices(situation))
        return self._text(value, situation)

    def _text(self, value: str, situation: Situation) -> Text | None:
        limit = self.longest(situation)
        if len(value) > limit:
            return TOO_LONG.fill(size=len(value), limit=limit, excess=len(value) - limit)
        return self.check(value) if self.check else None

    def longest(self, situation: Situation) -> int:
        """The most characters: what the model takes, or where nobody knows what we bear."""
        if self.length is None:
            return SHORT
        limit = self.length(situation)
        return LONGEST if limit is None else min(limit, LONGEST)

    @staticmethod
    def _choice(value: str, offered: Sequence[str]) -> Text | None:
        if value in offered:
            return None
        return NOT_OFFERED.fill(value=_short(value), choices=", ".join(filter(None, offered)))

    def _number(self, value: Any) -> Text | None:
        low, high = self.bounds or (0, 0)
        kind = int | float if isinstance(high, float) else int
        sound = isinstance(value, kind) and not isinstance(value, bool) and low <= value <= high
        if sound:
            return None
        sentence = NOT_IN_RANGE if isinstance(high, float) else NOT_A_COUNT
        return sentence.fill(value=_short(value), low=f"{low:g}", high=f"{high:g}")


def spec(default: Any, label: Text, help: Text, **rules: Any) -> Any:
    return dataclasses.field(default=default, metadata={"spec": Spec(label, help, **rules)})


REQUIRED = Text("Describe the picture first.", "请先描述想要的画面。")
MODEL_REQUIRED = Text("Choose a model.", "请选择模型。")
PICTURE_REQUIRED = Text(
    "{model} only restyles a picture: add one.", "{model} 只能改变图片风格：请提供一张图片。"
)
TOO_LONG = Text(
    "{size} characters, {excess} more than the {limit} allowed.",
    "共 {size} 个字符，比上限 {limit} 多 {excess} 个。",
)
NOT_OFFERED = Text('"{value}" is not one of: {choices}.', "“{value}”不在可选范围内：{choices}。")
NOT_A_COUNT = Text(
    '"{value}" is not a whole number from {low} to {high}.',
    "“{value}”不是 {low} 到 {high} 的整数。",
)
NOT_IN_RANGE = Text(
    '"{value}" is not a number from {low} to {high}.', "“{value}”不是 {low} 到 {high} 之间的数。"
)
NOT_A_SWITCH = Text('"{value}" is neither yes nor no.', "“{value}”既不是“是”也不是“否”。")
NOT_TEXT = Text("Not a text.", "不是文本。")
NOT_A_URL = Text("Not a web address like https://host/path.", "不是形如 https://host/path 的网址。")
NOT_AN_ID = Text(
    "Use letters, digits and signs without spaces, at most 256.",
    "只能使用字母、数字和符号，不含空格，最多 256 个字符。",
)
NOT_ELEMENTS = Text(
    '"{value}" is not an element id: digits only, separated by commas.',
    "“{value}”不是元素 ID：只能是数字，用逗号分隔。",
)
TOO_MANY_ELEMENTS = Text(
    "{count} elements and pictures, at most {limit} together.",
    "元素和图片共 {count} 个，合计最多 {limit} 个。",
)
NEEDS_PICTURE = Text("Needs a reference picture.", "需要先提供参考图。")
NEEDS_SUBJECT = Text("Acts only with the kind “subject”.", "仅在参考类型为“主体”时有效。")
NO_NEGATIVE = Text(
    "{model} takes no negative prompt beside a picture.", "{model} 使用参考图时不支持负向提示词。"
)
NOT_TAKEN = Text("{model} does not take this.", "{model} 不支持此项。")
PERHAPS = Text(
    "Sources disagree whether {model} takes this. It is sent; Kling may refuse or ignore it.",
    "关于 {model} 是否支持此项，资料说法不一。仍会发送，可灵可能拒绝或忽略。",
)
KEEPS_SHAPE = Text(
    "With a reference picture Kling usually keeps that picture's shape.",
    "使用参考图时，可灵通常保持参考图自身的比例。",
)
ONE_SIZE = Text("{model} has one size only.", "{model} 只有一种尺寸。")
THIS_MODEL = Text("this model", "该模型")
REFERENCE_ADVISED = Text(
    "{model} usually wants a kind of reference with a picture.",
    "{model} 使用图片时通常需要选择参考类型。",
)


def taken(field: str, *, picture: bool = False) -> Callable[[Situation], Verdict]:
    """A field the model takes as the catalog says, `picture`: only beside a picture."""

    def when(situation: Situation) -> Verdict:
        if picture and not situation.picture:
            return Verdict(NO, NEEDS_PICTURE)
        support = getattr(situation.model, field)
        reason = {YES: None, NO: NOT_TAKEN}.get(support, PERHAPS)
        return Verdict(support, reason and reason.fill(model=_named(situation)))

    return when


def _named(situation: Situation) -> str | Text:
    return situation.model.name or THIS_MODEL


def negative(situation: Situation) -> Verdict:
    support = situation.model.negative_with_picture if situation.picture else YES
    reason = {YES: None, NO: NO_NEGATIVE}.get(support, PERHAPS)
    return Verdict(support, reason and reason.fill(model=_named(situation)))


def reference(situation: Situation) -> Verdict:
    """Which kind of reference: blank is a choice too, and for some models a doubtful one."""
    verdict = taken("image_reference", picture=True)(situation)
    if verdict.support is NO or situation.reference or not situation.model.reference_needed:
        return verdict
    return Verdict(catalog.DOUBTFUL, REFERENCE_ADVISED.fill(model=_named(situation)))


def human(situation: Situation) -> Verdict:
    """Newer pages: acts for `subject` only; one of 2025 says `face`. Without a kind it is idle."""
    verdict = taken("human_fidelity", picture=True)(situation)
    if verdict.support is NO or situation.reference == "subject":
        return verdict
    if situation.reference == "face" and situation.model.status != "current":
        return Verdict(catalog.DOUBTFUL, PERHAPS.fill(model=_named(situation)))
    return Verdict(NO, NEEDS_SUBJECT)


def size(situation: Situation) -> Verdict:
    if situation.resolutions:
        return Verdict()
    return Verdict(NO, ONE_SIZE.fill(model=_named(situation)))


def shape(situation: Situation) -> Verdict:
    return Verdict(catalog.DOUBTFUL, KEEPS_SHAPE) if situation.picture else Verdict()


def check_url(value: str) -> Text | None:
    try:
        parts = urlsplit(value)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    visible = value.isprintable() and " " not in value
    return None if sound and visible else NOT_A_URL


def check_picture(value: str) -> Text | None:
    return None if value.startswith(KEPT) else check_reference_url(value)


def check_id(value: str) -> Text | None:
    return None if re.fullmatch(r"[\x21-\x7e]{1,256}", value) else NOT_AN_ID


def check_elements(value: str) -> Text | None:
    wrong = (word for word in words(value) if isinstance(element_id(word), str))
    return next((NOT_ELEMENTS.fill(value=_short(word)) for word in wrong), None)


def element_id(word: str) -> int | str:
    """A 64-bit id, or the word itself where it is none."""
    sound = word.isascii() and word.isdigit() and len(word) < 20
    return int(word) if sound and 0 < int(word) < 2**63 else word


def is_blank(value: Any) -> bool:
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def is_plain(value: Any) -> bool:
    """A text of bearable length or a number that JSON knows: nothing nested, no NaN, no
    infinity."""
    if isinstance(value, str):
        return len(value) <= LONGEST
    return isinstance(value, int) or (isinstance(value, float) and isfinite(value))


def _short(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else text[:39] + "…"


def words(value: str) -> list[str]:
    return [word for word in re.split(r"[\s,;，；、]+", value) if word]


_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


def read_text(value: Any) -> Any:
    """Without control and direction marks and lone surrogates, which no model reads."""
    return _UNSAFE.sub("", value) if isinstance(value, str) else value


def read_line(value: Any) -> Any:
    return read_text(value).strip() if isinstance(value, str) else value


def read_number(kind: type[int] | type[float]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        value = read_line(value)
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            return value
        if isinstance(value, bool) or number != number:
            return value
        return int(number) if kind is int and number.is_integer() else number

    return read


def read_switch(value: Any) -> Any:
    if isinstance(value, Mapping):
        value = value.get("enabled", False)
    if not isinstance(value, str):
        return value
    word = read_line(value)
    return word.lower() in _ON if word.lower() in _ON | _OFF else word


_ON, _OFF = {"true", "1", "on", "yes"}, {"false", "0", "off", "no"}


def read_elements(value: Any) -> Any:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return read_line(str(value)) if isinstance(value, int) else read_line(value)
    ids = (v.get("element_id", v) if isinstance(v, Mapping) else v for v in value)
    return read_line(", ".join(map(str, ids)))
