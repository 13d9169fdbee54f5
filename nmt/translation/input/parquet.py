"""Parquet files to translate: what their columns must be, and runs of their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

import pyarrow as pa

from nmt.errors import UnusableInput
from nmt.formats.detection import readable
from nmt.formats.hive import Folders, with_folders
from nmt.printable import there_are
from nmt.storage.location import Location
from nmt.tables.columns import is_text, plain_type
from nmt.tables.parquet import open_parquet, read_batches
from nmt.tables.schemas import cast, kept_schema, unify
from nmt.tables.values import is_scalar
from nmt.translation.unique_ids import check_ids

InputFile = tuple[Location, Folders]  # a file with its partition columns


class Columns(NamedTuple):
    """The columns of the files.

    Attributes:
        schema: of the rows of all files.
        id_column: the name of the column of ids; None without one.
        rows: of each file.
        unpacked: bytes of each file's rows, as its footer says.
    """

    schema: pa.Schema
    id_column: str | None
    rows: list[int]
    unpacked: list[int]


def inspect_columns(
    files: Sequence[InputFile], text_columns: Sequence[str], id_column: str | None
) -> Columns:
    """Look through the files' columns and ids.

    Args:
        files: at least one.
        text_columns: the columns of the sentences.
        id_column: the column of the ids; None is ``id`` where there is such a column.

    Raises:
        UnusableInput: damaged, columns that differ, are missing or of the wrong type, or ids
            that are missing or given twice.
    """
    counts: list[int] = []
    sizes: list[int] = []

    def schemas() -> Iterator[tuple[str, pa.Schema]]:
        for location, folders in files:
            with readable(location), location.open() as handle:
                parquet = open_parquet(location, handle)
                footer = parquet.metadata
                counts.append(footer.num_rows)
                groups = (footer.row_group(number) for number in range(footer.num_row_groups))
                sizes.append(max(0, sum(group.total_byte_size for group in groups)))
                schema = parquet.schema_arrow
            yield str(location), with_folders(kept_schema(schema), folders)

    schema = unify(schemas())
    id_column = _check_columns(files[0][0], schema, text_columns, id_column)
    if id_column is not None:
        check_ids(partial(_ids, files, schema.field(id_column)))
    return Columns(schema, id_column, counts, sizes)


def _ids(files: Sequence[InputFile], column: pa.Field) -> Iterator[pa.Array]:
    """The ids of all files, some at a time, as values of the one type that they get."""
    name = column.name
    for location, folders in files:
        with readable(location), location.open() as handle:
            parquet = open_parquet(location, handle)
            if name in parquet.schema_arrow.names:
                for batch in read_batches(location, handle, [name], file=parquet):
                    yield cast(batch.column(name), column.type)
            else:
                values = [dict(folders)[name]] * parquet.metadata.num_rows
                yield cast(pa.array(values, pa.string()), column.type)


def _check_columns(
    location: Location, schema: pa.Schema, text_columns: Sequence[str], id_column: str | None
) -> str | None:
    """Check the columns' names and types; returns the column of the ids."""
    for name in text_columns:
        if name not in schema.names:
            raise UnusableInput(
                f"{location}: no column '{name}' {there_are(schema.names, name)}; name it with "
                "--text-column"
            )
        if not is_text(kind := schema.field(name).type):
            raise UnusableInput(
                f"{location}: column '{name}' holds {kind}, not text; name another with "
                "--text-column"
            )
    if id_column is None:
        if "id" not in schema.names or "id" in text_columns:
            return None
        id_column = "id"
    if id_column not in schema.names:
        raise UnusableInput(
            f"{location}: no column '{id_column}' {there_are(schema.names, id_column)}; name one "
            "with --id-column, or leave the option out to number the rows"
        )
    if id_column in text_columns:
        raise UnusableInput(
            f"{location}: column '{id_column}' holds the sentences; name another with --id-column"
        )
    if not is_scalar(kind := schema.field(id_column).type):
        raise UnusableInput(
            f"{location}: column '{id_column}' holds {kind}; ids are numbers, texts, dates and the "
            "like: name another column with --id-column, or rename this one"
        )
    return id_column


def plain_ids(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of ids, no longer dictionary-encoded."""
    kind = plain_type(column.type)
    return column if column.type == kind else column.cast(kind)
