"""Worker failures: logs which workers failed, and whether training goes on."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any

from ray.exceptions import RayActorError
from ray.train import UserCallback

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
