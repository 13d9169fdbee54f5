"""Filters that look for what repeats itself within a side."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from nmt.corpus.filters.base import COUNTS, Filter, PairBatch, Texts, larger
from nmt.reject_reasons import RejectReason

_FEWEST = 5  # words, from which repetition is looked for: "no, no, no" is a sentence


class RepeatedCharacters(Filter):
    """Equal characters in a row, at most."""

    name, reason, bound = "repeated_characters", RejectReason.REPETITION, "most"
    title = "Equal characters in a row, at most"
    edges = COUNTS

    def score(self, batch: PairBatch) -> np.ndarray:
        """See `Filter.score`."""
        return larger(side.characters.longest_run() for side in batch.sides)


class RepeatedWords(Filter):
    """Share of the pairs of neighbouring words that occur earlier in the side.

    Sides of fewer than five words have no score.
    """

    name, reason, bound = "repetition", RejectReason.REPETITION, "most"
    title = "Repeated pairs of words (the side that has more)"

    def score(self, batch: PairBatch) -> np.ndarray:
        """See `Filter.score`."""
        return larger(self._side(side) for side in batch.sides)

    @staticmethod
    def _side(side: Texts) -> np.ndarray:
        scores = np.full(len(side.texts), np.nan, np.float32)
        words = side.words
        for place in np.flatnonzero(side.word_counts >= _FEWEST).tolist():
            one = words[place]
            pairs = len(one) - 1
            if pairs > 0:
                scores[place] = 1 - len(set(pairwise(one))) / pairs
        return scores
