"""Gradient accumulation: one update from several batches, or under a factor on the loss.

Each replica sums its gradients; one all-reduce sums those of all replicas. Then follow the
division by factor and tokens, the check for NaN/Inf, clipping, and the update. So an overflow on
one replica makes all of them skip the update, and the update from n batches is that from one batch
with all their tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

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
    """

    def __init__(
        self,
        variables: list[Any],
        optimizer: SummedAdam,
        replicas: Replicas,
        clip_norm: float,
        skip_nan: bool,
    ) -> None:
        self._variables, self._optimizer = variables, optimizer
        self._replicas, self._clip_norm, self._skip_nan = replicas, clip_norm, skip_nan
        with replicas.strategy.scope():
            # After the gradients: loss, tokens and three control flags.
            self._sums = [_local(variable.shape) for variable in variables] + [_local([5])]
        scalar = tf.TensorSpec([], tf.float32)
        self.update: Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]] = tf.function(
            self._update, input_signature=[scalar]
        )

    def add(self, gradients: list[tf.Tensor], sums: tf.Tensor) -> None:
        """Add one replica's sums over a batch; called on a replica."""
        for total, value in zip(self._sums, [*gradients, sums], strict=True):
            total.assign_add(value)

    def _update(self, scale: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Update the weights; returns sums and norm, and whether it was skipped."""
        strategy = self._replicas.strategy
        gradients, sums = strategy.run(self._reduce, (scale,))
        sums = strategy.experimental_local_results(sums)[0]
        skipped = tf.constant(False)
        if self._skip_nan:  # decided by all, so that no replica ever updates alone
            finite = tf.cast(tf.reduce_all(tf.math.is_finite(sums)), tf.float32)
            votes = strategy.run(lambda: 1.0 - finite)
            skipped = strategy.reduce("SUM", votes, axis=None) > 0
        if not skipped:
            strategy.run(self._apply, (gradients,))
        return sums, skipped

    def _reduce(self, scale: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        sums = [tf.identity(total.read_value()) for total in self._sums]
        for total in self._sums:
            total.assign(tf.zeros(total.shape))
        *gradients, counts = self._replicas.all_reduce(sums)
        tokens = tf.maximum(counts[1], 1.0)
        gradients, norm = clipped_mean(gradients, scale * tokens, self._clip_norm)
        return gradients, tf.concat([counts, [norm]], 0)

    def _apply(self, gradients: list[tf.Tensor]) -> None:
        self._optimizer.apply_gradients(zip(gradients, self._variables, strict=True))


def _local(shape: Any) -> tf.Variable:
    """A float32 variable with a value of its own on every replica."""
    return tf.Variable(
        tf.zeros(shape),
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.SUM,
    )
