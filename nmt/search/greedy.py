"""Greedy search: the most probable word at every step."""

from __future__ import annotations

import tensorflow as tf

from nmt.model.seq2seq import Seq2Seq
from nmt.search.hypotheses import Hypotheses
from nmt.vocabulary.special import BOS, EOS, PAD


def greedy_search(
    model: Seq2Seq, source: tf.Tensor, limits: tf.Tensor, banned: tuple[int, ...] = (PAD, BOS)
) -> Hypotheses:
    """Decode a batch; to be called inside a ``tf.function``.

    The loop ends as soon as every sentence has ended. A sentence's own limit, not the batch's,
    bounds it, so that its translation does not depend on its neighbours.

    Args:
        model: the trained model.
        source: ids that end with EOS, padded with 0, shape (batch, source).
        limits: most tokens of each translation, EOS included, shape (batch,).
        banned: ids that are never chosen.
    """
    decoding, state = model.begin(source, banned)
    batch, steps = tf.shape(source)[0], tf.reduce_max(limits)
    words = tf.TensorArray(tf.int32, size=0, dynamic_size=True, element_shape=[None])
    looks = tf.TensorArray(tf.float32, size=0, dynamic_size=True, element_shape=[None, None])

    def body(i, word, state, alive, total, length, words, looks):
        logits, state, weights = model.step(word, state, decoding)
        word = tf.argmax(logits, -1, output_type=tf.int32)
        best = tf.reduce_max(logits, -1) - tf.reduce_logsumexp(logits, -1)
        word = tf.where(alive, word, PAD)
        total += tf.where(alive, best, 0.0)
        length += tf.cast(alive, tf.int32)
        alive &= (word != EOS) & (i + 1 < limits)
        words, looks = words.write(i, word), looks.write(i, weights[:, 0])
        return i + 1, word, state, alive, total, length, words, looks

    start = (
        0,
        tf.fill([batch], BOS),
        state,
        tf.ones([batch], tf.bool),
        tf.zeros([batch]),
        tf.zeros([batch], tf.int32),
        words,
        looks,
    )
    *_, total, length, words, looks = tf.while_loop(
        lambda i, word, state, alive, *_: (i < steps) & tf.reduce_any(alive), body, start
    )
    attention = tf.transpose(looks.stack(), [1, 0, 2])
    return Hypotheses(tf.transpose(words.stack()), total, length, attention)
