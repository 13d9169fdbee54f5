"""The actor that holds a model and translates units of a corpus, one at a time; and what it decodes
on: cores, and a GPU or its share of one."""

from __future__ import annotations

import logging
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt.errors import JobFailed
from nmt.inference.batching import convert
from nmt.inference.row_filter import FilteredRows
from nmt.inference.translator import Translation, Translator, load_model
from nmt.process import peak_bytes
from nmt.records.output import DecodingCost, UnitRecord
from nmt.records.report import RowAttention
from nmt.reject_reasons import RejectReason
from nmt.storage.location import Location
from nmt.storage.retry import retry
from nmt.translation.cache.keys import Origin, aligned, choose, known_schema, places
from nmt.translation.cache.plan import Plan
from nmt.translation.decoding import add, count_links, decode
from nmt.translation.input.unit_rows import Rows
from nmt.translation.input.units import Unit
from nmt.translation.output import Output
from nmt.translation.quarantine import Attempts, ending_within
from nmt.translation.report import attention
from nmt.translation.results_table import compose_files, compose_record, flagged
from nmt.translation.work import Work, output_of

_TAKEN = 0.9  # share of a GPU's memory that its actors divide; CUDA itself needs the rest

log = logging.getLogger(__name__)


def set_up(threads: int, gpus: float) -> None:
    """Give TensorFlow this process's share of the machine; before it is used at all.

    Args:
        threads: cores of the actor.
        gpus: GPUs of the actor: 0 hides them, and of less than 1 it gets that share of the memory.
    """
    import nmt.model  # noqa: F401  (quiets TensorFlow before it is imported)

    import tensorflow as tf  # isort: skip

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    if not gpus:
        tf.config.set_visible_devices([], "GPU")
        return
    limit = memory_limit(gpus)
    for gpu in tf.config.list_physical_devices("GPU"):
        if limit is None:
            tf.config.experimental.set_memory_growth(gpu, True)
        else:
            share = tf.config.LogicalDeviceConfiguration(memory_limit=limit)
            tf.config.set_logical_device_configuration(gpu, [share])


def memory_limit(gpus: float) -> int | None:
    """MiB of GPU memory for an actor that shares one; None for a whole GPU, or if unknown."""
    if gpus >= 1:
        return None
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(
            [*command, "-i", first], capture_output=True, text=True, timeout=60, check=True
        )
        return int(_TAKEN * gpus * float(done.stdout.split()[0]))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None


@dataclass(frozen=True)
class Item:
    """A unit as an actor is handed it.

    Attributes:
        unit: which rows.
        decodes: whether the model is needed.
        before: what it has cost in earlier passes, in which its rows to look at were drawn.
    """

    unit: Unit
    decodes: bool = True
    before: DecodingCost | None = None


class DecodeActor:
    """Translates the units it is handed.

    Args:
        work: what the job wants.
        plan: of its cache, if it has one. Then the model is loaded when a unit needs it.
    """

    def __init__(self, work: Work, plan: Plan | None = None) -> None:
        if work.search.runtime == "tensorflow":
            set_up(work.threads, work.gpus)
        self._work, self._plan = work, plan
        self._output = output_of(work)
        self._metrics = work.metrics
        if plan is None:
            self._translator  # noqa: B018

    @cached_property
    def _translator(self) -> Translator:
        translator = load_translator(self._work)
        translator.decoder.tuning.settled = not self._work.gpus
        return translator

    def __call__(self, item: Item) -> UnitRecord | DecodingCost:
        """Translate a unit, and commit it if it awaits nothing; see `translate_unit`."""
        translator = self._translator if item.decodes else None  # not within the unit's time
        with ending_within(self._work.unit_timeout):
            outcome = translate_unit(
                *(item.unit, self._work, translator, self._output, self._plan, item.before),
                repeated=self._metrics.repeat,
            )
        if isinstance(outcome, UnitRecord):
            self._metrics.count(outcome.counts)
            self._metrics.observe(outcome.seconds)
        return outcome


def load_translator(work: Work) -> Translator:
    """Load the job's model.

    Raises:
        JobFailed: there is another model or dictionary now than when the job began.
    """
    translator = load_model(work.models, work.search, work.batch_size, work.threads)
    if translator.model_id != work.model_id:
        raise JobFailed(
            f"{', '.join(work.models)}: is another model than when the job began; translate with "
            "a copy of the model that nobody writes to"
        )
    name = work.search.dictionary
    if name is not None and Location(name).sha256() != work.dictionary_hash:
        raise JobFailed(
            f"{name}: is another dictionary than when the job began; translate with a copy that "
            "nobody writes to"
        )
    return translator


def translate_unit(
    unit: Unit,
    work: Work,
    translator: Translator | None,
    output: Output,
    plan: Plan | None = None,
    before: DecodingCost | None = None,
    repeated: Callable[[], None] = lambda: None,
) -> UnitRecord | DecodingCost:
    """Translate one unit: read it, decode what is not known, give each row its result, commit.

    Args:
        unit: which rows.
        work: what the job wants.
        translator: the loaded model; None where everything is known.
        output: where the files go.
        plan: of the job's cache; without one nothing is known.
        before: what the unit has cost in earlier passes, see `Item`.
        repeated: called if the unit was begun before.

    Returns:
        The unit's record: files written, counts, sums for the report. Where other units have yet
        to decode some of its sentences it is not committed, and what it has cost is returned.
    """
    start = time.monotonic()
    name = f"rows {unit.first + 1}–{unit.first + unit.rows}"
    attempts = Attempts(output.attempts(unit), name)
    if attempts.begun > 1:
        repeated()
    judge = plan or translator
    assert judge is not None, "without a cache there is a model"
    outcome: UnitRecord | DecodingCost
    with attempts.counted():
        rows = retry(lambda: work.read(unit))
        filtered = work.filtered(rows, judge.row_filter)
        keys = work.keys(filtered.sources)
        known = known_schema(work.schema()).empty_table() if plan is None else plan.known(unit)
        if plan is not None and work.alignments:
            known = aligned(known, keys, [source.cleaned for source in filtered.sources])
        looked_at = set() if before else work.looked_at(unit)
        attended = [place for place, i in enumerate(filtered.kept) if i in looked_at]
        chosen, shown = choose(keys, known, attended)
        cost = before
        if len(chosen):
            if translator is None:
                raise JobFailed(f"{name}: have changed meanwhile; run the same command again")
            fresh, drawn, new_cost = decode(
                translator,
                keys.take(pa.array(chosen)),
                [filtered.sources[place] for place in chosen.tolist()],
                known,
                attempts,
                work.schema(cached=plan is not None),
                {*shown.values()},
            )
            seen = {filtered.kept[row]: drawn[at] for row, at in shown.items() if at in drawn}
            draw(unit, rows, seen, work, output)
            if plan is not None:
                plan.store(unit, known, fresh)
            known, cost = pa.concat_tables([known, fresh]), add(before, new_cost)
        results = known.take(pa.array(places(keys, known.column("key"))))
        if pc.any(pc.equal(results.column("origin"), Origin.AWAITED)).as_py():
            assert cost is not None, "who decodes nothing is handed over when nothing is awaited"
            outcome = cost
        else:
            tables, record = _compose(unit, rows, filtered, results, work, translator, attempts)
            seconds = time.monotonic() - start + (before.seconds if before else 0.0)
            more = {"decoding": cost, "seconds": seconds, "peak_bytes": peak_bytes()}
            outcome = output.commit(unit, tables, record.model_copy(update=more))
    attempts.clear()
    return outcome


def _compose(
    unit: Unit,
    rows: Rows,
    filtered: FilteredRows,
    results: pa.Table,
    work: Work,
    translator: Translator | None,
    attempts: Attempts,
) -> tuple[dict[str, pa.Table], UnitRecord]:
    """The files and the record of a unit, from what is known of each row to translate."""
    reasons = results.column("reason")
    why = {place: RejectReason(r) for place, r in enumerate(reasons.to_pylist()) if r is not None}
    filtered, results = filtered.without(why), results.filter(pc.is_null(reasons))
    origins = results.column("origin").to_numpy()
    decoded = len(results.column("key").filter(pa.array(origins == Origin.DECODED)).unique())
    reused = int(np.count_nonzero(origins == Origin.REUSED))
    results = flagged(results.select(work.schema().names), filtered.texts)
    tables = compose_files(unit, rows, filtered, results)
    record = compose_record(unit, rows, filtered, results, decoded, reused)
    flags = results.column("flags").to_pylist()
    links = count_links(rows, filtered, flags, work, translator, attempts)
    return tables, record.model_copy(update={"alignment": links})


def draw(
    unit: Unit,
    rows: Rows,
    results: Mapping[int, Translation],
    work: Work,
    output: Output,
) -> None:
    """Write the heatmaps of the rows that were sampled, and where the words of those on the page
    attended; a split sentence's could not be read, and one that cannot be drawn is left out.

    Args:
        unit: whose rows they are.
        rows: what was read of it; the heatmaps are named by their ids.
        results: of the positions of rows what became of them.
        work: says which rows are sampled.
        output: where the heatmaps go.
    """

    def failed(i: int, error: Exception) -> None:
        problem = f"{type(error).__name__}: {error}"
        log.warning(
            f"row {unit.first + i + 1}: its attention is left out of the report ({problem})"
        )

    def heatmap(i: int, result: Translation) -> tuple[str, bytes]:
        from nmt.report.heatmap import attention_heatmap

        name = rows.name(i, bool(unit.more_columns))
        drawn = result.heatmap(work.heatmap_words)
        return name, attention_heatmap(*drawn, title=result.text, name=name)

    shown = [(i, result) for i, result in sorted(results.items()) if "split" not in result.flags]
    on_page = [(i, result) for i, result in shown if unit.first + i in work.page]
    attended = [
        RowAttention(row=unit.first + i, **words.to_json())
        for i, words in convert(on_page, lambda _, result: attention.of(result), failed)
        if words
    ]
    if attended:
        output.drawings.write_attention(unit.number, attended)
    sampled = [
        (i, result)
        for i, result in shown
        if unit.first + i in work.heatmaps
        and result.attention is not None
        and result.attention.size
    ]
    for i, (name, image) in convert(sampled, heatmap, failed):
        output.drawings.write_heatmap(unit.first + i, name, image)
