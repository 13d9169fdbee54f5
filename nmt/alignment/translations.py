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
        return cls.learn_with_places(sources, targets, sizes)[0]

    @classmethod
    def learn_with_places(
        cls, sources: Sequence[np.ndarray], targets: Sequence[np.ndarray], sizes: tuple[int, int]
    ) -> tuple[TranslationTable, np.ndarray]:
        """The same, and the place of each cell of `Cells.of` among the entries, int32."""
        cells = Cells.of(sources, targets, sizes)
        entries, places = np.unique(cells.entries, return_inverse=True)
        places = places.astype(np.int32)
        nothing = np.zeros(len(entries), np.float32)
        table = cls(
            entries,
            np.ones(len(entries), np.float32),
            nothing,
            np.zeros(sizes[0] + 1),
            np.bincount(cells.words, minlength=sizes[1]),
        )
        for _ in range(_ROUNDS if len(entries) else 0):
            shares = table.probability[places]
            shares /= np.repeat(cells.sums(shares), cells.widths)
            table = table.maximised(places, shares)
        return table, places

    def maximised(self, places: np.ndarray, shares: np.ndarray) -> TranslationTable:
        """The table that makes expected alignments likeliest.

        Args:
            places: the entry of each cell.
            shares: how often each cell's words are expected to be aligned.
        """
        source = self.entries // len(self.target_counts)
        counts = np.bincount(places, shares, minlength=len(self.entries))
        source_counts = np.bincount(source, counts, minlength=len(self.source_counts))
        # A word that is never aligned keeps its probabilities at 0.
        totals = np.maximum(source_counts[source], 1e-30)
        probability = (counts / totals).astype(np.float32)
        return self._replace(
            probability=probability, counts=counts.astype(np.float32), source_counts=source_counts
        )

    def smoothed(self, cells, prior):
        places, known = self.find(cells.entries)
        counts = np.where(known, self.counts[places], 0)
        totals = self.source_counts[cells.entries // len(self.target_counts)]
        if not prior:
            return np.where(known, self.probability[places], 0).astype(float)
        chance = (self.target_counts[cells.words] + 0.5) / (self.target_counts.sum() + 1)
        return (counts + prior * np.repeat(chance, cells.widths)) / (totals + prior)

    def find(self, entries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places of entries in the table, and which of them it has."""
        if not len(self.entries):
            return np.zeros(len(entries), np.int64), np.zeros(len(entries), bool)
        places = np.minimum(np.searchsorted(self.entries, entries), len(self.entries) - 1)
        return places, self.entries[places] == entries

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
        if not len(cells.words) or not len(self.entries):
            return np.zeros(len(targets), np.float32)
        places, known = self.find(cells.entries)
        own = np.where(known, self.probability[places], 0)
        own /= np.repeat(np.maximum(cells.sums(own), 1e-30), cells.widths)
        own *= np.repeat(learnt[cells.pairs], cells.widths)
        others = self.without(cells, own, learnt[cells.pairs])
        gain = np.log(cells.sums(others.probability) / cells.widths / others.chance)
        return weighted_means(gain, others.weights, cells.pairs, len(targets))

    def without(self, cells: Cells, own: np.ndarray, learnt: np.ndarray) -> Others:
        """What the other pairs say of the words of some.

        Args:
            cells: of the pairs.
            own: what the pair of each cell contributed to the entry's count.
            learnt: whether the table was learnt from each target word's pair, bool.
        """
        places, known = self.find(cells.entries)
        counts = np.maximum(np.where(known, self.counts[places], 0) - own, 0)
        totals = np.maximum(self.source_counts[cells.entries // len(self.target_counts)] - own, 0)
        occurrences = np.maximum(self.target_counts[cells.words] - learnt, 0)
        chance = (occurrences + 0.5) / (self.target_counts.sum() + 1)
        probability = (counts + _PRIOR * np.repeat(chance, cells.widths)) / (totals + _PRIOR)
        return Others(probability, chance, occurrences / (occurrences + _DOUBT))


class Others(NamedTuple):
    """See `TranslationTable.without`.

    Attributes:
        probability: of each cell's target word given its source word.
        chance: probability of each target word without a source.
        weights: how much is known of each target word, 0 to 1.
    """

    probability: np.ndarray
    chance: np.ndarray
    weights: np.ndarray


def weighted_means(
    gain: np.ndarray, weights: np.ndarray, pairs: np.ndarray, count: int
) -> np.ndarray:
    """The mean over the target words of each pair; those of a weight below 1 in all count as 1.

    Returns:
        float32, shape (count,).
    """
    total = np.bincount(pairs, gain * weights, minlength=count)
    weight = np.bincount(pairs, weights, minlength=count)
    return (total / np.maximum(weight, 1)).astype(np.float32)
