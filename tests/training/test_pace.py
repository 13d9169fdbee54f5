"""The end that the display foresees is that of the limit that comes first."""

import pytest

from nmt.training.time_left import Pace


def test_steps_end_a_training_without_a_limit_of_time() -> None:
    pace = Pace(1000, None, 0, 0.0)
    assert pace.foresee(50, 1.0) == (1000, 19.0)
    # The first steps were slow; from then on two a second.
    assert pace.foresee(170, 2.0) == (1000, pytest.approx(830 / 120))
    assert pace.foresee(1000, 9.0) == (1000, 0.0)


def test_minutes_end_it_where_they_come_first() -> None:
    pace = Pace(35_740, 12.0, 0, 0.0)
    shown = [pace.foresee(100 * minute, float(minute)) for minute in range(1, 13)]
    assert [steps for steps, _ in shown] == [1200] * 12
    assert [left for _, left in shown] == [12.0 - minute for minute in range(1, 13)]


def test_the_larger_limit_does_not_matter() -> None:
    assert Pace(200, 12.0, 0, 0.0).foresee(100, 1.0) == (200, 1.0)
    assert Pace(200, 12.0, 0, 0.0).foresee(100, 13.0) == (100, 0.0)  # the last validation runs


def test_a_training_that_continues_has_the_pace_of_this_attempt() -> None:
    pace = Pace(1000, 20.0, 500, 10.0)
    assert pace.foresee(600, 11.0) == (1000, 4.0)
    assert pace.foresee(600, 11.0) == (1000, 0.0)  # nothing was done meanwhile
