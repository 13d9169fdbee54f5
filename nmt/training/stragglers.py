"""Stragglers: names the worker that all others wait for.

In synchronous training the slowest worker sets the pace. It is the one that spends the least time
in the all-reduce; what the others spend there more, they wait for it.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence

from nmt.training.strategy import Replicas

log = logging.getLogger(__name__)

_WAITING = 1 / 3  # share of time that the others must wait for a worker before it is named


class StragglerCheck:
    """Compares the workers at every report; one that is slow twice in a row is logged.

    Args:
        replicas: all that take part.
    """

    def __init__(self, replicas: Replicas) -> None:
        self._replicas = replicas
        self._slow, self._logged = -1, -1  # ranks
        self._traced = False

    def check(self, step: int, seconds: float) -> None:
        """Compare; called by every worker at the same steps.

        Args:
            step: the last one.
            seconds: since the check before, without validations and checkpoints.
        """
        if self._replicas.workers == 1:
            return
        exchange = self._replicas.take_exchange_seconds()
        if not self._traced:  # at the first step the workers wait for each other's tracing
            self._traced = True
            return
        content = f"{exchange / max(seconds, 1e-9):.4f} {socket.gethostname()}".encode()
        workers = [part.decode().split(" ", 1) for part in self._replicas.gather(content)]
        rank, waiting = slowest([float(share) for share, _ in workers])
        slow = rank if waiting > _WAITING else -1
        if slow not in (-1, self._logged) and slow == self._slow:
            self._logged = slow
            log.warning(
                f"step {step}: worker {rank} on {workers[rank][1]} is slower than the others, "
                f"which wait for it {waiting:.0%} of the time"
            )
        self._slow = slow


def slowest(exchange: Sequence[float]) -> tuple[int, float]:
    """The slowest worker.

    Args:
        exchange: the share of time that each worker spends in the all-reduce.

    Returns:
        Its rank, and the share of time that the others wait for it, on average.
    """
    least = min(exchange)
    return exchange.index(least), (sum(exchange) - least) / (len(exchange) - 1) - least
