"""Nights: outputs beside each other, each in a folder that is named by its date."""

from __future__ import annotations

import datetime
import re

from nmt import records
from nmt.errors import UnusableInput
from nmt.evaluation.outputs import is_whole
from nmt.records.output import AnyJob
from nmt.storage.location import Location

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DAYS = 7  # before a night, in which its baseline is looked for


def baseline_of(outputs: str, date: str) -> str:
    """The night that another is compared with: the last finished one of the week before.

    A night that has begun keeps its baseline, or that it has none. What is stored there only
    chooses among these nights: whoever can write to an output must not choose what a job reads. Of
    a night that was begun with another baseline, the job itself says so.

    Args:
        outputs: the folder with one folder per night.
        date: of the night, as 2026-01-05.

    Returns:
        A date; empty if there is nothing to compare with.

    Raises:
        UnusableInput: no date, or a night that is damaged or cannot be read.
        StoreAway: the store does not answer.
    """
    try:
        if not _DATE.fullmatch(date):
            raise ValueError
        day = datetime.date.fromisoformat(date)
        nights = [str(day - datetime.timedelta(days)) for days in range(1, _DAYS + 1)]
    except (ValueError, OverflowError):
        raise UnusableInput(f"{date}: no date; write it as 2026-01-05") from None
    begun = Location(f"{outputs}/{date}") / "_job.json"
    if begun.is_file():
        stored = records.read(begun, AnyJob).settings.baseline
        if stored is None:
            return ""
        for night in nights:
            if Location(f"{outputs}/{night}").shown == stored:
                return night
    return next((night for night in nights if is_whole(Location(f"{outputs}/{night}"))), "")
