"""What every filter is: a score for each pair, and the threshold beyond which a pair is dirt."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np

from nmt.corpus.filters.characters import Characters
from nmt.reject_reasons import RejectReason
from nmt.segmentation import split_words

_FIRST_UNSPACED = 0xE00  # no character before it is of a script without blanks


class Languages(NamedTuple):
    """The languages of both sides, as BCP 47 codes; ``und`` where they are not known."""

    source: str
    target: str


class Texts:
    """One side of some pairs.

    Args:
        texts: cleaned.
        language: that they should be in.
    """

    def __init__(self, texts: Sequence[str], language: str) -> None:
        self.texts, self.language = texts, language

    @cached_property
    def characters(self) -> Characters:
        """The characters of the texts."""
        return Characters(self.texts)

    @cached_property
    def word_counts(self) -> np.ndarray:
        """Words of each text, int64."""
        return self.characters.words()

    @cached_property
    def words(self) -> list[list[str]]:
        """The words of each text, lower-cased."""
        lowered = [text.lower() for text in self.texts]
        if self.characters.codes.max(initial=0) < _FIRST_UNSPACED:
            return [text.split() for text in lowered]
        return [text.split() if text.isascii() else split_words(text) for text in lowered]


class PairBatch:
    """Some pairs, and what several filters want to know of them.

    Args:
        sources: cleaned texts.
        targets: their translations.
        languages: that they should be in.
    """

    def __init__(
        self, sources: Sequence[str], targets: Sequence[str], languages: Languages
    ) -> None:
        self.source = Texts(sources, languages.source)
        self.target = Texts(targets, languages.target)
        self.sides = (self.source, self.target)

    def __len__(self) -> int:
        return len(self.source.texts)


SHARES = tuple(n / 20 for n in range(21))
COUNTS = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024, 2048)
RATIOS = tuple(1 + n / 4 for n in range(13))


class Filter(ABC):
    """A score for each pair.

    Attributes:
        name: of the score and of the setting that is its threshold.
        reason: why a pair beyond the threshold is rejected.
        bound: whether the threshold is the most or the least that a score may be.
        title: of the score on the report.
        edges: of the bins in which scores are counted; the first and the last bin take what is
            beyond them, too.
    """

    name: str
    reason: RejectReason
    bound: Literal["most", "least"]
    title: str
    edges: tuple[float, ...] = SHARES

    @abstractmethod
    def score(self, batch: PairBatch) -> np.ndarray:
        """The score of each pair, float32, shape (pairs,); NaN where there is none."""

    def rejects(self, scores: np.ndarray, threshold: float) -> np.ndarray:
        """Which pairs are dirt, bool, shape (pairs,).

        Args:
            scores: as `score` gives them.
            threshold: 0 rejects nothing.
        """
        if not threshold:
            return np.zeros(len(scores), bool)
        # A comparison with NaN is false: what has no score is kept.
        limit = np.float32(threshold)
        return scores > limit if self.bound == "most" else scores < limit


class SideFilter(Filter):
    """A filter that looks at each side by itself; the score of a pair is that of its worse side."""

    def score(self, batch: PairBatch) -> np.ndarray:
        """See `Filter.score`; NaN where both sides have none."""
        worse = np.fmax if self.bound == "most" else np.fmin
        return worse(*map(self.side_score, batch.sides)).astype(np.float32)

    @abstractmethod
    def side_score(self, side: Texts) -> np.ndarray:
        """The score of each text of a side; NaN where there is none."""


def histogram(scores: np.ndarray, edges: Sequence[float]) -> np.ndarray:
    """How many scores lie between each two edges, int64, shape (edges - 1,); NaN does in none."""
    known = scores[~np.isnan(scores)].astype(np.float64)
    return np.histogram(np.clip(known, edges[0], edges[-1]), edges)[0]


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """A quotient, float32; NaN where there is nothing to have a share of."""
    return np.divide(part, whole, out=np.full(len(part), np.nan, np.float32), where=whole > 0)
