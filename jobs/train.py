"""Train an attention translation model on a prepared dataset, on Ray Train."""

from __future__ import annotations

from typing import Annotated

import typer

from nmt import cli
from nmt.configuration import resolve
from nmt.console import result
from nmt.presets import PRESETS
from nmt.storage.location import Location


def train(
    data: Annotated[str, typer.Option(metavar="DATASET", help="What jobs/prepare.py made.")],
    output: Annotated[str, typer.Option(metavar="RUN", help="Folder to make or to continue.")],
    preset: Annotated[
        str | None, typer.Option(help=f"Sizes and training: {', '.join(PRESETS)}.")
    ] = None,
    max_minutes: Annotated[
        float | None,
        typer.Option(min=0.01, help="End in good order after so many minutes of training."),
    ] = None,
    workers: Annotated[str, typer.Option(metavar="N|MIN:MAX", help="Training workers.")] = "1",
    devices_per_worker: Annotated[int, typer.Option(min=1, help="Replicas a worker.")] = 1,
    use_gpu: Annotated[
        bool | None,
        typer.Option("--use-gpu/--no-use-gpu", help="Train on GPUs.  [default: no GPU]"),
    ] = None,
    init_from: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Begin with this model's weights.")
    ] = None,
    max_failures: Annotated[
        int, typer.Option(min=0, help="Failed attempts before the job gives up.")
    ] = 3,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, say it, do nothing.")
    ] = False,
    config: cli.Config = None,
    assignments: cli.Assignments = None,
    address: cli.Address = None,
) -> None:
    """Train an attention translation model; run again to continue after an interruption."""
    from nmt.training.ray import job
    from nmt.training.request import TrainRequest

    settings = resolve(
        preset=preset,
        config=cli.read_config(config),
        assignments=assignments or [],
        overrides={"training": {"max_minutes": max_minutes}},
    )
    request = TrainRequest(
        data=Location(data),
        output=Location(output),
        settings=settings,
        workers=cli.parse_range(workers),
        devices=devices_per_worker,
        use_gpu=bool(use_gpu),
        init_from=Location(init_from) if init_from else None,
        max_failures=max_failures,
        address=address,
    )
    job.train(request, dry_run=dry_run)
    if not dry_run:
        result(f"MODEL {request.output / 'model'}")


if __name__ == "__main__":
    cli.main(train)
