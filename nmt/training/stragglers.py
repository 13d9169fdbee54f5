"""Stragglers: names the worker that all others wait for.

In synchronous training the slowest worker sets the pace. It is the one that spends the least time
in the all-reduce; what the others spend there more, they wait for it.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence

import numpy as np

from nmt.training.strategy import Replicas

log = logging.getLogger(__name__)

_SECONDS = 30.0  # of training, over which the workers are compared
_WAITING = 1 / 3  # share of this time that the others must wait for a worker before it is named


class StragglerCheck:
    """Compares the workers, and logs which one is slow as often as it is another one.

    Args:
        replicas: all that take part.
    """

    def __init__(self, replicas: Replicas) -> None:
        self._replicas = replicas
        self._seconds, self._all_reduce = 0.0, np.zeros(replicas.workers)
        self._traced, self._slow = False, -1

    def check(self, step: int, seconds: float) -> None:
        """Add what the workers did; called by all of them at the same steps.

        Args:
            step: the last one.
            seconds: since the check before, without validations and checkpoints.
        """
        if self._replicas.workers == 1:
            return
        all_reduce = self._replicas.take_all_reduce_seconds()
        if not self._traced:  # at the first step the workers wait for each other's tracing
            self._traced = True
            return
        parts = self._replicas.gather(f"{all_reduce:9.3f} {socket.gethostname()}".encode())
        workers = [part.decode().split() for part in parts]
        self._seconds += seconds
        self._all_reduce += [float(spent) for spent, _ in workers]
        if self._seconds < _SECONDS:
            return
        rank, waiting = slowest((self._all_reduce / self._seconds).tolist())
        slow = rank if waiting > _WAITING else -1
        if slow not in (-1, self._slow):
            log.warning(
                f"step {step}: worker {rank} on {workers[rank][1]} is slower than the others, "
                f"which wait for it {waiting:.0%} of the time"
            )
        self._seconds, self._all_reduce, self._slow = 0.0, np.zeros(len(workers)), slow


def slowest(shares: Sequence[float]) -> tuple[int, float]:
    """The slowest worker.

    Args:
        shares: of time that each worker spends in the all-reduce.

    Returns:
        Its rank, and the share of time that the others wait for it, on average.
    """
    least = min(shares)
    return shares.index(least), (sum(shares) - least) / (len(shares) - 1) - least
