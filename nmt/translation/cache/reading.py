"""Rows out of the files of a cache, read as files that somebody else may have written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pyarrow as pa

from nmt.storage.location import Location
from nmt.tables.chunks import combined
from nmt.translation.cache import rows_file
from nmt.translation.cache.keys import KEY, between, matches
from nmt.translation.cache.last_use import USED
from nmt.translation.cache.rows_file import Damaged, RowsFile, checked

EVERYTHING = 0, (1 << 64) - 1  # bounds of the first halves of keys
T = TypeVar("T")
Problems = Callable[[pa.Table], Iterable[str]]


class Room:
    """What rows that are held together may have in memory: so many bytes go by those stored."""

    def __init__(self) -> None:
        self._stored = self._held = 0

    def fill(self, file: Location, size: int, rows: pa.Table) -> None:
        """Count rows of a file.

        Raises:
            Damaged: there are far more of them than jobs write into files of such sizes.
        """
        most = max(rows_file.LITTLE, rows_file.RATIO * (self._stored + size))
        if self._held + rows.nbytes > most:
            raise Damaged(file)
        self._stored, self._held = self._stored + size, self._held + rows.nbytes


@dataclass(frozen=True)
class Columns:
    """The columns of a file besides ``key`` and ``used``, as they must be.

    Attributes:
        schema: their types. One with a null where none may be, or of another type, is no result.
        problems: what else is wrong with rows, if anything is.
    """

    schema: pa.Schema
    problems: Problems = lambda rows: ()

    @property
    def stored(self) -> pa.Schema:
        """All columns that are read."""
        own = zip(self.schema.names, self.schema.types, strict=True)
        return pa.schema([("key", KEY), *own, USED.with_nullable(True)])

    def taken(self, rows: pa.Table) -> pa.Table:
        """Rows as they are used.

        Raises:
            pa.ArrowInvalid: they are no results.
        """
        for field in (*self.schema, USED):
            if wrong := problem(rows.column(field.name), field):
                raise pa.ArrowInvalid(wrong)
        for wrong in self.problems(rows):
            raise pa.ArrowInvalid(wrong)
        return rows.select(self.stored.names).cast(self.stored)


def sound(
    files: Iterable[Location],
    read: Callable[[Location], T],
    gone: bool = False,
    dry_run: bool = False,
) -> Iterator[tuple[Location, T]]:
    """What is read of files; one that is damaged is set aside.

    Args:
        files: which ones.
        read: raises Damaged, or FileNotFoundError.
        gone: pass over files that are not there any more.
        dry_run: leave a damaged one where it is.
    """
    for file in files:
        try:
            result = read(file)
        except Damaged as damaged:
            if not dry_run:
                damaged.set_aside()
        except FileNotFoundError:
            if not gone:
                raise
        else:
            yield file, result


def find(
    file: Location, halves: np.ndarray, columns: Columns, room: Room
) -> tuple[np.ndarray, pa.Table]:
    """The rows of a file that have certain keys; no others are held.

    Args:
        file: which one.
        halves: of the keys, different and in ascending order, uint64, shape (keys, 2).
        columns: those wanted.
        room: what the rows may have.

    Returns:
        The places of the keys that it has, in ascending order, and their rows.
    """
    places: list[np.ndarray] = []
    rows: list[pa.Table] = []
    with RowsFile(file) as opened:
        names = columns.stored.names
        for batch, own in opened.batches(opened.groups(halves[:, 0]), names):
            some = between(halves, (own[0, 0], own[-1, 0]))
            wanted, at = matches(halves[some], own)
            places.append(some.start + wanted)
            table = pa.Table.from_batches([batch])
            rows.append(table if len(at) == len(table) else table.take(pa.array(at)))
        return np.concatenate([np.zeros(0, np.int64), *places]), _taken(opened, rows, columns, room)


def read_between(
    file: Location, room: Room, columns: Columns | None = None, bounds: tuple[int, int] = EVERYTHING
) -> pa.Table:
    """The rows of a file whose keys lie within bounds.

    Args:
        file: which one.
        room: what they may have.
        columns: those wanted; None is all, whatever they are.
        bounds: of the first halves of the keys.
    """
    least, greatest = (np.uint64(bound) for bound in bounds)
    with RowsFile(file) as opened:
        inside = (opened.greatest >= least) & (opened.least <= greatest)
        names = None if columns is None else columns.stored.names
        batches = opened.batches(np.flatnonzero(inside).tolist(), names)
        rows = [pa.Table.from_batches([batch])[between(own, bounds)] for batch, own in batches]
        return _taken(opened, rows, columns, room)


def _taken(opened: RowsFile, rows: list[pa.Table], columns: Columns | None, room: Room) -> pa.Table:
    """Rows of a file as one table, checked and counted."""
    if not rows:
        return (opened.schema if columns is None else columns.stored).empty_table()
    with checked(opened.file):
        table = combined(rows)
        if columns is not None:
            table = columns.taken(table)
        elif wrong := problem(table.column(USED.name), USED):
            raise pa.ArrowInvalid(wrong)
        table.validate(full=True)  # texts are UTF-8
    room.fill(opened.file, opened.size, table)
    return table


def problem(column: pa.ChunkedArray, field: pa.Field) -> str | None:
    """What is wrong with a column of results, if anything is."""
    if column.type != field.type:
        return f"column '{field.name}' holds {column.type}, not {field.type}"
    nulls = 0 if field.nullable else column.null_count
    if pa.types.is_list(column.type):
        nulls += sum(chunk.flatten().null_count for chunk in column.chunks)
    return f"column '{field.name}' has {nulls:,} nulls" if nulls else None
