"""Translations in files: lines, or a column of a table. Nothing is known of the model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from nmt.errors import UnusableInput
from nmt.evaluation.columns import reason_column
from nmt.evaluation.files import TEXTS, open_table, read_beside, read_translations
from nmt.evaluation.groups import check_grouping
from nmt.evaluation.normalization import RAW, Normalization
from nmt.evaluation.row_ids import RowIds
from nmt.evaluation.sentences import References, Sentence
from nmt.evaluation.tables import Table
from nmt.formats.file_list import list_files
from nmt.languages import UNDETERMINED
from nmt.records.output import InputFile
from nmt.records.report import ModelDescription, TextCounts, WordAttention
from nmt.segmentation import split_words
from nmt.storage.location import Location
from nmt.tables.lookups import count_different
from nmt.tables.values import is_scalar, written
from nmt.text_limits import MOST_CHARACTERS, most_translated

_TRANSLATION, _SOURCE, _ID = "translation", "source", "id"  # columns, unless others are named
_LONGEST = most_translated(MOST_CHARACTERS)  # characters of a translation
_RATES = frozenset({"repetition", "suspicious", "length_ratio"})  # need no model
_OF_SOURCES = frozenset({"length_ratio"})


@dataclass(frozen=True)
class TextSource:
    """Where the parts of a translation in files are.

    Attributes:
        column: of a table, the column of the translations.
        source: files of the sources, line-aligned.
        source_column: or the column of the sources; of `source`, else of the table.
        id_column: of a table, the column of the ids.
        language: the code of the target language.
    """

    column: str | None = None
    source: str | None = None
    source_column: str | None = None
    id_column: str | None = None
    language: str | None = None

    @property
    def options(self) -> list[str]:
        """The options that say so, which go with files alone."""
        names = ("--candidate-column", "--source", "--source-column", "--id-column")
        values = (self.column, self.source, self.source_column, self.id_column, self.language)
        return [name for name, value in zip([*names, "--target-language"], values, strict=True)
                if value is not None]  # fmt: skip


class TextTranslations:
    """Files of translations; a row of a table with a null is not translated.

    Args:
        location: a file, a folder or a glob: its files one after the other.
        where: their columns, and what goes with them.
        option: that named them, for messages.

    Raises:
        UnusableInput: the files, or what goes with them, cannot be used.
    """

    most_characters = MOST_CHARACTERS
    aligned = False
    blanks_count = True

    def __init__(self, location: Location, where: TextSource, option: str = "--candidate") -> None:
        self.location, self._where = location, where
        self._files = list_files(str(location), TEXTS, option)
        self._table = open_table(self._files)
        texts: list[str | None]
        if self._table is None:
            if where.column is not None:
                raise UnusableInput(
                    f"{location}: has lines and no column '{where.column}'; leave "
                    "--candidate-column out"
                )
            lines, self._counts = read_translations(self._files, _LONGEST)
            texts = [*lines]
        else:
            column = where.column or _TRANSLATION
            texts = self._table.texts("--candidate-column", column, _LONGEST)
            if reason := reason_column(column, self._table.schema.names):  # CSV knows no null
                reasons = self._table.texts("", reason)
                pairs = zip(texts, reasons, strict=True)
                texts = [None if reason and not text else text for text, reason in pairs]
            self._counts = self._table.counts
        for number, text in enumerate(texts, 1):
            if text is not None and len(text) > _LONGEST:
                raise UnusableInput(
                    f"{location}: row {number} has more than {_LONGEST:,} characters, which no "
                    "translation has; leave it empty"
                )
        self._texts = texts
        self._sources = self._read_sources()
        self._groups: dict[str, list[Any]] = {}

    def _read_sources(self) -> list[str | None] | None:
        where, column = self._where, self._where.source_column
        if where.source is not None:
            return read_beside(
                *(where.source, column, "--source-column", self.rows),
                *("sources", self.most_characters, _SOURCE, self.row_ids),
            )
        if self._table is None:
            return None
        if column is None and self._table.find_column(_SOURCE) is None:
            return None
        return self._table.texts("--source-column", column or _SOURCE)

    @property
    def rows(self) -> int:
        """See `Translations`."""
        return len(self._texts)

    @property
    def language(self) -> str:
        """See `Translations`."""
        return self._where.language or UNDETERMINED

    @cached_property
    def numbers(self) -> np.ndarray:
        """See `Translations`."""
        return np.array([n for n, text in enumerate(self._texts) if text is not None], np.int64)

    @property
    def _id_column(self) -> str | None:
        if self._table is None or self._where.id_column is not None:
            return self._where.id_column
        return _ID if _ID in self._table.schema.names else None

    @property
    def numbered(self) -> bool:
        """See `Translations`."""
        return self._id_column is None

    @property
    def row_ids(self) -> RowIds | None:
        """See `Translations`."""
        if (name := self._id_column) is None:
            return None
        return RowIds(name, str(self.location), lambda: (self.ids, self.numbers))

    @cached_property
    def ids(self) -> pa.ChunkedArray:
        """See `Translations`."""
        if (name := self._id_column) is None:
            return pa.chunked_array([pa.array(self.numbers)])
        column = self._table_with(name).column("--id-column", name)
        if not is_scalar(column.type):
            raise UnusableInput(f"{self.location}: column '{name}' holds {column.type}, not ids")
        ids = written(column.take(pa.array(self.numbers)))
        if ids.null_count:
            raise UnusableInput(f"{self.location}: column '{name}' has rows without an id")
        if count_different(ids) < len(ids):
            raise UnusableInput(
                f"{self.location}: column '{name}' has an id twice; give each row one of its own"
            )
        return ids

    def _table_with(self, column: str) -> Table:
        if self._table is None:
            raise UnusableInput(
                f"{self.location}: has lines and no column '{column}'; give a table (.parquet), "
                "or a finished output of `nmt translate`"
            )
        return self._table

    @property
    def has_sources(self) -> bool:
        """See `Translations`."""
        return self._sources is not None

    def check_column(self, option: str, column: str) -> None:
        """See `Translations`."""
        self._table_with(column).texts(option, column)

    def texts(self, column: str) -> Iterator[str | None]:
        """See `Translations`."""
        values = self._table_with(column).texts("", column)
        return (values[number] for number in self.numbers.tolist())

    def alignments(self) -> Iterator[str | None]:
        """See `Translations`."""
        return iter(())

    def check_group(self, column: str) -> None:
        """See `Translations`."""
        check_grouping(self.location, self._table_with(column).schema, column)

    def values(self, folder: str, column: str) -> Iterator[list[Any]]:
        """See `Translations`."""
        values, rejected = self._values(column), folder == "rejected"
        yield [
            value
            for value, text in zip(values, self._texts, strict=True)
            if (text is None) == rejected
        ]

    def _values(self, column: str) -> list[Any]:
        """A column as JSON has it, one value a row."""
        if column not in self._groups:
            self._groups[column] = self._table_with(column).json_values("--group-by", column)
        return self._groups[column]

    def sentences(
        self,
        references: References,
        wanted: Iterable[int] | None = None,
        others: Sequence[str] = (),
    ) -> Iterator[Sentence]:
        """See `Translations`."""
        ids = dict(zip(self.numbers.tolist(), self.ids.to_pylist(), strict=True))
        column = references.column
        texts = self._table_with(column).texts("--reference-column", column) if column else []
        more = [self._values(name) for name in others]
        for row in self.numbers.tolist() if wanted is None else wanted:
            if (translation := self._texts[row]) is None:
                continue
            own = [texts[row]] if column else [stream[row] for stream in references.streams]
            usable = references.usable(own)
            source = None if self._sources is None else self._sources[row]
            nothing = next(iter(usable), None) if self._sources is None else source
            yield Sentence(
                row=row,
                id=ids[row],
                source=source or "",
                translation=translation,
                score=None,
                source_tokens=[],
                target_tokens=split_words(translation),
                attention_entropy=None,
                coverage=None,
                flags=[] if (nothing or "").strip() else ["empty"],
                references=usable,
                others=tuple(values[row] for values in more),
            )

    def normalizations(self) -> list[Normalization]:
        """See `Translations`."""
        return [RAW]

    def rate_counts(self) -> Mapping[str, int]:
        """See `Translations`."""
        counts = dict.fromkeys(("rejected", "truncated", "target_tokens", "empty"), 0)
        counts |= {"rows": self.rows, "translated": len(self.numbers)}
        if (sources := self._sources) is not None:
            blank = [not (sources[row] or "").strip() for row in self.numbers.tolist()]
            counts["empty"] = sum(blank)
        return counts

    def known_rates(self, rates: Mapping[str, float]) -> dict[str, float]:
        """See `Translations`."""
        known = _RATES if self.has_sources else _RATES - _OF_SOURCES
        return {name: value for name, value in rates.items() if name in known}

    @property
    def counts(self) -> TextCounts:
        """See `Translations`."""
        blank = sum(text is not None and not text.strip() for text in self._texts)
        return TextCounts(rows=self.rows, translated=len(self.numbers), empty=blank)

    @property
    def model(self) -> ModelDescription:
        """See `Translations`."""
        return ModelDescription()

    @property
    def inputs(self) -> list[InputFile]:
        """See `Translations`."""
        rows = Counter[str]()
        for part, count in zip(self._files.parts, self._counts, strict=True):
            rows[part.location.shown] += count
        return [
            InputFile(
                path=file.shown, bytes=file.bytes, sha256=file.sha256(), rows=rows[file.shown]
            )
            for file in self._files.locations
        ]

    def attention(self) -> dict[int | str, WordAttention]:
        """See `Translations`."""
        return {}

    def heatmaps(self, count: int) -> list[tuple[str, bytes]]:
        """See `Translations`."""
        return []
