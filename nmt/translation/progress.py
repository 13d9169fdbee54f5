"""How far a translation is: rows and tokens a second, time left, cost so far."""

from __future__ import annotations

import time
from collections.abc import Callable

from nmt.report.numbers import seconds as duration


class Progress:
    """Adds up what the units' records say; it makes the text beside the bar.

    Args:
        rows: to be translated in all.
        cost_per_hour: of the cluster, in whatever currency; None is not shown.
        clock: seconds that go by.
    """

    def __init__(
        self, rows: int, cost_per_hour: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rows, self._cost_per_hour, self._clock = rows, cost_per_hour, clock
        self._started = clock()
        self._done = self._tokens = self._units = 0

    def add(self, rows: int, target_tokens: int) -> str:
        """Count the rows of a unit that is done; returns the text.

        It says no time left before the second unit: the first one waited for processes that start
        and a model that is loaded.
        """
        self._units += 1
        self._done += rows
        self._tokens += target_tokens
        seconds = max(self._clock() - self._started, 1e-9)
        left = (self._rows - self._done) * seconds / max(self._done, 1)
        text = f"{self._done / seconds:,.0f} rows/s  {self._tokens / seconds:,.0f} tokens/s"
        if self._units > 1:
            text += f"  {duration(left)} left"
        if self._cost_per_hour is not None:
            text += f"  cost {self._cost_per_hour * seconds / 3600:,.2f}"
        return text
