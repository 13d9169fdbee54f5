"""The corpus to translate: its files, looked through once."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pyarrow as pa

from nmt.errors import UnusableInput
from nmt.evaluation.columns import TEXT_COLUMN, are_results
from nmt.evaluation.row_ids import RowIds
from nmt.formats.archives import kinds_in
from nmt.formats.detection import SENTENCES
from nmt.formats.hive import folders_of, with_folders
from nmt.formats.named_files import expand
from nmt.formats.registry import ROW_FORMATS
from nmt.formats.rows import whole_lines
from nmt.formats.text_files import open_text
from nmt.printable import FewLines, join_names
from nmt.records.output import InputFile
from nmt.storage.recorded import PinnedFile
from nmt.tables.leaves import count_columns
from nmt.tables.parquet import MOST_COLUMNS
from nmt.tables.schemas import unify
from nmt.translation.input.earlier_output import OWN_COLUMNS, output_parts
from nmt.translation.input.parquet import inspect_columns
from nmt.translation.input.row_files import RowColumns, look_through
from nmt.translation.input.unit_rows import read_unit
from nmt.translation.input.units import GRAIN, CorpusFile, Unit, cut, rows_of_units

log = logging.getLogger(__name__)

_LOOKERS = 16  # files looked at together
_GIVE_SENTENCES = "give sentences to translate, or --allow-empty"
_OF_TEXT = pa.field(TEXT_COLUMN, pa.string())
_WORDS = {"text": "text", "parquet": "Parquet", **{name: name.upper() for name in ROW_FORMATS}}


class InputCorpus:
    """A corpus that has been looked through once; made by `inspect`.

    Attributes:
        kind: the format of its files, see `nmt.formats.detection.FileKind`.
        rows: number of texts: of rows, where each has one.
        inputs: path, size, SHA-256 and rows of each file, for the manifest.
        columns: the input's columns besides text and id, which the output keeps.
        folders: names of those that are partition columns.
        text_column: the column that holds the sentences; empty for text.
        more_columns: further ones. Then `columns` has `TEXT_COLUMN`, too.
        id_column: the column that holds the ids; None where rows are numbered.
    """

    def __init__(
        self,
        files: list[CorpusFile],
        schema: pa.Schema,
        text_columns: Sequence[str],
        id_column: str | None,
    ) -> None:
        self._files, self._schema = files, schema
        self._unit_rows: int | None = None
        self._name, self._listed = "", dict[str, PinnedFile]()
        self.kind = files[0].kind.format if files else "text"
        self.text_column, *more_columns = text_columns
        self.more_columns = tuple(more_columns)
        self.rows = len(text_columns) * sum(file.rows for file in files)
        columns = [c for c in schema if c.name not in (*text_columns, id_column)]
        self.columns = pa.schema([*columns, *([_OF_TEXT] if more_columns else [])])
        self.folders = sorted({name for file in files for name, _ in file.folders})
        self.id_column = id_column
        self.inputs = _inputs(files)

    @property
    def versions(self) -> dict[str, str]:
        """What tells each file from others of its name, for the manifest."""
        return {file.shown: file.version for file in self._listed.values()}

    def units(self) -> list[Unit]:
        """The corpus in units, the same every time; see `nmt.translation.input.units`."""
        size = rows_of_units(self.rows, self._unit_rows)
        return cut(self._files, size, self._schema, self.more_columns)

    def values(self, column: str) -> Iterator[pa.ChunkedArray]:
        """The values of one of its `columns`, some at a time, read anew."""
        for unit in self.units():
            yield read_unit(unit, self.text_column, self.id_column).others.column(column)

    def ids_of_units(self) -> Callable[[int], pa.Array] | None:
        """What gives the ids of the texts of one of its `units` by its number, read anew; None
        where they are the numbers of rows."""
        if self.id_column is None:
            return None
        units = self.units()
        return lambda number: read_unit(units[number], self.text_column, self.id_column).ids

    @property
    def things(self) -> str:
        """What its `rows` count: ``row`` or, of several text columns, ``text``."""
        return "text" if self.more_columns else "row"

    @property
    def row_ids(self) -> RowIds | None:
        """What joins other tables to the rows; None where their ids are the numbers of rows."""
        if self.id_column is None:
            return None
        return RowIds(self.id_column, self._name, self._read_ids)

    def _read_ids(self) -> tuple[pa.ChunkedArray, np.ndarray]:
        parts = [read_unit(unit, self.text_column, self.id_column).ids for unit in self.units()]
        kind = parts[0].type if parts else pa.int64()
        return pa.chunked_array(parts, kind), np.arange(self.rows)

    def listed(self, name: str, files: Sequence[PinnedFile], unit_rows: int | None) -> InputCorpus:
        """This corpus, which knows by what name it was asked for, what that stood for, and how
        large its units are to be."""
        self._name, self._listed = name, {str(file): file for file in files}
        self._unit_rows = unit_rows
        return self

    def added(self) -> list[str]:
        """The files that its name stands for now, and did not when it was looked through.

        Raises:
            UnusableInput: it stands for nothing now, or for what cannot be read.
        """
        files = _files(self._name, allow_empty=True)
        return sorted(file.shown for file in files if str(file) not in self._listed)

    def changed(self) -> list[str]:
        """The files that have changed since they were looked through, or are gone: what was read
        of them need not be what `inputs` says."""
        with ThreadPoolExecutor(_LOOKERS) as pool:
            same = pool.map(lambda file: _is_same(file.location), self._files)
            pairs = zip(self._files, same, strict=True)
            return [str(file.location) for file, is_same in pairs if not is_same]


def _inputs(files: Sequence[CorpusFile]) -> list[InputFile]:
    """Each file once, with the rows of all its members."""
    rows: dict[str, int] = {}
    for file in files:
        rows[file.location.shown] = rows.get(file.location.shown, 0) + file.rows
    locations = {file.location.shown: file for file in files}
    return [
        InputFile(path=path, bytes=file.location.bytes, sha256=file.sha256, rows=rows[path])
        for path, file in locations.items()
    ]


def _is_same(file: PinnedFile) -> bool:
    try:
        file.check()
    except UnusableInput:  # changed, gone, or no right to read it any more
        return False
    return True


def inspect(
    name: str,
    text_column: str,
    id_column: str | None = None,
    allow_empty: bool = False,
    unit_rows: int | None = None,
    language: str | None = None,
    more_columns: Sequence[str] = (),
) -> InputCorpus:
    """Look through a corpus once: count and hash it, and refuse what cannot be used.

    Args:
        name: a file, a folder or a glob of text (one sentence a line), CSV, JSON Lines, TMX or
            Parquet files; or a finished output, or its export, whose own columns are left out but
            for ids and sentences.
        text_column: the column of the sentences, if columns have names; of TMX a language.
        id_column: the column that holds the ids; None is ``id`` where there is such a column.
            Otherwise, and for text, a row's id is its number over the files in sorted order,
            from 0.
        allow_empty: whether it may be without rows.
        unit_rows: rows of a unit at most; None goes by the number of rows.
        language: of the sentences, for TMX files without a `text_column`.
        more_columns: further columns of sentences.

    Raises:
        UnusableInput: nothing there, an unusable or damaged file, formats mixed, a missing
            column, a column of the wrong type, ids given twice, or no row at all.
    """
    locations = _files(name, allow_empty)
    needed = len(locations) == 1 and not allow_empty
    warnings = FewLines(log.warning)
    with ThreadPoolExecutor(_LOOKERS) as pool:  # a store takes its time for each of many files
        look = partial(_look, name, needed, warnings)
        inspected = list(pool.map(look, locations))
    warnings.end()
    files = [file for some in inspected for file in some]
    if not files and not allow_empty:
        raise UnusableInput(f"{name}: all its files are empty; {_GIVE_SENTENCES}")
    formats = {file.kind.format for file in files}
    if len(formats) > 1:
        words = " and ".join(words for one, words in _WORDS.items() if one in formats)
        raise UnusableInput(f"{name}: holds {words} files; give one kind at a time")
    text_columns = (text_column, *more_columns)
    if formats == {"parquet"}:
        corpus = _inspect_parquet(name, files, text_columns, id_column)
    elif formats and formats <= ROW_FORMATS.keys():
        columns = RowColumns(files, text_columns, id_column, language)
        kept = _without_results(name, columns.schema, columns.text_columns, columns.id_column)
        corpus = InputCorpus(files, kept, columns.text_columns, columns.id_column)
    elif formats and more_columns:
        raise UnusableInput(f"{name}: text has no columns; leave --text-column out")
    elif id_column not in (None, "id"):  # the numbers of the lines are what `id` holds
        raise UnusableInput(
            f"{name}: text has no column '{id_column}'; leave --id-column out to number the lines"
        )
    else:
        none = pa.schema([])
        schema = unify((str(file.location), with_folders(none, file.folders)) for file in files)
        corpus = InputCorpus(files, schema, ["", *more_columns], None)
    if not corpus.rows and not allow_empty:
        raise UnusableInput(f"{name}: holds no row; {_GIVE_SENTENCES}")
    # The output has them all; what it cannot hold is refused now, and not after the work.
    if (count := count_columns(corpus.columns)) > MOST_COLUMNS:
        raise UnusableInput(
            f"{name}: {count:,} columns beside texts and ids, more than {MOST_COLUMNS:,}; leave "
            "some out"
        )
    return corpus.listed(name, locations, unit_rows)


def _look(name: str, needed: bool, warnings: FewLines, location: PinnedFile) -> list[CorpusFile]:
    """What can be known of a file by itself, or of the members of an archive; nothing for an empty
    one, unless it is needed."""
    size = location.bytes  # first: whoever changes the file from here on is found out
    if not size:
        if needed:
            raise UnusableInput(f"{location}: the file is empty; {_GIVE_SENTENCES}")
        return []
    kinds, folders = kinds_in(location, SENTENCES), folders_of(location, name)
    files = [CorpusFile(location, kind, folders) for kind in kinds]
    for file in files:
        if file.kind.format in ROW_FORMATS:
            look_through(file, warnings)
        elif file.kind.format == "text":
            _count_lines(file)
    odd = any(kind.packing == "zip" or kind.format == "parquet" for kind in kinds)
    if odd:  # which is not read as it lies there
        digest = location.sha256()
        for file in files:
            file.sha256 = digest
    return files


def _files(name: str, allow_empty: bool) -> list[PinnedFile]:
    """The files that a name stands for, also where it is that of an output of ours."""
    parts = output_parts(name)
    return expand(name, allow_empty) if parts is None else parts


def _inspect_parquet(
    name: str, files: list[CorpusFile], text_columns: Sequence[str], id_column: str | None
) -> InputCorpus:
    pairs = [(file.location, file.folders) for file in files]
    columns = inspect_columns(pairs, text_columns, id_column)
    for file, rows, unpacked in zip(files, columns.rows, columns.unpacked, strict=True):
        file.rows, file.unpacked = rows, unpacked
    schema = _without_results(name, columns.schema, text_columns, columns.id_column)
    return InputCorpus(files, schema, text_columns, columns.id_column)


def _without_results(
    name: str, schema: pa.Schema, text_columns: Sequence[str], id_column: str | None
) -> pa.Schema:
    """The columns that this translation does not make anew, of the results of an earlier one."""
    if not are_results(schema.names):
        return schema
    dropped = {*OWN_COLUMNS} - {*text_columns, id_column}
    left_out = join_names([column for column in schema.names if column in dropped])
    log.info(f"{name}: results of an earlier translation; its columns {left_out} are left out")
    return pa.schema([field for field in schema if field.name not in dropped])


def _count_lines(file: CorpusFile) -> None:
    """Count the lines of a file, and hash it, in one reading."""
    plain, digest = not file.kind.is_stream, hashlib.sha256()
    with open_text(file.location, file.kind, digest=digest) as stream:
        lines = whole_lines(stream)
        position = 0
        for line in lines:
            if plain and file.rows % GRAIN == 0:
                file.offsets.append(position)
            file.rows += 1
            file.unpacked += len(line)
            if plain and file.rows % GRAIN == 0:
                position = stream.tell()
    file.sha256 = file.location.digest = digest.hexdigest()
