"""Gradient accumulation: one update from several batches, or under a loss scale.

Each replica sums its gradients; one all-reduce sums those of all replicas. Then follow the
division by tokens and loss scale, the check for NaN/Inf, clipping, and the update. So an overflow
on one replica makes all of them skip the update, and the update from n batches is that from one
batch with all their tokens.

Of float16 the devices scale the loss dynamically (Micikevicius et al. 2018).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from nmt.training.optimizer import SummedAdam, clipped_mean
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


class GradientAccumulator:
    """Sums of gradients and tokens since the last update.

    Args:
        variables: of the model.
        optimizer: applies the update.
        replicas: all that take part.
        clip_norm: bound of the gradient's global norm.
        skip_nan: skip an update whose loss or gradients are NaN or Inf.
        loss_scale: factor on the loss; None is 1. It needs `skip_nan`.
    """

    def __init__(
        self,
        variables: list[Any],
        optimizer: SummedAdam,
        replicas: Replicas,
        clip_norm: float,
        skip_nan: bool,
        loss_scale: LossScale | None,
    ) -> None:
        self._variables, self._optimizer = variables, optimizer
        self._replicas, self._clip_norm, self._skip_nan = replicas, clip_norm, skip_nan
        self._loss_scale = loss_scale
        # After the gradients: loss, tokens and three control flags.
        shapes = [*(variable.shape for variable in variables), [5]]
        self._sums = [replicas.local_variable(tf.zeros(shape)) for shape in shapes]
        self.update: Callable[[], tf.Tensor] = tf.function(self._update, input_signature=[])

    def add(self, gradients: list[tf.Tensor], sums: tf.Tensor) -> None:
        """Add one replica's sums over a batch; called on a replica."""
        for total, value in zip(self._sums, [*gradients, sums], strict=True):
            total.assign_add(value)

    def _update(self) -> tf.Tensor:
        """Update weights and loss scale; returns what `Outcome.of` reads."""
        strategy = self._replicas.strategy
        gradients, sums = strategy.run(self._reduce)
        sums = strategy.experimental_local_results(sums)[0]
        skipped = tf.constant(False)
        if self._skip_nan:  # decided by all, so that no replica ever updates alone
            finite = tf.cast(tf.reduce_all(tf.math.is_finite(sums)), tf.float32)
            votes = strategy.run(lambda: 1.0 - finite)
            skipped = strategy.reduce("SUM", votes, axis=None) > 0
        if not skipped:
            strategy.run(self._apply, (gradients,))
        scale = tf.constant([1.0, 0.0])
        if self._loss_scale is not None:
            scale = self._replicas.run(self._loss_scale.update, skipped)
        return tf.concat([sums, [tf.cast(skipped, tf.float32)], scale], 0)

    def _reduce(self) -> tuple[list[tf.Tensor], tf.Tensor]:
        sums = [tf.identity(total.read_value()) for total in self._sums]
        for total in self._sums:
            total.assign(tf.zeros(total.shape))
        *gradients, counts = self._replicas.all_reduce(sums)
        divisor = tf.maximum(counts[1], 1.0)
        if self._loss_scale is not None:
            divisor *= self._loss_scale.value()
        gradients, norm = clipped_mean(gradients, divisor, self._clip_norm)
        return gradients, tf.concat([counts, [norm]], 0)

    def _apply(self, gradients: list[tf.Tensor]) -> None:
        self._optimizer.apply_gradients(zip(gradients, self._variables, strict=True))
