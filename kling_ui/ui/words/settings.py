"""What the scripts of the settings and of notifications say. `{…}` is filled in the browser."""

from __future__ import annotations

from ...studio import KEPT_HOURS
from ...text import Text

WORDS: dict[str, Text] = {
    "settings": Text("Settings", "设置"),
    "close": Text("Close", "关闭"),
    "loading": Text("Loading…", "正在加载…"),
    "account_unheard": Text("The studio did not answer.", "服务没有响应。"),
    "try_again": Text("Try again", "重试"),
    # connection
    "connection": Text("Connection", "连接"),
    "connected_live": Text("Live: new tasks go to {host}.", "正式模式：新任务发送到 {host}。"),
    "connected_demo": Text(
        "Demo: pictures are drawn by the program itself, nothing is sent or charged.",
        "演示模式：图片由程序自身绘制，不会发送任何内容，也不会产生费用。",
    ),
    "connected_own": Text(
        "Live: new tasks go to {host} and are paid with your own key.",
        "正式模式：新任务发送到 {host}，使用您自己的密钥支付。",
    ),
    "mode_local": Text(
        "Mode: local. Only this machine reaches the page.", "运行模式：本机。仅本机可访问此页面。"
    ),
    "mode_lan": Text(
        "Mode: lan. Whoever knows the password shares this page and its history.",
        "运行模式：局域网。知道密码的人共用此页面和历史记录。",
    ),
    "mode_space": Text(
        "Mode: space. Every browser has a history of its own.",
        "运行模式：公共空间。每个浏览器有各自的历史记录。",
    ),
    # a key of one's own
    "own_key": Text("Your own key", "您自己的密钥"),
    "key_help": Text(
        "It is kept in the server's memory only, for {hours} hours after its last use, and pays "
        "for your pictures only.",
        "密钥只保存在服务器内存中，最后一次使用 {hours} 小时后删除，仅用于支付您的图片。",
    ).fill(hours=KEPT_HOURS),
    "key_help_held": Text(
        "It is forgotten {hours} hours after its last use. Tasks under way wait until it comes "
        "again.",
        "最后一次使用 {hours} 小时后会被删除。届时进行中的任务会等待您再次填入密钥。",
    ).fill(hours=KEPT_HOURS),
    "key_help_ours": Text(
        "It is kept in the server's memory only, for {hours} hours after its last use. Everybody "
        "who uses this page pays with it until one of you forgets it.",
        "密钥只保存在服务器内存中，最后一次使用 {hours} 小时后删除。"
        "在有人删除它之前，使用此页面的所有人都用它支付。",
    ).fill(hours=KEPT_HOURS),
    "key_held": Text(
        "In use: the key that ends in {ending}.", "正在使用：以 {ending} 结尾的密钥。"
    ),
    "key_field": Text("API key for {host}", "{host} 的 API 密钥"),
    "key_use": Text("Use this key", "使用此密钥"),
    "key_keep": Text("Remember on this device", "在此设备上记住"),
    "key_keep_help": Text(
        "This browser keeps it, readable, and brings it again when it is needed. Not on a device "
        "that others use.",
        "浏览器会以明文保存，并在需要时自动填入。请勿在共用设备上使用。",
    ),
    "key_kept": Text(
        "The key that this device remembered was not taken.", "此设备上记住的密钥未能使用。"
    ),
    "key_forget": Text("Forget this key", "删除此密钥"),
    "add_key": Text("Add your own key", "添加您自己的密钥"),
    "busy": Text("Busy: try again in a moment.", "请求过于频繁，请稍候再试。"),
    "check": Text("Check connection", "检查连接"),
    "checking": Text("Checking…", "正在检查…"),
    "answered": Text("Answered", "有响应"),
    "accepted": Text("Key accepted", "密钥有效"),
    "latency": Text("Latency", "延迟"),
    "listing": Text("Finds tasks in its list", "可在任务列表中找到任务"),
    "lookup": Text("Finds a task by its external id", "可按自定义任务 ID 查询"),
    "deducting": Text("Tells the units deducted", "返回扣减点数"),
    "yes": Text("yes", "是"),
    "no": Text("no", "否"),
    "unseen": Text("not seen yet", "暂未检测到"),
    # adopting
    "adopt": Text("Adopt a task", "导入任务"),
    "adopt_help": Text(
        "A task that was made elsewhere with this account: its pictures are fetched and kept here.",
        "在别处用同一账号创建的任务：图片会下载并保存到这里。",
    ),
    "adopt_id": Text("Task id from Kling", "可灵的任务 ID"),
    "adopt_press": Text("Adopt", "导入"),
    # files
    "files": Text("Files", "文件"),
    "kept_one": Text("1 picture, {size}", "1 张图片，{size}"),
    "kept": Text("{n} pictures, {size}", "{n} 张图片，{size}"),
    "free": Text("{size} free on the disk", "磁盘剩余 {size}"),
    "folder": Text("Kept in {folder}", "保存在 {folder}"),
    # spending
    "spending": Text("Spending", "费用"),
    "spent_today": Text("Today", "今天"),
    "spent_week": Text("Last 7 days", "近 7 天"),
    "spent_month": Text("Last 30 days", "近 30 天"),
    "spending_live": Text(
        "Estimates by the prices below; the bill may differ.",
        "按下方价格估算，以实际账单为准。",
    ),
    "spending_demo": Text(
        "Demo: what it would have cost. Nothing was charged.",
        "演示任务：仅为估算费用，实际未扣费。",
    ),
    "nothing_spent": Text(
        "No picture was finished in the last 30 days.", "近 30 天没有完成的图片。"
    ),
    "col_day": Text("Day", "日期"),
    "col_model": Text("Model", "模型"),
    "col_tasks": Text("Tasks", "任务"),
    "col_pictures": Text("Pictures", "图片"),
    "col_estimate": Text("Estimate", "估算"),
    "col_units": Text("Units", "点数"),
    "units_title": Text("Units that Kling deducted", "可灵扣减的点数"),
    "unknown": Text("unknown", "未知"),
    "export": Text("Export CSV", "导出 CSV"),
    # prices
    "prices": Text("Prices in use", "当前价格"),
    "prices_note": Text("For one picture.", "每张图片的价格。"),
    "col_text": Text("From text", "文生图"),
    "col_picture": Text("With a picture", "带参考图"),
    "prices_list": Text(
        "Kling's price list as of {date}; an estimate.", "可灵价目表（截至 {date}），仅供估算。"
    ),
    "prices_file": Text(
        "From the operator's file, KLING_UI_PRICES.", "来自管理员的价格文件 KLING_UI_PRICES。"
    ),
    "prices_unknown": Text(
        "Nobody told the prices of this host. A file named by KLING_UI_PRICES can.",
        "此主机的价格未知，可通过 KLING_UI_PRICES 指定价格文件。",
    ),
    # this browser
    "browser": Text("In this browser", "此浏览器"),
    "defaults": Text("The form begins with {what}.", "表单默认值：{what}。"),
    "defaults_none": Text("the studio's own defaults", "系统默认"),
    "defaults_use": Text("Use the current form as default", "将当前表单设为默认"),
    "defaults_reset": Text("Reset", "重置"),
    "asks": Text(
        "Before more than {n} pictures or {amount} at once, you are asked first.",
        "一次生成超过 {n} 张或 {amount} 时，会先向您确认。",
    ),
    "notify": Text("Notify me when a task finishes", "任务完成时通知我"),
    "notify_help": Text("Only while this page is in the background.", "仅当本页面在后台时。"),
    "notify_denied": Text(
        "The browser does not allow this page to notify you.", "浏览器不允许本页面发送通知。"
    ),
    "embed": Text("Include settings in downloaded files", "下载的文件中包含生成参数"),
    "embed_help": Text(
        "Prompt, model and other fields, readable by other programs.",
        "提示词、模型等字段，其他程序也能读取。",
    ),
}
