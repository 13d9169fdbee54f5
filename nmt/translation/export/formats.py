"""The formats of an export: how rows become bytes. A new one is a class here, and its name in
`FORMATS`."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any, Protocol

import pyarrow as pa

from nmt.tables.columns import texts_of
from nmt.tables.json_columns import as_json

# All at which some reader of text begins a new line (those of `str.splitlines`).
_LINE_BREAKS = re.compile("\r\n|[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
_INSIDE_JSON = re.compile("[\x7f\x85\u2028\u2029]")  # JSON itself escapes the others


class Format(Protocol):
    """Makes the files of one format."""

    @property
    def ending(self) -> str:
        """The ending of their names."""

    def head(self, columns: pa.Schema) -> bytes:
        """What stands before the rows of a file."""

    def rows(self, table: pa.Table) -> bytes:
        """Some rows, one after the other.

        Args:
            table: the columns of ``translations/``, and ``reason``, which is null but for a
                rejected row, whose ``translation`` is null.
        """


class TextLines:
    """A line per row: its translation. A line break inside becomes a blank.

    Args:
        rejected: what stands for a rejected row, ``blank`` or ``source``.
    """

    ending = "txt"

    def __init__(self, rejected: str) -> None:
        self._rejected = rejected

    def head(self, columns: pa.Schema) -> bytes:
        """See `Format`."""
        return b""

    def rows(self, table: pa.Table) -> bytes:
        """See `Format`."""
        texts = texts_of(table.column("translation"))
        if self._rejected == "source":
            sources = texts_of(table.column("source"))
            texts = [s if t is None else t for t, s in zip(texts, sources, strict=True)]
        return "".join(f"{_LINE_BREAKS.sub(' ', text or '')}\n" for text in texts).encode()


class JsonLines:
    """An object per row, with every column."""

    ending = "jsonl"

    def head(self, columns: pa.Schema) -> bytes:
        """See `Format`."""
        return b""

    def rows(self, table: pa.Table) -> bytes:
        """See `Format`."""
        names = table.column_names
        columns = [as_json(table.column(name)) for name in names]
        lines = [_json(dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]
        text = "".join(f"{line}\n" for line in lines)
        return _INSIDE_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text).encode()


class CommaSeparated:
    """RFC 4180 with a line of names: a null is empty, and a list or an object is its JSON."""

    ending = "csv"

    def head(self, columns: pa.Schema) -> bytes:
        """See `Format`."""
        return _csv([columns.names])

    def rows(self, table: pa.Table) -> bytes:
        """See `Format`."""
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


def format_of(name: str, rejected: str) -> Format | None:
    """The format of a name in `FORMATS`; None for Parquet, which is ``translations/`` itself.

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
    return None
