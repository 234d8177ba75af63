"""What the scripts of the header and the banner say. `{…}` is filled in the browser."""

from __future__ import annotations

from ...studio import NO_OWNER
from ...text import Text

WORDS: dict[str, Text] = {
    "forgets": Text(
        "This Space forgets pictures and history when it restarts: download what you wish to keep. "
        "Its owner can change that with a bucket at /data, as the README tells. Tasks still "
        "running at Kling are found again.",
        "此 Space 重启后会丢失图片和历史记录，请及时下载需要的图片。所有者可按 README 的说明将 "
        "bucket 挂载到 /data 以永久保留。仍在可灵运行的任务会自动找回。",
    ),
    "gone_live": Text(
        "Your own key is no longer kept here: until you add it again, new pictures are paid with "
        "this studio's key.",
        "您的密钥已不在此处保存：再次添加之前，新图片将使用本站的密钥支付。",
    ),
    "gone_demo": Text(
        "Your own key is no longer kept here: until you add it again, new pictures are the demo's.",
        "您的密钥已不在此处保存：再次添加之前，新图片由演示模式生成。",
    ),
    "understood": Text("Got it", "知道了"),
    "left": Text("{left} of {of} pictures left today", "今天还可生成 {left} 张（共 {of} 张）"),
    "title": Text("Kling Image Studio", "可灵图像工作室"),
    "demo": Text("Demo", "演示"),
    "live": Text("Live", "正式"),
    "live_own": Text("Your key", "您的密钥"),
    "live_ours": Text("A user's key", "成员的密钥"),
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
