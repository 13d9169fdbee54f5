"""What a translation job is asked for, and whether it can be done."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any

from nmt import bundle
from nmt.cluster.connection import Address
from nmt.evaluation.alarms import Limits
from nmt.options import FromSettings, Option
from nmt.records.model import ModelRecord
from nmt.records.output import JobRecord, JobSettings
from nmt.settings import DriftSettings, GateSettings, SearchSettings
from nmt.storage import lease
from nmt.storage.location import Location
from nmt.translation.ending import parse_deadline
from nmt.translation.export.files import Export
from nmt.translation.export.formats import format_of
from nmt.translation.export.partitions import Partitions
from nmt.translation.input.corpus import InputCorpus
from nmt.translation.input.earlier_output import RecordedInput

FORMAT_VERSION = 1


@dataclass(frozen=True)
class TranslateRequest:
    """What a translation is asked for; ``nmt translate --help`` shows it."""

    models: Annotated[
        tuple[Location, ...],
        Option(
            "A RUN/model folder. Repeatable: the models are an ensemble.", "MODEL", name="--model"
        ),
    ]
    input: Annotated[
        str,
        Option(
            "File, folder or glob: text, CSV, JSON Lines, TMX (also .gz .bz2 .xz .zst .zip), "
            "Parquet; or a finished OUT.",
            "CORPUS",
        ),
    ]
    output: Annotated[Location, Option("Folder to make or to continue.", "OUT")]
    search: Annotated[
        SearchSettings,
        FromSettings(
            "search",
            ("search.beam_size", "search.length_penalty", "search.n_best", "search.tag"),
        ),
    ]
    allow_empty: Annotated[
        bool, Option("Make an empty output of an input without rows, and do not refuse it.")
    ] = False
    input_complete: Annotated[
        Location | None,
        Option("File that must be there: whoever writes the input writes it last.", "MARKER"),
    ] = None
    input_wait: Annotated[
        float, Option("Minutes to wait for --input-complete; 0 does not wait.", "MINUTES", least=0)
    ] = 0.0
    references: Annotated[
        tuple[str, ...],
        Option("References, line-aligned with the input, or joined by id. Repeatable.", "FILE"),
    ] = ()
    reference_column: Annotated[
        str | None,
        Option(
            "Column of the input that holds the references; of the --references, where these are "
            "a table. Of TMX a language.",
            "COLUMN",
        ),
    ] = None
    alignment_column: Annotated[
        str | None,
        Option(
            "Column with gold alignments of the references (0-0 sure, 0?0 possible): AER.",
            "COLUMN",
        ),
    ] = None
    text_column: Annotated[
        tuple[str, ...],
        Option(
            "Column of the sentences; of TMX the model's source language. Repeatable: each column "
            "is translated.",
            "COLUMN",
        ),
    ] = ("source",)
    id_column: Annotated[
        str | None, Option("Column of the ids.", "COLUMN", default="id, if there")
    ] = None
    tag_column: Annotated[
        str | None,
        Option(
            "Column of each row's tag; a row without one has that of --tag, if it is given.",
            "COLUMN",
        ),
    ] = None
    batch_size: Annotated[
        int | None,
        Option("Sentences decoded together.", least=1, default="about 2,048 tokens of like length"),
    ] = None
    actors: Annotated[
        tuple[int, int] | None,
        Option(
            "Decoding actors.",
            "N|MIN:MAX",
            default="one; if the input is large one per core; one per GPU",
        ),
    ] = None
    cpus_per_actor: Annotated[
        int | None,
        Option("Cores per actor.", least=1, default="the machines' cores, shared out"),
    ] = None
    gpus_per_actor: Annotated[
        float, Option("GPUs per actor; 0.5 lets two share one, 0 decodes on CPUs.", least=0)
    ] = 0.0
    cache: Annotated[
        Location | None,
        Option(
            "Translations of earlier jobs: what lies there is not decoded again, and nothing is "
            "decoded twice.",
            "URI",
        ),
    ] = None
    heatmaps: Annotated[int, Option("Sampled attention heatmaps.", least=0)] = 16
    heatmap_words: Annotated[
        bool,
        Option(
            "Show whole words, or the model's tokens.", name="--heatmap-words/--heatmap-subwords"
        ),
    ] = False
    heatmap_pages: Annotated[
        bool, Option("Write all heatmaps on pages, too: report/heatmaps.pdf.")
    ] = False
    alignments: Annotated[bool, Option("Write word alignments (Pharaoh).")] = False
    max_rejected: Annotated[
        float, Option("Share of rejected rows above which the exit status is 3.", least=0, most=1)
    ] = 0.01
    baseline: Annotated[
        Location | None, Option("Earlier output, as last night's, to compare with.", "OUT2")
    ] = None
    group_by: Annotated[
        tuple[str, ...], Option("Scores and rates by this column, too. Repeatable.", "COLUMN")
    ] = ()
    gate: Annotated[
        bool,
        Option(
            "Exit status 3 at any alarm: a number beyond gate.…, or too far from the baseline's "
            "(drift.…)."
        ),
    ] = False
    drift: Annotated[DriftSettings, FromSettings("drift")] = field(default_factory=DriftSettings)
    gates: Annotated[GateSettings, FromSettings("gate")] = field(default_factory=GateSettings)
    tokenize: Annotated[str, FromSettings("scoring.tokenize")] = "auto"
    notify: Annotated[
        str | None,
        Option(
            "Run at the end, good or bad, with the path of report.json as last argument.", "COMMAND"
        ),
    ] = None
    rows_per_file: Annotated[
        int | None,
        Option(
            "Rows of a file of the output, and of a unit of work, at most; a multiple of 256.",
            least=256,
            most=1_048_576,
            default="up to 8,192; of over 33 million rows up to 131,072",
        ),
    ] = None
    output_format: Annotated[
        str | None,
        Option(
            "Write the result in another format, too, to OUT/export/, in the order of the input. "
            "From standard input: text or jsonl.",
            "parquet|jsonl|csv|text",
            default="parquet, which is translations/ itself",
        ),
    ] = None
    rejected_lines: Annotated[
        str, Option("The line of a rejected row in --output-format text.", "blank|source")
    ] = "blank"
    export_compression: Annotated[
        str, Option("Compression of the files in OUT/export/.", "none|gzip")
    ] = "none"
    partition_by: Annotated[
        str | None,
        Option(
            "Part the files in OUT/export/ by this column of the input: COLUMN=VALUE/part-…, as "
            "Hive does; at most 1,000 values.",
            "COLUMN",
        ),
    ] = None
    unit_timeout: Annotated[
        float | None,
        Option(
            "Seconds for one unit (the rows of an output file): an actor that takes longer is "
            "replaced, its unit is done again, and at last without the row that it hangs in.",
            "SECONDS",
            least=1,
        ),
    ] = None
    max_minutes: Annotated[
        float | None,
        Option(
            "End so many minutes after the start, with the units that are done: exit status 4.",
            least=0,
        ),
    ] = None
    deadline: Annotated[
        datetime | None,
        Option(
            "End at HH:MM, the next one by this machine's clock, or at 2030-12-24T06:00, with the "
            "units that are done: exit status 4.",
            "TIME",
            parse=parse_deadline,
        ),
    ] = None
    cost_per_hour: Annotated[
        float | None,
        Option("Price of the cluster per hour; adds the job's cost to the report.", least=0),
    ] = None
    overwrite: Annotated[bool, Option("Replace what a job with other settings left in OUT.")] = (
        False
    )
    lease_seconds: Annotated[
        float,
        Option(
            "Seconds without a heartbeat after which another job on the same OUT is taken for "
            "dead, and this one continues its work.",
            least=1,
            most=3600,
        ),
    ] = lease.SECONDS
    dry_run: Annotated[bool, Option("Validate, print the plan and exit.")] = False
    address: Address = None

    def resolved(self, info: ModelRecord, begun: str | None) -> TranslateRequest:
        """The same for actors, which work in another folder, and with the runtime and the shortlist
        that they use.

        Args:
            info: of the model.
            begun: the runtime of the job that OUT was begun with, which goes on with it.
        """
        ids, gpus = info.members or [info.model_id], bool(self.gpus_per_actor)
        search = self.search
        if begun and search.runtime == "auto":
            search = search.model_copy(update={"runtime": begun})
        chosen: dict[str, Any] = {"runtime": bundle.runtime_for(self.models, ids, search, gpus)}
        if self.search.dictionary is not None:
            chosen["dictionary"] = str(Location(self.search.dictionary))
        search = self.search.with_shortlist(info.shortlist)
        return replace(self, search=search.model_copy(update=chosen))

    def costs(self, seconds: float) -> dict[str, float]:
        """How long the job took and, where that is known, what it cost."""
        costs = {"total_seconds": round(seconds, 2)}
        if self.cost_per_hour is not None:
            costs["cost"] = round(self.cost_per_hour * seconds / 3600, 4)
        return costs

    @property
    def own_reference_column(self) -> str | None:
        """The column of the input that holds the references, where no file does."""
        return None if self.references else self.reference_column

    @property
    def limits(self) -> Limits:
        """From where on its numbers are alarms."""
        return Limits(self.gates, self.max_rejected, self.drift)

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The columns that are translated, where there are several."""
        return self.text_column if len(self.text_column) > 1 else ()

    @property
    def partitions(self) -> Partitions | None:
        """The partitions of ``OUT/export/``."""
        return None if self.partition_by is None else Partitions(self.partition_by)

    @property
    def export(self) -> Export | None:
        """What is written to ``OUT/export/``; Parquet is ``translations/`` itself, unless its rows
        are joined or parted."""
        name, partitions = self.output_format or "parquet", self.partitions
        if name == "parquet" and not self.text_columns and partitions is None:
            return None
        form, compressed = format_of(name, self.rejected_lines), self.export_compression == "gzip"
        return Export(form, compressed, self.text_columns, partitions)

    @property
    def model_names(self) -> str:
        """The models as text."""
        return ", ".join(map(str, self.models))


def identify(
    request: TranslateRequest, info: ModelRecord, corpus: InputCorpus | RecordedInput
) -> JobRecord:
    """Everything that decides about the contents of the output."""
    # Only what differs from the default, so that an output is recognised by releases without it.
    baseline = request.baseline
    optional = {
        "text_columns": list(request.text_columns),
        "partition_by": request.partition_by,
        "tag_column": request.tag_column,
        "heatmap_words": request.heatmap_words,
        "heatmap_pages": request.heatmap_pages,
        "group_by": list(request.group_by),
        "folders": corpus.folders,
        "baseline": None if baseline is None else baseline.shown,
        "drift": request.drift.model_dump(exclude={"metrics"}) if baseline else None,
        "gated": request.gate,
        "tokenize": None if request.tokenize == "auto" else request.tokenize,
        "rows_per_file": request.rows_per_file,
        "output_format": None if request.output_format == "parquet" else request.output_format,
        "rejected_lines": request.rejected_lines if request.rejected_lines != "blank" else None,
        "export_compression": "gzip" if request.export_compression == "gzip" else None,
    }
    search = request.search.model_dump()
    dictionary = None if search["dictionary"] is None else Location(search["dictionary"])
    if dictionary is not None:
        search["dictionary"] = dictionary.shown
    references = map(Location, request.references)
    inputs = {file.path: f"sha256 {file.sha256}" for file in corpus.inputs}
    settings = {
        "search": search,
        "reference_column": request.reference_column,
        "alignment_column": request.alignment_column,
        "text_column": request.text_column[0],
        "id_column": corpus.id_column,
        "heatmaps": request.heatmaps,
        **{name: value for name, value in optional.items() if value},
        "alignments": request.alignments,
        "max_rejected": request.max_rejected,
        "gate": request.gates.model_dump(),
    }
    return JobRecord(
        format_version=FORMAT_VERSION,
        model_id=info.model_id,
        inputs=inputs,
        references={file.shown: file.sha256() for file in references},
        dictionary=None if dictionary is None else dictionary.sha256(),
        settings=JobSettings.model_validate(settings),
    )
