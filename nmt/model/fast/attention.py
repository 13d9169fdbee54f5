"""The attention as an operation of a recurrence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from nmt.model.attention import attention_weights, padding_penalty
from nmt.model.decoder import EncoderStates
from nmt.model.fast.scan import Operation, Tensors


class Attention(Operation):
    """Contexts and weights for queries; see `nmt.model.attention`.

    The hidden layer is not kept between the two passes, but computed again. A row of padding alone
    has weights here, which its encoder states, zeros, do not let into the context.

    Args:
        encoder_states: to attend to.
        v_a: shape (units,).
    """

    def __init__(self, encoder_states: EncoderStates, v_a: tf.Tensor) -> None:
        self._states, self._keys, mask = encoder_states
        self.v_a, self._penalty = v_a, padding_penalty(mask)
        self.units = v_a.shape[0]
        self.weights = self._states, v_a, self._keys
        dtype = v_a.dtype
        self.saved, self.recorded = (dtype, tf.float32), (dtype, dtype)
        self.sums = (self._keys,)

    def forward(self, query: tf.Tensor) -> tuple[Tensors, Tensors]:
        """The contexts, shape (batch · beams, width), and weights, (batch, beams, source).

        Args:
            query: ``W_a s``, shape (batch · beams, units).
        """
        weights, _ = attention_weights(query, self._keys, self._penalty, self.v_a)
        context = tf.matmul(tf.cast(weights, self._states.dtype), self._states)
        context = tf.reshape(context, [-1, self._states.shape[-1]])
        return (context, weights), (query, weights)

    def prepare(self, *saved: tf.Tensor) -> None:
        """The saved values stay; the encoder states are transposed once."""
        self._transposed = tf.transpose(self._states, [0, 2, 1])

    def backward(
        self, saved: Sequence[tf.Tensor], sums: Tensors, g_context: tf.Tensor, g_weights: tf.Tensor
    ) -> Any:
        """The gradient of the query; records that of the context and the step's part of v_a's."""
        query, weights = saved
        product = tf.matmul(g_context[:, tf.newaxis], self._transposed)  # (batch, 1, source)
        g_weights += tf.cast(product, tf.float32)
        g_energy = weights * (g_weights - tf.reduce_sum(weights * g_weights, -1, keepdims=True))
        g_energy = tf.reshape(tf.cast(g_energy, query.dtype), [-1, 1])
        hidden = tf.tanh(query[:, tf.newaxis] + self._keys)
        g_v = tf.matmul(g_energy, tf.reshape(hidden, [-1, self.units]), transpose_a=True)
        # The outer product as one of matrices: TensorFlow's broadcast takes twice its time.
        g_hidden = tf.reshape(tf.matmul(g_energy, self.v_a[tf.newaxis]), tf.shape(hidden))
        g_keys = tf.raw_ops.TanhGrad(y=hidden, dy=g_hidden)
        return [tf.reduce_sum(g_keys, 1)], (g_context, g_v[0]), (sums[0] + g_keys,)

    def collect(self, saved: Tensors, recorded: Tensors) -> Tensors:
        """The gradients of encoder states and v_a."""
        (_, weights), (g_contexts, g_v) = saved, recorded
        weights = tf.cast(weights[:, :, 0], g_contexts.dtype)
        return tf.einsum("tbs,tbd->bsd", weights, g_contexts), tf.reduce_sum(g_v, 0)
