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

from nmt.corpus.formats import LINES, PAIRS, Accepted, detect, readable
from nmt.corpus.text_files import LONGEST, count_lines, lines, open_text, sniff_members
from nmt.errors import UnusableInput
from nmt.printable import join_names
from nmt.storage.location import Location
from nmt.storage.recorded import PinnedFile
from nmt.tables.columns import as_bytes, is_text
from nmt.tables.parquet import open_parquet, read_batches

_FIELDS = 3  # of a line: if it is cut off in the first two, one of them is longer than it may be


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
    """Lines ``source<TAB>target[<TAB>anything]``, plain, in .gz, or in a member of a .zip."""

    accepted = PAIRS

    def __init__(self, location: Location, kind: str, longest: int = LONGEST) -> None:
        self.locations = (location,)
        self._kind, self._longest = kind, _FIELDS * longest
        self._member = _pairs_member(location) if kind == "zip" else ""

    def inspect(self) -> Inspection:
        """See `PairReader.inspect`."""
        location = self.locations[0]
        with open_text(location, self._kind, self._member) as file:
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
        with open_text(self.locations[0], self._kind, self._member) as file:
            for number, line in enumerate(lines(file, self._longest), start=1):
                source, *others = line.split(b"\t", 2)
                yield RawRow(number, source, others[0] if others else None)


class LineAligned(PairReader):
    """Two text files whose lines belong together, each plain or .gz."""

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
    """The columns ``source`` and ``target`` of a Parquet file; a line is a row."""

    accepted = PAIRS

    def __init__(self, location: Location, longest: int = LONGEST) -> None:
        self.locations, self._longest = (location,), longest

    def inspect(self) -> Inspection:
        """See `PairReader.inspect`."""
        location = self.locations[0]
        with readable(location), location.open() as file:
            parquet = open_parquet(location, file)
            schema, metadata = parquet.schema_arrow, parquet.metadata
        for name in ("source", "target"):
            if name not in schema.names:
                known = join_names(schema.names)
                raise UnusableInput(f"{location}: has no column '{name}'; its columns are {known}")
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
            names = ("source", "target")
            for batch in read_batches(location, file, names, shared=names):
                sides = [as_bytes(batch.column(name), self._longest) for name in names]
                for source, target in zip(*sides, strict=True):
                    number += 1
                    yield RawRow(number, source, target)


def open_pairs(location: Location, longest: int = LONGEST) -> PairReader:
    """A reader for a file that holds both sides, chosen by its content.

    Args:
        location: a .tsv, .txt, .zip, .gz or .parquet file.
        longest: bytes of a side that are read; what is longer is rejected later.

    Raises:
        UnusableInput: no such file, or none of these formats.
    """
    location = PinnedFile(location)
    kind = detect(location, PAIRS)
    if kind == "parquet":
        return ParquetPairs(location, longest)
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
