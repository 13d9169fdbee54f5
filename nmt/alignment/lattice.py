"""Forward-backward and Viterbi over many sentence pairs at once.

The state after a target word is a place in the source: that of the word that it is aligned to or,
if it is aligned to none, that of the last one before (Och & Ney 2003). Both kinds of state move on
alike, so that the sums need a place only once.

Pairs are in batches of one source length. Their target words are rows, those of the same position
one after the other, the longest target first: the pairs that have a target word at a position are
the first ones, and nothing is padded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

NO_WORD = 0.05  # probability that a target word is aligned to none, p0 of Och & Ney
CELLS = 1 << 17  # source words × target words of a batch, unless one pair has more
_TINY = 1e-300


class Batch(NamedTuple):
    """Some pairs whose sources are equally long.

    Attributes:
        length: words of each source, at least 1.
        counts: pairs that have a target word at each position, descending from all, int64.
        order: for each row, its target word among those of the pairs, one after the other, int64.
        pairs: for each row, its pair, int64.
    """

    length: int
    counts: np.ndarray
    order: np.ndarray
    pairs: np.ndarray

    @classmethod
    def of(cls, length: int, targets: np.ndarray) -> Batch:
        """The batch of pairs.

        Args:
            length: words of each source.
            targets: words of each target, descending, at least 1.
        """
        counts = np.searchsorted(-targets, -np.arange(targets[0]), "left")
        starts = np.cumsum(targets) - targets
        positions = np.repeat(np.arange(len(counts)), counts)
        pairs = np.arange(len(positions)) - np.repeat(np.cumsum(counts) - counts, counts)
        return cls(length, counts, starts[pairs] + positions, pairs)

    @property
    def cells(self) -> int:
        """Source words of all target words, the empty word with them."""
        return len(self.order) * (self.length + 1)

    def rows(self, values: np.ndarray) -> np.ndarray:
        """Values of the cells of the pairs, as `nmt.alignment.translations.Cells` sorts them, by
        rows; shape (rows, length + 1)."""
        return values.reshape(-1, self.length + 1)[self.order]

    def positions(self) -> Iterator[slice]:
        """The rows of each position of the target."""
        end = 0
        for count in self.counts.tolist():
            yield slice(end, end + count)
            end += count


class Posterior(NamedTuple):
    """What a batch's alignments are expected to be.

    Attributes:
        words: probability that a target word is aligned to each source word, and last to none;
            shape (rows, length + 1). Each row sums to 1.
        jumps: expected jumps, shaped as `nmt.alignment.hmm.Jumps.matrix`.
        gains: log-probability of each target word given those before it, in nats, shape (rows,).
    """

    words: np.ndarray
    jumps: np.ndarray
    gains: np.ndarray


def batches(sources: np.ndarray, targets: np.ndarray, widest: int = CELLS) -> list[np.ndarray]:
    """Pairs that make up batches: one source length each, targets descending.

    Args:
        sources: words of each source.
        targets: words of each target.
        widest: cells of a batch, unless one pair has more.

    Returns:
        The places of the pairs of each batch. Those with an empty side are in none.
    """
    order = np.lexsort((-targets, sources))
    order = order[(sources[order] > 0) & (targets[order] > 0)]
    parts = np.split(order, np.flatnonzero(np.diff(sources[order])) + 1) if len(order) else []
    cut = []
    for part in parts:
        # A row of Viterbi needs length² cells, a pair in all the rows of its target.
        length = int(sources[part[0]])
        cells = np.cumsum(length * np.maximum(targets[part], length))
        cut += np.split(part, np.flatnonzero(np.diff(cells // widest)) + 1)
    return cut


def forward(emitted: np.ndarray, jumps: np.ndarray, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """Filtered probabilities of places.

    Args:
        emitted: probability of each target word given each source word, and last given none;
            shape (rows, length + 1).
        jumps: see `nmt.alignment.hmm.Jumps.matrix`.
        batch: says which pair and position a row is.

    Returns:
        The probability of each place given the words up to the row's, shape (rows, length), and
        that of its word given those before, shape (rows,).
    """
    moves = (1 - NO_WORD) * jumps[1:]
    states = np.empty((len(emitted), batch.length))
    scales = np.empty(len(emitted))
    words, none = emitted[:, :-1], NO_WORD * emitted[:, -1:]
    before = np.broadcast_to(jumps[0], (int(batch.counts[0]), batch.length))
    for number, rows in enumerate(batch.positions()):
        before = before[: rows.stop - rows.start]
        state = states[rows]
        np.multiply(before @ moves if number else (1 - NO_WORD) * before, words[rows], out=state)
        state += before * none[rows]
        total = np.maximum(state.sum(1), _TINY)
        state /= total[:, np.newaxis]
        scales[rows] = total
        before = state
    return states, scales


def forward_backward(emitted: np.ndarray, jumps: np.ndarray, batch: Batch) -> Posterior:
    """Expected alignments; see `forward` for the arguments."""
    moves = (1 - NO_WORD) * jumps[1:]
    states, scales = forward(emitted, jumps, batch)
    ends = np.ones_like(states)
    scaled = emitted / scales[:, np.newaxis]
    words, none = scaled[:, :-1], NO_WORD * scaled[:, -1:]
    slices = list(batch.positions())
    for before, rows in zip(slices[-2::-1], slices[:0:-1], strict=True):
        count = rows.stop - rows.start
        after = ends[rows]
        own = ends[before][:count]
        np.matmul(words[rows] * after, moves.T, out=own)
        own += none[rows] * after
    first = slices[0]
    # The state before each row; before the first position that is where to begin.
    previous = np.arange(first.stop, len(emitted)) - np.repeat(batch.counts[:-1], batch.counts[1:])
    words = words * ends
    posterior = np.empty_like(emitted)
    states = states[previous]
    ends *= none
    expected = np.empty_like(jumps)
    start = (1 - NO_WORD) * jumps[0] * words[first]
    posterior[first, :-1] = start
    posterior[first, -1] = ends[first] @ jumps[0]
    expected[0] = start.sum(0) + jumps[0] * ends[first].sum(0)
    later = slice(first.stop, None)
    np.multiply(states @ moves, words[later], out=posterior[later, :-1])
    posterior[later, -1] = np.einsum("ri,ri->r", states, ends[later])
    expected[1:] = moves * (states.T @ words[later])
    return Posterior(posterior, expected, np.log(scales))


def viterbi(emitted: np.ndarray, jumps: np.ndarray, batch: Batch) -> np.ndarray:
    """The likeliest alignment; see `forward` for the arguments.

    Returns:
        The source word of each row, -1 for none, int64. Of equally likely ones the first.
    """
    moves = (1 - NO_WORD) * jumps[1:]
    words, none = emitted[:, :-1], NO_WORD * emitted[:, -1:]
    came = np.empty((len(emitted), batch.length), np.int32)
    aligned = np.empty((len(emitted), batch.length), bool)
    best = np.broadcast_to(jumps[0], (int(batch.counts[0]), batch.length))
    last = np.empty((int(batch.counts[0]), batch.length))
    places = np.arange(batch.length)
    slices = list(batch.positions())
    for number, rows in enumerate(slices):
        best = best[: rows.stop - rows.start]
        if number:
            reached = best[:, np.newaxis] * moves.T
            origin = reached.argmax(2)
            moved = np.take_along_axis(reached, origin[:, :, np.newaxis], 2)[:, :, 0] * words[rows]
        else:
            origin = np.broadcast_to(places, best.shape)
            moved = (1 - NO_WORD) * best * words[rows]
        stayed = best * none[rows]
        aligned[rows] = moved >= stayed
        came[rows] = np.where(aligned[rows], origin, places)
        best = np.maximum(moved, stayed)
        best /= np.maximum(best.max(1, keepdims=True), _TINY)
        last[: len(best)] = best
    place = last.argmax(1)
    links = np.empty(len(emitted), np.int64)
    for rows in reversed(slices):
        own = place[: rows.stop - rows.start]
        own_rows = np.arange(rows.start, rows.stop)
        links[rows] = np.where(aligned[own_rows, own], own, -1)
        own[:] = came[own_rows, own]
    return links


def in_order(values: np.ndarray, batch: Batch) -> np.ndarray:
    """Values of the rows, as the target words of the pairs, one after the other."""
    ordered = np.empty_like(values)
    ordered[batch.order] = values
    return ordered
