"""Bahdanau's additive attention."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class BahdanauAttention(keras.layers.Layer):
    """Additive attention: e_ij = v_a · tanh(W_a s_{i-1} + U_a h_j), α = softmax(e), c = Σ α h.

    Bahdanau, Cho, Bengio 2015 (arXiv 1409.0473), appendix A.1.2. The projection ``U_a h`` does
    not depend on the decoder; it is computed once per sentence by `keys`.

    Args:
        units: size of the hidden layer (the width of `W_a` and `U_a`).
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, query_dim: int, encoder_dim: int) -> None:
        """Create the weights for decoder states and encoder states of these sizes."""
        self.W_a = self.add_weight((query_dim, self.units), "glorot_uniform", name="W_a")
        self.U_a = self.add_weight((encoder_dim, self.units), "glorot_uniform", name="U_a")
        self.v_a = self.add_weight((self.units, 1), "glorot_uniform", name="v_a")
        self.built = True

    def keys(self, states: tf.Tensor) -> tf.Tensor:
        """Project encoder states: (batch, source, encoder_dim) → (batch, source, units)."""
        return tf.tensordot(states, tf.convert_to_tensor(self.U_a), 1)

    def call(
        self, query: tf.Tensor, states: tf.Tensor, keys: tf.Tensor, mask: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Attend to the encoder states from a group of decoder states.

        Args:
            query: decoder states s_{i-1}, shape (batch · beams, query_dim); the states of one
                sentence are adjacent.
            states: encoder states h, shape (batch, source, encoder_dim).
            keys: `keys(states)`, shape (batch, source, units).
            mask: 1 for real source positions and 0 for padding, float, shape (batch, source).

        Returns:
            The contexts, shape (batch · beams, encoder_dim), and the weights α, float32, shape
            (batch, beams, source). Padding has weight exactly 0, real positions sum to 1.
        """
        v_a = tf.convert_to_tensor(self.v_a)[:, 0]
        penalty = padding_penalty(mask)
        weights, _ = attention_weights(tf.matmul(query, self.W_a), keys, penalty, v_a)
        weights *= tf.cast(mask, tf.float32)[:, tf.newaxis]  # zeros in a row of padding alone
        context = tf.matmul(tf.cast(weights, states.dtype), states)  # (batch, beams, encoder_dim)
        return tf.reshape(context, [-1, states.shape[-1]]), weights

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {**super().get_config(), "units": self.units}


def padding_penalty(mask: tf.Tensor) -> tf.Tensor:
    """0 for real positions, -1e9 for padding: (batch, source) → float32, (batch, 1, source)."""
    return (tf.expand_dims(tf.cast(mask, tf.float32), 1) - 1.0) * 1e9


def attention_weights(
    query: tf.Tensor, keys: tf.Tensor, penalty: tf.Tensor, v_a: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The attention weights for projected queries.

    Args:
        query: ``W_a s``, shape (batch · beams, units).
        keys: ``U_a h``, shape (batch, source, units).
        penalty: of `padding_penalty`, shape (batch, 1, source).
        v_a: shape (units,).

    Returns:
        α, float32 whatever the precision, shape (batch, beams, source); a row of padding alone has
        no meaning. And the hidden layer, shape (batch, beams, source, units).
    """
    units = keys.shape[-1]
    query = tf.reshape(query, [tf.shape(keys)[0], -1, 1, units])
    hidden = tf.tanh(query + tf.expand_dims(keys, 1))  # (batch, beams, source, units)
    # As a product of matrices: that of a rank-4 tensor and a matrix corrupts memory in TensorFlow
    # 2.21 with oneDNN, and tf.tensordot computes shapes on the device.
    energy = tf.matmul(tf.reshape(hidden, [-1, units]), v_a[:, tf.newaxis])
    energy = tf.reshape(tf.cast(energy, tf.float32), tf.shape(hidden)[:3])
    return tf.nn.softmax(energy + penalty), hidden
