"""Forced decoding: the probability and the attention of existing translations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nmt.search.runtime import OutputWords, Runtime
from nmt.vocabulary.base import BOS, PAD


class Forced(NamedTuple):
    """Scores and attention of translations.

    Attributes:
        log_probabilities: of each target token after those before it, in nats, shape
            (batch, target); 0 in padding.
        attention: row t holds the weights for the prediction of target token t, shape
            (batch, target, source); without attention (batch, target, 0).
    """

    log_probabilities: np.ndarray
    attention: np.ndarray


def force(runtime: Runtime, source: np.ndarray, target: np.ndarray, words: OutputWords) -> Forced:
    """Score translations step by step.

    Each token has the probability that a search with the same words would give it.

    Args:
        runtime: the model.
        source: ids that end with EOS, padded with 0, shape (batch, source).
        target: ids without BOS, with or without EOS, padded with 0, shape (batch, target).
        words: all words, and which of them are banned.
    """
    decoding = runtime.begin(source, words)
    rows = np.arange(len(source), dtype=np.int32)
    inputs = np.pad(target, [(0, 0), (1, 0)], constant_values=BOS)
    width = source.shape[1] if runtime.attends else 0
    scores = np.zeros(target.shape, np.float32)
    attention = np.zeros((*target.shape, width), np.float32)
    for t in range(target.shape[1]):
        scores[:, t], weights = decoding.score(inputs[:, t], rows, target[:, t])
        attention[:, t] = weights[:, 0]
    return Forced(np.where(target == PAD, np.float32(0), scores), attention)
