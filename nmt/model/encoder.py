"""The encoder: embedding and bidirectional GRU."""

from __future__ import annotations

import keras
import tensorflow as tf

from nmt.model.dropout import dropout
from nmt.model.embedding import ScaledEmbedding


class Encoder(keras.layers.Layer):
    """Read a source sentence in both directions (Bahdanau et al. 2015, section 3.2).

    Args:
        vocabulary_size: entries of the source vocabulary.
        embedding_dim: size of an embedding.
        units: GRU units a direction.
        rate: dropout on embeddings and outputs, in training.
    """

    def __init__(
        self, vocabulary_size: int, embedding_dim: int, units: int, rate: float = 0.0, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        self.embedding = ScaledEmbedding(vocabulary_size, embedding_dim, name="embedding")
        self.gru = keras.layers.Bidirectional(
            keras.layers.GRU(units, return_sequences=True, return_state=True, name="gru"),
            merge_mode="concat",
            name="bidirectional",
        )

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
        embedded = dropout(self.embedding(ids), self.rate, seed, 1)
        outputs, forward, backward = self.gru(embedded, mask=mask)
        outputs = dropout(outputs, self.rate, seed, 2)
        return outputs, tf.concat([forward, backward], -1), tf.cast(mask, tf.float32)
