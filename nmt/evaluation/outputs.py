"""A finished output of `nmt translate`, as its manifest describes it."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.fs as pafs

from nmt import records
from nmt.errors import UnusableInput
from nmt.evaluation.columns import TEXT_COLUMN
from nmt.evaluation.groups import check_grouping
from nmt.evaluation.heatmaps import MOST_HEATMAP_BYTES, with_headings
from nmt.evaluation.normalization import Normalization, manifest_normalizations
from nmt.evaluation.row_ids import RowIds
from nmt.evaluation.sentences import (
    Numbers,
    Part,
    References,
    Sentence,
    read_schema,
    read_sentences,
    read_table,
    read_translations,
)
from nmt.json_text import parse_json
from nmt.languages import UNDETERMINED
from nmt.printable import there_are
from nmt.records.output import Counts, InputFile, Manifest, RejectedRows
from nmt.records.report import ModelDescription, Report, WordAttention
from nmt.storage.location import LARGEST_JSON, Location
from nmt.storage.recorded import read_recorded
from nmt.tables.columns import is_text, texts_of
from nmt.tables.values import is_scalar, json_values
from nmt.text_limits import most_translated

log = logging.getLogger(__name__)

R = TypeVar("R", bound=records.Record)
_FORMAT_VERSION = 1
_HEATMAP = re.compile(r"report/heatmaps/[^/]+\.png")


class FinishedOutput:
    """An OUT folder that is complete; one of `nmt.evaluation.translations.Translations`.

    Args:
        location: the folder.
        option: the option that named it, for error messages.

    Attributes:
        manifest: its manifest.json.
        names: of its files of translations, below ``translations/``, in order.

    Raises:
        UnusableInput: no output of a translation job, or an unfinished one.
    """

    has_sources = True
    blanks_count = False

    def __init__(self, location: Location, option: str) -> None:
        self.location = location
        if not is_whole(location):
            if (location / "_job.json").is_file():
                raise UnusableInput(
                    f"{location}: this translation is not finished; run its `nmt translate` "
                    "again to continue it"
                )
            raise UnusableInput(f"{location}: no output of `nmt translate`; check {option}")
        file = location / "manifest.json"
        content = file.read_json()
        release = records.check(content, records.Versioned, file).format_version
        if release != _FORMAT_VERSION:
            raise UnusableInput(
                f"{location}: format {release}, but this release reads {_FORMAT_VERSION}; "
                "translate again, or use the release that wrote it"
            )
        self.manifest = records.check(content, Manifest, file)
        names = [name for name in self.manifest.files if name.startswith("translations/")]
        if not names:
            raise UnusableInput(f"{file}: damaged (it names no translations); translate again")
        self.names = sorted((name.partition("/")[2] for name in names), key=lambda n: (len(n), n))

    @property
    def rows(self) -> int:
        """Rows of the input."""
        return self.manifest.counts.rows

    @property
    def language(self) -> str:
        """The code of the target language."""
        return self.manifest.direction.get("target", UNDETERMINED)

    @property
    def numbered(self) -> bool:
        """Whether the ids are the numbers of the rows."""
        return self.manifest.settings.numbered

    @property
    def row_ids(self) -> RowIds | None:
        """What joins other tables to the rows: the column of the input that held the ids."""
        if (name := self.manifest.settings.id_column) is None:
            return None
        return RowIds(name, str(self.location), lambda: (self.ids, self.numbers))

    @property
    def counts(self) -> Counts:
        """Rows, and what became of them."""
        return self.manifest.counts

    @property
    def inputs(self) -> list[InputFile]:
        """The files that were translated."""
        return self.manifest.input_files

    @property
    def model(self) -> ModelDescription:
        """The model that has translated, as far as the job's report describes it."""
        known = self.report.model if self.report else ModelDescription()
        return known.model_copy(update={"id": self.manifest.model_id})

    @cached_property
    def report(self) -> Report | None:
        """The translation job's own report, for what the rows do not hold."""
        name = "report/report.json"
        exists = self.location.named(name).is_file()
        return self.read_record(name, Report) if exists else None

    @property
    def most_characters(self) -> int:
        """The limit ``search.max_characters`` under which it was translated."""
        return self.manifest.settings.search.max_characters

    @property
    def _longest(self) -> int:
        """Characters, and tokens, of a translation."""
        return most_translated(self.most_characters)

    @property
    def aligned(self) -> bool:
        """Whether it holds word alignments."""
        return any(name.startswith("alignments/") for name in self.manifest.files)

    @cached_property
    def ids(self) -> pa.ChunkedArray:
        """The ids of the translated rows, in order."""
        columns = [self.read("translations", name, ["id"]).column("id") for name in self.names]
        kinds = {column.type for column in columns}
        if len(kinds) > 1 or not is_scalar(columns[0].type) or any(c.null_count for c in columns):
            raise UnusableInput(f"{self.location}: damaged (its ids are none); translate again")
        chunks = [chunk for column in columns for chunk in column.chunks]
        return pa.chunked_array(chunks, columns[0].type)

    @cached_property
    def parts(self) -> list[Part]:
        """Its files, with the rows of the input that they hold.

        Raises:
            UnusableInput: the rows are unknown, because records are missing.
        """
        parts, position, first = [], 0, 0
        rows: np.ndarray | Numbers
        numbered = self.numbered
        for name in self.names:
            entry = self.manifest.files[f"translations/{name}"]
            count = entry.rows
            if numbered:
                rows = self._numbers(position, count)
            else:
                rejected = self.manifest.files.get(f"rejected/{name}")
                bad = 0 if rejected is None else rejected.rows
                stop = first + count + bad
                rejected_rows = self._rejected(name) if bad else []
                if any(not first <= row < stop for row in rejected_rows):
                    raise self._damaged(f"a row of part {name} lies outside of it")
                rows = Numbers(first, stop, rejected_rows)
                if len(rows) != count:
                    raise self._damaged(f"the records of part {name} count other rows")
                first = stop
            position += count
            parts.append(Part(name, rows, entry))
        if not numbered and first != self.manifest.counts.rows:
            raise self._damaged(f"its parts have {first:,} rows of {self.manifest.counts.rows:,}")
        return parts

    def _damaged(self, problem: str) -> UnusableInput:
        return UnusableInput(f"{self.location}: damaged ({problem}); translate again")

    def _numbers(self, position: int, count: int) -> np.ndarray:
        """Ids that are the numbers of rows."""
        ids = self.ids.slice(position, count)
        numbers = ids.to_numpy() if pa.types.is_integer(ids.type) else np.array([-1])
        if len(numbers) and not (numbers.min() >= 0 and numbers.max() < self.rows):
            raise self._damaged("its ids are no numbers of rows")
        return numbers

    def _rejected(self, name: str) -> list[int]:
        record = f"_units/{name.replace('part-', '').replace('.parquet', '.json')}"
        if not self.location.named(record).is_file():
            raise UnusableInput(
                f"{self.location}: _units/ is gone, so nothing says which rows were rejected; give "
                "the references as a column of the input (--reference-column)"
            )
        return self.read_record(record, RejectedRows).rejected_rows

    def read_record(self, name: str, kind: type[R]) -> R:
        """The content of one of its JSON files; refuse one that differs from the manifest."""
        try:
            value = parse_json(self.read_other(name))
        except ValueError as error:
            raise UnusableInput(f"{self.location}/{name}: damaged ({error})") from None
        return records.check(value, kind, f"{self.location}/{name}")

    def read_other(self, name: str, most: int = LARGEST_JSON) -> bytes:
        """A file that is no table, of `most` bytes; refuse one that differs from the manifest."""
        file, entry = self.location.named(name), self.manifest.others.get(name)
        if entry is None:
            raise UnusableInput(f"{file}: is not named in its manifest.json; translate again")
        if entry.bytes > most:
            raise UnusableInput(
                f"{file}: {entry.bytes:,} bytes, more than the {most:,} it may have"
            )
        return read_recorded(file, entry, "restore it from a copy, or translate again")

    @property
    def _schema(self) -> pa.Schema:
        name = f"translations/{self.names[0]}"
        return read_schema(self.location.named(name), self.manifest.files[name])

    def check_column(self, option: str, column: str) -> None:
        """Refuse a column that is missing or holds no text."""
        schema = self._schema
        if column not in schema.names:
            raise UnusableInput(
                f"{self.location}: no column '{column}' for {option} "
                f"{there_are(schema.names, column)}"
            )
        if not is_text(kind := schema.field(column).type):
            raise UnusableInput(f"{self.location}: column '{column}' for {option} holds {kind}")

    def check_group(self, column: str) -> None:
        """Refuse a column that is missing or that rows cannot be grouped by."""
        check_grouping(self.location, self._schema, column)

    def values(self, folder: str, column: str) -> Iterator[list[Any]]:
        """The values of a column as JSON has them, a list a file of ``translations/`` or
        ``rejected/``."""
        for name in self.names:
            if f"{folder}/{name}" in self.manifest.files:
                yield json_values(self.read(folder, name, [column]).column(column))

    def read(self, folder: str, name: str, columns: list[str]) -> pa.Table:
        """Read columns of one part; refuse a file that differs from the manifest."""
        location = self.location.named(f"{folder}/{name}")
        entry = self.manifest.files.get(f"{folder}/{name}")
        if entry is None:
            raise UnusableInput(f"{location}: is not named in its manifest.json; translate again")
        if folder != "translations":
            return read_table(location, columns, entry)
        return read_translations(location, columns, entry, self._longest)

    def sentences(
        self,
        references: References,
        wanted: Iterable[int] | None = None,
        others: Sequence[str] = (),
    ) -> Iterator[Sentence]:
        """Its sentences in order; see `read_sentences`."""
        if self.manifest.settings.width > 1:
            others = [*others, TEXT_COLUMN]
        return read_sentences(
            self.location, self.parts, references, wanted, others, longest=self._longest
        )

    @property
    def numbers(self) -> np.ndarray:
        """The numbers of the translated rows in the input."""
        return np.concatenate([np.asarray(part.rows) for part in self.parts])

    def texts(self, column: str) -> Iterator[str | None]:
        """The texts of a column, one a translated row."""
        for name in self.names:
            yield from texts_of(self.read("translations", name, [column]).column(column))

    def alignments(self) -> Iterator[str | None]:
        """The word alignments of the translated rows, if they are `aligned`."""
        for name in self.names:
            yield from texts_of(self.read("alignments", name, ["alignment"]).column("alignment"))

    def normalizations(self) -> list[Normalization]:
        """How its translations are normalized before they are scored, as in its own job."""
        result = manifest_normalizations(self.manifest, self.location / "manifest.json")
        known = {normalization.name for normalization in result}
        if self.report and any(score.text not in known for score in self.report.scores):
            log.info(
                f"{self.location}: its job scored standardised text, but was of a release that "
                "does not record how; raw text alone is scored; translate with this release to "
                "have both"
            )
        return result

    def rate_counts(self) -> Mapping[str, int]:
        """The counts of which `nmt.evaluation.measures.rates` makes shares."""
        return self.counts.to_json()

    def known_rates(self, rates: Mapping[str, float]) -> dict[str, float]:
        """All rates: the job knew the model."""
        return {**rates}

    def attention(self) -> dict[int | str, WordAttention]:
        """Where the words of the rows of the job's report looked, by id."""
        samples = self.report.samples if self.report else []
        return {s.id: s.attention for s in samples if s.attention is not None}

    def heatmaps(self, count: int) -> list[tuple[str, bytes]]:
        """The first of its attention heatmaps, with headings."""
        names = sorted(name for name in self.manifest.others if _HEATMAP.fullmatch(name))
        present = (name for name in names if self.location.named(name).is_file())
        files = [
            (self.location.named(name), partial(self.read_other, name, MOST_HEATMAP_BYTES))
            for name in islice(present, count)
        ]
        return with_headings(files)


def is_whole(location: Location) -> bool:
    """Whether a job has said that its output is whole.

    Raises:
        UnusableInput: a link lies in the place of ``_SUCCESS``, which others may have planted.
    """
    file = location / "_SUCCESS"
    file.refuse_links()
    return file.is_file()


def is_output(location: Location) -> bool:
    """Whether a folder is that of a translation job, finished or not, and not one of files."""
    if location.info().type != pafs.FileType.Directory:
        return False
    return any((location / name).is_file() for name in ("_job.json", "manifest.json"))
