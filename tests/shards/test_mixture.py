"""Several corpora in one training: the shares are the weights, and every pair has its turn."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.shards.batches import batch_ids, choose_shapes, count_batches, epoch_batches
from nmt.shards.mixture import Mixture, Shares


class Group:
    """A row group in memory; a pair's source says of which corpus it is."""

    def __init__(self, table: pa.Table) -> None:
        self.table, self.rows = table, table.num_rows
        self.file = SimpleNamespace(parent="shards")

    def read(self, columns: list[str]) -> pa.Table:
        return self.table.select(columns)


def corpus(rows: int, group_rows: int, width: int = 3, first: int = 10) -> Any:
    ids = pa.array([[first + n] * (1 + n % width) for n in range(rows)], pa.list_(pa.int32()))
    table = pa.table({"source_ids": ids, "target_ids": ids, "id": pa.array(range(rows))})
    groups = [Group(table.slice(start, group_rows)) for start in range(0, rows, group_rows)]
    widths = Counter(2 + n % width for n in range(rows))
    return SimpleNamespace(row_groups=lambda _: groups, widths=lambda: widths)


def drawn(mixture: Mixture, epoch: int, window: int = 60) -> Counter[tuple[int, int]]:
    shapes = choose_shapes(mixture.widths(epoch), 3, 40)
    return Counter(pair for batch in batch_ids(mixture, shapes, 1, epoch, window) for pair in batch)


def of(pairs: Counter[tuple[int, int]], number: int) -> int:
    return sum(count for (corpus, _), count in pairs.items() if corpus == number)


weights = st.tuples(*[st.sampled_from([0.0, 0.5, 1.0, 3.0, 7.0])] * 3).filter(any)


@settings(max_examples=40)
@given(st.data())
def test_shares_are_the_weights_and_every_pair_comes_once_a_pass(data: st.DataObject) -> None:
    rows = data.draw(st.tuples(*[st.integers(1, 120)] * 3))
    corpora = [corpus(count, data.draw(st.integers(1, 50))) for count in rows]
    first, last = data.draw(weights), data.draw(weights)
    stages = [Shares(data.draw(st.integers(1, 2)), first), Shares(None, last)]
    mixture = Mixture(corpora, stages)
    total: Counter[tuple[int, int]] = Counter()
    expected = np.zeros(3)
    for epoch in range(4):
        chosen = first if epoch < stages[0].epochs else last
        assert mixture.weights(epoch) == chosen
        size = sum(count for count, weight in zip(rows, chosen, strict=True) if weight)
        expected += size * np.array(chosen) / sum(chosen)
        total.update(drawn(mixture, epoch))
        for number, count in enumerate(rows):
            assert abs(of(total, number) - expected[number]) < 1
            turns = [total[number, pair] for pair in range(count)]
            assert max(turns) - min(turns) <= 1


def test_without_weights_an_epoch_is_a_pass_through_each() -> None:
    mixture = Mixture([corpus(70, 16), corpus(9, 4)])
    for epoch in range(3):
        assert set(drawn(mixture, epoch).values()) == {1}
        assert len(drawn(mixture, epoch)) == 79
    shapes = choose_shapes(mixture.widths(0), 3, 40)
    batches = len(list(epoch_batches(mixture, shapes, 1, 0, 20)))
    assert batches == count_batches(mixture.widths(0), shapes)


def test_one_alone_is_read_as_ever() -> None:
    alone = corpus(500, 64)
    shapes = choose_shapes(alone.widths(), 3, 40)
    for one, other in zip(
        epoch_batches(alone, shapes, 3, 2, 100),
        epoch_batches(Mixture([alone], [Shares(None, (2.0,))]), shapes, 3, 2, 100),
        strict=True,
    ):
        np.testing.assert_array_equal(one.source, other.source)


def test_each_window_holds_all_of_them() -> None:
    """Also a corpus whose share of the epoch is smaller than a row group."""
    mixture = Mixture([corpus(40_000, 4096), corpus(2_000, 4096)])
    shapes = choose_shapes(mixture.widths(0), 3, 400)
    pairs = [pair for batch in batch_ids(mixture, shapes, 1, 0, 4096) for pair in batch]
    parts = [pairs[start : start + 8400] for start in range(0, len(pairs), 8400)]
    for part in parts:
        assert 200 < sum(number == 1 for number, _ in part) < 800
    # Batches hold pairs of both.
    mixed = [{n for n, _ in batch} for batch in batch_ids(mixture, shapes, 1, 0, 4096)]
    assert sum(len(kinds) == 2 for kinds in mixed) > len(mixed) / 2


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_order_is_the_same_for_any_number_of_workers_and_when_resumed(workers: int) -> None:
    mixture = Mixture([corpus(90, 16), corpus(30, 16, first=500)], [Shares(None, (1.0, 2.0))])
    shapes = choose_shapes(mixture.widths(0), 3, 60)
    whole = list(epoch_batches(mixture, shapes, 1, 1, 50))
    for skip in (0, 3, len(whole)):
        parts = [
            list(epoch_batches(mixture, shapes, 1, 1, 50, skip, rank=rank, workers=workers))
            for rank in range(workers)
        ]
        assert {len(part) for part in parts} == {len(whole) - skip}
        for batch, *shares in zip(islice(whole, skip, None), *parts, strict=True):
            for rank, share in enumerate(shares):
                own = batch.source[rank::workers]
                np.testing.assert_array_equal(share.source[: len(own)], own)


def test_stages_are_counted_in_epochs() -> None:
    mixture = Mixture([corpus(60, 16), corpus(20, 16)], [Shares(2, (1, 0)), Shares(None, (1, 3))])
    assert [count for count, _ in mixture.epochs(5)] == [2, 3]
    first, second = (widths for _, widths in mixture.epochs(5))
    assert sum(first.values()) == 60
    assert 80 <= sum(second.values()) <= 80 + len(second)  # each width is rounded up
    assert [count for count, _ in mixture.epochs(1)] == [1]
