"""The gates of a GRU as an operation of a recurrence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from nmt.model.fast.scan import Operation, Tensors


class GRU(Operation):
    """`nmt.model.layers.gru`, with its gradient.

    All gradients are that of the state after times something that the gates alone decide.

    Args:
        dtype: of the state.
        masked: whether an input says which positions are real; the others leave the state.
    """

    def __init__(self, dtype: tf.DType, masked: bool = False) -> None:
        self.saved = (dtype,) * 5 + (tf.bool,) * masked

    def forward(
        self, entering: tf.Tensor, recurrent: tf.Tensor, state: tf.Tensor, *real: tf.Tensor
    ) -> tuple[Tensors, Tensors]:
        """The state after, shape (batch, units).

        Args:
            entering, recurrent, state: see `nmt.model.layers.gru`.
            real: if masked, the real positions, bool, shape (batch, 1).
        """
        units = state.shape[-1]
        from_input, candidate_input = tf.split(entering, [2 * units, units], -1)
        from_state, inner = tf.split(recurrent, [2 * units, units], -1)
        gates = tf.sigmoid(from_input + from_state)
        update, reset = tf.split(gates, 2, -1)
        candidate = tf.tanh(candidate_input + reset * inner)
        difference = state - candidate
        after = candidate + update * difference
        if real:
            after = tf.where(*real, after, state)
        return (after,), (update, reset, candidate, inner, difference, *real)

    def prepare(self, *saved: tf.Tensor) -> Tensors:
        """What to multiply with for the gradients of `entering`, `recurrent` and `state`."""
        update, reset, candidate, inner, difference, *real = saved
        rest = 1.0 - update
        if real:
            mask = tf.cast(*real, update.dtype)
            difference, rest = difference * mask, rest * mask
            update = 1.0 - rest
        g_update = tf.raw_ops.SigmoidGrad(y=saved[0], dy=difference)
        g_candidate = tf.raw_ops.TanhGrad(y=candidate, dy=rest)
        g_reset = tf.raw_ops.SigmoidGrad(y=reset, dy=g_candidate * inner)
        entering = tf.concat([g_update, g_reset, g_candidate], -1)
        recurrent = tf.concat([g_update, g_reset, g_candidate * reset], -1)
        return entering, recurrent, update

    def backward(self, saved: Sequence[tf.Tensor], sums: Tensors, gradient: tf.Tensor) -> Any:
        """The gradients of `entering`, `recurrent` and `state`."""
        entering, recurrent, direct = saved
        units = gradient.shape[-1]

        def times(factors: tf.Tensor) -> tf.Tensor:
            gates = tf.reshape(factors, [-1, 3, units])
            return tf.reshape(gradient[:, tf.newaxis] * gates, [-1, 3 * units])

        real = [None] * (len(self.saved) - 5)
        return [times(entering), times(recurrent), gradient * direct, *real], (), sums
