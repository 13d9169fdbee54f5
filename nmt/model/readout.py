"""The layer before the softmax."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from nmt.model.products import Columns
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
        self.sizes = [output_dim, context_dim * self.deep, embedding_dim * self.deep]
        super().build((None, sum(self.sizes)))

    @property
    def sees_context(self) -> bool:
        """Whether it is deep, and there is an attention."""
        return self.sizes[1] > 0

    def read(self, output: tf.Tensor, context: tf.Tensor, embedded: tf.Tensor) -> tf.Tensor:
        """All of it: (…, output_dim) and so on → (…, units)."""
        return self(tf.concat([output, context, embedded], -1) if self.deep else output)

    def linears(self) -> tuple[Linear, Linear, Linear]:
        """Its weights in parts: of the output, of the context and of the embedding.

        What it does not see has no rows; it is the activation of the sum of the others' products.
        """
        output, context, embedding = tf.split(tf.convert_to_tensor(self.kernel), self.sizes)
        bias = tf.convert_to_tensor(self.bias)
        return Linear(output, bias), Linear(context), Linear(embedding)

    def prepared(
        self, made: Columns | None
    ) -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]:
        """`read` for the steps of a search; to be called outside their loop.

        Args:
            made: where its product with the context stands in the context that it is given; see
                `nmt.model.decoder.AttentionDecoder.look_ahead`. None if it sees no context.
        """
        of_output, _, of_embedding = (linear.prepared() for linear in self.linears())

        def read(output: tf.Tensor, context: tf.Tensor, embedded: tf.Tensor) -> tf.Tensor:
            value = of_output(output)
            if self.deep:
                value += of_embedding(embedded)
            if made is not None:
                value += made(context)
            return self.activation(value)

        return read
