"""Ray Train's TensorFlow trainer around the training loop."""

from __future__ import annotations

from typing import Any

import nmt.model  # noqa: F401  (first: it quiets TensorFlow, which Ray's trainer imports)

# isort: split
from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
from ray.train.tensorflow import TensorflowTrainer
from ray.train.v2.api.exceptions import TrainingFailedError

from nmt import cluster
from nmt.console import activity, say
from nmt.errors import JobFailed, UnusableInput
from nmt.training.board import Board, Watcher
from nmt.training.job import TrainRequest
from nmt.training.worker import train_worker


def fit(ray: Any, request: TrainRequest) -> None:
    """Train on the connected cluster; continues where an earlier attempt left a checkpoint.

    Args:
        ray: the connected ray module.
        request: what was asked for, already checked.

    Raises:
        UnusableInput: as a worker raised it.
        JobFailed: more failed attempts than ``max_failures``.
    """
    board = ray.remote(num_cpus=0)(Board).remote()
    trainer = _trainer(ray, request, board)
    with activity("training") as shown:
        watcher = Watcher(ray, board, shown)
        try:
            trainer.fit()
        except TrainingFailedError as error:
            raise _explained(error) from None
        finally:
            watcher.close()


def _trainer(ray: Any, request: TrainRequest, board: Any) -> TensorflowTrainer:
    total, largest = cluster.cpus(ray)
    least, most = request.workers
    threads = max(1, min(total // most, largest))
    resources: dict[str, float] = {"CPU": threads}
    if request.use_gpu:
        resources["GPU"] = request.devices
    workers: Any = most if least == most else (least, most)
    parent = request.output.parent
    return TensorflowTrainer(
        train_worker,
        train_loop_config={
            "data": str(request.data),
            "output": str(request.output),
            "settings": request.settings.model_dump(),
            "threads": threads,
            "devices": request.devices,
            "use_gpu": request.use_gpu,
            "init_from": str(request.init_from) if request.init_from else None,
            "board": board,
        },
        scaling_config=ScalingConfig(
            num_workers=workers, use_gpu=request.use_gpu, resources_per_worker=resources
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
            failure_config=FailureConfig(max_failures=request.max_failures),
        ),
    )


def _explained(error: Exception) -> Exception:
    """The worker's own error, where it is one of ours; else the first line that tells most."""
    for failure in getattr(error, "worker_failures", {}).values():
        for cause in (failure, getattr(failure, "cause", None)):
            if isinstance(cause, (UnusableInput, JobFailed)):
                return cause
    say(str(error))
    lines = [line for line in str(error).splitlines() if line.strip()]
    return JobFailed(f"training failed: {lines[-1].strip() if lines else type(error).__name__}")
