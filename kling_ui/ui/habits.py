"""What Gradio does for everybody, has no setting for, and may not do where strangers come."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio import processing_utils
from gradio.state_holder import SessionState


def break_habits() -> None:
    """Gradio would fetch whatever a caller names by URL, for a widget of any kind, of any size and
    before the widget's function runs: here it fetches nothing, and an address is passed on to
    Kling, or is no picture. And it would keep the last values of every session's widgets, for deep
    links, which there are none of."""

    async def as_it_is(url: str, cache_dir: str) -> str:
        return url

    def kept_nowhere(self: SessionState, key: int, value: Any) -> None: ...

    processing_utils.async_ssrf_protected_download = as_it_is
    SessionState._update_value_in_config = kept_nowhere  # type: ignore[method-assign]


class Calls:
    """The calls of scripts: the only ones that wait in Gradio's queue, and whose answers it keeps
    until they are read."""

    def __init__(self, blocks: gr.Blocks) -> None:
        self._blocks = blocks

    def queued(self, function: object) -> bool:
        """Whether a function of that number is for scripts."""
        found = self._blocks.fns.get(function) if isinstance(function, int) else None
        return found is not None and found.queue is not False

    def there(self, session: str) -> bool:
        """Whether anything is kept for it."""
        return session in self._blocks._queue.pending_messages_per_session

    def unread(self, session: str) -> int:
        """Of whoever went away meanwhile nothing is kept but names."""
        waiting = self._blocks._queue.pending_event_ids_session.get(session, ())
        return len(waiting) if self.there(session) else 0

    def forget(self, session: str) -> None:
        """Gradio itself keeps the answers of the latest sessions only, but the names of all."""
        self._blocks._queue.pending_event_ids_session.pop(session, None)
