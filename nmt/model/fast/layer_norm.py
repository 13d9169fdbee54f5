"""Layer normalisation, with its gradient."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from nmt.model.layers import EPSILON


class Normal(NamedTuple):
    """Values of mean 0 and variance 1, and the inverse of their former deviation."""

    values: tf.Tensor  # (batch, groups, units)
    inverse: tf.Tensor  # 1 / σ, (batch, groups, 1)


def normalise(values: tf.Tensor) -> Normal:
    """Bring every row of the last dimension to mean 0 and variance 1; computed in float32."""
    full = tf.cast(values, tf.float32)
    centred = full - tf.reduce_mean(full, -1, keepdims=True)
    variance = tf.reduce_mean(centred * centred, -1, keepdims=True)
    inverse = tf.math.rsqrt(variance + EPSILON)
    return Normal(tf.cast(centred * inverse, values.dtype), tf.cast(inverse, values.dtype))


def normalise_gradient(gradient: tf.Tensor, normal: Normal) -> tf.Tensor:
    """The gradient of `normalise`, from that of its values."""
    full, values, inverse = (tf.cast(x, tf.float32) for x in (gradient, *normal))
    mean = tf.reduce_mean(full, -1, keepdims=True)
    along = tf.reduce_mean(full * values, -1, keepdims=True)
    return tf.cast((full - mean - values * along) * inverse, gradient.dtype)


def layer_norm(values: tf.Tensor, gain: tf.Tensor) -> tf.Tensor:
    """`nmt.model.layers.layer_norm`, with its gradient."""

    @tf.custom_gradient
    def normalised(values: tf.Tensor) -> Any:
        normal = normalise(values)
        return normal.values, lambda gradient: normalise_gradient(gradient, normal)

    groups = tf.reshape(values, [-1, *gain.shape])
    return tf.reshape(normalised(groups) * gain, tf.shape(values))
