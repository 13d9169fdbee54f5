"""The actor that holds a model and translates units of a corpus, one at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from nmt.errors import JobFailed, UnusableInput
from nmt.evaluation.alignment import LinkCounts, diagonal, parse_gold
from nmt.inference.batching import Failed, convert
from nmt.inference.row_filter import CleanedText, FilteredRows
from nmt.inference.translator import Translation, Translator, load_model
from nmt.records.output import AlignmentCounts, Links, UnitRecord
from nmt.records.report import RowAttention
from nmt.segmentation import count_words
from nmt.settings import SearchSettings
from nmt.storage.lease import check_owner
from nmt.storage.location import Location
from nmt.storage.retry import retry
from nmt.storage.uri import without_home
from nmt.tables.columns import texts_of
from nmt.tables.values import json_values
from nmt.text_limits import most_bytes
from nmt.translation import device
from nmt.translation.decode_statistics import decode
from nmt.translation.input.unit_rows import Rows, read_unit
from nmt.translation.input.units import Unit
from nmt.translation.metrics import Metrics, metrics
from nmt.translation.output import Output
from nmt.translation.output_tables import compose_files, compose_record
from nmt.translation.quarantine import Attempts, decode_surviving, ending_within
from nmt.translation.report import attention
from nmt.translation.results_table import result_schema

log = logging.getLogger(__name__)

_Pair = tuple[CleanedText, CleanedText, str]  # source, reference, and the gold links
_PairCounts = tuple[LinkCounts, LinkCounts]  # of attention and of the diagonal


@dataclass(frozen=True)
class Work:
    """What every actor of a job needs to know; sent to it once.

    Attributes:
        models: URIs of the MODELs: one, or an ensemble.
        model_id: the id under which the job began.
        output: URI of the OUT folder.
        search: settings of the search.
        dictionary_hash: SHA-256 of `search.dictionary` when the job began; None without one.
        text_column: the Parquet column of the sentences.
        id_column: the Parquet column of the ids; None numbers the rows.
        reference_column: the column of the references, for forced decoding; or None.
        alignment_column: the column of the gold alignments; or None.
        batch_size: sentences decoded together; None goes by tokens.
        threads: cores of the actor.
        gpus: GPUs of the actor; less than 1 is a share of one.
        unit_timeout: seconds after which a unit's actor is replaced; None waits.
        alignments: whether to write ``alignments/``.
        heatmaps: numbers of the rows whose attention is drawn.
        heatmap_words: draw it between whole words.
        generation: of the output's files.
        owner: who must have the output's lease when a unit is committed; None asks nobody.
        page: numbers of the rows that stand on the page, whose attention the report shows.
    """

    models: tuple[str, ...]
    model_id: str
    output: str
    search: SearchSettings
    dictionary_hash: str | None
    text_column: str
    id_column: str | None
    reference_column: str | None
    alignment_column: str | None
    batch_size: int | None
    threads: int
    alignments: bool
    heatmaps: frozenset[int]
    heatmap_words: bool = False
    generation: int = 1
    owner: str | None = None
    page: frozenset[int] = frozenset()
    gpus: float = 0.0
    unit_timeout: float | None = None

    @property
    def metrics(self) -> Metrics:
        """What this process tells Prometheus of the job."""
        return metrics(self.model_id, without_home(Location(self.output).uri))

    def read(self, unit: Unit) -> Rows:
        """The rows of a unit."""
        longest = most_bytes(self.search.max_characters)
        return read_unit(unit, self.text_column, self.id_column, longest)


class ModelActor:
    """An actor that loads the job's model once."""

    def __init__(self, work: Work) -> None:
        if work.search.runtime == "tensorflow":
            device.set_up(work.threads, work.gpus)
        self._work = work
        self._output = output_of(work)
        self._translator = load_translator(work)
        self._translator.decoder.tuning.settled = not work.gpus
        self._metrics = work.metrics


class DecodeActor(ModelActor):
    """Translates the units it is handed."""

    def __call__(self, unit: Unit) -> UnitRecord:
        """Translate and commit a unit; returns its record."""
        with ending_within(self._work.unit_timeout):
            record = translate_unit(
                unit, self._work, self._translator, self._output, self._metrics.repeat
            )
        self._metrics.count(record.counts)
        self._metrics.observe(record.seconds)
        return record


def output_of(work: Work) -> Output:
    """Where an actor writes, as long as its job has the lease."""
    location = Location(work.output)
    if work.owner is None:
        return Output(location, work.generation)
    return Output(location, work.generation, partial(check_owner, location, work.owner))


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
    translator: Translator,
    output: Output,
    repeated: Callable[[], None] = lambda: None,
) -> UnitRecord:
    """Translate one unit and commit it.

    Args:
        unit: which rows.
        work: what the job wants.
        translator: the loaded model.
        output: where the files go.
        repeated: called if the unit was begun before.

    Returns:
        The unit's record: files written, counts, sums for the report.
    """
    start = time.monotonic()
    attempts = Attempts(output.attempts(unit), f"rows {unit.first}–{unit.first + unit.rows - 1}")
    if attempts.begun > 1:
        repeated()
    with attempts.counted():
        rows = retry(lambda: work.read(unit))
        filtered = translator.row_filter(rows.texts)
        looked_at = work.heatmaps | work.page
        attended = {place for place, i in enumerate(filtered.kept) if unit.first + i in looked_at}
        schema = result_schema(work.search.n_best, work.alignments)
        table, drawn, lost, cost = decode(translator, filtered.sources, attempts, schema, attended)
        draw(
            unit,
            rows.ids,
            {filtered.kept[place]: one for place, one in drawn.items()},
            work,
            output,
        )
        filtered = filtered.without(lost)
        tables = compose_files(unit, rows, filtered, table)
        record = compose_record(unit, rows, filtered, table, decoded=len(table))
        flags = table.column("flags").to_pylist()
        links = _alignment_counts(rows, filtered, flags, work, translator, attempts)
        seconds = time.monotonic() - start
        record = record.model_copy(
            update={"alignment": links, "decoding": cost, "seconds": seconds}
        )
        record = output.commit(unit, tables, record)
    attempts.clear()
    return record


def draw(
    unit: Unit,
    ids: pa.Array,
    results: Mapping[int, Translation],
    work: Work,
    output: Output,
) -> None:
    """Write the heatmaps of the rows that were sampled, and where the words of those on the page
    attended; a split sentence's could not be read, and one that cannot be drawn is left out.

    Args:
        unit: whose rows they are.
        ids: of all its rows; the heatmaps are named by them.
        results: of the positions of rows what became of them.
        work: says which rows are sampled.
        output: where the heatmaps go.
    """

    def failed(i: int, error: Exception) -> None:
        problem = f"{type(error).__name__}: {error}"
        log.warning(f"row {unit.first + i}: its attention is left out of the report ({problem})")

    def heatmap(i: int, result: Translation) -> tuple[str, bytes]:
        from nmt.report.heatmap import attention_heatmap

        name = str(json_values(ids.slice(i, 1))[0])
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


def _alignment_counts(
    rows: Rows,
    filtered: FilteredRows,
    flags: list[list[str]],
    work: Work,
    translator: Translator,
    attempts: Attempts,
) -> AlignmentCounts | None:
    """Links of attention and of the plain diagonal along the references, against gold; of
    sentences that were translated whole. A reference that is too long, or that its process does
    not survive, costs its own count only."""
    if work.alignment_column is None or work.reference_column is None:
        return None
    gold = texts_of(rows.others.column(work.alignment_column))
    references = texts_of(rows.others.column(work.reference_column))
    pairs, left_out = [], 0
    for i, source, own_flags in zip(filtered.kept, filtered.sources, flags, strict=True):
        pharaoh = (gold[i] or "").strip()
        if "split" in own_flags or not pharaoh or not references[i]:
            continue
        reference, reason = translator.reference_filter.judge(references[i])
        if reason:
            left_out += 1
        else:
            pairs.append((source, reference, pharaoh))

    def force(some: Sequence[_Pair], failed: Failed) -> Iterator[tuple[int, _PairCounts | None]]:
        sources, references = [one[0] for one in some], [one[1] for one in some]
        forced = translator.decoder.decode_along(sources, references, failed)
        return convert(forced, lambda place, result: _pair_counts(some[place], result), failed)

    counted, lost = decode_surviving(pairs, force, attempts, "references ")
    own, plain = LinkCounts(), LinkCounts()
    for counts in filter(None, counted):
        own, plain = own.plus(counts[0]), plain.plus(counts[1])
    return AlignmentCounts(
        attention=Links(**own._asdict()),
        diagonal=Links(**plain._asdict()),
        malformed=counted.count(None),
        left_out=left_out + len(lost),
    )


def _pair_counts(pair: _Pair, result: Translation) -> _PairCounts | None:
    """Links of attention and of the diagonal; None where the gold alignment is malformed."""
    source, reference, pharaoh = pair
    words = count_words(source.text), count_words(reference.text)
    try:
        gold = parse_gold(pharaoh, words)
    except UnusableInput:  # one bad cell is no reason to lose the translation
        return None
    return LinkCounts.of(result.alignment, gold), LinkCounts.of(diagonal(*words), gold)
