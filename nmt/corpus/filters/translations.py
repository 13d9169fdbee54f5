"""IBM model 1 (Brown et al. 1993), learnt from the corpus that it judges.

A pair is judged by what the other pairs say of its words: what it contributed to the model itself
is taken out again. Otherwise the model would have learnt a wrong pair by heart, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_ROUNDS = 4  # of expectation and maximisation
_PRIOR = 5.0  # occurrences that the distribution without a source word counts as
_DOUBT = 5.0  # occurrences of a word from which it has half its weight


class Cells(NamedTuple):
    """Every source word of every target word of some pairs; those of one target word together.

    Attributes:
        entries: source word × size of the target vocabulary + target word, int64, shape (cells,).
        starts: the first cell of each target word, int64, shape (words,).
        widths: cells of each target word: source words of its pair and the empty word, int64.
        words: the target words, int64, shape (words,).
        pairs: the pair of each target word, int64, shape (words,).
    """

    entries: np.ndarray
    starts: np.ndarray
    widths: np.ndarray
    words: np.ndarray
    pairs: np.ndarray

    @classmethod
    def of(
        cls, sources: Sequence[np.ndarray], targets: Sequence[np.ndarray], sizes: tuple[int, int]
    ) -> Cells:
        """The cells of some pairs.

        Args:
            sources: ids of the words of each source.
            targets: those of each target.
            sizes: words of both vocabularies; the empty word gets the id after the last.
        """
        empty, target_size = sizes
        source_words = np.concatenate([*(np.append(ids, empty) for ids in sources), []])
        words = np.concatenate([*targets, []]).astype(np.int64)
        source_lengths = np.array([len(ids) + 1 for ids in sources], np.int64)
        source_starts = np.cumsum(source_lengths) - source_lengths
        pairs = np.repeat(np.arange(len(targets)), [len(ids) for ids in targets])
        widths = source_lengths[pairs]
        starts = np.cumsum(widths) - widths
        places = np.arange(widths.sum()) - np.repeat(starts - source_starts[pairs], widths)
        entries = source_words.astype(np.int64)[places] * target_size + np.repeat(words, widths)
        return cls(entries, starts, widths, words, pairs)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """The sum over the cells of each target word."""
        return np.add.reduceat(values, self.starts) if len(self.starts) else values[:0]


class TranslationTable(NamedTuple):
    """How often each source word was translated by each target word, as expected by the model.

    Attributes:
        entries: those that occur, ascending, as in `Cells`, int64.
        probability: of the target word given the source word, float32.
        counts: expected occurrences of each entry, float32.
        source_counts: their sums by source word, float64, shape (source words + 1,).
        target_counts: occurrences of each target word, int64, shape (target words,).
    """

    entries: np.ndarray
    probability: np.ndarray
    counts: np.ndarray
    source_counts: np.ndarray
    target_counts: np.ndarray

    @classmethod
    def learn(
        cls, sources: Sequence[np.ndarray], targets: Sequence[np.ndarray], sizes: tuple[int, int]
    ) -> TranslationTable:
        """Learn it by expectation and maximisation; see `Cells.of` for the arguments."""
        cells = Cells.of(sources, targets, sizes)
        entries, places = np.unique(cells.entries, return_inverse=True)
        places = places.astype(np.int32)
        source = entries // sizes[1]
        probability = np.ones(len(entries), np.float32)
        counts: np.ndarray = np.zeros(len(entries))
        source_counts: np.ndarray = np.zeros(sizes[0] + 1)
        for _ in range(_ROUNDS if len(entries) else 0):
            shares = probability[places]
            shares /= np.repeat(cells.sums(shares), cells.widths)
            counts = np.bincount(places, shares, minlength=len(entries))
            source_counts = np.bincount(source, counts, minlength=sizes[0] + 1)
            probability = (counts / source_counts[source]).astype(np.float32)
        target_counts = np.bincount(cells.words, minlength=sizes[1])
        return cls(entries, probability, counts.astype(np.float32), source_counts, target_counts)

    def score(
        self, sources: Sequence[np.ndarray], targets: Sequence[np.ndarray], learnt: np.ndarray
    ) -> np.ndarray:
        """How much likelier each source makes its target than chance does, in nats a word.

        A target word that occurred n times counts n / (n + 5): of a rare word the model knows
        little.

        Args:
            sources: ids of the words of each source.
            targets: those of each target.
            learnt: whether the table was learnt from the pair, bool, shape (pairs,).

        Returns:
            float32, shape (pairs,); 0 where the target has no word.
        """
        sizes = len(self.source_counts) - 1, len(self.target_counts)
        cells = Cells.of(sources, targets, sizes)
        scores = np.zeros(len(targets), np.float32)
        if not len(cells.words) or not len(self.entries):
            return scores
        places = np.minimum(np.searchsorted(self.entries, cells.entries), len(self.entries) - 1)
        known = self.entries[places] == cells.entries
        own = np.where(known, self.probability[places], 0)
        own /= np.repeat(np.maximum(cells.sums(own), 1e-30), cells.widths)
        own *= np.repeat(learnt[cells.pairs], cells.widths)
        counts = np.maximum(np.where(known, self.counts[places], 0) - own, 0)
        totals = np.maximum(self.source_counts[cells.entries // sizes[1]] - own, 0)
        occurrences = np.maximum(self.target_counts[cells.words] - learnt[cells.pairs], 0)
        chance = (occurrences + 0.5) / (self.target_counts.sum() + 1)
        probability = (counts + _PRIOR * np.repeat(chance, cells.widths)) / (totals + _PRIOR)
        gain = np.log(cells.sums(probability) / cells.widths / chance)
        weights = occurrences / (occurrences + _DOUBT)
        total = np.bincount(cells.pairs, gain * weights, minlength=len(targets))
        weight = np.bincount(cells.pairs, weights, minlength=len(targets))
        return (total / np.maximum(weight, 1)).astype(np.float32)
