"""The file by which whoever writes an input says that it is complete."""

from __future__ import annotations

import logging
import time

from nmt.console import activity
from nmt.errors import UnusableInput
from nmt.report.numbers import counted
from nmt.storage.location import Location

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 10.0  # seconds between two looks


def await_marker(marker: Location, minutes: float) -> None:
    """Go on once a file is there.

    Args:
        marker: the file; what it holds is no matter.
        minutes: to wait for it.

    Raises:
        UnusableInput: it did not come.
    """
    deadline, pause = time.monotonic() + 60 * minutes, 0.5
    if marker.is_file():
        return
    if minutes:
        log.info(f"waiting up to {counted(minutes, 'minute')} for {marker}")
    with activity("looking for the input"):
        while time.monotonic() < deadline:
            time.sleep(min(pause, max(0.0, deadline - time.monotonic())))
            pause = min(2 * pause, _LONGEST_PAUSE)
            if marker.is_file():
                return
    hint = "a larger --input-wait" if minutes else "--input-wait MINUTES"
    raise UnusableInput(
        f"{marker}: not there, so the input is not complete; run the same command again when it "
        f"is, or give {hint}"
    )
