"""How much of Python's memory a call needs."""

import tracemalloc
from collections.abc import Callable


def peak(function: Callable[[], object]) -> int:
    """Bytes of Python's memory that a call needs, with what it leaves."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
