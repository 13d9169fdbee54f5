import io
import warnings

import numpy as np
import pytest
from PIL import Image

from nmt.report.length_plot import length_plot

GROUPS = [
    {"from": 1, "to": 5, "sentences": 31, "bleu": 40.0, "baseline": 38.0},
    {"from": 6, "to": 10, "sentences": 12, "bleu": 30.5, "baseline": None},
    {"from": 41, "to": None, "sentences": 1, "bleu": 3.0, "baseline": 0.0},
]


@pytest.mark.parametrize(
    ("entries", "names"),
    [
        (GROUPS, ["one", "two"]),
        (GROUPS[:1], ["one"]),
        ([{**GROUPS[0], "bleu": 0.0}], ["$x_1$ \\frac \x00日本" * 40, "$"]),
        ([GROUPS[0], {"from": 6, "to": 10, "sentences": 0, "bleu": None}], ["one"]),
    ],
    ids=["two systems", "one group", "hostile names", "a gap"],
)
def test_any_groups_make_a_picture(entries, names):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = Image.open(io.BytesIO(length_plot(entries, names) or b""))
    assert picture.format == "PNG"
    assert picture.size == (1200, 720)
    assert np.asarray(picture.convert("L")).std() > 1


def test_a_second_system_is_drawn_and_nothing_is_nothing():
    assert length_plot(GROUPS, ["one", "two"]) != length_plot(GROUPS, ["one"])
    assert length_plot([], ["one"]) is None
    assert length_plot([{**GROUPS[0], "bleu": None}], ["one"]) is None
