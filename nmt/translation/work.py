"""What every actor and task of a translation job needs to know.

Prometheus learns from each process what it counts, through Ray's own exporter on its node. Ray puts
``ray_`` before the names and ``_total`` after those of counters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

import pyarrow as pa

from nmt.inference.row_filter import CleanedText, FilteredRows, RowFilter
from nmt.records.output import Counts
from nmt.settings import SearchSettings
from nmt.storage.lease import check_owner
from nmt.storage.location import Location
from nmt.storage.uri import without_home
from nmt.tables.columns import texts_of
from nmt.text_limits import most_bytes
from nmt.translation.cache.keys import keys_of
from nmt.translation.input.unit_rows import Rows, read_unit
from nmt.translation.input.units import Unit
from nmt.translation.output import Output
from nmt.translation.results_table import result_schema

_SECONDS = [0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0]


class Metrics:
    """What one process counts; made once in each, by `metrics`.

    Args:
        model_id: of the model; its first 12 characters are the tag ``model``.
        output: the OUT folder, the tag ``output``.
    """

    def __init__(self, model_id: str, output: str) -> None:
        from ray.util.metrics import Counter, Gauge, Histogram

        tags = {"model": model_id[:12], "output": output}
        keys = tuple(tags)
        self._rows = Counter("nmt_rows", "Rows translated or rejected.", keys)
        self._rejected = Counter("nmt_rejected_rows", "Rows rejected.", (*keys, "reason"))
        self._tokens = Counter("nmt_target_tokens", "Target tokens written.", keys)
        self._repeated = Counter(
            "nmt_repeated_units", "Units begun again: a process died, or was replaced.", keys
        )
        self._left = Gauge("nmt_units_left", "Units that are not done.", keys)
        self._seconds = Histogram("nmt_unit_seconds", "Time of a unit.", _SECONDS, keys)
        for metric in (
            *(self._rows, self._rejected, self._tokens),
            *(self._repeated, self._left, self._seconds),
        ):
            metric.set_default_tags(tags)

    def count(self, counts: Counts) -> None:
        """Count the rows of a unit that is committed."""
        if counts.rows:  # Ray refuses to count by 0
            self._rows.inc(counts.rows)
        if counts.target_tokens:
            self._tokens.inc(counts.target_tokens)
        for reason, rows in counts.rejected_by_reason.items():
            self._rejected.inc(rows, {"reason": reason})

    def repeat(self) -> None:
        """Count a unit that was begun before."""
        self._repeated.inc()

    def show_left(self, units: int) -> None:
        """Tell how many units are not done."""
        self._left.set(units)

    def observe(self, seconds: float) -> None:
        """Record the seconds of a unit, or of what is decoded in one go for the cache."""
        self._seconds.observe(seconds)


@cache
def metrics(model_id: str, output: str) -> Metrics:
    """This process's metrics of a job."""
    return Metrics(model_id, output)


@dataclass(frozen=True)
class Work:
    """What every actor of a job needs to know; sent to it once.

    Attributes:
        models: URIs of the MODELs: one, or an ensemble.
        model_id: the id under which the job began.
        output: URI of the OUT folder.
        search: settings of the search.
        dictionary_hash: SHA-256 of `search.dictionary` when the job began; None without one.
        text_column: the column of the sentences; empty for text.
        id_column: the column of the ids; None numbers the rows.
        reference_column: the column of the references, for forced decoding; or None.
        alignment_column: the column of the gold alignments; or None.
        tag_column: the column of the tags; or None.
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
        raw_keys: whether words of the raw source may stand in a translation, so that sources which
            are cleaned to the same are different sentences.
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
    raw_keys: bool = True
    tag_column: str | None = None

    @property
    def metrics(self) -> Metrics:
        """What this process tells Prometheus of the job."""
        return metrics(self.model_id, without_home(Location(self.output).uri))

    def read(self, unit: Unit) -> Rows:
        """The rows of a unit."""
        longest = most_bytes(self.search.max_characters)
        return read_unit(unit, self.text_column, self.id_column, longest)

    def filtered(self, rows: Rows, row_filter: RowFilter) -> FilteredRows:
        """Which rows are translated, each with its tag."""
        if self.tag_column is None:
            return row_filter(rows.texts)
        return row_filter(rows.texts, texts_of(rows.others.column(self.tag_column)))

    def keys(self, sources: Sequence[CleanedText]) -> pa.FixedSizeBinaryArray:
        """The key of each source; those with the same have the same translation."""
        texts = (source.text if self.raw_keys else source.cleaned for source in sources)
        if self.tag_column is None:
            return keys_of(texts)
        return keys_of(texts, (source.tag for source in sources))

    def looked_at(self, unit: Unit) -> set[int]:
        """The positions of a unit's rows whose attention the report shows."""
        rows = range(unit.first, unit.first + unit.rows)
        return {row - unit.first for row in self.heatmaps | self.page if row in rows}

    def schema(self, cached: bool = False) -> pa.Schema:
        """The columns of its results; those in a cache are all that any job may want."""
        return result_schema(self.search.n_best, self.alignments or cached)


def output_of(work: Work) -> Output:
    """Where an actor writes, as long as its job has the lease."""
    location = Location(work.output)
    if work.owner is None:
        return Output(location, work.generation)
    return Output(location, work.generation, partial(check_owner, location, work.owner))
