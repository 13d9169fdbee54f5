"""Batches of a few fixed shapes, in an order that is a pure function of (seed, epoch).

An epoch's row groups are shuffled and read in windows; inside a window the pairs are
shuffled, put into buckets by length, and cut into batches of one shape per bucket. What does not
fill a batch goes into the next window, so only the end of an epoch has partial batches: at most
one per bucket. Every pair is used exactly once per epoch, and every worker of a distributed
training makes its part of the same plan, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from nmt.errors import UnusableInput
from nmt.shards.mixture import CORPUS_NUMBER, Mixture, Piece, TrainingShards
from nmt.shards.row_groups import READERS, WINDOWS, prefetch, read_in_order
from nmt.vocabulary.base import BOS, EOS, PAD

_COLUMNS = ["source_ids", "target_ids"]
_WIDTHS = 2000  # different ones, at most: the search takes quadratic time


class Shape(NamedTuple):
    """Rows and width (source and target tokens, BOS or EOS included) of a bucket's batches."""

    rows: int
    width: int


class Batch(NamedTuple):
    """Padded ids, int32. A row that fills up a worker's part has an EOS as source and no target.

    Attributes:
        source: ids and EOS, shape (rows, width).
        target_inputs: BOS and ids, shape (rows, width).
        target_outputs: ids and EOS, shape (rows, width).
    """

    source: np.ndarray
    target_inputs: np.ndarray
    target_outputs: np.ndarray


def choose_shapes(widths: Mapping[int, int], buckets: int, batch_tokens: int) -> list[Shape]:
    """Choose the bucket widths that pad least; they do not depend on the number of replicas.

    Args:
        widths: number of pairs by width, where a pair's width is that of its longer side with
            EOS.
        buckets: most shapes.
        batch_tokens: tokens of a batch, padding included.

    Returns:
        The shapes, narrow to wide. The widest holds the longest pair.
    """
    lengths, counts = _merged(widths)
    totals = np.concatenate([[0.0], np.cumsum(counts)])
    size = len(lengths)
    # Least padded tokens for the first j lengths in k buckets, by dynamic programming.
    best = np.full((buckets + 1, size + 1), np.inf)
    cut = np.zeros((buckets + 1, size + 1), np.int64)
    best[0, 0] = 0.0
    for k in range(1, buckets + 1):
        best[k, 0] = 0.0
        for j in range(1, size + 1):
            costs = best[k - 1, :j] + (totals[j] - totals[:j]) * lengths[j - 1]
            cut[k, j] = int(np.argmin(costs))
            best[k, j] = costs[cut[k, j]]
    chosen, j = [], size
    for k in range(buckets, 0, -1):
        if j > 0:
            chosen.append(lengths[j - 1])
            j = int(cut[k, j])
    return [Shape(max(1, batch_tokens // width), width) for width in sorted(set(chosen))]


def _merged(widths: Mapping[int, int]) -> tuple[list[int], np.ndarray]:
    """Widths, ascending, and the number of pairs of each; very many widths are merged in groups."""
    present = sorted(width for width, count in widths.items() if count)
    size = -(-len(present) // _WIDTHS) or 1
    groups = [present[i : i + size] for i in range(0, len(present), size)]
    counts = [sum(widths[width] for width in group) for group in groups]
    return [group[-1] for group in groups], np.array(counts, np.float64)


def count_batches(widths: Mapping[int, int], shapes: Sequence[Shape]) -> int:
    """Batches of an epoch, for any window and any number of workers."""
    pairs = dict.fromkeys(shapes, 0)
    for width, count in widths.items():
        pairs[next(shape for shape in shapes if shape.width >= width)] += count
    return sum(-(-count // shape.rows) for shape, count in pairs.items())


class Ragged(NamedTuple):
    """Lists of ids, end to end: row i is ``values[starts[i]:starts[i] + lengths[i]]``."""

    values: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> Ragged:
        """Take over a list<int32> column."""
        chunks = column.chunks or [pa.array([], pa.list_(pa.int32()))]
        array = chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)
        offsets = np.asarray(array.offsets)
        return cls(np.asarray(array.values), offsets[:-1], np.diff(offsets))

    def padded(self, rows: np.ndarray, shape: tuple[int, int], first: int = 0) -> np.ndarray:
        """These rows as one array, row r's ids from column `first` on, PAD elsewhere."""
        result = np.full(shape, PAD, np.int32)
        lengths = self.lengths[rows]
        row = np.repeat(np.arange(len(rows)), lengths)
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        result[row, first + within] = self.values[np.repeat(self.starts[rows], lengths) + within]
        return result


def make_batch(source: Ragged, target: Ragged, rows: np.ndarray, shape: Shape) -> Batch:
    """Pad these rows to a shape and add BOS and EOS."""
    size, used = (len(rows), shape.width), np.arange(len(rows))
    sources = source.padded(rows, size)
    sources[used, source.lengths[rows]] = EOS
    inputs = target.padded(rows, size, first=1)
    inputs[:, 0] = BOS
    outputs = target.padded(rows, size)
    outputs[used, target.lengths[rows]] = EOS
    return fill_up(Batch(sources, inputs, outputs), shape.rows)


def fill_up(batch: Batch, rows: int) -> Batch:
    """Add rows up to this number; they have an EOS as source and no target.

    They do not change loss and gradients, and an encoder that needs a token in each row (cuDNN's)
    has one.
    """
    missing = rows - len(batch.source)
    if missing <= 0:
        return batch
    sources, inputs, outputs = (np.pad(a, [(0, missing), (0, 0)]) for a in batch)
    sources[-missing:, 0], inputs[-missing:, 0] = EOS, BOS
    return Batch(sources, inputs, outputs)


def epoch_batches(
    data: TrainingShards | Mixture,
    shapes: Sequence[Shape],
    seed: int,
    epoch: int,
    window: int,
    skip: int = 0,
    split: str = "train",
    rank: int = 0,
    workers: int = 1,
) -> Iterator[Batch]:
    """A worker's part of the global batches of one epoch: every workers-th row of each.

    A batch has the rows of its shape; the last one of a shape has those that are left. All
    workers' parts of a batch have one shape, and a row that is missing for that does not count. A
    single worker's part is the whole batch.

    Args:
        data: a dataset, or a mixture of some.
        shapes: from `choose_shapes`, narrow to wide.
        seed: of the order.
        epoch: number of the epoch, from 0.
        window: pairs shuffled together.
        skip: batches already used, when training continues in mid-epoch.
        split: which part of the dataset.
        rank: the worker's number.
        workers: number of workers.
    """
    windows = _epoch_plan(data, shapes, seed, epoch, window, skip, split, [])
    for table, plan in prefetch(windows, WINDOWS - 2):  # besides the one in use and the one read
        source, target = (Ragged.of(table[name]) for name in _COLUMNS)
        for rows, width in plan:
            part = Shape(-(-len(rows) // workers), width)
            yield make_batch(source, target, rows[rank::workers], part)


def batch_ids(
    data: TrainingShards | Mixture,
    shapes: Sequence[Shape],
    seed: int,
    epoch: int,
    window: int,
    skip: int = 0,
    split: str = "train",
) -> Iterator[list[tuple[int, int]]]:
    """The pairs in the global batches of `epoch_batches`, with its arguments: of each the number of
    its dataset, and its id there.

    Training does not need them; they are read only to name a batch.
    """
    columns = ["id", CORPUS_NUMBER]
    for table, plan in _epoch_plan(data, shapes, seed, epoch, window, skip, split, columns):
        ids, corpora = (table[name].to_numpy() for name in columns)
        for rows, _ in plan:
            yield list(zip(corpora[rows].tolist(), ids[rows].tolist(), strict=True))


def _epoch_plan(
    data: TrainingShards | Mixture,
    shapes: Sequence[Shape],
    seed: int,
    epoch: int,
    window: int,
    skip: int,
    split: str,
    more_columns: list[str],
) -> Iterator[tuple[pa.Table, list[_Rows]]]:
    """The windows of an epoch, each with its batches, without the skipped ones."""
    mixture = data if isinstance(data, Mixture) else Mixture([data])
    pieces, random = mixture.pieces(split, epoch, seed, window)
    windows = _windows(pieces, window)
    augmentation = mixture.augmentation if split == "train" else None
    more_columns = [*more_columns, *(augmentation.COLUMNS if augmentation else ())]
    ahead = max([READERS, *map(len, windows)])
    tables = read_in_order(chain.from_iterable(windows), [*_COLUMNS, *more_columns], ahead)
    rest: list[pa.Table] = []  # pairs that did not fill a batch
    for number, members in enumerate(windows, 1):
        new = pa.concat_tables(islice(tables, len(members)))
        if augmentation is not None:
            new = augmentation(new, [seed, epoch, number], shapes[-1].width - 1)
        table = pa.concat_tables([*rest, new]).combine_chunks()
        lengths = (Ragged.of(table[name]).lengths for name in _COLUMNS)
        widths = np.maximum(*lengths) + 1
        if len(widths) and (widest := widths.max()) > shapes[-1].width:
            raise UnusableInput(
                f"{pieces[0].group.file.parent}: a pair has {widest - 1:,} tokens, more than any "
                "that dataset.json counts; prepare the data again"
            )
        plan, left = _window_plan(widths, shapes, random, number == len(windows))
        rest = [table.take(pa.array(left))]
        yield table, plan[skip:]
        skip = max(0, skip - len(plan))


_Rows = tuple[np.ndarray, int]  # row numbers of a batch, and its width


def _window_plan(
    widths: np.ndarray, shapes: Sequence[Shape], random: np.random.Generator, is_last: bool
) -> tuple[list[_Rows], np.ndarray]:
    """Cut a window into batches, in shuffled order; returns them and the rows that are left."""
    bucket = np.searchsorted([shape.width for shape in shapes], widths)
    shuffled = random.permutation(len(widths))
    batches: list[_Rows] = []
    left = [shuffled[:0]]
    for k, shape in enumerate(shapes):
        rows = shuffled[bucket[shuffled] == k]
        end = len(rows) if is_last else len(rows) - len(rows) % shape.rows
        batches += [(rows[i : i + shape.rows], shape.width) for i in range(0, end, shape.rows)]
        left.append(rows[end:])
    return [batches[i] for i in random.permutation(len(batches))], np.concatenate(left)


def _windows(pieces: Sequence[Piece], window: int) -> list[list[Piece]]:
    """Pieces that have together as many rows, or a few more; the last ones may have fewer."""
    windows: list[list[Piece]] = []
    rows = window
    for piece in pieces:
        if rows >= window:
            windows.append([])
            rows = 0
        windows[-1].append(piece)
        rows += piece.rows
    return windows
