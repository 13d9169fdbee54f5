"""Reading ahead: many row groups at once, the next window before this one is used, no more."""

import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from nmt.shards.batches import Shape, epoch_batches
from nmt.shards.row_groups import READERS, WINDOWS, prefetch, read_in_order

SHAPES = [Shape(64, 3)]
GROUP = 16  # rows


def groups(count: int, read: Callable[[int], object]) -> list[Any]:
    """Row groups that tell when they are read."""
    ids = pa.array([[5, 6]] * GROUP, pa.list_(pa.int32()))

    def table(number: int) -> pa.Table:
        read(number)
        return pa.table({"source_ids": ids, "target_ids": ids, "id": [number] * GROUP})

    return [
        SimpleNamespace(rows=GROUP, read=lambda _, number=number: table(number))
        for number in range(count)
    ]


def test_row_groups_are_read_at_once_and_come_in_order() -> None:
    barrier = threading.Barrier(READERS)  # each waits until so many have begun
    tables = read_in_order(groups(3 * READERS, lambda _: barrier.wait(10)), ["id"], READERS)
    numbers = [table["id"][0].as_py() for table in tables]
    assert numbers == list(range(3 * READERS))


def test_the_next_window_is_read_while_this_one_is_used_and_no_more() -> None:
    begun: list[int] = []
    count = 12 * READERS
    window = READERS * GROUP  # rows, of READERS row groups
    shards: Any = SimpleNamespace(row_groups=lambda _: groups(count, begun.append))
    per_window = READERS * GROUP // SHAPES[0].rows
    batches = epoch_batches(shards, SHAPES, 1, 0, window)
    for number in range(count * GROUP // SHAPES[0].rows):
        next(batches)
        finished = number // per_window * READERS  # row groups of windows that are used up
        ahead = min(count, finished + WINDOWS * READERS)
        _wait_for(lambda ahead=ahead: len(begun) >= ahead)
        assert len(begun) == ahead
    assert next(batches, None) is None
    assert sorted(begun) == list(range(count))


def _wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("nothing is read ahead")


def test_an_error_of_a_read_is_raised_in_its_place() -> None:
    def read(number: int) -> None:
        if number == 3:
            raise OSError("the disk is gone")

    tables = read_in_order(groups(9, read), ["id"], 4)
    assert [next(tables)["id"][0].as_py() for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="the disk is gone"):
        next(tables)


def test_readers_end_with_their_epoch_and_with_one_that_is_left() -> None:
    before = set(threading.enumerate())
    shards: Any = SimpleNamespace(row_groups=lambda _: groups(99, lambda _: None))
    batches = epoch_batches(shards, SHAPES, 1, 0, 64)
    next(batches)
    batches.close()
    list(epoch_batches(shards, SHAPES, 1, 0, 64))
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=5)
        assert not thread.is_alive()


def test_prefetch_changes_nothing() -> None:
    assert list(prefetch(iter(range(100)), 3)) == list(range(100))
    assert list(prefetch(iter(()))) == []


def test_prefetch_raises_what_the_thread_raised() -> None:
    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("the disk is gone")

    items = prefetch(failing())
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(OSError, match="the disk is gone"):
        next(items)


def test_prefetch_makes_no_more_than_asked_and_its_thread_ends() -> None:
    made = []

    def endless() -> Iterator[int]:
        while True:
            made.append(len(made))
            yield made[-1]

    before = set(threading.enumerate())
    items = prefetch(endless(), 4)
    assert next(items) == 0
    (thread,) = set(threading.enumerate()) - before
    time.sleep(0.3)
    assert len(made) == 1 + 4
    items.close()
    thread.join(timeout=5)
    assert not thread.is_alive()
