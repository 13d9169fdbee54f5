"""Embeddings that reach the network at unit variance."""

from __future__ import annotations

import keras
import tensorflow as tf


class ScaledEmbedding(keras.layers.Embedding):
    """An embedding times √dim, drawn with variance 1 / dim (Vaswani et al. 2017, section 3.4).

    So a recurrent layer tells words apart from the first step on, while the same small matrix
    can serve as the softmax layer's weights (Press and Wolf 2017).

    Args:
        size: entries of the vocabulary.
        dim: size of an embedding.
    """

    def __init__(self, size: int, dim: int, **kwargs) -> None:
        initializer = keras.initializers.RandomNormal(stddev=dim**-0.5)
        super().__init__(size, dim, embeddings_initializer=initializer, **kwargs)
        self.build((None, None))

    def call(self, ids: tf.Tensor) -> tf.Tensor:
        """Look up ids of any shape: (…) → (…, dim)."""
        return super().call(ids) * self.output_dim**0.5
