"""Files of a cache become others: new ones are settled, many are merged, unused entries go.

A new file is whole before an old one goes, so at any moment every row is in the cache. Who is
killed in between, or does the same beside another job, leaves rows there twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby

import numpy as np
import pyarrow as pa

from nmt.storage.location import Location
from nmt.translation.cache.keys import bounds_of
from nmt.translation.cache.last_use import USED, days_of, is_unused
from nmt.translation.cache.reading import Columns, Room, read_between, sound
from nmt.translation.cache.rows_file import RowsFile
from nmt.translation.cache.store import DEEPEST, DIGITS, Cache, Stored, run_of

_MANY = 16  # files of a folder that are worth merging
_MERGED = "merged"  # in the place of the run
_LOT = 1 << 30  # bytes in memory of the rows that are put in order together
_SMALL = 32 << 20  # bytes of files that become one


def settle(cache: Cache, files: Iterable[Location], columns: Columns) -> None:
    """Move rows of new files to where they are found.

    Args:
        cache: the generation.
        files: of `Cache.new_files`.
        columns: what they hold.
    """
    for run, own in groupby(sorted(files, key=run_of), key=run_of):
        rows = sound(own, partial(read_between, room=Room(), columns=columns), gone=True)
        for lot in _lots(rows):
            _delete(lot, cache.add(run, pa.concat_tables(lot.values())))


def to_merge(files: Iterable[Stored], many: int = _MANY) -> list[list[Stored]]:
    """The files of each folder that has many of jobs that have ended; those of one that may still
    run say by their names what it has decoded."""
    settled = sorted((one for one in files if one.is_settled), key=lambda one: one.digits)
    folders = [list(some) for _, some in groupby(settled, key=lambda one: one.digits)]
    return [some for some in folders if len(some) >= many]


def merge(cache: Cache, files: Sequence[Stored], columns: Columns) -> None:
    """Make one file of a folder's many; of large ones, one of each of the 16 folders inside. So
    an entry is written once again for each digit of its folder, and few files may hold a key.

    Args:
        cache: the generation.
        files: of one folder.
        columns: what they hold.
    """
    digits, old = files[0].digits, [stored.file for stored in files]
    is_one = sum(stored.size for stored in files) <= _SMALL or len(digits) >= DEEPEST
    new: set[Location] = set()
    for part in [digits] if is_one else [digits + digit for digit in DIGITS]:
        read = partial(read_between, room=Room(), columns=columns, bounds=bounds_of(part))
        for lot in _lots(sound(old, read, gone=True)):
            new |= cache.add(_MERGED, pa.concat_tables(lot.values()), part)
    _delete(old, new)


def remove_unused(cache: Cache, days: float, dry_run: bool = False) -> int:
    """Remove entries that no job has used for so many days at least.

    Args:
        cache: the generation.
        days: how many; entries go up to `nmt.translation.cache.last_use.LAG` days later.
        dry_run: count them, and remove nothing.

    Returns:
        How many entries of files there are.
    """
    removed = 0
    for stored in cache.files():
        read = partial(_if_unused, day=cache.day, days=days)
        for file, rows in sound([stored.file], read, True, dry_run):
            unused = is_unused(days_of(rows, cache.day), cache.day, days)
            removed += int(np.count_nonzero(unused))
            if unused.any() and not dry_run:
                kept = rows.filter(pa.array(~unused))
                _delete([file], cache.add(run_of(file), kept, stored.digits))
    return removed


def _if_unused(file: Location, day: int, days: float) -> pa.Table:
    """The rows of a file; none, if its statistics say that all were used."""
    with RowsFile(file) as opened:
        least = opened.least_of(USED.name)
        if least is None or not is_unused(np.array(least), day, days):
            return pa.schema([USED]).empty_table()
    return read_between(file, Room())


def _lots(sound_files: Iterable[tuple[Location, pa.Table]]) -> Iterator[dict[Location, pa.Table]]:
    """Neighbouring files whose rows have 1 GiB in memory at most."""
    lot: dict[Location, pa.Table] = {}
    held = 0
    for file, rows in sound_files:
        if lot and held + rows.nbytes > _LOT:
            yield lot
            lot, held = {}, 0
        lot[file] = rows
        held += rows.nbytes
    if lot:
        yield lot


def _delete(old: Iterable[Location], new: set[Location]) -> None:
    for file in old:
        if file not in new:
            file.delete()
