"""The predicted end is that of the limit that comes first."""

import pytest

from nmt.settings import TrainingSettings
from nmt.training.schedule import TrainingClock


class Clock(TrainingClock):
    """A training's clock that is told the time."""

    def __init__(self, steps: int, limit: float | None, step: int = 0, minutes: float = 0) -> None:
        super().__init__(TrainingSettings(max_minutes=limit), steps, step, minutes)
        self.now = minutes

    def elapsed(self) -> float:
        return self.now

    def at(self, step: int, minutes: float) -> tuple[int, float]:
        self.now = minutes
        return self.estimate(step)


def test_steps_end_a_training_without_a_time_limit() -> None:
    clock = Clock(1000, None)
    assert clock.at(50, 1.0) == (1000, 19.0)
    # The first steps were slow; from then on two per second.
    assert clock.at(170, 2.0) == (1000, pytest.approx(830 / 120))
    assert clock.at(1000, 9.0) == (1000, 0.0)


def test_no_time_is_left_beyond_the_planned_steps() -> None:
    """With augmentation an epoch may have more than were planned."""
    assert Clock(1000, None).at(1050, 10.0) == (1050, 0.0)


def test_minutes_end_it_where_they_come_first() -> None:
    clock = Clock(35_740, 12.0)
    estimates = [clock.at(100 * minute, float(minute)) for minute in range(1, 13)]
    assert [steps for steps, _ in estimates] == [1200] * 12
    assert [left for _, left in estimates] == [12.0 - minute for minute in range(1, 13)]


def test_the_larger_limit_does_not_matter() -> None:
    assert Clock(200, 12.0).at(100, 1.0) == (200, 1.0)
    assert Clock(200, 12.0).at(100, 13.0) == (100, 0.0)  # the last validation runs


def test_a_training_that_continues_has_the_pace_of_this_attempt() -> None:
    clock = Clock(1000, 20.0, 500, 10.0)
    assert clock.at(600, 11.0) == (1000, 4.0)
    assert clock.at(600, 11.0) == (1000, 0.0)  # no step since


def test_the_last_validations_begin_before_the_limit() -> None:
    clock = Clock(1000, 10.0)
    clock.now, clock.validation_seconds = 9.4, 30.0
    assert not clock.is_up()
    clock.now = 9.5
    assert clock.is_up()


def test_a_validation_that_takes_much_of_the_time_is_told() -> None:
    clock = Clock(1000, 2.0)
    clock.validation_seconds = 12.0
    assert clock.costly_validation() is None
    clock.validation_seconds = 30.0
    assert "takes 30 s, which count towards training.max_minutes 2" in clock.costly_validation()
    clock = Clock(1000, None)
    clock.validation_seconds = 3_000.0
    assert clock.costly_validation() is None
