"""Length and coverage penalty, by which hypotheses are compared."""

from __future__ import annotations

import tensorflow as tf

_EPSILON = 1e-9  # keeps the logarithm of no attention at all finite


def length_penalty(length: tf.Tensor, alpha: float) -> tf.Tensor:
    """((5 + length) / 6)^α of Wu et al. 2016 (arXiv 1609.08144), section 7.

    Args:
        length: number of target tokens, EOS included, any shape.
        alpha: 0 compares plain log-probabilities; larger favours longer hypotheses.
    """
    return tf.pow((5.0 + tf.cast(length, tf.float32)) / 6.0, alpha)


def coverage_penalty(coverage: tf.Tensor, tokens: tf.Tensor, beta: float) -> tf.Tensor:
    """β · Σᵢ log(min(Σⱼ p_ij, 1)) of Wu et al. 2016, equation 14; never above 0.

    Args:
        coverage: sum of the attention weights of each source token i over the target tokens j,
            EOS included, shape (batch, hypotheses, source).
        tokens: 1 for source tokens, 0 for EOS and padding, float, shape (batch, source).
        beta: larger favours hypotheses that attend to every source token.

    Returns:
        Shape (batch, hypotheses), to be added to log-probability over length penalty.
    """
    logarithms = tf.math.log(tf.clip_by_value(coverage, _EPSILON, 1.0))
    return beta * tf.reduce_sum(logarithms * tokens[:, tf.newaxis], -1)
