"""The encoder: embedding and bidirectional GRUs."""

from __future__ import annotations

import keras
import tensorflow as tf

from nmt.model.bidirectional import BidirectionalGRU
from nmt.model.dropout import dropout
from nmt.model.embedding import ScaledEmbedding
from nmt.settings import DropoutRates


class Encoder(keras.layers.Layer):
    """Read a source sentence in both directions (Bahdanau et al. 2015, section 3.2).

    Args:
        embedding: of the source words.
        units: GRU units a direction.
        rates: dropout in training.
        layers: bidirectional GRUs, with residual connections between them.
        layer_norm: whether their products are layer-normalised.
    """

    def __init__(
        self,
        embedding: ScaledEmbedding,
        units: int,
        rates: DropoutRates = DropoutRates(),
        layers: int = 1,
        layer_norm: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.embedding, self.units, self.rates = embedding, units, rates

        def gru(name: str, **place: int) -> BidirectionalGRU:
            return BidirectionalGRU(
                units, layer_norm, rates.state, **place, name=name, dtype=self.dtype_policy
            )

        self.gru = gru("bidirectional")
        self.upper = [gru(f"bidirectional_{n}", place=20 * n) for n in range(2, layers + 1)]

    def build(self) -> None:
        """Create the weights."""
        self.gru.build((None, None, self.embedding.output_dim))
        for layer in self.upper:
            layer.build((None, None, 2 * self.units))
        self.built = True

    def call(
        self, ids: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Encode a batch of sentences.

        Args:
            ids: source ids, padded on the right with 0, shape (batch, source).
            seed: seed of the dropout (two int32), or None outside training.

        Returns:
            The outputs, shape (batch, source, 2 · units); the final states of the top layer's
            directions joined, shape (batch, 2 · units); and the mask, float, shape
            (batch, source).
        """
        mask = tf.cast(tf.not_equal(ids, 0), tf.float32)
        embedded = dropout(self.embedding(ids), self.rates.source_embedding, seed, 1)
        outputs, final = self.gru.read(embedded, mask, seed)
        for layer in self.upper:
            inputs = dropout(outputs, self.rates.encoder, seed, layer.place + 2)
            found, final = layer.read(inputs, mask, seed)
            outputs += found
        return dropout(outputs, self.rates.encoder, seed, 2), final, mask
