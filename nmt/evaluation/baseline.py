"""The baseline: an earlier output, searched by sentence.

Two nights hardly ever translate the same rows. A sentence is common to both if its id and its
source are the same; paired comparisons use only common sentences.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from nmt.errors import UnusableInput
from nmt.evaluation.outputs import FinishedOutput
from nmt.evaluation.sentences import Sentence
from nmt.records.report import Report
from nmt.storage.location import Location
from nmt.tables.values import json_values

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
        if not (part := location.named(f"translations/{name}")).is_file():
            raise UnusableInput(
                f"{part}: no such file, but its manifest.json names it; give another --baseline"
            )
    return baseline, baseline.read_record("report/report.json", Report)


class Baseline:
    """Finds the baseline's translations of sentences; needs 16 bytes of memory per row.

    Args:
        output: the earlier output.
    """

    def __init__(self, output: FinishedOutput) -> None:
        self.output = output
        keys: list[np.ndarray] = []
        for name in output.names:
            # All that is read of it at any time: what cannot be used is known from the beginning.
            table = output.read("translations", name, ["id", "source", "translation"])
            ids, sources = json_values(table.column("id")), table.column("source").to_pylist()
            pairs = zip(ids, sources, strict=True)
            keys.append(np.array([key(*pair) for pair in pairs], np.uint64))
        together = np.concatenate([np.array([], np.uint64), *keys])
        self._order = np.argsort(together, kind="stable")
        self._keys = together[self._order]
        self._first = np.cumsum([0, *(len(part) for part in keys)])
        # Parts of both outputs have nearly the same order, so the last few are read again.
        self._column = lru_cache(maxsize=4)(self._read)

    def _read(self, part: int) -> pa.ChunkedArray:
        name = self.output.names[part]
        return self.output.read("translations", name, ["translation"]).column("translation")

    def translations(self, sentences: Sequence[Sentence]) -> list[str | None]:
        """The baseline's translation of each sentence; None for a sentence that it lacks."""
        result: list[str | None] = [None] * len(sentences)
        if not len(self._keys):
            return result
        keys = np.array([key(s.id, s.source) for s in sentences], np.uint64)
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        matches = np.flatnonzero(self._keys[at] == keys)
        places = self._order[at[matches]]
        parts = np.searchsorted(self._first, places, side="right") - 1
        for part in np.unique(parts).tolist():
            chosen = np.flatnonzero(parts == part)
            texts = self._column(part).take(pa.array(places[chosen] - self._first[part]))
            for position, text in zip(matches[chosen].tolist(), texts.to_pylist(), strict=True):
                result[position] = text
        return result


class Changes:
    """Counts changed translations, and draws some of them at random.

    Attributes:
        paired: sentences that the baseline has, too.
        changed: those with another translation.
    """

    def __init__(self) -> None:
        self.paired = self.changed = 0
        self._drawn: list[tuple[int, int]] = []  # a heap of negated keys, and rows

    def add(self, sentences: Sequence[Sentence], others: Sequence[str | None]) -> None:
        """Add sentences, with the results of `Baseline.translations`."""
        for sentence, other in zip(sentences, others, strict=True):
            if other is None:
                continue
            self.paired += 1
            if other == sentence.translation:
                continue
            self.changed += 1
            # The least of pseudo-random keys: the same sample whatever the order and the batches.
            item = (-key(sentence.id, sentence.source), sentence.row)
            if len(self._drawn) < _SAMPLED:
                heapq.heappush(self._drawn, item)
            else:
                heapq.heappushpop(self._drawn, item)

    @property
    def rows(self) -> list[int]:
        """Numbers of the rows drawn, ascending."""
        return sorted(row for _, row in self._drawn)


def key(identifier: Any, source: str) -> int:
    """A 64-bit hash of an id, as JSON has it, and its source."""
    text = f"{identifier}\0{source}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
