"""What a search returns."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Hypotheses(NamedTuple):
    """The best hypothesis of every sentence of a batch.

    Attributes:
        ids: target ids without BOS, shape (batch, length), padded with 0. The EOS is
            included; a row without one was cut off at its length limit.
        log_probability: sum over the tokens, EOS included, in nats, shape (batch,).
        length: number of tokens, EOS included, shape (batch,).
        attention: row t holds the weights for the prediction of token t, shape (batch,
            length, source); without attention (batch, length, 0).
        ranking: what the search compares hypotheses by, shape (batch,): log-probability over
            length penalty, plus coverage penalty; of greedy search the log-probability.
        n_best: if requested, all finished hypotheses, best first: the same with shape
            (batch, beam, …). In empty places the length is 0.
    """

    ids: tf.Tensor
    log_probability: tf.Tensor
    length: tf.Tensor
    attention: tf.Tensor
    ranking: tf.Tensor
    n_best: Hypotheses | None = None
