"""What the stored JSON files must hold, so far as somebody reads it again.

They come from buckets that others can write to. A model here names the keys that are used, with
their types and bounds; what else stands in a file is left alone. Whoever reads a file gets the
mapping that stands there, or one line that says what is wrong with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nmt.errors import UnusableInput

if TYPE_CHECKING:
    from nmt.storage.location import Location

_SHOWN = 80  # characters of a message that come from the file
LARGEST_COUNT = 2**53  # of counts: what every reader of JSON holds exactly
LARGEST_MEASURE = 3.5e38  # of losses and scores, as float32: plots fail on much larger numbers
_ROWS_OF_A_FILE = 10_000_000

Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Record(BaseModel):
    """A mapping with these keys, and perhaps others."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


def read(file: Location, kind: type[Record]) -> dict[str, Any]:
    """The content of a stored file.

    Args:
        file: JSON.
        kind: what it must hold.

    Raises:
        UnusableInput: no such file, or a damaged one.
    """
    return check(file.read_json(), kind, file)


def read_list(file: Location, kind: type[Record], most: int) -> list[dict[str, Any]]:
    """The content of a stored file that holds a list, of so many bytes at most; see `read`."""
    found = file.read_json(most)
    if not isinstance(found, list):
        raise UnusableInput(f"{file}: damaged (no list); restore it from a copy")
    return [check(entry, kind, file) for entry in found]


def check(value: Any, kind: type[Record], where: object) -> dict[str, Any]:
    """A mapping as it was read, if it holds what it must.

    Args:
        value: what was read.
        kind: what it must hold.
        where: names it in the error.

    Raises:
        UnusableInput: it does not.
    """
    try:
        kind.model_validate(value)
    except ValidationError as error:
        raise damaged(error, where) from None
    return value


def damaged(error: ValidationError, where: object) -> UnusableInput:
    """The line that says what is wrong with stored values."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))[:_SHOWN]
    problem = f"{place}: {first['msg']}" if place else first["msg"]
    return UnusableInput(f"{where}: damaged ({problem.lower()}); restore it from a copy")


class Versioned(Record):
    """A file of any release."""

    format_version: Count


class StoredFile(Record):
    """A file that a manifest or a unit's record names."""

    rows: Annotated[int, Field(ge=0, le=_ROWS_OF_A_FILE)]
    bytes: Count
    sha256: Hash


class OtherFile(Record):
    """A file that a manifest names besides its tables."""

    bytes: Count
    sha256: Hash


class Counts(Record):
    """Rows of a unit or of a whole output; other counts may stand beside."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Count]

    rows: Count
    translated: Count
    rejected: Count
    empty: Count
    truncated: Count
    target_tokens: Count
    rejected_by_reason: dict[str, Count] = {}


class _Sums(Record):
    """See `nmt.evaluation.rates.sums`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float]

    score: float
    attended: float
    attention_entropy: float
    coverage: float
    unk: float
    source_words: float
    target_words: float
    repetition: float


class _Suspect(Record):
    row: Count
    reasons: list[str]
    score: float


class _Links(Record):
    """See `nmt.evaluation.alignment.LinkCounts`."""

    model_config = ConfigDict(extra="forbid")

    sentences: Count
    found: Count
    gold: Count
    shared: Count
    possible: Count = 0


class _Alignment(Record):
    model_config = ConfigDict(extra="forbid")

    attention: _Links
    diagonal: _Links
    malformed: Count
    left_out: Count = 0


class Effort(Record):
    """What decoding cost: in a unit's record, and ``OUT/_scratch/decoded-….json``."""

    sentences: Count
    target_tokens: Count
    seconds: Annotated[float, Field(ge=0)]
    source_tokens: Count
    source_places: Count
    peak_bytes: Count


class RejectedRows(Record):
    """``OUT/_units/00000.json`` of a finished output."""

    rejected_rows: list[Count]


class UnitRecord(RejectedRows):
    """The same of an unfinished one."""

    unit: Count
    first: Count
    counts: Counts
    files: dict[str, StoredFile]
    sums: _Sums
    suspicious: list[_Suspect] = []
    alignment: _Alignment | None
    decoding: Effort = Effort(**dict.fromkeys(Effort.model_fields, 0))
    peak_bytes: Count = 0


class Attempts(Record):
    """``OUT/_units/00000.attempts``."""

    begun: Count = 0
    spans: dict[str, Count] = {}


class Job(Record):
    """``OUT/_job.json``."""

    generation: Annotated[int, Field(ge=1, le=1_000_000)] = 1


class _Search(Record):
    max_characters: Annotated[int, Field(ge=1)] = 1


class _JobSettings(Record):
    id_column: str | None
    search: _Search = _Search()
    max_rejected: float


class BegunJob(Job):
    """The same of this release, which `verify` goes by."""

    settings: _JobSettings


class _InputFile(Record):
    rows: Count
    bytes: Count = 0
    path: str = ""
    sha256: str = ""


class _Text(Record):
    """See `nmt.evaluation.normalization.described`."""

    tokenizer: Literal["spm", "word"]
    cleaning: dict[str, bool]


class Manifest(Record):
    """``OUT/manifest.json``."""

    model_id: str
    counts: Counts
    settings: _JobSettings
    files: dict[str, StoredFile]
    others: dict[str, OtherFile] = {}
    input_files: list[_InputFile]
    exit_status: int
    verdict: str = ""
    direction: dict[str, str] = {}
    text: _Text | None = None


class _Score(Record):
    metric: str
    score: float
    signature: str
    text: str
    rows_without_shifts: Count = 0


class Looked(Record):
    """Where the words of a sentence looked; see `nmt.translation.report.attention`."""

    source: list[str]
    target: list[str]
    weights: list[str]


class _Sample(Record):
    id: int | str
    attention: Looked = Looked(source=[], target=[], weights=[])


class Report(Record):
    """``OUT/report/report.json``, so far as another job reads it."""

    rates: dict[str, float]
    created: Annotated[str, Field(max_length=100)] = ""
    scores: list[_Score] = []
    samples: list[_Sample] = []
    model: dict[str, Any] = {}


class BaselineReport(Report):
    """The same, so far as a later translation is compared with it."""

    throughput: dict[str, float] = {}


class _Speeds(Record):
    sentences_per_second: float
    target_tokens_per_second: float
    total_seconds: float
    cost: float = 0.0


class _ErrorRates(Record):
    aer: float
    aer_diagonal: float


class _Difference(Record):
    metric: str
    difference: float
    p: float


class _Comparison(Record):
    baseline: str
    paired: Count
    changed: float | None
    metrics: list[_Difference]
    not_comparable: str | None = None


class _Alarm(Record):
    text: str


class OwnReport(Report):
    """The same, so far as its own job shows it again."""

    counts: Counts
    throughput: _Speeds
    alignment: _ErrorRates = _ErrorRates(aer=0.0, aer_diagonal=0.0)
    comparison: _Comparison | None = None
    alarms: list[_Alarm]


class MemoryRun(Record):
    """``OUT/_memory.json``."""

    run: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    job: str


class Attention(Looked):
    """An entry of ``OUT/report/heatmaps/words-00000.json``."""

    row: Count


class _BeamSize(Record):
    beam_size: Count


class Generation(Record):
    """``MEMORY/…/generation.json``."""

    partitions: Annotated[int, Field(ge=1, le=65_536)]  # two bytes of a key choose among them
    model_id: str
    search: _BeamSize


class _NamedFile(StoredFile):
    name: str


class _VocabularyFile(Record):
    file: str
    bytes: Count
    sha256: Hash


class _Tokenizer(Record):
    kind: Literal["spm", "word"]
    source: _VocabularyFile
    target: _VocabularyFile


class Preparation(Record):
    """``DATASET/_preparing.json``: what was asked for."""

    settings: dict[str, Any]


class _SplitFiles(Record):
    train: list[_NamedFile]
    valid: list[_NamedFile]
    test: list[_NamedFile]
    rejected: list[_NamedFile]


class DatasetInfo(Record):
    """``DATASET/dataset.json``."""

    languages: dict[str, str]
    tokenizer: _Tokenizer
    files: _SplitFiles
    lengths: dict[Annotated[str, Field(pattern=r"^[0-9]{1,7} [0-9]{1,7}$")], Count]
    request: Preparation


class _ModelFile(Record):
    bytes: Count
    sha256: Hash


class Model(Versioned):
    """``MODEL/model.json`` of any release."""

    model_id: str


class _Direction(Record):
    source: str
    target: str


class ModelInfo(Model):
    """``MODEL/model.json`` of this release."""

    architecture: dict[str, Any]
    tokenizer: Literal["spm", "word"]
    files: dict[str, _ModelFile]
    parameters: Count
    data: dict[str, Any] | None = None
    direction: _Direction = _Direction(source="", target="")
    validation: dict[str, Any] = {}


class CheckpointFile(Record):
    """An entry of ``checkpoint.json``."""

    bytes: Count
    sha256: Hash


class Checkpoint(Record):
    """``RUN/checkpoint_…/checkpoint.json``."""

    files: dict[str, CheckpointFile]


class _DatasetOfRun(Record):
    hash: str


class RunConfig(Record):
    """``RUN/config.yaml``."""

    dataset: _DatasetOfRun
    settings: dict[str, dict[str, Any]]


class Metrics(Record):
    """A line of ``RUN/metrics.jsonl``."""

    step: Count
    epoch: Count
    loss: Annotated[float, Field(ge=-LARGEST_MEASURE, le=LARGEST_MEASURE)] | None


class Tracking(Record):
    """``RUN/mlflow.json``."""

    run_id: Annotated[str, Field(max_length=200)]


class Lease(Record):
    """``OUT/_lease.json``: times are seconds since 1970."""

    owner: Annotated[str, Field(max_length=200)]
    holder: Annotated[str, Field(max_length=500)]
    heartbeat: Annotated[float, Field(ge=0, le=1e11)]
    expires: Annotated[float, Field(ge=0, le=1e11)]
    released: bool = False
