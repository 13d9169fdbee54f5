"""Tables that an evaluation reads, column by column, whatever their format: Parquet, or a format of
`nmt.formats.registry`, whose columns are held in memory.

A table may lie in several files, one after the other, and in the members of an archive. Folders
``column=value`` that they lie in are columns, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import islice

import pyarrow as pa
from pydantic import JsonValue

from nmt.errors import UnusableInput
from nmt.formats.detection import readable
from nmt.formats.file_list import FileList, Part
from nmt.formats.hive import repeated, with_folders
from nmt.formats.kinds import Kinds, as_array, extent, kind_of, type_of
from nmt.formats.registry import ROW_FORMATS
from nmt.formats.rows import check_columns
from nmt.printable import there_are
from nmt.tables.columns import is_text, texts_of
from nmt.tables.parquet import check_rows, open_parquet, read_batches, read_whole
from nmt.tables.schemas import cast, conform, kept_schema, unify
from nmt.tables.values import json_values
from nmt.text_limits import MOST_CHARACTERS, most_bytes

# Values of files of rows: of small ones, and for each byte of them, packed as they are.
_FEW_VALUES, _VALUES_OF_A_BYTE = 4_000_000, 8
_LITTLE, _RATIO = 256 << 20, 200  # bytes of a column in memory: of small files, and of each byte


class Table:
    """Files of columns: Parquet.

    Args:
        files: in order; their columns may differ as far as `nmt.tables.schemas.unify` allows.

    Attributes:
        location: what they were named by, for messages.
    """

    def __init__(self, files: FileList) -> None:
        self.files, self.location = files, files.location

    @cached_property
    def _opened(self) -> tuple[pa.Schema, list[int]]:
        counts = []

        def schemas() -> Iterator[tuple[str, pa.Schema]]:
            for part in self.files.parts:
                with readable(part.location), part.location.open() as handle:
                    file = open_parquet(part.location, handle)
                    counts.append(file.metadata.num_rows)
                    schema = kept_schema(file.schema_arrow)
                yield str(part.location), with_folders(schema, part.folders)

        schema = unify(schemas())
        check_rows(self.location, self.files.bytes, sum(counts))
        return schema, counts

    @property
    def schema(self) -> pa.Schema:
        """Names and types of its columns."""
        return self._opened[0]

    @property
    def counts(self) -> list[int]:
        """How many rows each file has."""
        return self._opened[1]

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return sum(self.counts)

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
                f"{self.location}: {problem} '{column}' for {option} {there_are(names, column)}"
            )
        return found

    def column(self, option: str, name: str) -> pa.ChunkedArray:
        """The values of a column; see `check_column`.

        Raises:
            UnusableInput: it is missing, or has too many bytes for such files.
        """
        name = self.check_column(option, name)
        kind = self.schema.field(name).type
        chunks: list[pa.Array] = []
        for values, times in self._runs(name, kind):
            chunks += (values if times == 1 else repeated(values, times)).chunks
        return pa.chunked_array(chunks, kind)

    def json_values(self, option: str, name: str) -> list[int | str | None]:
        """The same as JSON holds them, see `nmt.tables.values.json_values`; rows of a folder share
        its value."""
        name = self.check_column(option, name)
        values: list[int | str | None] = []
        for run, times in self._runs(name, self.schema.field(name).type):
            values += json_values(run) * times
        return values

    def _runs(self, name: str, kind: pa.DataType) -> Iterator[tuple[pa.ChunkedArray, int]]:
        """The values of a column, file by file, and how many times they come: that of a folder
        once for each row."""
        room = max(_LITTLE, _RATIO * self.files.bytes)
        for part, rows in zip(self.files.parts, self.counts, strict=True):
            if (value := self._folder(part, name)) is not None:
                yield cast(pa.chunked_array([pa.array(value, pa.string())]), kind), rows
                continue
            with readable(part.location), part.location.open() as handle:
                table = read_whole(part.location, handle, [name], most=room)
            room = max(0, room - table.nbytes)
            yield cast(conform(table, kept_schema(table.schema)).column(name), kind), 1

    def texts(self, option: str, name: str, most: int = MOST_CHARACTERS) -> list[str | None]:
        """The texts of a column, what is no UTF-8 in them as U+FFFD; None for a null.

        Args:
            option: see `check_column`.
            name: of the column.
            most: characters of a text that count; a longer one may be cut off, and is still
                longer.

        Raises:
            UnusableInput: it is missing, holds no text, or has too many bytes for such files.
        """
        name = self.check_column(option, name)
        if not is_text(kind := self.schema.field(name).type):
            raise UnusableInput(f"{self.location}: column '{name}' for {option} holds {kind}")
        texts: list[str | None] = []
        room = self.files.most
        for part, rows in zip(self.files.parts, self.counts, strict=True):
            if (value := self._folder(part, name)) is not None:
                texts += value * rows
                continue
            with readable(part.location), part.location.open() as handle:
                batches = read_batches(part.location, handle, [name], shared=[name], most=room)
                own = [text for b in batches for text in texts_of(b.column(name), most_bytes(most))]
            shared = {id(text): len(text) for text in own if text}  # rows of a dictionary share
            room = max(0, room - sum(shared.values()))
            texts += own
        return texts

    def _folder(self, part: Part, name: str) -> list[str | None] | None:
        """The value of all rows of a file, in a list, if its folder says it and not the file."""
        folders = dict(part.folders)
        if name not in folders:
            return None
        with readable(part.location), part.location.open() as handle:
            own = open_parquet(part.location, handle).schema_arrow.names
        return None if name in own else [folders[name]]


class RowTable(Table):
    """Files of rows with named columns, read whole.

    Args:
        files: in order.
        most: rows that may be of use: only so many and one more are read. None reads all.

    Raises:
        UnusableInput: a row that cannot be read, or too many values for such files.
    """

    def __init__(self, files: FileList, most: int | None = None) -> None:
        super().__init__(files)
        self._format = ROW_FORMATS[files.format]
        # Of each column only the cells that there are: rows may leave most of them out.
        self._cells: dict[str, dict[int, JsonValue]] = {}
        self._counts = [0] * len(files.parts)
        self._names: list[set[str]] = [set() for _ in files.parts]
        kinds: dict[str, Kinds] = {}
        room = values = max(_FEW_VALUES, _VALUES_OF_A_BYTE * files.bytes)
        wanted = islice(files.rows(), None if most is None else most + 1)
        for count, (place, row) in enumerate(wanted):
            if row.unreadable is not None:
                raise UnusableInput(
                    f"{files.parts[place].location}: the row of line {row.line} cannot be read; "
                    "mend it"
                )
            for name, value in row.values.items():
                if name not in self._cells:
                    self._cells[name], kinds[name] = {}, Kinds(0)
                    check_columns(files.location, self._cells)
                self._cells[name][count] = value
                kinds[name] |= kind_of(value)
            self._names[place].update(row.values)
            self._counts[place] += 1
            room -= max(sum(extent(value)[0] for value in row.values.values()), 1)
            if room < 0:
                raise UnusableInput(
                    f"{files.location}: has more than {values:,} values, those in lists and "
                    "objects among them, out of all proportion to its size; write it anew, or cut "
                    "it into smaller files"
                )
        self._schema = pa.schema([(name, type_of(kinds[name])) for name in self._cells])

    @property
    def schema(self) -> pa.Schema:
        """See `Table.schema`."""
        return self._schema

    @property
    def counts(self) -> list[int]:
        """How many rows have been read of each file."""
        return self._counts

    def find_column(self, column: str) -> str | None:
        """See `Table.find_column`."""
        return self._format.find_column(column, self._cells)

    def check_column(self, option: str, column: str) -> str:
        """See `Table.check_column`; a file that has rows must have it, too."""
        name = super().check_column(option, column)
        for part, rows, names in zip(self.files.parts, self._counts, self._names, strict=True):
            if rows and name not in names:
                raise UnusableInput(
                    f"{part.location}: no column '{name}' for {option} "
                    f"{there_are(sorted(names))}, which other files of {self.location} have"
                )
        return name

    def _runs(self, name: str, kind: pa.DataType) -> Iterator[tuple[pa.ChunkedArray, int]]:
        """See `Table._runs`."""
        cells = self._cells[name]
        values = as_array([cells.get(row) for row in range(self.rows)], kind)
        # Beyond 2 GiB of texts it has chunks already.
        yield values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values]), 1

    def texts(self, option: str, name: str, most: int = MOST_CHARACTERS) -> list[str | None]:
        """See `Table.texts`; numbers are as they are written, and nothing is cut off."""
        column = self.column(option, name)
        return [None if value is None else str(value) for value in column.to_pylist()]
