"""Whether an error says that there is too little memory, so that half as much may work."""

from __future__ import annotations


def lacks_memory(error: Exception) -> bool:
    """Whether an exception says that there is not enough memory, of the host or of a GPU."""
    from tensorflow.errors import ResourceExhaustedError

    return isinstance(error, MemoryError | ResourceExhaustedError)
