"""Signals that ask a job to end, while it waits for work in another thread."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

_SECONDS = 0.3  # between two looks


class Signals:
    """Takes SIGTERM and SIGINT while it is entered; the second one ends the process as usual."""

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, _: object) -> None:
        if self.received is not None:
            raise KeyboardInterrupt
        self.received = signal.Signals(number)


def in_thread(function: Callable[[], Any]) -> Iterator[Any]:
    """Call a function in a thread; yields None again and again, and in the end what it returned.

    An exception that it raised is yielded, too.
    """
    found: list[Any] = []

    def work() -> None:
        try:
            found.append(function())
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_SECONDS)
        if not found:
            yield None
    yield found[0]
