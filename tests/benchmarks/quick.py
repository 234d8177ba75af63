"""The simulator of the benchmarks, whose tasks end soon: how long they take matters little here."""

from __future__ import annotations

from random import Random
from unittest import mock

from . import kling


def main() -> None:
    with mock.patch.object(kling, "life", life):
        kling.main()


def life(random: Random) -> tuple[float, float]:
    return 0.2, random.uniform(0.5, 0.9)


if __name__ == "__main__":
    main()
