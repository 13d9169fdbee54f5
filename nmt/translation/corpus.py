"""The corpus to translate, cut into units of work.

A unit is a run of rows, perhaps over several files; which rows it holds follows from the
corpus alone, not from the hardware, so that a job that is run again finds the same units.
"""

from __future__ import annotations

import codecs
import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from nmt.corpus.formats import detect, open_text, readable
from nmt.errors import UnusableInput
from nmt.storage import Location

_GRAIN = 256  # rows between two remembered byte offsets; units are multiples of it
_LARGEST_UNIT = 8192
_UNITS_AIMED_AT = 64
_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Slice:
    """Consecutive rows of one file.

    Attributes:
        file: its URI.
        kind: ``text``, ``gzip`` or ``parquet``.
        start: first row, counted within the file.
        rows: number of rows.
        offset: byte at which the first row begins (plain text), else 0.
        first: number of the first row in the whole corpus.
    """

    file: str
    kind: str
    start: int
    rows: int
    offset: int
    first: int


@dataclass(frozen=True)
class Unit:
    """What is translated and committed as one piece."""

    number: int
    slices: tuple[Slice, ...]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(part.rows for part in self.slices)

    @property
    def first(self) -> int:
        """Number of its first row in the corpus."""
        return self.slices[0].first

    @property
    def part(self) -> str:
        """Name of its output files."""
        return f"part-{self.number:05d}.parquet"


@dataclass
class _File:
    location: Location
    kind: str
    rows: int = 0
    bytes: int = 0
    sha256: str = ""
    offsets: list[int] = field(default_factory=list)


class InputCorpus:
    """A corpus that has been looked through once; made by `inspect`.

    Attributes:
        kind: ``text`` (gzip included) or ``parquet``.
        rows: number of rows.
        inputs: path, size, SHA-256 and rows of each file, for the manifest.
        columns: the input's columns besides text and id, which the output keeps.
        id_type: the type of the id column.
    """

    def __init__(self, files: list[_File], columns: pa.Schema, id_type: pa.DataType) -> None:
        self._files = files
        self.kind = "parquet" if files[0].kind == "parquet" else "text"
        self.rows = sum(file.rows for file in files)
        self.columns, self.id_type = columns, id_type
        self.inputs = [
            {
                "path": str(file.location),
                "bytes": file.bytes,
                "sha256": file.sha256,
                "rows": file.rows,
            }
            for file in files
        ]

    def units(self) -> list[Unit]:
        """Cut the corpus into about 64 units of at most 8,192 rows, the same every time."""
        grains = -(-self.rows // (_UNITS_AIMED_AT * _GRAIN))
        size = min(_LARGEST_UNIT, max(1, grains) * _GRAIN)
        units: list[Unit] = []
        waiting: list[Slice] = []
        room, first = size, 0
        for file in self._files:
            start = 0
            while start < file.rows:
                # A cut inside a text file must fall on a remembered offset.
                rows = min(room, file.rows - start)
                if rows < file.rows - start and (start + rows) % _GRAIN:
                    rows -= (start + rows) % _GRAIN
                if rows > 0:
                    offset = file.offsets[start // _GRAIN] if file.offsets else 0
                    name = str(file.location)
                    waiting.append(Slice(name, file.kind, start, rows, offset, first))
                    start, first, room = start + rows, first + rows, room - rows
                if room == 0 or start < file.rows:
                    units.append(Unit(len(units), tuple(waiting)))
                    waiting, room = [], size
        if waiting:
            units.append(Unit(len(units), tuple(waiting)))
        return units


def inspect(name: str, text_column: str, id_column: str) -> InputCorpus:
    """Look through a corpus once: count and hash it, and refuse what cannot be used.

    Args:
        name: a file, a folder or a glob of text (one sentence a line), .gz or Parquet files.
        text_column: the Parquet column that holds the sentences.
        id_column: the Parquet column that holds the ids; where it is absent, and for text, a
            row's id is its number over the files in sorted order, from 0.

    Raises:
        UnusableInput: nothing there, an unusable or damaged file, formats mixed, a missing
            column, a column of the wrong type, ids given twice, or no row at all.
    """
    locations = _expand(name)
    single = len(locations) == 1
    files = [
        _File(location, detect(location))
        for location in locations
        if single or (location.info().size or 0) > 0
    ]
    if not files:
        raise UnusableInput(f"{name}: all its files are empty; give sentences to translate")
    kinds = {"parquet" if file.kind == "parquet" else "text" for file in files}
    if len(kinds) > 1:
        raise UnusableInput(f"{name}: holds text and Parquet files; give one kind at a time")
    for file in files:
        if file.kind == "zip":
            raise UnusableInput(f"{file.location}: a zip archive; give text, .gz or Parquet")
        file.bytes = file.location.info().size or 0
        file.sha256 = file.location.sha256()
    if kinds == {"text"}:
        for file in files:
            _count_lines(file)
        corpus = InputCorpus(files, pa.schema([]), pa.int64())
    else:
        corpus = _inspect_parquet(files, text_column, id_column)
    if not corpus.rows:
        raise UnusableInput(f"{name}: holds no row; give sentences to translate")
    return corpus


def _expand(name: str) -> list[Location]:
    location = Location(name)
    kind = location.info().type
    if kind == pafs.FileType.NotFound:
        if _GLOB.search(location.uri):
            return _glob(location)
        raise UnusableInput(f"{location}: no such file or folder; check --input")
    if kind == pafs.FileType.File:
        return [location]
    files = [file for file in location.files(recursive=True) if not _hidden(file, location)]
    if not files:
        raise UnusableInput(f"{location}: an empty folder; give sentences to translate")
    return files


def _glob(pattern: Location) -> list[Location]:
    parts = pattern.uri.split("/")
    first = next(i for i, part in enumerate(parts) if _GLOB.search(part))
    folder = pattern
    for _ in parts[first:]:
        folder = folder.parent
    deep = len(parts) - first > 1 or parts[first] == "**"
    matched = [
        file
        for file in folder.files(recursive=deep)
        if _matches(file.uri[len(folder.uri) :].strip("/").split("/"), parts[first:])
    ]
    if not matched:
        raise UnusableInput(f"{pattern}: no file has such a name; check --input")
    return matched


def _matches(parts: list[str], pattern: list[str]) -> bool:
    """Whether a path fits a pattern, as in a shell: ``*`` ends at a slash, ``**`` does not, and
    hidden names must be asked for."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[i:], pattern[1:] or ["*"]) for i in range(len(parts)))
    if not parts or (parts[0].startswith(".") and not pattern[0].startswith(".")):
        return False
    return fnmatch.fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def _hidden(file: Location, folder: Location) -> bool:
    parts = file.uri[len(folder.uri) :].strip("/").split("/")
    return any(part.startswith((".", "_")) for part in parts)


def _count_lines(file: _File) -> None:
    position, plain = 0, file.kind == "text"
    with open_text(file.location, file.kind) as stream:
        for line in stream:
            if plain and file.rows % _GRAIN == 0:
                file.offsets.append(position)
            file.rows += 1
            position += len(line)


def _inspect_parquet(files: list[_File], text_column: str, id_column: str) -> InputCorpus:
    schema: pa.Schema | None = None
    ids: list[pa.ChunkedArray] = []
    for file in files:
        with readable(file.location), file.location.open() as handle:
            parquet = pq.ParquetFile(handle)
            found = parquet.schema_arrow.remove_metadata()
            file.rows = parquet.metadata.num_rows
            if schema is None:
                schema = found
            elif not found.equals(schema):
                raise UnusableInput(
                    f"{file.location}: its columns differ from those of {files[0].location}; "
                    "give files with the same columns"
                )
            if text_column not in found.names:
                raise UnusableInput(
                    f"{file.location}: no column '{text_column}' (there are "
                    f"{', '.join(found.names)}); name it with --text-column"
                )
            kind = found.field(text_column).type
            if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
                raise UnusableInput(
                    f"{file.location}: column '{text_column}' holds {kind}, not text; name "
                    "another with --text-column"
                )
            if id_column in found.names:
                ids.append(parquet.read(columns=[id_column]).column(0))
    assert schema is not None
    id_type = pa.int64()
    if ids:
        id_type = schema.field(id_column).type
        _check_ids(pa.chunked_array([chunk for part in ids for chunk in part.chunks], id_type))
    others = [column for column in schema if column.name not in (text_column, id_column)]
    return InputCorpus(files, pa.schema(others), id_type)


def _check_ids(ids: pa.ChunkedArray) -> None:
    if ids.null_count:
        raise UnusableInput(f"{ids.null_count} rows have no id; fill the id column")
    try:
        distinct = pc.count_distinct(ids).as_py()
    except pa.ArrowNotImplementedError:
        raise UnusableInput(
            f"the id column holds {ids.type}; ids are numbers or text: name another with "
            "--id-column"
        ) from None
    if distinct == len(ids):
        return
    counts = pc.value_counts(ids.combine_chunks())
    twice = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
    raise UnusableInput(
        f"id {twice[0].as_py()!r} is given more than once ({len(twice)} such ids); ids must "
        "be unique, or leave the column out with --id-column"
    )


@dataclass
class Rows:
    """The rows of a unit.

    Attributes:
        ids: one a row, of the corpus' id type.
        texts: bytes as they stand in a text file, or str; None for a null.
        others: the columns that the output keeps.
    """

    ids: pa.Array
    texts: list[Any]
    others: pa.Table


def read_unit(unit: Unit, text_column: str, id_column: str) -> Rows:
    """Read a unit's rows."""
    if unit.slices[0].kind == "parquet":
        table = pa.concat_tables([_read_parquet(part) for part in unit.slices])
        texts = table.column(text_column).to_pylist()
        if id_column in table.column_names:
            ids = table.column(id_column).combine_chunks()
        else:
            ids = pa.array(_numbers(unit), pa.int64())
        names = [name for name in table.column_names if name not in (text_column, id_column)]
        return Rows(ids, texts, table.select(names))
    texts = [line for part in unit.slices for line in _read_lines(part)]
    return Rows(pa.array(_numbers(unit), pa.int64()), texts, pa.table({}))


def _numbers(unit: Unit) -> list[int]:
    return [part.first + i for part in unit.slices for i in range(part.rows)]


def _read_lines(part: Slice) -> Iterator[bytes]:
    with open_text(Location(part.file), "text" if part.kind == "text" else part.kind) as stream:
        skip = part.start
        if part.kind == "text":
            stream.seek(part.offset)
            skip = 0
        for number, line in enumerate(islice(stream, skip, skip + part.rows), part.start):
            if number == 0:
                line = line.removeprefix(codecs.BOM_UTF8)
            yield line.rstrip(b"\n").removesuffix(b"\r")


def _read_parquet(part: Slice) -> pa.Table:
    tables, first = [], 0
    with Location(part.file).open() as handle:
        parquet = pq.ParquetFile(handle)
        for group in range(parquet.num_row_groups):
            rows = parquet.metadata.row_group(group).num_rows
            start, stop = max(part.start, first), min(part.start + part.rows, first + rows)
            if start < stop:
                tables.append(parquet.read_row_group(group).slice(start - first, stop - start))
            first += rows
    return pa.concat_tables(tables).replace_schema_metadata(None)


def read_references(name: str, rows: int) -> list[str]:
    """Read a file of references, one a line, as many as the corpus has rows.

    Raises:
        UnusableInput: missing, of another format, or of another number of lines.
    """
    location = Location(name)
    kind = detect(location)
    if kind not in ("text", "gzip"):
        raise UnusableInput(f"{location}: a {kind} file; references are text, one a line, or .gz")
    with open_text(location, kind) as stream:
        lines = [line.rstrip(b"\n").removesuffix(b"\r") for line in stream]
    if len(lines) != rows:
        raise UnusableInput(
            f"{location} has {len(lines):,} lines but the input has {rows:,} rows; references "
            "must be line-aligned with the input"
        )
    return [line.decode("utf-8", "replace").removeprefix("\ufeff") for line in lines]
