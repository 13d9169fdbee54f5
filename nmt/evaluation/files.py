"""Files of texts and numbers that an evaluation compares, whatever their format: the one place that
reads them.

A file of lines has one text per line; a table has columns: Parquet, or a format of
`nmt.formats.registry`, whose columns are held in memory.
"""

from __future__ import annotations

from functools import cached_property
from itertools import islice

import pyarrow as pa
from pydantic import JsonValue

from nmt.errors import UnusableInput
from nmt.formats.detection import Accepted, FileKind, detect, readable
from nmt.formats.kinds import Kinds, as_array, kind_of, type_of
from nmt.formats.packed import most_unpacked
from nmt.formats.registry import ROW_FORMATS
from nmt.formats.rows import check_columns
from nmt.formats.text_files import open_text, read_aligned, read_lines
from nmt.printable import join_names
from nmt.storage.location import Location
from nmt.storage.recorded import PinnedFile
from nmt.tables.columns import is_text, texts_of
from nmt.tables.parquet import open_parquet, read_batches, read_whole
from nmt.text_limits import MOST_CHARACTERS, most_bytes

TEXTS = Accepted(
    ("text", "parquet", *ROW_FORMATS),
    "give UTF-8 text, one text per line, .csv, .jsonl or .tmx (also compressed), or .parquet",
)
# Values of a file of rows: of a small one, and for each byte of it, packed as it is.
_FEW_VALUES, _VALUES_OF_A_BYTE = 4_000_000, 8


class Table:
    """A file of columns: Parquet.

    Args:
        location: the file.
    """

    def __init__(self, location: Location) -> None:
        self.location = location

    @cached_property
    def _file(self) -> tuple[pa.Schema, int]:
        with readable(self.location), self.location.open() as handle:
            file = open_parquet(self.location, handle)
            return file.schema_arrow, file.metadata.num_rows

    @property
    def schema(self) -> pa.Schema:
        """Names and types of its columns."""
        return self._file[0]

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return self._file[1]

    def find_column(self, column: str) -> str | None:
        """The column that a user means; None if there is no such, or several."""
        return column if self.schema.names.count(column) == 1 else None

    def check_column(self, option: str, column: str) -> str:
        """Refuse a column that is missing; returns its name.

        Args:
            option: names the column, for the message.
            column: its name; of TMX a language.
        """
        if (found := self.find_column(column)) is None:
            names = self.schema.names
            problem = "several columns" if column in names else "no column"
            raise UnusableInput(
                f"{self.location}: {problem} '{column}' for {option} (there are "
                f"{join_names(names)})"
            )
        return found

    def column(self, option: str, name: str) -> pa.ChunkedArray:
        """The values of a column; see `check_column`.

        Raises:
            UnusableInput: it is missing, or has too many bytes for such a file.
        """
        name = self.check_column(option, name)
        with readable(self.location), self.location.open() as handle:
            return read_whole(self.location, handle, [name]).column(name)

    def texts(self, option: str, name: str, most: int = MOST_CHARACTERS) -> list[str | None]:
        """The texts of a column, what is no UTF-8 in them as U+FFFD; None for a null.

        Args:
            option: see `check_column`.
            name: of the column.
            most: characters of a text that count; a longer one may be cut off, and is still
                longer.

        Raises:
            UnusableInput: it is missing, holds no text, or has too many bytes for such a file.
        """
        name = self.check_column(option, name)
        if not is_text(kind := self.schema.field(name).type):
            raise UnusableInput(f"{self.location}: column '{name}' for {option} holds {kind}")
        with readable(self.location), self.location.open() as handle:
            batches = read_batches(
                *(self.location, handle, [name]), shared=[name], most=most_unpacked(handle.size())
            )
            return [
                text for own in batches for text in texts_of(own.column(name), most_bytes(most))
            ]


class RowTable(Table):
    """A file of rows with named columns, read whole.

    Args:
        location: the file.
        kind: what it is.
        most: rows that may be of use: only so many and one more are read. None reads all.

    Raises:
        UnusableInput: a row that cannot be read, or too many values for such a file.
    """

    def __init__(self, location: Location, kind: FileKind, most: int | None = None) -> None:
        super().__init__(location)
        self._format = ROW_FORMATS[kind.format]
        # Of each column only the cells that there are: rows may leave most of them out.
        self._cells: dict[str, dict[int, JsonValue]] = {}
        kinds: dict[str, Kinds] = {}
        self._rows = 0
        room = max(_FEW_VALUES, _VALUES_OF_A_BYTE * location.info().size)
        with open_text(location, kind) as file:
            rows = self._format.rows(file, location)
            for row in rows if most is None else islice(rows, most + 1):
                if row.unreadable is not None:
                    raise UnusableInput(
                        f"{location}: the row of line {row.line} cannot be read; mend it"
                    )
                for name, value in row.values.items():
                    if name not in self._cells:
                        self._cells[name], kinds[name] = {}, Kinds(0)
                        check_columns(location, self._cells)
                    self._cells[name][self._rows] = value
                    kinds[name] |= kind_of(value)
                self._rows += 1
                room -= max(len(row.values), 1)
                if room < 0:
                    raise UnusableInput(
                        f"{location}: has more than {self._rows:,} rows, out of all proportion to "
                        "its size; write it anew, or cut it into smaller files"
                    )
        self._schema = pa.schema([(name, type_of(kinds[name])) for name in self._cells])

    @property
    def schema(self) -> pa.Schema:
        """See `Table.schema`."""
        return self._schema

    @property
    def rows(self) -> int:
        """How many rows have been read."""
        return self._rows

    def find_column(self, column: str) -> str | None:
        """See `Table.find_column`."""
        return self._format.find_column(column, self._cells)

    def column(self, option: str, name: str) -> pa.ChunkedArray:
        """See `Table.column`."""
        name = self.check_column(option, name)
        cells = self._cells[name]
        values = [cells.get(row) for row in range(self._rows)]
        return pa.chunked_array([as_array(values, self._schema.field(name).type)])

    def texts(self, option: str, name: str, most: int = MOST_CHARACTERS) -> list[str | None]:
        """See `Table.texts`; numbers are as they are written, and nothing is cut off."""
        column = self.column(option, name)
        return [None if value is None else str(value) for value in column.to_pylist()]


def open_table(
    location: Location, accepted: Accepted = TEXTS, most: int | None = None
) -> Table | None:
    """A file of columns; None for one of lines.

    Args:
        location: the file.
        accepted: what it may be.
        most: rows that may be of use; more need not be read.

    Raises:
        UnusableInput: no such file, or one of another format.
    """
    kind = detect(location, accepted)
    if kind.format == "parquet":
        return Table(location)
    return RowTable(location, kind, most) if kind.format in ROW_FORMATS else None


def read_translations(location: Location, most: int) -> list[str]:
    """The lines of a file, what is no UTF-8 in them as U+FFFD.

    Args:
        location: the file.
        most: characters of a line that count; a longer one may be cut off, and is still longer.
    """
    lines = read_lines(location, TEXTS, longest=most_bytes(most))
    return [line.decode("utf-8", "replace") for line in lines]


def read_beside(
    name: str,
    column: str | None,
    option: str,
    rows: int,
    what: str,
    most: int = MOST_CHARACTERS,
    default: str = "",
) -> list[str | None]:
    """The texts of a file that goes with translations row by row.

    Args:
        name: the file.
        column: of a table, the column that holds them.
        option: names the column, for errors.
        rows: how many there must be.
        what: it holds, for errors.
        most: see `read_translations`.
        default: the column of a table where no other is named.

    Raises:
        UnusableInput: no such file or column, of another format, or of another number of rows.
    """
    location = PinnedFile(Location(name))
    if (table := open_table(location, most=rows)) is None:
        if column is not None:
            raise UnusableInput(
                f"{location}: has lines and no column '{column}'; leave {option} out"
            )
        return [*read_aligned(name, rows, what, most)]
    if column is None:
        column = default
        if table.find_column(column) is None:
            raise UnusableInput(
                f"{location}: has columns (there are {join_names(table.schema.names)}); name that "
                f"of the {what} with {option}"
            )
    table.check_column(option, column)
    if table.rows != rows:
        count = f"more than {rows:,}" if table.rows > rows else f"{table.rows:,}"
        raise UnusableInput(
            f"{location} has {count} rows but the input has {rows:,}; {what} must be line-aligned "
            "with the input"
        )
    return table.texts(option, column, most)
