"""The files of one generation of the cache: what lies where, and how it gets there."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from nmt.errors import JobFailed
from nmt.storage.location import Location
from nmt.tables.chunks import combined, take
from nmt.translation.cache.keys import between, bounds_of, halves_of
from nmt.translation.cache.last_use import days_of, stamped, today
from nmt.translation.cache.reading import Columns, Room, find, sound
from nmt.translation.cache.rows_file import DAMAGED, packed

_SETTLED = 86400.0  # seconds after which no running job counts a file as its own
_ATTEMPTS = 5
_AT_ONCE = 16  # files that are written together
_RENEWED = "used"
_HELD = 256 << 20  # bytes in memory of the rows of a file
_RANGE = 64 << 20  # bytes of files that are looked into together
_LEAST_RANGES, _MOST_RANGES = 8, 256
DEEPEST = 8  # digits
DIGITS = "0123456789abcdef"
_ALL = "all"
_FOLDER = re.compile(rf"{_ALL}|[0-9a-f]{{1,{DEEPEST}}}")


@dataclass(frozen=True)
class Stored:
    """A file as the cache lists it.

    Attributes:
        file: where it lies.
        digits: with which all its keys begin.
        size: its bytes.
        written: when, seconds since 1970.
    """

    file: Location
    digits: str
    size: int
    written: float

    @property
    def is_settled(self) -> bool:
        """Whether the job that wrote it must have ended."""
        return time.time() - self.written > _SETTLED

    def overlaps(self, bounds: tuple[int, int]) -> bool:
        """Whether keys with such first halves may lie in it."""
        least, greatest = bounds_of(self.digits)
        return least <= bounds[1] and greatest >= bounds[0]


class Cache:
    """One generation; `nmt.translation.cache.generations` finds or makes it.

    Args:
        location: its folder.
        day: which day it is, see `nmt.translation.cache.last_use`; None looks at the clock.
    """

    def __init__(self, location: Location, day: int | None = None) -> None:
        self.location, self.day = location, today() if day is None else day

    def files(self) -> list[Stored]:
        """Its files, but for new ones, by name."""
        return sorted(self._listed(_FOLDER), key=lambda stored: stored.file.uri)

    def _listed(self, folder: re.Pattern[str]) -> Iterator[Stored]:
        for file, info in self.location.listed(recursive=True):
            parts = file.parts_below(self.location)
            if len(parts) == 2 and folder.fullmatch(parts[0]) and parts[1].endswith(".parquet"):
                written = time.time() if info.mtime_ns is None else info.mtime_ns / 1e9
                digits = "" if parts[0] == _ALL else parts[0]
                yield Stored(file, digits, info.size or 0, written)

    def add(self, run: str, rows: pa.Table, digits: str = "") -> set[Location]:
        """Store rows in files of 256 MiB unpacked at most; of more rows in folders inside.

        The name of a file follows from the rows: the same rows are the same file, however often
        they are stored, and other rows are another.

        Args:
            run: which job made them, see `find`.
            rows: ``key``, columns of results, and ``used``. Of several with one key the one that
                was used last is stored.
            digits: with which all keys begin.

        Returns:
            The files.
        """
        parts = list(_parts(_latest(rows, self.day), digits))
        with ThreadPoolExecutor(_AT_ONCE) as pool:  # a store takes its time for each
            return set(pool.map(lambda part: self._store(part[0] or _ALL, run, part[1]), parts))

    def add_new(self, run: str, rows: pa.Table) -> None:
        """Store rows that are used today as one file, until `settle` finds it.

        Args:
            run: which job made them.
            rows: ``key``, and columns of results.
        """
        self._store("new", run, _latest(stamped(rows, self.day), self.day))

    def renew(self, rows: pa.Table) -> None:
        """Store rows of earlier days once more, as used today; see `add_new`."""
        self.add_new(_RENEWED, rows)

    def _store(self, folder: str, run: str, rows: pa.Table) -> Location:
        data, name = packed(rows)
        file = self.location / folder / f"{run}-{name}.parquet"
        file.write_bytes(data)
        return file

    def new_files(self, run: str) -> list[Location]:
        """The files of `add_new` of this job, and those of jobs that must have been killed."""
        return [
            stored.file
            for stored in self._listed(re.compile("new"))
            if run_of(stored.file) in (run, _RENEWED) or stored.is_settled
        ]

    def ranges(self, files: Iterable[Stored]) -> int:
        """Into how many ranges its keys are divided where they are looked for: so many that the
        files of each have 64 MiB or so."""
        wanted, ranges = sum(stored.size for stored in files) / _RANGE, _LEAST_RANGES
        while ranges < min(wanted, _MOST_RANGES):
            ranges *= 2
        return ranges

    def find(
        self,
        keys: pa.FixedSizeBinaryArray,
        columns: Columns,
        run: str,
        files: Sequence[Stored] | None = None,
    ) -> tuple[pa.Table, np.ndarray]:
        """What is known of keys. A file in which one of them has no result is damaged.

        Args:
            keys: different ones.
            columns: the columns wanted.
            run: a job.
            files: as they were listed; None lists them.

        Returns:
            The rows in the order of their keys: those of this job, or of the last use, where
            there are several; and which of them this job made, bool, shape (rows,).

        Raises:
            JobFailed: its files keep going away.
        """
        for _ in range(_ATTEMPTS):
            try:
                return self._find(keys, columns, run, self.files() if files is None else files)
            except FileNotFoundError:  # another job has just merged them
                files = None
                time.sleep(0.5)
        raise JobFailed(f"{self.location}: its files keep going away; run it again")

    def _find(
        self,
        keys: pa.FixedSizeBinaryArray,
        columns: Columns,
        run: str,
        files: Sequence[Stored],
    ) -> tuple[pa.Table, np.ndarray]:
        halves = halves_of(keys)
        halves = halves[np.lexsort(halves.T[::-1])]
        room, tables = Room(), [columns.stored.empty_table()]
        places, own = [np.zeros(0, np.int64)], [np.zeros(0, bool)]

        def read(file: Location) -> tuple[np.ndarray, pa.Table]:
            return find(file, halves, columns, room)

        near = [s.file for s in files if len(halves) and s.overlaps((halves[0, 0], halves[-1, 0]))]
        for file, (at, rows) in sound(near, read):
            tables.append(rows)
            places.append(at)
            own.append(np.full(len(at), run_of(file) == run))
        table, at, mine = combined(tables), np.concatenate(places), np.concatenate(own)
        order = np.lexsort((days_of(table, self.day), mine, at))
        last = order[_last_of_each(at[order, None])]
        return take(table, last), mine[last]

    def damaged(self) -> list[Location]:
        """The files that were set aside, by this job or others."""
        return self.location.files(DAMAGED, recursive=True)


def run_of(file: Location) -> str:
    """The run that wrote a file."""
    return file.name.partition("-")[0]


def _latest(rows: pa.Table, day: int) -> pa.Table:
    """Rows in the order of their keys, of each key the one that was used last."""
    rows = stamped(combined([rows]), days_of(rows, day))
    halves = halves_of(rows.column("key").combine_chunks())
    order = np.lexsort((days_of(rows, day), halves[:, 1], halves[:, 0]))
    return take(rows, order[_last_of_each(halves[order])])


def _last_of_each(values: np.ndarray) -> np.ndarray:
    """The last place of each different row of values in order, shape (rows, columns)."""
    changes = (values[1:] != values[:-1]).any(axis=1)
    return np.flatnonzero(np.concatenate([changes, np.ones(len(values[-1:]), bool)]))


def _parts(rows: pa.Table, digits: str) -> Iterator[tuple[str, pa.Table]]:
    """Rows with the digits of the folder that they belong to, as many as one file may have."""
    if not len(rows):
        return
    if rows.nbytes <= _HELD or len(digits) >= DEEPEST:
        yield digits, rows
        return
    halves = halves_of(rows.column("key").combine_chunks())
    for digit in DIGITS:
        yield from _parts(rows[between(halves, bounds_of(digits + digit))], digits + digit)
