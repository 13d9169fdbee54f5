"""Matrix products with one right side, over and over, as the steps of a recurrence make them.

Where the rows of a matrix lie a multiple of 1 KiB apart, they fall into the same sets of the CPU's
caches and push each other out: with 62 rows on the left, 512 × 2,048 runs at less than half of the
speed of 512 × 2,064 (`docs/results/profile.md`). So there such a matrix is padded with columns of
zeros.

Products that do not depend on the step are precomputed, and the steps slice them.

Layer normalisation takes the mean from the columns of a kernel, once per batch, instead of from all
products: the mean of a product over its columns is the product with the mean of these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import tensorflow as tf

from nmt.model.layers import EPSILON

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


class Normal(NamedTuple):
    """Values of variance 1, and the inverse of their former deviation."""

    values: tf.Tensor  # (rows, groups, units)
    inverse: tf.Tensor  # 1 / σ, (rows, groups, 1)


def centre(kernel: tf.Tensor, groups: int) -> tf.Tensor:
    """Take the mean of each group of columns from them: (inputs, outputs) → the same."""
    columns = tf.reshape(tf.cast(kernel, tf.float32), [kernel.shape[0], groups, -1])
    columns -= tf.reduce_mean(columns, -1, keepdims=True)
    return tf.cast(tf.reshape(columns, kernel.shape), kernel.dtype)


def normalise(values: tf.Tensor) -> Normal:
    """Bring every row of the last dimension, of mean 0, to variance 1; computed in float32."""
    full = tf.cast(values, tf.float32)
    inverse = tf.math.rsqrt(tf.reduce_mean(full * full, -1, keepdims=True) + EPSILON)
    return Normal(tf.cast(full * inverse, values.dtype), tf.cast(inverse, values.dtype))


def normalise_gradient(gradient: tf.Tensor, normal: Normal) -> tf.Tensor:
    """The gradient of `normalise`, from that of its values."""
    full, values, inverse = (tf.cast(x, tf.float32) for x in (gradient, *normal))
    along = tf.reduce_mean(full * values, -1, keepdims=True)
    return tf.cast((full - values * along) * inverse, gradient.dtype)


@tf.custom_gradient
def unit_variance(values: tf.Tensor) -> Any:
    """The values of `normalise`, with their gradient."""
    normal = normalise(values)
    return normal.values, lambda gradient: normalise_gradient(gradient, normal)
