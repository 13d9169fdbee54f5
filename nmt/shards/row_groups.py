"""Row groups of Parquet files, each read whole, and again if a store fails meanwhile; and reading
ahead: row groups concurrently, the next window while this one is used."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Protocol, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nmt.errors import UnusableInput
from nmt.records import TableEntry
from nmt.storage.location import Location
from nmt.storage.recorded import check_recorded
from nmt.tables.parquet import open_parquet, read_whole

READERS = 32  # row groups that are read at once: those of an object store take 100 ms and more
WINDOWS = 3  # in memory: one in use, one cut into batches, one being read

_Item = TypeVar("_Item")


class Rows(Protocol):
    """Rows of a file."""

    def read(self, columns: Sequence[str]) -> pa.Table:
        """These columns of them."""


def read_in_order(parts: Iterable[Rows], columns: Sequence[str], ahead: int) -> Iterator[pa.Table]:
    """Read parts of files concurrently; their tables come in order.

    Args:
        parts: to be read.
        columns: the columns wanted.
        ahead: parts that are being read, or were read and not used yet, at most.
    """
    pool = ThreadPoolExecutor(min(READERS, ahead), "reader")
    pending: deque[Future[pa.Table]] = deque()
    try:
        for part in parts:
            pending.append(pool.submit(part.read, columns))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def prefetch(items: Iterator[_Item], size: int = 8) -> Generator[_Item, None, None]:
    """Prepare up to `size` items in a thread; an exception there is raised here."""
    ready: queue.SimpleQueue = queue.SimpleQueue()
    places, stopped, end = threading.Semaphore(size), threading.Event(), object()

    def work() -> None:
        try:
            while places.acquire() and not stopped.is_set():
                item = next(items, end)
                ready.put((item, None))
                if item is end:
                    return
        except BaseException as error:
            ready.put((end, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is end:
                return
            places.release()
            yield item
    finally:
        stopped.set()
        places.release()


class Content(NamedTuple):
    """What a file must hold, whoever wrote it.

    Attributes:
        schema: columns that it has; further ones may stand beside.
        sizes: entries of the vocabulary of each column of ids.
        most_tokens: ids of a row.
        most_bytes: bytes of a text.
    """

    schema: pa.Schema
    sizes: Mapping[str, int]
    most_tokens: int
    most_bytes: int

    def schema_problem(self, schema: pa.Schema) -> str:
        """What is wrong with the columns of a file; empty if nothing is."""
        for field in self.schema:
            if (count := schema.names.count(field.name)) != 1:
                return f"has {count} columns '{field.name}'"
            if (kind := schema.field(field.name).type) != field.type:
                return f"column '{field.name}' holds {str(kind)[:80]}, not {field.type}"
        return ""

    def problem(self, table: pa.Table) -> str:
        """What is wrong with rows, whose types are right; empty if nothing is."""
        for field in self.schema:
            if field.name not in table.column_names:
                continue
            column = table.column(field.name)
            if not field.nullable and column.null_count:
                return f"column '{field.name}' has {column.null_count:,} nulls"
            if field.name in self.sizes:
                if problem := self._ids_problem(column, self.sizes[field.name]):
                    return f"column '{field.name}' {problem}"
            elif pa.types.is_string(field.type):
                longest = pc.max(pc.binary_length(column)).as_py() or 0
                if longest > self.most_bytes:
                    return f"column '{field.name}' holds a text of {longest:,} bytes"
        return ""

    def _ids_problem(self, column: pa.ChunkedArray, size: int) -> str:
        longest = pc.max(pc.list_value_length(column)).as_py() or 0
        if longest > self.most_tokens:
            return f"holds {longest:,} ids in a row, more than {self.most_tokens:,}"
        for ids in (chunk.flatten() for chunk in column.chunks):
            limits = pc.min_max(ids)
            low, high = limits["min"].as_py() or 0, limits["max"].as_py() or 0
            if ids.null_count or low < 0 or high >= size:
                return f"holds ids that are none of the {size:,} of its vocabulary"
        return ""


class RowGroup(NamedTuple):
    """One row group of a file.

    Attributes:
        file: a Parquet file.
        number: of the row group in it, from 0.
        rows: how many it has.
        footer: that of the file, which is parsed once for all of its row groups.
        content: what its rows must be; None for what is not checked.
    """

    file: Location
    number: int
    rows: int
    footer: pq.FileMetaData
    content: Content | None = None

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Its rows.

        Args:
            columns: the columns wanted; None is all.

        Raises:
            UnusableInput: the file is damaged.
        """
        with _explained(self.file):
            table = self.file.read(
                lambda handle: read_whole(self.file, handle, columns, [self.number], self.footer)
            )
        _refuse(self.file, self.content.problem(table) if self.content else "")
        return table


def row_groups(file: Location, entry: TableEntry, content: Content | None = None) -> list[RowGroup]:
    """The row groups of a file, which is read once and compared with its entry.

    Args:
        file: a Parquet file.
        entry: the file when it was written.
        content: what it must hold; None for anything.

    Raises:
        UnusableInput: the file is damaged, or is another one now.
    """

    def look(handle: pa.NativeFile) -> pq.FileMetaData:
        check_recorded(file, handle, entry, "prepare the data again")
        return open_parquet(file, handle).metadata

    with _explained(file):
        metadata = file.read(look)
        schema = metadata.schema.to_arrow_schema()
    _refuse(file, content.schema_problem(schema) if content else "")
    if metadata.num_rows != entry.rows:
        raise UnusableInput(
            f"{file}: has {metadata.num_rows:,} rows, not the {entry.rows:,} that were written; "
            "prepare the data again"
        )
    return [
        RowGroup(file, number, metadata.row_group(number).num_rows, metadata, content)
        for number in range(metadata.num_row_groups)
    ]


def _refuse(file: Location, problem: str) -> None:
    if problem:
        raise UnusableInput(f"{file}: damaged ({problem}); prepare the data again")


@contextlib.contextmanager
def _explained(file: Location) -> Iterator[None]:
    """Turn an error of the format into one line.

    Raises:
        UnusableInput: the file is damaged.
    """
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise UnusableInput(f"{file}: damaged ({reason}); prepare the data again") from None
