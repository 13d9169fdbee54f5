"""How the work of a call grows with what it is handed."""

import gc
import sys
import time
from collections.abc import Callable
from itertools import repeat
from types import FrameType
from typing import Any, TypeVar

Input = TypeVar("Input")
Output = TypeVar("Output")
LINEAR = 30  # times the work for 8 times the input, at most; quadratic is 64
_TRIES = 6


def steps(function: Callable[[], Output], most: float = float("inf")) -> tuple[int, Output]:
    """How many lines of Python and functions written in C a call runs, and what it returns.

    The number is the same on any machine, with slipcover or without, and whatever ran before: no
    garbage is collected meanwhile, whose finalizers would count. A call that runs more than `most`
    is ended there.
    """
    count = 0

    def trace(_frame: FrameType, event: str, called: Any) -> Any:
        nonlocal count
        probe = event == "c_call" and getattr(called, "__module__", "") == "slipcover.probe"
        count += event in ("line", "c_call") and not probe
        assert count <= most, f"more than {most:,} steps"
        return trace

    gc.disable()
    sys.settrace(trace)
    sys.setprofile(trace)
    try:
        output = function()
    finally:
        sys.setprofile(None)
        sys.settrace(None)
        gc.enable()
    return count, output


def seconds(function: Callable[[], object], runs: int = 2) -> float:
    """The processor's time for a call: the least of some runs."""
    times = []
    for _ in repeat(None, runs):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def growth(
    function: Callable[[Input], object], short: Input, long: Input, noise: float = 4e-3
) -> float:
    """How many times as long a call takes for the longer input.

    For what C does, whose steps cannot be counted. A busy machine slows down some tries, a
    quadratic mechanism all: of several tries up to the first that is linear, the least counts.

    Args:
        function: takes the input.
        short: an input.
        long: one of eight times the size.
        noise: seconds; whatever takes less counts as that.
    """
    least = float("inf")
    for _ in repeat(None, _TRIES):
        taken = seconds(lambda: function(long)) / max(seconds(lambda: function(short)), noise)
        least = min(least, taken)
        if least < LINEAR:
            break
    return least
