"""Files of sentence pairs, opened: lines of text here, named columns in `column_readers`."""

from __future__ import annotations

from collections.abc import Iterator

from nmt.corpus.column_readers import ParquetPairs, RowPairs
from nmt.corpus.pair_reader import (
    COLUMN_OPTIONS,
    SIDES,
    Inspection,
    PairReader,
    RawRow,
    Sides,
    document_of,
)
from nmt.errors import UnusableInput
from nmt.formats.archives import sniff_members
from nmt.formats.detection import LINES, PAIRS, FileKind, detect
from nmt.formats.named_files import expand
from nmt.formats.registry import ROW_FORMATS
from nmt.formats.rows import LONGEST, count_lines, lines
from nmt.formats.text_files import open_text
from nmt.storage.location import Location
from nmt.storage.recorded import PinnedFile
from nmt.text_limits import MalformedRow

_FIELDS = 3  # of a line: if it is cut off in the first two, one of them is longer than it may be
_MOST_COLUMNS = 100  # of a line


class TabSeparated(PairReader):
    """Lines ``source<TAB>target[<TAB>anything]``, perhaps compressed, or in a member of a .zip.

    Args:
        location: of the file.
        kind: how it is packed.
        longest: bytes of a side that are read.
        split_by: number of the column that decides on the split, from 3; None is none.
    """

    accepted = PAIRS

    def __init__(
        self,
        location: Location,
        kind: FileKind,
        longest: int = LONGEST,
        split_by: int | None = None,
    ) -> None:
        self.locations = (location,)
        self._kind, self._split_by = kind, split_by
        self._longest = max(_FIELDS, split_by or 0) * longest
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
        if self._split_by and all(row.document is None for row in self.rows()):
            raise UnusableInput(
                f"{location}: no line has a column {self._split_by}; --split-by counts the columns "
                "from 1, and the source is the first"
            )
        return Inspection(count, size)

    def rows(self) -> Iterator[RawRow]:
        """See `PairReader.rows`."""
        with open_text(self.locations[0], self._kind) as file:
            for number, line in enumerate(lines(file, self._longest), start=1):
                source, *others = line.split(b"\t", self._split_by or 2)
                document = None
                if self._split_by:
                    if len(line) > self._longest and len(others) < self._split_by:
                        why = "is too long, and may have lost the column that decides on its split"
                        yield RawRow(number, MalformedRow(line, why), None)
                        continue
                    document = document_of(b"".join(others[self._split_by - 2 :][:1]))
                yield RawRow(number, source, others[0] if others else None, document)


class LineAligned(PairReader):
    """Two text files whose lines belong together, each perhaps compressed."""

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


def list_pairs(location: Location) -> list[PinnedFile]:
    """The files of pairs that a file, a folder or a glob stands for, in order; empty ones among
    several are left out.

    Raises:
        UnusableInput: nothing is there.
    """
    files = expand(str(location), option="its path", hint=PAIRS.hint)
    some = [file for file in files if len(files) == 1 or file.bytes]
    if not some:
        raise UnusableInput(f"{location}: all its files are empty; {PAIRS.hint}")
    return some


def open_pairs(
    location: Location,
    longest: int = LONGEST,
    columns: Sides = SIDES,
    languages: tuple[str | None, str | None] = (None, None),
    split_by: str | None = None,
    options: Sides = COLUMN_OPTIONS,
) -> PairReader:
    """A reader for a file that holds both sides, chosen by its name and content.

    Args:
        location: a .tsv, .txt, .zip, .csv, .jsonl, .tmx or .parquet file; text may be compressed.
        longest: bytes of a side that are read; what is longer is rejected later.
        columns: of source and target, where columns have names.
        languages: of source and target, which are the columns of a TMX file.
        split_by: the column that decides on the split; of lines of text its number.
        options: that name the columns, for messages.

    Raises:
        UnusableInput: no such file, or none of these formats; columns of a file that has none.
    """
    location = PinnedFile(location)
    kind = detect(location, PAIRS)
    if kind.format == "parquet":
        return ParquetPairs(location, longest, columns, split_by, options)
    if kind.format in ROW_FORMATS:
        named = (languages[0] or "", languages[1] or "")
        return RowPairs(location, kind, longest, columns, named, split_by, options)
    if columns != SIDES:
        raise UnusableInput(
            f"{location}: lines of text have no columns with names; leave {' and '.join(options)} "
            "out, the source stands before the first tab"
        )
    return TabSeparated(location, kind, longest, _column_number(location, split_by))


def _column_number(location: Location, split_by: str | None) -> int | None:
    """The number that names a column of tab-separated lines."""
    if split_by is None:
        return None
    number = int(split_by) if split_by.isascii() and split_by.isdigit() else 0
    if not _FIELDS <= number <= _MOST_COLUMNS:
        raise UnusableInput(
            f"{location}: lines of text have no column '{split_by}'; give --split-by its number, "
            f"from {_FIELDS} to {_MOST_COLUMNS}: the source is the first, the target the second"
        )
    return number


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
