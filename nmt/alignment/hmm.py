"""The hidden Markov model of word alignments (Vogel, Ney & Tillmann 1996; Och & Ney 2003)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from nmt.alignment.jumps import Jumps
from nmt.alignment.lattice import Batch, batches, forward, forward_backward, in_order, viterbi
from nmt.alignment.translations import Cells, TranslationTable

_ROUNDS = 5  # of expectation and maximisation
_LEAST = 1e-12  # probability of any word


class HMM(NamedTuple):
    """One direction: how source words are translated, and how the alignment moves on.

    Attributes:
        table: probabilities of target words given source words.
        jumps: probabilities of the next place in the source.
        likelihoods: of the pairs that were learnt from, before each round, nats, float64.
    """

    table: TranslationTable
    jumps: Jumps
    likelihoods: np.ndarray

    @classmethod
    def learn(
        cls,
        sources: Sequence[np.ndarray],
        targets: Sequence[np.ndarray],
        sizes: tuple[int, int],
        rounds: int = _ROUNDS,
    ) -> HMM:
        """Learn it by expectation and maximisation, from the table of IBM model 1.

        Args:
            sources: ids of the words of each source.
            targets: those of each target.
            sizes: words of both vocabularies.
            rounds: of expectation and maximisation.
        """
        parts = [*_batches(sources, targets)]
        order = [number for part, _ in parts for number in part.tolist()]
        ordered = [sources[number] for number in order], [targets[number] for number in order]
        table, places = TranslationTable.learn_with_places(*ordered, sizes)
        jumps = Jumps.uniform()
        likelihoods = np.zeros(rounds)
        shares = np.empty(len(places), np.float32)
        for number in range(rounds):
            end = 0
            expected: dict[int, np.ndarray] = {}
            for _, batch in parts:
                start, end = end, end + len(batch.order) * (batch.length + 1)
                own = places[start:end].reshape(-1, batch.length + 1)[batch.order]
                emitted = np.maximum(table.probability[own], _LEAST)
                posterior = forward_backward(emitted, jumps.matrix(batch.length), batch)
                shares[start:end] = in_order(posterior.words, batch).ravel()
                expected[batch.length] = expected.get(batch.length, 0) + posterior.jumps
                likelihoods[number] += posterior.gains.sum()
            table = table.maximised(places, shares)
            jumps = jumps.maximised(expected)
        return cls(table, jumps, likelihoods)

    def align(
        self, sources: Sequence[np.ndarray], targets: Sequence[np.ndarray], prior: float = 0
    ) -> list[np.ndarray]:
        """The likeliest alignments.

        Returns:
            For each pair the source word of each target word, -1 for none, int64.
        """
        links = [np.full(len(target), -1) for target in targets]
        sizes = len(self.table.source_counts) - 1, len(self.table.target_counts)
        for part, batch in _batches(sources, targets):
            cells = Cells.of([sources[n] for n in part], [targets[n] for n in part], sizes)
            emitted = self.table.smoothed(cells, prior).reshape(-1, batch.length + 1)[batch.order]
            emitted = np.maximum(emitted, _LEAST)
            best = in_order(viterbi(emitted, self.jumps.matrix(batch.length), batch), batch)
            ends = np.cumsum([len(targets[n]) for n in part])[:-1]
            for n, own in zip(part.tolist(), np.split(best, ends), strict=True):
                links[n] = own
        return links

    def score(
        self, sources: Sequence[np.ndarray], targets: Sequence[np.ndarray], learnt: np.ndarray
    ) -> np.ndarray:
        """How much likelier each source makes its target than chance does, in nats a word."""
        scores = np.zeros(len(targets), np.float32)
        sizes = len(self.table.source_counts) - 1, len(self.table.target_counts)
        for part, batch in _batches(sources, targets):
            jumps = self.jumps.matrix(batch.length)
            cells = Cells.of([sources[n] for n in part], [targets[n] for n in part], sizes)
            own = np.zeros(len(cells.entries))
            inside = learnt[part][cells.pairs]
            if inside.any():
                known = self.table.smoothed(cells, 0).reshape(-1, batch.length + 1)[batch.order]
                words = forward_backward(np.maximum(known, _LEAST), jumps, batch).words
                own = (in_order(words, batch) * inside[:, np.newaxis]).ravel()
            others = self.table.without(cells, own, inside)
            emitted = others.probability.reshape(-1, batch.length + 1)[batch.order]
            gains = in_order(np.log(forward(emitted, jumps, batch)[1]), batch)
            gains -= np.log(others.chance)
            scores[part] = weighted_means(gains, others.weights, cells.pairs, len(part))
        return scores


def _batches(
    sources: Sequence[np.ndarray], targets: Sequence[np.ndarray]
) -> Iterator[tuple[np.ndarray, Batch]]:
    lengths = [np.fromiter(map(len, side), np.int64, len(side)) for side in (sources, targets)]
    for part in batches(*lengths):
        yield part, Batch.of(int(lengths[0][part[0]]), lengths[1][part])
