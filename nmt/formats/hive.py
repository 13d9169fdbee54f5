"""Columns that stand in the names of folders: ``domain=news/part-0.parquet`` (Hive partitions).

Folders count from the one that `--input` names, or from the first wildcard of a glob: what stands
before says where the input lies, not what it is. A value is text, so that it is of one type on
every night and ``01`` stays ``01``; what is percent-encoded in it is decoded, as Hive and Spark
encode it. A column that a file holds itself is the file's.
"""

from __future__ import annotations

import pyarrow as pa

from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.storage.uri import unquote

Folders = tuple[tuple[str, str | None], ...]  # names and values
_BLOCK = 8_192  # rows
NULL = "__HIVE_DEFAULT_PARTITION__"


def folders_of(file: Location, name: str) -> Folders:
    """The partition columns of a file.

    Args:
        file: the file.
        name: the input to which it belongs.

    Raises:
        UnusableInput: a column is named twice on the way to the file, or not in UTF-8.
    """
    parts, named = file.uri.split("/"), Location(name).uri.split("/")
    differing = (
        i for i, (own, other) in enumerate(zip(parts, named, strict=False)) if own != other
    )
    below = parts[next(differing, len(named)) : -1]
    columns: dict[str, str | None] = {}
    for part in below if file.is_local else map(unquote, below):
        key, sign, value = part.partition("=")
        if not (sign and key):
            continue
        if "\N{REPLACEMENT CHARACTER}" in unquote(part):
            raise UnusableInput(
                f"{file}: its folder '{part}' is not UTF-8, so its value cannot be read; rename it"
            )
        if (key := unquote(key)) in columns:
            raise UnusableInput(f"{file}: lies in two folders '{key}=…'; give each name but once")
        columns[key] = None if value == NULL else unquote(value)
    return tuple(columns.items())


def with_folders(schema: pa.Schema, folders: Folders) -> pa.Schema:
    """A file's schema with its partition columns, after its own."""
    for name, _ in folders:
        if name not in schema.names:
            schema = schema.append(pa.field(name, pa.string()))
    return schema


def repeated(value: pa.ChunkedArray, rows: int) -> pa.ChunkedArray:
    """A column of so many rows with the value of one. Its chunks share a block of rows, so that
    its memory hardly grows with them."""
    block = value.take(pa.array([0] * min(rows, _BLOCK), pa.int64())).combine_chunks()
    whole, rest = divmod(rows, _BLOCK)
    return pa.chunked_array([block] * whole + [block[:rest]], value.type)


def add_folders(table: pa.Table, folders: Folders, rows: int) -> pa.Table:
    """Some rows of a file with its partition columns.

    Args:
        table: its own columns; text has none.
        folders: the partition columns.
        rows: how many rows there are.
    """
    columns = {
        name: repeated(pa.chunked_array([[value]], pa.string()), rows) for name, value in folders
    }
    return pa.table({**columns, **dict(zip(table.column_names, table.columns, strict=True))})
