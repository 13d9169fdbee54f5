"""The hidden Markov model of word alignments (Vogel, Ney & Tillmann 1996; Och & Ney 2003).

A source word makes a target word; the next target word comes from a source word that is so many
places further on or back. `lattice` computes expected and likeliest alignments, `jumps` the widths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from nmt.alignment.jumps import Jumps
from nmt.alignment.lattice import (
    Batch,
    batches,
    forward,
    forward_backward,
    in_order,
    viterbi,
)
from nmt.alignment.translations import Cells, TranslationTable

_ROUNDS = 5  # of expectation and maximisation
_LEAST = 1e-12  # probability of a word that is learnt from, so that no pair is impossible
Ids = Sequence[np.ndarray]


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
        parts = [*_batched(sources, targets)]
        order = [number for part, _ in parts for number in part.tolist()]
        table, places = TranslationTable.learn(_cells(sources, targets, order, sizes), sizes)
        jumps = Jumps.uniform()
        likelihoods = np.zeros(rounds)
        shares = np.empty(len(places), np.float32)
        for number in range(rounds):
            end = 0
            expected: dict[int, np.ndarray] = {}
            for _, batch in parts:
                start, end = end, end + batch.cells
                emitted = np.maximum(table.probability[batch.rows(places[start:end])], _LEAST)
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
        for part, batch in _batched(sources, targets) if len(self.table.entries) else ():
            cells = _cells(sources, targets, part.tolist(), self.table.sizes)
            nothing = np.zeros(1)
            emitted = batch.rows(self.table.without(cells, nothing, nothing).probability)
            best = in_order(viterbi(emitted, self.jumps.matrix(batch.length), batch), batch)
            ends = np.cumsum([len(targets[number]) for number in part])[:-1]
            for number, own in zip(part.tolist(), np.split(best, ends), strict=True):
                alignments[number] = own
        return alignments

    def score(self, sources: Ids, targets: Ids, learnt: np.ndarray) -> np.ndarray:
        """How much likelier each source makes its target than chance does, in nats a word.

        Of a rare word the model knows little: see `Others.weights`.

        Args:
            sources: ids of the words of each source.
            targets: those of each target.
            learnt: whether the model was learnt from the pair, bool, shape (pairs,).

        Returns:
            float32, shape (pairs,); 0 where a side has no word.
        """
        scores = np.zeros(len(targets), np.float32)
        for part, batch in _batched(sources, targets) if len(self.table.entries) else ():
            jumps = self.jumps.matrix(batch.length)
            cells = _cells(sources, targets, part.tolist(), self.table.sizes)
            inside = learnt[part][cells.pairs]
            own = np.zeros(len(cells.entries))
            if inside.any():
                emitted = np.maximum(batch.rows(self.table.looked_up(cells)), _LEAST)
                expected = in_order(forward_backward(emitted, jumps, batch).words, batch)
                own = (expected * inside[:, np.newaxis]).ravel()
            others = self.table.without(cells, own, inside)
            scales = forward(batch.rows(others.probability), jumps, batch)[1]
            gains = (np.log(in_order(scales, batch)) - np.log(others.chance)) * others.weights
            total, weight = (
                np.bincount(cells.pairs, values, minlength=len(part))
                for values in (gains, others.weights)
            )
            scores[part] = total / np.maximum(weight, 1)
        return scores

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it, by name."""
        own = {"jumps": self.jumps.weights, "likelihoods": self.likelihoods}
        return {**self.table._asdict(), **own}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> HMM:
        """The model that `arrays` told.

        Raises:
            KeyError: an array is missing.
        """
        table = TranslationTable(*(arrays[name] for name in TranslationTable._fields))
        return cls(table, Jumps(arrays["jumps"]), arrays["likelihoods"])


def _cells(sources: Ids, targets: Ids, numbers: Sequence[int], sizes: tuple[int, int]) -> Cells:
    """The cells of some of the pairs."""
    return Cells.of([sources[n] for n in numbers], [targets[n] for n in numbers], sizes)


def _batched(sources: Ids, targets: Ids) -> Iterator[tuple[np.ndarray, Batch]]:
    """Pairs of one source length each, by their numbers; those with an empty side are in none."""
    source_lengths = np.fromiter(map(len, sources), np.int64, len(sources))
    target_lengths = np.fromiter(map(len, targets), np.int64, len(targets))
    for part in batches(source_lengths, target_lengths):
        yield part, Batch.of(int(source_lengths[part[0]]), target_lengths[part])
