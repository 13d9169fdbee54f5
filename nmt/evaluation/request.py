"""The request of an evaluation: its options, and their checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from nmt import records
from nmt.configuration import nearest
from nmt.corpus.aligned import read_aligned
from nmt.errors import UnusableInput
from nmt.evaluation.alignment import parse_gold
from nmt.evaluation.outputs import FinishedOutput
from nmt.evaluation.sentences import References
from nmt.evaluation.tokenizers import CHOICES, tokenizer_for
from nmt.languages import UNDETERMINED
from nmt.options import FromSettings, Option
from nmt.records.report import EvaluationKind
from nmt.storage.location import Location

KIND = "evaluation"  # of the report.json


@dataclass(frozen=True)
class EvaluateRequest:
    """The options of an evaluation; ``nmt evaluate --help`` shows them."""

    candidate: Annotated[Location, Option("Finished output of `nmt translate`.", "OUT")]
    output: Annotated[Location, Option("Folder to write the report to.", "REPORT")]
    references: Annotated[
        tuple[str, ...], Option("References, line-aligned with OUT's input. Repeatable.", "FILE")
    ] = ()
    reference_column: Annotated[
        str | None, Option("Or the column of OUT that holds the references.", "COLUMN")
    ] = None
    baseline: Annotated[
        Location | None, Option("Output of another system for the same input.", "OUT2")
    ] = None
    gold_alignments: Annotated[
        str | None,
        Option(
            "Word alignments (0-0 sure, 0?0 possible), line-aligned with OUT's input: AER. OUT "
            "must be made with --alignments.",
            "FILE",
        ),
    ] = None
    alignment_column: Annotated[
        str | None, Option("Or the column of OUT that holds them.", "COLUMN")
    ] = None
    lowercase: Annotated[bool, Option("Compare without case.")] = False
    tokenize: Annotated[str, FromSettings("scoring.tokenize", options=("scoring.tokenize",))] = (
        "auto"
    )


@dataclass(frozen=True)
class Material:
    """The inputs of an evaluation.

    Attributes:
        candidate: the output to evaluate.
        baseline: the output to compare it with, or None.
        references: the location of the references.
        tokenize: how BLEU finds words, see `nmt.evaluation.tokenizers`.
        gold: the gold alignment of each row of the input; empty for rows without one.
    """

    candidate: FinishedOutput
    baseline: FinishedOutput | None
    references: References
    tokenize: str
    gold: Sequence[str] = ()


def check(request: EvaluateRequest) -> Material:
    """Check that all inputs exist and fit together; writes nothing.

    Raises:
        UnusableInput: something is missing, unfinished, or does not fit the rest.
    """
    if request.tokenize not in CHOICES:
        raise UnusableInput(
            f"--tokenize {request.tokenize}: unknown; {nearest(request.tokenize, CHOICES)}"
        )
    if bool(request.references) == bool(request.reference_column):
        raise UnusableInput(
            "give either --references, once or more, or --reference-column, a column of the input"
        )
    if request.gold_alignments and request.alignment_column:
        raise UnusableInput("give --gold-alignments or --alignment-column, not both")
    _check_output(request.output)
    candidate = FinishedOutput(request.candidate, "--candidate")
    baseline = FinishedOutput(request.baseline, "--baseline") if request.baseline else None
    if baseline and baseline.rows != candidate.rows:
        raise UnusableInput(
            f"{baseline.location}: translates {baseline.rows:,} rows, but {candidate.location} "
            f"{candidate.rows:,}; a baseline must be a translation of the same input"
        )
    if request.reference_column:
        for output in filter(None, (candidate, baseline)):
            output.check_column("--reference-column", request.reference_column)
    gold: list[str] = []
    if request.gold_alignments or request.alignment_column:
        if not candidate.aligned:
            raise UnusableInput(
                f"{candidate.location}: holds no word alignments to compare with the gold ones; "
                "translate with --alignments"
            )
        if request.alignment_column:
            candidate.check_column("--alignment-column", request.alignment_column)
    if request.gold_alignments:
        gold = read_aligned(request.gold_alignments, candidate.rows, "gold alignments")
        for number, line in enumerate(gold, 1):
            try:
                parse_gold(line)
            except UnusableInput as error:
                raise UnusableInput(f"{request.gold_alignments}: line {number}: {error}") from None
    most = candidate.most_characters
    streams = [read_aligned(name, candidate.rows, most=most) for name in request.references]
    references = References(streams, request.reference_column, most)
    return Material(candidate, baseline, references, _tokenizer(request, candidate), gold)


def _tokenizer(request: EvaluateRequest, candidate: FinishedOutput) -> str:
    """The named tokenizer, or the one for the output's language."""
    direction = candidate.manifest.direction
    return tokenizer_for(request.tokenize, direction.get("target", UNDETERMINED))


def _check_output(output: Location) -> None:
    """Only an earlier evaluation is replaced."""
    if output.is_file():
        raise UnusableInput(f"{output}: a file; give a folder as --output")
    if not output.files(recursive=True):
        return
    report = output / "report.json"
    if not report.is_file() or records.read(report, EvaluationKind).kind != KIND:
        raise UnusableInput(
            f"{output}: holds something that is no evaluation; give another --output"
        )
