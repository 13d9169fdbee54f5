"""Parquet files that somebody else wrote, read in memory that does not depend on what they claim.

A few bytes of Parquet can stand for any number of equal rows, and in a dictionary a long value
stands once, however many rows have it. So what the footer says is held against the size of the
file, and the rows of a dictionary with long values share them as long as nobody needs each by
itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.tables.footers import read_footer
from nmt.tables.schemas import cast

BATCH = 8192  # rows decoded at once
# Rows, and bytes that are unpacked: of a small file, and of each byte of a larger one.
_FEW_ROWS, _ROWS_OF_A_BYTE = 1_000_000, 100
_LITTLE, _RATIO = 256 << 20, 200
_COLUMNS = 1000
_FEW_VALUES = 20_000_000  # of all columns together
_LONG = 64 << 10  # bytes of a value that may be repeated for each row of a batch
_MOST_BYTES = 256 << 20  # that the values of a column may have in a batch


def open_parquet(
    location: Location,
    handle: pa.NativeFile,
    dictionaries: Sequence[str] = (),
    groups: Sequence[int] | None = None,
) -> pq.ParquetFile:
    """Open a file whose footer claims no more than a file of its size can hold.

    All its times are read: the nanoseconds into which pyarrow makes those of the obsolete type
    INT96 end with the year 2262, and 9999-12-31 would be a day in 1816.

    Args:
        location: names it in errors.
        handle: the file, open.
        dictionaries: columns to be read as dictionaries.
        groups: the row groups whose columns are looked at; None is all.

    Raises:
        UnusableInput: it claims more.
    """
    metadata, size = read_footer(location, handle), handle.size()
    file = pq.ParquetFile(
        handle,
        metadata=metadata,
        read_dictionary=list(dictionaries),
        coerce_int96_timestamp_unit="us",
    )
    if metadata.num_columns > _COLUMNS:
        raise UnusableInput(
            f"{location}: {metadata.num_columns:,} columns, more than {_COLUMNS:,}; leave some out"
        )
    found = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    values = [metadata.num_rows, *(group.num_rows for group in found)]
    for group in found if groups is None else [found[number] for number in groups]:
        values += [group.column(number).num_values for number in range(group.num_columns)]
    if sum(group.num_rows for group in found) != metadata.num_rows or min(values) < 0:
        raise UnusableInput(f"{location}: damaged (it miscounts its rows); fetch it again")
    if max(values) > max(_FEW_ROWS, _ROWS_OF_A_BYTE * size):
        raise UnusableInput(
            f"{location}: {size:,} bytes that hold {max(values):,} values of a column, more than "
            f"{_ROWS_OF_A_BYTE} a byte; give the rows in several files if it is meant to be so"
        )
    if sum(values) > max(_FEW_VALUES, _ROWS_OF_A_BYTE * size):
        raise UnusableInput(
            f"{location}: {size:,} bytes that hold {sum(values):,} values, more than "
            f"{_ROWS_OF_A_BYTE} a byte; leave columns of lists out"
        )
    unpacked = sum(group.total_byte_size for group in found)
    if unpacked > max(_LITTLE, _RATIO * size):
        raise UnusableInput(
            f"{location}: {size:,} bytes that unpack to {unpacked:,}, more than {_RATIO} times as "
            "many; write it without compression if it is meant to be so"
        )
    for number in range(metadata.num_columns):
        column = metadata.schema.column(number)
        if column.length > _LONG:
            raise UnusableInput(
                f"{location}: column '{column.path[:80]}' holds values of {column.length:,} bytes, "
                f"more than {_LONG:,}; leave it out"
            )
    return file


def read_batches(
    location: Location,
    handle: pa.NativeFile,
    columns: Sequence[str] | None = None,
    groups: Sequence[int] | None = None,
    shared: Sequence[str] = (),
) -> Iterator[pa.RecordBatch]:
    """The rows of a file, some at a time.

    Args:
        location: names it in errors.
        handle: the file, open.
        columns: the columns wanted; None is all.
        groups: the row groups wanted; None is all.
        shared: columns whose type may be that of a dictionary, though the file's is another:
            `nmt.tables.columns.as_bytes` reads both.

    Raises:
        UnusableInput: the values of another column have too many bytes.
    """
    file = open_parquet(location, handle, groups=groups)
    wanted = None if columns is None else list(columns)
    for group in range(file.num_row_groups) if groups is None else groups:
        long = _long_columns(location, handle, file, group, columns)
        reader = open_parquet(location, handle, long, [group]) if long else file
        for batch in reader.iter_batches(BATCH, row_groups=[group], columns=wanted):
            yield _decoded(location, batch, file.schema_arrow, shared) if long else batch


def read_whole(
    location: Location,
    handle: pa.NativeFile,
    columns: Sequence[str] | None = None,
    groups: Sequence[int] | None = None,
) -> pa.Table:
    """All rows of a file, or of some row groups; see `read_batches`."""
    schema = read_footer(location, handle).schema.to_arrow_schema()
    if columns is not None:
        schema = pa.schema([schema.field(name) for name in columns])
    batches = read_batches(location, handle, columns, groups)
    return pa.Table.from_batches((batch.select(schema.names) for batch in batches), schema)


def _long_columns(
    location: Location,
    handle: pa.NativeFile,
    file: pq.ParquetFile,
    group: int,
    columns: Sequence[str] | None,
) -> list[str]:
    """The columns of a row group whose dictionaries hold long values."""
    schema = file.metadata.schema
    paths = [
        column.path
        for column in (schema.column(number) for number in range(file.metadata.num_columns))
        if column.physical_type == "BYTE_ARRAY"
        and (columns is None or column.path.partition(".")[0] in columns)
    ]
    if not paths:
        return []
    probe = open_parquet(location, handle, paths, [group])
    names = sorted({path.partition(".")[0] for path in paths})
    first = next(probe.iter_batches(1, row_groups=[group], columns=names), None)
    if first is None:
        return []
    found = []
    for path in paths:
        name, dot, _ = path.partition(".")
        longest = max(map(_longest, _dictionaries(first.column(name))), default=0)
        if longest > _LONG:
            if dot:
                raise UnusableInput(
                    f"{location}: column '{path[:80]}' holds texts of {longest:,} bytes, more than "
                    f"{_LONG:,} inside of others; leave it out"
                )
            found.append(path)
    return found


def _dictionaries(array: pa.Array) -> Iterator[pa.Array]:
    """The dictionaries of an array and of those inside it."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        yield array.dictionary
    elif isinstance(array, pa.ExtensionArray):
        yield from _dictionaries(array.storage)
    elif pa.types.is_struct(kind):
        for number in range(kind.num_fields):
            yield from _dictionaries(array.field(number))
    elif pa.types.is_map(kind):
        yield from _dictionaries(array.keys)
        yield from _dictionaries(array.items)
    elif pa.types.is_nested(kind):
        yield from _dictionaries(array.values)


def _longest(dictionary: pa.Array) -> int:
    if not len(dictionary) or dictionary.type.id == pa.null().id:
        return 0
    return pc.max(pc.binary_length(_as_binary(dictionary))).as_py() or 0


def _as_binary(array: pa.Array) -> pa.Array:
    views = pa.string_view(), pa.binary_view()
    return array.cast(pa.large_binary()) if array.type in views else array


def _decoded(
    location: Location, batch: pa.RecordBatch, schema: pa.Schema, shared: Sequence[str]
) -> pa.RecordBatch:
    """A batch with the file's own types, but for shared columns."""
    arrays = []
    for name, array in zip(batch.schema.names, batch.columns, strict=True):
        if name not in shared and array.type != schema.field(name).type:
            lengths = pc.binary_length(_as_binary(array.dictionary))
            size = pc.sum(lengths.take(array.indices)).as_py() or 0
            if size > _MOST_BYTES:
                raise UnusableInput(
                    f"{location}: {len(array):,} rows have {size:,} bytes in column '{name}', more "
                    f"than {_MOST_BYTES:,}; leave it out, or cut its texts"
                )
            array = cast(array.dictionary_decode(), schema.field(name).type)
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, batch.schema.names)
