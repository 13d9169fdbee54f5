"""What every step of a job with a cache needs to know, and what the steps hand to each other."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt.errors import UnusableInput
from nmt.evaluation.sentences import read_table
from nmt.inference.row_filter import RowFilter
from nmt.reject_reasons import RejectReason
from nmt.storage.location import Location
from nmt.translation.cache.keys import KEY
from nmt.translation.cache.store import Cache, problem
from nmt.translation.input.corpus import Unit
from nmt.translation.known import Origin, known_schema
from nmt.translation.results_table import stored_schema
from nmt.translation.work import Work, output_of

STRIPES = 8  # a task of one partition is handed so small a part of all sentences
_LOST = pa.schema({"key": KEY, "reason": pa.string()})
_DECODED = pa.schema({"key": KEY})


@dataclass(frozen=True)
class Plan:
    """What every step needs to know.

    Attributes:
        work: what the job wants.
        cache: the generation of the cache.
        run: the name under which this job's own results are put into it.
        row_filter: says which rows are translated; it needs no model.
    """

    work: Work
    cache: Cache
    run: str
    row_filter: RowFilter

    @property
    def results(self) -> pa.Schema:
        """The columns of results, as they must be where they are read back."""
        return stored_schema(self.work.search.n_best, alignments=True)

    def known(self, unit: Unit) -> pa.Table:
        """What is known of a unit's sentences; see `nmt.translation.known`.

        Raises:
            UnusableInput: the file is missing or damaged.
        """
        file = output_of(self.work).scratch.file("known", unit.number)
        table = read_table(file)
        if not table.schema.equals(known_schema(self.results)):
            raise UnusableInput(f"{file}: damaged; run the same command again")
        is_there = pc.and_(
            pc.is_null(table.column("reason")), pc.less(table.column("origin"), Origin.AWAITED)
        )
        there = table.filter(is_there)
        if not _are_reasons(table) or any(problem(there.column(f.name), f) for f in self.results):
            raise UnusableInput(f"{file}: damaged; run the same command again")
        return table

    def write_known(self, unit: Unit, known: pa.Table) -> None:
        """Store what is known of a unit's sentences."""
        output_of(self.work).scratch.write("known", unit.number, known)

    def store(self, unit: Unit, known: pa.Table, fresh: pa.Table) -> None:
        """Put what a unit has decoded into the cache, and what it could not into OUT.

        Args:
            unit: which one.
            known: what was known of its sentences.
            fresh: of those that were decoded now.
        """
        scratch, has_result = output_of(self.work).scratch, pc.is_null(fresh.column("reason"))
        results, lost = fresh.filter(has_result), fresh.filter(pc.invert(has_result))
        if len(lost):
            scratch.write("lost", unit.number, lost.select(_LOST.names))
        if len(results):
            own = known.filter(pc.equal(known.column("origin"), Origin.DECODED))
            # First, so that what a killed job has stored counts as decoded by this unit.
            keys = pa.concat_tables([own.select(["key"]), results.select(["key"])])
            scratch.write("decoded", unit.number, keys)
            self.cache.add_new(self.run, results.select(["key", *self.results.names]))

    def lost(self) -> pa.Table:
        """Keys and reasons of the sentences that cannot be translated."""
        files = output_of(self.work).scratch.files("lost").values()
        tables = [table for file in files if _are_reasons(table := _read(file, _LOST))]
        return pa.concat_tables([_LOST.empty_table(), *tables]).combine_chunks()

    def decoded(self, number: int) -> pa.Array:
        """The keys of the sentences that a unit has decoded."""
        file = output_of(self.work).scratch.file("decoded", number)
        return _read(file, _DECODED).column("key").combine_chunks()


def _read(file: Location, schema: pa.Schema) -> pa.Table:
    """The rows of a file; none if it is damaged: then they are decoded, or counted, once more."""
    with contextlib.suppress(UnusableInput):
        table = read_table(file)
        if table.schema.equals(schema):
            return table
    return schema.empty_table()


def _are_reasons(table: pa.Table) -> bool:
    return {*table.column("reason").unique().to_pylist()} <= {*RejectReason, None}


class Sentences(NamedTuple):
    """The different sentences of a group in some partitions, one partition after another.

    Attributes:
        keys: one each.
        units: the number of the first unit that has it.
        first: the first of the partitions.
        bounds: where each of them begins, and where the last one ends.
    """

    keys: pa.Array
    units: np.ndarray
    first: int
    bounds: np.ndarray

    def part(self, partition: int) -> tuple[pa.Array, np.ndarray]:
        """Keys and units of one partition."""
        place = partition - self.first
        start, stop = self.bounds[place : place + 2].tolist()
        return self.keys.slice(start, stop - start), self.units[start:stop]


def stripes(partitions: int) -> list[int]:
    """Where each stripe of partitions begins, and where the last one ends."""
    return [partitions * stripe // STRIPES for stripe in range(STRIPES + 1)]


class UnitState(NamedTuple):
    """How many of a unit's sentences are missing.

    Attributes:
        number: of the unit.
        owned: those that it decodes.
        awaited: those that other units decode.
    """

    number: int
    owned: int
    awaited: int
