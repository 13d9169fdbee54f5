"""How words are translated: IBM model 1 (Brown et al. 1993), and what others make of its table.

A pair can be judged by what the other pairs say of its words: what it contributed to the table is
taken out again. Otherwise the table would have learnt a wrong pair by heart, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

CELLS = 10_000_000  # source words × target words that are learnt from
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


class Others(NamedTuple):
    """What pairs other than its own say of a target word.

    Attributes:
        probability: given the source word of each cell, float64, shape (cells,); never 0.
        chance: without a source, float64, shape (words,).
        weights: how much is known of it, 0 to 1: n occurrences count n / (n + 5), float64, shape
            (words,).
    """

    probability: np.ndarray
    chance: np.ndarray
    weights: np.ndarray

    def means(self, gains: np.ndarray, pairs: np.ndarray, count: int) -> np.ndarray:
        """The mean of values of the target words of each pair, by their weights.

        Args:
            gains: of each target word.
            pairs: the pair of each.
            count: how many pairs there are.

        Returns:
            float32, shape (count,). Weights that add up to less than 1 count as 1.
        """
        total = np.bincount(pairs, gains * self.weights, minlength=count)
        weight = np.bincount(pairs, self.weights, minlength=count)
        return (total / np.maximum(weight, 1)).astype(np.float32)


class TranslationTable(NamedTuple):
    """How often each source word was translated by each target word, as expected by a model.

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
    def learn(cls, cells: Cells, sizes: tuple[int, int]) -> tuple[TranslationTable, np.ndarray]:
        """Learn IBM model 1 by expectation and maximisation.

        Args:
            cells: of the pairs.
            sizes: words of both vocabularies.

        Returns:
            The table, and the place of each cell among its entries, int32.
        """
        entries, places = np.unique(cells.entries, return_inverse=True)
        places = places.astype(np.int32)
        table = cls(
            entries,
            np.ones(len(entries), np.float32),
            np.zeros(len(entries), np.float32),
            np.zeros(sizes[0] + 1),
            np.bincount(cells.words, minlength=sizes[1]),
        )
        for _ in range(_ROUNDS):
            shares = table.probability[places]
            shares /= np.repeat(cells.sums(shares), cells.widths)
            table = table.maximised(places, shares)
        return table, places

    @property
    def sizes(self) -> tuple[int, int]:
        """Words of both vocabularies, without the empty word."""
        return len(self.source_counts) - 1, len(self.target_counts)

    def maximised(self, places: np.ndarray, shares: np.ndarray) -> TranslationTable:
        """The table that makes expected alignments likeliest.

        Args:
            places: the entry of each cell.
            shares: how often the words of each cell are expected to be aligned.
        """
        source = self.entries // self.sizes[1]
        counts = np.bincount(places, shares, minlength=len(self.entries))
        source_counts = np.bincount(source, counts, minlength=self.sizes[0] + 1)
        probability = counts / np.maximum(source_counts[source], 1e-30)
        return self._replace(
            probability=probability.astype(np.float32),
            counts=counts.astype(np.float32),
            source_counts=source_counts,
        )

    def looked_up(self, cells: Cells) -> np.ndarray:
        """The probability of each cell, float32; 0 where its words never occurred together."""
        places, known = self._find(cells)
        return np.where(known, self.probability[places], np.float32(0))

    def without(self, cells: Cells, own: np.ndarray, learnt: np.ndarray) -> Others:
        """What other pairs say of the target words of some.

        Args:
            cells: of the pairs.
            own: how much of the count of each cell's entry comes from its own pair.
            learnt: whether the table was learnt from the pair of each target word, bool.
        """
        places, known = self._find(cells)
        counts = np.maximum(np.where(known, self.counts[places], 0) - own, 0)
        totals = np.maximum(self.source_counts[cells.entries // self.sizes[1]] - own, 0)
        occurrences = np.maximum(self.target_counts[cells.words] - learnt, 0)
        chance = (occurrences + 0.5) / (self.target_counts.sum() + 1)
        probability = (counts + _PRIOR * np.repeat(chance, cells.widths)) / (totals + _PRIOR)
        return Others(probability, chance, occurrences / (occurrences + _DOUBT))

    def score(
        self, sources: Sequence[np.ndarray], targets: Sequence[np.ndarray], learnt: np.ndarray
    ) -> np.ndarray:
        """How much likelier each source makes its target than chance does, in nats a word.

        Args:
            sources: ids of the words of each source.
            targets: those of each target.
            learnt: whether the table was learnt from the pair, bool, shape (pairs,).

        Returns:
            The mean over the target words by their weights (see `Others`), float32, shape
            (pairs,); 0 where the target has no word.
        """
        cells = Cells.of(sources, targets, self.sizes)
        if not len(cells.words) or not len(self.entries):
            return np.zeros(len(targets), np.float32)
        inside = learnt[cells.pairs]
        own = self.looked_up(cells)
        own /= np.repeat(np.maximum(cells.sums(own), 1e-30), cells.widths)
        own *= np.repeat(inside, cells.widths)
        others = self.without(cells, own, inside)
        gains = np.log(cells.sums(others.probability) / cells.widths / others.chance)
        return others.means(gains, cells.pairs, len(targets))

    def _find(self, cells: Cells) -> tuple[np.ndarray, np.ndarray]:
        """Places of the cells among the entries, and which cells have one; it needs entries."""
        places = np.minimum(np.searchsorted(self.entries, cells.entries), len(self.entries) - 1)
        return places, self.entries[places] == cells.entries
