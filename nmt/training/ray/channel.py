"""What training workers and driver tell each other."""

from __future__ import annotations

import threading
from typing import Any

from nmt.console import Activity, say
from nmt.training.loggers import Observer


class Board:
    """A mailbox between workers and driver; run as a Ray actor."""

    def __init__(self) -> None:
        self._messages: list[tuple[str, tuple]] = []
        self._stop = False

    def stop(self) -> None:
        """Ask the workers to end this attempt."""
        self._stop = True

    def asks_to_stop(self) -> bool:
        """Whether `stop` was called."""
        return self._stop

    def put(self, kind: str, *values: Any) -> None:
        """Leave a message: ``say`` with a line, ``fail`` with a reason, ``show`` with done, total
        and detail, or ``measure`` with a step and values."""
        self._messages.append((kind, values))

    def take(self) -> list[tuple[str, tuple]]:
        """All messages since the last call."""
        messages, self._messages = self._messages, []
        return messages


class Watcher:
    """Shows the board's messages in the driver until it is closed.

    Args:
        ray: the ray module.
        board: handle of the `Board` actor.
        shown: the progress display.
        observer: is told of metrics.
    """

    def __init__(self, ray: Any, board: Any, shown: Activity, observer: Observer) -> None:
        self._ray, self._board, self._shown, self._observer = ray, board, shown, observer
        self._closed = threading.Event()
        self.failure = ""  # why a worker gave up for good
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self._closed.wait(0.5):
            self._drain()

    def _drain(self) -> None:
        try:
            messages = self._ray.get(self._board.take.remote(), timeout=30)
        except Exception:  # the display is no reason to fail
            return
        for kind, values in messages:
            if kind == "say":
                say(*values)
            elif kind == "fail":
                self.failure = values[0]
            elif kind == "measure":
                self._observer.measure(*values)
            else:
                done, total, detail = values
                self._shown.update(done, detail, total)

    def close(self) -> None:
        """Show what is left and stop."""
        self._closed.set()
        self._thread.join(timeout=35)
        self._drain()
