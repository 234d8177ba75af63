"""What the scripts of the stage say. `{…}` is filled in the browser."""

from __future__ import annotations

from ...text import Text

WORDS: dict[str, Text] = {
    "example": Text("Example", "示例"),
    "examples_title": Text("What it can look like", "看看效果"),
    "examples_meta": Text("painted by the demo", "由演示程序绘制"),
    "asking": Text("Asking Kling…", "正在向可灵查询…"),
    "nothing_new": Text(
        "No news of it so far; we keep looking.", "目前还没有新的消息，我们会继续查询。"
    ),
    "unheard": Text("The studio did not answer. Please press again.", "服务没有响应，请再按一次。"),
    "not_now": Text("Not now", "暂不"),
    "again_title": Text("Send it again?", "再次发送？"),
    "retry_title": Text("Send it again?", "再次发送？"),
    "discard_title": Text("Discard this task?", "放弃此任务？"),
    "discard_body": Text(
        "It is forgotten here and no longer looked for. If Kling did make it, you may be charged, "
        "and the pictures stay at Kling.",
        "此处将不再保留它，也不再查询。如果可灵其实已经生成，您可能会被计费，图片会留在可灵。",
    ),
    "delete_title": Text("Delete this task and its pictures?", "删除此任务及其图片？"),
    "delete_body": Text("This cannot be undone.", "删除后无法恢复。"),
    "copy": Text("Copy", "复制"),
    "copied": Text("Copied", "已复制"),
    "copy_by_hand": Text("Press Ctrl+C", "请按 Ctrl+C"),
    "sent_again_for": Text("Sent again for", "原任务"),
    "former_gone": Text("a task that is not in this list", "不在此列表中的任务"),
    "said": Text("Message", "原始信息"),
    "request_id": Text("Request id", "请求 ID"),
    "task_id": Text("Task id", "任务 ID"),
    "external_task_id": Text("External task id", "自定义任务 ID"),
    "deduction": Text("Units charged", "扣减点数"),
    "estimate_label": Text("Estimate", "估算费用"),
    "request": Text("Request", "请求"),
    "star": Text("Star", "收藏"),
    "unstar": Text("Starred", "已收藏"),
    "link_copied": Text(
        "Link copied. Opening it fills the form and sends nothing.",
        "链接已复制。打开后只会填好表单，不会发送任何内容。",
    ),
    "picture_n_of": Text("Picture {n} of {of}", "第 {n} 张，共 {of} 张"),
    "comparison": Text("comparison", "对比"),
    "cells": Text("{n} of {of} finished", "已完成 {n} / {of}"),
    "states": Text("How it went", "状态记录"),
    "reply": Text("Kling's last reply", "可灵的最近回复"),
    "sent_again_as": Text("Sent again as", "已重新发送，新任务"),
}

ACTIONS: dict[str, Text] = {
    "look": Text("Look for it", "立即查询"),
    "again": Text("Send again", "再次发送"),
    "retry": Text("Retry", "重试"),
    "release": Text("Send now", "立即发送"),
    "settings": Text("Use settings", "套用这些参数"),
    "reference": Text("Use as reference", "用作参考图"),
    "download": Text("Download", "下载"),
    "link": Text("Copy link", "复制链接"),
    "star": Text("Star", "收藏"),
    "export": Text("Export as one picture", "导出为一张图"),
    "cancel": Text("Cancel", "取消"),
    "details": Text("Details", "详情"),
    "discard": Text("Discard", "放弃"),
    "delete": Text("Delete", "删除"),
}

GRADIO = (  # what it names in English only
    Text("Close", "关闭"),
    Text("Fullscreen", "全屏"),
    Text("Exit fullscreen mode", "退出全屏"),
    Text("detailed view of selected image", "所选图片的大图"),
    Text("File upload", "上传图片"),
    Text("Upload file", "上传图片"),
    Text("Paste from clipboard", "从剪贴板粘贴"),
    Text("Remove Image", "移除图片"),
    Text("Clear", "清除"),
)
