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
from nmt.tables.values import json_values
from nmt.translation.output import Output

Record = dict[str, Any]


def total_counts(records: Sequence[Record]) -> dict[str, Any]:
    """The units' counts, added up."""
    return added(record["counts"] for record in records)


def rates(counts: dict[str, Any], records: Sequence[Record]) -> dict[str, float]:
    """Shares and means over the whole output."""
    return rates_of(counts, added(record["sums"] for record in records))


def alignment(records: Sequence[Record]) -> dict[str, Any] | None:
    """AER of attention and diagonal over all units; None without gold alignments."""
    parts = [record["alignment"] for record in records if record["alignment"]]
    if not parts:
        return None
    sums = added(parts)
    return {
        "aer": round(LinkCounts(**sums["attention"]).error_rate, 6),
        "aer_diagonal": round(LinkCounts(**sums["diagonal"]).error_rate, 6),
        "sentences": sums["attention"]["sentences"],
        "malformed": sums["malformed"],
        "left_out": sums.get("left_out", 0),  # units of an earlier version do not say
    }


def sentences(
    output: Output,
    records: Sequence[Record],
    references: References,
    wanted: Iterable[int] | None = None,
    others: Sequence[str] = (),
) -> Iterator[Sentence]:
    """The translated rows in order, read back from the output; see `read_sentences`."""
    return read_sentences(output.location, map(_part, records), references, wanted, others)


def _part(record: Record) -> Part:
    name = next(name for name in record["files"] if name.startswith("translations/"))
    rows = np.arange(record["first"], record["first"] + record["counts"]["rows"])
    kept = np.setdiff1d(rows, np.array(record["rejected_rows"], np.int64))
    return Part(name.removeprefix("translations/"), kept, record["files"][name])


def values(
    output: Output, records: Sequence[Record], folder: str, column: str
) -> Iterator[list[Any]]:
    """The values of one column as JSON has them, a list a file of ``translations/`` or
    ``rejected/``."""
    for record in records:
        for name, entry in record["files"].items():
            if name.startswith(f"{folder}/"):
                table = read_table(output.location.named(name), [column], entry)
                yield json_values(table.column(column))


def suspicious(
    output: Output, records: Sequence[Record], references: References
) -> list[dict[str, Any]]:
    """The most suspicious translations of all units."""
    worst = quality_checks.worst(s for record in records for s in record.get("suspicious", []))
    rows = [suspect["row"] for suspect in worst]
    return samples.suspicious(worst, sentences(output, records, references, rows))
