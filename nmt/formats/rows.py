"""What a format is whose rows have named columns, and the lines of an open text file.

A row that cannot be read is a row all the same: it is rejected with a reason, and the job goes on.
Only what makes nonsense of all that follows ends it.

Only a line feed ends a line, perhaps after a carriage return. U+2028, U+0085 and the like are text,
for otherwise the lines of aligned files would shift. A byte order mark before the first line is no
part of it.
"""

from __future__ import annotations

import codecs
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import IO, ClassVar, NamedTuple

from pydantic import JsonValue

from nmt.errors import UnusableInput
from nmt.json_text import json_text
from nmt.printable import there_are
from nmt.storage.location import Location
from nmt.tables.parquet import MOST_COLUMNS
from nmt.text_limits import MOST_CHARACTERS, MalformedRow, most_bytes

_CHUNK = 1 << 20
_END = 3  # bytes: those of a line end, and one by which a line is too long
LONGEST = most_bytes(MOST_CHARACTERS)  # bytes of a line

LONGEST_ROW = 16 << 20  # bytes of a row with all its columns
TOO_LONG = "more than 16 MiB"


def lines(file: IO[bytes], longest: int = LONGEST) -> Iterator[bytes]:
    """The lines of an open text file without their ends and without a byte order mark.

    Args:
        file: see `open_text`.
        longest: see `whole_lines`.
    """
    for number, line in enumerate(whole_lines(file, longest)):
        yield bare(line, number)


def whole_lines(file: IO[bytes], longest: int = LONGEST) -> Iterator[bytes]:
    """The lines of an open text file with their ends.

    Args:
        file: see `open_text`.
        longest: bytes of a line that are read; of a longer one the rest is passed over, so that
            it needs no memory. What is left is still longer than it may be.
    """
    room = longest + _END
    for line in iter(partial(file.readline, room), b""):
        if len(line) == room and not line.endswith(b"\n"):
            while (rest := file.readline(_CHUNK)) and not rest.endswith(b"\n"):
                pass
        yield line


def bare(line: bytes, number: int) -> bytes:
    """A line as it is read, without its end; the line of number 0 without a byte order mark."""
    if number == 0:
        line = line.removeprefix(codecs.BOM_UTF8)
    return line.removesuffix(b"\n").removesuffix(b"\r")


def count_lines(file: IO[bytes]) -> tuple[int, int, bool]:
    """Count what is left of an open text file, in flat memory.

    Returns:
        The number of lines (only ``\n`` ends one; a last line needs none), of bytes, and
        whether a tab occurs.
    """
    lines = size = 0
    tab = False
    last = b"\n"
    while chunk := file.read(_CHUNK):
        lines += chunk.count(b"\n")
        size += len(chunk)
        tab = tab or b"\t" in chunk
        last = chunk[-1:]
    return lines + (last != b"\n"), size, tab


class Row(NamedTuple):
    """A row of a file.

    Attributes:
        line: of the file on which it begins, from 1.
        values: by the names of the columns; one that is missing is null.
        unreadable: where the row is not to be used, its bytes as they stand in the file, perhaps
            without their end: a `MalformedRow`, or bytes that are not UTF-8. Then `values` is what
            can be known of it.
    """

    line: int
    values: Mapping[str, JsonValue]
    unreadable: bytes | None = None


class RowFormat(ABC):
    """A text format whose rows have named columns; it holds no state.

    Attributes:
        name: in `FileKind`.
        words: what such a file is called.
        endings: of the names of its files, in lower case.
        contents: what its bytes may be, see `nmt.formats.detection.sniff`.
    """

    name: ClassVar[str]
    words: ClassVar[str]
    endings: ClassVar[tuple[str, ...]]
    contents: ClassVar[tuple[str, ...]] = ("text",)

    @abstractmethod
    def rows(self, file: IO[bytes], location: Location, start: int = 0) -> Iterator[Row]:
        """The rows of an open file in order, in flat memory.

        Args:
            file: from its beginning, unpacked.
            location: of the file, for messages.
            start: so many rows are passed over.

        Raises:
            UnusableInput: what stands there makes nonsense of all that follows.
        """

    def find_column(self, wanted: str, columns: Collection[str]) -> str | None:
        """The column that a user means; None if there is no such, or several.

        Args:
            wanted: as it was named.
            columns: that there are.
        """
        return wanted if wanted in columns else None

    def column(self, location: Location, wanted: str, columns: Collection[str], hint: str) -> str:
        """The same, where there must be one.

        Raises:
            UnusableInput: there is none; the message lists those that there are.
        """
        if (column := self.find_column(wanted, columns)) is None:
            missing = f"no column '{wanted}'" if wanted else "holds several columns"
            raise UnusableInput(f"{location}: {missing} {there_are(columns, wanted)}; {hint}")
        return column


def text_of(value: JsonValue) -> bytes | None:
    """The text that a cell holds, as bytes; what is none, but null, is malformed."""
    if isinstance(value, str):
        return value.encode()
    return (
        None
        if value is None
        else MalformedRow(json_text(value).encode(), "a value that is no text")
    )


def check_columns(location: Location, columns: Collection[str]) -> None:
    """Refuse more columns than a file may have.

    Raises:
        UnusableInput: there are more.
    """
    if len(columns) > MOST_COLUMNS:
        raise UnusableInput(
            f"{location}: more than {MOST_COLUMNS:,} columns; leave out those that you do not need"
        )
