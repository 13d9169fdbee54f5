"""The steps of a translation with a cache, each of a group of units or of one partition.

1. `hash_group` cleans a group's sources and makes their keys; each sentence of a group goes on
   but once, under the partition that its key names.
2. `find_missing` says which sentences of a partition are not in the cache.
3. `CacheActor` translates them and puts them there.
4. `look_up` finds the results of a partition's sentences for every group.
5. `write_group` gives each row its result, and commits the units.

Each step may be done again and then does the same: what makes an interrupted job go on is the
cache itself, and the records of the units that are committed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt.errors import JobFailed
from nmt.inference.row_filter import FilteredRows, RowFilter
from nmt.process import peak_bytes
from nmt.records.output import DecodingCost
from nmt.reject_reasons import RejectReason
from nmt.storage.retry import retry
from nmt.translation.cache.keys import digest_of, distinct, keys_of, partitions_of, places
from nmt.translation.cache.plan import (
    LOST,
    Drawing,
    Missing,
    Plan,
    Sentences,
    UnitRows,
    stripes,
)
from nmt.translation.decode_statistics import decode
from nmt.translation.input.parquet_rows import read_rows
from nmt.translation.input.unit_rows import Rows
from nmt.translation.input.units import Unit
from nmt.translation.output_tables import compose_files, compose_record
from nmt.translation.quarantine import Attempts, decode_surviving, ending_within
from nmt.translation.results_table import flagged, result_schema, stored_schema
from nmt.translation.verify.part import value_problems
from nmt.translation.worker import ModelActor, Work, draw, output_of

ROW_GROUP = 4096  # rows of missing sentences that are read together
_REUSED, _FIRST, _AGAIN = 0, 1, 2  # where the result of a group's sentence comes from


def hash_group(plan: Plan, row_filter: RowFilter, units: tuple[Unit, ...]) -> Iterator[Any]:
    """Yields the group's `Sentences`, `STRIPES` times, and the `UnitRows` of each of its units."""
    work, group, texts = plan.work, [], []
    for unit in units:
        filtered = row_filter(_read(unit, work).texts)
        group.append((filtered.kept, filtered.reasons))
        texts += [row.text if plan.raw else row.cleaned for row in filtered.sources]
    keys, first, numbers = distinct(keys_of(texts))
    owners = partitions_of(keys, plan.cache.partitions)
    order = np.argsort(owners, kind="stable")
    owners = owners[order]
    for begin, end in pairwise(stripes(plan.cache.partitions)):
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
    """Write down a partition's sentences that are not in the cache; returns how many."""
    plan.cache.merge(partition)
    parts = [group.part(partition) for group in groups]
    keys, first, _ = distinct(pa.concat_arrays([part[0] for part in parts]))
    lost = plan.lost(partition).column("key").combine_chunks()
    known = pa.concat_arrays([plan.cache.keys(partition), lost])
    missing = np.flatnonzero(places(keys, known) < 0)
    if len(missing):
        texts = pa.chunked_array([part[1] for part in parts], pa.string())
        columns = {
            "key": keys.take(pa.array(missing)),
            "text": texts.take(pa.array(first[missing])),
        }
        plan.missing(partition).write_table(pa.table(columns), ROW_GROUP)
    return len(missing)


class CacheActor(ModelActor):
    """Translates what is missing in the cache, and looks at attention."""

    def __init__(self, work: Work, plan: Plan) -> None:
        super().__init__(work)
        self._plan = plan

    def __call__(self, item: Any) -> DecodingCost | None:
        """Do one item; returns what it cost to translate sentences for the cache."""
        with ending_within(self._work.unit_timeout):
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
    output_of(plan.work).guard()
    attempts = Attempts(plan.scratch / f"{name}.attempts", f"{item.rows} new sentences")
    with attempts.counted():
        results, _, lost, cost = decode(translator, sources, attempts, cache_schema(plan.work))
    rows = _in_place(results, lost, len(whole))
    start = 0
    for part, table in zip(item.parts, tables, strict=True):
        span = range(start, start + part.rows)
        keys, own = table.column("key").combine_chunks(), rows.slice(start, part.rows)
        done = pa.array([place not in lost for place in span])
        own = own.combine_chunks().add_column(0, "key", keys)
        if len(lost):
            reasons = pa.array([lost.get(place) for place in span], pa.string())
            bad = pa.Table.from_arrays([keys, reasons], schema=LOST).filter(pc.invert(done))
            if len(bad):
                (plan.scratch / f"lost-{part.partition:03d}-{name}.parquet").write_table(bad)
            own = own.filter(done)
        if len(own):
            plan.cache.add(part.partition, plan.run, own)
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
    output_of(plan.work).guard()
    attempts = Attempts(plan.scratch / f"drawing-{units[0].number:05d}.attempts", "rows to draw")
    with attempts.counted():
        decoder = translator.decoder
        results, lost = decode_surviving(
            sources, lambda some, failed: decoder.decode(some, failed=failed), attempts
        )
        drawn = [one for place, one in enumerate(kept) if place not in lost]
        for unit in units:
            own = {i: one for (owner, i), one in zip(drawn, results, strict=True) if owner == unit}
            draw(unit, ids[unit.number], own, plan.work, output_of(plan.work))
    attempts.clear()


def cache_schema(work: Work) -> pa.Schema:
    """The columns that go into the cache besides the key: all that any job may want."""
    return result_schema(work.search.n_best, alignments=True)


def look_up(plan: Plan, partition: int, *groups: Sentences) -> Iterator[pa.Table]:
    """For each group the results of its sentences in a partition, in their order.

    There are two columns besides: ``origin``, whether the result was there before this job, or was
    made by it for this group, or for one before; and ``reason``, why there is none, else null.

    Raises:
        JobFailed: a result is not in the cache any more.
    """
    work = plan.work
    schema = stored_schema(work.search.n_best, work.alignments)
    table, own = plan.cache.read(partition, schema, plan.run, value_problems)
    lost = plan.lost(partition)
    own = np.concatenate([own, np.ones(len(lost), bool)])
    table = pa.concat_tables([table, lost], promote_options="default").combine_chunks()
    among = table.column("key").combine_chunks()
    table = table.drop_columns(["key"])
    had = np.zeros(len(own), bool)
    for group in groups:
        rows = places(group.part(partition)[0], among)
        if len(rows) and rows.min() < 0:
            raise JobFailed(
                f"{plan.cache.location}: {np.count_nonzero(rows < 0)} translations have gone "
                "from the cache; run it again"
            )
        origin = np.where(own[rows], np.where(had[rows], _AGAIN, _FIRST), _REUSED)
        had[rows] = True
        taken = table.take(pa.array(rows))
        yield taken.append_column("origin", pa.array(origin, pa.int8()))


def write_group(
    plan: Plan, units: tuple[Unit, ...], waiting: frozenset[int], rows: list[UnitRows],
    *results: pa.Table,
) -> int:  # fmt: skip
    """Commit a group's units.

    Args:
        plan: of the job.
        units: the group's.
        waiting: numbers of those that are not committed yet.
        rows: what is known of the rows of each unit.
        results: those of the group's sentences, partition by partition.

    Returns:
        The number of rows committed.
    """
    table = pa.concat_tables(results).combine_chunks()
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
    work.metrics.count(record.counts)


def _read(unit: Unit, work: Work) -> Rows:
    return retry(lambda: work.read(unit))
