"""Training in half precision: bfloat16, and float16 with dynamic loss scaling.

Micikevicius et al. 2018 (arXiv 1710.03740): weights and their updates stay in float32, products
are in half precision; the gradients of float16 are kept from vanishing by a factor on the loss.
Logits, softmax and loss are in float32, and so is the model that is validated and saved.
"""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from nmt.model.seq2seq import Seq2Seq


def dtype_policy(precision: str) -> str:
    """Keras's name for products in this precision, with weights in float32."""
    return precision if precision == "float32" else f"mixed_{precision}"


class _TeacherForcing(keras.layers.Layer):
    """`Seq2Seq.features` as the call of a layer, in which Keras casts weights as they are read."""

    def __init__(self, model: Seq2Seq) -> None:
        super().__init__(name="teacher_forcing", dtype=model.dtype_policy)
        self._features = model.features
        self.built = True

    def call(self, source, target_inputs, seed):
        features, _ = self._features(source, target_inputs, seed=seed)
        return tf.cast(features, tf.float32)


def make_features(model: Seq2Seq) -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]:
    """What gives the layer before the softmax, float32, for source, target inputs and seed."""
    if model.compute_dtype == "float32":
        return lambda source, target_inputs, seed: model.features(source, target_inputs, seed)[0]
    return _TeacherForcing(model)
