"""A thread beside a worker's training: it hears that training should stop, and sees it stall."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable

_SECONDS = 1.0  # between two looks


class Pulse:
    """Runs until it is closed.

    A process that hangs in a collective or in a driver cannot be helped from inside, so it is
    ended; Ray Train starts another. (Of a process that does not answer at all Ray Train learns
    itself.)

    Args:
        asked: whether training should stop; may take a moment, may fail.
        patience: seconds a step may take.
        last_words: is told why the process ends.
        die: ends the process.
    """

    def __init__(
        self,
        asked: Callable[[], bool],
        patience: float,
        last_words: Callable[[str], None],
        die: Callable[[int], None] = os._exit,
    ) -> None:
        self._asked, self._patience = asked, patience
        self._last_words, self._die = last_words, die
        self._step, self._beaten, self._resting = 0, time.monotonic(), True
        self._closed = threading.Event()
        self.stop = False  # read at every step
        threading.Thread(target=self._work, name="pulse", daemon=True).start()

    def beat(self, step: int) -> None:
        """A step is done, or work on the next begins."""
        self._step, self._beaten, self._resting = step, time.monotonic(), False

    def rest(self) -> None:
        """Let what comes now take its time, until the next beat."""
        self._resting = True

    def close(self) -> None:
        """End the thread."""
        self._closed.set()

    def _work(self) -> None:
        while not self._closed.wait(_SECONDS):
            with contextlib.suppress(Exception):  # nobody there to ask: training goes on
                self.stop = self.stop or self._asked()
            waited = time.monotonic() - self._beaten
            if not self._resting and waited > self._patience and not self._closed.is_set():
                self._last_words(
                    f"made no step for {waited:.0f} s after step {self._step} "
                    "(training.stall_seconds); its process ends"
                )
                self._die(1)
