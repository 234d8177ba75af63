"""What the scripts of the composer say. `{…}` is filled in the browser."""

from __future__ import annotations

from ...pictures.reference import HEAVY
from ...studio import TOO_MANY_AT_ONCE
from ...text import Text

WORDS: dict[str, Text] = {
    "generate": Text("Generate {n}", "生成 {n} 张"),
    "most_pictures": TOO_MANY_AT_ONCE,
    "compare_decides": Text("Compare decides: {names}", "由对比决定：{names}"),
    "size_with_picture": Text(
        "With a reference image this model makes {size}.", "使用参考图时，该模型仅支持 {size}。"
    ),
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
    "no_answer": Text(
        "No answer yet. Press again: it stays one task.",
        "尚未收到响应。请再按一次，不会重复创建任务。",
    ),
    "retired": Text(
        "retired by Kling on 2026-09-15, some gateways still sell it",
        "可灵已于 2026-09-15 下线，部分网关仍在提供",
    ),
    "gateway": Text("never in Kling's own list", "不在可灵官方列表中"),
    "per_image": Text("{price} an image", "每张 {price}"),
    "ask_title": Text("Generate all of these?", "确定要全部生成吗？"),
    "ask_body": Text("{n} pictures, about {price}.", "共 {n} 张图片，约 {price}。"),
    "ask_unknown": Text("{n} pictures; the price is not known.", "共 {n} 张图片，价格未知。"),
    "variants": Text("{n} variants: {words}", "{n} 个变体：{words}"),
    "in_tasks": Text("{tasks} tasks, {n} each", "{tasks} 个任务，每个 {n} 张"),
    "no_settings": Text(
        "This picture holds no settings of ours. To start from a picture, use the field below.",
        "这张图片中没有本程序的参数。如需以图片为参考，请使用下方的参考图。",
    ),
}
