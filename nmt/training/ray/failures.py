"""Tells the person who watches that workers were lost, and what is done about it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ray.exceptions import RayActorError
from ray.train import UserCallback

# By name, for Ray keeps these errors to itself.
_SILENT, _DEAD = "WorkerHealthCheckTimeoutError", "WorkerHealthCheckFailedError"


# What TensorFlow's workers say of one that they miss.
_UNHEALTHY = re.compile(r"stopped sending heartbeats\):?\s*((?:/job:worker\S*\s*)+)")
_LEADER = "RPC: /tensorflow.CoordinationService/Heartbeat"  # of the first worker, by the others
_ABORTED = re.compile(r"Collective ops is aborted by: ([^\n]*)")


class LossReporter(UserCallback):
    """Called by Ray Train's controller.

    Args:
        board: handle of the driver's `Board`.
        limit: failures after which the job gives up.
    """

    def __init__(self, board: Any, limit: int) -> None:
        self._board, self._limit, self._count = board, limit, 0

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:
        """See Ray's `UserCallback`."""
        self._count += 1
        lost = describe(worker_exceptions)
        then = (
            "training goes on from the last checkpoint"
            if self._count <= self._limit
            else "that is once too often"
        )
        line = f"{lost}; failure {self._count} (--max-failures {self._limit}): {then}"
        self._board.put.remote("say", line)


def describe(failures: dict[int, Exception]) -> str:
    """Which workers were lost and how, as the cause and not as its consequences."""
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
    # A worker that TensorFlow misses may be one that is known to be dead.
    if dead:
        return f"worker {_listed(dead)} was lost"
    if silent:
        return f"worker {_listed(silent)} does not answer"
    return f"worker {_listed(failed)} failed ({next(iter(failed.values()), 'for no known reason')})"


def _listed(ranks: Iterable[int]) -> str:
    return ", ".join(str(rank) for rank in sorted(ranks))
