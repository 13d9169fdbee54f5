"""The learning rate over the steps of a training."""

import math

import pytest

from nmt.errors import UnusableInput
from nmt.settings import TrainingSettings
from nmt.training.schedule import check_schedule, learning_rate
from nmt.training.state import TrainingState

SCHEDULES = ("constant", "inverse_sqrt", "linear", "cosine", "plateau")


def rates(steps: int = 100, reductions: int = 0, **settings) -> list[float]:
    training = TrainingSettings(learning_rate=0.4, **settings)
    return [learning_rate(training, step, steps, reductions) for step in range(1, steps + 1)]


def test_the_default_is_constant() -> None:
    assert set(rates()) == {0.4}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_warm_up_is_a_straight_line_to_the_largest_rate(schedule) -> None:
    actual = rates(schedule=schedule, warmup_steps=20)
    assert actual[:20] == pytest.approx([0.4 * step / 20 for step in range(1, 21)])
    assert max(actual) == actual[19] == 0.4


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_after_the_warm_up_no_rate_rises(schedule) -> None:
    for settings in ({}, {"warmup_steps": 7}, {"decay_steps": 30}):
        actual = rates(schedule=schedule, **settings)[settings.get("warmup_steps", 0) :]
        assert actual == sorted(actual, reverse=True)
        assert all(rate >= 0 for rate in actual)


def test_values_of_the_formulas() -> None:
    actual = rates(schedule="inverse_sqrt", warmup_steps=25)
    assert actual[99] == pytest.approx(0.4 * math.sqrt(25 / 100))
    linear = rates(schedule="linear", final_learning_rate_ratio=0.1, warmup_steps=20)
    assert linear[59] == pytest.approx(0.4 * (0.1 + 0.9 / 2))
    cosine = rates(schedule="cosine", final_learning_rate_ratio=0.1, warmup_steps=20)
    assert cosine[59] == pytest.approx(linear[59])
    assert cosine[39] == pytest.approx(0.4 * (0.1 + 0.9 * (1 + math.cos(math.pi / 4)) / 2))
    for actual in (linear, cosine):
        assert actual[99] == pytest.approx(0.04)
    assert rates(schedule="linear")[99] == 0


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_decay_ends_where_it_is_told_to_and_stays_there(schedule) -> None:
    actual = rates(schedule=schedule, decay_steps=40, final_learning_rate_ratio=0.2)
    assert actual[38] > 0.08
    assert actual[39:] == pytest.approx([0.08] * 61)
    # Without that it ends with the epochs, however many there are.
    assert rates(60, schedule=schedule) == pytest.approx(
        rates(100, schedule=schedule, decay_steps=60)[:60]
    )


def test_plateau_cuts_when_bleu_stands_still() -> None:
    training = TrainingSettings(schedule="plateau", patience=9, plateau_patience=2)
    state, cuts = TrainingState(), []
    for step, bleu in enumerate([5.0, 4.0, 5.0, 4.0, 4.0, 6.0, 5.0, 5.0], 1):
        state.step = step
        state.add_validation(bleu, 1.0, training)
        cuts.append(state.reductions)
    assert cuts == [0, 0, 1, 1, 2, 2, 2, 3]
    assert not state.finished


def test_validations_during_the_warm_up_cut_and_end_nothing() -> None:
    limits = {"warmup_steps": 100, "patience": 3, "plateau_patience": 1}
    training, state = TrainingSettings(schedule="plateau", **limits), TrainingState()
    for step in range(10, 130, 10):
        state.step = step
        state.add_validation(0.0, 1.0, training)
        assert state.reductions == max(0, step - 90) // 10
        assert state.finished == ("patience" if step == 120 else "")


def test_plateau_multiplies_the_rate_down_to_its_floor() -> None:
    assert rates(1, 3, schedule="plateau", plateau_factor=0.1) == pytest.approx([0.0004])
    floor = {"final_learning_rate_ratio": 0.01, "plateau_factor": 0.1}
    assert rates(1, 3, schedule="plateau", **floor) == pytest.approx([0.004])


PER_EPOCH = 100  # updates


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"schedule": "inverse_sqrt"}, "set training.warmup_steps"),
        ({"warmup_steps": 1000}, "1,000 updates, and training has 1,000; set fewer, or more"),
        ({"schedule": "cosine", "warmup_steps": 50, "decay_steps": 50}, "ends in the warm-up"),
        ({"decay_steps": 400}, "schedule=constant does not use it; set training.schedule=linear"),
        ({"schedule": "plateau", "decay_steps": 400}, "schedule=plateau does not use it"),
        ({"schedule": "linear", "decay_steps": 900}, "100 of the 1,000 updates .* rate of 0"),
        ({"schedule": "plateau", "patience": 2}, "training.patience=2 .* larger"),
        ({"schedule": "plateau", "epochs": 2}, "2 validations after the warm-up"),
        ({"schedule": "plateau", "validate_every": 500}, "2 validations after the warm-up"),
        ({"schedule": "plateau", "warmup_steps": 820}, "2 validations after the warm-up"),
    ],
)
def test_a_schedule_that_cannot_do_what_it_says_is_refused(settings, words) -> None:
    training = TrainingSettings(**{"epochs": 10, **settings})
    with pytest.raises(UnusableInput, match=words) as caught:
        check_schedule(training, PER_EPOCH * training.epochs)
    assert str(caught.value).startswith("training.")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        *({}, {"warmup_steps": 999}, {"schedule": "inverse_sqrt", "warmup_steps": 1}),
        *({"schedule": "linear"}, {"schedule": "linear", "decay_steps": 901}),
        {"schedule": "linear", "decay_steps": 10, "final_learning_rate_ratio": 0.1},
        {"schedule": "linear", "decay_steps": 10, "max_minutes": 1.0},
        *({"schedule": "plateau"}, {"schedule": "plateau", "epochs": 1, "validate_every": 30}),
        {"schedule": "plateau", "plateau_patience": 4},
    ],
)
def test_a_schedule_that_can_is_not(settings) -> None:
    training = TrainingSettings(**{"epochs": 10, **settings})
    check_schedule(training, PER_EPOCH * training.epochs)
