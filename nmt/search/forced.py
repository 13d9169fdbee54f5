"""Forced decoding: the decoder is led along a given translation, and says how likely it is."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from nmt.model.ensemble import Ensemble
from nmt.model.probabilities import log_normaliser
from nmt.model.seq2seq import Seq2Seq
from nmt.vocabulary.special import BOS, PAD


class Forced(NamedTuple):
    """What the model makes of given translations.

    Attributes:
        log_probabilities: of each target token after those before it, in nats, shape
            (batch, target); 0 in padding.
        attention: row t holds where the model looked when target token t was due, shape
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
    """Lead the model along translations; to be called inside a ``tf.function``.

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

    def step(i, state, found, looked):
        logits, state, weights = model.step(inputs[i], state, decoding)
        wanted = tf.gather(logits, ids[i], batch_dims=1)
        likely = wanted - log_normaliser(logits)
        found = found.write(i, tf.where(ids[i] == PAD, 0.0, likely))
        return i + 1, state, found, looked.write(i, weights[:, 0])

    _, _, found, looked = tf.while_loop(
        lambda i, *_: i < steps,
        step,
        (0, state, tf.TensorArray(tf.float32, steps), tf.TensorArray(tf.float32, steps)),
        maximum_iterations=steps,
    )
    return Forced(tf.transpose(found.stack()), tf.transpose(looked.stack(), [1, 0, 2]))
