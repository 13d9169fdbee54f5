"""Which sentences of an output its baseline has, too, and what it made of them.

A hash join: `baseline_rows` and `own_rows` divide the rows of some parts by ranges of their keys,
and `pair` finds those of one range that both have, for each block of the output. So each part of
both is read once, whatever their order. Each step is a function of large values, see
`nmt.cluster.tasks`: a process holds the rows of one range, or those of some parts.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from nmt.cluster.tasks import Tasks, Value
from nmt.evaluation.baseline import ROWS, Baseline, keys_of
from nmt.evaluation.sentences import Part, read_translations
from nmt.storage.location import Location

_ROWS_OF_RANGE = 2_000_000  # of the baseline, about
_BYTES_OF_RANGE = 64 << 20  # of its files
_MOST_RANGES = 128
ROWS_TOGETHER = 1_000_000  # of the baseline's parts
_BYTES_TOGETHER = 32 << 20


class Others(NamedTuple):
    """What the baseline has of some sentences.

    Attributes:
        places: where it has each of them, int64; -1 for one that it lacks.
        texts: its translations; None for one that it lacks.
    """

    places: np.ndarray
    texts: list[str | None]

    @classmethod
    def of_rows(cls, rows: int, matched: Sequence[pa.Table]) -> Others:
        """Those of a block.

        Args:
            rows: of the block.
            matched: what `pair` has found of it, range by range.
        """
        places, texts = np.full(rows, -1, np.int64), np.full(rows, None, object)
        for table in matched:
            own = table["row"].to_numpy()
            places[own] = table["place"].to_numpy()
            texts[own] = table["translation"].to_pylist()
        return cls(places, texts.tolist())


@dataclass(frozen=True)
class Ranges:
    """Divides keys.

    Attributes:
        count: into how many ranges.
        spread: the odd factor of multiplicative hashing (Dietzfelbinger et al. 1997). No writer of
            an input knows it, so that nobody's rows fill one range.
    """

    count: int
    spread: int = field(default_factory=lambda: secrets.randbits(64) | 1)

    def divide(self, rows: pa.Table) -> Iterator[pa.Table]:
        """The rows of each range, by their column ``key``."""
        spread = rows["key"].to_numpy() * np.uint64(self.spread)
        numbers = (spread >> np.uint64(32)) % np.uint64(self.count)
        for number in range(self.count):
            yield rows.filter(pa.array(numbers == number)).combine_chunks()


def pairs(
    tasks: Tasks, location: Location, blocks: Sequence[Sequence[Part]], baseline: Baseline
) -> list[list[Value]]:
    """For each block of an output what the baseline has of its rows.

    Args:
        tasks: does the steps.
        location: the output.
        blocks: its parts.
        baseline: the earlier output.

    Returns:
        For each block the values of `pair`, one a range.
    """
    wanted = max(sum(baseline.sizes) // _ROWS_OF_RANGE, sum(baseline.bytes) // _BYTES_OF_RANGE)
    ranges = Ranges(max(1, min(_MOST_RANGES, wanted)))
    shared = tasks.share(baseline)
    theirs = [
        tasks.submit_parts(ranges.count, baseline_rows, shared, parts, ranges)
        for parts in _together(baseline)
    ]
    own = [tasks.submit_parts(ranges.count, own_rows, location, block, ranges) for block in blocks]
    matched = []
    for number in range(ranges.count):
        columns = [parts[number] for parts in (*theirs, *own)]
        matched.append(tasks.submit_parts(len(own), pair, len(theirs), *columns))
    return [list(values) for values in zip(*matched, strict=True)]


def _together(baseline: Baseline) -> Iterator[range]:
    """Consecutive parts of about so many rows, or bytes."""
    start = rows = size = 0
    for number, own in enumerate(zip(baseline.sizes, baseline.bytes, strict=True), 1):
        rows, size = rows + own[0], size + own[1]
        if rows >= ROWS_TOGETHER or size >= _BYTES_TOGETHER or number == len(baseline.sizes):
            yield range(start, number)
            start, rows, size = number, 0, 0


def baseline_rows(baseline: Baseline, parts: range, ranges: Ranges) -> Iterator[pa.Table]:
    """For each range of keys the rows of parts of the baseline: ``key``, ``place`` in it and
    ``translation``."""
    return ranges.divide(baseline.rows(parts))


def own_rows(location: Location, parts: Sequence[Part], ranges: Ranges) -> Iterator[pa.Table]:
    """For each range of keys the rows of a block: ``key``, and ``row`` among its rows."""
    files = [(location.named(f"translations/{part.name}"), part.entry) for part in parts]
    tables = (read_translations(file, ["id", "source"], entry) for file, entry in files)
    keys = np.concatenate([np.zeros(0, np.uint64), *map(keys_of, tables)])
    return ranges.divide(pa.table({"key": keys, "row": np.arange(len(keys))}))


def pair(theirs: int, *tables: pa.Table) -> Iterator[pa.Table]:
    """The sentences of a range that both have.

    Args:
        theirs: how many of the tables are of the baseline.
        tables: the rows of a range: of the baseline, then of each block.

    Yields:
        For each block its ``row``, and ``place`` and ``translation`` of the same in the baseline.
    """
    known = pa.concat_tables([ROWS.empty_table(), *tables[:theirs]])
    keys = known["key"].to_numpy()
    order = np.argsort(keys, kind="stable")
    for block in tables[theirs:]:
        own = block["key"].to_numpy()
        at, end = (np.searchsorted(keys, own, side, order) for side in ("left", "right"))
        matches = np.flatnonzero(at < end)
        same = known.take(pa.array(order[at[matches]])).drop_columns("key")
        yield same.append_column("row", [block["row"].to_numpy()[matches]]).combine_chunks()
