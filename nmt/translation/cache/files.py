"""The files of a cache, read as files that somebody else may have written.

A damaged file is set aside (``….parquet.damaged``) by whoever meets it: what it held is translated
again, for a cache is no more than translations that need not be made twice.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa
import pyarrow.fs as pafs

from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.tables.parquet import read_whole
from nmt.translation.cache.keys import KEY, digest_of

DAMAGED = ".damaged"
_LONGEST_NAME = 255  # bytes
_LARGEST = 1 << 30  # bytes of a file that is read
_HELD = 1 << 30  # bytes to which files unpack that are made one
# Bytes to which the files of a partition unpack: of a few, and for each byte of theirs.
_LITTLE, _RATIO = 256 << 20, 200
_UNREADABLE = (OSError, KeyError, UnicodeDecodeError, pa.ArrowException, UnusableInput)


class _Damaged(Exception):
    """A file cannot be read, although its store gives it."""

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


class _Room:
    """What the files of a partition may unpack to, together: so far so many bytes as in memory."""

    def __init__(self) -> None:
        self._stored = self._held = 0

    def left(self, size: int) -> int:
        """Bytes of rows that a file of so many bytes may have."""
        return max(_LITTLE, _RATIO * (self._stored + size)) - self._held

    def fill(self, size: int, held: int) -> None:
        """Count a file, and its rows."""
        self._stored, self._held = self._stored + size, self._held + held


def sound_files(
    files: Iterable[Location],
    columns: list[str] | None = None,
    check: Callable[[pa.Table], None] = lambda rows: None,
    gone: bool = False,
) -> Iterator[tuple[Location, pa.Table]]:
    """The files that `_read` reads, with their rows; one that is damaged is set aside, and so is
    one with which they unpack to far more than jobs write.

    Args:
        files: of one partition, or such as are read together.
        columns, check: see `_read`.
        gone: pass over files that are not there any more.
    """
    room = _Room()
    for file in files:
        try:
            rows = _read(file, room, columns, check)
        except _Damaged as damaged:
            damaged.set_aside()
        except FileNotFoundError:
            if not gone:
                raise
        else:
            yield file, rows


def lots(sound: Iterable[tuple[Location, pa.Table]]) -> Iterator[dict[Location, pa.Table]]:
    """Neighbouring files that can become one: with the same columns, and of 1 GiB unpacked at
    most."""
    lot: dict[Location, pa.Table] = {}
    held = 0
    for file, rows in sound:
        alike = all(table.schema.equals(rows.schema) for table in lot.values())
        if lot and (held + rows.nbytes > _HELD or not alike):
            yield lot
            lot, held = {}, 0
        lot[file] = rows
        held += rows.nbytes
    if lot:
        yield lot


def _read(
    file: Location,
    room: _Room,
    columns: list[str] | None = None,
    check: Callable[[pa.Table], None] = lambda rows: None,
) -> pa.Table:
    """Read a file, the column ``key`` among others.

    Args:
        file: the file.
        room: what it may unpack to; it is counted there.
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
        if not file.name.endswith(f"-{digest(data)}.parquet"):
            raise pa.ArrowInvalid("other contents than the name of the file says")
        most = room.left(len(data))
        rows = read_whole(file, pa.BufferReader(data), columns, most=most)
        keys = rows.column("key")
        if keys.type != KEY or keys.null_count:
            raise pa.ArrowInvalid("keys that are none")
        if f"-{digest_of(keys.combine_chunks())}-" not in file.name:
            raise pa.ArrowInvalid("other keys than the name of the file says")
        check(rows)
    except _UNREADABLE:
        raise _Damaged(file) from None
    room.fill(len(data), rows.nbytes)
    return rows


def run_of(file: Location) -> str:
    """The run that wrote a file."""
    return file.name.partition("-")[0]


def digest(data: bytes) -> str:
    """What stands in the name of a file of these bytes."""
    return hashlib.sha256(data).hexdigest()[:32]


def problem(column: pa.ChunkedArray, field: pa.Field) -> str | None:
    """What is wrong with a column of results, if anything is."""
    if column.type != field.type:
        return f"column '{field.name}' holds {column.type}, not {field.type}"
    nulls = 0 if field.nullable else column.null_count
    if pa.types.is_list(column.type):
        nulls += sum(chunk.flatten().null_count for chunk in column.chunks)
    return f"column '{field.name}' has {nulls:,} nulls" if nulls else None
