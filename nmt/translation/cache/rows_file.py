"""A file of a cache: rows sorted by key, of which only those parts are read that are wanted.

It is Parquet in row groups of `GROUP` rows. The end of the file, with the statistics of the keys,
has the digest of each row group, and the name of the file has the digest of that end. So whatever
is read is compared with what was written, though nobody reads the whole file.

A damaged file is set aside (``….parquet.damaged``) by whoever meets it: what it held is translated
again, for a cache is no more than translations that need not be made twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from itertools import pairwise
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from nmt.errors import ChangedFile, UnusableInput
from nmt.storage.location import Location
from nmt.storage.retry import retry
from nmt.tables.parquet import open_parquet, read_batches
from nmt.translation.cache.keys import KEY, halves_of

GROUP = 2048  # rows
_DIGESTS = b"nmt.groups"
_DIGEST = 32  # hexadecimal digits
DAMAGED = ".damaged"
_RUN = re.compile("[0-9a-z]{1,64}")  # with which a name begins
_LONGEST_NAME = 255  # bytes
_TAIL = 64 << 10  # bytes that are read at first: mostly all of a small file
_GAP = 64 << 10  # bytes between two parts that are read rather than asked for anew
_LARGEST = 1 << 30  # bytes of a file
# Bytes to which a file unpacks: a small one, and for each byte of it.
LITTLE, RATIO = 256 << 20, 200
_WRITTEN = {pa.string(), pa.float64(), pa.float32(), pa.int64(), pa.int32(), pa.bool_(), KEY}
_UNREADABLE = (OSError, KeyError, UnicodeDecodeError, pa.ArrowException, UnusableInput)


class Damaged(Exception):
    """A file cannot be used, although its store gives it."""

    def __init__(self, file: Location) -> None:
        super().__init__(str(file))
        self._file = file

    def set_aside(self) -> None:
        """Give it another name; it is not read, for nothing says how large it is."""
        target = self._file.parent / f"{self._file.name}{DAMAGED}"
        if len(os.fsencode(target.name)) > _LONGEST_NAME or (
            target.info().type == pafs.FileType.Directory
        ):
            target = self._file.parent / f"{secrets.token_hex(8)}{DAMAGED}"

        try:
            self._file.rename(target.name)
        except UnusableInput:
            if self._file.is_file():  # else another task has done it
                raise


@contextlib.contextmanager
def checked(file: Location) -> Iterator[None]:
    """Take what goes wrong while a file is parsed for damage.

    Raises:
        Damaged: something went wrong.
    """
    try:
        yield
    except _UNREADABLE:
        raise Damaged(file) from None


def digest(data: bytes | memoryview) -> str:
    """What stands in a name for these bytes."""
    return hashlib.sha256(data).hexdigest()[:_DIGEST]


def packed(rows: pa.Table) -> tuple[bytes, str]:
    """Rows as a file.

    Args:
        rows: ``key`` in ascending order, and other columns.

    Returns:
        The bytes of the file, and the digest that belongs into its name.
    """
    sink, digests = io.BytesIO(), []
    texts = [name for name in rows.column_names if name != "key"]
    writer = pq.ParquetWriter(sink, rows.schema, compression="zstd", use_dictionary=texts)
    for start in range(0, len(rows), GROUP):
        first = sink.tell()
        writer.write_table(rows.slice(start, GROUP))
        digests.append(digest(sink.getbuffer()[first:]))
    writer.add_key_value_metadata({_DIGESTS.decode(): " ".join(digests)})
    writer.close()
    data = sink.getvalue()
    return data, digest(data[-_length_of_end(data[-8:]) :])


class RowsFile:
    """An open file.

    Args:
        file: where it lies.

    Attributes:
        file: see above.
        size: its bytes.
        schema: its columns.
        least, greatest: first halves of the keys between which each row group lies, uint64,
            shape (row groups,).

    Raises:
        FileNotFoundError: it has gone.
        UnusableInput, StoreAway: its store does not give it.
        Damaged: it is not what its name says, claims more than a file of its size can hold, or is
            damaged otherwise.
    """

    def __init__(self, file: Location) -> None:
        self.file = file
        try:
            self._handle = file.open()
        except UnusableInput:
            file.refuse_links()  # nor does a pipe go away
            if file.exists():
                raise
            raise FileNotFoundError(str(file)) from None
        try:
            end = self._read_end()
            with checked(file):
                self._parse(end)
        except BaseException:
            self._handle.close()
            raise

    def _read_end(self) -> int:
        """Read the end of the file; returns where it begins."""
        size = self._handle.size()
        if size > _LARGEST:
            raise Damaged(self.file)
        self.size = size
        self._data = np.zeros(size, np.uint8)  # only what is written to takes memory
        self._from = max(0, size - _TAIL)
        self._read(self._from, size)
        end = max(0, size - _length_of_end(self._data[-8:].tobytes()))
        if end < self._from:
            self._read(end, self._from)
            self._from = end
        return end

    def _parse(self, end: int) -> None:
        run, _, rest = self.file.name.partition("-")
        if not _RUN.fullmatch(run) or rest != f"{digest(self._data[end:].data)}.parquet":
            raise pa.ArrowInvalid("another end than the name of the file says")
        self._parquet = open_parquet(self.file, self._stream())
        metadata, schema = self._parquet.metadata, self._parquet.schema_arrow
        self.schema = schema
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        self._digests = (metadata.metadata or {}).get(_DIGESTS, b"").decode().split()
        self._spans = [_span(group) for group in groups]
        if len(self._digests) != len(groups) or not _are_apart(self._spans, self.size):
            raise pa.ArrowInvalid("row groups that no job writes")
        if schema.get_field_index("key") != 0 or schema.field(0).type != KEY:
            raise pa.ArrowInvalid("keys that are none")
        if not all(_is_written(kind) for kind in schema.types):
            raise pa.ArrowInvalid("types that no job writes")
        ends = [_ends(group.column(0)) for group in groups]
        self.least, self.greatest = np.array(ends, np.uint64).reshape(-1, 2).T

    def __enter__(self) -> RowsFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._handle.close()

    def groups(self, wanted: np.ndarray) -> list[int]:
        """The row groups that may hold keys.

        Args:
            wanted: first halves of keys in ascending order, uint64, shape (keys,).
        """
        some = np.searchsorted(wanted, self.greatest, side="right") > np.searchsorted(
            wanted, self.least
        )
        return np.flatnonzero(some).tolist()

    def least_of(self, column: str) -> int | None:
        """The least value of a column of numbers, as the statistics say; None if they do not."""
        metadata = self._parquet.metadata
        names = [metadata.schema.column(number).path for number in range(metadata.num_columns)]
        if column not in names or not pa.types.is_integer(self.schema.field(column).type):
            return None
        place = names.index(column)
        columns = [metadata.row_group(n).column(place) for n in range(metadata.num_row_groups)]
        values = [one.statistics.min if one.is_stats_set else None for one in columns]
        numbers = [value for value in values if isinstance(value, int)]
        return min(numbers) if len(numbers) == len(values) > 0 else None

    def batches(
        self, groups: Sequence[int], columns: Sequence[str] | None = None
    ) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
        """The rows of row groups, some at a time, and the halves of their keys.

        Args:
            groups: which ones, in ascending order.
            columns: ``key`` and others; None is all.

        Raises:
            Damaged: they are not those that were written, are not in order, or are damaged
                otherwise.
        """
        self._fetch(groups)
        most, last = max(LITTLE, RATIO * self.size), np.uint64(0)
        arguments = (self.file, self._stream(), columns, groups)
        with checked(self.file):
            for batch in read_batches(*arguments, file=self._parquet, most=most):
                keys = batch.column("key")
                if keys.null_count:
                    raise pa.ArrowInvalid("keys that are none")
                halves = halves_of(keys)
                first = np.concatenate([[last], halves[:, 0]])
                if (first[1:] < first[:-1]).any():
                    raise pa.ArrowInvalid("keys that are not in order")
                last = first[-1]
                yield batch, halves

    def _stream(self) -> pa.BufferReader:
        return pa.BufferReader(pa.py_buffer(self._data))

    def _fetch(self, groups: Sequence[int]) -> None:
        """Read what is not there yet, neighbours at once, and compare it."""
        missing = [self._spans[number] for number in groups if self._spans[number][0] < self._from]
        runs: list[tuple[int, int]] = []
        for start, end in missing:
            end = min(end, self._from)
            if runs and start - runs[-1][1] <= _GAP:
                runs[-1] = runs[-1][0], end
            else:
                runs.append((start, end))
        for start, end in runs:
            self._read(start, end)
        for number in groups:
            start, end = self._spans[number]
            if digest(self._data[start:end].data) != self._digests[number]:
                raise Damaged(self.file)  # other rows than its end says

    def _read(self, start: int, end: int) -> None:
        """Read bytes of the file to their place."""

        def read() -> bytes:
            with self.file.explained():
                self._handle.seek(start)
                return self._handle.read(end - start)

        try:
            data = retry(read)
        except UnusableInput as error:  # another job has removed it, or stored it once more
            if self.file.exists() and not isinstance(error, ChangedFile):
                raise
            raise FileNotFoundError(str(self.file)) from None
        if len(data) != end - start:
            raise Damaged(self.file)
        self._data[start:end] = np.frombuffer(data, np.uint8)


def _is_written(kind: pa.DataType) -> bool:
    """Whether results have columns of this type."""
    if pa.types.is_list(kind) or pa.types.is_struct(kind):
        return all(_is_written(kind.field(number).type) for number in range(kind.num_fields))
    return kind in _WRITTEN


def _length_of_end(last: bytes) -> int:
    """Bytes of the end of a Parquet file, from its last eight."""
    return int.from_bytes(last[:4], "little") + 8


def _span(group: pq.RowGroupMetaData) -> tuple[int, int]:
    """Where the bytes of a row group begin and end; `open_parquet` has looked at its columns."""
    starts, ends = [], []
    for number in range(group.num_columns):
        column = group.column(number)
        start = column.data_page_offset
        if column.has_dictionary_page:
            start = min(start, column.dictionary_page_offset or start)
        starts.append(start)
        ends.append(start + column.total_compressed_size)
    return min(starts, default=0), max(ends, default=0)


def _are_apart(spans: Sequence[tuple[int, int]], size: int) -> bool:
    """Whether each row group lies in the file, after the one before it."""
    bounds = [0, *(bound for span in spans for bound in span), size]
    return all(first <= second for first, second in pairwise(bounds))


def _ends(keys: pq.ColumnChunkMetaData) -> tuple[int, int]:
    """The first halves of the least and the greatest key of a row group."""
    statistics = keys.statistics
    if statistics is None or not statistics.has_min_max:
        raise pa.ArrowInvalid("keys without statistics")
    least, greatest = statistics.min, statistics.max
    if not isinstance(least, bytes) or not isinstance(greatest, bytes):
        raise pa.ArrowInvalid("keys without statistics")
    return int.from_bytes(least[:8], "big"), int.from_bytes(greatest[:8], "big")
