"""Products with one matrix, over and over, as the steps of a recurrence make them.

Where the rows of a matrix lie a multiple of 1 KiB apart, they fall into the same sets of the CPU's
caches and push each other out: with 62 rows on the left, 512 × 2,048 runs at less than half of the
speed of 512 × 2,064 (`docs/results/profile.md`). So such a matrix gets surplus columns of zeros.

And products that need not be made at every step, for they can be made ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import tensorflow as tf

_STRIDE = 256  # columns of float32 in 1 KiB
_SURPLUS = 16


class Matrix:
    """The right side of many products; to be made outside their loop.

    Args:
        values: shape (inputs, columns), or one matrix a sentence, (batch, inputs, columns).
    """

    def __init__(self, values: tf.Tensor) -> None:
        self.columns = values.shape[-1]
        self._values = _spread(values) if len(values.shape) == 2 else values

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """The product: (…, inputs) → (…, columns)."""
        product = self.wide(x)
        return product if product.shape[-1] == self.columns else product[..., : self.columns]

    def wide(self, x: tf.Tensor) -> tf.Tensor:
        """The same without the copy that cuts surplus columns off: they stand behind the others."""
        if self._values.shape[-2] == 0:
            # A product over nothing with a bias behind it: TensorFlow makes one operation of the
            # two, and on some CPUs (AMD's Zen 4) oneDNN then aborts the whole process.
            return tf.zeros([*tf.unstack(tf.shape(x)[:-1]), self._values.shape[-1]], x.dtype)
        return tf.matmul(x, self._values)


def _spread(matrix: tf.Tensor) -> tf.Tensor:
    """The matrix, with surplus columns where its rows would collide."""
    columns = matrix.shape[-1]
    if columns > _STRIDE and columns % _STRIDE == 0:
        return tf.pad(matrix, [[0, 0], [0, _SURPLUS]])
    return matrix


class Columns:
    """In the place of a `Matrix` whose product is made already; see `ahead`.

    Args:
        first: its first column.
        columns: how many it has.
    """

    def __init__(self, first: int, columns: int) -> None:
        self._first, self._columns = first, columns

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """Its columns: (…, all columns) → (…, columns)."""
        return x[..., self._first : self._first + self._columns]


def ahead(x: tf.Tensor, matrices: Sequence[tf.Tensor]) -> tuple[tf.Tensor, list[Columns]]:
    """Products with several matrices, side by side, and where each of them stands.

    Surplus columns may stand behind them.

    Args:
        x: shape (…, inputs).
        matrices: at least one, shape (inputs, columns) each.
    """
    widths = [matrix.shape[-1] for matrix in matrices]
    ends = accumulate(widths)
    places = [Columns(last - n, n) for last, n in zip(ends, widths, strict=True)]
    return tf.tensordot(x, _spread(tf.concat(matrices, 1)), 1), places
