"""One training worker under Ray Train."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
import ray.train
from ray.train.collective import broadcast_from_rank_zero

from nmt.errors import Diverged
from nmt.settings import Settings
from nmt.storage import Location


def train_worker(config: dict[str, Any]) -> None:
    """Train in this process; what Ray Train calls on every worker.

    Args:
        config: ``data`` and ``output`` (URIs), ``settings``, ``threads``, ``devices``,
            ``use_gpu``, ``init_from`` (URI or None), ``board`` (actor handle).
    """
    from nmt.training.strategy import Replicas, set_up_devices

    context = ray.train.get_context()
    set_up_devices(config["threads"], config["devices"], config["use_gpu"])
    replicas = Replicas(
        context.get_world_size(), context.get_world_rank(), config["devices"], config["use_gpu"]
    )
    # Only now: these modules create tensors, which settles the devices.
    from nmt.shards.dataset import Dataset
    from nmt.training.loop import Training

    hooks = RayHooks(config["board"], replicas.rank)
    output = Location(config["output"])
    init_from = Location(config["init_from"]) if config["init_from"] else None
    training = Training(
        Dataset.open(Location(config["data"])),
        Settings.model_validate(config["settings"]),
        output,
        replicas,
        hooks,
        init_from,
    )
    checkpoint = ray.train.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            training.restore(Path(folder))
        hooks.say(f"continuing from step {training.progress.step}")
    hooks.say(
        f"{replicas.describe()}; {training.model.count_params():,} parameters; "
        f"{training.steps_per_epoch:,} steps an epoch; batches "
        + ", ".join(f"{shape.rows}×{shape.width}" for shape in training.shapes)
    )
    try:
        progress = training.run()
    except Diverged as error:  # on every worker at once; Ray would only try it again
        hooks.fail(str(error))
        return
    if replicas.rank == 0:
        (output / "status.json").write_json(dataclasses.asdict(progress))


class RayHooks:
    """The loop's hooks on Ray Train.

    Args:
        board: handle of the driver's `Board`.
        rank: this worker's number; only the first one is shown.
    """

    def __init__(self, board: Any, rank: int) -> None:
        self._board, self._rank = board, rank

    def show(self, done: int, total: int, detail: str) -> None:
        """See `Hooks.show`."""
        if self._rank == 0:
            self._board.put.remote("show", done, total, detail)

    def say(self, line: str) -> None:
        """See `Hooks.say`."""
        if self._rank == 0:
            self._board.put.remote("say", line)

    def measure(self, step: int, values: dict[str, float]) -> None:
        """See `Hooks.measure`."""
        if self._rank == 0:
            self._board.put.remote("measure", step, values)

    def fail(self, reason: str) -> None:
        """Let the driver end with this reason."""
        if self._rank == 0:
            ray.get(self._board.put.remote("fail", reason))

    def report(self, metrics: dict[str, Any], save: Callable[[Path], None]) -> None:
        """See `Hooks.report`: a barrier; the first worker's checkpoint is kept."""
        if self._rank != 0:
            ray.train.report(metrics)
            return
        with tempfile.TemporaryDirectory() as folder:
            save(Path(folder))
            checkpoint = ray.train.Checkpoint.from_directory(folder)
            ray.train.report(metrics, checkpoint=checkpoint)

    def agree(self, progress: Any) -> Any:
        """See `Hooks.agree`."""
        values = dataclasses.asdict(progress) if self._rank == 0 else None
        return type(progress)(**broadcast_from_rank_zero(values))
