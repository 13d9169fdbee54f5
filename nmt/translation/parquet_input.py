"""Parquet files to translate: what their columns must be, and runs of their rows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq

from nmt.corpus.columns import is_text, plain_type
from nmt.corpus.formats import readable
from nmt.errors import UnusableInput
from nmt.storage import Location
from nmt.translation.unique_ids import check_ids

_BATCH = 8192  # rows decoded at once


def inspect_schema(
    locations: list[Location], text_column: str, id_column: str | None
) -> tuple[pa.Schema, str | None, list[int]]:
    """Look through the files' columns and ids.

    Args:
        locations: the files.
        text_column: the column of the sentences.
        id_column: the column of the ids; None is ``id`` where there is such a column.

    Returns:
        The schema, the name of the column of ids (None without one), and each file's rows.

    Raises:
        UnusableInput: damaged, columns that differ, are missing or of the wrong type, or ids
            that are missing or given twice.
    """
    schema: pa.Schema | None = None
    counts: list[int] = []
    for location in locations:
        with readable(location), location.open() as handle:
            parquet = pq.ParquetFile(handle)
            found = _without_views(parquet.schema_arrow)
            counts.append(parquet.metadata.num_rows)
            if schema is None:
                schema = found
                id_column = _check_columns(location, found, text_column, id_column)
            elif not found.equals(schema):
                raise UnusableInput(
                    f"{location}: its columns differ from those of {locations[0]}; give files "
                    "with the same columns"
                )
    assert schema is not None
    if id_column is not None:
        check_ids(partial(_ids, locations, schema.field(id_column)))
    return schema, id_column, counts


def _ids(locations: list[Location], column: pa.Field) -> Iterator[pa.Array]:
    """The ids of all files, some at a time."""
    for location in locations:
        with readable(location), location.open() as handle:
            for batch in pq.ParquetFile(handle).iter_batches(_BATCH, columns=[column.name]):
                yield from plain_ids(pa.chunked_array([batch.column(0).cast(column.type)])).chunks


def _check_columns(
    location: Location, schema: pa.Schema, text_column: str, id_column: str | None
) -> str | None:
    """Check the columns' names and types; returns the column of the ids."""
    there = ", ".join(schema.names)
    twice = {name for name in schema.names if schema.names.count(name) > 1}
    if twice:
        raise UnusableInput(
            f"{location}: has several columns '{min(twice)}'; give each a name of its own"
        )
    if text_column not in schema.names:
        raise UnusableInput(
            f"{location}: no column '{text_column}' (there are {there}); name it with --text-column"
        )
    if not is_text(kind := schema.field(text_column).type):
        raise UnusableInput(
            f"{location}: column '{text_column}' holds {kind}, not text; name another with "
            "--text-column"
        )
    if id_column is None:
        return "id" if "id" in schema.names and text_column != "id" else None
    if id_column not in schema.names:
        raise UnusableInput(
            f"{location}: no column '{id_column}' (there are {there}); name one with "
            "--id-column, or leave the option out to number the rows"
        )
    if id_column == text_column:
        raise UnusableInput(
            f"{location}: column '{id_column}' holds the sentences; name another with --id-column"
        )
    return id_column


def _without_views(schema: pa.Schema) -> pa.Schema:
    """The types under which rows are kept: not all of pyarrow's functions know views."""
    kept = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}
    return pa.schema([column.with_type(kept.get(column.type, column.type)) for column in schema])


def plain_ids(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of ids, no longer dictionary-encoded."""
    kind = plain_type(column.type)
    return column if column.type == kind else column.cast(kind)


def read_rows(location: Location, start: int, rows: int) -> pa.Table:
    """Some consecutive rows of a file, all columns.

    What stands before them in their row group is decoded in small batches and dropped, and what
    comes after is not decoded at all: a file of one huge row group needs no more memory than
    others.
    """
    batches: list[pa.RecordBatch] = []
    first, stop = 0, start + rows
    with readable(location), location.open() as handle:
        parquet = pq.ParquetFile(handle)
        schema = parquet.schema_arrow.remove_metadata()
        for group in range(parquet.num_row_groups):
            size = parquet.metadata.row_group(group).num_rows
            if first < stop and start < first + size:
                position = first
                for batch in parquet.iter_batches(_BATCH, row_groups=[group]):
                    low, high = max(start, position), min(stop, position + batch.num_rows)
                    if low < high:
                        batches.append(batch.slice(low - position, high - low))
                    position += batch.num_rows
                    if position >= stop:
                        break
            first += size
    table = pa.Table.from_batches(
        [batch.replace_schema_metadata(None) for batch in batches], schema
    )
    kept = _without_views(schema)
    return table if kept == schema else table.cast(kept, safe=False)
