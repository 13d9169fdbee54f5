"""Sentence pairs out of files whose columns have names."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from nmt.corpus.pair_reader import (
    COLUMN_OPTIONS,
    LONGEST_DOCUMENT,
    SIDES,
    Inspection,
    PairReader,
    RawRow,
    Sides,
    document_of,
)
from nmt.errors import UnusableInput
from nmt.formats.detection import PAIRS, FileKind, readable
from nmt.formats.packed import most_unpacked
from nmt.formats.registry import ROW_FORMATS
from nmt.formats.rows import LONGEST, check_columns, text_of
from nmt.formats.text_files import open_text
from nmt.printable import join_names
from nmt.storage.location import Location
from nmt.storage.recorded import PinnedFile
from nmt.tables.columns import as_bytes, is_text, plain_type
from nmt.tables.parquet import open_parquet, read_batches
from nmt.text_limits import MalformedRow


class ParquetPairs(PairReader):
    """Two columns of a Parquet file; a line is a row.

    Args:
        location: of the file.
        longest: bytes of a side that are read.
        columns: of source and target.
        split_by: the column that decides on the split; None is none.
        options: that name the columns, for messages.
    """

    accepted = PAIRS

    def __init__(
        self,
        location: Location,
        longest: int = LONGEST,
        columns: Sides = SIDES,
        split_by: str | None = None,
        options: Sides = COLUMN_OPTIONS,
    ) -> None:
        self.locations, self._longest, self._columns = (location,), longest, columns
        self._split_by, self._options = split_by, options

    def inspect(self) -> Inspection:
        """See `PairReader.inspect`."""
        location = self.locations[0]
        with readable(location), location.open() as file:
            parquet = open_parquet(location, file)
            schema, metadata = parquet.schema_arrow, parquet.metadata
        wanted = [*zip(self._columns, self._options, strict=True)]
        if self._split_by is not None:
            wanted.append((self._split_by, "--split-by"))
        for name, option in wanted:
            if name not in schema.names:
                known = join_names(schema.names)
                raise UnusableInput(
                    f"{location}: has no column '{name}'; its columns are {known}: name one with "
                    f"{option}"
                )
            kind = schema.field(name).type
            if option == "--split-by" and not (is_text(kind) or _is_plain(kind)):
                raise UnusableInput(
                    f"{location}: column '{name}' holds {kind}; --split-by takes text, whole "
                    "numbers, dates, or true and false"
                )
            if option != "--split-by" and not is_text(kind):
                raise UnusableInput(f"{location}: column '{name}' holds {kind}, not text")
        if not metadata.num_rows:
            raise UnusableInput(f"{location}: holds no row; give a file with sentence pairs")
        groups = range(metadata.num_row_groups)
        size = sum(metadata.row_group(number).total_byte_size for number in groups)
        return Inspection(metadata.num_rows, size)

    def rows(self) -> Iterator[RawRow]:
        """See `PairReader.rows`."""
        location = self.locations[0]
        number = 0
        with readable(location), location.open() as file:
            room = most = most_unpacked(file.size())
            names = list(dict.fromkeys((*self._columns, self._split_by or self._columns[0])))
            for batch in read_batches(location, file, names, shared=names):
                sides = [as_bytes(batch.column(name), self._longest) for name in self._columns]
                for source, target, document in zip(*sides, self._documents(batch), strict=True):
                    number += 1
                    room -= len(source or b"") + len(target or b"")
                    if room < 0:
                        raise UnusableInput(
                            f"{location}: its first {number:,} rows have more than {most:,} bytes, "
                            "out of all proportion to its size; write it anew"
                        )
                    yield RawRow(number, source, target, document)

    def _documents(self, batch: pa.RecordBatch) -> list[bytes | None]:
        """What decides on the split of each row."""
        if self._split_by is None:
            return [None] * len(batch)
        column = batch.column(self._split_by)
        if not is_text(column.type):
            if pa.types.is_dictionary(column.type):
                column = column.dictionary_decode()
            column = pc.cast(column, pa.string())
        return [document_of(value) for value in as_bytes(column, LONGEST_DOCUMENT)]


class RowPairs(PairReader):
    """Two columns of a file of CSV or JSON Lines, or two languages of a TMX file.

    A row that is none has no target, and what stands there for a source.

    Args:
        location: of the file.
        kind: its format, and how it is packed.
        longest: bytes of a side that are read.
        columns: of source and target.
        languages: the columns of a TMX file whose columns were not named.
        split_by: the column that decides on the split; None is none.
        options: that name the columns, for messages.
    """

    accepted = PAIRS

    def __init__(
        self,
        location: PinnedFile,
        kind: FileKind,
        longest: int,
        columns: Sides,
        languages: Sides,
        split_by: str | None = None,
        options: Sides = COLUMN_OPTIONS,
    ) -> None:
        self.locations, self._kind, self._longest = (location,), kind, longest
        self._split_by = split_by
        self._format = ROW_FORMATS[kind.format]
        by_language = kind.format == "tmx" and columns == SIDES
        self._wanted = languages if by_language else columns
        self._hints = [
            f"give --{side}-language" if by_language else f"name one with {option}"
            for side, option in zip(SIDES, options, strict=True)
        ]
        self._columns: tuple[str, ...] = ()

    def inspect(self) -> Inspection:
        """See `PairReader.inspect`."""
        location = self.locations[0]
        names: dict[str, None] = {}
        count = size = 0
        with open_text(location, self._kind) as file:
            for row in self._format.rows(file, location):
                count += 1
                if not row.values.keys() <= names.keys():
                    names |= dict.fromkeys(row.values)
                    check_columns(location, names)
                size += sum(len(value) for value in row.values.values() if isinstance(value, str))
        if not count:
            raise UnusableInput(f"{location}: holds no row; give a file with sentence pairs")
        if self._split_by is not None:
            self._split_by = self._format.column(
                location, self._split_by, names, "name one with --split-by"
            )
        self._columns = tuple(
            self._format.column(location, wanted, names, hint)
            for wanted, hint in zip(self._wanted, self._hints, strict=True)
        )
        return Inspection(count, size)

    def rows(self) -> Iterator[RawRow]:
        """See `PairReader.rows`."""
        if not self._columns:
            self.inspect()
        location, most = self.locations[0], self._longest + 1
        with open_text(location, self._kind) as file:
            for row in self._format.rows(file, location):
                sides = [text_of(row.values.get(name)) for name in self._columns]
                raw = row.unreadable
                if raw is None:
                    raw = next((side for side in sides if isinstance(side, MalformedRow)), None)
                source, target = sides if raw is None else (raw, None)
                document = None
                if self._split_by is not None:
                    document = document_of(text_of(row.values.get(self._split_by)))
                yield RawRow(row.line, source and source[:most], target and target[:most], document)


def _is_plain(kind: pa.DataType) -> bool:
    """Whether the values of a type have one text each, and no parts."""
    kind = plain_type(kind)
    checks = (pa.types.is_integer, pa.types.is_temporal, pa.types.is_boolean)
    return any(check(kind) for check in checks)
