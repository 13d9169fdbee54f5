"""The request of an evaluation: its options, and their checks."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

from nmt import records
from nmt.configuration import nearest
from nmt.errors import UnusableInput
from nmt.evaluation.alignment import parse_gold
from nmt.evaluation.files import read_beside
from nmt.evaluation.metric_scores import MetricScores, read_metric_scores
from nmt.evaluation.metrics import METRICS
from nmt.evaluation.outputs import FinishedOutput, is_output
from nmt.evaluation.sentences import References
from nmt.evaluation.text_translations import TextSource, TextTranslations
from nmt.evaluation.tokenizers import CHOICES, tokenizer_for
from nmt.evaluation.translations import Translations
from nmt.languages import language_code
from nmt.options import FromSettings, Option
from nmt.printable import join_names
from nmt.records.report import EvaluationKind
from nmt.settings import DriftSettings
from nmt.storage.location import Location

log = logging.getLogger(__name__)

KIND = "evaluation"  # of the report.json


@dataclass(frozen=True)
class EvaluateRequest:
    """The options of an evaluation; ``nmt evaluate --help`` shows them."""

    candidate: Annotated[
        Location,
        Option(
            "Finished output of `nmt translate`; or a file of translations: text, one per line, or "
            "a table (Parquet, CSV, JSON Lines, TMX); or a folder, a glob or a .zip of such, in "
            "the order of their names.",
            "OUT|FILE",
        ),
    ]
    output: Annotated[Location, Option("Folder to write the report to.", "REPORT")]
    references: Annotated[
        tuple[str, ...],
        Option(
            "References, line-aligned with the candidate's input, or joined by id where both are "
            "tables with ids: a file, a folder or a glob. "
            "Repeatable: each time one more reference of every line.",
            "FILE",
        ),
    ] = ()
    reference_column: Annotated[
        str | None,
        Option(
            "Or the column of the candidate that holds them; of the --references, where these are "
            "a table.",
            "COLUMN",
        ),
    ] = None
    candidate_column: Annotated[
        str | None,
        Option(
            "Column of the translations in a table, and in that of --baseline.",
            "COLUMN",
            default="translation",
        ),
    ] = None
    source: Annotated[
        str | None,
        Option(
            "Sources of a file of translations, line-aligned: scores by length. Or a folder, or a "
            "glob.",
            "FILE",
        ),
    ] = None
    source_column: Annotated[
        str | None,
        Option(
            "Column of the sources, in a table of --source or of translations.",
            "COLUMN",
            default="source, if there",
        ),
    ] = None
    id_column: Annotated[
        str | None,
        Option(
            "Column of the ids in a table of translations.",
            "COLUMN",
            default="id, if there; else rows are numbered",
        ),
    ] = None
    target_language: Annotated[
        str | None,
        Option("Language of a file of translations: how BLEU finds words.", "CODE"),
    ] = None
    baseline: Annotated[
        Location | None,
        Option("Output of another system for the same input, or its file.", "OUT2|FILE"),
    ] = None
    scores: Annotated[
        tuple[str, ...],
        Option(
            "Scores of other metrics, as COMET: a table with a column id and a column of "
            "numbers per metric, in a file or in several (folder, glob, zip). Repeatable.",
            "FILE",
        ),
    ] = ()
    baseline_scores: Annotated[
        tuple[str, ...], Option("The same of the baseline. Repeatable.", "FILE")
    ] = ()
    lower_is_better: Annotated[
        tuple[str, ...], Option("Metric of --scores of which less is better. Repeatable.", "METRIC")
    ] = ()
    group_by: Annotated[
        tuple[str, ...],
        Option("Scores and rates by this column of the candidate, too. Repeatable.", "COLUMN"),
    ] = ()
    gold_alignments: Annotated[
        str | None,
        Option(
            "Word alignments (0-0 sure, 0?0 possible), line-aligned with OUT's input: AER. OUT "
            "must be made with --alignments.",
            "FILE",
        ),
    ] = None
    alignment_column: Annotated[
        str | None,
        Option(
            "Or the column of OUT that holds them; of the --gold-alignments, where these are a "
            "table.",
            "COLUMN",
        ),
    ] = None
    gate: Annotated[
        bool,
        Option(
            "Exit status 3 if BLEU or a metric of --scores is significantly worse than the "
            "baseline's, by more than drift.bleu or drift.metrics."
        ),
    ] = False
    drift: Annotated[DriftSettings, FromSettings("drift")] = field(default_factory=DriftSettings)
    lowercase: Annotated[bool, Option("Compare without case.")] = False
    tokenize: Annotated[str, FromSettings("scoring.tokenize", options=("scoring.tokenize",))] = (
        "auto"
    )

    @property
    def own_alignment_column(self) -> str | None:
        """The column of OUT that holds the gold alignments, where no file does."""
        return None if self.gold_alignments else self.alignment_column


@dataclass(frozen=True)
class Material:
    """The inputs of an evaluation.

    Attributes:
        candidate: the translations to evaluate.
        baseline: the translations to compare them with, or None.
        references: the location of the references.
        baseline_references: of those of the baseline, whose rows may have another order.
        tokenize: how BLEU finds words, see `nmt.evaluation.tokenizers`.
        gold: the gold alignment of each row of the input; empty for rows without one.
        scores: those of other metrics.
        baseline_scores: the same of the baseline.
    """

    candidate: Translations
    baseline: Translations | None
    references: References
    baseline_references: References
    tokenize: str
    gold: Sequence[str] = ()
    scores: Sequence[MetricScores] = ()
    baseline_scores: Sequence[MetricScores] = ()

    def references_of(self, translations: Translations) -> References:
        """The references of the candidate or of the baseline."""
        return self.baseline_references if translations is self.baseline else self.references


def check(request: EvaluateRequest) -> Material:
    """Check that all inputs exist and fit together; writes nothing.

    Raises:
        UnusableInput: something is missing, unfinished, or does not fit the rest.
    """
    if request.tokenize not in CHOICES:
        raise UnusableInput(
            f"--tokenize {request.tokenize}: unknown; {nearest(request.tokenize, CHOICES)}"
        )
    if not request.references and not request.reference_column:
        raise UnusableInput(
            "give either --references, once or more, or --reference-column, a column of the input"
        )
    _check_output(request)
    candidate = _open(request, request.candidate, "--candidate")
    baseline = _open(request, request.baseline, "--baseline") if request.baseline else None
    if baseline and baseline.rows != candidate.rows:
        raise UnusableInput(
            f"{baseline.location}: translates {baseline.rows:,} rows, but {candidate.location} "
            f"{candidate.rows:,}; a baseline must be a translation of the same input"
        )
    references = theirs = _references(request, candidate)
    if baseline and baseline.row_ids and request.references:
        theirs = _references(request, baseline)
    if references.column:
        for translations in filter(None, (candidate, baseline)):
            translations.check_column("--reference-column", references.column)
    gold: list[str] = []
    if request.gold_alignments or request.alignment_column:
        if not candidate.aligned:
            raise UnusableInput(
                f"{candidate.location}: holds no word alignments to compare with the gold ones; "
                "translate with --alignments"
            )
        if request.own_alignment_column is not None:
            candidate.check_column("--alignment-column", request.own_alignment_column)
    if request.gold_alignments:
        column, rows = request.alignment_column, candidate.rows
        texts = read_beside(
            *(request.gold_alignments, column, "--alignment-column", rows, "gold alignments"),
            ids=candidate.row_ids,
        )
        gold = [text or "" for text in texts]
        for number, text in enumerate(gold, 1):
            try:
                parse_gold(text)
            except UnusableInput as error:
                place = f"line {number}" if column is None else f"row {number} of the input"
                raise UnusableInput(f"{request.gold_alignments}: {place}: {error}") from None
    tokenize = tokenizer_for(request.tokenize, candidate.language)
    for column in request.group_by:
        candidate.check_group(column)
    scores, baseline_scores = _other_metrics(request, candidate, baseline)
    return Material(
        *(candidate, baseline, references, theirs, tokenize, gold, scores, baseline_scores)
    )


def _other_metrics(
    request: EvaluateRequest, candidate: Translations, baseline: Translations | None
) -> tuple[list[MetricScores], list[MetricScores]]:
    """The scores of other metrics, of the candidate and of the baseline."""
    lower = request.lower_is_better
    scores = read_metric_scores(request.scores, "--scores", candidate, lower)
    names = [metric.name for metric in scores]
    if clash := [name for name in names if name in METRICS]:
        raise UnusableInput(f"--scores: {clash[0]} is computed here; rename that column")
    if unknown := [name for name in lower if name not in names]:
        raise UnusableInput(
            f"--lower-is-better {unknown[0]}: no metric of --scores "
            f"(there are {join_names(names) or 'none'})"
        )
    if request.gate and baseline is None:
        raise UnusableInput("--gate compares with a baseline; name it with --baseline")
    if request.baseline_scores and baseline is None:
        raise UnusableInput("--baseline-scores needs --baseline, whose scores they are")
    if baseline is None:
        return scores, []
    return scores, read_metric_scores(request.baseline_scores, "--baseline-scores", baseline, lower)


def _open(request: EvaluateRequest, location: Location, option: str) -> Translations:
    """What lies there: a file of translations, or the output of a job."""
    language = request.target_language
    try:
        code = None if language is None else language_code(language)
    except ValueError as error:
        raise UnusableInput(f"--target-language: {error}") from None
    where = TextSource(
        *(request.candidate_column, request.source, request.source_column),
        *(request.id_column, code),
    )
    if not is_output(location):
        return TextTranslations(location, where, option)
    output = FinishedOutput(location, option)
    if columns := output.manifest.settings.text_columns:
        raise UnusableInput(
            f"{location}: translates the columns {join_names(columns)}; name a file of its export/ "
            f"and a column (--candidate-column {columns[0]}_translation)"
        )
    if option == "--candidate" and (odd := where.options):
        raise UnusableInput(
            f"{location}: an output of `nmt translate`, which {odd[0]} does not go with; leave it "
            "out, or name a file"
        )
    return output


def _references(request: EvaluateRequest, candidate: Translations) -> References:
    """The references: files, line-aligned, or a column of the candidate."""
    most, column = candidate.most_characters, request.reference_column
    streams = [
        read_beside(
            *(name, column, "--reference-column", candidate.rows, "references", most),
            ids=candidate.row_ids,
        )
        for name in request.references
    ]
    own_column = None if streams else column
    return References(streams, own_column, most, candidate.blanks_count)


def _check_output(request: EvaluateRequest) -> None:
    """Only an earlier evaluation is replaced."""
    output = request.output
    if output.is_file():
        raise UnusableInput(f"{output}: a file; give a folder as --output")
    if not output.files(recursive=True):
        return
    file = output / "report.json"
    earlier = records.read(file, EvaluationKind) if file.is_file() else EvaluationKind()
    if earlier.kind != KIND:
        raise UnusableInput(
            f"{output}: holds something that is no evaluation; give another --output"
        )
    if earlier.settings.candidate not in (None, request.candidate.shown):
        log.warning(f"{output}: replaces the report of {earlier.settings.candidate}")
