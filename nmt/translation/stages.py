"""The steps of a translation with a memory, each of a group of units or of one partition.

1. `hash_group` cleans a group's sources and makes their keys; each sentence of a group goes on
   but once, under the partition that its key names.
2. `find_missing` says which sentences of a partition are not in the memory.
3. `MemoryActor` translates them and puts them there.
4. `look_up` finds the results of a partition's sentences for every group.
5. `write_group` gives each row its result, and commits the units.

Each step may be done again and then does the same: what makes an interrupted job go on is the
memory itself, and the records of the units that are committed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from nmt.errors import JobFailed
from nmt.evaluation.sentences import read_table
from nmt.memory.keys import distinct, keys_of, partitions_of, places
from nmt.memory.store import Memory
from nmt.storage import Location
from nmt.translation.actor import DecodeActor, Work, draw
from nmt.translation.composing import compose_files, compose_record
from nmt.translation.corpus import Unit, read_unit
from nmt.translation.effort import decode, peak_bytes
from nmt.translation.output import Output
from nmt.translation.results import result_schema, tabulate
from nmt.translation.screening import Screen, Screened

_REUSED, _FIRST, _AGAIN = 0, 1, 2  # where the result of a group's sentence comes from


@dataclass(frozen=True)
class Plan:
    """What every step needs to know.

    Attributes:
        work: what the job wants.
        memory: the generation of the memory.
        run: the name under which this job's own results are put into it.
        raw: whether a key is that of the source as given, not as cleaned.
    """

    work: Work
    memory: Memory
    run: str
    raw: bool

    @property
    def output(self) -> Output:
        """The OUT folder."""
        return Output(Location(self.work.output))

    def missing(self, partition: int) -> Location:
        """The file of a partition's sentences that are to be translated."""
        return self.output.scratch / f"missing-{partition:03d}.parquet"


class Sentences(NamedTuple):
    """The different sentences of a group, partition by partition.

    Attributes:
        keys: one each.
        texts: what the key was made of.
        bounds: where each partition begins, and where the last one ends.
    """

    keys: pa.Array
    texts: pa.Array
    bounds: np.ndarray

    def part(self, partition: int) -> tuple[pa.Array, pa.Array]:
        """Keys and texts of one partition."""
        start, stop = self.bounds[partition : partition + 2].tolist()
        return self.keys.slice(start, stop - start), self.texts.slice(start, stop - start)


class UnitRows(NamedTuple):
    """What is known of a unit's rows.

    Attributes:
        kept: positions of the rows to translate.
        places: which of the group's sentences each of these is.
        reasons: why the others are rejected.
    """

    kept: np.ndarray
    places: np.ndarray
    reasons: dict[int, str]


def hash_group(plan: Plan, screen: Screen, units: tuple[Unit, ...]) -> Iterator[Any]:
    """Yields the group's `Sentences`, and the `UnitRows` of each of its units."""
    work, found, texts = plan.work, [], []
    for unit in units:
        screened = screen(read_unit(unit, work.text_column, work.id_column).texts)
        found.append(screened)
        texts += screened.texts if plan.raw else screened.cleaned
    keys, first, numbers = distinct(keys_of(texts))
    owners = partitions_of(keys, plan.memory.partitions)
    order = np.argsort(owners, kind="stable")
    bounds = np.searchsorted(owners[order], np.arange(plan.memory.partitions + 1))
    chosen = [texts[i] for i in first[order].tolist()]
    yield Sentences(keys.take(pa.array(order)), pa.array(chosen, pa.string()), bounds)
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order))
    rows, start = [], 0
    for screened in found:
        stop = start + len(screened.kept)
        kept = np.asarray(screened.kept, np.int32)
        rows.append(UnitRows(kept, place[numbers[start:stop]], screened.reasons))
        start = stop
    yield rows


def find_missing(plan: Plan, partition: int, *groups: Sentences) -> int:
    """Write down a partition's sentences that are not in the memory; returns how many."""
    plan.memory.merge(partition)
    parts = [group.part(partition) for group in groups]
    keys, first, _ = distinct(pa.concat_arrays([part[0] for part in parts]))
    missing = np.flatnonzero(places(keys, plan.memory.keys(partition)) < 0)
    if len(missing):
        texts = pa.chunked_array([part[1] for part in parts], pa.string())
        columns = {
            "key": keys.take(pa.array(missing)),
            "text": texts.take(pa.array(first[missing])),
        }
        plan.missing(partition).write_table(pa.table(columns))
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
    """Rows of a unit whose attention is drawn; a memory holds no attention."""

    unit: Unit


class MemoryActor(DecodeActor):
    """Holds a model; translates what is missing in the memory, and draws heatmaps."""

    def __init__(self, work: Work, plan: Plan) -> None:
        super().__init__(work)
        self._plan = plan

    def __call__(self, item: Any) -> dict[str, Any]:
        """Do one item; returns how many sentences were translated for the memory."""
        if isinstance(item, Drawing):
            draw_rows(item.unit, self._plan.work, self._translator, self._output)
            return {"sentences": 0}
        return translate_missing(item, self._plan, self._translator)


def translate_missing(item: Missing, plan: Plan, translator: Any) -> dict[str, Any]:
    """Translate sentences and put them into the memory; returns the record of what it cost."""
    tables = [
        read_table(plan.missing(part.partition)).slice(part.start, part.rows) for part in item.parts
    ]
    results, effort = decode(translator, pa.concat_tables(tables).column("text").to_pylist())
    rows = tabulate(results, memory_schema(plan.work))
    start, names = 0, []
    for part, table in zip(item.parts, tables, strict=True):
        own = rows.slice(start, part.rows).combine_chunks()
        own = own.add_column(0, "key", table.column("key").combine_chunks())
        names.append(plan.memory.add(part.partition, plan.run, own).name)
        start += part.rows
    (plan.output.scratch / f"decoded-{names[0].removesuffix('.parquet')}.json").write_json(effort)
    return effort


def draw_rows(unit: Unit, work: Work, translator: Any, output: Output) -> None:
    """Translate those rows of a unit again whose attention is drawn, and draw it."""
    rows = read_unit(unit, work.text_column, work.id_column)
    wanted = [i for i in range(len(rows.texts)) if unit.first + i in work.heatmaps]
    screened = translator.screen([rows.texts[i] for i in wanted])
    kept = [wanted[i] for i in screened.kept]
    draw(unit.first, kept, translator.translate(screened.texts), work, output)


def memory_schema(work: Work) -> pa.Schema:
    """The columns that go into the memory besides the key: all that any job may want."""
    return result_schema(work.search.n_best, alignments=True)


def look_up(plan: Plan, partition: int, *groups: Sentences) -> Iterator[pa.Table]:
    """For each group the results of its sentences in a partition, in their order.

    There is a column ``origin`` besides: whether the result was there before this job, or was
    made by it for this group, or for one before.

    Raises:
        JobFailed: a result is not in the memory any more.
    """
    work = plan.work
    schema = result_schema(work.search.n_best, work.alignments)
    table, own = plan.memory.read(partition, schema, plan.run)
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
        if unit.number not in waiting:
            continue
        reused = int(np.count_nonzero(origin[known.places] == _REUSED))
        _write_unit(plan, unit, known, table.take(pa.array(known.places)), decoded, reused)
        done += unit.rows
    return done


def _write_unit(
    plan: Plan, unit: Unit, known: UnitRows, results: pa.Table, decoded: np.ndarray, reused: int
) -> None:
    work = plan.work
    rows = read_unit(unit, work.text_column, work.id_column)
    kept = known.kept.tolist()
    texts = [(rows.texts[i] or b"").decode("utf-8") for i in kept]
    screened = Screened(kept, texts, [], known.reasons)
    files = compose_files(unit, rows, screened, results, work.alignments)
    record = compose_record(unit, rows, screened, results)
    new = int(np.count_nonzero(decoded))
    record["counts"] |= {
        "decoded": new,
        "reused": reused,
        "repeated": len(kept) - new - reused,
    }
    record |= {"alignment": None, "peak_bytes": peak_bytes()}
    plan.output.commit(unit, files, record)
