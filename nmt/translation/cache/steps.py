"""The steps of a translation with a memory, each of a group of units or of one partition.

1. `hash_group` cleans a group's sources and makes their keys; each sentence of a group goes on
   but once, under the partition that its key names.
2. `find_missing` says which sentences of a partition are not in the memory.
3. `CacheActor` translates them and puts them there.
4. `look_up` finds the results of a partition's sentences for every group.
5. `write_group` gives each row its result, and commits the units.

Each step may be done again and then does the same: what makes an interrupted job go on is the
memory itself, and the records of the units that are committed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt.corpus.cleaning import clean
from nmt.errors import JobFailed, UnusableInput
from nmt.evaluation.sentences import read_table
from nmt.inference.row_filter import CleanedText, FilteredRows, RowFilter
from nmt.process import peak_bytes
from nmt.records.output import DecodingCost
from nmt.reject_reasons import RejectReason
from nmt.settings import DataSettings
from nmt.storage.location import Location
from nmt.storage.retry import retry
from nmt.translation.cache.keys import KEY, digest_of, distinct, keys_of, partitions_of, places
from nmt.translation.cache.store import Memory
from nmt.translation.decode_statistics import decode
from nmt.translation.input.corpus import Rows, Unit
from nmt.translation.input.parquet import read_rows
from nmt.translation.metrics import metrics
from nmt.translation.output_tables import compose_files, compose_record
from nmt.translation.quarantine import Attempts, decode_surviving
from nmt.translation.results_table import flagged, result_schema, stored_schema, tabulate
from nmt.translation.verify.part import value_problems
from nmt.translation.worker import ModelActor, Work, draw, output_of

STRIPES = 8  # a task of one partition is handed so small a part of all sentences
ROW_GROUP = 4096  # rows of missing sentences that are read together
_LOST = pa.schema({"key": KEY, "reason": pa.string()})
_REUSED, _FIRST, _AGAIN = 0, 1, 2  # where the result of a group's sentence comes from


@dataclass(frozen=True)
class Plan:
    """What every step needs to know.

    Attributes:
        work: what the job wants.
        memory: the generation of the memory.
        run: the name under which this job's own results are put into it.
        raw: whether a key is that of the source as given, not as cleaned.
        cleaning: how sources are cleaned.
    """

    work: Work
    memory: Memory
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
        tables = [_LOST.empty_table()]
        for file in files:
            if file.name.startswith(f"lost-{partition:03d}-"):
                with contextlib.suppress(UnusableInput):  # damaged: they are tried once more
                    rows = read_table(file)
                    if rows.schema.equals(_LOST) and {*rows["reason"].to_pylist()} <= {
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


def hash_group(plan: Plan, row_filter: RowFilter, units: tuple[Unit, ...]) -> Iterator[Any]:
    """Yields the group's `Sentences`, `STRIPES` times, and the `UnitRows` of each of its units."""
    work, group, texts = plan.work, [], []
    for unit in units:
        filtered = row_filter(_read(unit, work).texts)
        group.append((filtered.kept, filtered.reasons))
        texts += [row.text if plan.raw else row.cleaned for row in filtered.sources]
    keys, first, numbers = distinct(keys_of(texts))
    owners = partitions_of(keys, plan.memory.partitions)
    order = np.argsort(owners, kind="stable")
    owners = owners[order]
    for begin, end in pairwise(stripes(plan.memory.partitions)):
        bounds = np.searchsorted(owners, np.arange(begin, end + 1))
        own = order[bounds[0] : bounds[-1]]
        chosen = pa.array([texts[i] for i in first[own].tolist()], pa.string())
        yield Sentences(keys.take(pa.array(own)), chosen, begin, bounds - bounds[0])
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order))
    rows, start = [], 0
    for kept, reasons in group:
        stop = start + len(kept)
        rows.append(UnitRows(np.asarray(kept, np.int32), place[numbers[start:stop]], reasons))
        start = stop
    yield rows


def find_missing(plan: Plan, partition: int, *groups: Sentences) -> int:
    """Write down a partition's sentences that are not in the memory; returns how many."""
    plan.memory.merge(partition)
    parts = [group.part(partition) for group in groups]
    keys, first, _ = distinct(pa.concat_arrays([part[0] for part in parts]))
    lost = plan.lost(partition).column("key").combine_chunks()
    known = pa.concat_arrays([plan.memory.keys(partition), lost])
    missing = np.flatnonzero(places(keys, known) < 0)
    if len(missing):
        texts = pa.chunked_array([part[1] for part in parts], pa.string())
        columns = {
            "key": keys.take(pa.array(missing)),
            "text": texts.take(pa.array(first[missing])),
        }
        plan.missing(partition).write_table(pa.table(columns), ROW_GROUP)
    return len(missing)


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
    """Units with rows whose attention is looked at, which a memory does not hold."""

    units: tuple[Unit, ...]


class CacheActor(ModelActor):
    """Translates what is missing in the cache, and looks at attention."""

    def __init__(self, work: Work, plan: Plan) -> None:
        super().__init__(work)
        self._plan = plan

    def __call__(self, item: Any) -> DecodingCost | None:
        """Do one item; returns what it cost to translate sentences for the cache."""
        if isinstance(item, Drawing):
            draw_rows(item.units, self._plan, self._translator)
            return None
        cost = translate_missing(item, self._plan, self._translator)
        self._metrics.observe(cost.seconds)
        return cost


def translate_missing(item: Missing, plan: Plan, translator: Any) -> DecodingCost:
    """Translate sentences and put them into the cache; returns what it cost."""
    runs = [read_rows(plan.missing(p.partition), p.start, p.rows, "text") for p in item.parts]
    tables = [run.table for run in runs]
    whole = pa.concat_tables(tables)
    texts = [text.decode("utf-8") for run in runs for text in run.texts if text is not None]
    sources = [plan.cleaned(text) if plan.raw else plan.as_cleaned(text) for text in texts]
    name = digest_of(whole.column("key").combine_chunks())
    attempts = Attempts(plan.scratch / f"{name}.attempts", f"{item.rows} new sentences")
    with attempts.made():
        (results, lost), cost = decode(translator, sources, attempts)
    rows = _in_place(tabulate(results, memory_schema(plan.work)), lost, len(whole))
    start = 0
    for part, table in zip(item.parts, tables, strict=True):
        span = range(start, start + part.rows)
        keys, own = table.column("key").combine_chunks(), rows.slice(start, part.rows)
        done = pa.array([place not in lost for place in span])
        own = own.combine_chunks().add_column(0, "key", keys)
        if len(lost):
            reasons = pa.array([lost.get(place) for place in span], pa.string())
            bad = pa.Table.from_arrays([keys, reasons], schema=_LOST).filter(pc.invert(done))
            if len(bad):
                (plan.scratch / f"lost-{part.partition:03d}-{name}.parquet").write_table(bad)
            own = own.filter(done)
        if len(own):
            plan.memory.add(part.partition, plan.run, own)
        start += part.rows
    (plan.scratch / f"decoded-{name}.json").write_json(cost)
    attempts.clear()
    return cost


def _in_place(rows: pa.Table, lost: Mapping[int, RejectReason], count: int) -> pa.Table:
    """Rows where they were among `count`, with nulls where one is lost."""
    if not lost:
        return rows
    places = np.full(count, -1)
    places[[place for place in range(count) if place not in lost]] = np.arange(len(rows))
    return rows.take(pa.array(places, mask=places < 0))


def draw_rows(units: Sequence[Unit], plan: Plan, translator: Any) -> None:
    """Translate those rows of units again whose attention is looked at, and store that."""
    kept, sources, ids, looked_at = [], [], {}, plan.work.heatmaps | plan.work.page
    for unit in units:
        rows = _read(unit, plan.work)
        ids[unit.number] = rows.ids
        wanted = [i for i in range(len(rows.texts)) if unit.first + i in looked_at]
        filtered = translator.row_filter([rows.texts[i] for i in wanted])
        kept += [(unit, wanted[i]) for i in filtered.kept]
        sources += filtered.sources
    attempts = Attempts(plan.scratch / f"drawing-{units[0].number:05d}.attempts", "rows to draw")
    with attempts.made():
        decoder = translator.decoder
        results, lost = decode_surviving(
            sources, lambda some, failed: decoder.decode(some, failed=failed), attempts
        )
        drawn = [one for place, one in enumerate(kept) if place not in lost]
        for unit in units:
            own = [place for place, (owner, _) in enumerate(drawn) if owner == unit]
            positions = [drawn[place][1] for place in own]
            found = [results[place] for place in own]
            draw(unit, ids[unit.number], positions, found, plan.work, output_of(plan.work))
    attempts.clear()


def memory_schema(work: Work) -> pa.Schema:
    """The columns that go into the memory besides the key: all that any job may want."""
    return result_schema(work.search.n_best, alignments=True)


def look_up(plan: Plan, partition: int, *groups: Sentences) -> Iterator[pa.Table]:
    """For each group the results of its sentences in a partition, in their order.

    There are two columns besides: ``origin``, whether the result was there before this job, or was
    made by it for this group, or for one before; and ``reason``, why there is none, else null.

    Raises:
        JobFailed: a result is not in the memory any more.
    """
    work = plan.work
    schema = stored_schema(work.search.n_best, work.alignments)
    table, own = plan.memory.read(partition, schema, plan.run, value_problems)
    lost = plan.lost(partition)
    own = np.concatenate([own, np.ones(len(lost), bool)])
    table = pa.concat_tables([table, lost], promote_options="default").combine_chunks()
    among = table.column("key").combine_chunks()
    table = table.drop_columns(["key"])
    had = np.zeros(len(own), bool)
    for group in groups:
        found = places(group.part(partition)[0], among)
        if len(found) and found.min() < 0:
            raise JobFailed(
                f"{plan.memory.location}: {np.count_nonzero(found < 0)} translations have gone "
                "from the memory; run it again"
            )
        origin = np.where(own[found], np.where(had[found], _AGAIN, _FIRST), _REUSED)
        had[found] = True
        taken = table.take(pa.array(found))
        yield taken.append_column("origin", pa.array(origin, pa.int8()))


def write_group(
    plan: Plan, units: tuple[Unit, ...], waiting: frozenset[int], rows: list[UnitRows],
    *found: pa.Table,
) -> int:  # fmt: skip
    """Commit a group's units.

    Args:
        plan: of the job.
        units: the group's.
        waiting: numbers of those that are not committed yet.
        rows: what is known of the rows of each unit.
        found: the results of the group's sentences, partition by partition.

    Returns:
        The number of rows committed.
    """
    table = pa.concat_tables(found).combine_chunks()
    origin = table.column("origin").to_numpy()
    table = table.drop_columns(["origin"])
    fresh, done = origin == _FIRST, 0
    for unit, known in zip(units, rows, strict=True):
        _, first = np.unique(known.places, return_index=True)
        decoded = np.zeros(len(known.places), bool)
        decoded[first] = fresh[known.places[first]]
        fresh[known.places] = False
        if unit.number in waiting:
            origins = np.where(origin[known.places] == _REUSED, _REUSED, _AGAIN)
            origins[decoded] = _FIRST
            _write_unit(plan, unit, known, table.take(pa.array(known.places)), origins)
            done += unit.rows
    return done


def _write_unit(
    plan: Plan, unit: Unit, known: UnitRows, results: pa.Table, origins: np.ndarray
) -> None:
    work = plan.work
    rows = _read(unit, work)
    texts = [(rows.texts[i] or b"").decode("utf-8") for i in known.kept]
    # Only alignments need to know what cleaning has changed.
    sources = [plan.cleaned(text) if work.alignments else plan.as_cleaned(text) for text in texts]
    filtered = FilteredRows(known.kept.tolist(), sources, known.reasons)
    reasons = results.column("reason")
    if reasons.null_count < len(reasons):
        lost = {
            i: RejectReason(why) for i, why in enumerate(reasons.to_pylist()) if why is not None
        }
        filtered, done = filtered.without(lost), pc.is_null(reasons)
        results, origins = results.filter(done), origins[done.to_numpy()]
    results = flagged(results, filtered.texts)
    tables = compose_files(unit, rows, filtered, results)
    decoded, reused, repeated = (
        int(np.count_nonzero(origins == origin)) for origin in (_FIRST, _REUSED, _AGAIN)
    )
    record = compose_record(unit, rows, filtered, results, decoded, reused, repeated)
    record = record.model_copy(update={"peak_bytes": peak_bytes()})
    output_of(work).commit(unit, tables, record)
    metrics(work.model_id).count(record.counts)


def _read(unit: Unit, work: Work) -> Rows:
    return retry(lambda: work.read(unit))
