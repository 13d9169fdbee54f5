"""What is known of translations, as a table: a row of it follows from its source alone. And the
files and the record of a unit, which are made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt import segmentation
from nmt.evaluation.alignment import format_pharaoh, parse_pharaoh, relinked
from nmt.evaluation.columns import NULLABLE, RESULTS, STRINGS, TEXT_COLUMN
from nmt.evaluation.measures import (
    Measures,
    count_words,
    repeats,
    spelled,
    sums,
    suspects,
    unknown,
    worst,
)
from nmt.inference.row_filter import CleanedText, FilteredRows
from nmt.inference.source_flags import SOURCE_FLAGS, source_flags
from nmt.inference.translation import Translation
from nmt.records.output import Counts, Sums, UnitRecord
from nmt.reject_reasons import RejectReason
from nmt.text_limits import shown
from nmt.translation.input.unit_rows import Rows
from nmt.translation.input.units import Unit

ALTERNATIVES = pa.list_(
    pa.struct({"translation": pa.string(), "score": pa.float64(), "ranking": pa.float64()})
)
# What the report needs besides.
_MEASURED = {"unknown": pa.int32(), "target_words": pa.int32(), "looping": pa.bool_()}


def result_schema(n_best: int, alignments: bool) -> pa.Schema:
    """The columns of a table of results.

    Args:
        n_best: ``search.n_best``; above 1 there is a column of alternatives.
        alignments: whether there is a column of alignments (Pharaoh), whose source words are those
            of the cleaned source.
    """
    more: dict[str, pa.DataType] = {}
    if n_best > 1:
        more["alternatives"] = ALTERNATIVES
    if alignments:
        more["alignment"] = pa.string()
    return pa.schema({**RESULTS, **more, **_MEASURED})


def stored_schema(n_best: int, alignments: bool) -> pa.Schema:
    """The same, as it must be where results are read back: no null where `result_row` has none."""
    schema = result_schema(n_best, alignments)
    return pa.schema([field.with_nullable(field.name in NULLABLE) for field in schema])


def result_row(result: Translation, schema: pa.Schema) -> dict[str, Any]:
    """A translation as a row of a table of this `result_schema`."""
    row: dict[str, Any] = {
        "translation": result.text,
        "score": result.score,
        "source_tokens": result.source_tokens,
        "target_tokens": result.tokens,
        "attention_entropy": result.attention_entropy,
        "coverage": result.coverage,
        "flags": list(result.flags),
        "unknown": unknown(result.tokens),
        "target_words": segmentation.count_words(result.text),
        "looping": repeats(result.tokens),
    }
    if "alternatives" in schema.names:
        row["alternatives"] = [
            {"translation": one.text, "score": one.score, "ranking": one.ranking}
            for one in result.alternatives
        ]
    if "alignment" in schema.names:
        row["alignment"] = format_pharaoh(result.cleaned_alignment)
    return row


def flagged(results: pa.Table, sources: Sequence[str]) -> pa.Table:
    """The table with what the sources as given say in the flags; see `source_flags`.

    Args:
        results: one result a row.
        sources: the source of each, as given.
    """
    flags = [
        [flag for flag in own if flag not in SOURCE_FLAGS] + list(source_flags(source))
        for own, source in zip(results.column("flags").to_pylist(), sources, strict=True)
    ]
    place = results.column_names.index("flags")
    return results.set_column(place, results.schema.field(place), pa.array(flags, STRINGS))


def shown_columns(results: pa.Table) -> dict[str, pa.ChunkedArray]:
    """The columns that stand in translations/ after the source."""
    names = [*RESULTS, *(["alternatives"] if "alternatives" in results.column_names else [])]
    return {name: results.column(name) for name in names}


def measures_of(results: pa.Table, sources: Sequence[str]) -> Measures:
    """The measures of rows.

    Args:
        results: one result a row.
        sources: the source of each, as given.
    """

    def numbers(name: str) -> np.ndarray:
        return results.column(name).to_numpy()

    return Measures(
        score=numbers("score"),
        attention_entropy=_floats(results.column("attention_entropy")),
        coverage=_floats(results.column("coverage")),
        unknown=numbers("unknown"),
        spelled=spelled(results.column("source_tokens").combine_chunks()),
        source_tokens=pc.list_value_length(results.column("source_tokens")).to_numpy(),
        source_words=count_words(sources),
        target_words=numbers("target_words"),
        looping=numbers("looping"),
        **{
            flag: _having(results.column("flags"), flag)
            for flag in ("truncated", "empty", "multiline", "markup")
        },
    )


def counts(results: pa.Table) -> dict[str, int]:
    """How many rows are empty and the like, and how many tokens there are."""
    values = results.column("flags").combine_chunks().flatten().value_counts().to_pylist()
    flags = {entry["values"]: entry["counts"] for entry in values}
    tokens = {
        name: pc.sum(pc.list_value_length(results.column(name))).as_py() or 0
        for name in ("source_tokens", "target_tokens")
    }
    names = ("empty", "truncated", "split", "unk_replaced", "recased", *SOURCE_FLAGS)
    return {**{name: flags.get(name, 0) for name in names}, **tokens}


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    return pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy()


def _having(lists: pa.ChunkedArray, flag: str) -> np.ndarray:
    """Which of the lists hold a flag."""
    having = np.zeros(len(lists), bool)
    combined = lists.combine_chunks()
    owners = pc.list_parent_indices(combined).filter(pc.equal(combined.flatten(), flag))
    having[owners.to_numpy()] = True
    return having


def compose_files(
    unit: Unit, rows: Rows, filtered: FilteredRows, results: pa.Table
) -> dict[str, pa.Table]:
    """The files of a unit by their names below OUT.

    Args:
        unit: which rows.
        rows: what was read.
        filtered: which of them were translated.
        results: what became of each of these; see `result_schema`.
    """
    kept = pa.array(filtered.kept, pa.int64())
    ids = rows.ids.take(kept)
    columns = {
        "id": ids,
        "source": pa.array(filtered.texts, pa.string()),
        **shown_columns(results),
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
        results: what became of each of these; see `result_schema`.
        decoded: how many of these were decoded.
        reused: how many an earlier job had decoded; the others are repetitions.
    """
    measured = measures_of(results, filtered.texts)
    numbers = unit.first + np.asarray(filtered.kept, np.int64)
    suspicious = worst(suspects(measured, numbers))
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
            **counts(results),
        ),
        files={},
        sums=Sums(**sums(measured)),
        suspicious=suspicious,
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
