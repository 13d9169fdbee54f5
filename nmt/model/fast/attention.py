"""The gradient of the attention weights, for one query per sentence."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from nmt.model.attention import attention_weights


def attention_weights_gradient(
    g_weights: tf.Tensor, weights: tf.Tensor, hidden: tf.Tensor, v_a: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Gradients of `query`, `keys` and `v_a` of `attention_weights`.

    `weights` and their gradient have the shape (batch, source), `hidden` (batch, source, units).
    """
    g_energy = weights * (g_weights - tf.reduce_sum(weights * g_weights, -1, keepdims=True))
    g_energy = tf.cast(g_energy, hidden.dtype)
    g_v = tf.tensordot(g_energy, hidden, [[0, 1], [0, 1]])
    # The outer product as one of matrices: TensorFlow's broadcast takes twice its time.
    g_hidden = tf.tensordot(g_energy[..., tf.newaxis], v_a[tf.newaxis], 1)
    g_keys = tf.raw_ops.TanhGrad(y=hidden, dy=g_hidden)
    return tf.reduce_sum(g_keys, 1), g_keys, g_v


@tf.custom_gradient
def differentiable_weights(
    query: tf.Tensor, keys: tf.Tensor, mask: tf.Tensor, v_a: tf.Tensor
) -> tf.Tensor:
    """The weights of `attention_weights`, with their gradient."""
    weights, hidden = attention_weights(query, keys, mask, v_a)

    def gradient(cotangent: Any) -> Any:
        g_query, g_keys, g_v = attention_weights_gradient(
            cotangent[:, 0], weights[:, 0], tf.squeeze(hidden, 1), v_a
        )
        return g_query, g_keys, None, g_v

    return weights, gradient
