"""What a browser is told about our answers."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

HUGGING_FACE = "https://huggingface.co"


def frame_ancestors(*, space: bool) -> str:
    """Whose pages may hold ours in a frame."""
    return f"'self' {HUGGING_FACE}" if space else "'self'"


def page_policy(*, nonce: str, ancestors: str) -> str:
    """As strict as Gradio's page allows: it makes functions from text, and styles at will."""
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' 'nonce-{nonce}' 'unsafe-eval'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "media-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self' data: blob:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "frame-src 'self'",  # a download goes through one
            "form-action 'self'",
            "base-uri 'self'",
            f"frame-ancestors {ancestors}",
        )
    )


def with_headers(send: Send, *, ancestors: str) -> Send:
    """`send`, with what every answer says. One that is no page of ours may do nothing at all, not
    even where somebody opens it by itself."""
    usual = {
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "content-security-policy": f"default-src 'none'; sandbox; frame-ancestors {ancestors}",
    }
    if ancestors == "'self'":
        usual |= {"x-frame-options": "SAMEORIGIN", "cross-origin-opener-policy": "same-origin"}

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in usual.items():
                headers.setdefault(name, value)
        await send(message)

    return sent
