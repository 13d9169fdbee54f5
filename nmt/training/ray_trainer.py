"""Ray Train's TensorFlow trainer around the training loop."""

from __future__ import annotations

from typing import Any

import nmt.model  # noqa: F401  (first: it quiets TensorFlow, which Ray's trainer imports)

# isort: split
from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
from ray.train.tensorflow import TensorflowTrainer
from ray.train.v2.api.exceptions import ControllerError, TrainingFailedError

from nmt import cluster
from nmt.console import activity, say
from nmt.errors import JobFailed, UnusableInput
from nmt.training.board import Board, Watcher
from nmt.training.job import TrainRequest
from nmt.training.observers import Observers
from nmt.training.worker import train_worker

# By name, for Ray keeps these errors to itself.
_NO_ROOM = {"WorkerGroupStartupTimeoutError", "InsufficientClusterResourcesError"}


def fit(ray: Any, request: TrainRequest, share: cluster.Share) -> None:
    """Train on the connected cluster; continues where an earlier attempt left a checkpoint.

    Args:
        ray: the connected ray module.
        request: what was asked for, already checked.
        share: what each worker gets.

    Raises:
        UnusableInput: as a worker raised it.
        JobFailed: more failed attempts than ``max_failures``, or no room for the workers.
    """
    board = ray.remote(num_cpus=0)(Board).remote()
    trainer = _trainer(request, share, board)
    observers, succeeded = Observers(request), False
    with activity("training") as shown:
        watcher = Watcher(ray, board, shown, observers)
        try:
            trainer.fit()
            succeeded = True
        except TrainingFailedError as error:
            raise _explained(error, ray, share) from None
        finally:
            watcher.close()
            observers.close(succeeded and not watcher.failure)
        if watcher.failure:
            raise JobFailed(watcher.failure)


def _trainer(request: TrainRequest, share: cluster.Share, board: Any) -> TensorflowTrainer:
    least, most = request.workers
    workers: Any = most if least == most else (least, most)
    parent = request.output.parent
    # Without the second, starts that find no room (each waits for minutes) are tried for ever.
    failures: dict[str, Any] = {
        "max_failures": request.max_failures,
        "controller_failure_limit": request.max_failures,
    }
    return TensorflowTrainer(
        train_worker,
        train_loop_config={
            "data": str(request.data),
            "output": str(request.output),
            "settings": request.settings.model_dump(),
            "threads": share.threads,
            "devices": request.devices,
            "use_gpu": request.use_gpu,
            "init_from": str(request.init_from) if request.init_from else None,
            "board": board,
        },
        scaling_config=ScalingConfig(
            num_workers=workers, use_gpu=request.use_gpu, resources_per_worker=share.resources
        ),
        run_config=RunConfig(
            name=request.output.name,
            storage_path=parent.path,
            storage_filesystem=None if parent.is_local else parent.filesystem,
            checkpoint_config=CheckpointConfig(
                num_to_keep=request.settings.training.checkpoints,
                checkpoint_score_attribute="bleu",
                checkpoint_score_order="max",
            ),
            failure_config=FailureConfig(**failures),
        ),
    )


def _explained(error: Exception, ray: Any, share: cluster.Share) -> Exception:
    """The worker's own error, where it is one of ours; else the first line that tells most."""
    for failure in getattr(error, "worker_failures", {}).values():
        for cause in (failure, getattr(failure, "cause", None)):
            if isinstance(cause, (UnusableInput, JobFailed)):
                return cause
    if isinstance(error, ControllerError) and type(error.controller_failure).__name__ in _NO_ROOM:
        return JobFailed(cluster.no_room(ray, f"workers with {share.describe()} each"))
    say(str(error))
    lines = [line for line in str(error).splitlines() if line.strip()]
    return JobFailed(f"training failed: {lines[-1].strip() if lines else type(error).__name__}")
