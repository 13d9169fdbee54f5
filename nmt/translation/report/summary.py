"""What the units' records come to: counts, rates, throughput, suspicious sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from nmt.evaluation import quality_checks, samples
from nmt.evaluation.alignment import LinkCounts
from nmt.evaluation.rates import added
from nmt.evaluation.rates import rates as rates_of
from nmt.evaluation.sentences import Part, References, Sentence, read_sentences, read_table
from nmt.records.output import AlignmentCounts, Counts, Links, UnitRecord
from nmt.records.report import ErrorRates, SuspiciousSample
from nmt.tables.values import json_values
from nmt.translation.output import Output


def total_counts(records: Sequence[UnitRecord]) -> Counts:
    """The units' counts, added up; of at least one unit."""
    return Counts(**added(record.counts.to_json() for record in records))


def rates(counts: Counts, records: Sequence[UnitRecord]) -> dict[str, float]:
    """Shares and means over the whole output."""
    return rates_of(counts.to_json(), added(record.sums.to_json() for record in records))


def alignment(records: Sequence[UnitRecord]) -> ErrorRates | None:
    """AER of attention and diagonal over all units; None without gold alignments."""
    parts = [record.alignment for record in records if record.alignment is not None]
    if not parts:
        return None
    sums = AlignmentCounts(**added(part.to_json() for part in parts))
    return ErrorRates(
        aer=_error_rate(sums.attention),
        aer_diagonal=_error_rate(sums.diagonal),
        sentences=sums.attention.sentences,
        malformed=sums.malformed,
        left_out=sums.left_out,
    )


def _error_rate(links: Links) -> float:
    return round(LinkCounts(**links.to_json()).error_rate, 6)


def sentences(
    output: Output,
    records: Sequence[UnitRecord],
    references: References,
    wanted: Iterable[int] | None = None,
    others: Sequence[str] = (),
) -> Iterator[Sentence]:
    """The translated rows in order, read back from the output; see `read_sentences`."""
    return read_sentences(output.location, map(_part, records), references, wanted, others)


def _part(record: UnitRecord) -> Part:
    name = next(name for name in record.files if name.startswith("translations/"))
    rows = np.arange(record.first, record.first + record.counts.rows)
    kept = np.setdiff1d(rows, np.array(record.rejected_rows, np.int64))
    return Part(name.removeprefix("translations/"), kept, record.files[name])


def values(
    output: Output, records: Sequence[UnitRecord], folder: str, column: str
) -> Iterator[list[Any]]:
    """The values of one column as JSON has them, a list a file of ``translations/`` or
    ``rejected/``."""
    for record in records:
        for name, entry in record.files.items():
            if name.startswith(f"{folder}/"):
                table = read_table(output.location.named(name), [column], entry)
                yield json_values(table.column(column))


def suspicious(
    output: Output, records: Sequence[UnitRecord], references: References
) -> list[SuspiciousSample]:
    """The most suspicious translations of all units."""
    worst = quality_checks.worst(suspect for record in records for suspect in record.suspicious)
    rows = [suspect.row for suspect in worst]
    return samples.suspicious(worst, sentences(output, records, references, rows))
