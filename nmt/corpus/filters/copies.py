"""Filters that compare the words of both sides: what is copied, and what must not differ."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import numpy as np

from nmt.corpus.filters.base import Filter, PairBatch, Texts
from nmt.corpus.filters.characters import DIGIT
from nmt.reject_reasons import RejectReason

_FEWEST = 2  # words, from which equal sides are a copy: one may be a name or a loan anywhere
_NUMBER = re.compile(r"\d+")
_ADDRESS = re.compile(
    r"(?:https?://|www\.)[^\s<>\"']*[\w/]|(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.A
)
_MOST_CHARACTERS = 2000  # of a side in which addresses are looked for


class Similarity(Filter):
    """Dice coefficient of the sets of lower-cased words of both sides.

    Pairs whose shorter side has fewer than two words have no score.
    """

    name, reason, bound = "similarity", RejectReason.COPIED, "most"
    title = "Similarity of both sides (Dice coefficient of their words)"

    def score(self, batch: PairBatch) -> np.ndarray:
        """See `Filter.score`."""
        scores = [
            _dice(source, target) if len(source) >= _FEWEST and len(target) >= _FEWEST else np.nan
            for source, target in zip(batch.source.words, batch.target.words, strict=True)
        ]
        return np.array(scores, np.float32)

    def rejects(self, scores: np.ndarray, threshold: float) -> np.ndarray:
        """See `Filter.rejects`; the threshold itself is too much, so that 1 rejects copies."""
        return scores >= np.float32(threshold) if threshold else np.zeros(len(scores), bool)


def _dice(source: Iterable[str], target: Iterable[str]) -> float:
    first, second = set(source), set(target)
    return 2 * len(first & second) / (len(first) + len(second))


class Numbers(Filter):
    """Dice coefficient of the numbers in digits of both sides; a number may stand there twice."""

    name, reason, bound = "numbers", RejectReason.NUMBERS_DIFFER, "least"
    title = "Share of numbers in common (where there are any)"

    def score(self, batch: PairBatch) -> np.ndarray:
        """See `Filter.score`."""
        source, target = (side.characters.count(DIGIT) > 0 for side in batch.sides)
        return _in_common(batch, _NUMBER, source | target)


class Addresses(Filter):
    """Dice coefficient of the URLs and addresses of both sides."""

    name, reason, bound = "urls", RejectReason.URLS_DIFFER, "least"
    title = "Share of URLs and addresses in common (where there are any)"

    def score(self, batch: PairBatch) -> np.ndarray:
        """See `Filter.score`."""
        source, target = (self._may_have(side) for side in batch.sides)
        return _in_common(batch, _ADDRESS, source | target)

    @staticmethod
    def _may_have(side: Texts) -> np.ndarray:
        return np.fromiter(
            ("://" in text or "www." in text or "@" in text for text in side.texts),
            bool,
            len(side.texts),
        )


def _in_common(batch: PairBatch, pattern: re.Pattern[str], chosen: np.ndarray) -> np.ndarray:
    """Dice coefficient of what a pattern finds in both sides of the chosen pairs, else NaN."""
    scores = np.full(len(batch), np.nan, np.float32)
    for place in np.flatnonzero(chosen).tolist():
        source, target = (
            Counter(pattern.findall(side.texts[place][:_MOST_CHARACTERS])) for side in batch.sides
        )
        total = source.total() + target.total()
        if total:
            scores[place] = 2 * (source & target).total() / total
    return scores
