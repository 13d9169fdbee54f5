"""A translation with a cache: what it holds is not decoded again, and nothing twice."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from nmt import records
from nmt.bundle import source_vocabulary
from nmt.cluster.tasks import Tasks
from nmt.console import activity
from nmt.inference.row_filter import RowFilter, cleaning_of
from nmt.records.cache import CacheRun
from nmt.records.model import ModelRecord
from nmt.records.output import DecodingCost, JobRecord
from nmt.settings import SearchSettings
from nmt.storage.encoding import hash_json
from nmt.storage.location import Location
from nmt.translation.cache.generations import depends_on, open_generation
from nmt.translation.cache.plan import STRIPES, Drawing, Missing, MissingRows, Plan, stripes
from nmt.translation.cache.steps import find_missing, hash_group, look_up, write_group
from nmt.translation.cache.store import Cache
from nmt.translation.input.units import Unit
from nmt.translation.output import Output
from nmt.translation.progress import Progress
from nmt.translation.worker import Work

log = logging.getLogger(__name__)

_GROUP = 65_536  # rows whose sentences travel together
_LARGEST, _SMALLEST = 4096, 1024  # sentences translated in one go
_PIECES = 16  # so many goes at least, if there are enough sentences
Pool = Callable[[Plan, Sequence[Any], int], Iterable[tuple[int, DecodingCost | None]]]


def make_plan(
    location: Location, work: Work, info: ModelRecord, job: JobRecord
) -> tuple[Plan, RowFilter]:
    """Find or make the generation of the cache, and what the steps need to know.

    Args:
        location: the cache.
        work: what the job wants.
        info: the content of model.json.
        job: what identifies the job.
    """
    source = source_vocabulary(Location(work.models[0]), info)
    raw = copies_words(info, work.search)
    generation = open_generation(
        location, depends_on(work.model_id, work.search, work.dictionary_hash, raw)
    )
    run, cleaning = _run_name(Output(Location(work.output)), job), cleaning_of(info)
    plan = Plan(work, generation, run, raw, cleaning)
    return plan, RowFilter.of(source, cleaning, work.search)


def copies_words(info: ModelRecord, search: SearchSettings) -> bool:
    """Whether words of the raw source may stand in a translation for unknown ones."""
    attends = info.architecture["attention"] != "none"
    return info.tokenizer == "word" and attends and search.replace_unknown


def translate_units(
    plan: Plan, row_filter: RowFilter, units: list[Unit], waiting: frozenset[int], tasks: Tasks,
    pool: Pool, cost_per_hour: float | None = None,
) -> None:  # fmt: skip
    """Translate and commit units.

    Args:
        plan: of the job.
        row_filter: says which rows are translated.
        units: all of the job, so that it is counted rightly what is decoded and what comes again.
        waiting: numbers of those that are not committed yet.
        tasks: does the steps.
        pool: does `Missing` and `Drawing` with `CacheActor`s; also given the rows to decode.
        cost_per_hour: of the cluster, for the display.
    """
    groups = list(_groups(units))
    shared, partitions = tasks.share(plan), range(plan.cache.partitions)
    with activity("looking into the cache", total=len(partitions)) as shown:
        shared_filter = tasks.share(row_filter)
        hashed = [
            tasks.submit_parts(STRIPES + 1, hash_group, shared, shared_filter, group)
            for group in groups
        ]
        owner = np.searchsorted(stripes(plan.cache.partitions), partitions, "right") - 1
        sentences = [[parts[stripe] for parts in hashed] for stripe in owner.tolist()]
        rows = [parts[-1] for parts in hashed]
        counts = {}
        for number, count in tasks.results(
            [
                tasks.submit(_numbered, p, find_missing, shared, p, *sentences[p])
                for p in partitions
            ],
            "looking into the cache",
        ):
            counts[number] = count
            shown.advance()
    _tell_of_damaged(plan.cache)
    total = sum(counts.values())
    log.info(f"{total:,} sentences are not in the cache")
    shown_units = [
        tuple(unit for unit in group if unit.number in waiting and _looked_at(unit, plan))
        for group in groups
    ]
    drawings = [Drawing(some) for some in shown_units if some]
    items = [*_cut(counts, max(_SMALLEST, min(_LARGEST, total // _PIECES))), *drawings]
    if items:
        progress = Progress(total, cost_per_hour)
        with activity("translating", total=total) as shown:
            for _, cost in pool(plan, items, total):
                if cost is not None:
                    text = progress.add(cost.sentences, cost.target_tokens)
                    shown.advance(cost.sentences, text)
    with activity("writing", total=sum(u.rows for u in units if u.number in waiting)) as shown:
        results = [
            tasks.submit_parts(len(groups), look_up, shared, p, *sentences[p]) for p in partitions
        ]
        written = [
            tasks.submit(
                write_group, shared, group, waiting, rows[g], *[part[g] for part in results]
            )
            for g, group in enumerate(groups)
            if any(unit.number in waiting for unit in group)
        ]
        del hashed, sentences, rows, results  # what no task waits for any more can go
        for count in tasks.results(written, "writing"):
            shown.advance(count)


def _tell_of_damaged(cache: Cache) -> None:
    if damaged := cache.damaged():
        others = f" and {len(damaged) - 1} other files" if len(damaged) > 1 else ""
        log.warning(
            f"{damaged[0]}{others}: damaged and set aside; what it held is translated "
            "again; delete it, or the whole generation with nmt cache prune"
        )


def _numbered(number: int, function: Callable[..., Any], *arguments: Any) -> tuple[int, Any]:
    return number, function(*arguments)


def _groups(units: Iterable[Unit]) -> Iterator[tuple[Unit, ...]]:
    """Neighbouring units, about `_GROUP` rows together."""
    group: list[Unit] = []
    for unit in units:
        group.append(unit)
        if sum(one.rows for one in group) >= _GROUP:
            yield tuple(group)
            group = []
    if group:
        yield tuple(group)


def _cut(counts: dict[int, int], size: int) -> Iterator[Missing]:
    """Missing sentences by partition, `size` at a time."""
    parts: list[MissingRows] = []
    room = size
    for partition in sorted(counts):
        start, count = 0, counts[partition]
        while start < count:
            rows = min(room, count - start)
            parts.append(MissingRows(partition, start, rows))
            start, room = start + rows, room - rows
            if not room:
                yield Missing(tuple(parts))
                parts, room = [], size
    if parts:
        yield Missing(tuple(parts))


def _looked_at(unit: Unit, plan: Plan) -> bool:
    rows = (*plan.work.heatmaps, *plan.work.page)
    return any(unit.first <= row < unit.first + unit.rows for row in rows)


def _run_name(output: Output, job: JobRecord) -> str:
    """The name of this job in the cache: drawn when it begins, found again when it goes on."""
    file, identity = output.location / "_memory.json", hash_json(job.to_json())
    if file.is_file() and (known := records.read(file, CacheRun)).job == identity:
        return known.run
    output.clear_scratch()  # of a job whose output this one overwrites
    name = uuid.uuid4().hex[:16]
    file.write_json(CacheRun(run=name, job=identity))
    return name
