"""Which sentences of an output the baseline has, too, and where: a hash join by ranges of keys.

1. `own_keys` and `baseline_keys` make the keys of some parts, range by range.
2. `pair` finds those of one range that both have, for each block of the output.

Each step is a function of large values, see `nmt.cluster.tasks`: a process holds the keys of one
range or of one block, 16 bytes a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nmt.cluster.tasks import Tasks
from nmt.evaluation.baseline import Baseline, keys_of
from nmt.evaluation.sentences import Part, read_translations
from nmt.storage.location import Location

_ROWS_OF_RANGE = 4_000_000  # of the baseline, about
_MOST_RANGES = 64
_ROWS_TOGETHER = 1_000_000  # of the baseline's parts
KEYED = np.dtype([("key", np.uint64), ("place", np.int64)])


def pairs(
    tasks: Tasks, location: Location, blocks: Sequence[Sequence[Part]], baseline: Baseline
) -> list[list[Any]]:
    """For each block of an output where the baseline has its rows.

    Args:
        tasks: does the steps.
        location: the output.
        blocks: its parts.
        baseline: the earlier output.

    Returns:
        For each block the values of `pair`, one a range.
    """
    rows = sum(baseline.sizes)
    ranges = max(1, min(_MOST_RANGES, rows // _ROWS_OF_RANGE))
    shared = tasks.share(baseline)
    theirs = [
        tasks.submit_parts(ranges, baseline_keys, shared, parts, ranges)
        for parts in _together(baseline.sizes)
    ]
    own = [tasks.submit_parts(ranges, own_keys, location, block, ranges) for block in blocks]
    found = []
    for number in range(ranges):
        columns = [parts[number] for parts in (*theirs, *own)]
        found.append(tasks.submit_parts(len(own), pair, len(theirs), *columns))
    return [list(values) for values in zip(*found, strict=True)]


def _together(sizes: Sequence[int]) -> Iterator[range]:
    """Consecutive parts of about so many rows."""
    start = rows = 0
    for number, size in enumerate(sizes):
        rows += size
        if rows >= _ROWS_TOGETHER or number == len(sizes) - 1:
            yield range(start, number + 1)
            start, rows = number + 1, 0


def baseline_keys(baseline: Baseline, parts: range, ranges: int) -> Iterator[np.ndarray]:
    """For each range of keys those of parts of the baseline, with their places in it."""
    keys, places = zip(*(baseline.keys(part) for part in parts), strict=True)
    yield from _by_range(np.concatenate(keys), np.concatenate(places), ranges)


def own_keys(location: Location, parts: Sequence[Part], ranges: int) -> Iterator[np.ndarray]:
    """For each range of keys those of a block, with their places among its rows."""
    files = [(location.named(f"translations/{part.name}"), part.entry) for part in parts]
    tables = (read_translations(file, ["id", "source"], entry) for file, entry in files)
    keys = np.concatenate([np.zeros(0, np.uint64), *map(keys_of, tables)])
    yield from _by_range(keys, np.arange(len(keys)), ranges)


def _by_range(keys: np.ndarray, places: np.ndarray, ranges: int) -> Iterator[np.ndarray]:
    keyed = np.empty(len(keys), KEYED)
    keyed["key"], keyed["place"] = keys, places
    numbers = keys % np.uint64(ranges)
    for number in range(ranges):
        yield keyed[numbers == number]


def pair(theirs: int, *keyed: np.ndarray) -> Iterator[np.ndarray]:
    """The sentences of a range that both have.

    Args:
        theirs: how many of the arrays are of the baseline.
        keyed: the keys of a range: of the baseline, then of each block.

    Yields:
        For each block the places of its rows and those of the same in the baseline, int64, shape
        (2, rows).
    """
    known = np.concatenate([np.zeros(0, KEYED), *keyed[:theirs]])
    order = np.argsort(known["key"], kind="stable")
    keys, places = known["key"][order], known["place"][order]
    for block in keyed[theirs:]:
        if not len(keys):
            yield np.zeros((2, 0), np.int64)
            continue
        at = np.minimum(np.searchsorted(keys, block["key"]), len(keys) - 1)
        matches = np.flatnonzero(keys[at] == block["key"])
        yield np.stack([block["place"][matches], places[at[matches]]])


def places_of(rows: int, found: Sequence[np.ndarray]) -> np.ndarray:
    """Where the baseline has each of the rows of a block; -1 for one that it lacks.

    Args:
        rows: of the block.
        found: what `pair` has found of it, range by range.
    """
    places = np.full(rows, -1, np.int64)
    for own, theirs in found:
        places[own] = theirs
    return places
