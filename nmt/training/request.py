"""The request of a training: its options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from nmt.cluster.connection import Address
from nmt.options import FromSettings, Option
from nmt.settings import Settings
from nmt.storage.location import Location


@dataclass(frozen=True)
class TrainRequest:
    """The options of a training; ``nmt train --help`` shows them."""

    data: Annotated[
        tuple[Location, ...],
        Option(
            "What `nmt prepare` wrote. Repeatable: training.stages has the share of each; the "
            "validation set of the first one ranks the models.",
            "DATASET",
            name="--data",
        ),
    ]
    output: Annotated[Location, Option("Folder to make or to continue.", "RUN")]
    settings: Annotated[Settings, FromSettings(options=("training.max_minutes",), preset=True)]
    workers: Annotated[tuple[int, int], Option("Training workers.", "N|MIN:MAX")] = (1, 1)
    devices: Annotated[
        int, Option("Replicas per worker.", name="--devices-per-worker", least=1)
    ] = 1
    use_gpu: Annotated[bool, Option("Train on GPUs.", name="--use-gpu/--no-use-gpu")] = False
    init_from: Annotated[
        Location | None, Option("Begin with the weights of this model.", "MODEL")
    ] = None
    init_optimizer: Annotated[
        Location | None,
        Option(
            "Begin with Adam's moments of this training's last checkpoint, too; that of "
            "--init-from. Without it Adam begins anew.",
            "RUN",
        ),
    ] = None
    gate: Annotated[
        bool,
        Option(
            "Exit status 3 if no model is better than that of --init-from and loses no more than "
            "training.keep allows."
        ),
    ] = False
    max_failures: Annotated[int, Option("Failed attempts before the job gives up.", least=0)] = 3
    dry_run: Annotated[bool, Option("Validate, print the plan and exit.")] = False
    address: Address = None
