"""What a search returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Hypotheses(NamedTuple):
    """The best hypothesis of every sentence of a batch.

    Attributes:
        ids: target ids without BOS, int32, shape (batch, length), padded with 0. The EOS is
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

    ids: np.ndarray
    log_probability: np.ndarray
    length: np.ndarray
    attention: np.ndarray
    ranking: np.ndarray
    n_best: Hypotheses | None = None


class AttentionLog:
    """The attention weights of the steps of a batch that gets smaller on the way."""

    def __init__(self) -> None:
        self._steps: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, sentences: np.ndarray, weights: np.ndarray) -> None:
        """Keep a step.

        Args:
            sentences: numbers of the sentences that are under way, shape (n,).
            weights: shape (n, beams, source).
        """
        self._steps.append((sentences, weights))

    def along(self, beams: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
        """The weights that the words of hypotheses had.

        Args:
            beams: which beam chose each word, -1 beyond the end, shape (batch, …, length).

        Returns:
            Float32, shape (batch, …, length, source).
        """
        beams = np.asarray(beams)
        source = self._steps[0][1].shape[-1] if self._steps else 0
        along = np.zeros((*beams.shape, source), np.float32)
        for t in range(beams.shape[-1]):
            sentences, weights = self._steps[t]
            chosen = beams[sentences, ..., t]
            places = np.arange(len(sentences)).reshape(-1, *[1] * (chosen.ndim - 1))
            along[sentences, ..., t, :] = np.where(
                (chosen >= 0)[..., np.newaxis], weights[places, chosen], 0
            )
        return along
