"""What the steps of a translation with a cache hand to each other."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from nmt.corpus.cleaning import clean
from nmt.errors import UnusableInput
from nmt.evaluation.sentences import read_table
from nmt.inference.row_filter import CleanedText
from nmt.reject_reasons import RejectReason
from nmt.settings import DataSettings
from nmt.storage.location import Location
from nmt.translation.cache.keys import KEY
from nmt.translation.cache.store import Cache
from nmt.translation.input.units import Unit
from nmt.translation.worker import Work, output_of

STRIPES = 8  # a task of one partition is handed so small a part of all sentences
LOST = pa.schema({"key": KEY, "reason": pa.string()})


@dataclass(frozen=True)
class Plan:
    """What every step needs to know.

    Attributes:
        work: what the job wants.
        cache: the generation of the cache.
        run: the name under which this job's own results are put into it.
        raw: whether a key is that of the source as given, not as cleaned.
        cleaning: how sources are cleaned.
    """

    work: Work
    cache: Cache
    run: str
    raw: bool
    cleaning: DataSettings

    @property
    def scratch(self) -> Location:
        """Where files lie that only this job needs."""
        return output_of(self.work).scratch

    def cleaned(self, text: str) -> CleanedText:
        """A source as it was given, cleaned."""
        return CleanedText(text, clean(text, self.cleaning), self.cleaning)

    def as_cleaned(self, text: str) -> CleanedText:
        """A source that was cleaned before."""
        return CleanedText(text, text, self.cleaning)

    def missing(self, partition: int) -> Location:
        """The file of a partition's sentences that are to be translated."""
        return self.scratch / f"missing-{partition:03d}.parquet"

    def lost(self, partition: int) -> pa.Table:
        """Keys and reasons of a partition's sentences that cannot be translated."""
        files = self.scratch.files(".parquet")
        tables = [LOST.empty_table()]
        for file in files:
            if file.name.startswith(f"lost-{partition:03d}-"):
                with contextlib.suppress(UnusableInput):  # damaged: they are tried once more
                    rows = read_table(file)
                    if rows.schema.equals(LOST) and {*rows["reason"].to_pylist()} <= {
                        *RejectReason
                    }:
                        tables.append(rows)
        return pa.concat_tables(tables).combine_chunks()


class Sentences(NamedTuple):
    """The different sentences of a group in some partitions, one partition after another.

    Attributes:
        keys: one each.
        texts: what the key was made of.
        first: the first of the partitions.
        bounds: where each of them begins, and where the last one ends.
    """

    keys: pa.Array
    texts: pa.Array
    first: int
    bounds: np.ndarray

    def part(self, partition: int) -> tuple[pa.Array, pa.Array]:
        """Keys and texts of one partition."""
        place = partition - self.first
        start, stop = self.bounds[place : place + 2].tolist()
        return self.keys.slice(start, stop - start), self.texts.slice(start, stop - start)


def stripes(partitions: int) -> list[int]:
    """Where each stripe of partitions begins, and where the last one ends."""
    return [partitions * stripe // STRIPES for stripe in range(STRIPES + 1)]


class UnitRows(NamedTuple):
    """What is known of a unit's rows.

    Attributes:
        kept: positions of the rows to translate.
        places: which of the group's sentences each of these is.
        reasons: why the others are rejected.
    """

    kept: np.ndarray
    places: np.ndarray
    reasons: dict[int, RejectReason]


class MissingRows(NamedTuple):
    """A run of rows of a partition's missing sentences."""

    partition: int
    start: int
    rows: int


@dataclass(frozen=True)
class Missing:
    """Sentences that are translated in one go, from one or several partitions."""

    parts: tuple[MissingRows, ...]

    @property
    def rows(self) -> int:
        """Number of sentences."""
        return sum(part.rows for part in self.parts)


@dataclass(frozen=True)
class Drawing:
    """Units with rows whose attention is looked at, which a cache does not hold."""

    units: tuple[Unit, ...]
