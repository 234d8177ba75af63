"""The names of a task's states."""

from __future__ import annotations

from ..task import State
from ..text import Text

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
