"""Forced decoding: the probability and the attention of existing translations."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf

from nmt.model.ensemble import Ensemble
from nmt.model.output import log_normaliser
from nmt.model.seq2seq import Seq2Seq
from nmt.vocabulary.special import BOS, PAD


class Forced(NamedTuple):
    """Scores and attention of translations.

    Attributes:
        log_probabilities: of each target token after those before it, in nats, shape
            (batch, target); 0 in padding.
        attention: row t holds the weights for the prediction of target token t, shape
            (batch, target, source); without attention (batch, target, 0).
    """

    log_probabilities: tf.Tensor
    attention: tf.Tensor


def force(
    model: Seq2Seq | Ensemble,
    source: tf.Tensor,
    target: tf.Tensor,
    banned: tuple[int, ...] = (PAD, BOS),
) -> Forced:
    """Score translations step by step; to be called inside a ``tf.function``.

    Each token has the probability that a search with the same banned ids would give it.

    Args:
        model: the trained model, or an ensemble.
        source: ids that end with EOS, padded with 0, shape (batch, source).
        target: ids without BOS, with or without EOS, padded with 0, shape (batch, target).
        banned: ids that get no probability.
    """
    decoding, state = model.begin(source, banned)
    ids = tf.transpose(target)
    inputs = tf.pad(ids, [[1, 0], [0, 0]], constant_values=BOS)
    steps = tf.shape(ids)[0]

    def step(i: tf.Tensor, state: tf.Tensor, scores: tf.Tensor, attention: tf.Tensor) -> Any:
        logits, state, weights = decoding.step(inputs[i], state, decoding.sentences)
        score = tf.gather(logits, ids[i], batch_dims=1) - log_normaliser(logits)
        scores = scores.write(i, tf.where(ids[i] == PAD, 0.0, score))
        return i + 1, state, scores, attention.write(i, weights[:, 0])

    _, _, scores, attention = tf.while_loop(
        lambda i, *_: i < steps,
        step,
        (0, state, tf.TensorArray(tf.float32, steps), tf.TensorArray(tf.float32, steps)),
        maximum_iterations=steps,
    )
    return Forced(tf.transpose(scores.stack()), tf.transpose(attention.stack(), [1, 0, 2]))
