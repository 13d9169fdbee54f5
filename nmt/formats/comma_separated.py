"""CSV as in RFC 4180: commas, a header, cells in quotes that may hold line breaks.

Each record has as many cells as the header. One that has not, or whose quotes are wrong, is a
malformed row: of several lines only the first, and reading goes on with the second, so that a
quote that is never closed costs one line and not all that follow. An empty line is no row, unless
the header has one column.
"""

from __future__ import annotations

import codecs
import csv
from collections import Counter, deque
from collections.abc import Iterator
from typing import IO, NamedTuple

from pydantic import JsonValue

from nmt.errors import UnusableInput
from nmt.formats.rows import LONGEST_ROW, TOO_LONG, Row, RowFormat, check_columns, whole_lines
from nmt.storage.location import Location
from nmt.text_limits import MalformedRow

_WRONG_QUOTES = f"quotes that are wrong or not closed, or {TOO_LONG}"


class CommaSeparated(RowFormat):
    """See this module."""

    name = "csv"
    words = "a CSV file"
    endings = ("csv",)

    def rows(self, file: IO[bytes], location: Location, start: int = 0) -> Iterator[Row]:
        """See `RowFormat.rows`."""
        records = _records(file)
        header = _header(location, next(records, None))
        count = 0
        for record in records:
            cells = record.cells
            if cells == []:
                if len(header) > 1:
                    continue
                cells = [""]
            count += 1
            if count > start:
                yield _row(header, record, cells)


class _Record(NamedTuple):
    """A record; `cells` is None where its quotes are wrong."""

    line: int
    cells: list[str] | None
    raw: bytes


def _header(location: Location, record: _Record | None) -> list[str]:
    """The names of the columns."""
    if record is None:
        raise UnusableInput(f"{location}: holds no line; give a file with a header and rows")
    names = record.cells
    try:
        record.raw.decode("utf-8")
    except UnicodeDecodeError:
        names = None
    if not names:
        raise UnusableInput(
            f"{location}: its first line is no header of CSV; give UTF-8 with the names of the "
            "columns in the first line, separated by commas"
        )
    other = next((mark for mark in ";\t|" if mark in names[0]), None)
    if len(names) == 1 and other:
        raise UnusableInput(
            f"{location}: its cells stand between {other!r}; write them between commas"
        )
    check_columns(location, names)
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise UnusableInput(
            f"{location}: has several columns '{name[:80]}'; give each a name of its own"
        )
    return names


def _row(header: list[str], record: _Record, cells: list[str] | None) -> Row:
    values: dict[str, JsonValue] = {}
    if cells and len(cells) == len(header):
        values.update(zip(header, cells, strict=True))
    try:
        record.raw.decode("utf-8")
    except UnicodeDecodeError:
        return Row(record.line, values, record.raw)
    if values:
        return Row(record.line, values)
    why = f"not {len(header)} cells, but {len(cells)}" if cells else _WRONG_QUOTES
    return Row(record.line, values, MalformedRow(record.raw, why))


class _Hopeless(Exception):
    """A record has more bytes than it may have, or goes on with lines that end none."""


class _Lines(Iterator[str]):
    """The lines of a file for `csv.reader`, which can be given back.

    Where a record goes on with a line, its quotes are open. What then follows does not depend on
    where it began. So a line with which one record in vain went on is tried by no other, and a file
    of wrong quotes is read in linear time.

    Attributes:
        line: number of the first line of this record, from 1.
        taken: the lines of this record.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._lines = enumerate(whole_lines(file, LONGEST_ROW))
        self._waiting: deque[bytes] = deque()
        self.line, self.taken, self._size = 1, list[bytes](), 0
        self._hopeless = 0  # the last line that ends no record which goes on with it

    def __next__(self) -> str:
        if self.taken and self.line + len(self.taken) <= self._hopeless:
            raise _Hopeless
        line = self._waiting.popleft() if self._waiting else self._read()
        self.taken.append(line)
        self._size += len(line)
        if self._size > LONGEST_ROW:
            raise _Hopeless
        return line.decode("utf-8", "replace")

    def _read(self) -> bytes:
        number, line = next(self._lines)
        return line if number else line.removeprefix(codecs.BOM_UTF8)

    def begin(self) -> None:
        """Go on with the next record."""
        self.line += len(self.taken)
        self.taken, self._size = [], 0

    def give_back(self) -> None:
        """Begin again with the second line of this record, whose quotes are wrong."""
        self._hopeless = max(self._hopeless, self.line + len(self.taken) - 1)
        self._waiting.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]


def _records(file: IO[bytes]) -> Iterator[_Record]:
    csv.field_size_limit(LONGEST_ROW)  # of the process; `_Lines` counts more strictly
    lines = _Lines(file)
    reader = csv.reader(lines, strict=True)
    while True:
        lines.begin()
        cells: list[str] | None = None
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _Hopeless):
            lines.give_back()
        raw = b"".join(lines.taken)
        yield _Record(lines.line, cells, raw.removesuffix(b"\n").removesuffix(b"\r"))
