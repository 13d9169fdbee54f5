"""The pages of Parquet files: how much they unpack to, before anything unpacks them.

The header of a page says how many bytes it has once it is unpacked; Arrow makes room for as many,
and a few kilobytes of Zstandard can fill gigabytes. So the bytes of a row group are read once,
their headers are added up, and Arrow gets these very bytes. A header is a struct `PageHeader` of
the Parquet format in Thrift's compact protocol:
https://parquet.apache.org/docs/file-format/data-pages/,
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.tables.delta_lengths import DELTAS, DeltaPage, check_lengths
from nmt.tables.dictionary_pages import DictionaryPage, longest_text
from nmt.tables.varints import varint

_HOLE, _RANGE = 8 << 10, 32 << 20  # bytes between columns, and in all, that are read at once
_MOST_NESTED = 10  # structs in each other of a header; the format has two
_PADDING = 100  # bytes by which old writers said too few; Arrow reads them, too
# Types of fields in Thrift; a list, a set or a map is in no header.
_STOP, _TRUE, _FALSE, _BYTE = 0, 1, 2, 3
_I16, _I32, _I64, _DOUBLE, _BINARY, _STRUCT = 4, 5, 6, 7, 8, 12
_TYPE, _UNPACKED, _PACKED = (1,), (2,), (3,)  # where a header has them
_DICTIONARY, _VERSION_2 = 2, 3  # its types; version 1 has 0
_ENCODINGS = {0: (5, 2), _VERSION_2: (8, 4)}  # by the type of a page of data
_LEVELS = (5, 4), (5, 3)  # encodings of repetitions and definitions, in version 1
_LENGTHS = (8, 6), (8, 5)  # their bytes, in version 2
_IS_PACKED = (8, 7)
_VALUES = {
    0: (5, 1),
    _DICTIONARY: (7, 1),
    _VERSION_2: (8, 1),
}  # by the type of a page; others have none


class Claims(NamedTuple):
    """What the pages of a column say that they hold.

    Attributes:
        unpacked: bytes.
        largest: of them, those of the largest page; no value has more.
        entries: values of dictionaries; there may be more than the rows have.
        encodings: of the values, by their numbers in the format.
        deltas: the pages whose values are in `DELTAS`.
        dictionaries: the pages of dictionaries.
    """

    unpacked: int
    largest: int
    entries: int
    encodings: frozenset[int]
    deltas: Sequence[DeltaPage]
    dictionaries: Sequence[DictionaryPage]


class ColumnBytes(io.RawIOBase):
    """The bytes of some columns of a row group, held in memory for Arrow.

    Args:
        location: names the file in errors.
        handle: the file, open; what is not held is read from it.
    """

    def __init__(self, location: Location, handle: pa.NativeFile) -> None:
        self._location, self._handle = location, handle
        self._size, self._position = handle.size(), 0
        self._starts: list[int] = []
        self._held: list[memoryview] = []

    def hold(self, group: pq.RowGroupMetaData, columns: Iterable[int]) -> dict[int, Claims]:
        """Read columns of a row group, in place of those before.

        Raises:
            UnusableInput: a page has no header that can be read, or less than it says.
        """
        chunks = {number: group.column(number) for number in columns}
        spans = sorted(self._padded(one) for one in chunks.values())
        self._starts, self._held = [], []
        for first, last in _joined(spans):
            self._starts.append(first)
            self._held.append(memoryview(self._handle.read_at(last - first, first)))
        claims = {}
        for number, chunk in chunks.items():
            self._position, last = self._padded(chunk)
            pages = memoryview(self.read(last - self._position))
            with self._naming(chunk):
                claims[number] = _claims(pages, chunk.num_values)
        return claims

    def check_lengths(
        self, group: pq.RowGroupMetaData, claims: Mapping[int, Claims], schema: pq.ParquetSchema
    ) -> None:
        """Check the pages in delta encodings, which are unpacked for it one by one.

        Args:
            group: whose columns are held.
            claims: of these.
            schema: of the file.

        Raises:
            UnusableInput: see `nmt.tables.delta_lengths.check_lengths`.
        """
        for number, own in claims.items():
            with self._naming(group.column(number)):
                for page in own.deltas:
                    check_lengths(page, group.column(number).compression, schema.column(number))

    def longest_text(self, chunk: pq.ColumnChunkMetaData, claims: Claims) -> int:
        """The bytes of the longest value of the dictionaries of a column of texts.

        Raises:
            UnusableInput: a dictionary ends within a value.
        """
        with self._naming(chunk):
            return max(longest_text(page, chunk.compression) for page in claims.dictionaries)

    @contextmanager
    def _naming(self, chunk: pq.ColumnChunkMetaData) -> Iterator[None]:
        """Raise an error of a column of which a page cannot be read."""
        try:
            yield
        except (IndexError, KeyError, OSError, ValueError) as error:
            raise UnusableInput(
                f"{self._location}: damaged (a page of column '{chunk.path_in_schema[:80]}' "
                "cannot be read); fetch it again"
            ) from error

    def _padded(self, column: pq.ColumnChunkMetaData) -> tuple[int, int]:
        first, last = span_of(column)
        return first, max(first, min(self._size, last + _PADDING))

    def read(self, size: int | None = -1) -> bytes | memoryview:
        """The next bytes; those that are held are not copied."""
        start = self._position
        left = max(0, self._size - start)
        size = left if size is None or size < 0 else min(size, left)
        self._position += size
        if (number := bisect_right(self._starts, start) - 1) >= 0:
            offset, held = start - self._starts[number], self._held[number]
            if offset + size <= len(held):
                return held[offset : offset + size]
        return self._handle.read_at(size, start)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}
        self._position = max(0, start[whence] + offset)
        return self._position

    def tell(self) -> int:
        return self._position


def span_of(column: pq.ColumnChunkMetaData) -> tuple[int, int]:
    """Where the pages of a column of a row group begin and end, as Arrow reads them."""
    first = column.data_page_offset
    if column.has_dictionary_page and 0 < column.dictionary_page_offset < first:
        first = column.dictionary_page_offset
    return first, first + max(0, column.total_compressed_size)


def _joined(spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Neighbours as one, so that a store is asked a few times only."""
    first = last = -1
    for start, end in spans:
        if last >= 0 and start <= last + _HOLE and max(last, end) - first <= _RANGE:
            last = max(last, end)
            continue
        if last >= 0:
            yield first, last
        first, last = start, end
    if last >= 0:
        yield first, last


def _claims(data: memoryview, values: int) -> Claims:
    """What the pages say that Arrow reads: until it has so many values.

    Raises:
        IndexError: the bytes end within a page.
        KeyError: a header has not all its fields.
        ValueError: they are no header, or the pages have more values than the footer says.
    """
    position = total = largest = entries = seen = 0
    encodings, deltas, dictionaries = set(), [], []
    while seen < values:
        header = _Header(data, position)
        unpacked, packed = header.numbers[_UNPACKED], header.numbers[_PACKED]
        position = header.end + packed
        if unpacked < 0 or packed < 0 or position > len(data):
            raise ValueError("no sizes of a page")
        total, largest = total + unpacked, max(largest, unpacked)
        kind = header.numbers[_TYPE]
        if kind in _VALUES:
            count = header.numbers[_VALUES[kind]]
            # Room is made for the values of a dictionary, each of which has a byte at least.
            if count < 0 or (kind == _DICTIONARY and count > unpacked):
                raise ValueError("no number of values")
            if kind == _DICTIONARY:
                entries += count
                own = DictionaryPage(data[header.end : position], unpacked, count)
                dictionaries.append(own)
            else:
                seen += count
                encodings.add(header.numbers[_ENCODINGS[kind]])
                if header.numbers[_ENCODINGS[kind]] in DELTAS:
                    deltas.append(_delta_page(header, data[header.end : position]))
    if seen > values:
        raise ValueError("more values than the footer says")
    return Claims(total, largest, entries, frozenset(encodings), deltas, dictionaries)


def _delta_page(header: _Header, data: memoryview) -> DeltaPage:
    """A page of data of this header."""
    numbers = header.numbers
    kind = numbers[_TYPE]
    levels, sizes = None, [0]
    if kind == _VERSION_2:
        sizes = [numbers[field] for field in _LENGTHS]
    else:
        levels = numbers[_LEVELS[0]], numbers[_LEVELS[1]]
    if min(sizes) < 0 or sum(sizes) > len(data):
        raise ValueError("no sizes of levels")
    return DeltaPage(
        data=data,
        unpacked=numbers[_UNPACKED],
        encoding=numbers[_ENCODINGS[kind]],
        values=numbers[_VALUES[kind]],
        levels=levels,
        before=sum(sizes),
        is_packed=kind != _VERSION_2 or _IS_PACKED not in header.false,
    )


class _Header:
    """The whole numbers of a header. What the format does not have is refused, for Arrow's parser
    may take it for something else.

    Attributes:
        numbers: of 32 bits, by the numbers of the fields that lead there.
        false: the fields that say no.
        end: where the header ends.
    """

    def __init__(self, data: memoryview, start: int) -> None:
        self._data, self.end = data, start
        self.numbers: dict[tuple[int, ...], int] = {}
        self.false: set[tuple[int, ...]] = set()
        self._struct((), 0)

    def _struct(self, path: tuple[int, ...], depth: int) -> None:
        if depth > _MOST_NESTED:
            raise ValueError("structs in each other")
        field = 0
        while (head := self._byte()) != _STOP:
            kind, step = head & 15, head >> 4
            field = field + step if step else self._integer(16)
            if not 0 < field < 1 << 15:
                raise ValueError(f"field {field}")
            self._value(kind, (*path, field), depth)

    def _value(self, kind: int, path: tuple[int, ...], depth: int) -> None:
        if kind == _STRUCT:
            self._struct(path, depth + 1)
        elif kind == _I32:
            self.numbers[path] = self._integer(32)
        elif kind in (_I16, _I64):
            self._integer(64)
        elif kind == _BINARY:
            size = self._varint()
            self.end += size
        elif kind in (_BYTE, _DOUBLE):
            self.end += 1 if kind == _BYTE else 8
        elif kind in (_TRUE, _FALSE):
            (self.false.add if kind == _FALSE else self.false.discard)(path)
        else:
            raise ValueError(f"type {kind}")

    def _byte(self) -> int:
        value = self._data[self.end]
        self.end += 1
        return value

    def _varint(self) -> int:
        value, self.end = varint(self._data, self.end)
        return value

    def _integer(self, bits: int) -> int:
        value = self._varint()
        if value >> bits:
            raise ValueError(f"a number of more than {bits} bits")
        return (value >> 1) ^ -(value & 1)
