"""Files of CSV, JSON Lines and TMX to translate: their columns, and runs of their rows.

`nmt.formats.kinds` says of which type a column is. A row without a column has a null there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import pyarrow as pa

from nmt.errors import UnusableInput
from nmt.formats.kinds import Kinds, as_array, kind_of, type_of
from nmt.formats.registry import ROW_FORMATS
from nmt.formats.rows import Row, check_columns, text_of
from nmt.formats.text_files import open_text
from nmt.printable import FewLines, printable, there_are
from nmt.storage.s3 import changed
from nmt.translation.input.parquet_rows import Run
from nmt.translation.input.streams import read_rows
from nmt.translation.input.units import CorpusFile, Slice
from nmt.translation.unique_ids import check_ids

DEFAULT_COLUMN = "source"  # of the sentences, if nobody names another
_BATCH = 8192  # ids that are looked at together
_DRAIN = 1 << 20
_NO_TEXT = "\N{REPLACEMENT CHARACTER}"


def look_through(file: CorpusFile, warnings: FewLines) -> None:
    """Count the rows of a file, hash it, and learn the kinds of its columns, in one reading.

    Args:
        file: which; it learns what was seen.
        warnings: gets a line for each row that cannot be read.
    """
    location, digest = file.location, hashlib.sha256()
    kinds = file.columns
    with open_text(location, file.kind, digest=digest) as stream:
        for row in ROW_FORMATS[file.kind.format].rows(stream, location):
            file.rows += 1
            for name, value in row.values.items():
                kinds[name] = kinds.get(name, Kinds(0)) | kind_of(value)
                file.unpacked += len(value) if isinstance(value, str) else 8
            if row.unreadable is not None:
                file.unpacked += len(row.unreadable)
                why = getattr(row.unreadable, "why", "bytes that are not UTF-8")
                where = f"{location}{file.kind.member and ': '}{printable(file.kind.member)}"
                warnings.add(f"{where}: line {row.line}: {why}; the row is rejected", "unreadable")
            check_columns(location, kinds)
        while stream.read(_DRAIN):
            pass
    file.sha256 = location.digest = digest.hexdigest()


class RowColumns:
    """The columns of the files of a corpus.

    Attributes:
        schema: all columns, also those of folders.
        text_columns: the names of those of the sentences.
        id_column: the name of that of the ids; None without one.
    """

    def __init__(
        self,
        files: Sequence[CorpusFile],
        text_columns: Sequence[str],
        id_column: str | None,
        language: str | None = None,
    ) -> None:
        """Look through columns and ids.

        Args:
            files: each looked through; those without rows have no columns.
            text_columns: the columns of the sentences.
            id_column: the column of the ids; None is ``id`` where there is such a column.
            language: of the sentences, in files where a column is a language.

        Raises:
            UnusableInput: columns that are missing, or ids that are missing or given twice.
        """
        self._files = files = [file for file in files if file.rows]
        kinds: dict[str, Kinds] = {}
        for file in files:
            folders = dict.fromkeys(dict(file.folders), Kinds.TEXT)
            for name, own in {**folders, **file.columns}.items():
                kinds[name] = kinds.get(name, Kinds(0)) | own
            check_columns(file.location, kinds)
        self.text_columns, self.id_column, self.schema = [*text_columns], None, pa.schema([])
        if not files:
            return
        self.text_columns = [self._find_texts(kinds, name, language) for name in text_columns]
        self.id_column = self._find_ids(kinds, id_column)
        kinds |= dict.fromkeys(self.text_columns, Kinds.TEXT)
        if self.id_column is not None and kinds[self.id_column] == Kinds.BOOL:
            kinds[self.id_column] |= Kinds.TEXT
        self.schema = pa.schema([(name, type_of(kinds[name])) for name in kinds])
        if self.id_column is not None:
            check_ids(partial(self._ids, self.id_column))

    def _find_texts(self, kinds: Collection[str], wanted: str, language: str | None) -> str:
        format_ = ROW_FORMATS[self._files[0].kind.format]
        if wanted == DEFAULT_COLUMN and format_.name == "tmx" and language:
            wanted = language
        column = format_.find_column(wanted, kinds)
        for file in self._files:
            names = {**file.columns, **dict(file.folders)}
            if column not in names:
                hint = "name it with --text-column"
                format_.column(file.location, wanted, [n for n in names if n != column], hint)
        assert column is not None
        return column

    def _find_ids(self, kinds: Collection[str], wanted: str | None) -> str | None:
        if wanted is None:
            return "id" if "id" in kinds and "id" not in self.text_columns else None
        location = self._files[0].location
        if wanted not in kinds:
            raise UnusableInput(
                f"{location}: no column '{wanted}' {there_are(kinds, wanted)}; name one with "
                "--id-column, or leave the option out to number the rows"
            )
        if wanted in self.text_columns:
            raise UnusableInput(
                f"{location}: column '{wanted}' holds the sentences; name another with --id-column"
            )
        return wanted

    def _ids(self, name: str) -> Iterator[pa.Array]:
        """The ids of all files, some at a time."""
        first, column = 0, self.schema.field(name)
        for file in self._files:
            with open_text(file.location, file.kind) as stream:
                rows = ROW_FORMATS[file.kind.format].rows(stream, file.location)
                while batch := list(islice(rows, _BATCH)):
                    folder = dict(file.folders).get(name)
                    yield _ids(batch, column, folder, first)
                    first += len(batch)


def read_run(
    part: Slice,
    schema: pa.Schema,
    text_columns: Sequence[str],
    id_column: str | None,
    longest: int,
) -> Run:
    """Some rows of a file.

    Args:
        part: which.
        schema: the columns of the corpus, without those of the texts.
        text_columns: `RowColumns.text_columns`.
        id_column: `RowColumns.id_column`. Where it cannot be read, since the row is none, the id is
            the number of the row among those of the corpus, counted from 1: negative where ids are
            numbers (-17), otherwise in words (``row 17``).
        longest: bytes of a text that are read; one that is longer is longer all the same.
    """
    rows = read_rows(part.file, part.kind, part.start, part.rows)
    if len(rows) != part.rows:
        raise changed(part.file)
    folders = dict(part.folders)

    def values(column: pa.Field) -> pa.Array:
        name, folder = column.name, folders.get(column.name)
        if name == id_column:
            return _ids(rows, column, folder, part.first)
        return as_array([row.values.get(name, folder) for row in rows], column.type)

    columns = [values(column) for column in schema]
    texts = {
        name: [_text(row, name, folders.get(name), longest) for row in rows]
        for name in text_columns
    }
    return Run(pa.table(columns, schema), texts)


def _text(row: Row, column: str, folder: str | None, longest: int) -> bytes | None:
    text = row.unreadable
    if text is None:
        text = text_of(row.values.get(column, folder))
    if text is None or len(text) <= longest:
        return text
    return text[: longest + 1]


def _ids(rows: Sequence[Row], column: pa.Field, folder: str | None, first: int) -> pa.Array:
    values: list[Any] = []
    for number, row in enumerate(rows, first + 1):
        value = row.values.get(column.name, folder)
        if row.unreadable is not None and (value is None or _NO_TEXT in str(value)):
            value = f"row {number}" if column.type == pa.string() else -number
        values.append(value)
    return as_array(values, column.type)
