"""Layer normalisation (Ba, Kiros, Hinton 2016, arXiv 1607.06450) of a recurrence's products."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

_EPSILON = 1e-5


class Normal(NamedTuple):
    """Values of mean 0 and variance 1, and by what they were divided.

    Attributes:
        values: shape (…, groups, units).
        inverse: 1 / σ, shape (…, groups, 1).
    """

    values: tf.Tensor
    inverse: tf.Tensor


def normalise(values: tf.Tensor) -> Normal:
    """Bring every row of the last dimension to mean 0 and variance 1; computed in float32."""
    full = tf.cast(values, tf.float32)
    centred = full - tf.reduce_mean(full, -1, keepdims=True)
    variance = tf.reduce_mean(centred * centred, -1, keepdims=True)
    inverse = tf.math.rsqrt(variance + _EPSILON)
    return Normal(tf.cast(centred * inverse, values.dtype), tf.cast(inverse, values.dtype))


def normalise_gradient(gradient: tf.Tensor, normal: Normal) -> tf.Tensor:
    """The gradient of `normalise`, given that of its values."""
    full, values, inverse = (tf.cast(x, tf.float32) for x in (gradient, *normal))
    mean = tf.reduce_mean(full, -1, keepdims=True)
    along = tf.reduce_mean(full * values, -1, keepdims=True)
    return tf.cast((full - mean - values * along) * inverse, gradient.dtype)


def layer_norm(values: tf.Tensor, gain: tf.Tensor) -> tf.Tensor:
    """Normalise groups of values, and scale each value.

    Args:
        values: shape (…, groups · units).
        gain: shape (groups, units).
    """

    @tf.custom_gradient
    def normalised(values):
        normal = normalise(values)
        return normal.values, lambda gradient: normalise_gradient(gradient, normal)

    groups = tf.reshape(values, [-1, *gain.shape])
    return tf.reshape(normalised(groups) * gain, tf.shape(values))
