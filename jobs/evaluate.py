"""Evaluate what jobs/translate.py wrote, alone or against a baseline, and report on it."""

from __future__ import annotations

from typing import Annotated

import typer

from nmt import cli
from nmt.configuration import resolve
from nmt.console import result, say
from nmt.evaluation import job
from nmt.evaluation.request import EvaluateRequest
from nmt.evaluation.ter import remark
from nmt.evaluation.tokenizers import CHOICES
from nmt.storage.location import Location


def evaluate(
    candidate: Annotated[
        str, typer.Option(metavar="OUT", help="Finished output of jobs/translate.py.")
    ],
    output: Annotated[str, typer.Option(metavar="REPORT", help="Folder to write the report to.")],
    references: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="References, line-aligned with OUT's input. Repeatable."),
    ] = None,
    reference_column: Annotated[
        str | None, typer.Option(help="Or the column of OUT that holds the references.")
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="OUT2", help="Output of another system for the same input."),
    ] = None,
    gold_alignments: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Word alignments (0-0 sure, 0?0 possible), line-aligned with OUT's input: AER. "
            "OUT must be made with --alignments.",
        ),
    ] = None,
    alignment_column: Annotated[
        str | None, typer.Option(help="Or the column of OUT that holds them.")
    ] = None,
    lowercase: Annotated[bool, typer.Option("--lowercase", help="Compare without case.")] = False,
    tokenize: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(CHOICES),
            help="How sacrebleu finds BLEU's words; none for tokenised text.  [default: "
            "scoring.tokenize, auto: by the target language]",
        ),
    ] = None,
    config: cli.Config = None,
) -> None:
    """Score a finished translation: BLEU, chrF, TER, by length, against a baseline, AER."""
    settings = resolve(config=cli.read_config(config))
    request = EvaluateRequest(
        candidate=Location(candidate),
        output=Location(output),
        references=tuple(references or ()),
        reference_column=reference_column,
        baseline=Location(baseline) if baseline else None,
        gold_alignments=gold_alignments,
        alignment_column=alignment_column,
        lowercase=lowercase,
        tokenize=tokenize or settings.scoring.tokenize,
    )
    report = job.evaluate(request)
    for score in report["scores"]:
        low, high = score["confidence"] or (score["score"], score["score"])
        say(f"{score['metric']:5} {score['score']:6.2f}  [{low:.2f}, {high:.2f}]  "
            f"{score['text']}  {score['signature']}{remark(score)}")  # fmt: skip
    for entry in report.get("comparison", {}).get("metrics", []):
        p = "–" if entry["p"] is None else f"{entry['p']:.3f}"
        say(f"{entry['metric']:5} {entry['difference']:+6.2f}  against the baseline "
            f"(one-sided p {p})")  # fmt: skip
    result(f"BLEU {report['scores'][0]['score']:.2f}")
    if found := report.get("alignment"):
        result(f"AER {found['aer']:.3f}")
    result(f"REPORT {request.output / 'index.html'}")


if __name__ == "__main__":
    cli.main(evaluate)
