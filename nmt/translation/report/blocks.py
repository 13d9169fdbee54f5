"""The pass over the finished translations, block by block: in Ray tasks where there are many units,
else in this process. Both add up the same blocks in the same order.

Which sentences the baseline has, too, and where, is a hash join by ranges of keys: `own_keys` and
`baseline_keys` make the keys of some parts, range by range; `pair` finds those of one range that
both have, for each block of the output. Each step is a function of large values, see
`nmt.cluster.tasks`: a process holds the keys of one range or of one block, 16 bytes a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nmt.cluster.tasks import Tasks
from nmt.evaluation.baseline import Baseline, keys_of
from nmt.evaluation.groups import ValueCounts
from nmt.evaluation.sentences import Part, References, read_sentences, read_table, read_translations
from nmt.records.output import UnitRecord
from nmt.storage.location import Location
from nmt.tables.values import json_values
from nmt.translation.report.scoring import Scoring, ScoringOptions
from nmt.translation.report.summary import part_of

_ROWS_OF_RANGE = 4_000_000  # of the baseline, about
_MOST_RANGES = 64
_ROWS_TOGETHER = 1_000_000  # of the baseline's parts
KEYED = np.dtype([("key", np.uint64), ("place", np.int64)])

_ROWS = 65_536  # of a block, at least
_MOST = 1024  # blocks, about
_TITLE = "scoring"


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


@dataclass(frozen=True)
class Block:
    """Consecutive units.

    Attributes:
        location: the OUT folder.
        records: of the units.
    """

    location: Location
    records: tuple[UnitRecord, ...]

    @property
    def parts(self) -> list[Part]:
        """Its files of translations."""
        return [part_of(record) for record in self.records]

    @property
    def translated(self) -> int:
        """Its translated rows."""
        return sum(record.counts.translated for record in self.records)

    def values(self, folder: str, column: str) -> Iterator[list[Any]]:
        """The values of one column as JSON has them, a list a file of ``translations/`` or
        ``rejected/``."""
        for record in self.records:
            for name, entry in record.files.items():
                if name.startswith(f"{folder}/"):
                    table = read_table(self.location.named(name), [column], entry)
                    yield json_values(table.column(column))


def blocks_of(location: Location, records: Sequence[UnitRecord]) -> list[Block]:
    """The units of an output, some together."""
    least = max(_ROWS, sum(record.counts.rows for record in records) // _MOST)
    result, some, rows = [], [], 0
    for record in records:
        some.append(record)
        rows += record.counts.rows
        if rows >= least or record is records[-1]:
            result.append(Block(location, tuple(some)))
            some, rows = [], 0
    return result


def named_values(
    tasks: Tasks, blocks: Sequence[Block], columns: Sequence[str]
) -> tuple[tuple[str, tuple[str | None, ...]], ...]:
    """For each column its name and the values that have a group of their own."""
    totals = [ValueCounts() for _ in columns]
    for counts in tasks.each(count_values, [(block, columns) for block in blocks], _TITLE):
        for total, count in zip(totals, counts, strict=True):
            total.merge(count)
    names = [tuple(total.named()) for total in totals]
    return tuple(zip(columns, names, strict=True))


def count_values(block: Block, columns: Sequence[str]) -> list[ValueCounts]:
    """How many rows of a block have each value of some columns."""
    result = []
    for column in columns:
        counts = ValueCounts()
        for folder in ("translations", "rejected"):
            for values in block.values(folder, column):
                counts.add(values)
        result.append(counts)
    return result


def score(
    tasks: Tasks,
    location: Location,
    blocks: Sequence[Block],
    references: References,
    options: ScoringOptions,
) -> Scoring:
    """Read all translated rows, and score them.

    Args:
        tasks: does the blocks.
        location: the OUT folder.
        blocks: its units.
        references: where the references are.
        options: how the rows are scored.

    Raises:
        UnusableInput: the output or the baseline cannot be read.
    """
    found: list[list[Any]] = [[] for _ in blocks]
    if options.baseline is not None:
        found = pairs(tasks, location, [block.parts for block in blocks], options.baseline)
    # A copy, for what counts is made once a process, and does not travel.
    shared, total = tasks.share(replace(options)), Scoring(options)
    calls = (
        (shared, block, _own(references, block), *some)
        for block, some in zip(blocks, found, strict=True)
    )
    for scoring in tasks.each(score_block, calls, _TITLE):
        total.merge(scoring)
    return total


def _own(references: References, block: Block) -> References:
    first, last = block.records[0], block.records[-1]
    return references.of_rows(first.first, last.first + last.counts.rows)


def score_block(
    options: ScoringOptions, block: Block, references: References, *found: Any
) -> Scoring:
    """Read the rows of a block.

    Args:
        options: how they are scored.
        block: which rows.
        references: theirs.
        found: where the baseline has them, see `nmt.translation.report.blocks`.
    """
    columns = [column for column, _ in options.groups]
    sentences = read_sentences(block.location, block.parts, references, others=columns)
    scoring = Scoring(options)
    places = places_of(block.translated, found) if options.baseline is not None else ()
    scoring.read(options, sentences, places)
    for number, column in enumerate(columns):
        for values in block.values("rejected", column):
            scoring.reject(number, values)
    return scoring
