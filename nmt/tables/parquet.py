"""Parquet files that somebody else wrote, read in memory that does not depend on what they claim.

A few bytes of Parquet can stand for any number of equal rows, and in a dictionary a long value
stands once, however many rows have it. So what the footer says is held against the size of the
file, and the rows of a dictionary with long values share them as long as nobody needs each by
itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, pairwise

import pyarrow as pa
import pyarrow.parquet as pq

from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.tables.delta_lengths import DELTA_LENGTH_BYTE_ARRAY, DELTAS
from nmt.tables.footers import read_footer
from nmt.tables.leaves import dictionaries_of, holds_texts, leaves_of, repeats
from nmt.tables.pages import Claims, ColumnBytes, span_of
from nmt.tables.schemas import without_list_views
from nmt.tables.shared_values import LONG, Window, decoded

BATCH = 8192  # rows decoded at once
# Rows, and bytes that are unpacked: of a small file, and of each byte of a larger one.
_FEW_ROWS, _ROWS_OF_A_BYTE = 1_000_000, 100
_ENTRIES_OF_A_BYTE = 4  # of dictionaries: they differ
_LITTLE, _RATIO = 256 << 20, 200
MOST_COLUMNS = 1000  # of a file that somebody gives; an output has some of its own beside them
_COLUMNS, _GROUPS, _CHUNKS = 1100, 10_000, 200_000  # chunks: a column of a row group is one
_LARGEST_METADATA = 1 << 20  # bytes beside the columns; a schema among them is parsed several times
_FEW_VALUES = 20_000_000  # of all columns together
_COPIED = 64 << 20  # bytes decoded at once of values that may share bytes, see `Window`
_READERS = 16  # of row groups in different encodings, that are kept
_WHOLE = {0, DELTA_LENGTH_BYTE_ARRAY}  # in PLAIN and this each value has bytes of its own
# Values of dictionaries of a row group that Arrow hashes.
_MOST_HASHED, _MOST_HASHED_IN_LISTS = 10_000, 1 << 17


def open_parquet(location: Location, handle: pa.NativeFile) -> pq.ParquetFile:
    """Open a file whose footer claims no more than a file of its size can hold, and whose columns
    have each a name of their own.

    All its times are read: the nanoseconds into which pyarrow makes those of the obsolete type
    INT96 end with the year 2262, and 9999-12-31 would be a day in 1816.

    Args:
        location: names it in errors.
        handle: the file, open.

    Raises:
        UnusableInput: it claims more, or two columns have one name.
    """
    metadata, size = read_footer(location, handle), handle.size()
    file = _reader(handle, metadata, ())
    if metadata.num_columns > _COLUMNS:
        raise UnusableInput(
            f"{location}: {metadata.num_columns:,} columns, more than {MOST_COLUMNS:,}; leave some "
            "out"
        )
    if twice := [name for name, count in Counter(file.schema_arrow.names).items() if count > 1]:
        raise UnusableInput(
            f"{location}: has several columns '{min(twice)[:80]}'; give each a name of its own"
        )
    own = metadata.metadata or {}
    if (length := sum(map(len, chain(*own.items())))) > _LARGEST_METADATA:
        raise UnusableInput(
            f"{location}: {length:,} bytes of metadata, more than {_LARGEST_METADATA:,}; write it "
            "without them"
        )
    most = min(_GROUPS, _CHUNKS // max(1, metadata.num_columns))
    if metadata.num_row_groups > most:
        raise UnusableInput(
            f"{location}: {metadata.num_row_groups:,} row groups of {metadata.num_columns:,} "
            f"columns, more than {most:,}; write it with larger row groups"
        )
    row_groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    if any(group.num_columns != metadata.num_columns for group in row_groups):
        raise UnusableInput(f"{location}: damaged (it miscounts its columns); fetch it again")
    values = [metadata.num_rows, *(group.num_rows for group in row_groups)]
    unpacked = sum(group.total_byte_size for group in row_groups)
    repeated_by = repeats(file.schema_arrow, metadata.num_columns)
    leaves = [metadata.schema.column(number) for number in range(metadata.num_columns)]
    in_all = 0
    for group in row_groups:
        for number, (repeated, in_lists) in enumerate(repeated_by):
            count = group.column(number).num_values
            lists = count if in_lists else group.num_rows
            values.append(max(count, repeated * lists))
            # Each level of lists has an offset for each of them.
            in_all += values[-1] * max(1, leaves[number].max_repetition_level)
            unpacked += max(0, leaves[number].length) * count  # so many bytes has a null, too
    if sum(group.num_rows for group in row_groups) != metadata.num_rows or min(values) < 0:
        raise UnusableInput(f"{location}: damaged (it miscounts its rows); fetch it again")
    if not _are_apart(row_groups, size):
        raise UnusableInput(f"{location}: damaged (columns share their bytes); fetch it again")
    _check_values(location, size, max(values), _ROWS_OF_A_BYTE)
    if in_all > max(_FEW_VALUES, _ROWS_OF_A_BYTE * size):
        raise UnusableInput(
            f"{location}: {size:,} bytes that hold {in_all:,} values, more than "
            f"{_ROWS_OF_A_BYTE} a byte; leave columns of lists out"
        )
    _check_unpacked(location, size, unpacked)
    for column in leaves:
        if column.length > LONG:
            raise UnusableInput(
                f"{location}: column '{column.path[:80]}' holds values of {column.length:,} bytes, "
                f"more than {LONG:,}; leave it out"
            )
    return file


def check_rows(location: Location, size: int, rows: int) -> None:
    """Refuse more rows than files of so many bytes may have together.

    Raises:
        UnusableInput: there are more.
    """
    if rows > max(_FEW_ROWS, _ROWS_OF_A_BYTE * size):
        raise UnusableInput(
            f"{location}: {size:,} bytes that hold {rows:,} rows, more than {_ROWS_OF_A_BYTE} a "
            "byte; write them anew with different texts"
        )


def _check_values(location: Location, size: int, values: int, of_a_byte: int) -> None:
    if values > max(_FEW_ROWS, of_a_byte * size):
        what = "a column" if of_a_byte == _ROWS_OF_A_BYTE else "dictionaries"
        raise UnusableInput(
            f"{location}: {size:,} bytes that hold {values:,} values of {what}, more than "
            f"{of_a_byte} a byte; give the rows in several files if it is meant to be so"
        )


def _check_unpacked(location: Location, size: int, unpacked: int) -> None:
    if unpacked > most_in_memory(size):
        raise UnusableInput(
            f"{location}: {size:,} bytes that unpack to {unpacked:,}, more than {_RATIO} times as "
            "many; write it without compression if it is meant to be so"
        )


def _are_apart(row_groups: Sequence[pq.RowGroupMetaData], size: int) -> bool:
    """Whether all columns have bytes of their own, so that none are unpacked more than once."""
    spans = []
    for group in row_groups:
        for number in range(group.num_columns):
            if (column := group.column(number)).num_values:
                spans.append(span_of(column))
    spans = [*sorted(spans), (size, size)]
    return all(last <= first for (_, last), (first, _) in pairwise(spans))


def _reader(
    handle: pa.NativeFile | ColumnBytes, metadata: pq.FileMetaData, dictionaries: Sequence[int]
) -> pq.ParquetFile:
    """The file of these metadata, some of whose columns are read as dictionaries: by their numbers,
    for a column and a part of another one may have one path."""
    return pq.ParquetFile(
        handle,
        metadata=metadata,
        read_dictionary=list(dictionaries),
        coerce_int96_timestamp_unit="us",
    )


def read_schema(file: pq.ParquetFile) -> pa.Schema:
    """The columns of the rows that are read of a file: its own, but list views are lists."""
    schema = file.schema_arrow
    fields = [field.with_type(without_list_views(field.type)) for field in schema]
    return pa.schema(fields, schema.metadata)


def read_batches(
    location: Location,
    handle: pa.NativeFile,
    columns: Sequence[str] | None = None,
    groups: Sequence[int] | None = None,
    shared: Sequence[str] = (),
    file: pq.ParquetFile | None = None,
    most: int | None = None,
) -> Iterator[pa.RecordBatch]:
    """The rows of a file, some at a time; its footer is parsed once.

    Args:
        location: names it in errors.
        handle: the file, open.
        columns: the columns wanted; None is all.
        groups: the row groups wanted; None is all.
        shared: columns whose type may be that of a dictionary, though the file's is another:
            `nmt.tables.columns.as_bytes` reads both.
        file: the same, if `open_parquet` has opened it.
        most: bytes that all batches may have together; None is any number.

    Raises:
        UnusableInput: they have more, or the values of another column have too many.
    """
    file = file or open_parquet(location, handle)
    wanted = None if columns is None else list(columns)
    leaves = leaves_of(file, wanted)
    texts = {number: leaves[number] for number in leaves if holds_texts(file, number)}
    data, unpacked, entries = ColumnBytes(location, handle), 0, 0
    schema = read_schema(file)
    readers: dict[tuple[int, ...], tuple[pq.ParquetFile, set[int]]] = {}
    held, window = 0, Window(location, BATCH, shared)
    for group in range(file.num_row_groups) if groups is None else groups:
        row_group = file.metadata.row_group(group)
        claims = data.hold(row_group, leaves)
        unpacked += sum(own.unpacked for own in claims.values())
        entries += sum(own.entries for own in claims.values())
        _check_unpacked(location, handle.size(), unpacked)
        _check_values(location, handle.size(), entries, _ENTRIES_OF_A_BYTE)
        data.check_lengths(row_group, claims, file.metadata.schema)
        longest = _longest_copied(file, data, row_group, {n: claims[n] for n in texts})
        numbers = tuple(number for number in texts if number not in longest)
        if numbers not in readers:
            if len(readers) == _READERS:
                readers.clear()
            reader = _reader(data, file.metadata, numbers)
            readers[numbers] = reader, dictionaries_of(reader)
        reader, dictionaries = readers[numbers]
        # It does so all the same in columns of decimals, JSON, ….
        _check_hashed(location, file, {n: claims[n] for n in texts.keys() & dictionaries})
        plain = texts.keys() - dictionaries
        copied = [number for number in plain if claims[number].encodings - _WHOLE]
        for number in copied:
            column = file.metadata.schema.column(number)
            if column.max_repetition_level:
                raise UnusableInput(
                    f"{location}: column '{column.path[:80]}' has values in lists, of which a few "
                    "bytes may stand for any number; leave it out, or write the file anew with "
                    "texts, and with dictionaries or without"
                )
        window.copied = {texts[number] for number in copied}
        largest = sum(longest.get(number, claims[number].largest) for number in copied)
        size = max(1, min(BATCH, _COPIED // max(1, largest)))
        for batch in reader.iter_batches(size, row_groups=[group], columns=wanted):
            held += window.add(batch)
            batch = batch if wanted is None else batch.select(wanted)
            if most is not None and held > most:
                raise UnusableInput(
                    f"{location}: unpacks to more than {most:,} bytes, out of all proportion to "
                    "its size; write it anew"
                )
            yield decoded(location, batch, schema, shared)


def _longest_copied(
    file: pq.ParquetFile,
    data: ColumnBytes,
    row_group: pq.RowGroupMetaData,
    claims: Mapping[int, Claims],
) -> dict[int, int]:
    """The columns of texts that are read as they are, with a bound of the bytes of a value.

    Others are read as dictionaries. Of values in a delta encoding Arrow reads none: each row would
    have a value of its own, wherever in the column a dictionary stands. And it would hash what is
    in one, see `nmt.tables.dictionary_pages`; where values are short, none is needed.

    Args:
        file: whose columns they are.
        data: holds their pages.
        row_group: of the columns.
        claims: of their pages, by their numbers.
    """
    longest = {}
    for number, own in claims.items():
        if not own.encodings.isdisjoint(DELTAS):
            longest[number] = own.largest
        elif own.dictionaries and not file.metadata.schema.column(number).max_repetition_level:
            length = data.longest_text(row_group.column(number), own)
            if length <= _COPIED // BATCH or own.entries > _MOST_HASHED:
                longest[number] = length
    return longest


def _check_hashed(location: Location, file: pq.ParquetFile, claims: Mapping[int, Claims]) -> None:
    for number, own in claims.items():
        column = file.metadata.schema.column(number)
        most = _MOST_HASHED_IN_LISTS if column.max_repetition_level else _MOST_HASHED
        if own.entries > most:
            raise UnusableInput(
                f"{location}: column '{column.path[:80]}' has dictionaries of {own.entries:,} "
                f"values, more than {most:,}; write it as plain texts, or with smaller row groups"
            )


def most_in_memory(size: int) -> int:
    """Bytes that the rows of files of so many bytes may have in memory."""
    return max(_LITTLE, _RATIO * size)


def read_whole(
    location: Location,
    handle: pa.NativeFile,
    columns: Sequence[str] | None = None,
    groups: Sequence[int] | None = None,
    metadata: pq.FileMetaData | None = None,
    most: int | None = None,
) -> pa.Table:
    """All rows of a file, or of some row groups; see `read_batches`.

    Args:
        metadata: of the file, if `open_parquet` has opened it before.
        most: bytes that the rows may have in memory; None goes by the size of the file.

    Raises:
        UnusableInput: they have more.
    """
    if most is None:
        most = most_in_memory(handle.size())
    file = _reader(handle, metadata, ()) if metadata else open_parquet(location, handle)
    schema = read_schema(file)
    if columns is not None:
        schema = pa.schema([schema.field(name) for name in columns])
    batches = read_batches(location, handle, columns, groups, file=file, most=most)
    return pa.Table.from_batches((batch.select(schema.names) for batch in batches), schema)
