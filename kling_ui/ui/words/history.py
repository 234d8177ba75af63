"""What the scripts of the history and of a task in words say. `{…}` is filled in the browser."""

from __future__ import annotations

from ...text import Text

WORDS: dict[str, Text] = {
    "seconds": Text("{n} s", "{n} 秒"),
    "minutes": Text("{n} min", "{n} 分钟"),
    "hours": Text("{n} h", "{n} 小时"),
    "gone": Text("The picture files are missing", "图片文件已丢失"),
    "gone_advice": Text(
        "They are no longer in the data folder. If they were moved, put them back and reload.",
        "数据文件夹里已找不到它们。如果是被移走了，请放回原处后刷新页面。",
    ),
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
    "filter_starred": Text("Starred", "已收藏"),
    "filter_failed": Text("Failed", "失败"),
    "search": Text("Search prompts, models…", "搜索提示词、模型…"),
    "search_label": Text(
        "Search by prompt, model, state or date", "按提示词、模型、状态或日期搜索"
    ),
    "older": Text("Show older", "显示更早的"),
    "loading_older": Text("Loading…", "正在加载…"),
    "not_loaded": Text("Could not be loaded. Try again", "加载失败，点此重试"),
    "searching": Text("Searching…", "正在搜索…"),
    "nothing_yet": Text("Your pictures will appear here.", "您的图片会显示在这里。"),
    "no_match": Text("Nothing matches “{query}”.", "没有与“{query}”匹配的任务。"),
    "no_running": Text("Nothing is running.", "没有进行中的任务。"),
    "no_starred": Text("Nothing has a star yet.", "还没有收藏任何任务。"),
    "no_failed": Text("Nothing has failed.", "没有失败的任务。"),
    "show_group": Text("Show the comparison: {prompt}", "查看对比：{prompt}"),
    "is_starred": Text("starred", "已收藏"),
    "choose": Text("Select", "选择"),
    "chosen": Text("{n} selected", "已选 {n} 个"),
    "zip": Text("Download as zip", "打包下载"),
    "delete_chosen": Text("Delete", "删除"),
    "done": Text("Done", "完成"),
    "too_many": Text("At most {n} tasks at once.", "一次最多 {n} 个任务。"),
    "all_running": Text("Still running: nothing to delete.", "都在进行中，暂时无法删除。"),
    "delete_some_title": Text(
        "Delete the selected tasks and their pictures?", "删除所选任务及其图片？"
    ),
    "delete_some": Text(
        "To be deleted: {n}. This cannot be undone.", "将删除 {n} 个任务，删除后无法恢复。"
    ),
    "delete_unsure": Text(
        "Not confirmed: {n}. If Kling did make them, they may be charged, and their pictures stay "
        "at Kling.",
        "其中 {n} 个未确认：如果可灵其实已经生成，可能会被计费，图片会留在可灵。",
    ),
    "delete_stay": Text("Still running, not deleted: {n}.", "另有 {n} 个仍在进行中，不会删除。"),
    "not_deleted": Text(
        "The studio did not answer. Please press again.", "服务没有响应，请再按一次。"
    ),
    "picture_of": Text("Picture {n}: {prompt}", "第 {n} 张：{prompt}"),
    "show_task": Text("Show: {prompt}", "查看：{prompt}"),
    "found_again": Text("Found again at Kling", "从可灵找回"),
}
