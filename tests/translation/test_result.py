"""What is measured of one translation's attention."""

import numpy as np

from nmt.translation.result import EMPTY, Translation


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
