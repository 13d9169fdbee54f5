"""A thread beside a worker's training: it hears that training should stop, and sees it stall."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable

_SECONDS = 1.0  # between two looks
_REST_HOURS, _RESTS = 2, 12


def rest_seconds(stall_seconds: float) -> float:
    """How long start-up, a validation or a checkpoint may take, where a step may so long.

    It is much: nobody knows how long a validation takes, and storing is tried again for minutes.
    """
    return max(3600.0 * _REST_HOURS, _RESTS * stall_seconds)


class Pulse:
    """Runs until it is closed.

    A process that hangs in a collective or in a driver cannot be helped from inside, so it is
    ended; Ray Train starts another. (Of a process that does not answer at all Ray Train learns
    itself.)

    Args:
        asked: whether training should stop; may take a moment, may fail.
        patience: seconds a step may take.
        rest: seconds that what comes between steps may take, as start-up and validation.
        last_words: is told why the process ends.
        die: ends the process.
    """

    def __init__(
        self,
        asked: Callable[[], bool],
        patience: float,
        rest: float,
        last_words: Callable[[str], None],
        die: Callable[[int], None] = os._exit,
    ) -> None:
        self._asked, self._patience, self._longest_rest = asked, patience, rest
        self._last_words, self._die = last_words, die
        self._step, self._since, self._resting = 0, time.monotonic(), True
        self._closed = threading.Event()
        self.stop = False  # read at every step
        threading.Thread(target=self._work, name="pulse", daemon=True).start()

    def beat(self, step: int) -> None:
        """A step is done, or work on the next begins."""
        self._step, self._since, self._resting = step, time.monotonic(), False

    def rest(self) -> None:
        """Give what comes now the longer time, until the next beat or rest."""
        self._since, self._resting = time.monotonic(), True

    def close(self) -> None:
        """End the thread."""
        self._closed.set()

    def _work(self) -> None:
        while not self._closed.wait(_SECONDS):
            with contextlib.suppress(Exception):  # nobody there to ask: training goes on
                self.stop = self.stop or self._asked()
            reason = self._stalled()
            if reason and not self._closed.is_set():
                self._last_words(f"{reason}; its process ends")
                self._die(1)

    def _stalled(self) -> str:
        """What took too long; empty if nothing did."""
        step, resting, waited = self._step, self._resting, time.monotonic() - self._since
        if waited <= (self._longest_rest if resting else self._patience):
            return ""
        if not resting:
            return f"made no step for {waited:.0f} s after step {step} (training.stall_seconds)"
        return (
            f"was not done with starting, validating or storing for {waited:.0f} s after step "
            f"{step} (at most {_REST_HOURS} hours, or {_RESTS} times training.stall_seconds: raise "
            "that if it takes so long)"
        )
