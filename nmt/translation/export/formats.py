"""The formats of an export: how rows become bytes. A new one is a class here, and its name in
`FORMATS`."""

from __future__ import annotations

import csv
import io
import json
import re
from abc import ABC, abstractmethod
from typing import Any, Protocol

import pyarrow as pa

from nmt.tables.columns import texts_of
from nmt.tables.json_columns import as_json

# All at which some reader of text begins a new line (those of `str.splitlines`).
_LINE_BREAKS = re.compile("\r\n|[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
_INSIDE_JSON = re.compile("[\x7f\x85\u2028\u2029]")  # JSON itself escapes the others


class OpenFile(Protocol):
    """A file that is being made."""

    @property
    def size(self) -> int:
        """Bytes so far, about."""

    def add(self, table: pa.Table) -> None:
        """Add some rows.

        Args:
            table: the columns of ``translations/``, and ``reason``, which is null but for a
                rejected row, whose ``translation`` is null; or those of `nmt.translation.export`.
        """

    def close(self) -> bytes:
        """The whole file."""


class Format(Protocol):
    """Makes the files of one format.

    Attributes:
        ending: of their names.
    """

    ending: str

    def open(self, columns: pa.Schema) -> OpenFile:
        """Begin a file of rows that have these columns."""


class _Lines(ABC):
    """A format whose rows are bytes, one after the other."""

    ending: str

    def open(self, columns: pa.Schema) -> OpenFile:
        """See `Format`."""
        return _FileOfLines(self, columns)

    def head(self, columns: pa.Schema) -> bytes:
        """What stands before the rows of a file."""
        return b""

    @abstractmethod
    def rows(self, table: pa.Table) -> bytes:
        """Some rows."""


class _FileOfLines:
    def __init__(self, form: _Lines, columns: pa.Schema) -> None:
        self._form, self._data = form, bytearray(form.head(columns))

    @property
    def size(self) -> int:
        return len(self._data)

    def add(self, table: pa.Table) -> None:
        self._data += self._form.rows(table)

    def close(self) -> bytes:
        return bytes(self._data)


class Parquet:
    """Parquet, with the types of the columns."""

    ending = "parquet"

    def open(self, columns: pa.Schema) -> OpenFile:
        """See `Format`."""
        return _ParquetFile(columns)


class _ParquetFile:
    def __init__(self, columns: pa.Schema) -> None:
        import pyarrow.parquet as pq

        self._buffer = pa.BufferOutputStream()
        self._writer = pq.ParquetWriter(self._buffer, columns, compression="zstd")

    @property
    def size(self) -> int:
        return self._buffer.tell()

    def add(self, table: pa.Table) -> None:
        if table.num_rows:
            self._writer.write_table(table)

    def close(self) -> bytes:
        self._writer.close()
        return self._buffer.getvalue().to_pybytes()


class TextLines(_Lines):
    """A line per row: its translation. A line break inside becomes a blank.

    Args:
        rejected: what stands for a rejected row, ``blank`` or ``source``.
    """

    ending = "txt"

    def __init__(self, rejected: str) -> None:
        self._rejected = rejected

    def rows(self, table: pa.Table) -> bytes:
        """See `_Lines`."""
        texts = texts_of(table.column("translation"))
        if self._rejected == "source":
            sources = texts_of(table.column("source"))
            texts = [s if t is None else t for t, s in zip(texts, sources, strict=True)]
        return "".join(f"{_LINE_BREAKS.sub(' ', text or '')}\n" for text in texts).encode()


class JsonLines(_Lines):
    """An object per row, with every column."""

    ending = "jsonl"

    def rows(self, table: pa.Table) -> bytes:
        """See `_Lines`."""
        names = table.column_names
        columns = [as_json(table.column(name)) for name in names]
        lines = [_json(dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]
        text = "".join(f"{line}\n" for line in lines)
        return _INSIDE_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text).encode()


class CommaSeparated(_Lines):
    """RFC 4180 with a line of names: a null is empty, and a list or an object is its JSON."""

    ending = "csv"

    def head(self, columns: pa.Schema) -> bytes:
        """See `_Lines`."""
        return _csv([columns.names])

    def rows(self, table: pa.Table) -> bytes:
        """See `_Lines`."""
        columns = [as_json(column) for column in table.columns]
        return _csv([[_cell(value) for value in row] for row in zip(*columns, strict=True)])


# What `as_json` makes has no number that `nmt.json_text` must replace: half the time.
_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _json(value) if isinstance(value, list | dict) else value


def _csv(rows: list[list[Any]]) -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\r\n").writerows(rows)
    return stream.getvalue().encode()


FORMATS = ("parquet", "jsonl", "csv", "text")
REJECTED_LINES = ("blank", "source")
COMPRESSIONS = ("none", "gzip")


def format_of(name: str, rejected: str) -> Format:
    """The format of a name in `FORMATS`.

    Args:
        name: see above.
        rejected: see `TextLines`.
    """
    match name:
        case "text":
            return TextLines(rejected)
        case "jsonl":
            return JsonLines()
        case "csv":
            return CommaSeparated()
    return Parquet()
