"""When a task is likely to end, and when it is worth asking."""

from __future__ import annotations

import math
import random
import time

import pytest

from kling_ui.studio.forecast import LIST_PRICE, LONGEST, PRICE, Forecast, gap

PASTS: dict[str, list[float]] = {
    "nothing known": [],
    "one": [9.0],
    "at once": [0.0] * 20,
    "for ever": [1e9] * 20,
    "both": [0.0, 1e9],
    "always the same": [9.0] * 50,
    "usual": [9 * random.Random(k).lognormvariate(0, 0.35) for k in range(50)],
}
AGES = [0.0, 1e-300, 1e-9, 0.1, 1.0, 5.0, 9.0, 20.0, 100.0, 1e4, 1e6, 1e9]


@pytest.mark.parametrize("past", PASTS)
def test_every_past_gives_sane_figures(past: str) -> None:
    belief = Forecast.of(PASTS[past])
    assert 0 < belief.median < belief.late < math.inf
    for age in AGES:
        hazard = belief.hazard(age)
        assert 0 <= hazard < math.inf
        assert 0 <= belief.pause(age) <= LONGEST

        def ahead(passed: float, age: float = age) -> float:
            return belief.hazard(age + passed)

        for many in (1, 500):
            wait = gap([ahead] * many, price=PRICE, longest=30)
            assert 0 < wait <= 30
            assert math.isfinite(wait)


def test_what_is_long_overdue_is_asked_about_ever_more_rarely() -> None:
    belief = Forecast.of(PASTS["usual"])
    ages = [belief.late * 1.3**k for k in range(40)]
    hazards = [belief.hazard(age) for age in ages]
    assert all(later <= sooner * 1.05 for sooner, later in zip(hazards, hazards[1:], strict=False))
    pauses = [belief.pause(age) for age in ages]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST


def test_the_middle_is_believed_the_more_the_more_is_known() -> None:
    medians = [Forecast.of([100.0] * count).median for count in (0, 1, 5, 20, 50)]
    assert medians == sorted(medians)
    assert 8 <= medians[0] <= 30
    assert medians[-1] == pytest.approx(100, rel=0.1)
    spreads = [Forecast.of([9.0] * count).spread for count in (0, 1, 5, 50)]
    assert spreads == sorted(spreads, reverse=True)


def test_the_hazard_is_that_of_the_distribution() -> None:
    """Its integral is the logarithm of those that are left: at the median one half."""
    belief = Forecast(median=9.0, spread=0.35, surprise=0.0)
    steps = 9000
    total = sum(belief.hazard(9 * (k + 0.5) / steps) for k in range(steps)) * 9 / steps
    assert total == pytest.approx(math.log(2), rel=1e-3)


def test_the_gap_is_as_long_as_the_theory_says() -> None:
    """√(2·price / hazard) where the hazard does not change; the more tasks, the sooner."""
    for hazard in (0.02, 0.1, 1.0):

        def steady(_: float, hazard: float = hazard) -> float:
            return hazard

        assert gap([steady], price=PRICE, longest=100) == pytest.approx(
            math.sqrt(2 * PRICE / hazard), rel=1e-6
        )
        assert gap([steady] * 4, price=PRICE, longest=100) == pytest.approx(
            math.sqrt(2 * PRICE / hazard) / 2, rel=1e-6
        )
    assert gap([lambda _: 0.0], price=PRICE, longest=30) == 30
    assert gap([], price=PRICE, longest=30) == 30


def test_few_looks_early_many_around_the_expected_end() -> None:
    belief = Forecast.of(PASTS["usual"])

    def wait(age: float) -> float:
        return gap([lambda passed: belief.hazard(age + passed)], price=PRICE, longest=30)

    assert wait(0.1) > 3 > wait(9.0)


def test_five_hundred_tasks_are_planned_in_a_moment() -> None:
    belief = Forecast.of(PASTS["usual"])
    hazards = [lambda passed, age=k / 50: belief.hazard(age + passed) for k in range(500)]
    begun = time.process_time()
    gap(hazards, price=LIST_PRICE, longest=30)
    assert time.process_time() - begun < 0.1
