"""Rows of a Parquet file, a run at a time.

A run may begin anywhere in a row group, which can only be read from its start. So the file stays
open where it was left, and a process that asks for one run after another reads it once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import accumulate
from typing import NamedTuple

import pyarrow as pa

from nmt.errors import UnusableInput
from nmt.formats.detection import readable
from nmt.storage.recorded import PinnedFile
from nmt.tables.columns import as_bytes
from nmt.tables.parquet import open_parquet, read_batches, read_schema
from nmt.tables.schemas import conform, kept_schema

_last: _Reader | None = None


class Run(NamedTuple):
    """Consecutive rows of a file.

    Attributes:
        table: its columns, without those of the texts.
        texts: of each text column that the file has, as they stand there, UTF-8 or not; None for a
            null.
    """

    table: pa.Table
    texts: dict[str, list[bytes | None]]


def read_rows(
    location: PinnedFile,
    start: int,
    rows: int,
    text_columns: Sequence[str],
    longest: int | None = None,
) -> Run:
    """Read some consecutive rows of a file.

    What stands before them in their row group is decoded in small batches and dropped, and what
    comes after is not decoded at all: a file of one huge row group needs no more memory than
    others.

    Args:
        location: the file; it stays open.
        start: the first row.
        rows: how many.
        text_columns: the columns of the texts.
        longest: bytes of a text, see `as_bytes`.
    """
    global _last
    reader, _last = _last, None  # one that fails is not used again
    identity = (location, location.state, *text_columns)
    if reader is None or reader.identity != identity:
        if reader is not None:
            reader.close()
        reader = _Reader(location, identity)
    run = reader.read(start, rows, longest)
    _last = reader
    return run


class _Reader:
    """An open file.

    Attributes:
        identity: what it is known by: another one may lie there now.
    """

    def __init__(self, location: PinnedFile, identity: tuple[object, ...]) -> None:
        self.identity = identity
        self._location, self._stack = location, ExitStack()
        self._wanted = [str(name) for name in identity[2:]]
        with readable(location):
            self._handle = self._stack.enter_context(location.open())
            self._parquet = open_parquet(location, self._handle)
            self._schema = read_schema(self._parquet).remove_metadata()
            self._texts = [name for name in self._wanted if name in self._schema.names]
            metadata = self._parquet.metadata
            sizes = (metadata.row_group(n).num_rows for n in range(metadata.num_row_groups))
            self._ends = list(accumulate(sizes))
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._position = self._stop = 0  # rows that were read, and the end of their row group
        self._rest: pa.RecordBatch | None = None  # what was read and not asked for

    def close(self) -> None:
        """Let the file go."""
        self._batches = iter(())
        self._stack.close()

    def read(self, start: int, rows: int, longest: int | None) -> Run:
        """See `read_rows`."""
        others = [name for name in self._schema.names if name not in self._texts]
        batches: list[pa.RecordBatch] = []
        texts: dict[str, list[bytes | None]] = {name: [] for name in self._texts}
        with readable(self._location):
            for batch in self._slices(start, start + rows):
                for name, values in texts.items():
                    values += as_bytes(batch.column(name), longest)
                batches.append(batch.select(others).replace_schema_metadata(None))
        if sum(batch.num_rows for batch in batches) != rows:
            raise UnusableInput(f"{self._location}: damaged (rows are missing); fetch it again")
        schema = pa.schema([self._schema.field(name) for name in others])
        table = pa.Table.from_batches(batches, schema)
        return Run(conform(table, kept_schema(schema)), texts)

    def _slices(self, start: int, stop: int) -> Iterator[pa.RecordBatch]:
        """The rows from `start` to `stop`, as they come."""
        if start < self._position or start >= self._stop:
            self._go_to(start)
        while self._position < stop and (batch := self._next()) is not None:
            low, high = max(0, start - self._position), min(batch.num_rows, stop - self._position)
            if low < high:
                yield batch.slice(low, high - low)
            if high < batch.num_rows:
                self._rest = batch.slice(max(0, high))
            self._position += min(batch.num_rows, max(0, high))

    def _go_to(self, row: int) -> None:
        """Begin with the row group of this row."""
        group = next((n for n, end in enumerate(self._ends) if row < end), len(self._ends))
        self._position, self._rest = self._ends[group - 1] if group else 0, None
        groups = range(group, len(self._ends))
        self._stop = self._ends[group] if group < len(self._ends) else self._position
        self._batches = read_batches(
            self._location, self._handle, None, groups, self._wanted, self._parquet
        )

    def _next(self) -> pa.RecordBatch | None:
        batch, self._rest = self._rest, None
        if batch is None:
            batch = next(self._batches, None)
        if batch is not None and self._position + batch.num_rows > self._stop:
            ends = (end for end in self._ends if end >= self._position + batch.num_rows)
            self._stop = next(ends, self._position + batch.num_rows)
        return batch
