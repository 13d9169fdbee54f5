"""Trying again: a store that is away for a while, or that fails now and then.

A store that does not answer before a job has begun has a wrong address, and is not waited for.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable
from typing import TypeVar

from nmt.errors import JobFailed, LeaseLost, NotStored, StoreAway, UnusableInput

log = logging.getLogger(__name__)

T = TypeVar("T")

STORE_ERRORS = (OSError, JobFailed, UnusableInput)
PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # seconds between attempts to store; a minute together
_AWAY_PAUSES = (0.5, 5.0)  # seconds between two attempts while a store is away: first and longest
_LONG = 60.0  # seconds after which there is no other attempt to store
_FULL = {errno.ENOSPC, errno.EDQUOT}
_patience = 0.0


def wait_for_stores(seconds: float = 120.0) -> None:
    """From now on this process waits so long for a remote store that fails in a way that may pass.

    For jobs that have begun.
    """
    global _patience
    _patience = seconds


def is_waiting() -> bool:
    """Whether this process waits for stores: then they have answered before."""
    return _patience > 0


def retry(action: Callable[[], T]) -> T:
    """Do what may be done twice; where a store is away again, as long as `wait_for_stores` says.

    Raises:
        StoreAway: it was away for longer.
    """
    deadline, pause = time.monotonic() + _patience, _AWAY_PAUSES[0]
    while True:
        try:
            return action()
        except StoreAway:
            if time.monotonic() + pause > deadline:
                raise
        time.sleep(pause)
        pause = min(2 * pause, _AWAY_PAUSES[1])


def retry_storing(what: str, action: Callable[[], object]) -> None:
    """Store something, again after a pause where that fails; the first failure is logged.

    Refusals are tried again, too: credentials are renewed, disks are cleared. For a remote store
    that is away an attempt itself waits (see `retry`), and there is one only.

    Args:
        what: is stored, for messages.
        action: stores it; may be called several times.

    Raises:
        NotStored: it failed every time, or for long.
    """
    start = time.monotonic()
    for attempt, pause in enumerate([*PAUSES, None], 1):
        try:
            action()
            return
        except LeaseLost:  # it does not come back
            raise
        except STORE_ERRORS as error:
            reason = _reason(error)
            if pause is None or time.monotonic() - start > _LONG:
                attempts = f"{attempt} attempts" if attempt > 1 else "1 attempt"
                raise NotStored(
                    f"{what} could not be stored in {attempts} within "
                    f"{time.monotonic() - start:.0f} s: {reason}; what was stored before is whole: "
                    "mend the store and run the same command again"
                ) from None
            if attempt == 1:
                log.warning(f"{what} cannot be stored, trying again: {reason}")
            time.sleep(pause)


def _reason(error: Exception) -> str:
    full = isinstance(error, OSError) and error.errno in _FULL
    return "no space is left" if full else " ".join(str(error).split())[:300]
