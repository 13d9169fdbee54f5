"""What every step of a job with a cache needs to know."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from nmt.errors import UnusableInput
from nmt.inference.row_filter import RowFilter
from nmt.text_limits import most_translated
from nmt.translation.cache.keys import KEY, Origin, known_schema
from nmt.translation.cache.reading import Columns, problem
from nmt.translation.cache.store import Cache
from nmt.translation.input.units import Unit
from nmt.translation.results_table import stored_schema
from nmt.translation.scratch import Scratch
from nmt.translation.verify.part import value_problems
from nmt.translation.work import Work, output_of

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

    @property
    def columns(self) -> Columns:
        """The same in files of the cache, with what is wrong with their values."""
        search = self.work.search
        longest = most_translated(search.max_characters)
        problems = partial(value_problems, longest=longest, n_best=search.n_best)
        return Columns(self.results, problems)

    @property
    def scratch(self) -> Scratch:
        """What the job keeps in OUT until it ends."""
        return output_of(self.work).scratch

    def known(self, unit: Unit) -> pa.Table:
        """What is known of a unit's sentences; see `nmt.translation.cache.keys`.

        Raises:
            UnusableInput: the file in which that is noted is damaged.
        """
        table = self.scratch.read("known", unit.number, known_schema(self.results))
        awaited = pc.equal(table.column("origin"), Origin.AWAITED)
        done = table.filter(pc.and_not(pc.is_null(table.column("reason")), awaited))
        if any(problem(done.column(field.name), field) for field in self.results):
            raise UnusableInput(
                f"{self.work.output}: what is known of unit {unit.number} is damaged; run the same "
                "command again"
            )
        return table

    def store(self, unit: Unit, known: pa.Table, fresh: pa.Table) -> None:
        """Put what a unit has decoded into the cache, and what it could not into OUT.

        Args:
            unit: which one.
            known: what was known of its sentences.
            fresh: of those that were decoded now.
        """
        has_result = pc.is_null(fresh.column("reason"))
        results, lost = fresh.filter(has_result), fresh.filter(pc.invert(has_result))
        if len(lost):
            self.scratch.write("lost", unit.number, lost.select(_LOST.names))
        if len(results):
            own = known.filter(pc.equal(known.column("origin"), Origin.DECODED))
            # First, so that what a killed job has stored counts as decoded by this unit.
            keys = pa.concat_tables([own.select(["key"]), results.select(["key"])])
            self.scratch.write("decoded", unit.number, keys)
            self.cache.add_new(self.run, results.select(["key", *self.results.names]))

    def lost(self) -> pa.Table:
        """Keys and reasons of the sentences that cannot be translated."""
        tables = [self._read("lost", unit, _LOST) for unit in self.scratch.units("lost")]
        return pa.concat_tables([_LOST.empty_table(), *tables]).combine_chunks()

    def decoded(self, unit: Unit) -> pa.Array:
        """The keys of the sentences that a unit has decoded."""
        return self._read("decoded", unit.number, _DECODED).column("key").combine_chunks()

    def _read(self, kind: str, unit: int, schema: pa.Schema) -> pa.Table:
        """Nothing, if it is damaged: then it is decoded, or counted, once more."""
        with contextlib.suppress(UnusableInput):
            return self.scratch.read(kind, unit, schema)
        return schema.empty_table()
