"""Gradient accumulation: one update from several batches, or under a loss scale.

Each replica sums its gradients; one all-reduce sums those of all replicas. Then follow the
division by tokens and loss scale, the check for NaN/Inf, clipping, and the update. So an overflow
on one replica makes all of them skip the update, and the update from n batches is that from one
batch with all their tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from nmt.training.loss_scale import LossScale
from nmt.training.optimizer import SummedAdam, clipped_mean
from nmt.training.strategy import Replicas


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
