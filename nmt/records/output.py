"""OUT: a translation job, its units, and its manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, field_validator

from nmt.records.base import Count, FileEntry, Many, Named, Record, TableEntry
from nmt.text_limits import MOST_CHARACTERS, MOST_CHARACTERS_ALLOWED

# Sums over the units of an output stay within what a report may hold.
_LARGEST_IN_UNIT = 2**36
UnitCount = Annotated[int, Field(ge=0, le=_LARGEST_IN_UNIT)]
UnitMeasure = Annotated[float, Field(ge=-_LARGEST_IN_UNIT, le=_LARGEST_IN_UNIT)]
UnitSeconds = Annotated[float, Field(ge=0, le=_LARGEST_IN_UNIT)]


LAST_GENERATION = 1_000_000  # of an output
FinishedStatus = Literal[0, 3]  # the exit status of a job that has ended its work


class Counts(Record):
    """Rows and tokens of a unit or of a whole output; other counts may stand beside."""

    __pydantic_extra__: dict[str, Count]

    rows: Count
    translated: Count
    rejected: Count
    rejected_by_reason: Named[Count] = {}
    empty: Count
    truncated: Count
    split: Count = 0
    unk_replaced: Count = 0
    recased: Count = 0
    multiline: Count = 0
    markup: Count = 0
    source_tokens: Count = 0
    target_tokens: Count
    decoded: Count = 0
    reused: Count = 0
    repeated: Count = 0


class Sums(Record):
    """Sums over the translations of a unit; see `nmt.evaluation.measures.sums`."""

    __pydantic_extra__: dict[str, UnitMeasure]

    score: UnitMeasure
    attended: UnitMeasure
    unattended: UnitMeasure = 0.0
    attention_entropy: UnitMeasure
    coverage: UnitMeasure
    unk: UnitMeasure
    bytes: UnitMeasure = 0.0
    source_tokens: UnitMeasure = 0.0
    multiline: UnitMeasure = 0.0
    markup: UnitMeasure = 0.0
    source_words: UnitMeasure
    target_words: UnitMeasure
    repetition: UnitMeasure
    suspicious: UnitMeasure = 0.0


class Suspect(Record):
    """A suspicious translation; see `nmt.evaluation.measures`."""

    row: Count
    reasons: Many[str]
    score: float


class Links(Record):
    """See `nmt.evaluation.alignment.LinkCounts`."""

    model_config = ConfigDict(extra="forbid")

    sentences: Count
    found: Count
    gold: Count
    shared: Count
    possible: Count = 0


class AlignmentCounts(Record):
    """Links of attention and of the plain diagonal along the references, against gold."""

    model_config = ConfigDict(extra="forbid")

    attention: Links
    diagonal: Links
    malformed: Count
    left_out: Count = 0


class DecodingCost(Record):
    """What decoding cost: in a unit's record.

    Attributes:
        runtime: what computed it: onnx or tensorflow.
        precision: float32 or int8.
        instructions: the widest vectors of the processor. Sums in float32 depend on them.
    """

    sentences: UnitCount
    target_tokens: UnitCount
    seconds: UnitSeconds
    source_tokens: UnitCount
    source_places: UnitCount
    peak_bytes: Count
    runtime: str = ""
    precision: str = ""
    instructions: str = ""


class RejectedRows(Record):
    """``OUT/_units/00000.json`` of a finished output, as far as it is read."""

    rejected_rows: Many[Count]


class UnitRecord(RejectedRows):
    """``OUT/_units/00000.json``: a committed unit.

    Attributes:
        input: a hash of what it was made of: which rows of which files, and their SHA-256.
    """

    unit: Count
    first: Count
    input: str = ""
    counts: Counts
    files: Named[TableEntry]
    sums: Sums
    suspicious: Many[Suspect] = []
    alignment: AlignmentCounts | None
    decoding: DecodingCost | None = None
    seconds: UnitSeconds = 0.0
    peak_bytes: Count = 0

    @field_validator("counts", "alignment")
    @classmethod
    def _is_of_a_unit(cls, value: Counts | AlignmentCounts | None) -> Any:
        if value is not None and (largest := max(_numbers(value.to_json()))) > _LARGEST_IN_UNIT:
            raise ValueError(f"{largest:,}, more than a unit has")
        return value


def _numbers(counts: Mapping[str, Any]) -> Iterator[int]:
    for value in counts.values():
        yield from _numbers(value) if isinstance(value, Mapping) else (value,)


class AttemptsRecord(Record):
    """``OUT/_units/00000.attempts``: how often a unit, and spans of its rows, were begun.

    Attributes:
        running: an attempt is under way, or its process has died.
        current: the span that is under way; empty for the whole unit.
        node: Ray's id of the node where that is.
        memory_kills: processes that the kernel of that node had ended for lack of memory.
        without_memory: spans whose last attempt ran out of memory.
    """

    begun: Count = 0
    spans: Named[Count] = {}
    running: bool = False
    current: str = ""
    node: str = ""
    memory_kills: Count = 0
    without_memory: Many[str] = []


class SearchRecord(Record):
    """The settings of the search, as far as somebody reads them again."""

    max_characters: Annotated[int, Field(ge=1, le=MOST_CHARACTERS_ALLOWED)] = MOST_CHARACTERS
    n_best: Count = 1
    runtime: Literal["auto", "onnx", "tensorflow"] = "auto"


class AnySettings(Record):
    """The settings of a job of any release."""

    search: SearchRecord = SearchRecord()
    baseline: str | None = None


class JobSettings(AnySettings):
    """The settings that decide about the contents of an output.

    Attributes:
        text_columns: all of them, where there are several.
    """

    reference_column: str | None = None
    alignment_column: str | None = None
    text_column: str = ""
    text_columns: Many[str] = []
    id_column: str | None
    heatmaps: Count = 0
    heatmap_words: bool = False
    heatmap_pages: bool = False
    group_by: Many[str] = []
    folders: Many[str] = []
    drift: Named[float | None] | None = None
    gated: bool = False
    tokenize: str | None = None
    rows_per_file: Count | None = None
    output_format: str = "parquet"
    rejected_lines: str = "blank"
    export_compression: str = "none"
    partition_by: str | None = None
    tag_column: str | None = None
    alignments: bool = False
    max_rejected: float
    gate: Named[float | None] = {}

    @property
    def width(self) -> int:
        """Texts of a row of the input."""
        return max(1, len(self.text_columns))

    @property
    def numbered(self) -> bool:
        """Whether the id of a text is its number."""
        return self.id_column is None and self.width == 1

    @property
    def exported(self) -> bool:
        """Whether there are files in ``export/``."""
        return self.output_format != "parquet" or bool(self.text_columns or self.partition_by)


class AnyJob(Record):
    """``OUT/_job.json`` of any release."""

    generation: Annotated[int, Field(ge=1, le=LAST_GENERATION)] = 1
    settings: AnySettings = AnySettings()


class JobRecord(AnyJob):
    """``OUT/_job.json``: everything that decides about the contents of an output.

    A job that overwrites another's output is its next generation.
    """

    format_version: Count = 0
    model_id: str = ""
    inputs: Named[str] = {}
    references: Named[str] = {}
    dictionary: str | None = None
    settings: JobSettings


class InputFile(Record):
    """A file of the input."""

    path: str = ""
    bytes: Count = 0
    sha256: str = ""
    rows: Count


class TextForms(Record):
    """See `nmt.evaluation.normalization.described`."""

    tokenizer: Literal["spm", "word"]
    cleaning: Named[bool]


class Manifest(JobRecord):
    """``OUT/manifest.json``: the files that count, and how the job ended.

    Attributes:
        input_versions: what tells each file of the input from others of its name, by its path.
        added_files: what was added to the input while the job ran, and is not translated.
        exports: the files of ``export/``, in the order of the rows.
    """

    model_id: str
    exit_status: FinishedStatus
    verdict: str = ""
    created: str = ""
    counts: Counts
    direction: Named[str] = {}
    text: TextForms | None = None
    input_files: Many[InputFile]
    input_versions: Named[str] = {}
    added_files: Many[str] = []
    versions: Named[str] = {}
    files: Named[TableEntry]
    others: Named[FileEntry] = {}
    exports: Named[TableEntry] = {}


class Lease(Record):
    """``OUT/_lease.json``: which job may write to the output.

    Attributes:
        owner: a name that no other job has.
        holder: the same for people: host and process.
        heartbeat: when it was last renewed, seconds since 1970.
        expires: until when it is held, unless it is renewed.
        released: given back by its owner.
    """

    owner: Annotated[str, Field(max_length=200)]
    holder: Annotated[str, Field(max_length=500)]
    heartbeat: Annotated[float, Field(ge=0, le=1e11)]
    expires: Annotated[float, Field(ge=0, le=1e11)]
    released: bool = False
