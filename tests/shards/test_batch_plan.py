"""The batch plan: what is counted beforehand is what is made, for any window, size and workers."""

from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.shards.batches import Batch, choose_shapes, count_batches, epoch_batches
from nmt.vocabulary.base import PAD

FIRST = 1000  # the first id of a source is its number from here


class Group(NamedTuple):
    """A row group in memory."""

    file: Any
    table: pa.Table

    @property
    def rows(self) -> int:
        return self.table.num_rows

    def read(self, columns) -> pa.Table:
        return self.table.select(columns)


def shards_of(sources: np.ndarray, targets: np.ndarray, group_rows: int) -> Any:
    """Row groups of pairs of these lengths."""

    def lists(lengths: np.ndarray, numbers: np.ndarray | None) -> pa.Array:
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        values = np.full(offsets[-1], 5, np.int32)
        if numbers is not None:
            values[offsets[:-1]] = numbers
        return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))

    numbers = np.arange(FIRST, FIRST + len(sources))
    table = pa.table({"source_ids": lists(sources, numbers), "target_ids": lists(targets, None)})
    file = SimpleNamespace(parent="shards")
    groups = [
        Group(file, table.slice(start, group_rows)) for start in range(0, len(sources), group_rows)
    ]
    return SimpleNamespace(row_groups=lambda split: groups)


def histogram(sources: np.ndarray, targets: np.ndarray) -> dict[int, int]:
    widths, counts = np.unique(np.maximum(sources, targets) + 1, return_counts=True)
    return dict(zip(widths.tolist(), counts.tolist(), strict=True))


def numbers_of(batch: Batch) -> list[int]:
    """The pairs of a batch, in order; rows that only fill it up have no target."""
    return [
        int(row[0]) - FIRST
        for row, target in zip(batch.source, batch.target_outputs, strict=True)
        if target[0] != PAD
    ]


@settings(max_examples=150)
@given(st.data())
def test_the_batches_of_an_epoch_are_those_that_were_planned(data) -> None:
    lengths = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=150)
    sources, targets = np.array(data.draw(lengths)).T
    shards = shards_of(sources, targets, data.draw(st.integers(1, 40)))
    widths = histogram(sources, targets)
    shapes = choose_shapes(widths, data.draw(st.integers(1, 6)), data.draw(st.integers(16, 3000)))
    window, workers = data.draw(st.integers(1, 200)), data.draw(st.integers(1, 7))
    order = (shapes, data.draw(st.integers(0, 3)), data.draw(st.integers(0, 3)), window)

    whole = list(epoch_batches(shards, *order))
    assert len(whole) == count_batches(widths, shapes)
    pairs = [numbers_of(batch) for batch in whole]
    assert sorted(number for batch in pairs for number in batch) == list(range(len(sources)))

    # No row of a single worker only fills a batch up, and a shape has one partial batch at most.
    assert [len(numbers) for numbers in pairs] == [len(batch.source) for batch in whole]
    rows = {shape.width: shape.rows for shape in shapes}
    partial = [
        batch.source.shape[1] for batch in whole if len(batch.source) < rows[batch.source.shape[1]]
    ]
    assert len(partial) == len(set(partial))
    assert all(len(batch.source) <= rows[batch.source.shape[1]] for batch in whole)

    # The workers share each batch.
    parts = [list(epoch_batches(shards, *order, rank=n, workers=workers)) for n in range(workers)]
    for numbers, *shares in zip(pairs, *parts, strict=True):
        assert {len(share.source) for share in shares} == {-(-len(numbers) // workers)}
        assert [numbers[rank::workers] for rank in range(workers)] == [*map(numbers_of, shares)]

    # An epoch can be continued anywhere.
    skip = data.draw(st.integers(0, len(whole)))
    rest = list(epoch_batches(shards, *order, skip))
    for batch, expected in zip(rest, whole[skip:], strict=True):
        for array, other in zip(batch, expected, strict=True):
            np.testing.assert_array_equal(array, other)


def padding(shards: Any, widths: dict[int, int], tokens: int, window: int, workers: int) -> float:
    """The share of padding in what all workers make."""
    shapes = choose_shapes(widths, 6, tokens)
    used = cells = 0
    for rank in range(workers):
        for batch in epoch_batches(shards, shapes, 1, 0, window, rank=rank, workers=workers):
            used += np.count_nonzero(batch.target_outputs)
            cells += batch.target_outputs.size
    return 1 - used / cells


@pytest.mark.parametrize("workers", [1, 8])
@pytest.mark.parametrize("window", [5_000, 100_000])
@pytest.mark.parametrize(("mean", "spread"), [(14, 0.33), (9, 0.45)])
def test_large_batches_pad_no_more_than_small_ones(mean, spread, window, workers) -> None:
    """Lengths as those of Multi30k and of Tatoeba, in tokens."""
    random = np.random.default_rng(7)
    lengths = np.exp(random.normal(np.log(mean), spread, 30_000))
    sources = np.clip(np.round(lengths), 1, 100).astype(int)
    targets = np.clip(np.round(lengths * random.normal(1.05, 0.15, 30_000)), 1, 100).astype(int)
    shards, widths = shards_of(sources, targets, 4096), histogram(sources, targets)
    small = padding(shards, widths, 4_096, window, 1)
    for tokens in (65_536, 262_144, 1_048_576):
        assert padding(shards, widths, tokens, window, workers) <= small + 0.02
