"""Matrix products with one right side, over and over, as the steps of a recurrence make them.

Where the rows of a matrix lie a multiple of 1 KiB apart, they fall into the same sets of the CPU's
caches and push each other out: with 62 rows on the left, 512 × 2,048 runs at less than half of the
speed of 512 × 2,064 (`docs/results/profile.md`). So there such a matrix is padded with columns of
zeros.

Products that do not depend on the step are precomputed, and the steps slice them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

import tensorflow as tf

_STRIDE = 256  # columns of float32 in 1 KiB
_PADDING = 16

Product = Callable[[tf.Tensor], tf.Tensor]


class PaddedMatrix:
    """The right side of many products; to be made outside their loop.

    Args:
        values: shape (inputs, columns).
    """

    def __init__(self, values: tf.Tensor) -> None:
        self.columns = values.shape[-1]
        self._values = _pad(values)

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        """The product: (rows, inputs) → (rows, columns)."""
        if self._values.shape[0] == 0:
            # A product over nothing and then a bias: TensorFlow makes one operation of the
            # two, and on some CPUs (AMD's Zen 4) oneDNN then aborts the whole process.
            return tf.zeros([tf.shape(x)[0], self.columns], x.dtype)
        product = tf.matmul(x, self._values)
        return product if product.shape[-1] == self.columns else product[:, : self.columns]


def _pad(matrix: tf.Tensor) -> tf.Tensor:
    """Add columns where the rows would collide in the cache of a CPU."""
    columns = matrix.shape[-1]
    if tf.config.list_logical_devices("GPU"):  # there the padding costs a copy of the product
        return matrix
    if columns > _STRIDE and columns % _STRIDE == 0:
        return tf.pad(matrix, [[0, 0], [0, _PADDING]])
    return matrix


def multiply_once(x: tf.Tensor, matrices: Sequence[tf.Tensor]) -> tf.Tensor:
    """The products with several matrices side by side: (…, inputs) → (…, all columns)."""
    return tf.tensordot(x, _pad(tf.concat(matrices, 1)), 1)


def slices(widths: Sequence[int]) -> list[Product]:
    """For each matrix of `multiply_once`, by its columns, what slices its product.

    It takes the place of the matrix's `PaddedMatrix`.
    """

    def slice_columns(first: int, end: int) -> Product:
        return lambda x: x[..., first:end]

    ends = list(accumulate(widths))
    return list(map(slice_columns, [0, *ends], ends))
