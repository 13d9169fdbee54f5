"""What is measured of one translation's attention."""

import numpy as np
import pytest
from rounding import STEP

from nmt.inference.translation import EMPTY, Translation


def looked(*blocks: list[list[float]]) -> Translation:
    """A translation with this attention: a matrix a piece, a row a target token."""
    arrays = tuple(np.array(block, np.float32).reshape(len(block), -1) for block in blocks)
    rows, columns = (sum(array.shape[axis] for array in arrays) for axis in (0, 1))
    return Translation("x", -0.1, ["x"] * rows, ["y"] * columns, arrays, [], [])


def test_an_empty_translation_covers_nothing() -> None:
    nothing = Translation("", -0.1, [], ["y", "y"], (np.zeros((0, 2), np.float32),), [], [])
    assert (nothing.coverage, nothing.attention_entropy) == (0.0, None)
    assert (EMPTY.coverage, EMPTY.attention_entropy) == (None, None)
    assert looked([[1.0, 0.0]]).coverage == 0.5


def test_the_entropy_is_that_of_all_places_the_end_of_the_source_included() -> None:
    def entropy(*weights: float) -> float:
        return -sum(p * np.log(p) for p in weights)

    assert looked([[0.05, 0.05]]).attention_entropy == pytest.approx(
        entropy(0.05, 0.05, 0.9), rel=STEP
    )
    assert looked([[0.5, 0.5]]).attention_entropy == pytest.approx(np.log(2), abs=STEP)
    third = 1 / 3  # as even as can be
    assert looked([[third, third]]).attention_entropy == pytest.approx(np.log(3), abs=STEP)
    # All on the end is sharp, and covers nothing.
    end = looked([[0.0, 0.0]])
    assert (end.attention_entropy, end.coverage) == (pytest.approx(0, abs=STEP), 0)
    assert looked([[1.0, 0.0]]).attention_entropy == pytest.approx(0, abs=STEP)


def test_each_piece_of_a_split_sentence_has_an_end_of_its_own() -> None:
    one, two = [[0.2, 0.1], [0.6, 0.4]], [[0.3, 0.3, 0.2]]
    whole = looked(one, two).attention_entropy
    parts = [looked(one).attention_entropy, looked(two).attention_entropy]
    assert None not in parts
    assert whole == pytest.approx((2 * parts[0] + parts[1]) / 3, rel=STEP)
