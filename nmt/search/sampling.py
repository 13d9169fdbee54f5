"""Sampling of words, each sentence with random numbers of its own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nmt.search.runtime import NEG_INF
from nmt.vocabulary.base import PAD


class Sampling(NamedTuple):
    """The distribution that words are drawn from.

    Attributes:
        temperature: the logits are divided by it.
        top_k: then only this many likeliest words stay (Fan et al. 2018, arXiv 1805.04833);
            0 is all.
        top_p: then only the fewest likeliest words whose probabilities sum to this stay (nucleus
            sampling, Holtzman et al. 2020, arXiv 1904.09751); 1 is all.
    """

    temperature: float
    top_k: int = 0
    top_p: float = 1.0

    def draw(self, logits: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Draw a column of each row.

        Args:
            logits: or log-probabilities, shape (rows, words).
            numbers: one random number in [0, 1) per row, shape (rows,).

        Returns:
            int64, shape (rows,).
        """
        logits = logits / np.float32(self.temperature)
        if self.top_k:
            k = min(self.top_k, logits.shape[1])
            least = np.partition(logits, -k, axis=1)[:, -k, np.newaxis]
            logits = np.where(logits < least, NEG_INF, logits)
        if self.top_p < 1:
            ordered = -np.sort(-logits, axis=1)
            probabilities = _softmax(ordered)
            above = np.cumsum(probabilities, axis=1) - probabilities
            nucleus = np.where(above < self.top_p, ordered, ordered[:, :1])
            logits = np.where(logits < nucleus.min(1, keepdims=True), NEG_INF, logits)
        # In the vocabulary's order, which no rounding changes.
        mass = np.cumsum(_softmax(logits), axis=1)
        below = mass <= numbers[:, np.newaxis] * mass[:, -1:]
        return np.count_nonzero(below, axis=1)


def _softmax(logits: np.ndarray) -> np.ndarray:
    """The probabilities, float32, shape (rows, words)."""
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    return exponentials / exponentials.sum(1, keepdims=True)


def random_numbers(source: np.ndarray, limits: np.ndarray, seed: int) -> np.ndarray:
    """A number in [0, 1) for each step of each sentence.

    They depend on the seed, the sentence and the step, and on nothing else: a sentence's sample
    is the same in any batch.

    Args:
        source: ids, padded with 0, shape (batch, source).
        limits: steps of each sentence, shape (batch,).
        seed: of all sentences.

    Returns:
        float32, shape (batch, most steps), 0 beyond a sentence's limit.
    """
    numbers = np.zeros((len(source), max(limits, default=0)), np.float32)
    for row, limit in enumerate(limits):
        generator = np.random.default_rng([seed, *source[row][source[row] != PAD].tolist()])
        numbers[row, :limit] = generator.random(limit, dtype=np.float32)
    return numbers
