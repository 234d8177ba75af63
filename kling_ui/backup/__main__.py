"""``python -m kling_ui.backup save|restore FILE.tar``"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ..history import DiskTrouble, TooNew
from ..settings import Settings
from ..text import Text
from .restoring import restore
from .saving import save
from .words import FAILED, STOPPED, Refusal


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when it is done, 1 when it is not; a command that cannot be read exits with 2."""
    given = parser().parse_args(arguments)
    work = {"save": save, "restore": restore}[given.order]
    try:
        work(Settings.load().data_dir, given.file, force=given.force)
    except Refusal as refusal:
        return _failed(refusal.text)
    except KeyboardInterrupt:
        return _failed(STOPPED)
    except (DiskTrouble, TooNew, OSError) as error:
        return _failed(FAILED.fill(why=error))
    return 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m kling_ui.backup", description="The data folder as one file, and back."
    )
    orders = made.add_subparsers(dest="order", required=True)
    for order, help, force in (
        ("save", "write the data folder into a file", "write over a file that is there"),
        ("restore", "make a data folder of a file", "move aside what is there"),
    ):
        one = orders.add_parser(order, help=help, description=f"{help.capitalize()}.")
        one.add_argument("file", type=Path, metavar="FILE.tar")
        one.add_argument("--force", action="store_true", help=force)
    return made


def _failed(text: Text) -> int:
    print(text.en, file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
