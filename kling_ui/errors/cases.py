"""Everything that can happen to a task, in words: one table of what, what it cost, what to do."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ..text import Text

Charged = Literal["no", "yes", "maybe"]
Action = Literal["again", "edit", "look", "release", ""]


@dataclass(frozen=True, slots=True)
class Case:
    """`action` is the one thing to do here now: send what was asked once more, take its settings
    into the form, ask Kling, send what was held back; or nothing, because it goes on by itself
    or the remedy lies elsewhere."""

    title: Text
    advice: Text
    action: Action
    charged: Charged = "no"


_LOOKING = Text("We keep looking whether it was accepted.", "我们会继续查询它是否已被受理。")
_SUPPORT = Text("Ask Kling's support with the task id.", "请凭任务 ID 联系可灵客服。")
_CLOCK = Text("Set this machine's clock right, then send again.", "请校准本机时间后重新发送。")

CASES: dict[str, Case] = {
    "1000": Case(
        Text("Kling did not accept the key", "密钥未通过可灵验证"),
        Text(
            "Check the key, under Settings or in KLING_API_KEY, and retry.",
            "请检查“设置”中或 KLING_API_KEY 中的密钥，然后重试。",
        ),
        "again",
    ),
    "1001": Case(
        Text("The key did not reach Kling", "密钥没有送达可灵"),
        Text(
            "Check the key, under Settings or in KLING_API_KEY, and the gateway between us and "
            "Kling.",
            "请检查“设置”中或 KLING_API_KEY 中的密钥，以及中间的网关。",
        ),
        "again",
    ),
    "1002": Case(
        Text("Kling does not know this key", "可灵无法识别该密钥"),
        Text(
            "Check the key, and that it belongs to the region of KLING_BASE_URL.",
            "请检查密钥，并确认它与 KLING_BASE_URL 属于同一区域。",
        ),
        "again",
    ),
    "1003": Case(
        Text("The login token is not valid yet", "登录令牌尚未生效"),
        _CLOCK,
        "again",
    ),
    "1004": Case(
        Text("The login token has expired", "登录令牌已过期"),
        _CLOCK,
        "again",
    ),
    "1100": Case(
        Text("Kling reports a problem with the account", "可灵提示账号异常"),
        Text("Look at the account in Kling's console.", "请到可灵控制台查看账号状态。"),
        "again",
    ),
    "1101": Case(
        Text("The account is in arrears", "账号已欠费"),
        Text("Top up in Kling's console, then send again.", "请在可灵控制台充值后重新发送。"),
        "again",
    ),
    "1102": Case(
        Text("The resource pack is used up or expired", "资源包已用完或已过期"),
        Text(
            "Buy a pack or enable pay-as-you-go, then send again.",
            "请购买资源包或开通后付费，再重新发送。",
        ),
        "again",
    ),
    "1103": Case(
        Text("The account may not use this model", "账号没有使用该模型的权限"),
        Text("Choose another model or ask Kling for access.", "请换一个模型，或向可灵申请权限。"),
        "edit",
    ),
    "1200": Case(
        Text("Kling did not understand the request", "可灵无法理解该请求"),
        Text("Change the settings and send again.", "请调整设置后重新发送。"),
        "edit",
    ),
    "1201": Case(
        Text("Kling refused one of the values", "可灵拒绝了其中一个参数"),
        Text("Change the value named in the details.", "请修改详情中提到的参数。"),
        "edit",
    ),
    "1202": Case(
        Text("The address does not take this request", "该地址不接受此请求"),
        Text("Check KLING_BASE_URL, then send again.", "请检查 KLING_BASE_URL 后重新发送。"),
        "again",
    ),
    "1203": Case(
        Text("Kling does not have this model", "可灵没有这个模型"),
        Text("Choose another model.", "请换一个模型。"),
        "edit",
    ),
    "1300": Case(
        Text("Refused by platform policy", "因平台策略被拒绝"),
        Text("Change the prompt or the picture.", "请修改提示词或参考图。"),
        "edit",
    ),
    "1301": Case(
        Text("Wording or picture refused", "内容未通过审核"),
        Text(
            "Change the prompt or the picture and send again.", "请修改提示词或参考图后重新发送。"
        ),
        "edit",
    ),
    "1302": Case(
        Text("Too many requests at once", "请求过于频繁"),
        Text("It waits and goes on by itself.", "正在等待，稍后会自动继续。"),
        "",
    ),
    "1303": Case(
        Text("All places at Kling are taken", "可灵并发已满"),
        Text("It goes on by itself when a place is free.", "有空位后会自动继续。"),
        "",
    ),
    "1304": Case(
        Text("This machine's address is not on the account's list", "本机 IP 不在账号白名单内"),
        Text("Add it to the IP list in Kling's console.", "请在可灵控制台把本机 IP 加入白名单。"),
        "again",
    ),
    "5000": Case(Text("Kling had an internal error", "可灵内部错误"), _LOOKING, "look", "maybe"),
    "5001": Case(Text("Kling is under maintenance", "可灵正在维护"), _LOOKING, "look", "maybe"),
    "5002": Case(Text("Kling answered too late", "可灵响应超时"), _LOOKING, "look", "maybe"),
    "refused": Case(
        Text("Kling refused the request", "可灵拒绝了该请求"),
        Text("Read the details, change it and send again.", "请查看详情，修改后重新发送。"),
        "edit",
    ),
    "redirect": Case(
        Text("The address points elsewhere", "该地址发生了跳转"),
        Text("Set KLING_BASE_URL to the final address.", "请把 KLING_BASE_URL 设为最终地址。"),
        "again",
    ),
    "unreachable": Case(
        Text("Kling cannot be reached", "无法连接可灵"),
        Text("Nothing was sent; it is tried again by itself.", "尚未发送任何内容，会自动重试。"),
        "",
    ),
    "no_answer": Case(
        Text("Kling may have accepted this", "可灵可能已受理"),
        Text(
            "No usable answer came: we keep looking, and nothing is sent again while Kling may "
            "have it.",
            "没有收到有效答复：我们会继续查询；只要可灵可能已受理，就不会自动重发。",
        ),
        "look",
        "maybe",
    ),
    "interrupted": Case(
        Text("Kling may have accepted this", "可灵可能已受理"),
        Text(
            "The program stopped while sending: we keep looking, and nothing is sent again while "
            "Kling may have it.",
            "发送途中程序停止了：我们会继续查询；只要可灵可能已受理，就不会自动重发。",
        ),
        "look",
        "maybe",
    ),
    "salvaged": Case(
        Text("Kling may have accepted this", "可灵可能已受理"),
        Text(
            "The history was damaged, and whether this was sent is not known: we keep looking.",
            "历史记录曾损坏，无法确定此任务是否已发送：我们会继续查询。",
        ),
        "look",
        "maybe",
    ),
    "not_shared": Case(
        Text("This studio's key is not shared any more", "本站密钥不再共享"),
        Text(
            "Add your own key under Settings and generate again.",
            "请在“设置”中添加您自己的密钥，然后重新生成。",
        ),
        "again",
    ),
    "restored": Case(
        Text("Kling may have accepted this", "可灵可能已受理"),
        Text(
            "It waited when the backup was made, and may have been sent since: we keep looking.",
            "备份时此任务仍在等待，之后可能已经发送：我们会继续查询。",
        ),
        "look",
        "maybe",
    ),
    "failed": Case(
        Text("Kling could not make it", "可灵生成失败"),
        Text("Change the prompt or simply try again.", "请修改提示词，或直接重试。"),
        "again",
    ),
    "risk_control": Case(
        Text("Stopped by Kling's risk control", "未通过可灵风控"),
        Text(
            "Often real people or brands: change the wording, or try it again later.",
            "多与真人或品牌有关：请修改措辞，或稍后再试。",
        ),
        "edit",
    ),
    "bad_picture": Case(
        Text("Kling could not use the reference picture", "可灵无法使用该参考图"),
        Text("Choose another picture.", "请换一张图片。"),
        "edit",
    ),
    "reference_gone": Case(
        Text("The reference picture is no longer here", "参考图已不在本机"),
        Text("Nothing was sent: add it again and generate.", "未发送：请重新添加参考图后再生成。"),
        "edit",
    ),
    "held": Case(
        Text("Not sent yet: the program was stopped for a while", "尚未发送：程序曾停止了一段时间"),
        Text("Send it now, or cancel it.", "可以现在发送，或取消。"),
        "release",
    ),
    "no_pictures": Case(
        Text("Kling finished without a picture", "可灵已完成，但没有返回图片"),
        _SUPPORT,
        "",
        "yes",
    ),
    "some_missing": Case(
        Text("Fewer pictures came than were asked for", "返回的图片少于请求的数量"),
        Text("Those that came are kept.", "已收到的图片均已保存。"),
        "",
        "yes",
    ),
    "fetching": Case(
        Text("A picture could not be fetched yet", "图片暂时无法下载"),
        Text("It is tried again by itself.", "会自动重试。"),
        "",
        "yes",
    ),
    "pictures_gone": Case(
        Text("The pictures are no longer at Kling", "可灵上已没有这些图片"),
        _SUPPORT,
        "",
        "yes",
    ),
    "disk": Case(
        Text("The disk is full or cannot be written", "磁盘已满或无法写入"),
        Text("Make room; it goes on by itself.", "请清理磁盘空间，之后会自动继续。"),
        "",
        "yes",
    ),
    "not_found": Case(
        Text("Kling has no trace of this task", "可灵没有这个任务的记录"),
        Text(
            "It was most likely never accepted and can be sent again.",
            "很可能未被受理，可以重新发送。",
        ),
        "again",
        "maybe",
    ),
    "expired": Case(
        Text("Not sent: Kling could not be reached in time", "未发送：长时间无法连接可灵"),
        Text("Send it again when the connection is back.", "网络恢复后请重新发送。"),
        "again",
    ),
    "above_limit": Case(
        Text(
            "It asks for more pictures than this account has taken at once",
            "请求的图片数超过了该账号目前能同时生成的数量",
        ),
        Text(
            "It is tried when nothing else runs; to be sure, cancel it and ask for fewer.",
            "没有其他任务运行时会再尝试；更稳妥的做法是取消它并减少图片数量。",
        ),
        "edit",
    ),
    "forgotten": Case(
        Text("Kling says it does not know this task any more", "可灵称该任务已不存在"),
        Text(
            "It is asked again now and then, for a day and longer.",
            "之后一天多内会不时再次查询。",
        ),
        "look",
        "maybe",
    ),
    "cancelled": Case(
        Text("Cancelled before it was sent", "已在发送前取消"),
        Text("Change it and send it again, or let it be.", "可以修改后重新发送，也可以不再处理。"),
        "edit",
    ),
    "account_missing": Case(
        Text("Waiting for your key", "等待您的密钥"),
        Text(
            "Enter the key it was sent with under Settings, or start with that key, and it goes "
            "on.",
            "在“设置”中填入发送时使用的密钥，或使用该密钥启动程序后，任务会继续。",
        ),
        "",
    ),
    "unexpected": Case(
        Text("Something unexpected happened here", "出现了意外错误"),
        Text("The log has the details.", "详情请查看日志。"),
        "look",
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
