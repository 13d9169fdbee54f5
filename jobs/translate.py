"""Translate a corpus with a trained model on a pool of Ray actors, and report on it."""

from __future__ import annotations

from typing import Annotated

import typer

from nmt import cli
from nmt.configuration import resolve
from nmt.console import result, say
from nmt.storage import lease
from nmt.storage.location import Location


def translate(
    model: Annotated[
        list[str],
        typer.Option(
            metavar="MODEL", help="A RUN/model folder. Repeatable: the models are an ensemble."
        ),
    ],
    input_: Annotated[
        str,
        typer.Option(
            "--input", metavar="CORPUS", help="File, folder or glob: text, .gz or Parquet."
        ),
    ],
    output: Annotated[str, typer.Option(metavar="OUT", help="Folder to make or to continue.")],
    references: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="References, line-aligned with the input. Repeatable."),
    ] = None,
    reference_column: Annotated[
        str | None, typer.Option(help="Parquet column that holds the references.")
    ] = None,
    alignment_column: Annotated[
        str | None,
        typer.Option(
            help="Parquet column with gold alignments of the references (0-0 sure, 0?0 "
            "possible): AER."
        ),
    ] = None,
    text_column: Annotated[str, typer.Option(help="Parquet column of the sentences.")] = "source",
    id_column: Annotated[
        str | None, typer.Option(help="Parquet column of the ids.  [default: id, if there]")
    ] = None,
    beam_size: Annotated[
        int | None, typer.Option(min=1, help="Hypotheses kept; 1 is greedy.  [default: 1]")
    ] = None,
    length_penalty: Annotated[
        float | None,
        typer.Option(min=0, help="α of Wu et al. 2016, beam search only.  [default: 1.0]"),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Sentences decoded together.  [default: about 2,048 tokens of like length]",
        ),
    ] = None,
    actors: Annotated[
        str | None,
        typer.Option(
            metavar="N|MIN:MAX", help="Decoding actors.  [default: one, a core each if large]"
        ),
    ] = None,
    gpus_per_actor: Annotated[
        float,
        typer.Option(min=0, help="GPUs of an actor; 0.5 lets two share one, 0 decodes on CPUs."),
    ] = 0.0,
    memory: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="Translation memory: what lies there is not decoded again, nothing twice.",
        ),
    ] = None,
    heatmaps: Annotated[int, typer.Option(min=0, help="Sampled attention heatmaps.")] = 16,
    heatmap_words: Annotated[
        bool,
        typer.Option(
            "--heatmap-words/--heatmap-subwords", help="Show whole words, or the model's tokens."
        ),
    ] = False,
    heatmap_pages: Annotated[
        bool,
        typer.Option("--heatmap-pages", help="Also put them all on pages, report/heatmaps.pdf."),
    ] = False,
    alignments: Annotated[
        bool, typer.Option("--alignments", help="Write word alignments (Pharaoh).")
    ] = False,
    max_rejected: Annotated[
        float, typer.Option(min=0, max=1, help="Share of rejected rows above which status is 3.")
    ] = 0.01,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="OUT2", help="Earlier output, as last night's, to compare with."),
    ] = None,
    group_by: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Scores and rates by this column too. Repeatable."),
    ] = None,
    gate: Annotated[
        bool,
        typer.Option(
            "--gate",
            help="Status 3 at any alarm: a number beyond gate.…, or too far from the baseline's "
            "(drift.…).",
        ),
    ] = False,
    notify: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help="Run in the end, good or bad, with the path of report.json as last argument.",
        ),
    ] = None,
    cost_per_hour: Annotated[
        float | None,
        typer.Option(min=0, help="What the cluster costs an hour; then the job's cost is told."),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace what a job with other settings left in OUT."),
    ] = False,
    lease_seconds: Annotated[
        float,
        typer.Option(
            min=1,
            max=3600,
            help="Seconds after which a job on the same OUT that gives no sign of life (it was "
            "killed) is taken for dead, and this one continues its work.",
        ),
    ] = lease.SECONDS,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, say it, do nothing.")
    ] = False,
    config: cli.Config = None,
    assignments: cli.Assignments = None,
    address: cli.Address = None,
) -> None:
    """Translate a corpus; run again to continue after an interruption."""
    from nmt.translation import job
    from nmt.translation.request import TranslateRequest

    settings = resolve(
        config=cli.read_config(config),
        assignments=assignments or [],
        overrides={"search": {"beam_size": beam_size, "length_penalty": length_penalty}},
    )
    request = TranslateRequest(
        models=tuple(Location(name) for name in model),
        input=input_,
        output=Location(output),
        search=settings.search,
        references=tuple(references or ()),
        reference_column=reference_column,
        alignment_column=alignment_column,
        text_column=text_column,
        id_column=id_column,
        batch_size=batch_size,
        actors=cli.parse_range(actors) if actors else None,
        gpus_per_actor=gpus_per_actor,
        memory=Location(memory) if memory else None,
        heatmaps=heatmaps,
        heatmap_words=heatmap_words,
        heatmap_pages=heatmap_pages,
        alignments=alignments,
        max_rejected=max_rejected,
        baseline=Location(baseline) if baseline else None,
        group_by=tuple(group_by or ()),
        gate=gate,
        drift=settings.drift,
        gates=settings.gate,
        tokenize=settings.scoring.tokenize,
        notify=notify,
        cost_per_hour=cost_per_hour,
        overwrite=overwrite,
        lease_seconds=lease_seconds,
        address=address,
    )
    verdict = job.translate(request, dry_run=dry_run)
    if verdict is None:
        return
    for line in verdict.summary():
        say(line)
    for name, value in verdict.headline().items():
        result(f"{name} {value}")
    result(f"REPORT {request.output / 'report' / 'index.html'}")
    if verdict.exit_status:
        raise typer.Exit(verdict.exit_status)


if __name__ == "__main__":
    cli.main(translate)
