"""The hidden Markov model of word alignments (Vogel, Ney & Tillmann 1996; Och & Ney 2003).

A source word makes a target word; the next target word comes from a source word that is so many
places further on or back. `lattice` computes expected and likeliest alignments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from nmt.alignment.lattice import Batch, batches, forward_backward, in_order, viterbi
from nmt.alignment.translations import Cells, TranslationTable

WIDEST = 20  # words; jumps of as many or more in one direction share a weight
WEIGHTS = 2 * WIDEST + 1
_FIRST = WEIGHTS  # of the weights of the first position, behind those of jumps
_STEPS = 3  # of the maximisation

_ROUNDS = 5  # of expectation and maximisation
LEAST = 1e-12  # probability of a word that is learnt from, so that no pair is impossible
Ids = Sequence[np.ndarray]


class Jumps(NamedTuple):
    """Weights of widths, shared by sentences of all lengths.

    The probability of source word i after i' is the weight of the width i - i', divided by the sum
    over all source words of the sentence. The first target word has weights of its own, by the
    place of its source word.

    Attributes:
        weights: of jumps of -WIDEST … WIDEST words, then of first places 0 … WIDEST, float64.
    """

    weights: np.ndarray

    @classmethod
    def uniform(cls) -> Jumps:
        """All widths alike."""
        return cls(np.ones(_FIRST + WIDEST + 1))

    def matrix(self, length: int) -> np.ndarray:
        """Probabilities of first places and of jumps in a source of so many words.

        Returns:
            float64, shape (length + 1, length): the first row is that of the first target word,
            row i' + 1 that after source word i'. Each sums to 1.
        """
        weights = self.weights[_classes(length)]
        return weights / weights.sum(1, keepdims=True)

    def maximised(self, jumps: Mapping[int, np.ndarray]) -> Jumps:
        """The weights that make expected jumps likelier.

        Which widths a sentence allows depends on its length and the place before, so that shares
        of the counts are not the best weights. The steps are those of the MM algorithm for Luce's
        choice model (Hunter 2004): none of them lowers the likelihood.

        Args:
            jumps: expected jumps by the length of the source, shaped as `matrix`.
        """
        if not jumps:
            return self
        classes = {length: _classes(length) for length in jumps}
        totals = sum(
            np.bincount(classes[length].ravel(), counts.ravel(), minlength=len(self.weights))
            for length, counts in jumps.items()
        )
        weights = self.weights
        for _ in range(_STEPS):
            expected = np.zeros(len(weights))
            for length, counts in jumps.items():
                own = classes[length]
                chances = counts.sum(1) / weights[own].sum(1)
                expected += np.bincount(
                    own.ravel(), np.repeat(chances, length), minlength=len(weights)
                )
            # A width that no sentence allows, or hardly any jump has, keeps a little weight.
            fitted = np.maximum(totals / np.maximum(expected, 1e-300), 1e-12)
            weights = np.where(expected > 0, fitted, weights)
            for part in (slice(_FIRST), slice(_FIRST, None)):
                weights[part] /= weights[part].mean()
        return Jumps(weights)


def _classes(length: int) -> np.ndarray:
    """The weight of each entry of `Jumps.matrix`, int64."""
    places = np.arange(length)
    widths = np.clip(places[np.newaxis] - places[:, np.newaxis], -WIDEST, WIDEST) + WIDEST
    first = np.minimum(places, WIDEST) + _FIRST
    return np.concatenate([first[np.newaxis], widths])


class HMM(NamedTuple):
    """One direction: how source words are translated, and how the alignment moves on.

    Attributes:
        table: probabilities of target words given source words.
        jumps: probabilities of the next place in the source.
        likelihoods: log-likelihood of the pairs before each round of learning, in nats, float64.
    """

    table: TranslationTable
    jumps: Jumps
    likelihoods: np.ndarray

    @classmethod
    def learn(
        cls, sources: Ids, targets: Ids, sizes: tuple[int, int], rounds: int = _ROUNDS
    ) -> HMM:
        """Learn it by expectation and maximisation, from the table of IBM model 1.

        Nothing is drawn at random. The order of the pairs changes the order of sums alone:
        probabilities change by less than 0.00001.

        Args:
            sources: ids of the words of each source. Pairs with an empty side are left out.
            targets: those of each target.
            sizes: words of both vocabularies.
            rounds: of expectation and maximisation; without any it is IBM model 1.
        """
        parts = [*batched(sources, targets)]
        order = [number for part, _ in parts for number in part.tolist()]
        table, places = TranslationTable.learn(cells_of(sources, targets, order, sizes), sizes)
        jumps = Jumps.uniform()
        likelihoods = np.zeros(rounds)
        shares = np.empty(len(places), np.float32)
        for number in range(rounds):
            end = 0
            expected: dict[int, np.ndarray] = {}
            for _, batch in parts:
                start, end = end, end + batch.cells
                emitted = np.maximum(table.probability[batch.rows(places[start:end])], LEAST)
                posterior = forward_backward(emitted, jumps.matrix(batch.length), batch)
                shares[start:end] = in_order(posterior.words, batch).ravel()
                length = batch.length
                expected[length] = expected.get(length, np.zeros(())) + posterior.jumps
                likelihoods[number] += posterior.gains.sum()
            table = table.maximised(places, shares)
            jumps = jumps.maximised(expected)
        return cls(table, jumps, likelihoods)

    def align(self, sources: Ids, targets: Ids) -> list[np.ndarray]:
        """The likeliest alignments (Viterbi).

        Args:
            sources: ids of the words of each source.
            targets: those of each target.

        Returns:
            For each pair the source word of each target word, -1 for none, int64.
        """
        alignments = [np.full(len(target), -1) for target in targets]
        for part, batch in batched(sources, targets) if len(self.table.entries) else ():
            cells = cells_of(sources, targets, part.tolist(), self.table.sizes)
            nothing = np.zeros(1)
            emitted = batch.rows(self.table.without(cells, nothing, nothing).probability)
            best = in_order(viterbi(emitted, self.jumps.matrix(batch.length), batch), batch)
            ends = np.cumsum([len(targets[number]) for number in part])[:-1]
            for number, own in zip(part.tolist(), np.split(best, ends), strict=True):
                alignments[number] = own
        return alignments


def cells_of(sources: Ids, targets: Ids, numbers: Sequence[int], sizes: tuple[int, int]) -> Cells:
    """The cells of some of the pairs."""
    return Cells.of([sources[n] for n in numbers], [targets[n] for n in numbers], sizes)


def batched(sources: Ids, targets: Ids) -> Iterator[tuple[np.ndarray, Batch]]:
    """The batches of pairs, with their numbers; pairs with an empty side are in none."""
    source_lengths = np.fromiter(map(len, sources), np.int64, len(sources))
    target_lengths = np.fromiter(map(len, targets), np.int64, len(targets))
    for part in batches(source_lengths, target_lengths):
        yield part, Batch.of(int(source_lengths[part[0]]), target_lengths[part])
