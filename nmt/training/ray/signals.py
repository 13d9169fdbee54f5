"""Signals that end a job in order, while it waits for work in another thread."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

_SECONDS = 0.3  # between two checks


class Signals:
    """Takes SIGTERM and SIGINT within the context; the second one ends the process as usual."""

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
    """Call a function in a thread; yields None while it runs, and at last its result.

    An exception that it raised is yielded, too.
    """
    results: list[Any] = []

    def work() -> None:
        try:
            results.append(function())
        except BaseException as error:
            results.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_SECONDS)
        if not results:
            yield None
    yield results[0]
