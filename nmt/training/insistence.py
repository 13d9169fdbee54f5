"""Storing things although the store fails now and then."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable

from nmt.errors import JobFailed, NotStored, UnusableInput
from nmt.report.numbers import counted

PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)  # seconds between attempts; a minute together
_LONG = 60.0  # seconds after which there is no other attempt
_FULL = {errno.ENOSPC, errno.EDQUOT}

STORE_ERRORS = (OSError, JobFailed, UnusableInput)


def insist(what: str, action: Callable[[], object], say: Callable[[str], None]) -> None:
    """Do something with a store, again after a pause where it fails.

    Refusals are tried again, too: credentials are renewed, disks are cleared. For a remote store
    that is away an attempt itself waits (see `wait_for_stores`), and there is one only.

    Args:
        what: is being stored, for messages.
        action: does it; may be done several times.
        say: is told of the first failure.

    Raises:
        NotStored: it failed every time, or for long.
    """
    start = time.monotonic()
    for attempt, pause in enumerate([*PAUSES, None], 1):
        try:
            action()
            return
        except STORE_ERRORS as error:
            reason = _reason(error)
            if pause is None or time.monotonic() - start > _LONG:
                raise NotStored(
                    f"{what} could not be stored in {counted(attempt, 'attempt')} within "
                    f"{time.monotonic() - start:.0f} s: {reason}; what was stored before is whole: "
                    "mend the store and run the same command again"
                ) from None
            if attempt == 1:
                say(f"warning: {what} cannot be stored, trying again: {reason}")
            time.sleep(pause)


def _reason(error: Exception) -> str:
    full = isinstance(error, OSError) and error.errno in _FULL
    return "no space is left" if full else " ".join(str(error).split())[:300]
