"""Batches: nothing lost, nothing twice, an order that can be repeated and continued."""

import random
from collections import Counter
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from nmt.shards.batches import (
    Batch,
    Shape,
    batch_ids,
    choose_shapes,
    epoch_batches,
)
from nmt.shards.row_groups import row_groups
from nmt.storage.location import Location
from nmt.vocabulary.base import BOS, EOS, PAD

ROWS = 530


@pytest.fixture(scope="module")
def pairs() -> list[tuple[list[int], list[int]]]:
    """Random ids; the first id of a source is its number, so that pairs can be told apart."""
    rng = random.Random(3)
    actual = []
    for number in range(ROWS):
        n, m = rng.randint(1, 12), rng.randint(1, 14)
        source = [1000 + number, *(rng.randrange(4, 50) for _ in range(n - 1))]
        actual.append((source, [rng.randrange(4, 50) for _ in range(m)]))
    return actual


@pytest.fixture(scope="module")
def shards(pairs, tmp_path_factory) -> SimpleNamespace:
    """The pairs in three files of several row groups."""
    folder = tmp_path_factory.mktemp("shards")
    kind = pa.list_(pa.int32())
    groups = []
    for number, (start, stop) in enumerate([(0, 200), (200, 201), (201, ROWS)]):
        columns = [pa.array(side, kind) for side in zip(*pairs[start:stop], strict=True)]
        ids = pa.array([7 * n for n in range(start, stop)], pa.int64())
        table = pa.table({"source_ids": columns[0], "target_ids": columns[1], "id": ids})
        file = Location(folder / f"{number}.parquet")
        groups += row_groups(file, file.write_table(table, row_group_size=64))
    return SimpleNamespace(row_groups=lambda split: groups if split == "train" else [])


@pytest.fixture(scope="module")
def widths(pairs) -> Counter:
    return Counter(max(len(source), len(target)) + 1 for source, target in pairs)


@pytest.fixture(scope="module")
def shapes(widths) -> list[Shape]:
    return choose_shapes(widths, 4, 120)


def numbers(batch: Batch) -> list[int]:
    """The pairs of a batch, in order; rows that only fill up have no target."""
    return [int(row[0]) - 1000 for row, out in zip(batch.source, batch.target_outputs, strict=True)
            if out[0] != PAD]  # fmt: skip


def order(batches) -> list[list[int]]:
    return [numbers(batch) for batch in batches]


@pytest.mark.parametrize("window", [1, 100, ROWS, 10_000])
def test_every_pair_is_used_exactly_once_an_epoch(shards, shapes, window) -> None:
    for epoch in (0, 1):
        batches = epoch_batches(shards, shapes, 1, epoch, window)
        assert Counter(n for batch in batches for n in numbers(batch)) == Counter(range(ROWS))


def test_the_order_follows_from_seed_and_epoch(shards, shapes) -> None:
    def made(seed: int, epoch: int, window: int = 200) -> list[list[int]]:
        return order(epoch_batches(shards, shapes, seed, epoch, window))

    first = made(1, 0)
    assert made(1, 0) == first
    for other in (made(1, 1), made(2, 0), made(0, 1)):
        assert other != first
        # Not only the batches are moved: other pairs meet.
        assert {frozenset(batch) for batch in other} != {frozenset(batch) for batch in first}


@pytest.mark.parametrize("window", [100, 10_000])
def test_the_ids_of_a_batch_can_be_named(shards, shapes, window) -> None:
    batches = list(epoch_batches(shards, shapes, 5, 2, window))
    for skip in (0, 3, len(batches)):
        named = batch_ids(shards, shapes, 5, 2, window, skip)
        actual = [[number for _, number in batch] for batch in named]
        for batch, ids in zip(batches[skip:], actual, strict=True):
            assert ids == [7 * number for number in numbers(batch)]


@pytest.mark.parametrize("window", [100, 10_000])
def test_an_epoch_can_be_continued_anywhere(shards, shapes, window) -> None:
    everything = list(epoch_batches(shards, shapes, 5, 2, window))
    for skip in (0, 1, 7, len(everything) // 2, len(everything) - 1, len(everything)):
        rest = list(epoch_batches(shards, shapes, 5, 2, window, skip))
        assert len(rest) == len(everything) - skip
        for actual, expected in zip(rest, everything[skip:], strict=True):
            for array, other in zip(actual, expected, strict=True):
                np.testing.assert_array_equal(array, other)


@pytest.mark.parametrize("workers", [2, 3, 50])
def test_workers_make_every_row_once_in_parts_of_one_shape(shards, shapes, workers) -> None:
    """In the order and the width of the whole batches, which each of them never makes."""
    whole = list(epoch_batches(shards, shapes, 5, 2, 200))
    parts = [
        list(epoch_batches(shards, shapes, 5, 2, 200, rank=rank, workers=workers))
        for rank in range(workers)
    ]
    for batch, *its in zip(whole, *parts, strict=True):
        rows, width = batch.source.shape
        assert {part.source.shape for part in its} == {(-(-rows // workers), width)}
        assert all((part.source[:, 0] != PAD).all() for part in its)  # no row is empty
        for k, array in enumerate(batch):
            for rank, part in enumerate(its):
                mine = array[rank::workers]
                np.testing.assert_array_equal(part[k][: len(mine)], mine)
        for part in its:
            missing = part.target_outputs[:, 0] == PAD
            assert (part.source[missing, 0] == EOS).all()


def test_a_window_bounds_what_is_held(shards, shapes, monkeypatch) -> None:
    """A window, the rest of its last row group, and less than a batch of each shape."""
    from nmt.shards import batches as module

    sizes = []
    plan = module._window_plan
    monkeypatch.setattr(
        module, "_window_plan", lambda w, *rest: sizes.append(len(w)) or plan(w, *rest)
    )
    list(epoch_batches(shards, shapes, 1, 0, 100))
    assert len(sizes) > 3
    assert max(sizes) < 100 + 64 + sum(shape.rows for shape in shapes)


def test_batches_are_padded_ids_with_their_ends(shards, shapes, pairs) -> None:
    for batch in epoch_batches(shards, shapes, 1, 0, 200):
        shape = batch.source.shape
        assert all(array.dtype == np.int32 for array in batch)
        for row, number in enumerate(numbers(batch)):
            source, target = pairs[number]
            expected = [[*source, EOS], [BOS, *target], [*target, EOS]]
            for array, ids in zip(batch, expected, strict=True):
                assert array[row].tolist() == ids + [PAD] * (shape[1] - len(ids))
        for row in range(len(numbers(batch)), shape[0]):  # what only fills the batch up
            assert batch.source[row].tolist() == [EOS] + [PAD] * (shape[1] - 1)
            assert (batch.target_outputs[row] == PAD).all()


@pytest.mark.parametrize("buckets", [1, 2, 5, 32])
def test_only_the_chosen_shapes_occur(shards, widths, buckets) -> None:
    shapes = choose_shapes(widths, buckets, 120)
    assert len(shapes) <= buckets
    actual = Counter(batch.source.shape for batch in epoch_batches(shards, shapes, 1, 0, 100))
    for shape in shapes:  # and a partial batch of each, at most
        actual.pop(tuple(shape), None)
    assert set(actual.values()) <= {1}
    assert {width for _, width in actual} <= {shape.width for shape in shapes}
    assert shapes[-1].width == max(widths)
    for shape in shapes:
        assert shape.rows >= 1
        assert shape.rows * shape.width <= 120 or shape.rows == 1


def test_any_number_of_widths_is_cut_into_few_shapes() -> None:
    widths = dict.fromkeys(range(1, 200_000, 3), 2)
    shapes = choose_shapes(widths, 4, 400_000)
    assert len(shapes) == 4
    assert shapes[-1].width == max(widths)


def padded(widths: dict[int, int], chosen: list[int]) -> int:
    """Cells that the pairs take when each is padded to the next chosen width."""
    return sum(count * min(c for c in chosen if c >= width) for width, count in widths.items())


def test_no_other_widths_pad_less() -> None:
    rng = random.Random(1)
    for _ in range(60):
        lengths = rng.sample(range(2, 40), rng.randint(1, 8))
        widths = {length: rng.randint(1, 50) for length in lengths}
        for buckets in (1, 2, 3, 5):
            actual = [shape.width for shape in choose_shapes(widths, buckets, 100)]
            least = min(
                padded(widths, [*some, max(lengths)])
                for n in range(min(buckets, len(lengths)))
                for some in combinations(sorted(lengths)[:-1], n)
            )
            assert actual == sorted(set(actual))
            assert len(actual) <= buckets
            assert padded(widths, actual) == least


def test_a_batch_holds_one_row_at_least() -> None:
    assert choose_shapes({500: 1}, 3, 100) == [Shape(1, 500)]
    assert choose_shapes({5: 0, 7: 3}, 3, 70) == [Shape(10, 7)]


def test_an_empty_split_has_no_batches(shards, shapes) -> None:
    assert list(epoch_batches(shards, shapes, 1, 0, 100, split="valid")) == []
