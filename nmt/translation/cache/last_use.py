"""When entries of a cache were last used: a day in a column of theirs.

Files are not rewritten for that. A job that uses an entry whose day is two to four weeks old stores
it once more, with its own day, beside what it has decoded; merged files keep the latest. So a day
may lag behind by `LAG` days, and entries are removed so much later.
"""

from __future__ import annotations

import time

import numpy as np
import pyarrow as pa

from nmt.translation.cache.keys import bytes_of

USED = pa.field("used", pa.int32(), nullable=False)  # days since 1970-01-01, UTC
_DAY = 86_400.0
_RENEWED, _SPREAD = 14, 15  # days: not all entries of a night are renewed in one night
LAG = _RENEWED + _SPREAD - 1


def today() -> int:
    """The day, as it is stored."""
    return int(time.time() // _DAY)


def stamped(rows: pa.Table, days: int | np.ndarray) -> pa.Table:
    """Rows that were used on these days, or all of them on one."""
    days = pa.array(np.broadcast_to(days, len(rows)), USED.type)
    if USED.name in rows.column_names:
        return rows.set_column(rows.column_names.index(USED.name), USED, days)
    return rows.append_column(USED, days)


def days_of(rows: pa.Table, day: int) -> np.ndarray:
    """The day of each row, from 1970-01-01 to tomorrow, if a clock is ahead.

    Args:
        rows: with the column `USED`.
        day: which day it is.
    """
    return np.clip(rows.column(USED.name).to_numpy().astype(np.int64), 0, day + 1)


def is_due(keys: pa.FixedSizeBinaryArray, days: np.ndarray, day: int) -> np.ndarray:
    """Which entries are stored once more, bool, shape (keys,).

    Args:
        keys: of entries that a job uses.
        days: when they were last used, as their files say.
        day: which day it is.
    """
    return day - days >= _RENEWED + bytes_of(keys)[:, -1] % _SPREAD


def is_unused(days: np.ndarray, day: int, least: float) -> np.ndarray:
    """Which entries no job has used for so many days at least, bool, shape (entries,)."""
    return day - days > least + LAG
