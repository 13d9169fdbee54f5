"""The files of one generation of the cache, partition by partition.

A damaged file is set aside (``….parquet.damaged``) by whoever meets it: what it held is translated
again, for a cache is no more than translations that need not be made twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.fs as pafs

from nmt.errors import JobFailed, UnusableInput
from nmt.storage.encoding import parquet_bytes
from nmt.storage.location import Location
from nmt.tables.parquet import read_whole
from nmt.translation.cache.keys import KEY, digest_of, distinct, partitions_of

_MANY = 16  # small files of a partition that are worth making one of
_SETTLED = 86400.0  # seconds after which no running job counts a file as its own
_ATTEMPTS = 5
_AT_ONCE = 16  # files that are written together
_MERGED, _DAMAGED = "merged", ".damaged"
_LONGEST_NAME = 255  # bytes
_LARGEST = 1 << 30  # bytes of a file that is read
_WHOLE = 256 << 20  # bytes of a file to which small ones are merged, which are below half of it
_UNREADABLE = (OSError, KeyError, UnicodeDecodeError, pa.ArrowException, UnusableInput)
T = TypeVar("T")
Problems = Callable[[pa.Table], Iterable[str]]


class Cache:
    """One generation; `nmt.translation.cache.generations` finds or makes it.

    Args:
        location: its folder.
        partitions: into how many the keys are spread.
    """

    def __init__(self, location: Location, partitions: int) -> None:
        self.location, self.partitions = location, partitions

    def add(self, partition: int, run: str, rows: pa.Table) -> Location:
        """Store rows of one partition.

        The name follows from the keys and the contents: the same rows are the same file, however
        often they are stored, and other rows are another.

        Args:
            partition: of all the keys.
            run: which job made them; see `read`.
            rows: ``key``, and columns of results.

        Returns:
            The file.
        """
        return self._store(self._folder(partition), run, rows)

    def _store(self, folder: Location, run: str, rows: pa.Table) -> Location:
        keys, data = digest_of(rows.column("key").combine_chunks()), parquet_bytes(rows)
        file = folder / f"{run}-{keys}-{_digest(data)}.parquet"
        file.write_bytes(data)
        return file

    def add_new(self, run: str, rows: pa.Table) -> None:
        """Store rows of any partitions as one file, until `settle` finds it.

        Args:
            run: which job made them.
            rows: ``key``, and columns of results.
        """
        self._store(self._new, run, rows)

    def new_files(self, run: str) -> list[Location]:
        """The files of `add_new` of this job, and those of jobs that must have been killed."""
        files = self._new.files(".parquet")
        return [
            file
            for file in files
            if _run(file) == run or time.time() - _written(file.info()) > _SETTLED
        ]

    def settle(self, files: Sequence[Location], schema: pa.Schema, problems: Problems) -> None:
        """Move rows of new files to their partitions.

        A file goes when its rows lie there, so at any moment every row is in the cache. Who is
        killed in between, or does it beside another job, leaves rows there twice.

        Args:
            files: of `new_files`.
            schema, problems: see `read`.
        """
        columns, whole, check = _expected(schema, problems)
        runs: dict[str, dict[Location, pa.Table]] = {}
        for file in files:
            with contextlib.suppress(FileNotFoundError):  # another job has done it
                for _, rows in _sound([file], check=check):
                    rows = rows.select(columns).cast(whole)
                    runs.setdefault(_run(file), {})[file] = rows
        for run, sound in runs.items():
            self._rewrite(run, sound)

    def _rewrite(self, run: str, sound: dict[Location, pa.Table], pieces: int = 1) -> None:
        """Put the rows of files into so many files of each partition; then the old ones go."""
        rows = pa.concat_tables(sound.values()).combine_chunks()
        keys, first, _ = distinct(rows.column("key").combine_chunks())
        rows, partitions = rows.take(pa.array(first)), partitions_of(keys, self.partitions)
        parts: list[int] = []
        tables: list[pa.Table] = []
        for partition in np.unique(partitions).tolist():
            own = rows.filter(pa.array(partitions == partition))
            step = -(-len(own) // pieces)
            some = [own.slice(start, step) for start in range(0, len(own), step)]
            parts += [partition] * len(some)
            tables += some
        with ThreadPoolExecutor(_AT_ONCE) as pool:  # a store takes its time for each
            written = set(pool.map(self.add, parts, repeat(run), tables))
        for file in sound.keys() - written:
            file.delete()

    def size(self) -> int:
        """Bytes of all its files."""
        return sum(info.size or 0 for _, info in self.location.listed(recursive=True))

    def read(
        self,
        partition: int,
        schema: pa.Schema,
        run: str,
        problems: Problems = lambda _: (),
    ) -> tuple[pa.Table, np.ndarray]:
        """All rows of a partition. A file whose rows are no results is damaged.

        Args:
            partition: which one.
            schema: the columns wanted besides ``key``. One with a null where none may be, or of
                another type, is no result.
            run: a job.
            problems: what else is wrong with rows, if anything is.

        Returns:
            The rows, and which of them this job made, bool, shape (rows,).
        """
        columns, whole, check = _expected(schema, problems)

        def read(files: Sequence[Location]) -> tuple[pa.Table, np.ndarray]:
            sound = list(_sound(files, columns, check))
            tables = [rows.select(columns) for _, rows in sound]
            own = [np.full(rows.num_rows, _run(file) == run) for file, rows in sound]
            table = pa.concat_tables([whole.empty_table(), *(t.cast(whole) for t in tables)])
            return table.combine_chunks(), np.concatenate([np.zeros(0, bool), *own])

        return self._with_files(partition, read)

    def merge(self, partition: int, many: int = _MANY, settled: float = _SETTLED) -> None:
        """Make few files of a partition's many small ones, as nights leave them: of any number of
        rows none that is too large to be read.

        A new file is whole before an old one goes, so at any moment every row is there.

        Args:
            partition: which one.
            many: fewer files than this are left alone.
            settled: so are files younger than this, in seconds: the job that wrote them may
                still run, and counts by their names what it has decoded.
        """

        def read(files: Sequence[Location]) -> tuple[dict[Location, pa.Table], int]:
            infos = {file: file.info() for file in files}
            old = {
                file: info.size or 0
                for file, info in infos.items()
                if time.time() - _written(info) > settled and (info.size or 0) < _WHOLE // 2
            }
            sound = dict(_sound(old)) if len(old) >= many else {}
            tables = list(sound.values())
            alike = all(table.schema.equals(tables[0].schema) for table in tables)
            size = sum(old[file] for file in sound)
            return sound if len(sound) >= many and alike else {}, -(-size // _WHOLE)

        sound, pieces = self._with_files(partition, read)
        if sound:
            self._rewrite(_MERGED, sound, pieces)

    def damaged(self) -> list[Location]:
        """The files that were set aside, by this job or others."""
        return self.location.files(_DAMAGED, recursive=True)

    @property
    def _new(self) -> Location:
        return self.location / "new"

    def _folder(self, partition: int) -> Location:
        return self.location / f"{partition:03d}"

    def _files(self, partition: int) -> list[Location]:
        return self._folder(partition).files(".parquet")

    def _with_files(self, partition: int, read: Callable[[list[Location]], T]) -> T:
        """Read a partition; again if another job has just merged its files."""
        for _ in range(_ATTEMPTS):
            try:
                return read(self._files(partition))
            except FileNotFoundError:
                time.sleep(0.5)
        raise JobFailed(f"{self._folder(partition)}: its files keep going away; run it again")


def _expected(
    schema: pa.Schema, problems: Problems
) -> tuple[list[str], pa.Schema, Callable[[pa.Table], None]]:
    """The columns of a file, their types, and what raises pa.ArrowInvalid if its rows are none."""

    def check(rows: pa.Table) -> None:
        for field in schema:
            if wrong := problem(rows.column(field.name), field):
                raise pa.ArrowInvalid(wrong)
        for wrong in problems(rows):
            raise pa.ArrowInvalid(wrong)

    whole = pa.schema([("key", KEY), *zip(schema.names, schema.types, strict=True)])
    return whole.names, whole, check


def _run(file: Location) -> str:
    return file.name.partition("-")[0]


def _written(info: pafs.FileInfo) -> float:
    """When a file was written, seconds since 1970; now, if it has gone."""
    return time.time() if info.mtime_ns is None else info.mtime_ns / 1e9


class _Damaged(Exception):
    """A file cannot be read, although its store gives it."""

    def __init__(self, file: Location) -> None:
        super().__init__(str(file))
        self._file = file

    def set_aside(self) -> None:
        """Give it another name; it is not read, for nothing says how large it is."""
        target = self._file.parent / f"{self._file.name}{_DAMAGED}"
        if len(os.fsencode(target.name)) > _LONGEST_NAME or (
            target.info().type == pafs.FileType.Directory
        ):
            target = self._file.parent / f"{secrets.token_hex(8)}{_DAMAGED}"

        try:
            self._file.rename(target.name)
        except UnusableInput:
            if self._file.is_file():  # else another task has done it
                raise


def _sound(
    files: Iterable[Location],
    columns: list[str] | None = None,
    check: Callable[[pa.Table], None] = lambda rows: None,
) -> Iterator[tuple[Location, pa.Table]]:
    """The files that `_read` reads, with their rows; one that is damaged is set aside."""
    for file in files:
        try:
            rows = _read(file, columns, check)
        except _Damaged as damaged:
            damaged.set_aside()
        else:
            yield file, rows


def _read(
    file: Location,
    columns: list[str] | None = None,
    check: Callable[[pa.Table], None] = lambda rows: None,
) -> pa.Table:
    """Read a file, the column ``key`` among others.

    Args:
        file: the file.
        columns: the columns wanted; None is all.
        check: raises pa.ArrowInvalid if the rows are none.

    Raises:
        FileNotFoundError: it has gone.
        _Damaged: it is not what its name says, or damaged otherwise.
    """

    try:
        with file.open() as stream:
            if stream.size() > _LARGEST:
                raise _Damaged(file)
        data = file.read_bytes()
    except UnusableInput:
        file.refuse_links()  # nor does a pipe go away
        if file.exists():
            raise
        raise FileNotFoundError(str(file)) from None
    try:
        if not file.name.endswith(f"-{_digest(data)}.parquet"):
            raise pa.ArrowInvalid("other contents than the name of the file says")
        rows = read_whole(file, pa.BufferReader(data), columns)
        keys = rows.column("key")
        if keys.type != KEY or keys.null_count:
            raise pa.ArrowInvalid("keys that are none")
        if f"-{digest_of(keys.combine_chunks())}-" not in file.name:
            raise pa.ArrowInvalid("other keys than the name of the file says")
        check(rows)
        return rows
    except _UNREADABLE:
        raise _Damaged(file) from None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def problem(column: pa.ChunkedArray, field: pa.Field) -> str | None:
    """What is wrong with a column of results, if anything is."""
    if column.type != field.type:
        return f"column '{field.name}' holds {column.type}, not {field.type}"
    nulls = 0 if field.nullable else column.null_count
    if pa.types.is_list(column.type):
        nulls += sum(chunk.flatten().null_count for chunk in column.chunks)
    return f"column '{field.name}' has {nulls:,} nulls" if nulls else None
