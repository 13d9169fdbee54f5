"""Staged files, each read as what a stage wrote, within limits.

They may lie in a bucket that others can write to, and a hash beside a file says only that both are
by the same hand. So a table must have the columns, types and rows that its stage writes.

Arrays are one file, not packed, and read again in memory that does not depend on what the file
claims: numpy's own reader allocates whatever size a header names.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt.errors import UnusableInput
from nmt.reject_reasons import are_reasons
from nmt.shards.schema import REJECTED
from nmt.storage.location import Location
from nmt.tables.columns import as_bytes, is_text
from nmt.tables.parquet import open_parquet, read_batches, read_whole

_OVERHEAD = 64 << 10  # bytes of the headers of all arrays of a file, at most
_KINDS = "iuf"  # integers, without sign or with one, and floating-point numbers

_ID = pa.field("id", pa.int64(), nullable=False)
RAW = pa.schema(
    [
        _ID,
        pa.field("line", pa.int64(), nullable=False),
        ("source", pa.large_binary()),
        ("target", pa.large_binary()),
        ("document", pa.large_binary()),
    ]
)
CLEAN = pa.schema(
    [
        _ID,
        pa.field("source", pa.string(), nullable=False),
        pa.field("target", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        ("alignment", pa.string()),
    ]
)
SCORED = pa.schema([_ID, ("reason", pa.string())])  # and a column for each score
WORDS = pa.schema(
    [
        pa.field("word", pa.string(), nullable=False),
        pa.field("count", pa.int64(), nullable=False),
    ]
)


def array_bytes(**arrays: np.ndarray) -> bytes:
    """Arrays of numbers as one file (npz, not packed)."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def most_bytes(values: int, arrays: int = 3) -> int:
    """The bytes that a file of so many arrays of so many values may have."""
    return _OVERHEAD + 8 * arrays * values


def parse_arrays(data: bytes) -> dict[str, np.ndarray]:
    """The arrays that `array_bytes` stored, by name.

    Raises:
        ValueError: it is another file, or its arrays have more bytes than the file.
        zipfile.BadZipFile: it is damaged.
    """
    arrays = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if (claimed := sum(info.file_size for info in members)) > len(data):
            raise ValueError(f"arrays of {claimed:,} bytes in a file of {len(data):,}")
        for info in members:
            if info.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"array '{info.filename[:80]}' is packed")
            with archive.open(info) as member:
                if np.lib.format.read_magic(member) != (1, 0):
                    raise ValueError("another version of arrays")
                shape, fortran, kind = np.lib.format.read_array_header_1_0(member)
                if fortran or kind.kind not in _KINDS or any(size < 0 for size in shape):
                    raise ValueError("no array of numbers")
                size = math.prod(shape) * kind.itemsize
                if size > len(data):
                    raise ValueError(f"an array of {size:,} bytes in a file of {len(data):,}")
                content = member.read(size + 1)
            if len(content) != size:
                raise ValueError("an array of another size than it says")
            name = info.filename.removesuffix(".npy")
            arrays[name] = np.frombuffer(content, kind).reshape(shape)
    return arrays


def read_table(
    location: Location,
    schema: pa.Schema,
    *,
    rows: int | None = None,
    most: int | None = None,
    others: Mapping[str, pa.DataType] | None = None,
) -> pa.Table:
    """A whole staged table.

    Args:
        location: the file.
        schema: its columns. Ids ascend; reasons are those of `RejectReason`.
        rows: how many it has; None if that is not known.
        most: rows that it may have; None is any number.
        others: further columns that it may have.

    Raises:
        UnusableInput: it is none of that.
    """

    def read(handle: pa.NativeFile) -> pa.Table:
        file = open_parquet(location, handle)
        _check_columns(location, file.schema_arrow, schema, others or {})
        _check_rows(location, file.metadata.num_rows, rows, most)
        return read_whole(location, handle, metadata=file.metadata)

    table = location.read(read).combine_chunks()
    fields = [
        schema.field(name) if name in schema.names else pa.field(name, (others or {})[name])
        for name in table.column_names
    ]
    for field, column in zip(fields, table.columns, strict=True):
        if not field.nullable and column.null_count:
            raise _damaged(location, f"column '{field.name}' has {column.null_count:,} nulls")
    if "id" in schema.names and bool((np.diff(table["id"].to_numpy()) <= 0).any()):
        raise _damaged(location, "its ids do not ascend")
    reasons = pc.unique(table["reason"]).to_pylist() if "reason" in schema.names else []
    if not are_reasons({*reasons} - {None}):
        raise _damaged(location, "a reason that there is not")
    return pa.Table.from_arrays(table.columns, schema=pa.schema(fields))


def read_rejected(location: Location, most: int) -> pa.Table:
    """The staged pairs that a stage rejected, so many at most; see `read_table`."""
    return read_table(location, REJECTED, most=most)


def read_raw(location: Location, rows: int) -> Iterator[tuple[Any, ...]]:
    """The rows of a staged table of raw pairs, as `RAW` has them.

    Args:
        location: the file.
        rows: how many it has.

    Raises:
        UnusableInput: it is no such table.
    """
    with location.open() as handle:
        file = open_parquet(location, handle)
        _check_columns(location, file.schema_arrow, RAW, {})
        _check_rows(location, file.metadata.num_rows, rows, None)
        last = -1
        for batch in read_batches(location, handle, shared=RAW.names, file=file):
            columns = [
                as_bytes(column) if is_text(column.type) else column.to_pylist()
                for column in batch.columns
            ]
            for values in zip(*columns, strict=True):
                if values[0] is None or values[0] <= last or values[1] is None:
                    raise _damaged(location, "its ids do not ascend")
                last = values[0]
                yield values


def read_arrays(file: Location, values: int, *names: str) -> dict[str, np.ndarray]:
    """Arrays of one dimension that a stage stored.

    Args:
        file: where.
        values: of each array, at most.
        names: of the arrays.

    Raises:
        UnusableInput: the file is larger, or has others.
    """
    try:
        arrays = parse_arrays(file.read_bytes(most_bytes(values, len(names))))
    except UnusableInput:
        raise
    except Exception as error:  # of zipfile and numpy
        raise _damaged(file, f"{type(error).__name__}: {error}") from None
    if set(arrays) != set(names) or any(one.ndim != 1 for one in arrays.values()):
        raise _damaged(file, "other arrays")
    return arrays


def _check_columns(
    location: Location, stored: pa.Schema, schema: pa.Schema, others: Mapping[str, pa.DataType]
) -> None:
    names = [name for name in stored.names if name not in others or name in schema.names]
    types = {**others, **dict(zip(schema.names, schema.types, strict=True))}
    if names != schema.names or len(set(stored.names)) != len(stored.names):
        raise _damaged(location, "other columns")
    for field in stored:
        if field.type != types[field.name]:
            raise _damaged(
                location, f"column '{field.name}' holds {str(field.type)[:80]}, not its type"
            )


def _check_rows(location: Location, stored: int, rows: int | None, most: int | None) -> None:
    if (rows is not None and stored != rows) or (most is not None and stored > most):
        wanted = f"at most {most:,}" if rows is None else f"{rows:,}"
        raise _damaged(location, f"{stored:,} rows, not {wanted}")


def _damaged(location: Location, problem: str) -> UnusableInput:
    return UnusableInput(f"{location}: damaged ({problem}); run it again")
