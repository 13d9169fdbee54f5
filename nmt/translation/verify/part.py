"""What is wrong with the columns and values of one part of an output."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt.evaluation.columns import COLUMNS, NULLABLE, STRINGS, TEXT_COLUMN
from nmt.inference.source_flags import SOURCE_FLAGS
from nmt.records.output import JobSettings
from nmt.tables.values import is_scalar
from nmt.text_limits import most_translated
from nmt.translation.verify.order import order_problems

# The columns of each folder. An id has the type of the ids of the input.
_COLUMNS: dict[str, dict[str, pa.DataType | None]] = {
    "translations": {"id": None, **COLUMNS},
    "rejected": {"id": None, "reason": pa.string(), "source": pa.string()},
    "alignments": {"id": None, "alignment": pa.string()},
}
_ALTERNATIVES = "alternatives"  # a column of translations with search.n_best
FLAGS = frozenset({"empty", "truncated", "unk", "unk_replaced", "split", "recased", *SOURCE_FLAGS})
_NULLABLE = {("rejected", "source"), *(("translations", name) for name in NULLABLE)}
# Far beyond what a model makes, and small enough that those of a unit can be added up.
_BOUNDS = {"score": (-(2.0**18), 0.0), "attention_entropy": (0.0, 64.0), "coverage": (0.0, 1.0)}
_SLACK = 1e-6  # what rounding may do to a bound
_PHARAOH = r"^(\d{1,7}-\d{1,7}( \d{1,7}-\d{1,7})*)?$"


def problems(folder: str, table: pa.Table, settings: JobSettings) -> Iterator[str]:
    """What is wrong with a part, one line each.

    Args:
        folder: ``translations``, ``rejected`` or ``alignments``.
        table: the part.
        settings: of the job.
    """
    yield from column_problems(folder, table)
    if settings.text_columns:
        yield from text_column_problems(table, settings)
    yield from order_problems(table, settings)
    own = {*_COLUMNS[folder]} & {*table.column_names}
    search = settings.search
    own |= {_ALTERNATIVES} & {*table.column_names}
    values = table.select(sorted(own))
    yield from value_problems(values, most_translated(search.max_characters), search.n_best)
    if folder == "translations":
        if (settings.search.n_best > 1) != (_ALTERNATIVES in table.column_names):
            yield f"column '{_ALTERNATIVES}' goes with search.n_best above 1"
    elif folder == "rejected" and table.num_rows == 0:
        yield "holds no row"


def column_problems(folder: str, table: pa.Table) -> Iterator[str]:
    """What is wrong with the columns of a part, one line each; see `problems`."""
    for column, kind in _COLUMNS[folder].items():
        if column not in table.column_names:
            yield f"has no column '{column}'"
            continue
        values = table.column(column)
        if kind is None and not is_scalar(values.type):
            yield f"column '{column}' holds {values.type}, which is no type of an id"
        if kind is not None and values.type != kind:
            yield f"column '{column}' holds {values.type}, not {kind}"
        if values.null_count and (folder, column) not in _NULLABLE:
            yield f"column '{column}' has {values.null_count} nulls"
    if folder == "translations" and "reason" in table.column_names:
        yield "has a column 'reason', which only rejected rows have"


def text_column_problems(table: pa.Table, settings: JobSettings) -> list[str]:
    """What is wrong with the column that names the text column of each row, one line each."""
    if TEXT_COLUMN not in table.column_names:
        return [f"has no column '{TEXT_COLUMN}'"]
    values = table.column(TEXT_COLUMN)
    if values.type != pa.string():
        return [f"column '{TEXT_COLUMN}' holds {values.type}, not string"]
    among = pc.is_in(values, value_set=pa.array([*settings.text_columns], pa.string()))
    if pc.all(among, min_count=0).as_py():
        return []
    return [f"column '{TEXT_COLUMN}' names what is no --text-column"]


def value_problems(table: pa.Table, longest: int, n_best: int) -> Iterator[str]:
    """What is wrong with the values that a translation job has made, one line each.

    Args:
        table: has some of the columns of ``translations/`` and ``alignments/``.
        longest: characters of a translation at most, and tokens.
        n_best: alternatives of a translation at most.
    """
    for column in table.column_names:
        try:
            table.column(column).validate(full=True)
        except pa.ArrowInvalid as error:
            yield f"column '{column}' is damaged ({' '.join(str(error).split())[:120]})"
            table = table.drop_columns([column])
    yield from _numbers(table)
    yield from _sizes(table, longest)
    if _ALTERNATIVES in table.column_names:
        yield from _alternatives(table.column(_ALTERNATIVES).combine_chunks(), n_best, longest)
    if _is(table, "flags", STRINGS):
        yield from _flags(table)
    if _is(table, "alignment", pa.string()):
        links = table.column("alignment")
        good = pc.sum(pc.match_substring_regex(links, _PHARAOH)).as_py() or 0
        if good < len(links):
            yield f"{len(links) - good} alignments are not of the form '0-0 1-2'"


def _numbers(table: pa.Table) -> Iterator[str]:
    for column, (low, high) in _BOUNDS.items():
        if not _is(table, column, pa.float64()):
            continue
        values = table.column(column).drop_null().to_numpy()
        finite = np.isfinite(values)
        if count := int(np.count_nonzero(~finite)):
            yield f"column '{column}' has {count} values that are no numbers"
        outside = (values < low - _SLACK) | (values > high + _SLACK)
        if count := int(np.count_nonzero(outside & finite)):
            yield f"column '{column}' has {count} values outside of {low:g} to {high:g}"


def _sizes(table: pa.Table, longest: int) -> Iterator[str]:
    """Texts and lists that are too long, and counts of their parts that cannot be."""
    sizes = {}
    for column, kind in (("translation", pa.string()), ("target_tokens", STRINGS)):
        if _is(table, column, kind):
            values = table.column(column)
            measure = pc.utf8_length if kind == pa.string() else pc.list_value_length
            sizes[column] = pc.fill_null(measure(values), 0).to_numpy()
            if count := int(np.count_nonzero(sizes[column] > longest)):
                yield f"column '{column}' has {count} values of more than {longest:,} parts"
    for column, whole in (("target_words", "translation"), ("unknown", "target_tokens")):
        if _is(table, column, pa.int32()) and whole in sizes:
            counts = pc.fill_null(table.column(column), -1).to_numpy()
            if count := int(np.count_nonzero((counts < 0) | (counts > sizes[whole]))):
                yield f"column '{column}' has {count} values that cannot be"


def _alternatives(lists: pa.Array, n_best: int, longest: int) -> Iterator[str]:
    if not (pa.types.is_list(lists.type) and pa.types.is_struct(lists.type.value_type)):
        yield f"column '{_ALTERNATIVES}' holds {lists.type}"
        return
    values = lists.flatten()
    if (pc.max(pc.list_value_length(lists)).as_py() or 0) > n_best:
        yield f"column '{_ALTERNATIVES}' has more than {n_best} in a row"
    # By number: two may have one name.
    inner = [values.field(number) for number in range(values.type.num_fields)]
    if nulls := values.null_count + sum(field.null_count for field in inner):
        yield f"column '{_ALTERNATIVES}' has {nulls} nulls"
        return
    for field in inner:
        if field.type == pa.float64() and not np.isfinite(field.to_numpy()).all():
            yield f"column '{_ALTERNATIVES}' has values that are no numbers"
        if field.type == pa.string() and (pc.max(pc.utf8_length(field)).as_py() or 0) > longest:
            yield f"column '{_ALTERNATIVES}' has values of more than {longest:,} characters"


def _flags(table: pa.Table) -> Iterator[str]:
    flags = table.column("flags").combine_chunks()
    for flag in sorted(set(flags.flatten().to_pylist()) - FLAGS, key=str):
        yield f"unknown flag {flag!r}"
    if _is(table, "translation", pa.string()):
        empty = np.zeros(table.num_rows, bool)
        rows = pc.list_parent_indices(flags).filter(pc.equal(flags.flatten(), "empty"))
        empty[rows.to_numpy(zero_copy_only=False)] = True
        lengths = pc.fill_null(pc.binary_length(table.column("translation")), 0).to_numpy()
        if count := int(np.count_nonzero(empty & (lengths > 0))):
            yield f"{count} rows are flagged as empty, but have a translation"


def _is(table: pa.Table, column: str, kind: pa.DataType) -> bool:
    return column in table.column_names and table.column(column).type == kind


def input_columns(folder: str, table: pa.Table) -> pa.Schema:
    """The id, whatever its name in the input was, and the columns that come from the input."""
    own = {*_COLUMNS[folder], _ALTERNATIVES} - {"id"}
    return pa.schema([f.remove_metadata() for f in table.schema if f.name not in own])


def difference(one: pa.Schema, other: pa.Schema) -> str:
    """In what two schemas differ, in words; empty if they do not."""
    if one.equals(other):
        return ""
    sides = [{f"{field.name}: {field.type}" for field in schema} for schema in (one, other)]
    return ", ".join(sorted(sides[0] ^ sides[1])[:4]) or "their order"
