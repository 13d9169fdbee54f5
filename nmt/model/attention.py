"""Bahdanau's additive attention."""

from __future__ import annotations

import keras
import tensorflow as tf

from nmt.model.products import Matrix


class BahdanauAttention(keras.layers.Layer):
    """Additive attention: e_ij = v_a · tanh(W_a s_{i-1} + U_a h_j), α = softmax(e), c = Σ α h.

    Bahdanau, Cho, Bengio 2015 (arXiv 1409.0473), appendix A.1.2. The projection ``U_a h`` does
    not depend on the decoder; it is computed once a sentence by `keys` and handed in.

    Args:
        units: size of the hidden layer (the width of `W_a` and `U_a`).
    """

    def __init__(self, units: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, query_dim: int, memory_dim: int) -> None:
        """Create the weights for decoder states and encoder outputs of these sizes."""
        glorot = keras.initializers.GlorotUniform
        self.W_a = self.add_weight(name="W_a", shape=(query_dim, self.units), initializer=glorot())
        self.U_a = self.add_weight(name="U_a", shape=(memory_dim, self.units), initializer=glorot())
        self.v_a = self.add_weight(name="v_a", shape=(self.units, 1), initializer=glorot())
        self.built = True

    def keys(self, memory: tf.Tensor) -> tf.Tensor:
        """Project the encoder outputs: (batch, source, memory_dim) → (batch, source, units)."""
        return tf.tensordot(memory, tf.convert_to_tensor(self.U_a), 1)

    def call(
        self, query: tf.Tensor, memory: tf.Tensor, keys: tf.Tensor, mask: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Look at the memory from a group of decoder states.

        Args:
            query: decoder states s_{i-1}, shape (batch · beams, query_dim); the states of one
                sentence stand together.
            memory: encoder outputs h, shape (batch, source, memory_dim).
            keys: `keys(memory)`, shape (batch, source, units).
            mask: 1 for real source positions and 0 for padding, float, shape (batch, source).

        Returns:
            The contexts, shape (batch · beams, memory_dim), and the weights α, shape
            (batch, beams, source). Padding has weight exactly 0, real positions sum to 1.
        """
        projected = tf.matmul(query, tf.convert_to_tensor(self.W_a))
        return attend(projected, memory, keys, mask, tf.convert_to_tensor(self.v_a)[:, 0])

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {**super().get_config(), "units": self.units}


def attend(
    projected: tf.Tensor, memory: tf.Tensor, keys: tf.Tensor, mask: tf.Tensor, v_a: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Look at the memory with projected queries ``W_a s``, shape (batch · beams, units).

    The other arguments and what it returns are those of `BahdanauAttention.call`; `v_a` has
    the shape (units,).
    """
    weights, _ = attention_weights(projected, keys, mask, v_a)
    context = tf.matmul(tf.cast(weights, memory.dtype), memory)
    return tf.reshape(context, [-1, memory.shape[-1]]), weights


def attention_weights(
    projected: tf.Tensor, keys: tf.Tensor, mask: tf.Tensor, v_a: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The weights of `attend`, and the hidden layer, shape (batch, beams, source, units)."""
    units = keys.shape[-1]
    projected = tf.reshape(projected, [tf.shape(keys)[0], -1, 1, units])
    hidden = tf.tanh(projected + keys[:, tf.newaxis])  # (batch, beams, source, units)
    # As a product of matrices: the broadcast product of a rank-4 tensor and a matrix
    # corrupts memory in TensorFlow 2.21 with oneDNN.
    energy = tf.tensordot(hidden, v_a, 1)
    mask = tf.cast(mask, tf.float32)[:, tf.newaxis]
    # Softmax in float32 whatever the precision; a row of padding alone gets weights of 0.
    energy = tf.cast(energy, tf.float32) + (mask - 1.0) * 1e9
    return tf.nn.softmax(energy) * mask, hidden


def attend_gradient(
    g_context: tf.Tensor,
    g_weights: tf.Tensor,
    weights: tf.Tensor,
    projected: tf.Tensor,
    back_from_memory: Matrix,
    keys: tf.Tensor,
    v_a: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The gradient of `attend` for one query a sentence, but for `memory`.

    The hidden layer is computed again, which is cheaper than to keep it.

    Args:
        g_context: of the contexts, shape (batch, memory_dim).
        g_weights: of the weights, float32, shape (batch, source).
        weights: what `attend` found, float32, shape (batch, source).
        projected: its queries, shape (batch, units).
        back_from_memory: the memory transposed, shape (batch, memory_dim, source).
        keys: shape (batch, source, units).
        v_a: shape (units,).

    Returns:
        Gradients of `projected`, of `keys` and of `v_a`.
    """
    g_weights += tf.cast(back_from_memory(g_context[:, tf.newaxis])[:, 0], tf.float32)
    hidden = tf.tanh(projected[:, tf.newaxis] + keys)
    return attention_weights_gradient(g_weights, weights, hidden, v_a)


def attention_weights_gradient(
    g_weights: tf.Tensor, weights: tf.Tensor, hidden: tf.Tensor, v_a: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The gradient of `attention_weights` for one query a sentence; see `attend_gradient`.

    `hidden` is the hidden layer, shape (batch, source, units).
    """
    g_energy = weights * (g_weights - tf.reduce_sum(weights * g_weights, -1, keepdims=True))
    g_energy = tf.cast(g_energy, hidden.dtype)
    g_v = tf.tensordot(g_energy, hidden, [[0, 1], [0, 1]])
    # The outer product as one of matrices: TensorFlow's broadcast takes twice its time.
    g_hidden = tf.tensordot(g_energy[..., tf.newaxis], v_a[tf.newaxis], 1)
    g_keys = tf.raw_ops.TanhGrad(y=hidden, dy=g_hidden)
    return tf.reduce_sum(g_keys, 1), g_keys, g_v
