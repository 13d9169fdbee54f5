"""The pass over the finished translations, block by block: in Ray tasks where there are many units,
else in this process. Both add up the same blocks in the same order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nmt.cluster.tasks import Tasks
from nmt.evaluation.baseline import Baseline
from nmt.evaluation.groups import ValueCounts
from nmt.evaluation.sentences import Part, References, read_sentences, read_table
from nmt.records.output import UnitRecord
from nmt.storage.location import Location
from nmt.tables.values import json_values
from nmt.translation.report.pairing import Others, pairs
from nmt.translation.report.scoring import Scoring, ScoringOptions
from nmt.translation.report.summary import part_of

_ROWS = 65_536  # of a block, at least
_MOST = 1024  # blocks, about
_TITLE = "scoring"


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
    baseline: Baseline | None,
) -> Scoring:
    """Read all translated rows, and score them.

    Args:
        tasks: does the blocks.
        location: the OUT folder.
        blocks: its units.
        references: where the references are.
        options: how the rows are scored.
        baseline: an earlier output to compare them with.

    Raises:
        UnusableInput: the output or the baseline cannot be read.
    """
    matched: list[list[Any]] = [[] for _ in blocks]
    if baseline is not None:
        matched = pairs(tasks, location, [block.parts for block in blocks], baseline)
    # A copy, for what counts is made once a process, and does not travel.
    shared, total = tasks.share(replace(options)), Scoring(options)
    calls = (
        (shared, block, _own(references, block), *some)
        for block, some in zip(blocks, matched, strict=True)
    )
    for scoring in tasks.each(score_block, calls, _TITLE):
        total.merge(scoring)
    return total


def _own(references: References, block: Block) -> References:
    first, last = block.records[0], block.records[-1]
    return references.of_rows(first.first, last.first + last.counts.rows)


def score_block(
    options: ScoringOptions, block: Block, references: References, *matched: Any
) -> Scoring:
    """Read the rows of a block.

    Args:
        options: how they are scored.
        block: which rows.
        references: theirs.
        matched: what the baseline has of them, see `nmt.translation.report.pairing.pair`.
    """
    columns = [column for column, _ in options.groups]
    sentences = read_sentences(block.location, block.parts, references, others=columns)
    scoring = Scoring(options)
    scoring.read(options, sentences, Others.of_rows(block.translated, matched))
    for number, column in enumerate(columns):
        for values in block.values("rejected", column):
            scoring.reject(number, values)
    return scoring
