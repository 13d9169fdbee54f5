"""The encoder: embedding and bidirectional GRU."""

from __future__ import annotations

import keras
import tensorflow as tf

from nmt.model.dropout import dropout, state_noise
from nmt.model.embedding import ScaledEmbedding
from nmt.model.gru import gru
from nmt.settings import DropoutRates


class Encoder(keras.layers.Layer):
    """Read a source sentence in both directions (Bahdanau et al. 2015, section 3.2).

    Args:
        embedding: of the source words.
        units: GRU units a direction.
        rates: dropout in training.
    """

    def __init__(
        self,
        embedding: ScaledEmbedding,
        units: int,
        rates: DropoutRates = DropoutRates(),
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.rates = units, rates
        self.embedding = embedding
        self.gru = keras.layers.Bidirectional(
            keras.layers.GRU(units, return_sequences=True, return_state=True, name="gru"),
            merge_mode="concat",
            name="bidirectional",
        )
        # There Keras takes cuDNN's; here is the faster one for CPUs.
        self.on_gpu = bool(tf.config.list_logical_devices("GPU"))

    def build(self) -> None:
        """Create the weights."""
        self.gru.build((None, None, self.embedding.output_dim))
        self.built = True

    def call(
        self, ids: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Encode a batch of sentences.

        Args:
            ids: source ids, padded on the right with 0, shape (batch, source).
            seed: seed of the dropout (two int32), or None outside training.

        Returns:
            The outputs, shape (batch, source, 2 · units); the final states of both directions
            joined, shape (batch, 2 · units); and the mask, float, shape (batch, source).
        """
        mask = tf.not_equal(ids, 0)
        embedded = dropout(self.embedding(ids), self.rates.source_embedding, seed, 1)
        real = tf.cast(mask, tf.float32)
        if self.on_gpu and (seed is None or not self.rates.state):
            outputs, forward, backward = self.gru(embedded, mask=mask)
        else:
            outputs, forward, backward = self._scan(embedded, real, seed)
        outputs = dropout(outputs, self.rates.encoder, seed, 2)
        return outputs, tf.concat([forward, backward], -1), real

    def _scan(
        self, embedded: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """What `self.gru` gives, by `nmt.model.gru` with the same weights."""
        inputs = tf.transpose(embedded, [1, 0, 2])
        real = tf.transpose(tf.cast(mask, embedded.dtype))[..., tf.newaxis]
        first = tf.zeros([tf.shape(embedded)[0], self.units], embedded.dtype)
        noise, back_noise = (state_noise(first, self.rates.state, seed, place) for place in (5, 6))
        states, last = _direction(self.gru.forward_layer.cell, inputs, real, noise)
        # Read from the other end, behind the padding.
        inputs, real = tf.reverse(inputs, [0]), tf.reverse(real, [0])
        back_states, back_last = _direction(self.gru.backward_layer.cell, inputs, real, back_noise)
        outputs = tf.concat([states, tf.reverse(back_states, [0])], -1)
        return tf.transpose(outputs, [1, 0, 2]), last, back_last


def _direction(
    cell: keras.layers.GRUCell, inputs: tf.Tensor, mask: tf.Tensor, noise: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """`gru` with a Keras cell's weights over inputs of shape (source, batch, embedding_dim)."""
    bias = tf.convert_to_tensor(cell.bias)
    projected = tf.tensordot(inputs, tf.convert_to_tensor(cell.kernel), 1) + bias[0]
    return gru(projected, mask, tf.convert_to_tensor(cell.recurrent_kernel), bias[1], noise)
