"""Units of work: runs of rows of a corpus, each translated and committed as one piece.

Which rows a unit holds follows from the corpus alone, not from the hardware, so that a job that is
run again finds the same units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from nmt.formats.detection import FileKind
from nmt.formats.hive import Folders
from nmt.formats.kinds import Kinds
from nmt.json_text import hash_json
from nmt.storage.recorded import PinnedFile

GRAIN = 256  # rows between two remembered byte offsets; units are multiples of it
_ROWS = 8192  # of a unit, at most
_UNITS_AIMED_AT = 64
_MOST_UNITS, _MOST_ROWS = 4096, 131_072  # of a corpus that has more units of `_ROWS` than that
_BYTES = 64 << 20  # of the rows of a unit, about


@dataclass
class CorpusFile:
    """A file of a corpus, looked through.

    Attributes:
        location: as it was looked at.
        kind: what it is.
        folders: its partition columns, see `nmt.formats.hive`.
        rows: how many it has.
        unpacked: their bytes.
        sha256: of the file.
        offsets: the byte at which each `GRAIN` of rows begins (plain text).
        columns: the kinds of values in each, in CSV, JSON Lines and TMX.
    """

    location: PinnedFile
    kind: FileKind
    folders: Folders = ()
    rows: int = 0
    unpacked: int = 0
    sha256: str = ""
    offsets: list[int] = field(default_factory=list)
    columns: dict[str, Kinds] = field(default_factory=dict)


@dataclass(frozen=True)
class Slice:
    """Consecutive rows of one file.

    Attributes:
        file: as it was looked at.
        kind: what it is.
        start: first row, counted within the file.
        rows: number of rows.
        offset: byte at which the first row begins (plain text), else 0.
        first: number of the first row in the whole corpus.
        folders: the partition columns of the file, see `nmt.formats.hive`.
    """

    file: PinnedFile
    kind: FileKind
    start: int
    rows: int
    offset: int
    first: int
    folders: Folders = ()


@dataclass(frozen=True)
class Unit:
    """What is translated and committed as one piece.

    Attributes:
        number: from 0.
        slices: its rows.
        schema: all columns of the corpus, whatever those of a single file are; of text the
            partition columns.
        more_columns: the text columns besides the first. Each row has a text of each, one after
            the other.
    """

    number: int
    slices: tuple[Slice, ...]
    schema: pa.Schema = field(default_factory=lambda: pa.schema([]))
    more_columns: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Number of texts of a row."""
        return 1 + len(self.more_columns)

    @property
    def rows(self) -> int:
        """Number of texts: of rows, where each has one."""
        return self.width * sum(part.rows for part in self.slices)

    @property
    def first(self) -> int:
        """Number of its first text in the corpus."""
        return self.width * self.slices[0].first if self.slices else 0

    @property
    def identity(self) -> str:
        """A hash of what it is made of: which rows of which contents."""
        return hash_json(
            [
                [part.file.shown, part.file.digest, part.start, part.rows]
                + ([part.kind.member] if part.kind.member else [])
                for part in self.slices
            ]
        )

    @property
    def part(self) -> str:
        """Name of its output files."""
        return f"part-{self.number:05d}.parquet"


def rows_of_units(rows: int, most: int | None = None) -> int:
    """The most rows of a unit, of a corpus of so many rows.

    There are about 64 units of at most 8,192 rows. Beyond 33 million rows there are about 4,096,
    of at most 131,072 rows.

    Args:
        rows: of the corpus.
        most: rows of a unit that are asked for.
    """
    if most is None:
        few = -(-rows // _UNITS_AIMED_AT)
        most = min(_MOST_ROWS, max(min(_ROWS, few), -(-rows // _MOST_UNITS)))
        return max(1, -(-most // GRAIN)) * GRAIN
    return max(1, most // GRAIN) * GRAIN


def cut(
    files: Sequence[CorpusFile], size: int, schema: pa.Schema, more_columns: tuple[str, ...] = ()
) -> list[Unit]:
    """Cut a corpus into units.

    Small files share a unit. A file that is read as a stream is cut only where it has more rows
    than a unit may have, for what a later unit begins with is found by reading all that stands
    before. A corpus
    without rows has one unit without rows: an output is never without a table.

    Args:
        files: of the corpus.
        size: texts of a unit at most; fewer, where its rows have more than 64 MiB.
        schema: of the units.
        more_columns: see `Unit`.
    """
    width = 1 + len(more_columns)
    size, grain = max(1, size // width), max(1, GRAIN // width)
    units: list[Unit] = []
    waiting: list[Slice] = []
    rows_left, bytes_left, first = size, _BYTES, 0

    def close() -> None:
        nonlocal rows_left, bytes_left
        units.append(Unit(len(units), tuple(waiting), schema, more_columns))
        waiting.clear()
        rows_left, bytes_left = size, _BYTES

    for file in files:
        row_bytes = max(1, file.unpacked // max(1, file.rows))
        start = 0
        while start < file.rows:
            left = file.rows - start
            room = min(rows_left, bytes_left // row_bytes)
            if not waiting:
                room = max(room, grain)
            if file.kind.is_stream:
                whole = min(left, max(size, _ROWS // width), max(grain, _BYTES // row_bytes))
                if room < whole and waiting:
                    close()
                    continue
                room = max(room, whole)
            rows = min(room, left)
            if rows < left:  # a cut inside a text file must fall on a remembered offset
                rows = max(0, rows - (start + rows) % grain)
            if rows:
                offset = file.offsets[start // GRAIN] if file.offsets else 0
                part = Slice(file.location, file.kind, start, rows, offset, first, file.folders)
                waiting.append(part)
                start, first = start + rows, first + rows
                rows_left, bytes_left = rows_left - rows, bytes_left - rows * row_bytes
            if start < file.rows or min(rows_left, bytes_left) <= 0:
                close()
    if waiting or not units:
        close()
    return units
