"""OUT/report: what a translation job says of its output."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, JsonValue

from nmt.records.base import Count, Many, Named, Record
from nmt.records.output import Counts, FinishedStatus, InputFile, JobSettings

Scalar = str | int | float | bool | None


class WordAttention(Record):
    """Where the words of a translation looked; see `nmt.translation.report.attention`.

    Attributes:
        source: words of the source.
        target: words of the translation.
        weights: for each target word its weights in per cent.
    """

    source: Many[str]
    target: Many[str]
    weights: Many[str]


class RowAttention(WordAttention):
    """An entry of ``OUT/report/heatmaps/words-00000.json``."""

    row: Count


class Sample(Record):
    """A translated sentence on the page.

    Attributes:
        text_column: which one the sentence is of, where there are several.
    """

    id: int | str
    text_column: str | None = None
    source: str = ""
    translation: str = ""
    reference: str | None = None
    score: float = 0.0
    flags: Many[str] = []
    coverage: float | None = None
    attention_entropy: float | None = None
    chrf: float | None = None
    attention: WordAttention | None = None


class SuspiciousSample(Sample):
    """A suspicious translation, and why it is one."""

    reasons: Many[str] = []


class RejectedSample(Record):
    """A rejected row, and why it is one; of several text columns one text of a row."""

    id: int | str | None
    text_column: str | None = None
    reason: str
    source: str | None


class ChangedSample(Sample):
    """A translation beside the baseline's."""

    baseline: str | None = None
    baseline_chrf: float | None = None
    difference: float | None = None
    similarity: float | None = None


class Score(Record):
    """A score with its 95 % confidence interval and its signature: sacrebleu's, or the mean of
    another metric."""

    metric: str
    score: float
    confidence: Many[float] | None = None
    signature: str
    text: str
    rows_without_shifts: Count = 0
    lower_is_better: bool = False


class LengthScores(Record):
    """Scores of the sentences of a range of source lengths."""

    first: Count = Field(alias="from")
    last: Count | None = Field(alias="to")
    sentences: Count
    bleu: float
    chrf: float
    chrfpp: float | None = None
    ter: float
    baseline: float | None = None


class GroupScores(Record):
    """Scores and rates of the rows that share a value."""

    value: Scalar
    other: bool
    rows: Count
    rejected: Count
    sentences: Count
    bleu: float | None = None
    chrf: float | None = None
    chrfpp: float | None = None
    ter: float | None = None
    baseline: float | None = None
    metrics: Named[float] = {}
    rates: Named[float]


class Grouping(Record):
    """The groups of one column."""

    column: str
    values: Many[GroupScores]


class Beside(Record):
    """A number beside the baseline's."""

    value: float
    baseline: float
    difference: float


class MetricComparison(Record):
    """A score beside the baseline's, by paired bootstrap resampling."""

    metric: str
    score: float = 0.0
    baseline: float = 0.0
    difference: float
    confidence: Many[float] | None = None
    baseline_confidence: Many[float] | None = None
    p: float | None
    signature: str = ""
    rows_without_shifts: Count = 0
    lower_is_better: bool = False


class Comparison(Record):
    """A translation beside its baseline."""

    baseline: str
    baseline_model_id: str = ""
    baseline_created: str | None = None
    paired: Count = 0
    changed: float | None = None
    sentences: Count = 0
    metrics: Many[MetricComparison]
    rates: Named[Beside] = {}
    throughput: Named[Beside] = {}
    not_comparable: str | None = None
    searches: str | None = None


class Alarm(Record):
    """A number beyond its limits."""

    measure: str = ""
    value: float = 0.0
    limits: Named[float] = {}
    baseline: float | None = None
    text: str


class Throughput(Record):
    """Speed of one actor, what the job took in all, and the most memory of its processes."""

    sentences_per_second: float
    target_tokens_per_second: float
    decode_seconds: float = 0.0
    padding: float = 0.0
    actor_peak_bytes: Count = 0
    driver_peak_bytes: Count = 0
    total_seconds: float
    cost: float | None = None


class ErrorRates(Record):
    """Alignment error rates of attention and of the plain diagonal."""

    of: str = "Attention"
    aer: float
    aer_diagonal: float
    sentences: Count = 0
    aer_same_words: float | None = None
    sentences_same_words: Count = 0
    malformed: Count = 0
    left_out: Count = 0


class ModelDescription(Record):
    """The model that has translated."""

    id: str = ""
    name: str = ""
    direction: str = ""
    parameters: Count = 0
    architecture: Named[JsonValue] = {}
    validation: Named[Any] = {}


class ReportSettings(JobSettings):
    """The settings of a job, with those that do not decide about the contents."""

    batch_size: Count | None = None
    cache: str | None = None


class Measured(Record):
    """What a finished translation is measured by: the part of a report that `measure` makes."""

    counts: Counts
    rates: Named[float]
    throughput: Throughput
    samples: Many[Sample] = []
    suspicious: Many[SuspiciousSample] = []
    rejected: Many[RejectedSample] = []
    scores: Many[Score] = []
    scored_sentences: Count = 0
    by_length: Many[LengthScores] = []
    groups: Many[Grouping] = []
    comparison: Comparison | None = None
    differences: Many[ChangedSample] = []
    alarms: Many[Alarm]
    alignment: ErrorRates | None = None


class Report(Measured):
    """``OUT/report/report.json`` of a finished job."""

    title: str = ""
    created: Annotated[str, Field(max_length=100)] = ""
    verdict: str = ""
    exit_status: FinishedStatus = 0
    model: ModelDescription = ModelDescription()
    settings: ReportSettings | None = None
    inputs: Many[InputFile] = []
    versions: Named[str] = {}


class TextCounts(Record):
    """The counts of translations in a file."""

    rows: Count
    translated: Count
    empty: Count


class ReportedCounts(Record):
    """The counts of any report; of a failed job those of the units that are done."""

    counts: Named[Count | Named[Count]] = {}


class FailureReport(ReportedCounts):
    """``OUT/report/report.json`` of a job that has failed."""

    title: str
    created: str
    verdict: str
    exit_status: int
    settings: JobSettings


class EvaluatedOutput(Record):
    """What an evaluation was of."""

    candidate: str | None = None


class EvaluationKind(Record):
    """``REPORT/report.json`` of an evaluation, as far as it is read."""

    kind: str = ""
    settings: EvaluatedOutput = EvaluatedOutput()


class EvaluationSettings(EvaluatedOutput):
    """The options of an evaluation."""

    candidate: str
    candidate_column: str | None = None
    source: str | None = None
    source_column: str | None = None
    id_column: str | None = None
    target_language: str | None = None
    baseline: str | None
    scores: Many[str] = []
    baseline_scores: Many[str] = []
    lower_is_better: Many[str] = []
    group_by: Many[str] = []
    references: Many[str]
    reference_column: str | None
    gold_alignments: str | None
    alignment_column: str | None
    lowercase: bool
    tokenize: str


class EvaluationReport(EvaluationKind):
    """``REPORT/report.json`` of an evaluation."""

    title: str
    created: str
    model: ModelDescription
    counts: Counts | TextCounts
    rates: Named[float]
    verdict: str = ""
    exit_status: FinishedStatus = 0
    alarms: Many[Alarm] = []
    scores: Many[Score]
    scored_sentences: Count
    by_length: Many[LengthScores] = []
    groups: Many[Grouping] = []
    comparison: Comparison | None = None
    differences: Many[ChangedSample] = []
    alignment: ErrorRates | None = None
    samples: Many[Sample]
    suspicious: Many[SuspiciousSample]
    settings: EvaluationSettings
    inputs: Many[InputFile]
    versions: Named[str]
