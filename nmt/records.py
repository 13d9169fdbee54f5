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
_LARGEST = 2**53  # of counts: what every reader of JSON holds exactly
_ROWS_OF_A_FILE = 10_000_000

Count = Annotated[int, Field(ge=0, le=_LARGEST)]
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


def read_list(file: Location, kind: type[Record]) -> list[dict[str, Any]]:
    """The content of a stored file that holds a list; see `read`."""
    found = file.read_json()
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
    """Rows of a unit or of a whole output."""

    rows: Count
    translated: Count
    rejected: Count


class UnitRecord(Record):
    """``OUT/_units/00000.json``."""

    unit: Count
    first: Count
    rejected_rows: list[Count]
    counts: Counts
    files: dict[str, StoredFile]


class Attempts(Record):
    """``OUT/_units/00000.attempts``."""

    begun: Count = 0
    spans: dict[str, Count] = {}


class Job(Record):
    """``OUT/_job.json``."""

    generation: Annotated[int, Field(ge=1, le=_LARGEST)] = 1


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


class Report(Record):
    """``OUT/report/report.json``, so far as another job reads it."""

    rates: dict[str, float | None]
    scores: list[dict[str, Any]] = []


class MemoryRun(Record):
    """``OUT/_memory.json``."""

    run: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    job: str


class Attention(Record):
    """An entry of ``OUT/report/heatmaps/words-00000.json``."""

    row: Count


class Generation(Record):
    """``MEMORY/…/generation.json``."""

    partitions: Annotated[int, Field(ge=1, le=65_536)]  # two bytes of a key choose among them


class _NamedFile(Record):
    name: str
    rows: Annotated[int, Field(ge=0, le=_ROWS_OF_A_FILE)]


class _VocabularyFile(Record):
    file: str
    sha256: Hash


class _Tokenizer(Record):
    kind: Literal["spm", "word"]
    source: _VocabularyFile
    target: _VocabularyFile


class _Prepared(Record):
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
    request: _Prepared


class _ModelFile(Record):
    bytes: Count
    sha256: Hash


class Model(Versioned):
    """``MODEL/model.json`` of any release."""

    model_id: str


class ModelInfo(Model):
    """``MODEL/model.json`` of this release."""

    architecture: dict[str, Any]
    tokenizer: Literal["spm", "word"]
    files: dict[str, _ModelFile]
    parameters: Count
    data: dict[str, Any] | None = None
    direction: dict[str, str] = {}


class CheckpointFile(Record):
    """An entry of ``checkpoint.json``."""

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
    loss: float | None


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
