"""What a training is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from nmt.settings import Settings
from nmt.storage.location import Location


@dataclass(frozen=True)
class TrainRequest:
    """What the command line asked for.

    Attributes:
        data: the DATASET.
        output: the RUN to make or to continue.
        settings: as resolved.
        workers: least and most workers.
        devices: replicas a worker.
        use_gpu: whether the replicas are GPUs.
        init_from: a MODEL to begin with.
        max_failures: failed attempts after which the job gives up.
        address: the Ray cluster to join.
    """

    data: Location
    output: Location
    settings: Settings
    workers: tuple[int, int] = (1, 1)
    devices: int = 1
    use_gpu: bool = False
    init_from: Location | None = None
    max_failures: int = 3
    address: str | None = None
