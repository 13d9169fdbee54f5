import io
import warnings

import numpy as np
import pytest
from PIL import Image

from nmt.report import learning_curve as curve
from nmt.report.learning_curve import learning_curve


def validation(step, **changes):
    values = {"step": step, "valid_loss": 2.0, "bleu": 20.0, "chrf": 45.0, "best": False}
    return {**values, **changes}


@pytest.mark.parametrize(
    ("losses", "validations"),
    [
        ([], []),
        ([(1, 7.0)], []),
        ([], [validation(100, best=True)]),
        ([(step, 7.0) for step in range(5000)], [validation(s * 100) for s in range(1, 200)]),
        ([(1, float("nan")), (2, float("inf"))], [validation(5, bleu=None, chrf=float("nan"))]),
        ([(1, 3.0)], [{"step": 5}]),
    ],
    ids=["nothing", "one loss", "one validation", "thousands", "not finite", "absent values"],
)
def test_any_number_of_points_makes_a_picture(losses, validations):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = Image.open(io.BytesIO(learning_curve(losses, validations)))
    assert picture.format == "PNG"
    assert picture.size == (1350, 720)
    assert np.asarray(picture.convert("L")).std() > 1


def test_the_best_validation_is_marked():
    plain = learning_curve([], [validation(100), validation(200)])
    marked = learning_curve([], [validation(100), validation(200, best=True)])
    assert plain != marked


def test_points_in_any_order_cost_what_they_cost_in_order(monkeypatch) -> None:
    """Files of others can name steps that go back and forth; drawing each way would take long."""
    drawn = []
    monkeypatch.setattr(curve, "_training", lambda axes, steps, values: drawn.append(steps) or [])
    steps = [step * 7919 % 100_003 for step in range(60_000)]
    learning_curve([(step, 4.0 + step % 10 / 10) for step in steps], [])
    (steps_drawn,) = drawn
    assert (steps_drawn[1:] >= steps_drawn[:-1]).all()
    assert len(steps_drawn) <= 5400
