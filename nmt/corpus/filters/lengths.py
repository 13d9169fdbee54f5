"""Filters that look at how long the sides of a pair are."""

from __future__ import annotations

import numpy as np

from nmt.corpus.filters.base import COUNTS, RATIOS, Filter, PairBatch, larger
from nmt.reject_reasons import RejectReason

_SMOOTHING = 10  # characters added to both sides: "Hi." may well be "Guten Tag zusammen."


class MostCharacters(Filter):
    """Characters of the longer side."""

    name, reason, bound = "characters", RejectReason.BAD_LENGTH, "most"
    title = "Characters of the longer side"
    edges = COUNTS

    def score(self, batch: PairBatch) -> np.ndarray:
        """See `Filter.score`."""
        return larger(side.characters.lengths for side in batch.sides)


class MostWords(Filter):
    """Words of the side that has more; where a script has no blanks, its characters."""

    name, reason, bound = "words", RejectReason.BAD_LENGTH, "most"
    title = "Words of the side that has more"
    edges = COUNTS

    def score(self, batch: PairBatch) -> np.ndarray:
        """See `Filter.score`."""
        return larger(side.word_counts for side in batch.sides)


class LengthRatio(Filter):
    """Characters of the longer side for each of the shorter one, 10 added to both."""

    name, reason, bound = "length_ratio", RejectReason.LENGTH_RATIO, "most"
    title = "Ratio of lengths (longer to shorter side, 10 characters added to both)"
    edges = RATIOS

    def score(self, batch: PairBatch) -> np.ndarray:
        """See `Filter.score`."""
        source, target = (side.characters.lengths + _SMOOTHING for side in batch.sides)
        return larger((source / target, target / source))


class LongestWord(Filter):
    """Characters of the longest word."""

    name, reason, bound = "longest_word", RejectReason.LONG_WORD, "most"
    title = "Characters of the longest word"
    edges = COUNTS

    def score(self, batch: PairBatch) -> np.ndarray:
        """See `Filter.score`."""
        return larger(side.characters.longest_word() for side in batch.sides)
