"""Several corpora as one: which pairs of each an epoch has, as a pure function of (seed, epoch).

Each corpus is gone through again and again, in passes of its own: every pair comes once in each
pass, and the passes of all corpora go on side by side. An epoch of the mixture has as many pairs as
its corpora have together. The weight of a corpus says how many of them are its own, so that one of
1,000 pairs may be in its fortieth pass when one of 100,000 is amid its first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from nmt.shards.augmentation import Augmentation
from nmt.shards.row_groups import RowGroup
from nmt.shards.schema import ROW_GROUP_ROWS


class TrainingShards(Protocol):
    """The part of a dataset that batches need."""

    def row_groups(self, split: str) -> list[RowGroup]:
        """The split's row groups in order."""

    def widths(self) -> dict[int, int]:
        """Training pairs by the tokens of their longer side, EOS included."""


CORPUS_NUMBER = "corpus_number"  # the column of `Piece.read` that says of which dataset a row is


class Piece(NamedTuple):
    """Rows of a row group, from `start` to `stop`, of the dataset of this number."""

    dataset: int
    group: RowGroup
    start: int
    stop: int

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.stop - self.start

    def read(self, columns: Sequence[str]) -> pa.Table:
        """The rows, with these columns, maybe `CORPUS_NUMBER`, too; see `RowGroup.read`."""
        stored = [name for name in columns if name != CORPUS_NUMBER]
        table = self.group.read(stored).slice(self.start, self.rows)
        if len(stored) < len(columns):
            table = table.append_column(CORPUS_NUMBER, pa.repeat(self.dataset, self.rows))
        return table


class Shares(NamedTuple):
    """What a stage draws of each corpus.

    Attributes:
        epochs: how many the stage has; None for all that follow.
        weights: one per corpus, not all 0; only their ratios count.
    """

    epochs: int | None
    weights: tuple[float, ...]


class Mixture:
    """Corpora that are trained on together.

    Args:
        corpora: datasets with the same vocabularies.
        stages: shares of the corpora, one stage after the other; the last one goes on. Without
            them every corpus has as much weight as pairs: an epoch is one pass through each.
        augmentation: changes the training pairs of each window; None leaves them as they are.
        owners: for each corpus the number of its dataset, where a dataset has several; None where
            each is one.
    """

    def __init__(
        self,
        corpora: Sequence[TrainingShards],
        stages: Sequence[Shares] = (),
        augmentation: Augmentation | None = None,
        owners: Sequence[int] | None = None,
    ) -> None:
        self.corpora, self._stages, self.augmentation = corpora, stages, augmentation
        self._owners = range(len(corpora)) if owners is None else owners

    def pieces(
        self, split: str, epoch: int, seed: int, window: int
    ) -> tuple[list[Piece], np.random.Generator]:
        """The pairs of an epoch in order, before they are shuffled within windows.

        Args:
            split: which part of the datasets.
            epoch: number of the epoch, from 0.
            seed: of the order.
            window: pairs that will be shuffled together. Each so many have all corpora in them, by
                their shares.

        Returns:
            The pieces, and the generator with which the order of the epoch goes on.
        """
        streams = [
            _Stream(number, owner, corpus.row_groups(split), seed)
            for number, (owner, corpus) in enumerate(zip(self._owners, self.corpora, strict=True))
        ]
        starts, ends = (
            self._drawn([stream.rows for stream in streams], epoch + later) for later in (0, 1)
        )
        total = sum(ends) - sum(starts)
        # No corpus has a longer piece than its part of a window; of one alone they are row groups.
        share = max(window, ROW_GROUP_ROWS) / max(total, 1)
        placed: list[tuple[float, Piece]] = []
        for stream, start, end in zip(streams, starts, ends, strict=True):
            longest = max(1, math.floor((end - start) * share))
            drawn = 0
            for piece in stream.between(start, end, longest):
                drawn += piece.rows
                placed.append((drawn / (end - start), piece))
        placed.sort(key=lambda item: item[0])  # stable: the first corpus comes first
        generator, _ = streams[0].turn(epoch)
        return [piece for _, piece in placed], generator

    def _drawn(self, rows: Sequence[int], epoch: int) -> list[int]:
        """How many pairs were drawn of each corpus when an epoch begins."""
        drawn = [Fraction(0)] * len(rows)
        for epochs, weights in self._until(epoch):
            for number, count in enumerate(_epoch_rows(rows, weights)):
                drawn[number] += epochs * count
        return [math.floor(count) for count in drawn]

    def _until(self, epoch: int) -> Iterator[tuple[int, tuple[float, ...]]]:
        """The stages before an epoch: how many epochs each has, and its weights."""
        left = epoch
        for stage in self._stages:
            count = left if stage.epochs is None else min(left, stage.epochs)
            if count:
                yield count, stage.weights
            left -= count
        if left:
            yield left, self._stages[-1].weights if self._stages else ()

    def widths(self, epoch: int) -> dict[int, int]:
        """About how many pairs of each width an epoch has, see `TrainingShards.widths`; exact where
        it is one pass through each corpus."""
        histograms = [corpus.widths() for corpus in self.corpora]
        rows = [sum(histogram.values()) for histogram in histograms]
        widths: dict[int, int] = {}
        for histogram, count, drawn in zip(
            histograms, rows, _epoch_rows(rows, self.weights(epoch)), strict=True
        ):
            for width, pairs in histogram.items() if drawn else ():
                widths[width] = widths.get(width, 0) + math.ceil(pairs * drawn / count)
        return widths

    def pairs(self, epoch: int) -> list[int]:
        """How many pairs of each dataset an epoch has, rounded."""
        drawn = [Fraction(0)] * (max(self._owners) + 1)
        for owner, count in zip(self._owners, self.drawn(epoch), strict=True):
            drawn[owner] += count
        return [round(count) for count in drawn]

    def drawn(self, epoch: int) -> list[Fraction]:
        """How many pairs of each corpus an epoch has."""
        rows = [sum(corpus.widths().values()) for corpus in self.corpora]
        return _epoch_rows(rows, self.weights(epoch))

    def epochs(self, count: int) -> Iterator[tuple[int, dict[int, int]]]:
        """So many epochs by stages: how many each stage has, and the `widths` of each of them."""
        epoch = 0
        for epochs, _ in self._until(count):
            yield epochs, self.widths(epoch)
            epoch += epochs

    def weights(self, epoch: int) -> tuple[float, ...]:
        """The weights of the corpora in an epoch; () for their numbers of pairs."""
        *_, (_, weights) = self._until(epoch + 1)
        return weights


def _epoch_rows(rows: Sequence[int], weights: Sequence[float]) -> list[Fraction]:
    """The pairs of each corpus in an epoch of these weights."""
    if not weights:
        return [Fraction(count) for count in rows]
    exact = [Fraction(weight) for weight in weights]
    total = sum(count for count, weight in zip(rows, exact, strict=True) if weight)
    return [total * weight / sum(exact) for weight in exact]


class _Stream:
    """A corpus, pass after pass.

    Args:
        number: of the corpus.
        owner: the number of its dataset.
        groups: its row groups.
        seed: of the order.
    """

    def __init__(self, number: int, owner: int, groups: Sequence[RowGroup], seed: int) -> None:
        self._number, self._owner, self._groups, self._seed = number, owner, groups, seed
        self.rows = sum(group.rows for group in groups)

    def turn(self, number: int) -> tuple[np.random.Generator, list[RowGroup]]:
        """The row groups in the order of a pass, and the generator that drew it."""
        own = [self._number] if self._number else []
        generator = np.random.default_rng([self._seed, number, *own])
        return generator, [self._groups[i] for i in generator.permutation(len(self._groups))]

    def between(self, start: int, end: int, longest: int) -> Iterator[Piece]:
        """The rows from one place to another, counted over all passes, in pieces of so many."""
        while start < end:
            number, skipped = divmod(start, self.rows)
            for group in self.turn(number)[1]:
                first = min(skipped, group.rows)
                skipped -= first
                while first < group.rows and start < end:
                    stop = min(group.rows, first + longest, first + end - start)
                    yield Piece(self._owner, group, first, stop)
                    start += stop - first
                    first = stop
