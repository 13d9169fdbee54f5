"""What a cache holds for the units of a job, wave by wave."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence

from nmt import records
from nmt.cluster.tasks import Tasks
from nmt.inference.row_filter import RowFilter, cleaning_of
from nmt.json_text import hash_json
from nmt.model_folder import read_vocabulary
from nmt.records.cache import CacheRun
from nmt.records.model import ModelRecord
from nmt.records.output import DecodingCost, JobRecord
from nmt.report.numbers import counted
from nmt.storage.location import Location
from nmt.translation.cache.generations import depends_on, open_generation
from nmt.translation.cache.keys import range_bounds
from nmt.translation.cache.plan import Plan
from nmt.translation.cache.steps import STRIPES, hash_group, look_up, stripe_of, write_known
from nmt.translation.cache.upkeep import merge, settle, to_merge
from nmt.translation.input.units import Unit
from nmt.translation.output import Output
from nmt.translation.work import Work
from nmt.translation.worker import Item

log = logging.getLogger(__name__)

_GROUP = 65_536  # rows whose sentences travel together
_WAVE = 1_000_000  # rows at least
_ROWS_OF_ACTOR = 100_000  # at least, for it starts anew in each pass
_BYTES_OF_ROW = 200  # in the cache, about
_SHARE = 4  # a wave has one row for so many in the cache: reading it all costs no more than that
_FILES = 64  # new ones that are settled together
_LOOKING = "looking into the cache"


def make_plan(location: Location, work: Work, info: ModelRecord, job: JobRecord) -> Plan:
    """Find or make the generation of the cache, and what the steps need to know.

    Args:
        location: the cache.
        work: what the job wants.
        info: the content of model.json.
        job: what identifies the job.
    """
    vocabulary = read_vocabulary(Location(work.models[0]), info, "source")
    key = depends_on(work.model_id, work.search, work.dictionary_hash, work.raw_keys)
    generation = open_generation(location, key)
    run = _run_name(Output(Location(work.output)), job)
    return Plan(work, generation, run, RowFilter.of(vocabulary, cleaning_of(info), work.search))


class Lookup:
    """Looks the units of a job up in its cache, and puts their new results in order there.

    Args:
        plan: of the job.
        tasks: does the steps.
        actors: that decode.
    """

    def __init__(self, plan: Plan, tasks: Tasks, actors: int = 1) -> None:
        self._plan, self._tasks, self._actors = plan, tasks, actors
        self._shared = tasks.share(plan)
        self._warned: set[Location] = set()

    def waves(self, units: Iterable[Unit]) -> Iterator[list[Unit]]:
        """Consecutive units that are looked up together.

        Each may read the whole cache, so that a wave grows with it.
        """
        self.settle()
        self._merge()
        waiting = list(units)
        while waiting:
            size = sum(stored.size for stored in self._plan.cache.files())
            wave, cached = [], size // _BYTES_OF_ROW
            rows = max(_WAVE, _ROWS_OF_ACTOR * self._actors, cached // _SHARE)
            while waiting and rows > 0:
                wave.append(waiting.pop(0))
                rows -= wave[-1].rows
            yield wave
            self._plan.scratch.clear("known")

    def __call__(
        self, units: Sequence[Unit], before: Mapping[int, DecodingCost | None]
    ) -> list[Item]:
        """Look units up, and note for each of them what is known of its sentences.

        Args:
            units: of a wave.
            before: by their numbers what they have cost in earlier passes.

        Returns:
            Those that have something to do: to decode, or to be committed. The first is one.
        """
        plan, tasks, shared = self._plan, self._tasks, self._shared
        groups, files = list(_groups(units)), plan.cache.files()
        ranges, listed, lost = (
            plan.cache.ranges(files),
            tasks.share(files),
            tasks.share(plan.lost()),
        )
        hashed = [tasks.submit_parts(STRIPES + 1, hash_group, shared, group) for group in groups]
        results = []
        for number in range(ranges):
            sentences = [parts[stripe_of(number, ranges)] for parts in hashed]
            arguments = (look_up, shared, listed, lost, range_bounds(number, ranges), *sentences)
            results.append(tasks.submit_parts(len(groups), *arguments))
        written = [
            tasks.submit(write_known, shared, group, parts[-1], *known)
            for group, parts, known in zip(groups, hashed, zip(*results, strict=True), strict=True)
        ]
        del hashed, results, sentences, arguments  # what no task waits for any more can go
        states = [state for some in tasks.results(written, _LOOKING) for state in some]
        missing = sum(owned for _, owned, _ in states)
        units_looked_up = counted(len(units), "unit")
        log.info(f"{counted(missing, 'sentence')} of {units_looked_up} to decode")
        self._tell_of_damaged()
        busy = {number: owned for number, owned, awaited in states if owned or not awaited}
        return [
            Item(unit, self._decodes(unit, busy, before), before[unit.number])
            for unit in units
            if unit.number in busy
        ]

    def _decodes(
        self, unit: Unit, owned: Mapping[int, int], before: Mapping[int, DecodingCost | None]
    ) -> bool:
        """Whether a unit needs the model."""
        work = self._plan.work
        draws = before[unit.number] is None and work.looked_at(unit)
        # With alignments it is seen only then whether what the cache has fits the sources.
        links = work.alignments or work.alignment_column
        return bool(owned[unit.number] or draws or links)

    def settle(self) -> None:
        """Put what this job has decoded in order, and what killed ones have before."""
        cache, tasks = self._plan.cache, self._tasks
        files = cache.new_files(self._plan.run)
        parts = [files[start : start + _FILES] for start in range(0, len(files), _FILES)]
        moved = [tasks.submit(settle, cache, part, self._plan.columns) for part in parts]
        for _ in tasks.results(moved, _LOOKING):
            pass

    def _merge(self) -> None:
        """Merge the many small files that earlier jobs have left."""
        cache, tasks = self._plan.cache, self._tasks
        folders = to_merge(cache.files())
        merged = [tasks.submit(merge, cache, some, self._plan.columns) for some in folders]
        for _ in tasks.results(merged, _LOOKING):
            pass

    def _tell_of_damaged(self) -> None:
        if damaged := [file for file in self._plan.cache.damaged() if file not in self._warned]:
            self._warned.update(damaged)
            others = f" and {len(damaged) - 1} other files" if len(damaged) > 1 else ""
            log.warning(
                f"{damaged[0]}{others}: damaged and set aside; what it held is translated "
                "again; delete it, or the whole generation with nmt cache prune"
            )


def copies_words(info: ModelRecord, replace_unknown: bool) -> bool:
    """Whether words of the raw source may stand in a translation for unknown ones."""
    attends = info.architecture["attention"] != "none"
    return info.tokenizer == "word" and attends and replace_unknown


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


def _run_name(output: Output, job: JobRecord) -> str:
    """The name of this job in the cache: drawn when it begins, found again when it goes on."""
    file, identity = output.location / "_memory.json", hash_json(job.to_json())
    if file.is_file() and (known := records.read(file, CacheRun)).job == identity:
        return known.run
    output.scratch.clear()  # of a job whose output this one overwrites
    name = uuid.uuid4().hex[:16]
    file.write_json(CacheRun(run=name, job=identity))
    return name
