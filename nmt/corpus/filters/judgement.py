"""Filters that need what an `Aligner` learnt from the corpus."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from nmt.corpus.filters.alignment import Aligner
from nmt.reject_reasons import RejectReason


class LearntPairs(NamedTuple):
    """Pairs of one corpus.

    Attributes:
        corpus: its number.
        sources: cleaned texts.
        targets: their translations.
        ids: of the pairs.
    """

    corpus: int
    sources: Sequence[str]
    targets: Sequence[str]
    ids: np.ndarray


class LearntFilter(ABC):
    """A score for each pair that depends on the other pairs of the corpora.

    Attributes:
        name, reason, bound, title, edges: as those of `nmt.corpus.filters.base.Filter`.
    """

    name: str
    reason: RejectReason
    bound: Literal["most", "least"]
    title: str
    edges: tuple[float, ...]

    @abstractmethod
    def score(self, aligner: Aligner, pairs: LearntPairs) -> np.ndarray:
        """The score of each pair, float32, shape (pairs,).

        Args:
            aligner: what was learnt.
            pairs: some of a corpus.
        """

    @abstractmethod
    def limit(self, aligner: Aligner, threshold: float) -> float:
        """The score that a setting, which is not 0, stands for."""

    def rejects(self, aligner: Aligner, scores: np.ndarray, threshold: float) -> np.ndarray:
        """Which pairs are dirt, bool, shape (pairs,); a threshold of 0 rejects nothing."""
        if not threshold:
            return np.zeros(len(scores), bool)
        limit = np.float32(self.limit(aligner, threshold))
        return scores > limit if self.bound == "most" else scores < limit


class LengthDeviation(LearntFilter):
    """How unusual both lengths are beside each other (Gale & Church 1993), without the sign."""

    name, reason, bound = "length_deviation", RejectReason.LENGTH_DEVIATION, "most"
    title = "Standard deviations from the usual ratio of lengths"
    edges = tuple(n / 4 for n in range(25))

    def score(self, aligner: Aligner, pairs: LearntPairs) -> np.ndarray:
        """See `LearntFilter.score`."""
        lengths = (
            np.fromiter(map(len, side), np.int64, len(side))
            for side in (pairs.sources, pairs.targets)
        )
        return np.abs(aligner.length_model(pairs.corpus).deviation(*lengths))

    def limit(self, aligner: Aligner, threshold: float) -> float:
        """See `LearntFilter.limit`."""
        return threshold


class Alignment(LearntFilter):
    """How much likelier the words of each side make those of the other than chance does.

    IBM model 1 in both directions, the smaller value; nats a word.
    """

    name, reason, bound = "alignment", RejectReason.MISALIGNED, "least"
    title = "Gain over chance by the words of the other side (nats a word)"
    edges = tuple(n / 2 - 4 for n in range(25))

    def score(self, aligner: Aligner, pairs: LearntPairs) -> np.ndarray:
        """See `LearntFilter.score`."""
        return aligner.score(*pairs[1:])

    def limit(self, aligner: Aligner, threshold: float) -> float:
        """See `LearntFilter.limit` and `Aligner.threshold`."""
        return aligner.threshold(threshold)


LEARNT: dict[str, LearntFilter] = {one.name: one for one in (LengthDeviation(), Alignment())}
