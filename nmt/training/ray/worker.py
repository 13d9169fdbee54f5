"""One training worker under Ray Train."""

from __future__ import annotations

import dataclasses
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
import ray.train
from ray.train.collective import broadcast_from_rank_zero

from nmt.errors import Diverged, Final
from nmt.settings import Settings
from nmt.storage.lease import check_owner
from nmt.storage.location import Location
from nmt.storage.retry import wait_for_stores
from nmt.training.checkpoint_store import CheckpointStore
from nmt.training.ray.watchdog import Pulse, rest_seconds

STOPPED = "stopped"
_GRACE = 30.0  # seconds that Ray Train has to replace a worker that does not answer at all


def train_worker(config: dict[str, Any]) -> str:
    """Train in this process; what Ray Train calls on every worker.

    Args:
        config: ``data`` and ``output`` (URIs), ``settings``, ``threads``, ``devices``,
            ``use_gpu``, ``init_from`` (URI or None), ``board`` (actor handle), ``owner`` (of the
            output's lease).

    Returns:
        Why training ended for good, or `STOPPED`: it was asked to, and can be continued.
    """
    from nmt.training.strategy import Replicas, set_up_devices

    wait_for_stores()  # the driver has begun to use them
    context = ray.train.get_context()
    output = Location(config["output"])
    settings = Settings.model_validate(config["settings"])
    # First: the workers already wait for each other where the strategy is made.
    rank = context.get_world_rank()
    hooks = RayHooks(config["board"], rank, output, settings, config["owner"])
    try:
        set_up_devices(config["threads"], config["devices"], config["use_gpu"])
        replicas = Replicas(context.get_world_size(), rank, config["devices"], config["use_gpu"])
        # Only now: these modules create tensors, which settles the devices.
        from nmt.shards.dataset import Dataset
        from nmt.training.loop import Training

        init_from = Location(config["init_from"]) if config["init_from"] else None
        data = Dataset.open(Location(config["data"]))
        training = Training(data, settings, output, replicas, hooks, init_from)
        if hooks.restore(training.restore):
            hooks.say(f"continuing from step {training.progress.step}")
        hooks.say(
            f"{replicas.describe()}; {training.model.count_params():,} parameters; "
            f"{training.steps_per_epoch:,} steps an epoch; batches "
            + ", ".join(f"{shape.rows}×{shape.width}" for shape in training.shapes)
        )
        progress = training.run()
    except Final as error:
        hooks.fail(str(error))
        if isinstance(error, Diverged):  # on every worker at once
            return "diverged"
        raise
    finally:
        hooks.close()
    if progress.finished and replicas.rank == 0:
        (output / "status.json").write_json(dataclasses.asdict(progress))
    return progress.finished or STOPPED


class RayHooks:
    """The loop's hooks on Ray Train.

    Args:
        board: handle of the driver's `Board`.
        rank: this worker's number; only the first one is shown.
        output: the RUN folder.
        settings: all settings.
        owner: who must have the output's lease when a checkpoint is stored.
    """

    def __init__(
        self, board: Any, rank: int, output: Location, settings: Settings, owner: str
    ) -> None:
        self._board, self._rank = board, rank
        self._output, self._owner = output, owner
        training = settings.training
        self._store = CheckpointStore(output, training.checkpoints, self.say)
        stall = training.stall_seconds
        self._pulse = Pulse(self._asked, stall + _GRACE, rest_seconds(stall), self._last_words)

    def _asked(self) -> bool:
        return _is_preempted() or ray.get(self._board.asks_to_stop.remote(), timeout=10)

    def _last_words(self, reason: str) -> None:
        line = f"worker {self._rank} on {socket.gethostname()} {reason}"
        ray.wait([self._board.put.remote("say", line)], timeout=5)

    def beat(self, step: int) -> None:
        """See `Hooks.beat`."""
        self._pulse.beat(step)

    def rest(self) -> None:
        """See `Hooks.rest`."""
        self._pulse.rest()

    def wants_stop(self) -> bool:
        """See `Hooks.wants_stop`."""
        return self._pulse.stop

    def close(self) -> None:
        """End what runs beside the training."""
        self._pulse.close()

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
        if self._rank == 0:
            # Ray ends the workers of a driver that is gone, but not at once.
            check_owner(self._output, self._owner)
            self._store.keep(metrics["step"], save)
        ray.train.report(metrics)

    def restore(self, load: Callable[[Path], None]) -> bool:
        """Let every worker load the newest whole checkpoint; returns whether there is one."""
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            name = self._store.fetch_newest(folder) if self._rank == 0 else None
            name = broadcast_from_rank_zero(name)
            if name is None:
                return False
            if self._rank != 0:
                self._store.fetch(name, folder)
            load(folder)
        return True

    def agree(self, progress: Any) -> Any:
        """See `Hooks.agree`."""
        values = dataclasses.asdict(progress) if self._rank == 0 else None
        return type(progress)(**broadcast_from_rank_zero(values))


def _is_preempted() -> bool:
    """Whether a node of this training is about to be taken away.

    ``ray.train.get_preemption_info`` says so as well, but only to all workers at once, and they
    would have to meet for it at every step. This is what each of them knows by itself; the
    workers then agree on it in the sums of a step.
    """
    from ray.train.v2._internal.execution.context import get_train_context

    return get_train_context().preemption_context.preemption_info is not None
