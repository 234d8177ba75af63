"""What can go wrong between us and Kling, and what the user can do about each.

    KlingError
      x NotSent          nothing left this machine: connect, DNS, TLS      safe to send again
      x NoAnswer         sent, but no usable answer                        may have been accepted
        + KlingDown      5000–5002 and every other 5xx
      x Refused          Kling answered, and said no: nothing made, nothing charged
        + KeyRejected    1000–1004, any other 401
        + AccountBlocked 1100–1103, 1304, any other 403
        + BadRequest     1200–1203, any other 4xx, a redirect
        + ContentBlocked 1300–1301
        + TooFast        1302–1303, a 429 without a body                   safe to send again
        + NotFound       a query for a task that Kling does not know

A task that Kling accepted and that failed later is no exception: it is an answer, with a `Case`.
Codes decide, never the HTTP status alone: 429 means "slow down" as well as "no money".
Source: Kling's error table and live messages, 2026-11-22.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from .text import Text

Charged = Literal["no", "yes", "maybe"]


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that can happen to a task, in words: what, and what to do now."""

    title: Text
    advice: Text
    charged: Charged = "no"


class KlingError(Exception):
    """`case` is a key of `CASES`; `detail` is upstream's text, already cleaned."""

    fallback = "unexpected"

    def __init__(
        self,
        detail: str = "",
        *,
        case: str = "",
        code: int | None = None,
        status: int | None = None,
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        self.case = case or (str(code) if str(code) in CASES else self.fallback)
        self.detail = clean(detail)
        self.code, self.status = code, status
        self.request_id, self.retry_after = clean(request_id), retry_after
        super().__init__(f"{self.case}: {self.detail}" if self.detail else self.case)


class NotSent(KlingError):
    fallback = "unreachable"


class NoAnswer(KlingError):
    fallback = "no_answer"


class KlingDown(NoAnswer):
    fallback = "5000"


class Refused(KlingError):
    fallback = "refused"


class KeyRejected(Refused):
    fallback = "1002"


class AccountBlocked(Refused):
    fallback = "1103"


class BadRequest(Refused):
    fallback = "1200"


class ContentBlocked(Refused):
    fallback = "1301"


class TooFast(Refused):
    fallback = "1302"


class NotFound(Refused):
    fallback = "not_found"


_KINDS: dict[int, type[KlingError]] = {
    **dict.fromkeys(range(1000, 1005), KeyRejected),
    **dict.fromkeys((1100, 1101, 1102, 1103, 1304), AccountBlocked),
    **dict.fromkeys(range(1200, 1204), BadRequest),
    **dict.fromkeys((1300, 1301), ContentBlocked),
    **dict.fromkeys((1302, 1303), TooFast),
    **dict.fromkeys((5000, 5001, 5002), KlingDown),
}
_BY_STATUS: dict[int, type[KlingError]] = {401: KeyRejected, 403: AccountBlocked}


def refusal(code: int | None, status: int, *, bare: bool = False) -> type[KlingError]:
    """The class of a reply that is not a success.

    `code` is Kling's own; without one the HTTP `status` decides. `bare`: the reply had no body,
    which makes a 429 a throttle. A 5xx always stays ambiguous, whatever code it carries."""
    if status >= 500:
        return KlingDown if code in (5000, 5001, 5002) or code is None else NoAnswer
    if status == 408:
        return NoAnswer
    if code in _KINDS:
        return _KINDS[code]
    if status == 429:
        return TooFast if bare else Refused
    if status in (409, 425):
        return NoAnswer
    return _BY_STATUS.get(status, BadRequest if 300 <= status < 500 else Refused)


_CONTROL = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]+"
)
_SECRET = re.compile(r"(?i)(bearer\s+)\S+|\b(sk|api-key)-[\w-]{6,}|\beyJ[\w-]{8,}(\.[\w-]*){0,2}")


def clean(text: object) -> str:
    """Foreign text made fit to show: one line, no control or direction marks, nothing that looks
    like a key, at most 300 characters."""
    line = _CONTROL.sub(" ", str(text).encode("utf-8", "replace").decode()).strip()
    line = _SECRET.sub("•••", line)
    return line if len(line) <= 300 else line[:299] + "…"


CASES: dict[str, Case] = {
    "1000": Case(
        Text("Kling did not accept the key", "可灵未通过密钥验证"),
        Text("Check KLING_API_KEY and start again.", "请检查 KLING_API_KEY 后重新启动。"),
    ),
    "1001": Case(
        Text("The key did not reach Kling", "密钥没有送达可灵"),
        Text(
            "Check KLING_API_KEY and the gateway between us and Kling.",
            "请检查 KLING_API_KEY 以及中间的网关。",
        ),
    ),
    "1002": Case(
        Text("Kling does not know this key", "可灵不认识这个密钥"),
        Text(
            "Check the key, and that it belongs to the region of KLING_BASE_URL.",
            "请检查密钥，并确认它与 KLING_BASE_URL 属于同一区域。",
        ),
    ),
    "1003": Case(
        Text("The login token is not valid yet", "登录令牌尚未生效"),
        Text("Set this machine's clock right, then send again.", "请校准本机时间后重新发送。"),
    ),
    "1004": Case(
        Text("The login token has expired", "登录令牌已过期"),
        Text("Set this machine's clock right, then send again.", "请校准本机时间后重新发送。"),
    ),
    "1100": Case(
        Text("Kling reports a problem with the account", "可灵提示账号异常"),
        Text("Look at the account in Kling's console.", "请到可灵控制台查看账号状态。"),
    ),
    "1101": Case(
        Text("The account is in arrears", "账号已欠费"),
        Text("Top up in Kling's console, then send again.", "请在可灵控制台充值后重新发送。"),
    ),
    "1102": Case(
        Text("The resource pack is used up or expired", "资源包已用完或已过期"),
        Text(
            "Buy a pack or enable pay-as-you-go, then send again.",
            "请购买资源包或开通后付费，再重新发送。",
        ),
    ),
    "1103": Case(
        Text("The account may not use this model", "账号没有使用该模型的权限"),
        Text("Choose another model or ask Kling for access.", "请换一个模型，或向可灵申请权限。"),
    ),
    "1200": Case(
        Text("Kling did not understand the request", "可灵无法理解该请求"),
        Text("Change the settings and send again.", "请调整设置后重新发送。"),
    ),
    "1201": Case(
        Text("Kling refused one of the values", "可灵拒绝了其中一个参数"),
        Text("Change the value named in the details.", "请修改详情中提到的参数。"),
    ),
    "1202": Case(
        Text("The address does not take this request", "该地址不接受此请求"),
        Text("Check KLING_BASE_URL.", "请检查 KLING_BASE_URL。"),
    ),
    "1203": Case(
        Text("Kling does not have this model", "可灵没有这个模型"),
        Text("Choose another model.", "请换一个模型。"),
    ),
    "1300": Case(
        Text("Refused by platform policy", "因平台策略被拒绝"),
        Text("Change the prompt or the picture.", "请修改提示词或参考图。"),
    ),
    "1301": Case(
        Text("Wording or picture refused", "内容未通过审核"),
        Text(
            "Change the prompt or the picture and send again.", "请修改提示词或参考图后重新发送。"
        ),
    ),
    "1302": Case(
        Text("Too many requests at once", "请求过于频繁"),
        Text("It waits and goes on by itself.", "正在等待，稍后会自动继续。"),
    ),
    "1303": Case(
        Text("All places at Kling are taken", "可灵并发已满"),
        Text("It goes on by itself when a place is free.", "有空位后会自动继续。"),
    ),
    "1304": Case(
        Text("This machine's address is not on the account's list", "本机 IP 不在账号白名单内"),
        Text("Add it to the IP list in Kling's console.", "请在可灵控制台把本机 IP 加入白名单。"),
    ),
    "5000": Case(
        Text("Kling had an internal error", "可灵内部错误"),
        Text("We keep looking whether it was accepted.", "我们会继续查询它是否已被受理。"),
        "maybe",
    ),
    "5001": Case(
        Text("Kling is under maintenance", "可灵正在维护"),
        Text("We keep looking whether it was accepted.", "我们会继续查询它是否已被受理。"),
        "maybe",
    ),
    "5002": Case(
        Text("Kling answered too late", "可灵响应超时"),
        Text("We keep looking whether it was accepted.", "我们会继续查询它是否已被受理。"),
        "maybe",
    ),
    "refused": Case(
        Text("Kling refused the request", "可灵拒绝了该请求"),
        Text("Read the details, change it and send again.", "请查看详情，修改后重新发送。"),
    ),
    "redirect": Case(
        Text("The address points elsewhere", "该地址发生了跳转"),
        Text("Set KLING_BASE_URL to the final address.", "请把 KLING_BASE_URL 设为最终地址。"),
    ),
    "unreachable": Case(
        Text("Kling cannot be reached", "无法连接可灵"),
        Text("Nothing was sent. It is tried again by itself.", "尚未发送任何内容，会自动重试。"),
    ),
    "no_answer": Case(
        Text("Kling may have accepted this", "可灵可能已受理"),
        Text(
            "No usable answer came. We keep looking; it is never sent again by itself.",
            "没有收到有效答复。我们会继续查询，绝不会自动重复发送。",
        ),
        "maybe",
    ),
    "interrupted": Case(
        Text("Kling may have accepted this", "可灵可能已受理"),
        Text(
            "The program stopped while sending. We keep looking; it is never sent again by itself.",
            "发送途中程序停止了。我们会继续查询，绝不会自动重复发送。",
        ),
        "maybe",
    ),
    "failed": Case(
        Text("Kling could not make it", "可灵生成失败"),
        Text("Change the prompt or simply try again.", "请修改提示词，或直接重试。"),
    ),
    "risk_control": Case(
        Text("Stopped by Kling's risk control", "未通过可灵风控"),
        Text(
            "Often real people or brands: change the wording. It sometimes passes later.",
            "多与真人或品牌有关：请修改措辞。同样的内容稍后有时也能通过。",
        ),
    ),
    "bad_picture": Case(
        Text("Kling could not use the reference picture", "可灵无法使用该参考图"),
        Text("Choose another picture.", "请换一张图片。"),
    ),
    "reference_gone": Case(
        Text("The reference picture is no longer here", "参考图已不在本机"),
        Text(
            "Nothing was sent. Add it again and generate.", "未发送任何内容。请重新添加后再生成。"
        ),
    ),
    "held": Case(
        Text("Not sent yet: the program was stopped for a while", "尚未发送：程序曾停止了一段时间"),
        Text("Send it now, or cancel it.", "可以现在发送，或取消。"),
    ),
    "no_pictures": Case(
        Text("Kling finished without a picture", "可灵已完成，但没有返回图片"),
        Text("Ask Kling's support with the task id.", "请凭任务 ID 联系可灵客服。"),
        "yes",
    ),
    "some_missing": Case(
        Text("Fewer pictures came than were asked for", "返回的图片少于请求的数量"),
        Text("Those that came are kept.", "已收到的图片均已保存。"),
        "yes",
    ),
    "fetching": Case(
        Text("A picture could not be fetched yet", "图片暂时无法下载"),
        Text("It is tried again by itself.", "会自动重试。"),
        "yes",
    ),
    "pictures_gone": Case(
        Text("The pictures are no longer at Kling", "图片在可灵已不存在"),
        Text("Ask Kling's support with the task id.", "请凭任务 ID 联系可灵客服。"),
        "yes",
    ),
    "disk": Case(
        Text("The disk is full or cannot be written", "磁盘已满或无法写入"),
        Text("Make room; it goes on by itself.", "请清理磁盘空间，之后会自动继续。"),
        "yes",
    ),
    "not_found": Case(
        Text("Kling has no trace of this task", "可灵没有这个任务的记录"),
        Text(
            "It was probably never accepted. Send it again if you like.",
            "很可能未被受理，可以重新发送。",
        ),
        "maybe",
    ),
    "expired": Case(
        Text("Not sent: Kling could not be reached in time", "未发送：长时间无法连接可灵"),
        Text("Send it again when the connection is back.", "网络恢复后请重新发送。"),
    ),
    "cancelled": Case(
        Text("Cancelled before it was sent", "已在发送前取消"),
        Text("Nothing was charged.", "未产生费用。"),
    ),
    "account_missing": Case(
        Text("Waiting for the account it belongs to", "等待所属账号"),
        Text(
            "Start with the same key and base URL and it goes on.",
            "使用相同的密钥和地址启动后会继续。",
        ),
    ),
    "unexpected": Case(
        Text("Something unexpected happened here", "出现了意外错误"),
        Text("The log has the details.", "详情请查看日志。"),
        "maybe",
    ),
}

_FAILURES = (
    (re.compile(r"risk control", re.I), "risk_control"),
    (
        re.compile(r"image pixel|aspect ratio of the input image|input image is invalid", re.I),
        "bad_picture",
    ),
)


def failure(message: str) -> str:
    """The case of a task that failed at Kling, from its ``task_status_msg``."""
    return next((case for pattern, case in _FAILURES if pattern.search(message)), "failed")
