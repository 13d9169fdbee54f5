"""Sentence pairs out of files, as a stream of raw rows.

Rows are bytes: what is broken in one row (a missing column, bytes that are no UTF-8) is found
later and rejected with a reason. What makes a whole file unusable is found by `inspect`, before
anything is written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from pydantic import JsonValue

from nmt.errors import UnusableInput
from nmt.formats.archives import sniff_members
from nmt.formats.detection import LINES, PAIRS, Accepted, FileKind, detect, readable
from nmt.formats.lines import LONGEST, count_lines, lines
from nmt.formats.registry import ROW_FORMATS
from nmt.formats.rows import check_columns, text_of
from nmt.formats.text_files import open_text
from nmt.printable import join_names
from nmt.storage.location import Location
from nmt.storage.recorded import PinnedFile
from nmt.tables.columns import as_bytes, is_text
from nmt.tables.parquet import open_parquet, read_batches
from nmt.text_limits import MalformedRow

SIDES = ("source", "target")
_FIELDS = 3  # of a line: if it is cut off in the first two, one of them is longer than it may be


Sides = tuple[str, str]  # names for source and target


class RawRow(NamedTuple):
    """One pair as it stands in its file; None for a side that is not there.

    Of a side that is longer than may be the end may be missing; it is longer all the same.
    """

    line: int
    source: bytes | None
    target: bytes | None


class Inspection(NamedTuple):
    """What there is in a corpus."""

    rows: int
    text_bytes: int


class PairReader(ABC):
    """A corpus of sentence pairs that can be read again and again."""

    locations: tuple[Location, ...]
    accepted: Accepted

    @abstractmethod
    def inspect(self) -> Inspection:
        """Read everything once and count it.

        Raises:
            UnusableInput: missing, empty, damaged, of another format, or of unequal lengths.
        """

    @abstractmethod
    def rows(self) -> Iterator[RawRow]:
        """The pairs in order, in flat memory; lines are counted from 1."""

    def identify(self) -> list[dict[str, JsonValue]]:
        """Name, size and SHA-256 of each file, for the dataset's record."""
        for location in self.locations:
            detect(location, self.accepted)
        return [
            {"name": file.name, "bytes": file.info().size, "sha256": file.sha256()}
            for file in self.locations
        ]


class TabSeparated(PairReader):
    """Lines ``source<TAB>target[<TAB>anything]``, perhaps packed, or in a member of a .zip."""

    accepted = PAIRS

    def __init__(self, location: Location, kind: FileKind, longest: int = LONGEST) -> None:
        self.locations = (location,)
        self._kind, self._longest = kind, _FIELDS * longest
        if kind.packing == "zip":
            self._kind = kind._replace(member=_pairs_member(location))

    def inspect(self) -> Inspection:
        """See `PairReader.inspect`."""
        location = self.locations[0]
        with open_text(location, self._kind) as file:
            count, size, tab = count_lines(file)
        if not count:
            raise UnusableInput(f"{location}: holds no line; give a file with sentence pairs")
        if not tab:
            raise UnusableInput(
                f"{location}: no line holds a tab; expected source<TAB>target in each"
            )
        return Inspection(count, size)

    def rows(self) -> Iterator[RawRow]:
        """See `PairReader.rows`."""
        with open_text(self.locations[0], self._kind) as file:
            for number, line in enumerate(lines(file, self._longest), start=1):
                source, *others = line.split(b"\t", 2)
                yield RawRow(number, source, others[0] if others else None)


class LineAligned(PairReader):
    """Two text files whose lines belong together, each perhaps packed."""

    accepted = LINES

    def __init__(self, source: Location, target: Location, longest: int = LONGEST) -> None:
        self.locations, self._longest = (PinnedFile(source), PinnedFile(target)), longest
        self._kinds = tuple(detect(location, LINES) for location in self.locations)

    def inspect(self) -> Inspection:
        """See `PairReader.inspect`."""
        counts, total = [], 0
        for location, kind in zip(self.locations, self._kinds, strict=True):
            with open_text(location, kind) as file:
                count, size, _ = count_lines(file)
            if not count:
                raise UnusableInput(f"{location}: holds no line; give a file with sentences")
            counts.append(count)
            total += size
        if counts[0] != counts[1]:
            source, target = self.locations
            raise UnusableInput(
                f"{source} has {counts[0]:,} lines but {target} has {counts[1]:,}; "
                "line-aligned files must have equally many"
            )
        return Inspection(counts[0], total)

    def rows(self) -> Iterator[RawRow]:
        """See `PairReader.rows`."""
        source, target = self.locations
        with open_text(source, self._kinds[0]) as left, open_text(target, self._kinds[1]) as right:
            pairs = zip(*(lines(file, self._longest) for file in (left, right)), strict=True)
            for number, (source_line, target_line) in enumerate(pairs, start=1):
                yield RawRow(number, source_line, target_line)


class ParquetPairs(PairReader):
    """Two columns of a Parquet file; a line is a row."""

    accepted = PAIRS

    def __init__(self, location: Location, longest: int = LONGEST, columns: Sides = SIDES) -> None:
        self.locations, self._longest, self._columns = (location,), longest, columns

    def inspect(self) -> Inspection:
        """See `PairReader.inspect`."""
        location = self.locations[0]
        with readable(location), location.open() as file:
            parquet = open_parquet(location, file)
            schema, metadata = parquet.schema_arrow, parquet.metadata
        for name, side in zip(self._columns, SIDES, strict=True):
            if name not in schema.names:
                known = join_names(schema.names)
                raise UnusableInput(
                    f"{location}: has no column '{name}'; its columns are {known}: name one with "
                    f"--{side}-column"
                )
            if schema.names.count(name) > 1:
                raise UnusableInput(f"{location}: has several columns '{name}'; rename the others")
            if not is_text(kind := schema.field(name).type):
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
            names = self._columns
            both = list(dict.fromkeys(names))
            for batch in read_batches(location, file, both, shared=both):
                sides = [as_bytes(batch.column(name), self._longest) for name in names]
                for source, target in zip(*sides, strict=True):
                    number += 1
                    yield RawRow(number, source, target)


class RowPairs(PairReader):
    """Two columns of a file of CSV or JSON Lines, or two languages of a TMX file.

    A row that is none has no target, and what stands there for a source.
    """

    accepted = PAIRS

    def __init__(
        self, location: PinnedFile, kind: FileKind, longest: int, columns: Sides, languages: Sides
    ) -> None:
        self.locations, self._kind, self._longest = (location,), kind, longest
        self._format = ROW_FORMATS[kind.format]
        by_language = kind.format == "tmx" and columns == SIDES
        self._wanted = languages if by_language else columns
        self._hints = [
            f"give --{side}-language" if by_language else f"name one with --{side}-column"
            for side in SIDES
        ]
        self._columns: tuple[str, ...] = ()

    def inspect(self) -> Inspection:
        """See `PairReader.inspect`."""
        location = self.locations[0]
        names: set[str] = set()
        count = size = 0
        with open_text(location, self._kind) as file:
            for row in self._format.rows(file, location):
                count += 1
                if not names.issuperset(row.values):
                    names.update(row.values)
                    check_columns(location, names)
                size += sum(len(value) for value in row.values.values() if isinstance(value, str))
        if not count:
            raise UnusableInput(f"{location}: holds no row; give a file with sentence pairs")
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
                yield RawRow(row.line, source and source[:most], target and target[:most])


def open_pairs(
    location: Location,
    longest: int = LONGEST,
    columns: Sides = SIDES,
    languages: tuple[str | None, str | None] = (None, None),
) -> PairReader:
    """A reader for a file that holds both sides, chosen by its name and content.

    Args:
        location: a .tsv, .txt, .zip, .csv, .jsonl, .tmx or .parquet file; text may be compressed.
        longest: bytes of a side that are read; what is longer is rejected later.
        columns: of source and target, where columns have names.
        languages: of source and target, which are the columns of a TMX file.

    Raises:
        UnusableInput: no such file, or none of these formats; columns of a file that has none.
    """
    location = PinnedFile(location)
    kind = detect(location, PAIRS)
    if kind.format == "parquet":
        return ParquetPairs(location, longest, columns)
    if kind.format in ROW_FORMATS:
        return RowPairs(location, kind, longest, columns, (languages[0] or "", languages[1] or ""))
    if columns != SIDES:
        raise UnusableInput(
            f"{location}: lines of text have no columns with names; leave --source-column and "
            "--target-column out, the source stands before the first tab"
        )
    return TabSeparated(location, kind, longest)


def _pairs_member(location: Location) -> str:
    """The one member of an archive most of whose first lines hold a tab."""
    candidates = [
        member
        for member, head in sniff_members(location)
        if head and 2 * sum(b"\t" in line for line in head) > len(head)
    ]
    if len(candidates) != 1:
        some = ", ".join(candidates[:3]) + ", …" * (len(candidates) > 3)
        names = f"{len(candidates)}: {some}" if candidates else "none"
        raise UnusableInput(
            f"{location}: expected one .txt or .tsv member with source<TAB>target lines, found "
            f"{names}; unpack the archive and name the file"
        )
    return candidates[0]
