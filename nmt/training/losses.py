"""Tells the person who watches that workers were lost, and what is done about it."""

from __future__ import annotations

from typing import Any

from ray.exceptions import RayActorError
from ray.train import UserCallback

# By name, for Ray keeps these errors to itself.
_SILENT, _DEAD = "WorkerHealthCheckTimeoutError", "WorkerHealthCheckFailedError"


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
    """Which workers were lost and how, those first that are the cause and not the consequence."""
    kinds = {"does not answer": [], "was lost": [], "failed": []}  # type: dict[str, list[int]]
    for rank, error in failures.items():
        name = type(error).__name__
        if name == _SILENT:
            kinds["does not answer"].append(rank)
        elif name == _DEAD or isinstance(error, RayActorError):
            kinds["was lost"].append(rank)
        else:
            kinds["failed"].append(rank)
    for kind, ranks in kinds.items():
        if ranks:
            numbers = ", ".join(str(rank) for rank in ranks)
            reason = ""
            if kind == "failed":
                reason = " (" + " ".join(str(failures[ranks[0]]).split())[:200] + ")"
            return f"worker {numbers} {kind}{reason}"
    return "a worker failed"
