"""The rows of a unit, read from the files that were looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa

from nmt.formats.lines import LONGEST, bare, whole_lines
from nmt.formats.registry import ROW_FORMATS
from nmt.formats.text_files import open_text
from nmt.storage.s3 import changed
from nmt.tables.columns import as_bytes
from nmt.tables.schemas import conform
from nmt.translation.input.hive import add_folders
from nmt.translation.input.parquet import plain_ids
from nmt.translation.input.parquet_rows import Run, read_rows
from nmt.translation.input.row_files import read_run
from nmt.translation.input.streams import read_lines
from nmt.translation.input.units import Slice, Unit


@dataclass
class Rows:
    """The rows of a unit.

    Attributes:
        ids: one a row, of the corpus' id type.
        texts: bytes as they stand in the file, UTF-8 or not; None for a null, and a `MalformedRow`
            for what is no row.
        others: the columns that the output keeps; read text ones with `columns.texts_of`.
    """

    ids: pa.Array
    texts: list[bytes | None]
    others: pa.Table


def read_unit(unit: Unit, text_column: str, id_column: str | None, longest: int = LONGEST) -> Rows:
    """Read a unit's rows.

    A stream (packed, or CSV, JSON Lines, TMX) of several units is read from its beginning by each
    process that reads some of them, once if it reads them in order: plain text, Parquet or smaller
    files are read faster.

    Args:
        unit: one of `InputCorpus.units`.
        text_column: `InputCorpus.text_column`.
        id_column: `InputCorpus.id_column`.
        longest: bytes of a text that are read; one that is longer is longer all the same.

    Raises:
        ChangedFile: a file is not the one that was looked at.
    """
    parts = []
    texts: list[bytes | None] = []
    schema = pa.schema([field for field in unit.schema if field.name != text_column])
    for part in unit.slices:
        if part.kind.format == "parquet":
            run = read_rows(part.file, part.start, part.rows, text_column, longest)
        elif part.kind.format in ROW_FORMATS:
            run = read_run(part, schema, text_column, id_column, longest)
        else:
            run = Run(pa.table({}), list(_read_lines(part, longest)))
        part.file.check_read()
        table = add_folders(run.table, part.folders, part.rows)
        texts += run.texts or as_bytes(table.column(text_column))
        parts.append(conform(table, schema))
    table = pa.concat_tables(parts or [schema.empty_table()]).unify_dictionaries()
    if id_column is None:
        ids = pa.array(_numbers(unit), pa.int64())
    else:
        ids = plain_ids(table.column(id_column)).combine_chunks()
    names = [name for name in table.column_names if name != id_column]
    return Rows(ids, texts, table.select(names))


def _numbers(unit: Unit) -> list[int]:
    return [part.first + i for part in unit.slices for i in range(part.rows)]


def _read_lines(part: Slice, longest: int) -> Iterator[bytes]:
    if part.kind.is_stream:
        lines = read_lines(part.file, part.kind, part.start, part.rows, longest)
    else:
        with open_text(part.file, part.kind) as stream:
            stream.seek(part.offset)
            lines = list(islice(whole_lines(stream, longest), part.rows))
    if len(lines) != part.rows:
        raise changed(part.file)
    for number, line in enumerate(lines, part.start):
        yield bare(line, number)
