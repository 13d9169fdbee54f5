"""The baseline: an earlier output, searched by sentence.

Two nights hardly ever translate the same rows. A sentence is common to both if its id and its
source are the same; paired comparisons use only common sentences.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from nmt.errors import UnusableInput
from nmt.evaluation.outputs import FinishedOutput
from nmt.evaluation.sentences import Sentence
from nmt.records.report import Report
from nmt.storage.location import Location
from nmt.tables.parquet import most_in_memory
from nmt.tables.values import json_values

# Of a sentence of a baseline: its key, its place, and its translation.
ROWS = pa.schema([("key", pa.uint64()), ("place", pa.int64()), ("translation", pa.large_string())])
_SAMPLED = 2000  # changed sentences, from which the largest changes are taken


def read_baseline(location: Location, output: Location) -> tuple[FinishedOutput, Report]:
    """The baseline and its report.

    Args:
        location: what `--baseline` names.
        output: the OUT folder of the job itself.

    Raises:
        UnusableInput: it is no finished output, has no report, or is the job's own output.
    """
    if location == output:
        raise UnusableInput(f"--baseline {location}: is the --output itself; give an earlier one")
    baseline = FinishedOutput(location, "--baseline")
    file = location / "report" / "report.json"
    if not file.is_file():
        raise UnusableInput(f"{file}: no such file; a baseline needs its report, give another one")
    for name in baseline.names:
        location.named(f"translations/{name}")  # refuses one that lies elsewhere
    return baseline, baseline.read_record("report/report.json", Report)


class Baseline:
    """The sentences of an earlier output, by their places: numbers over all its parts.

    Args:
        output: the earlier output.
    """

    def __init__(self, output: FinishedOutput) -> None:
        self.output = output
        self._entries = [output.manifest.files[f"translations/{name}"] for name in output.names]
        self._first = np.cumsum([0, *(entry.rows for entry in self._entries)])

    @property
    def sizes(self) -> list[int]:
        """Rows of each part."""
        return np.diff(self._first).tolist()

    @property
    def bytes(self) -> list[int]:
        """Bytes of the file of each part."""
        return [entry.bytes for entry in self._entries]

    def rows(self, parts: range) -> pa.Table:
        """The sentences of consecutive parts: columns `ROWS`.

        Raises:
            UnusableInput: they are out of all proportion to the size of their files.
        """
        tables, columns = [ROWS.empty_table()], ["id", "source", "translation"]
        room = most_in_memory(sum(self.bytes[parts.start : parts.stop]))
        for part in parts:
            table = self.output.read("translations", self.output.names[part], columns)
            if (room := room - table.nbytes) < 0:
                raise UnusableInput(
                    f"{self.output.location}: the texts of its parts are out of all proportion to "
                    "their size; give another --baseline"
                )
            places = np.arange(self._first[part], self._first[part + 1])
            texts = table["translation"].cast(pa.large_string())
            tables.append(pa.table([keys_of(table), places, texts], ROWS))
        return pa.concat_tables(tables)

    def texts(self, places: Sequence[int] | np.ndarray) -> list[str | None]:
        """The translations at some places; None for a place of -1. Each part is read once."""
        at = np.asarray(places, np.int64)
        result: list[str | None] = [None] * len(at)
        parts = np.searchsorted(self._first, at, side="right") - 1
        for part in np.unique(parts[at >= 0]).tolist():
            chosen = np.flatnonzero((parts == part) & (at >= 0))
            name = self.output.names[part]
            column = self.output.read("translations", name, ["translation"]).column("translation")
            texts = column.take(pa.array(at[chosen] - self._first[part])).to_pylist()
            for position, text in zip(chosen.tolist(), texts, strict=True):
                result[position] = text
        return result

    def check(self) -> None:
        """Make sure that it can be read, as far as that shows without reading it all.

        Raises:
            UnusableInput: a part is missing or has another size, or the first one is damaged.
        """
        folder = self.output.location / "translations"
        sizes = {file.name: info.size for file, info in folder.listed()}
        for name in self.output.names:
            if name not in sizes:
                raise UnusableInput(
                    f"{folder / name}: no such file, but its manifest.json names it; give another "
                    "--baseline"
                )
            recorded = self.output.manifest.files[f"translations/{name}"].bytes
            if sizes[name] != recorded:
                raise UnusableInput(
                    f"{folder / name}: has {sizes[name]:,} bytes, not the {recorded:,} that were "
                    "written; give another --baseline"
                )
        self.rows(range(1))


class Changes:
    """Counts changed translations, and draws some of them at random.

    Attributes:
        paired: sentences that the baseline has, too.
        changed: those with another translation.
    """

    def __init__(self) -> None:
        self.paired = self.changed = 0
        self._drawn: list[tuple[int, int, int]] = []  # a heap of negated keys, rows and places

    def add(
        self, sentences: Sequence[Sentence], others: Sequence[str | None], places: Sequence[int]
    ) -> None:
        """Add sentences, with their translations in the baseline, and where these are."""
        for sentence, other, place in zip(sentences, others, places, strict=True):
            if other is None:
                continue
            self.paired += 1
            if other == sentence.translation:
                continue
            self.changed += 1
            # The least of pseudo-random keys: the same sample whatever the order and the batches.
            self._draw((-key(sentence.id, sentence.source), sentence.row, place))

    def _draw(self, item: tuple[int, int, int]) -> None:
        if len(self._drawn) < _SAMPLED:
            heapq.heappush(self._drawn, item)
        else:
            heapq.heappushpop(self._drawn, item)

    def merge(self, other: Changes) -> None:
        """Add the changes among further sentences."""
        self.paired += other.paired
        self.changed += other.changed
        for item in other._drawn:
            self._draw(item)

    @property
    def drawn(self) -> dict[int, int]:
        """Numbers of the rows drawn, ascending, and the places of the baseline's translations."""
        return dict(sorted((row, place) for _, row, place in self._drawn))


def keys_of(table: pa.Table) -> np.ndarray:
    """The `key` of each row of a table with ``id`` and ``source``, uint64."""
    ids, sources = json_values(table.column("id")), table.column("source").to_pylist()
    return np.array([key(*pair) for pair in zip(ids, sources, strict=True)], np.uint64)


def key(identifier: Any, source: str) -> int:
    """A 64-bit hash of an id, as JSON has it, and its source."""
    text = f"{identifier}\0{source}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
