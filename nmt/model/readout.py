"""The layer before the softmax."""

from __future__ import annotations

import keras
import tensorflow as tf

from nmt.model.scan import Linear


class Readout(keras.layers.Dense):
    """What the softmax sees of the decoder's output, and when it is deep of context and embedding.

    The deep output of Bahdanau et al. 2015 (appendix A.2.2), without maxout.

    Args:
        units: size of the layer.
        activation: its activation.
        deep: whether it sees more than the decoder's output.
    """

    def __init__(self, units: int, activation: str, deep: bool, **kwargs) -> None:
        super().__init__(units, activation=activation, **kwargs)
        self.deep = deep

    def build(self, output_dim: int, context_dim: int, embedding_dim: int) -> None:
        """Create the weights for inputs of these sizes."""
        self.own = output_dim + (context_dim if self.deep else 0)
        super().build((None, self.own + (embedding_dim if self.deep else 0)))

    def read(self, output: tf.Tensor, context: tf.Tensor, embedded: tf.Tensor) -> tf.Tensor:
        """All of it: (…, output_dim) and so on → (…, units)."""
        return self(tf.concat([output, context, embedded], -1) if self.deep else output)

    def linear(self) -> Linear:
        """The weights of what only a step knows: output, and when deep context."""
        return Linear(
            tf.convert_to_tensor(self.kernel)[: self.own], tf.convert_to_tensor(self.bias)
        )

    def project(self, embedded: tf.Tensor) -> tf.Tensor:
        """The embeddings' part: (rows, embedding_dim) → (rows, units), or (rows, 0)."""
        if not self.deep:
            return embedded[:, :0]
        return tf.matmul(embedded, tf.convert_to_tensor(self.kernel)[self.own :])
