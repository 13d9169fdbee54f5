"""What ends a translation before its end: a signal, or its time."""

from __future__ import annotations

import datetime
import logging
import math
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from nmt.errors import DeadlineReached, Interrupted, Stopped, UnusableInput

log = logging.getLogger(__name__)

_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)
_LONGEST_TIMER = 1e8  # seconds: three years
_GO_ON = "the units that are done are kept; run the same command again to continue"


def parse_deadline(text: str) -> datetime.datetime:
    """When a job is to end: ``HH:MM`` is the next such time here, else a date and time of ISO 8601.

    Raises:
        UnusableInput: neither.
    """
    now = datetime.datetime.now().astimezone()
    if match := _TIME.fullmatch(text):
        then = now.replace(hour=int(match[1]), minute=int(match[2]), second=0, microsecond=0)
        return then if then > now else then + datetime.timedelta(days=1)
    try:
        return datetime.datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise UnusableInput(
            f"--deadline {text!r}: write HH:MM, or a date and time as 2030-12-24T06:00"
        ) from None


@contextmanager
def ends_in_order(
    started: float, max_minutes: float | None, deadline: datetime.datetime | None
) -> Iterator[None]:
    """Work that SIGTERM, SIGINT or its time ends: by a KeyboardInterrupt, which Ray knows.

    In another than the main thread it is never ended: signals do not come there.

    Args:
        started: when the job began, by `time.monotonic`.
        max_minutes: after which it ends; None is never.
        deadline: when it ends; None is never.

    Raises:
        Interrupted: a signal came.
        DeadlineReached: the time is over.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ends = []
    if max_minutes is not None:
        left = started + 60 * max_minutes - time.monotonic()
        ends.append((left, f"--max-minutes {max_minutes:g} are over"))
    if deadline is not None:
        shown = deadline.isoformat(sep=" ", timespec="minutes")
        ends.append((deadline.timestamp() - time.time(), f"--deadline {shown} has come"))
    left, over = min(ends, default=(math.inf, ""))
    if left <= 0:
        raise DeadlineReached(f"{over}; {_GO_ON}")
    reasons: list[Stopped] = []

    def end(number: int, _: object) -> None:
        if number == signal.SIGALRM:
            reasons.append(DeadlineReached(f"{over}; {_GO_ON}"))
        else:
            name = signal.Signals(number).name
            reasons.append(Interrupted(f"ended by {name}; {_GO_ON}", number))
        raise KeyboardInterrupt

    if ends:
        end_time = datetime.datetime.now().astimezone() + datetime.timedelta(
            seconds=min(left, _LONGEST_TIMER)
        )
        log.info(
            f"this job ends at {end_time.isoformat(sep=' ', timespec='seconds')} at the latest"
        )
    before = {number: signal.signal(number, end) for number in _SIGNALS}
    try:
        if ends:
            signal.setitimer(signal.ITIMER_REAL, min(left, _LONGEST_TIMER))
        yield
    except KeyboardInterrupt:
        if not reasons:
            raise
        raise reasons[0] from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
