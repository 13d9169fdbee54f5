"""The dynamic loss scale of float16 (Micikevicius et al. 2018)."""

from __future__ import annotations

import tensorflow as tf

from nmt.training.strategy import Replicas

FIRST_LOSS_SCALE = 2.0**12  # of the loss summed over the tokens
LEAST_LOSS_SCALE = 2.0**-16  # below it, float16 is given up
GREATEST_LOSS_SCALE = 2.0**127  # the greatest power of two in float32
CLEAN_UPDATES = 2000  # without an overflow, before the scale is doubled


class LossScale:
    """Factor on the loss, so that the gradients of float16 do not vanish.

    The devices hold it and choose the next one, so that a step can be launched before the host
    knows whether the step before was skipped. All replicas hold the same.

    Args:
        replicas: all that take part.
    """

    def __init__(self, replicas: Replicas) -> None:
        self._value = replicas.local_variable(FIRST_LOSS_SCALE)
        self._clean = replicas.local_variable(0.0)

    def assign(self, value: float, clean: int = 0) -> None:
        """Set the scale, and the number of updates without an overflow since its last change."""
        self._value.assign(value, read_value=False)
        self._clean.assign(clean, read_value=False)

    def value(self) -> tf.Tensor:
        """The scale of the next update; called on a replica."""
        return self._value.read_value()

    def update(self, overflowed: tf.Tensor) -> tf.Tensor:
        """Choose the scale after an update; called on a replica.

        Args:
            overflowed: whether the update was skipped; a boolean scalar, the same on all replicas.

        Returns:
            The scale and the number of updates without an overflow since its last change,
            shape (2,).
        """
        clean = tf.where(overflowed, 0.0, self._clean.read_value() + 1.0)
        grows = tf.equal(clean, float(CLEAN_UPDATES))
        factor = tf.where(overflowed, 0.5, tf.where(grows, 2.0, 1.0))
        value = tf.minimum(self._value.read_value() * factor, GREATEST_LOSS_SCALE)
        clean = tf.where(grows, 0.0, clean)
        self._value.assign(value)
        self._clean.assign(clean)
        return tf.stack([value, clean])
