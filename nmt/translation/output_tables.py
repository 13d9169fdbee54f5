"""A unit's files and record, from its rows and their results."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa

from nmt.evaluation import quality_checks, rates
from nmt.evaluation.alignment import format_pharaoh, parse_pharaoh, relinked
from nmt.evaluation.columns import TEXT_COLUMN
from nmt.inference.row_filter import CleanedText, FilteredRows
from nmt.records.output import Counts, Sums, UnitRecord
from nmt.reject_reasons import RejectReason
from nmt.text_limits import shown
from nmt.translation import results_table
from nmt.translation.input.unit_rows import Rows
from nmt.translation.input.units import Unit


def compose_files(
    unit: Unit, rows: Rows, filtered: FilteredRows, results: pa.Table
) -> dict[str, pa.Table]:
    """The files of a unit by their names below OUT.

    Args:
        unit: which rows.
        rows: what was read.
        filtered: which of them were translated.
        results: what became of each of these; see `nmt.translation.results_table`.
    """
    kept = pa.array(filtered.kept, pa.int64())
    ids = rows.ids.take(kept)
    columns = {
        "id": ids,
        "source": pa.array(filtered.texts, pa.string()),
        **results_table.shown(results),
    }
    files = {f"translations/{unit.part}": _with_others(columns, rows, kept)}
    if filtered.reasons:
        files[f"rejected/{unit.part}"] = _rejected(rows, filtered.reasons)
    if "alignment" in results.column_names:
        links = map(_stored_links, results.column("alignment").to_pylist(), filtered.sources)
        aligned = {"id": ids, "alignment": pa.array(list(links), pa.string())}
        if unit.more_columns:
            aligned[TEXT_COLUMN] = rows.others.column(TEXT_COLUMN).take(kept)
        files[f"alignments/{unit.part}"] = pa.table(aligned)
    return files


def _stored_links(links: str, source: CleanedText) -> str:
    """Links that count the words of the cleaned source, with the words of the stored one."""
    words = source.stored_words
    return links if words is None else format_pharaoh(relinked(parse_pharaoh(links), words))


def compose_record(
    unit: Unit,
    rows: Rows,
    filtered: FilteredRows,
    results: pa.Table,
    decoded: int,
    reused: int = 0,
) -> UnitRecord:
    """The record of a unit, with counts and sums for the report; its files are yet to be written.

    Args:
        unit: which rows.
        rows: what was read.
        filtered: which of them were translated.
        results: what became of each of these; see `nmt.translation.results_table`.
        decoded: how many of these were decoded.
        reused: how many an earlier job had decoded; the others are repetitions.
    """
    measured = results_table.measures(results, filtered.texts)
    numbers = unit.first + np.asarray(filtered.kept, np.int64)
    suspects = quality_checks.worst(quality_checks.suspects(measured, numbers))
    return UnitRecord(
        unit=unit.number,
        first=unit.first,
        input=unit.identity,
        rejected_rows=[unit.first + i for i in filtered.reasons],
        counts=Counts(
            rows=len(rows.texts),
            translated=len(filtered.kept),
            rejected=len(filtered.reasons),
            rejected_by_reason=dict(Counter(map(str, filtered.reasons.values()))),
            decoded=decoded,
            reused=reused,
            repeated=len(results) - decoded - reused,
            **results_table.counts(results),
        ),
        files={},
        sums=Sums(**rates.sums(measured)),
        suspicious=suspects,
        alignment=None,
    )


def _rejected(rows: Rows, reasons: dict[int, RejectReason]) -> pa.Table:
    taken = pa.array(list(reasons), pa.int64())
    columns = {
        "id": rows.ids.take(taken),
        "reason": pa.array(list(reasons.values()), pa.string()),
        "source": pa.array([_shown(rows.texts[i], why) for i, why in reasons.items()], pa.string()),
    }
    return _with_others(columns, rows, taken)


def _shown(raw: bytes | None, reason: RejectReason) -> str | None:
    return None if raw is None else shown(raw, reason)


def _with_others(
    columns: dict[str, pa.Array | pa.ChunkedArray], rows: Rows, taken: pa.Array
) -> pa.Table:
    others = {name: rows.others.column(name).take(taken) for name in rows.others.column_names}
    return pa.table({**columns, **others})
