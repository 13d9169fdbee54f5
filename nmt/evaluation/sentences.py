"""The translated sentences of an output folder, read back part by part, with their references."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt.errors import UnusableInput
from nmt.evaluation.columns import COLUMNS, NULLABLE, STRINGS, TEXT_COLUMN
from nmt.records import TableEntry
from nmt.records.base import LARGEST_MEASURE
from nmt.storage.location import Location
from nmt.storage.recorded import read_recorded
from nmt.tables.columns import is_text, texts_of
from nmt.tables.footers import read_footer
from nmt.tables.parquet import read_whole
from nmt.tables.values import is_scalar, json_values
from nmt.text_limits import MOST_CHARACTERS, excess, most_bytes

_ID = "id"
_TEXTS = {*COLUMNS, "reason", "alignment"}
_REMEDY = "translate again"


@dataclass(frozen=True)
class _Rows(Sequence[str | None]):
    """Texts of consecutive rows, by the numbers of these.

    Attributes:
        first: number of the first.
        texts: of each.
    """

    first: int
    texts: Sequence[str | None]

    def __len__(self) -> int:
        return self.first + len(self.texts)

    def __getitem__(self, row: Any) -> Any:
        return self.texts[row - self.first]


@dataclass(frozen=True)
class References:
    """Where the references are.

    Attributes:
        streams: texts over all rows of the input, from line-aligned files.
        column: or the input's column that holds them; a null there is no reference.
        most: characters of one.
        blanks_count: a blank one among others is a reference, as for sacrebleu's command. Else it
            is none: a file of further references has it where it has fewer.
    """

    streams: Sequence[Sequence[str | None]] = ()
    column: str | None = None
    most: int = MOST_CHARACTERS
    blanks_count: bool = False

    def __bool__(self) -> bool:
        return bool(self.streams) or self.column is not None

    def of_rows(self, start: int, stop: int) -> References:
        """The references of consecutive rows, without those of others."""
        own = [_Rows(start, stream[start:stop]) for stream in self.streams]
        return replace(self, streams=own)

    def usable(self, texts: Sequence[str | None]) -> list[str | None]:
        """The references of a row; None for one that is too much to score, see
        `nmt.text_limits`."""
        usable = [None if text is None or excess(text, self.most) else text for text in texts]
        if self.blanks_count or not any(text and text.strip() for text in usable):
            return usable
        return [text for text in usable if text is None or text.strip()]


@dataclass(frozen=True, slots=True)
class Sentence:
    """A translated row with its references (None where it has none).

    Attributes:
        row: its number in the input.
        id: its id as JSON has it, see `nmt.tables.values`.
        source: as in the input.
        translation: the translation.
        score: log-probability, nats per token; None where no model is known.
        source_tokens: tokens of the source.
        target_tokens: tokens of the translation.
        attention_entropy: nats per target token, over source tokens and the end of the source; None
            without attention or target token.
        coverage: mean attention a source token got in all, at most 1; None without attention.
        flags: ``empty``, ``truncated``, ``unk``.
        references: one a stream, apart from blank ones that are none.
        others: values of further columns, as JSON has them.
        text_column: which one it is of, where there are several and `TEXT_COLUMN` is read.
    """

    row: int
    id: int | str
    source: str
    translation: str
    score: float | None
    source_tokens: list[str]
    target_tokens: list[str]
    attention_entropy: float | None
    coverage: float | None
    flags: list[str]
    references: list[str | None]
    others: tuple[Any, ...] = ()
    text_column: int | str | None = None

    @property
    def complete(self) -> list[str] | None:
        """What it is scored against: the references, if there are any and none is missing."""
        texts = [text for text in self.references if text is not None]
        return texts if texts and len(texts) == len(self.references) else None


def chunks(sentences: Iterable[Sentence], size: int = 1000) -> Iterator[list[Sentence]]:
    """The sentences in order, so many at a time."""
    stream = iter(sentences)
    while chunk := list(islice(stream, size)):
        yield chunk


class Numbers:
    """A range of numbers without some of them, computed on demand.

    Args:
        start: the first.
        stop: the one after the last.
        without: those that are left out, each of them between.
    """

    def __init__(self, start: int, stop: int, without: Sequence[int]) -> None:
        self.start, self.stop = start, stop
        self._without = np.unique(np.asarray(without, np.int64))

    def __len__(self) -> int:
        return self.stop - self.start - len(self._without)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.setdiff1d(np.arange(self.start, self.stop), self._without)


@dataclass(frozen=True)
class Part:
    """One file of translations.

    Attributes:
        name: of the file, below ``translations/`` and the like.
        rows: numbers of its rows in the input, ascending.
        entry: rows, bytes and SHA-256 of the file when it was written.
    """

    name: str
    rows: np.ndarray | Numbers
    entry: TableEntry

    def may_hold(self, chosen: np.ndarray) -> bool:
        """Whether one of these rows lies between its first and its last."""
        if isinstance(self.rows, Numbers):
            first, last = self.rows.start, self.rows.stop - 1
        elif not len(self.rows):
            return False
        else:
            first, last = self.rows.min(), self.rows.max()
        return bool(((chosen >= first) & (chosen <= last)).any())


def read_table(
    location: Location,
    columns: list[str] | None = None,
    entry: TableEntry | None = None,
) -> pa.Table:
    """Read a Parquet file that a translation job has written, or some of its columns.

    Args:
        location: the file.
        columns: their names; None is all.
        entry: the file when it was written, if that was recorded.

    Raises:
        UnusableInput: it is another file now, or holds no such rows.
    """
    with _explained(location):
        if entry is None:
            table = location.read(lambda handle: read_whole(location, handle, columns))
        else:
            data = pa.BufferReader(read_recorded(location, entry, _REMEDY))
            table = read_whole(location, data, columns)
    if entry is not None and table.num_rows != entry.rows:
        raise UnusableInput(
            f"{location}: has {table.num_rows:,} rows, not the {entry.rows:,} that were "
            f"written; {_REMEDY}"
        )
    for name in table.column_names:
        if problem := _unreadable(name, table.column(name)):
            raise UnusableInput(f"{location}: damaged (column '{name}' {problem}); {_REMEDY}")
    return table


def _unreadable(name: str, column: pa.ChunkedArray) -> str | None:
    """Why the values of a column that a translation job makes cannot be read."""
    if name == _ID and not is_scalar(column.type):
        return f"holds {column.type}, which is no type of an id"
    if name in _TEXTS and column.type in (pa.string(), STRINGS):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            return "holds bytes that are no UTF-8"
    return None


def read_translations(
    location: Location, columns: list[str] | None, entry: TableEntry, longest: int | None = None
) -> pa.Table:
    """Read a file of ``translations/``; see `read_table`.

    Args:
        location: the file.
        columns: their names; None is all.
        entry: what was recorded of it.
        longest: characters that a text may have, and tokens; None is any number.

    Raises:
        UnusableInput: besides, a column is none that a translation job makes.
    """
    table = read_table(location, columns, entry)
    for name in table.column_names:
        if name in COLUMNS and (problem := _problem(table.column(name), name, longest)):
            raise UnusableInput(f"{location}: damaged (column '{name}' {problem}); {_REMEDY}")
    return table


def read_schema(location: Location, entry: TableEntry) -> pa.Schema:
    """The columns of a file of an output; see `read_table`."""
    with _explained(location):
        data = pa.BufferReader(read_recorded(location, entry, _REMEDY))
        return read_footer(location, data).schema.to_arrow_schema()


@contextlib.contextmanager
def _explained(location: Location) -> Iterator[None]:
    """Turn an error of the format into one line.

    Raises:
        UnusableInput: the file is no Parquet file, or lacks a column.
    """
    try:
        yield
    except (pa.ArrowException, OSError, KeyError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise UnusableInput(f"{location}: damaged ({reason}); {_REMEDY}") from None


def _problem(column: pa.ChunkedArray, name: str, longest: int | None) -> str | None:
    """The fault in a column of a translation job's output."""
    if column.type != COLUMNS[name]:
        return f"holds {column.type}, not {COLUMNS[name]}"
    nulls = 0 if name in NULLABLE else column.null_count
    if column.type == STRINGS:
        nulls += sum(chunk.flatten().null_count for chunk in column.chunks)
    if nulls:
        return f"has {nulls:,} nulls"
    if column.type == pa.float64():
        measures = np.abs(column.drop_null().to_numpy())
        if odd := np.count_nonzero(~(measures <= LARGEST_MEASURE)):
            return f"holds {odd:,} values that are no numbers, or too large"
    if longest is None or column.type not in (pa.string(), STRINGS):
        return None
    texts = column.type == pa.string()
    size = pc.max(pc.utf8_length(column) if texts else pc.list_value_length(column)).as_py() or 0
    what = "characters" if texts else "tokens"
    return f"holds {size:,} {what}, more than {longest:,}" if size > longest else None


def read_sentences(
    folder: Location,
    parts: Iterable[Part],
    references: References,
    wanted: Iterable[int] | None = None,
    others: Sequence[str] = (),
    longest: int | None = None,
) -> Iterator[Sentence]:
    """The translated rows in order; one part is in memory at a time.

    Args:
        folder: the output folder.
        parts: its files.
        references: where the references are.
        wanted: only the rows of these numbers; parts without one are not read.
        others: further columns, whose values the sentences are to hold.
        longest: characters of a translation, see `read_translations`.
    """
    chosen = None if wanted is None else np.fromiter(wanted, np.int64)
    for part in parts:
        if chosen is not None and not part.may_hold(chosen):
            continue
        columns = {_ID, *COLUMNS, *([references.column] if references.column else []), *others}
        file = folder.named(f"translations/{part.name}")
        table = read_translations(file, list(columns), part.entry, longest)
        if table.num_rows != len(part.rows):
            raise UnusableInput(
                f"{file}: has {table.num_rows:,} rows, but {len(part.rows):,} of the input were "
                f"translated; {_REMEDY}"
            )
        rows = np.asarray(part.rows)
        kept = np.arange(len(rows)) if chosen is None else np.flatnonzero(np.isin(rows, chosen))
        table = table.take(pa.array(kept))
        numbers = rows[kept].tolist()
        if references.column:
            if not is_text(kind := table.column(references.column).type):
                raise UnusableInput(f"{file}: column '{references.column}' holds {kind}")
            longest = most_bytes(references.most)
            texts = [[text] for text in texts_of(table.column(references.column), longest)]
        else:
            texts = [[stream[row] for stream in references.streams] for row in numbers]
        usable = [references.usable(row) for row in texts]
        values = [table.column(name).to_pylist() for name in COLUMNS]
        ids = json_values(table.column(_ID))
        for name in others:
            if not is_scalar(kind := table.column(name).type):
                raise UnusableInput(f"{file}: column '{name}' holds {kind}")
        more = list(zip(*[json_values(table.column(name)) for name in others], strict=True))
        more = more or [()] * len(numbers)
        names = json_values(table.column(TEXT_COLUMN)) if TEXT_COLUMN in others else None
        names = names or [None] * len(numbers)
        for row, *fields in zip(numbers, ids, *values, usable, more, names, strict=True):
            yield Sentence(row, *fields)
