"""What the scripts of the header and the banner say. `{…}` is filled in the browser."""

from __future__ import annotations

from ...studio import NO_OWNER
from ...text import Text

WORDS: dict[str, Text] = {
    "forgets": Text(
        "This Space forgets pictures and history when it restarts: download what you wish to keep. "
        "With persistent storage (Settings of the Space, Storage) it keeps them. Tasks still "
        "running at Kling are found again.",
        "此 Space 重启后会丢失图片和历史记录，请及时下载需要的图片。启用持久化存储"
        "（Space 的 Settings → Storage）即可保留。仍在可灵运行的任务会自动找回。",
    ),
    "understood": Text("Got it", "知道了"),
    "left": Text("{left} of {of} pictures left today", "今天还可生成 {left} 张（共 {of} 张）"),
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
    "offline": Text(
        "The connection to the studio is lost; it is tried again.",
        "与服务器的连接已断开，正在重连。",
    ),
    "no_owner": NO_OWNER,
}
