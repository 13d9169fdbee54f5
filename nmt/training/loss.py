"""Masked cross-entropy, plain and with label smoothing."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from nmt.model.seq2seq import Seq2Seq
from nmt.vocabulary.base import PAD


def cross_entropy(
    model: Seq2Seq, readouts: tf.Tensor, target_outputs: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Sums over the real target tokens of a batch; padding takes no part, not even in products.

    Args:
        model: gives the output projection.
        readouts: the layer before the softmax, shape (batch, target, readout_units).
        target_outputs: ids and EOS, 0 behind, shape (batch, target).

    Returns:
        Cross-entropy in nats, number of tokens, number of tokens predicted rightly.
    """
    logits, words = _scores(model, readouts, target_outputs)
    losses, _ = smoothed_cross_entropy(logits, words)
    right = tf.equal(tf.argmax(logits, -1, output_type=tf.int32), words)
    total = tf.cast(tf.shape(words)[0], tf.float32)
    return tf.reduce_sum(losses), total, tf.reduce_sum(tf.cast(right, tf.float32))


def objective(
    model: Seq2Seq, readouts: tf.Tensor, target_outputs: tf.Tensor, smoothing: float = 0.0
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """What training minimises, beside what it reports; arguments as of `cross_entropy`.

    Returns:
        Sums over the real target tokens: the loss to differentiate, smoothed or not; the plain
        cross-entropy in nats; the number of tokens.
    """
    logits, words = _scores(model, readouts, target_outputs)
    smoothed, plain = smoothed_cross_entropy(logits, words, smoothing)
    tokens = tf.cast(tf.shape(words)[0], tf.float32)
    return tf.reduce_sum(smoothed), tf.reduce_sum(plain), tokens


def _scores(
    model: Seq2Seq, readouts: tf.Tensor, target_outputs: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Logits of the real target tokens, shape (tokens, vocabulary), and the tokens."""
    positions = tf.where(tf.not_equal(target_outputs, PAD))
    words = tf.gather_nd(target_outputs, positions)
    return model.logits(tf.gather_nd(readouts, positions)), words


def smoothed_cross_entropy(
    logits: tf.Tensor, words: tf.Tensor, smoothing: float = 0.0
) -> tuple[tf.Tensor, tf.Tensor]:
    """Cross-entropy against (1 - ε) · one-hot + ε · uniform (Szegedy et al. 2016, section 7).

    With z the logits and w the word it is the plain cross-entropy plus ε (z_w - mean z), for
    the normaliser cancels. Value and gradient are written out in passes over the logits that use
    the CPU's vectors, which TensorFlow's kernel does not (`docs/results/profile.md`).

    Args:
        logits: float32, shape (tokens, vocabulary).
        words: ids, shape (tokens,).
        smoothing: ε; 0 is the plain cross-entropy.

    Returns:
        The smoothed loss of each token, and the plain one, which has no gradient here.
    """

    @tf.custom_gradient
    def losses(logits: tf.Tensor) -> Any:
        largest = tf.reduce_max(logits, -1, keepdims=True)
        powers = tf.exp(logits - largest)
        total = tf.reduce_sum(powers, -1)
        chosen = tf.gather(logits, words, batch_dims=1)
        plain = tf.math.log(total) + largest[:, 0] - chosen
        smoothed = plain
        if smoothing:
            smoothed += smoothing * (chosen - tf.reduce_mean(logits, -1))

        def gradient(upstream: tf.Tensor, _: Any) -> Any:
            result = powers * (upstream / total)[:, tf.newaxis]
            if smoothing:
                result -= (smoothing / logits.shape[-1] * upstream)[:, tf.newaxis]
            places = tf.stack([tf.range(tf.shape(words)[0]), words], 1)
            return tf.tensor_scatter_nd_sub(result, places, (1.0 - smoothing) * upstream)

        return (smoothed, plain), gradient

    return losses(logits)
