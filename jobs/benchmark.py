"""Measure how fast this machine or a cluster trains and translates."""

from __future__ import annotations

from typing import Annotated

import typer

from nmt import cli
from nmt.configuration import resolve
from nmt.console import result
from nmt.presets import PRESETS
from nmt.storage import Location


def benchmark(
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Measure decoding with it, and training of its architecture.  [default: training "
            "of the preset alone]",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATASET",
            help="Train on it, and translate its test split.  [default: the built-in grammar]",
        ),
    ] = None,
    output: Annotated[
        str | None, typer.Option(metavar="FILE.json", help="Write all that was measured.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help=f"Sizes and training: {', '.join(PRESETS)}.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Workers that measure at the same time.")] = 1,
    steps: Annotated[int, typer.Option(min=1, help="Training steps that are timed.")] = 100,
    sentences: Annotated[int, typer.Option(min=1, help="Sentences that are translated.")] = 1000,
    beam_size: Annotated[
        list[int] | None, typer.Option(min=1, help="Repeatable.  [default: 1 and 5]")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Sentences decoded together.")] = 64,
    plan: Annotated[
        str | None,
        typer.Option(
            metavar="ROWS,TOKENS",
            help="Also estimate time and workers for a corpus of so many rows of so many target "
            "tokens.",
        ),
    ] = None,
    config: cli.Config = None,
    assignments: cli.Assignments = None,
    address: cli.Address = None,
) -> None:
    """Measure training, decoding, reading and start-up, a worker and together."""
    from nmt.benchmark import job
    from nmt.benchmark.plan import Plan

    report = job.benchmark(
        job.BenchmarkRequest(
            settings=resolve(
                preset=preset, config=cli.read_config(config), assignments=assignments or []
            ),
            data=Location(data) if data else None,
            model=Location(model) if model else None,
            workers=workers,
            steps=steps,
            sentences=sentences,
            beams=tuple(beam_size or (1, 5)),
            batch_size=batch_size,
            plan=Plan.parse(plan) if plan else None,
            address=address,
        )
    )
    for name, value in job.table(report):
        result(f"{name:<40}{value}")
    if output:
        Location(output).write_json(report)


if __name__ == "__main__":
    cli.main(benchmark)
