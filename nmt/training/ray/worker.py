"""One training worker under Ray Train."""

from __future__ import annotations

import logging
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
import ray.train
from ray.train.collective import broadcast_from_rank_zero

from nmt.errors import Diverged, Final, UnusableInput
from nmt.settings import Settings
from nmt.storage.final import FencedLocation
from nmt.storage.location import Location
from nmt.storage.retry import wait_for_stores
from nmt.training.checkpoint import CheckpointStore
from nmt.training.ray.channel import log_to_driver
from nmt.training.ray.watchdog import Watchdog, long_phase_seconds
from nmt.training.state import TrainingState

log = logging.getLogger(__name__)

STOPPED = "stopped"
_GRACE = 30.0  # seconds that Ray Train has to replace a worker that does not answer at all


def train_worker(config: dict[str, Any]) -> str:
    """Train in this process; what Ray Train calls on every worker.

    Args:
        config: ``data`` (URIs), ``output`` (a URI), ``settings``, ``threads``, ``devices``,
            ``use_gpu``, ``init_from``, ``init_optimizer`` (URIs or None), ``channel`` (handle of
            the `DriverChannel`), ``log_level``, ``owner`` (of the output's lease).

    Returns:
        Why training ended for good, or `STOPPED`: on request, and can be continued.
    """
    from nmt.training.strategy import Replicas, set_up_devices

    wait_for_stores()  # the driver has begun to use them
    context = ray.train.get_context()
    # After the end of a driver Ray ends its workers, but not at once.
    output = FencedLocation(Location(config["output"]), config["owner"])
    output.check_owner()
    settings = Settings.model_validate(config["settings"])
    rank = context.get_world_rank()
    log_to_driver(config["channel"], config["log_level"], rank)
    # Before the strategy: the workers wait for each other there, and the watchdog must see it.
    hooks = RayHooks(config["channel"], rank, output, settings)
    try:
        set_up_devices(config["threads"], config["devices"], config["use_gpu"])
        replicas = Replicas(context.get_world_size(), rank, config["devices"], config["use_gpu"])
        # Only now: these modules create tensors, which fixes the devices.
        from nmt.shards.dataset import Dataset
        from nmt.training.loop import Training

        begin = [
            Location(config[name]) if config[name] else None
            for name in ("init_from", "init_optimizer")
        ]
        data = [Dataset.open(Location(name)) for name in config["data"]]
        training = Training(data, settings, output, replicas, hooks, *begin)
        if hooks.restore(training.restore):
            log.info(f"continuing from step {training.state.step}")
        log.info(
            f"{replicas.describe()}; {training.model.count_params():,} parameters; "
            f"{training.steps_per_epoch:,} steps per epoch; batches "
            + ", ".join(f"{shape.rows}×{shape.width}" for shape in training.shapes)
        )
        state = training.run()
        if state.finished and replicas.rank == 0:
            hooks.expect_long_phase()
            log.info("writing MODEL as ONNX graphs, for decoding on CPUs")
            training.selection.export(config["threads"])
    except (Final, UnusableInput) as error:  # another attempt would end in the same way
        hooks.fail(error)
        if isinstance(error, Diverged):  # on every worker at once
            return "diverged"
        raise
    finally:
        hooks.close()
    if state.finished and replicas.rank == 0:
        (output / "status.json").write_json(state.to_json())
    return state.finished or STOPPED


class RayHooks:
    """The loop's hooks on Ray Train.

    Args:
        channel: handle of the `DriverChannel`.
        rank: this worker's number; only the first one is shown.
        output: the RUN folder.
        settings: all settings.
    """

    def __init__(self, channel: Any, rank: int, output: Location, settings: Settings) -> None:
        self._channel, self._rank = channel, rank
        training = settings.training
        self._store = CheckpointStore(output, training.checkpoints)
        stall = training.stall_seconds
        watchdog = Watchdog(
            self._stop_requested, stall + _GRACE, long_phase_seconds(stall), self._on_timeout
        )
        self.heartbeat, self.expect_long_phase = watchdog.heartbeat, watchdog.expect_long_phase
        self.should_stop, self.close = watchdog.should_stop, watchdog.close

    def _stop_requested(self) -> bool:
        return _is_preempted() or ray.get(self._channel.stop_requested.remote(), timeout=10)

    def _on_timeout(self, reason: str) -> None:
        line = f"worker {self._rank} on {socket.gethostname()} {reason}"
        ray.wait([self._channel.put.remote("log", __name__, logging.WARNING, line)], timeout=5)

    def show_progress(self, done: int, total: int, detail: str) -> None:
        """See `Hooks.show_progress`."""
        if self._rank == 0:
            self._channel.put.remote("progress", done, total, detail)

    def log_metrics(self, step: int, values: dict[str, float]) -> None:
        """See `Hooks.log_metrics`."""
        if self._rank == 0:
            self._channel.put.remote("metrics", step, values)

    def fail(self, error: Final | UnusableInput) -> None:
        """Make the driver end with the words and the exit status of this error."""
        if self._rank == 0:
            ray.get(self._channel.put.remote("fail", str(error), error.exit_status))

    def report(self, metrics: dict[str, Any], save: Callable[[Path], None]) -> None:
        """See `Hooks.report`: a barrier; the first worker's checkpoint is kept."""
        if self._rank == 0:
            self._store.keep(metrics["step"], save)
            self._channel.note_checkpoint.remote()
        ray.train.report(metrics)

    def restore(self, load: Callable[[Path], None]) -> bool:
        """Let every worker load the newest whole checkpoint; returns whether there is one."""
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            name = self._store.fetch_newest(folder) if self._rank == 0 else None
            if name:
                self._store.remove_later(name)
            name = broadcast_from_rank_zero(name)
            if name is None:
                return False
            if self._rank != 0:
                self._store.fetch(name, folder)
            load(folder)
        return True

    def broadcast(self, state: TrainingState) -> TrainingState:
        """See `Hooks.broadcast`."""
        values = state.to_json() if self._rank == 0 else None
        return TrainingState.of(broadcast_from_rank_zero(values), "the first worker's state")


def _is_preempted() -> bool:
    """Whether a node of this training is about to be taken away.

    ``ray.train.get_preemption_info`` is collective: all workers would have to call it at every
    step. This is what each worker knows by itself; the control flags of a step share it.
    """
    from ray.train.v2._internal.execution.context import get_train_context

    return get_train_context().preemption_context.preemption_info is not None
