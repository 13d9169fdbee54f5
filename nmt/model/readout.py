"""The layer before the softmax."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from nmt.settings import ModelSettings


class Readout(keras.layers.Dense):
    """What the softmax sees: the decoder's output, and if deep also context and embedding.

    The deep output of Bahdanau et al. 2015 (appendix A.2.2), without maxout.

    Args:
        settings: the architecture.
    """

    def __init__(self, settings: ModelSettings, **kwargs: Any) -> None:
        super().__init__(settings.readout_units, settings.readout_activation, **kwargs)
        self.deep = settings.readout == "deep"

    def build(self, output_dim: int, context_dim: int, embedding_dim: int) -> None:
        """Create the weights for inputs of these sizes."""
        self.sizes = [output_dim, context_dim * self.deep, embedding_dim * self.deep]
        super().build((None, sum(self.sizes)))

    def read(self, output: tf.Tensor, context: tf.Tensor, embedded: tf.Tensor) -> tf.Tensor:
        """φ(o W + b), or if deep φ([o; c; y] W + b): (…, output_dim) and so on → (…, units)."""
        return self(tf.concat([output, context, embedded], -1) if self.deep else output)
