"""The rows of a unit, read from the files that were looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pyarrow as pa

from nmt.evaluation.columns import TEXT_COLUMN
from nmt.formats.hive import add_folders
from nmt.formats.registry import ROW_FORMATS
from nmt.formats.rows import LONGEST, bare, whole_lines
from nmt.formats.text_files import open_text
from nmt.storage.s3 import changed
from nmt.tables.columns import as_bytes
from nmt.tables.lookups import with_one_dictionary
from nmt.tables.schemas import conform
from nmt.tables.values import json_values
from nmt.translation.input.parquet import plain_ids
from nmt.translation.input.parquet_rows import Run, read_rows
from nmt.translation.input.row_files import read_run
from nmt.translation.input.streams import read_lines
from nmt.translation.input.units import Slice, Unit


@dataclass
class Rows:
    """The rows of a unit.

    Attributes:
        ids: one a text, of the corpus' id type.
        texts: bytes as they stand in the file, UTF-8 or not; None for a null, and a `MalformedRow`
            for what is no row. Of several text columns those of a row stand together.
        others: the columns that the output keeps; read text ones with `columns.texts_of`. Of
            several text columns `TEXT_COLUMN` names that of each text.
    """

    ids: pa.Array
    texts: list[bytes | None]
    others: pa.Table

    def name(self, place: int, more_columns: bool = False) -> str:
        """What people call a text: its id and, of several text columns, which of them it is."""
        name = str(json_values(self.ids.slice(place, 1))[0])
        return f"{name} {self.others.column(TEXT_COLUMN)[place]}" if more_columns else name


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
    columns = (text_column, *unit.more_columns)
    texts: dict[str, list[bytes | None]] = {name: [] for name in columns}
    schema = pa.schema([field for field in unit.schema if field.name not in columns])
    for part in unit.slices:
        if part.kind.format == "parquet":
            run = read_rows(part.file, part.start, part.rows, columns, longest)
        elif part.kind.format in ROW_FORMATS:
            run = read_run(part, schema, columns, id_column, longest)
        else:
            run = Run(pa.table({}), {text_column: list(_read_lines(part, longest))})
        part.file.check_read()
        table = add_folders(run.table, part.folders, part.rows)
        for name, values in texts.items():
            own = run.texts.get(name)
            values += as_bytes(table.column(name)) if own is None else own
        parts.append(conform(table, schema))
    table = with_one_dictionary(pa.concat_tables(parts or [schema.empty_table()]))
    if id_column is None:
        ids = pa.array(_numbers(unit), pa.int64())
    else:
        ids = plain_ids(table.column(id_column)).combine_chunks()
    names = [name for name in table.column_names if name != id_column]
    rows = Rows(ids, texts[text_column], table.select(names))
    return _several(rows, texts) if unit.more_columns else rows


def _several(rows: Rows, texts: Mapping[str, list[bytes | None]]) -> Rows:
    """Rows of several text columns, a text after the other."""
    count = len(rows.ids)
    of_rows = pa.array(np.repeat(np.arange(count), len(texts)))
    names = pa.array([*texts] * count, pa.string())
    together = [text for row in zip(*texts.values(), strict=True) for text in row]
    others = {name: column.take(of_rows) for name, column in zip(
        rows.others.column_names, rows.others.columns, strict=True)}  # fmt: skip
    return Rows(rows.ids.take(of_rows), together, pa.table({**others, TEXT_COLUMN: names}))


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
