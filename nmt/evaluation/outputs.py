"""A finished output of jobs/translate.py, as its manifest describes it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nmt import records
from nmt.errors import UnusableInput
from nmt.evaluation.sentences import Part, References, Sentence, read_sentences, read_table
from nmt.json_text import parse_json
from nmt.storage.location import Location
from nmt.tables.columns import is_text
from nmt.text_limits import MOST_CHARACTERS

_FORMAT_VERSION = 1
_HEATMAP = re.compile(r"report/heatmaps/[^/]+\.png")


class FinishedOutput:
    """An OUT folder that is complete.

    Args:
        location: the folder.
        option: the option that named it, for error messages.

    Attributes:
        manifest: its manifest.json.
        names: of its files of translations, below ``translations/``, in order.

    Raises:
        UnusableInput: no output of a translation job, or an unfinished one.
    """

    def __init__(self, location: Location, option: str) -> None:
        self.location = location
        if not (location / "_SUCCESS").is_file():
            if (location / "_job.json").is_file():
                raise UnusableInput(
                    f"{location}: this translation is not finished; run its jobs/translate.py "
                    "again to continue it"
                )
            raise UnusableInput(f"{location}: no output of jobs/translate.py; check {option}")
        file = location / "manifest.json"
        self.manifest: dict[str, Any] = records.read(file, records.Versioned)
        if (found := self.manifest["format_version"]) != _FORMAT_VERSION:
            raise UnusableInput(
                f"{location}: format {found}, but this release reads {_FORMAT_VERSION}; translate "
                "again, or use the release that wrote it"
            )
        records.check(self.manifest, records.Manifest, file)
        names = [name for name in self.manifest["files"] if name.startswith("translations/")]
        self.names = sorted((name.partition("/")[2] for name in names), key=lambda n: (len(n), n))

    @property
    def rows(self) -> int:
        """Rows of the input."""
        return self.manifest["counts"]["rows"]

    @property
    def most_characters(self) -> int:
        """The limit ``search.max_characters`` under which it was translated."""
        search = self.manifest["settings"].get("search", {})
        return search.get("max_characters", MOST_CHARACTERS)

    @property
    def aligned(self) -> bool:
        """Whether it holds word alignments."""
        return any(name.startswith("alignments/") for name in self.manifest["files"])

    @cached_property
    def ids(self) -> pa.ChunkedArray:
        """The ids of the translated rows, in order."""
        columns = [self.read("translations", name, ["id"]).column("id") for name in self.names]
        chunks = [chunk for column in columns for chunk in column.chunks]
        return pa.chunked_array(chunks, columns[0].type)

    @cached_property
    def parts(self) -> list[Part]:
        """Its files, and which rows of the input they hold.

        Raises:
            UnusableInput: nothing says which rows these are.
        """
        parts, position, first = [], 0, 0
        numbered = self.manifest["settings"]["id_column"] is None
        for name in self.names:
            entry = self.manifest["files"][f"translations/{name}"]
            count = entry["rows"]
            if numbered:
                found = self.ids.slice(position, count).to_numpy()
            else:
                bad = self.manifest["files"].get(f"rejected/{name}", {"rows": 0})["rows"]
                found = np.arange(first, first + count + bad)
                if bad:
                    found = np.setdiff1d(found, self._rejected(name))
                first += count + bad
            position += count
            parts.append(Part(name, found, entry["sha256"]))
        return parts

    def _rejected(self, name: str) -> list[int]:
        record = f"_units/{name.replace('part-', '').replace('.parquet', '.json')}"
        if not self.location.named(record).is_file():
            raise UnusableInput(
                f"{self.location}: _units/ is gone, so nothing says which rows were rejected; give "
                "the references as a column of the input (--reference-column)"
            )
        return self.read_record(record, records.UnitRecord)["rejected_rows"]

    def read_record(self, name: str, kind: type[records.Record]) -> dict[str, Any]:
        """The content of one of its JSON files; refuse one that is not that of the manifest."""
        try:
            value = parse_json(self.read_other(name))
        except ValueError as error:
            raise UnusableInput(f"{self.location}/{name}: damaged ({error})") from None
        return records.check(value, kind, f"{self.location}/{name}")

    def read_other(self, name: str) -> bytes:
        """A file that is no table; refuse one that is not that of the manifest."""
        file, entry = self.location.named(name), self.manifest["others"].get(name)
        data = file.read_bytes(entry["bytes"]) if entry else b""
        if entry is None or hashlib.sha256(data).hexdigest() != entry["sha256"]:
            raise UnusableInput(
                f"{file}: not the file that the translation job wrote; restore it from a copy, or "
                "translate again"
            )
        return data

    def check_column(self, option: str, column: str) -> None:
        """Refuse a column that is not there or holds no text."""
        with self.location.named(f"translations/{self.names[0]}").open() as file:
            schema = pq.ParquetFile(file).schema_arrow
        if column not in schema.names:
            raise UnusableInput(
                f"{self.location}: no column '{column}' for {option} (there are "
                f"{', '.join(schema.names)})"
            )
        if not is_text(kind := schema.field(column).type):
            raise UnusableInput(f"{self.location}: column '{column}' for {option} holds {kind}")

    def read(self, folder: str, name: str, columns: list[str]) -> pa.Table:
        """Read columns of one part; refuse a file that is not the one of the manifest."""
        location = self.location.named(f"{folder}/{name}")
        entry = self.manifest["files"][f"{folder}/{name}"]
        table = read_table(location, columns, entry["sha256"])
        if table.num_rows != entry["rows"]:
            raise UnusableInput(
                f"{location}: has {table.num_rows:,} rows, but not so many when the translation "
                "was finished; translate again"
            )
        return table

    def sentences(
        self, references: References, wanted: Iterable[int] | None = None
    ) -> Iterator[Sentence]:
        """Its sentences in order; see `read_sentences`."""
        return read_sentences(self.location, self.parts, references, wanted)

    def heatmaps(self, count: int) -> list[tuple[str, bytes]]:
        """The first of its attention heatmaps that are there, with headings."""
        names = sorted(name for name in self.manifest["others"] if _HEATMAP.fullmatch(name))
        present = (name for name in names if self.location.named(name).is_file())
        return with_headings(self.read_other(name) for name in islice(present, count))


def with_headings(images: Iterable[bytes]) -> list[tuple[str, bytes]]:
    """Heatmaps, each with what it calls its row."""
    from nmt.report import picture  # loads matplotlib

    return [(f"#{picture.name(image)}", image) for image in images]
