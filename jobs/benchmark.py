"""Measure how fast this machine or a cluster trains and translates."""

from __future__ import annotations

from typing import Annotated

import typer

from nmt import cli
from nmt.console import result
from nmt.presets import PRESETS
from nmt.storage.location import Location


def benchmark(
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Measure decoding with it, and training of its architecture with the settings "
            "of its RUN.  [default: training of the preset alone]",
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
    use_gpu: Annotated[
        bool | None,
        typer.Option(
            "--use-gpu/--no-use-gpu", help="Measure on GPUs, one a worker.  [default: no GPU]"
        ),
    ] = None,
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
            help="Also estimate time and workers, or GPUs, for a corpus of so many rows of so "
            "many target tokens.",
        ),
    ] = None,
    config: cli.Config = None,
    assignments: cli.Assignments = None,
    address: cli.Address = None,
) -> None:
    """Measure training, decoding, reading and start-up, a worker and together."""
    from nmt.benchmark import job
    from nmt.benchmark.figures import table
    from nmt.benchmark.plan import Plan
    from nmt.benchmark.request import BenchmarkRequest, measured_settings

    trained = Location(model) if model else None
    settings, origin = measured_settings(
        trained, preset, cli.read_config(config), assignments or []
    )
    report = job.benchmark(
        BenchmarkRequest(
            settings=settings,
            origin=origin,
            data=Location(data) if data else None,
            model=trained,
            output=Location(output) if output else None,
            workers=workers,
            use_gpu=bool(use_gpu),
            steps=steps,
            sentences=sentences,
            beams=tuple(sorted(set(beam_size or (1, 5)))),
            batch_size=batch_size,
            plan=Plan.parse(plan) if plan else None,
            address=address,
        )
    )
    for line in table(report):
        result(line)
    if output:
        Location(output).write_json(report)


if __name__ == "__main__":
    cli.main(benchmark)
