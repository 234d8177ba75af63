"""What the scripts of the presentation say."""

from __future__ import annotations

from ...text import Text

WORDS: dict[str, Text] = {
    "present": Text("Present", "展示"),
    "present_title": Text(
        "Show the pictures full screen (P; starred ones: Shift+P)",
        "全屏展示图片（快捷键 P；收藏图片：Shift+P）",
    ),
    "present_task": Text("This task", "当前任务"),
    "present_starred": Text("Starred", "收藏"),
    "nothing_to_present": Text("There is no picture to show here yet.", "这里还没有可展示的图片。"),
    "nothing_starred": Text("No picture is starred yet.", "还没有收藏的图片。"),
}
