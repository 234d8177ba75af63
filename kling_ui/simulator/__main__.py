"""``python -m kling_ui.simulator``: the simulator as a server of its own."""

from __future__ import annotations

import argparse
import signal
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import uvicorn

from .callbacks import signature
from .options import Options
from .server import build


def main(arguments: Sequence[str] | None = None) -> None:
    given = parser().parse_args(arguments)
    app = build(options(given))
    with socket.create_server((given.host, given.port), family=_family(given.host)) as listener:
        host = f"[{given.host}]" if ":" in given.host else given.host
        address = f"http://{host}:{listener.getsockname()[1]}"
        print(f"Kling simulator on {address} (gateway paths below /kling)", flush=True)
        _serve(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2), listener)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m kling_ui.simulator", description="A simulated Kling."
    )
    usual = Options()
    made.add_argument("--host", default="127.0.0.1")
    made.add_argument("--port", type=int, default=9009, help="0: any free one")
    made.add_argument("--key", action="append", default=[], help="let in this key (repeatable)")
    made.add_argument(
        "--pair",
        action="append",
        default=[],
        type=_pair,
        metavar="ACCESS:SECRET",
        help="let in tokens signed with this pair (repeatable)",
    )
    made.add_argument("--quota", type=int, default=usual.quota, help="pictures at once per model")
    made.add_argument(
        "--seconds",
        nargs=2,
        type=float,
        default=usual.seconds,
        metavar=("MIN", "MAX"),
        help="how long a task takes",
    )
    made.add_argument("--model", action="append", help="offer this model only (repeatable)")
    made.add_argument("--folder", type=Path, metavar="DIR", help="keep the tasks here")
    made.add_argument("--no-list", action="store_true", help="without the list of tasks")
    made.add_argument("--no-lookup", action="store_true", help="without list and external ids")
    made.add_argument(
        "--webhook-secret", default="", type=_secret, metavar="whsec_KEY", help="sign callbacks"
    )
    return made


def options(given: argparse.Namespace) -> Options:
    return Options(
        folder=given.folder,
        keys=frozenset(given.key),
        pairs=dict(given.pair),
        quota=given.quota,
        seconds=(given.seconds[0], given.seconds[1]),
        models=tuple(given.model) if given.model else None,
        callbacks=True,
        webhook_secret=given.webhook_secret,
        listing=not given.no_list,
        lookup=not given.no_lookup,
    )


def _pair(text: str) -> tuple[str, str]:
    access, colon, secret = text.partition(":")
    if not (access and colon and secret):
        raise argparse.ArgumentTypeError("write it as ACCESS:SECRET")
    return access, secret


def _secret(text: str) -> str:
    try:
        signature(text, message_id="", timestamp=0, body=b"")
    except ValueError:
        raise argparse.ArgumentTypeError("write it as whsec_ and base64") from None
    return text


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _serve(config: uvicorn.Config, listener: socket.socket) -> None:
    """Until Ctrl-C or SIGTERM; uvicorn hands both on to us once it has stopped."""
    signal.signal(signal.SIGTERM, lambda *_: None)
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
