"""Whether an earlier run of the same command had come to its end."""

import math

import pytest

from nmt.settings import TrainingSettings
from nmt.training.state import TrainingState


@pytest.mark.parametrize(
    ("finished", "epoch", "under", "epochs", "minutes", "expected"),
    [
        ("patience", 3, None, 50, None, "patience"),
        ("patience", 3, 10.0, 50, 99.0, "patience"),
        ("epochs", 5, None, 5, None, "epochs"),
        ("epochs", 5, None, 4, None, "epochs"),
        ("epochs", 5, None, 6, None, ""),
        ("epochs", 5, 10.0, 6, 10.0, ""),
        ("max_minutes", 3, 10.0, 50, 10.0, "max_minutes"),
        ("max_minutes", 3, 10.0, 50, 9.0, "max_minutes"),
        ("max_minutes", 3, 10.0, 50, 10.5, ""),
        ("max_minutes", 3, 10.0, 50, None, ""),
        ("max_minutes", 3, 10.0, 3, None, "epochs"),
        ("max_minutes", 3, None, 50, 9.0, ""),  # an older release did not record the limit
        ("", 3, 10.0, 50, 10.0, ""),
    ],
)
def test_a_training_has_ended_when_no_larger_limit_is_asked_for(
    finished: str,
    epoch: int,
    under: float | None,
    epochs: int,
    minutes: float | None,
    expected: str,
) -> None:
    state = TrainingState(finished=finished, epoch=epoch, max_minutes=under, minutes=9.97)
    asked = TrainingSettings(epochs=epochs, max_minutes=minutes)
    assert state.end_reason(asked) == expected


def test_what_another_release_wrote_can_be_read() -> None:
    state = TrainingState(step=7, best_score=3.5, finished="patience", epochs=4, max_minutes=2.5)
    values = state.to_json()
    assert TrainingState.of(values, "x") == state
    assert TrainingState.of({**values, "of_another_release": 7}, "x") == state
    del values["max_minutes"]
    assert TrainingState.of(values, "x").max_minutes is None


def test_no_number_is_no_best_score() -> None:
    state, training = TrainingState(), TrainingSettings(patience=9)
    for step, (score, best) in enumerate([(math.nan, False), (-3.5, True), (math.nan, False)]):
        state.step = step
        assert state.add_validation(score, 1.0, training) == best
    assert (state.best_score, state.best_step, state.stale) == (-3.5, 1, 1)


def test_of_equal_scores_that_of_the_smaller_loss_is_better() -> None:
    """Or a training whose first BLEU are 0 would keep its first model, and end."""
    state, training = TrainingState(), TrainingSettings(patience=2)
    for step, (loss, best) in enumerate([(7.0, True), (6.0, True), (6.0, False), (5.0, True)]):
        state.step = step
        assert state.add_validation(0.0, loss, training) == best
    assert (state.best_step, state.best_loss, state.stale) == (3, 5.0, 0)
    assert not state.add_validation(-1.0, 1.0, training)
