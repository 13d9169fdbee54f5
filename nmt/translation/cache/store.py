"""The files of one generation of the cache, partition by partition.

`nmt.translation.cache.files` reads them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, repeat
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.fs as pafs

from nmt.errors import JobFailed
from nmt.storage.encoding import parquet_bytes
from nmt.storage.location import Location
from nmt.tables.chunks import combined
from nmt.translation.cache.files import DAMAGED, digest, lots, problem, run_of, sound_files
from nmt.translation.cache.keys import KEY, digest_of, distinct, partitions_of

_MANY = 16  # small files of a partition that are worth making one of
_SETTLED = 86400.0  # seconds after which no running job counts a file as its own
_ATTEMPTS = 5
_AT_ONCE = 16  # files that are written together
_MERGED = "merged"
_SMALL = 128 << 20  # bytes of a file that is merged with others
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
        file = folder / f"{run}-{keys}-{digest(data)}.parquet"
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
            if run_of(file) == run or time.time() - _written(file.info()) > _SETTLED
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
        for run, own in groupby(sorted(files, key=run_of), key=run_of):
            sound = sound_files(own, columns, check, gone=True)  # another job may have done it
            for lot in lots((file, rows.select(columns).cast(whole)) for file, rows in sound):
                self._rewrite(run, lot)

    def _rewrite(self, run: str, sound: Mapping[Location, pa.Table]) -> None:
        """Put the rows of files into one file of each partition; then the old ones go."""
        rows = pa.concat_tables(sound.values())
        keys, first, _ = distinct(rows.column("key").combine_chunks())
        owners = np.full(rows.num_rows, -1)
        owners[first] = partitions_of(keys, self.partitions)
        parts = np.unique(owners[first]).tolist()
        # Rows are filtered chunk by chunk; to take them would make one chunk of all.
        tables = [rows.filter(pa.array(owners == partition)) for partition in parts]
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
            The rows, in chunks that `nmt.tables.chunks.take` reads, and which of them this job
            made, bool, shape (rows,).
        """
        columns, whole, check = _expected(schema, problems)

        def read(files: Sequence[Location]) -> tuple[pa.Table, np.ndarray]:
            sound = list(sound_files(files, columns, check))
            tables = [rows.select(columns) for _, rows in sound]
            own = [np.full(rows.num_rows, run_of(file) == run) for file, rows in sound]
            table = combined([whole.empty_table(), *(t.cast(whole) for t in tables)])
            return table, np.concatenate([np.zeros(0, bool), *own])

        return self._with_files(partition, read)

    def merge(
        self,
        partition: int,
        schema: pa.Schema | None = None,
        many: int = _MANY,
        settled: float = _SETTLED,
    ) -> None:
        """Make few files of a partition's many small ones, as nights leave them: each of 1 GiB
        unpacked at most, and no more is in memory at once.

        A new file is whole before an old one goes, so at any moment every row is there.

        Args:
            partition: which one.
            schema: see `read`; None keeps all columns, whatever they are.
            many: fewer files than this are left alone.
            settled: so are files younger than this, in seconds: the job that wrote them may
                still run, and counts by their names what it has decoded.
        """

        wanted = [] if schema is None else [*_expected(schema, lambda _: ())]
        columns, check = (wanted[0], wanted[2]) if wanted else (None, lambda _: None)

        def merge(files: Sequence[Location]) -> None:
            infos = {file: file.info() for file in files}
            old = [
                file
                for file, info in infos.items()
                if time.time() - _written(info) > settled and (info.size or 0) < _SMALL
            ]
            for lot in lots(sound_files(old, columns, check)) if len(old) >= many else ():
                if len(lot) > 1:
                    self._rewrite(_MERGED, lot)

        self._with_files(partition, merge)

    def damaged(self) -> list[Location]:
        """The files that were set aside, by this job or others."""
        return self.location.files(DAMAGED, recursive=True)

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


def _written(info: pafs.FileInfo) -> float:
    """When a file was written, seconds since 1970; now, if it has gone."""
    return time.time() if info.mtime_ns is None else info.mtime_ns / 1e9
