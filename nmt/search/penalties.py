"""What is added to a hypothesis' log-probability before hypotheses are compared."""

from __future__ import annotations

import tensorflow as tf


def length_penalty(length: tf.Tensor, alpha: float) -> tf.Tensor:
    """((5 + length) / 6)^α of Wu et al. 2016 (arXiv 1609.08144), section 7.

    Args:
        length: number of target tokens, EOS included, any shape.
        alpha: 0 compares plain log-probabilities; larger favours longer hypotheses.
    """
    return tf.pow((5.0 + tf.cast(length, tf.float32)) / 6.0, alpha)
