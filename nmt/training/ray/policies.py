"""What we decide where Ray Train asks: whether training goes on after a failure, when it is
restarted with more workers, and what each worker is told of the others.

Ray Train ends all workers as soon as it sees room for more. Without a checkpoint before that, a
cluster whose nodes come one after another would do the same steps again and again.

``ray.train.tensorflow`` sets ``TF_CONFIG``, too, but imports TensorFlow in the driver and in Ray
Train's controller, where there is no model: 2.4 CPU-seconds and 0.5 GB each.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import socket
import time
from collections.abc import Iterable
from typing import Any

import ray
from ray.exceptions import RayActorError
from ray.train import UserCallback
from ray.train.backend import Backend, BackendConfig
from ray.train.v2._internal.execution.callback import ControllerCallback
from ray.train.v2._internal.execution.controller.state import ResizingState

from nmt.json_text import json_text
from nmt.report.numbers import counted

# By name, because Ray does not export these errors.
_SILENT, _DEAD = "WorkerHealthCheckTimeoutError", "WorkerHealthCheckFailedError"

# How TensorFlow's workers name one that does not answer.
_UNHEALTHY = re.compile(r"stopped sending heartbeats\):?\s*((?:/job:worker\S*\s*)+)")
_LEADER = "RPC: /tensorflow.CoordinationService/Heartbeat"  # to the first worker, by the others
_ABORTED = re.compile(r"Collective ops is aborted by: ([^\n]*)")


class WorkerFailureLogger(UserCallback):
    """Called by Ray Train's controller.

    Args:
        channel: handle of the `DriverChannel`.
        limit: failures after which the job gives up.
    """

    def __init__(self, channel: Any, limit: int) -> None:
        self._channel, self._limit, self._count = channel, limit, 0

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:
        """See Ray's `UserCallback`."""
        self._count += 1
        line = f"{describe(worker_exceptions)}; failure {self._count}"
        if self._count <= self._limit:
            line += f" (--max-failures {self._limit}): training goes on from the last checkpoint"
        else:
            line += f", giving up: --max-failures {self._limit} reached"
        self._channel.put.remote("log", __name__, logging.WARNING, line)


def describe(failures: dict[int, Exception]) -> str:
    """Which workers failed and how: the cause, not its consequences on other workers."""
    silent, dead, failed = set(), set(), {}
    for rank, error in failures.items():
        name = type(error).__name__
        if name == _SILENT:
            silent.add(rank)
        elif name == _DEAD or isinstance(error, RayActorError):
            dead.add(rank)
        elif peers := _UNHEALTHY.search(str(error)):
            silent |= {int(number) for number in re.findall(r"task:(\d+)", peers[1])}
        elif _LEADER in str(error):
            silent.add(0)
        else:
            cause = _ABORTED.search(str(error))
            failed[rank] = " ".join((cause[1] if cause else str(error)).split())[:200]
    # The worker that does not answer TensorFlow may be one that is known to be dead.
    if dead:
        return f"worker {_listed(dead)} was lost"
    if silent:
        return f"worker {_listed(silent)} does not answer"
    return f"worker {_listed(failed)} failed ({next(iter(failed.values()), 'unknown reason')})"


def _listed(ranks: Iterable[int]) -> str:
    return ", ".join(str(rank) for rank in sorted(ranks))


class CheckpointBeforeResizing(ControllerCallback):
    """Called by Ray Train's controller.

    Args:
        channel: handle of the `DriverChannel`.
        seconds: to wait at most for the checkpoint, which a validation may precede.
    """

    def __init__(self, channel: Any, seconds: float) -> None:
        self._channel, self._seconds = channel, seconds

    def after_controller_state_update(self, previous_state: Any, current_state: Any) -> None:
        """See Ray's `ControllerCallback`."""
        if not isinstance(current_state, ResizingState):
            return
        with contextlib.suppress(Exception):  # then training goes on from an earlier checkpoint
            workers = current_state.scaling_decision.num_workers  # type: ignore[attr-defined]
            line = f"there is room for {counted(workers, 'worker')}: training goes on with them"
            self._channel.put.remote("log", __name__, logging.INFO, line)
            ray.get(self._channel.request_checkpoint.remote())
            deadline = time.monotonic() + self._seconds
            while time.monotonic() < deadline and ray.get(self._channel.awaits_checkpoint.remote()):
                time.sleep(0.2)
            ray.get(self._channel.note_checkpoint.remote())


class TensorFlowConfig(BackendConfig):
    """Chooses `TensorFlowBackend`."""

    @property
    def backend_cls(self) -> type[Backend]:
        """As Ray Train asks for it."""
        return TensorFlowBackend


class TensorFlowBackend(Backend):
    """Gives each worker an address, and all of them to each."""

    def on_start(self, worker_group: Any, backend_config: BackendConfig) -> None:
        """Set ``TF_CONFIG`` on every worker of a new group, its number being its rank."""
        addresses = worker_group.execute(_address)
        pending = [
            worker_group.execute_single_async(rank, _introduce, addresses, rank)
            for rank in range(len(worker_group))
        ]
        ray.get(pending)


def _address() -> str:
    """This node, and a port of it that nobody uses now."""
    host = ray.util.get_node_ip_address()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.bind(("", 0))
        port = listener.getsockname()[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _introduce(addresses: list[str], rank: int) -> None:
    """Tell this worker of all; see ``tf.distribute.cluster_resolver.TFConfigClusterResolver``."""
    task = {"type": "worker", "index": rank}
    os.environ["TF_CONFIG"] = json_text({"cluster": {"worker": addresses}, "task": task})
