"""A thread beside a worker's training: receives the request to stop, and ends a stalled process."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable

_SECONDS = 1.0  # between two checks
_LONG_PHASE_HOURS, _LONG_PHASE_STALLS = 2, 12


def long_phase_seconds(stall_seconds: float) -> float:
    """How long start-up, a validation or a checkpoint may take, where a step may so long.

    The limit is generous: nobody knows the length of a validation, and storing is retried for
    minutes.
    """
    return max(3600.0 * _LONG_PHASE_HOURS, _LONG_PHASE_STALLS * stall_seconds)


class Watchdog:
    """Runs until it is closed.

    A process that hangs in a collective or in a driver cannot recover, so it is ended; Ray Train
    starts another. (Ray Train itself detects a process that does not answer at all.)

    Args:
        stop_requested: whether training should stop; may take a moment, may fail.
        step_seconds: how long a step may take.
        phase_seconds: how long what is between steps may take, as start-up and validation.
        on_timeout: takes the reason before the process ends.
        exit_process: ends it.
    """

    def __init__(
        self,
        stop_requested: Callable[[], bool],
        step_seconds: float,
        phase_seconds: float,
        on_timeout: Callable[[str], None],
        exit_process: Callable[[int], None] = os._exit,
    ) -> None:
        self._stop_requested, self._on_timeout = stop_requested, on_timeout
        self._step_seconds, self._phase_seconds = step_seconds, phase_seconds
        self._exit_process = exit_process
        self._step, self._since, self._in_long_phase = 0, time.monotonic(), True
        self._closed = threading.Event()
        self._stop = False
        threading.Thread(target=self._work, name="watchdog", daemon=True).start()

    def heartbeat(self, step: int) -> None:
        """Take note that a step is done, or that the next begins."""
        self._step, self._since, self._in_long_phase = step, time.monotonic(), False

    def expect_long_phase(self) -> None:
        """Allow the longer time from now until the next heartbeat or long phase."""
        self._since, self._in_long_phase = time.monotonic(), True

    def should_stop(self) -> bool:
        """Whether training should end now, to be continued later."""
        return self._stop

    def close(self) -> None:
        """End the thread."""
        self._closed.set()

    def _work(self) -> None:
        while not self._closed.wait(_SECONDS):
            with contextlib.suppress(Exception):  # no driver answers: training goes on
                self._stop = self._stop or self._stop_requested()
            reason = self._timeout()
            if reason and not self._closed.is_set():
                self._on_timeout(f"{reason}; its process ends")
                self._exit_process(1)

    def _timeout(self) -> str:
        """What took too long; empty if nothing did."""
        step, long, waited = self._step, self._in_long_phase, time.monotonic() - self._since
        if waited <= (self._phase_seconds if long else self._step_seconds):
            return ""
        if not long:
            return f"made no step for {waited:.0f} s after step {step} (training.stall_seconds)"
        return (
            f"did not finish starting, validating or storing within {waited:.0f} s after step "
            f"{step} (at most {_LONG_PHASE_HOURS} hours, or {_LONG_PHASE_STALLS} times "
            "training.stall_seconds: raise that if this needs longer)"
        )
