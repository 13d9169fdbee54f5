"""Layer normalisation of values that have a mean of 0 already, with its gradient.

The mean of a product over its columns is the product with the mean of the kernel's columns. So the
kernels are centred, once per batch, instead of all products.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from nmt.model.layers import EPSILON


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
