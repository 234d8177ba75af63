"""What the page that asks for the password says beside Gradio's own words."""

from __future__ import annotations

from ...text import Text

WORDS: dict[str, Text] = {
    "checking": Text(
        "Checking the password. After wrong ones each try takes up to {seconds} seconds.",
        "正在验证密码。多次输错后，每次最长需要 {seconds} 秒。",
    ),
    "unheard": Text(
        "The studio does not answer. Try again in a moment.", "服务器没有响应，请稍后再试。"
    ),
}
