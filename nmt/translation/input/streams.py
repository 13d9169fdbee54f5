"""Rows of a file that can only be read from its start, a run at a time.

So the file stays open where it was left, and a process that asks for one run after another reads it
once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from itertools import islice
from typing import IO, Any, TypeVar

from nmt.formats.detection import FileKind, readable
from nmt.formats.registry import ROW_FORMATS
from nmt.formats.rows import Row, whole_lines
from nmt.formats.text_files import open_text
from nmt.storage.recorded import PinnedFile

Item = TypeVar("Item")
_last: _Reader | None = None


def read_lines(
    file: PinnedFile, kind: FileKind, start: int, rows: int, longest: int
) -> list[bytes]:
    """Consecutive lines of a packed text file, with their ends.

    Args:
        file: where it lies.
        kind: what it is.
        start: number of the first line, counted from 0.
        rows: how many.
        longest: see `nmt.formats.rows.whole_lines`.
    """

    def lines(stream: IO[bytes], start: int) -> Iterator[bytes]:
        return islice(whole_lines(stream, longest), start, None)

    return _read(file, kind, start, rows, longest, lines)


def read_rows(file: PinnedFile, kind: FileKind, start: int, rows: int) -> list[Row]:
    """Consecutive rows of a file of one of the `ROW_FORMATS`; see `read_lines`."""

    def all_rows(stream: IO[bytes], start: int) -> Iterator[Row]:
        return ROW_FORMATS[kind.format].rows(stream, file, start)

    return _read(file, kind, start, rows, 0, all_rows)


def _read(
    file: PinnedFile,
    kind: FileKind,
    start: int,
    rows: int,
    longest: int,
    items: Callable[[IO[bytes], int], Iterator[Item]],
) -> list[Item]:
    global _last
    reader, _last = _last, None  # one that fails is not used again
    identity = (file, file.state, kind, longest)
    if reader is None or reader.identity != identity or reader.position > start:
        reader = _Reader(identity, open_text(file, kind), items, start)
    with readable(file):
        run: list[Item] = reader.read(start, rows)
    _last = reader
    return run


class _Reader:
    """An open file.

    Attributes:
        identity: what it is known by: another one may lie there now.
        position: number of the row that comes next.
    """

    def __init__(
        self,
        identity: tuple[object, ...],
        opened: AbstractContextManager[IO[bytes]],
        items: Callable[[IO[bytes], int], Iterator[Any]],
        start: int,
    ) -> None:
        self.identity, self.position = identity, start
        self._stack = ExitStack()
        self._items = items(self._stack.enter_context(opened), start)

    def read(self, start: int, rows: int) -> list[Any]:
        """See `read_lines`."""
        for _ in islice(self._items, start - self.position):
            pass
        run = list(islice(self._items, rows))
        self.position = start + len(run)
        return run
