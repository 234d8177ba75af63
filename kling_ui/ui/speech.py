"""The page's own words, and how they reach the browser in its language.

Labels go through `gr.I18n`: the browser translates them by its locale, which `web.boot` sets to
what the person chose. Sentences made at run time are rendered in Python with ``Text.of``.
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from ..pictures.reference import HEAVY
from ..studio import NO_OWNER
from ..task import State
from ..text import Lang, Text

STATES: dict[State, Text] = {
    State.QUEUED: Text("Waiting", "等待中"),
    State.SENDING: Text("Sending", "发送中"),
    State.UNCONFIRMED: Text("Not confirmed", "未确认"),
    State.SUBMITTED: Text("Submitted", "已提交"),
    State.PROCESSING: Text("Processing", "生成中"),
    State.STALLED: Text("Still running", "仍在运行"),
    State.SAVING: Text("Saving", "保存中"),
    State.SUCCEEDED: Text("Succeeded", "已完成"),
    State.FAILED: Text("Failed", "失败"),
    State.REJECTED: Text("Refused", "被拒绝"),
    State.CANCELLED: Text("Cancelled", "已取消"),
    State.EXPIRED: Text("Not sent", "未发送"),
}

# Words of the page's scripts, by the name they use. `{…}` is filled in the browser.
SCRIPT: dict[str, Text] = {
    "title": Text("Kling Image Studio", "可灵图像工作室"),
    "demo": Text("Demo", "演示"),
    "live": Text("Live", "正式"),
    "running": Text("{n} running", "{n} 个进行中"),
    "today": Text("{amount} today", "今日 {amount}"),
    "today_demo": Text(
        "What today's pictures would have cost by Kling's price list. Nothing is charged in demo.",
        "按可灵价目表估算的今日费用。演示模式不会产生任何费用。",
    ),
    "today_live": Text(
        "Today's pictures by Kling's price list; the bill may differ.",
        "按可灵价目表估算的今日费用，以实际账单为准。",
    ),
    "theme": Text("Light or dark", "浅色或深色"),
    "switch_language": Text("切换到中文", "Switch to English"),
    "generate": Text("Generate {n}", "生成 {n} 张"),
    "price_unknown": Text("price unknown", "价格未知"),
    "estimate": Text("{n} × {each}, estimate", "{n} × {each}，估算"),
    "too_large": HEAVY,
    "url_unused": Text("Not used: the uploaded picture goes first.", "已上传图片，链接不会使用。"),
    "image_hint": Text("optional · JPG or PNG", "可选 · JPG 或 PNG"),
    "shortcut": Text("Ctrl + Enter", "Ctrl + Enter"),
    "characters": Text("{size} / {limit}", "{size} / {limit}"),
    "characters_over": Text(
        "{size} / {limit} · {excess} too many", "{size} / {limit} · 超出 {excess}"
    ),
    "offline": Text(
        "The connection to the studio is lost; it is tried again.",
        "与服务器的连接已断开，正在重连。",
    ),
    "no_answer": Text(
        "No answer yet. Press again: it stays one task.",
        "尚未收到响应。请再按一次，不会重复创建任务。",
    ),
    "no_owner": NO_OWNER,
    "seconds": Text("{n} s", "{n} 秒"),
    "ahead": Text("{n} ahead", "前面还有 {n} 个"),
    "usually": Text("usually {n} s", "通常 {n} 秒"),
    "just_now": Text("just now", "刚刚"),
    "minutes_ago": Text("{n} min ago", "{n} 分钟前"),
    "hours_ago": Text("{n} h ago", "{n} 小时前"),
    "yesterday": Text("yesterday", "昨天"),
    "days_ago": Text("{n} days ago", "{n} 天前"),
    "images_one": Text("1 image", "1 张"),
    "images": Text("{n} images", "{n} 张"),
    "history": Text("History", "历史记录"),
    "all": Text("All", "全部"),
    "filter_running": Text("Running", "进行中"),
    "filter_failed": Text("Failed", "失败"),
    "older": Text("Show older", "显示更早的"),
    "nothing_yet": Text("Your pictures will appear here.", "您的图片会显示在这里。"),
    "nothing_here": Text("Nothing here.", "暂无内容"),
    "picture_of": Text("Picture {n}: {prompt}", "第 {n} 张：{prompt}"),
    "show_task": Text("Show: {prompt}", "查看：{prompt}"),
    "example": Text("Example", "示例"),
    "examples_title": Text("What it can look like", "看看效果"),
    "examples_meta": Text("painted by the demo", "由演示程序绘制"),
    "retired": Text(
        "retired by Kling on 2026-09-15, some gateways still sell it",
        "可灵已于 2026-09-15 下线，部分网关仍在提供",
    ),
    "gateway": Text("never in Kling's own list", "不在可灵官方列表中"),
    "per_image": Text("{price} an image", "每张 {price}"),
    "found_again": Text("Found again at Kling", "从可灵找回"),
    "asking": Text("Asking Kling…", "正在向可灵查询…"),
    "nothing_new": Text(
        "No news of it so far; we keep looking.", "目前还没有新的消息，我们会继续查询。"
    ),
    "unheard": Text(
        "The studio did not answer. Please press again.", "本机服务没有响应，请再按一次。"
    ),
    "not_now": Text("Not now", "暂不"),
    "again_title": Text("Send it again?", "再次发送？"),
    "retry_title": Text("Send it again?", "再次发送？"),
    "discard_title": Text("Discard this task?", "放弃此任务？"),
    "discard_body": Text(
        "It is forgotten here and no longer looked for. If Kling did make it, you may be charged, "
        "and the pictures stay at Kling.",
        "本机将不再保留它，也不再查询。如果可灵其实已经生成，您可能会被计费，图片会留在可灵。",
    ),
    "delete_title": Text("Delete this task and its pictures?", "删除此任务及其图片？"),
    "delete_body": Text("This cannot be undone.", "删除后无法恢复。"),
    "copy": Text("Copy", "复制"),
    "copied": Text("Copied", "已复制"),
    "copy_by_hand": Text("Press Ctrl+C", "请按 Ctrl+C"),
    "sent_again_for": Text("Sent again for", "重新发送自"),
    "former_gone": Text("a task that is not in this list", "不在此列表中的任务"),
    "said": Text("Message", "原始信息"),
    "request_id": Text("Request id", "请求 ID"),
    "task_id": Text("Task id", "任务 ID"),
    "external_task_id": Text("External task id", "自定义任务 ID"),
    "deduction": Text("Units charged", "扣减点数"),
    "estimate_label": Text("Estimate", "估算费用"),
    "request": Text("Request", "请求"),
}


def words(lang: Lang) -> dict[str, Any]:
    """What the page's scripts say, in one language; `state` holds the names of the states."""
    states = {"state": {state: text.of(lang) for state, text in STATES.items()}}
    return {name: text.of(lang) for name, text in SCRIPT.items()} | states


class Speech:
    """Collects every label it is asked to say; `i18n` is what Gradio's launch wants."""

    def __init__(self) -> None:
        self._said: dict[str, Text] = {}

    def say(self, text: Text) -> Any:
        key = f"kling{len(self._said)}"
        self._said[key] = text
        return gr.I18n()(key)

    @property
    def i18n(self) -> gr.I18n:
        english = {key: text.en for key, text in self._said.items()}
        chinese = {key: text.zh for key, text in self._said.items()}
        return gr.I18n(en=english, **{"zh-CN": chinese})
