"""Ray Train around the training loop, and the signals that end a job in order while it waits
for work in another thread."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow.fs as pafs
from fsspec.implementations.memory import MemoryFileSystem
from ray.exceptions import ActorDiedError, RayError
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer
from ray.train.v2.api.exceptions import ControllerError, TrainingFailedError

from nmt.cluster import connection, resources
from nmt.cluster.local import reason
from nmt.console import activity
from nmt.errors import Interrupted, JobFailed, UnusableInput
from nmt.report.numbers import counted
from nmt.storage.lease import HeldLease
from nmt.training.loggers import Loggers
from nmt.training.ray.channel import ChannelReader, DriverChannel
from nmt.training.ray.policies import (
    CheckpointBeforeResizing,
    TensorFlowConfig,
    WorkerFailureLogger,
    describe,
)
from nmt.training.ray.worker import STOPPED, train_worker
from nmt.training.request import TrainRequest

_SECONDS = 0.3  # between two checks

log = logging.getLogger(__name__)

# By name, because Ray does not export these errors.
_NO_ROOM = {"WorkerGroupStartupTimeoutError", "InsufficientClusterResourcesError"}


class Signals:
    """Takes SIGTERM and SIGINT within the context; the second one ends the process as usual."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, _: object) -> None:
        if self.received is not None:
            raise KeyboardInterrupt
        self.received = signal.Signals(number)


def in_thread(function: Callable[[], Any]) -> Iterator[Any]:
    """Call a function in a thread; yields None while it runs, and at last its result.

    An exception that it raised is yielded, too.
    """
    results: list[Any] = []

    def work() -> None:
        try:
            results.append(function())
        except BaseException as error:
            results.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_SECONDS)
        if not results:
            yield None
    yield results[0]


def fit(ray: Any, request: TrainRequest, share: resources.Share, lease: HeldLease) -> None:
    """Train on the connected cluster; continues where an earlier attempt left a checkpoint.

    Args:
        ray: the connected ray module.
        request: the training, already checked.
        share: what each worker gets.
        lease: the right to write to the output.

    Raises:
        UnusableInput: as a worker raised it.
        JobFailed: more failed attempts than ``max_failures``, or no room for the workers.
        LeaseLost: another job has taken over the output.
        Interrupted: SIGTERM or SIGINT came; there is a checkpoint to continue from.
    """
    stall = request.settings.training.stall_seconds
    os.environ["RAY_TRAIN_WORKER_HEALTH_CHECK_TIMEOUT_S"] = str(stall)
    if request.workers[0] < request.workers[1]:
        # Ray's view of the room is some seconds old, and counts nodes that are on their way out.
        os.environ["RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S"] = "30"
    channel = ray.remote(**connection.on_this_node(ray))(DriverChannel).remote()
    loggers, succeeded = Loggers(request), False
    with activity("training") as display, Signals() as signals:
        reader = ChannelReader(ray, channel, display, loggers)
        try:
            while _attempt(ray, request, share, lease, channel, reader, signals) == STOPPED:
                if signals.received:
                    raise Interrupted(
                        f"stopped by {signals.received.name}, with a checkpoint; run the same "
                        "command again to continue",
                        signals.received,
                    )
                log.info(f"a node is being taken away; {_resumption(request.workers)}")
            succeeded = True
        finally:
            reader.close()
            loggers.close(succeeded and not reader.failure)
        if reader.failure:
            raise reader.failure


def _resumption(workers: tuple[int, int]) -> str:
    """How a training goes on that loses a node, for the log."""
    least, most = workers
    if least < most:
        return "training goes on without it"
    return f"training goes on as soon as there is room for {counted(most, 'worker')} elsewhere"


def _attempt(
    ray: Any,
    request: TrainRequest,
    share: resources.Share,
    lease: HeldLease,
    channel: Any,
    reader: ChannelReader,
    signals: Signals,
) -> str:
    """Run Ray Train until it ends; returns the result of its workers."""
    trainer, stopping = _trainer(request, share, channel, lease.owner), False
    # In a thread: Ray Train would otherwise take SIGINT for itself, and end at once.
    for result in in_thread(trainer.fit):
        lease.check()
        if reader.failure:  # the other workers may go on for long
            raise reader.failure
        if signals.received and not stopping:
            stopping = _request_stop(ray, channel, signals.received)
        if isinstance(result, TrainingFailedError):
            raise _explained(result, ray, share) from None
        if isinstance(result, BaseException):
            raise result
        if result is not None:
            return result.return_value
    raise AssertionError("in_thread yields a result at last")


def _request_stop(ray: Any, channel: Any, received: signal.Signals) -> bool:
    """Make the workers end; False if they cannot be told now, as while failed ones are replaced.

    Raises:
        Interrupted: they can never be told.
    """
    try:
        ray.get(channel.request_stop.remote(), timeout=10)
    except ActorDiedError:
        raise Interrupted(
            f"stopped by {received.name}; run the same command again to continue from the last "
            "checkpoint",
            received,
        ) from None
    except RayError as error:
        log.debug(f"the workers cannot be told to end: {reason(error)}")
        return False
    log.info(f"{received.name}: ending after this step, with a checkpoint")
    return True


def _trainer(
    request: TrainRequest, share: resources.Share, channel: Any, owner: str
) -> DataParallelTrainer:
    least, most = request.workers
    workers: Any = most if least == most else (least, most)
    # Without the second, starts that find no room (each waits for five minutes, or for half a
    # minute where fewer workers will do) are tried for ever.
    failures: dict[str, Any] = {
        "max_failures": request.max_failures,
        "controller_failure_limit": request.max_failures * (1 if least == most else 10),
    }
    worker: Any = train_worker  # Ray's types know no return value
    callbacks: Any = [
        WorkerFailureLogger(channel, request.max_failures),
        CheckpointBeforeResizing(channel, request.settings.training.stall_seconds),
    ]
    return DataParallelTrainer(
        worker,
        backend_config=TensorFlowConfig(),
        train_loop_config={
            "data": [str(location) for location in request.data],
            "output": str(request.output),
            "settings": request.settings.model_dump(),
            "threads": share.threads,
            "devices": request.devices,
            "use_gpu": request.use_gpu,
            "init_from": str(request.init_from) if request.init_from else None,
            "init_optimizer": str(request.init_optimizer) if request.init_optimizer else None,
            "channel": channel,
            "log_level": logging.getLogger("nmt").level,
            "owner": owner,
        },
        scaling_config=ScalingConfig(
            num_workers=workers, use_gpu=request.use_gpu, resources_per_worker=share.resources
        ),
        run_config=RunConfig(
            name=request.output.name,
            # Nothing that must outlive the job: a RUN keeps its own checkpoints. Ray Train would
            # write into it through links, and believe what others wrote there.
            storage_path="/",
            storage_filesystem=pafs.PyFileSystem(pafs.FSSpecHandler(MemoryFileSystem())),
            failure_config=FailureConfig(**failures),
            callbacks=callbacks,
        ),
    )


def _explained(error: Exception, ray: Any, share: resources.Share) -> Exception:
    """The worker's own error, where it is one of ours; else a line that tells the cause."""
    failures: dict[int, Exception] = getattr(error, "worker_failures", {})
    for failure in failures.values():
        for cause in (failure, getattr(failure, "cause", None)):
            if isinstance(cause, (UnusableInput, JobFailed)):
                return cause
    if isinstance(error, ControllerError) and type(error.controller_failure).__name__ in _NO_ROOM:
        return JobFailed(resources.no_room(ray, "workers", share))
    for line in filter(str.strip, str(error).splitlines()):
        log.info(line)
    cause = getattr(error, "controller_failure", error)
    return JobFailed(f"training failed: {describe(failures) if failures else reason(cause)}")
