"""How tables and values are written, and the hashes of what is written."""

from __future__ import annotations

import hashlib
from typing import IO, Any

import pyarrow as pa

from nmt.json_text import json_text


def hash_stream(file: IO[bytes] | pa.NativeFile, chunk: int = 1 << 20) -> str:
    """The SHA-256 of what is left in an open binary file, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    while data := file.read(chunk):
        digest.update(data)
    return digest.hexdigest()


def parquet_bytes(table: pa.Table, row_group_size: int | None = None, mark: str = "") -> bytes:
    """A table as a Parquet file; see `Location.write_table`.

    Args:
        table: its rows.
        row_group_size: rows of a row group at most; None is pyarrow's default.
        mark: stands in the file's metadata, as ``nmt.mark``, unless it is empty.
    """
    import pyarrow.parquet as pq

    if mark:
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), "nmt.mark": mark})
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, compression="zstd", row_group_size=row_group_size)
    return buffer.getvalue().to_pybytes()


def format_json(value: Any) -> str:
    """The one text under which a value is stored: indented, keys sorted."""
    return json_text(value, indent=2, sort_keys=True) + "\n"


def hash_json(value: Any) -> str:
    """The SHA-256 of a value in canonical JSON: the same settings have the same hash."""
    text = json_text(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
