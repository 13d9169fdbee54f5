"""Whether each id of an output stands there exactly once, in memory that does not grow with it.

Every id becomes a number; the numbers are spread over files on the local disk, so that all that may
be equal are in one file, and each file is sorted by itself.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from nmt.tables.values import json_values, written

_KEYS = 1 << 18  # in one file, at most if they are spread evenly
_ENTRY = np.dtype([("key", "<i8"), ("part", "<i4")])


class Identities:
    """The ids of an output, part by part; a context manager, whose files go at its end.

    Args:
        rows: how many there are about.
        numbered: whether they are to be the numbers from 0 to `rows`.
    """

    def __init__(self, rows: int, numbered: bool) -> None:
        self._rows, self._numbered = rows, numbered
        self._files = max(1, -(-rows // _KEYS))
        self._names: list[str] = []
        self._folder = tempfile.TemporaryDirectory(prefix="nmt-verify-")

    def __enter__(self) -> Identities:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def add(self, name: str, ids: pa.ChunkedArray) -> None:
        """Add the ids of a part; none is null."""
        keys = _keys(ids)
        entries = np.empty(len(keys), _ENTRY)
        entries["key"], entries["part"] = keys, len(self._names)
        self._names.append(name)
        places = self._places(keys)
        for place in np.unique(places):
            with open(self._file(place), "ab") as file:
                entries[places == place].tofile(file)

    def _places(self, keys: np.ndarray) -> np.ndarray:
        """In which file each key is: neighbours together where missing ones are looked for."""
        if self._numbered:
            return np.clip(keys // _KEYS, 0, self._files - 1)
        return keys % self._files

    def _file(self, place: int) -> Path:
        return Path(self._folder.name) / f"{place}"

    def violations(self, read: Callable[[str], pa.ChunkedArray]) -> Iterator[str]:
        """What is wrong with the ids, one line each.

        Args:
            read: the ids of a part again, by its name.
        """
        for place in range(self._files):
            file = self._file(place)
            entries = np.fromfile(file, _ENTRY) if file.exists() else np.empty(0, _ENTRY)
            found, counts = np.unique(entries["key"], return_counts=True)
            repeated = found[counts > 1]
            if len(repeated):
                parts = np.unique(entries["part"][np.isin(entries["key"], repeated)])
                yield from self._repeated(repeated, parts, read)
            if self._numbered:
                yield from self._missing(found, place)

    def _repeated(
        self, keys: np.ndarray, parts: np.ndarray, read: Callable[[str], pa.ChunkedArray]
    ) -> Iterator[str]:
        """Equal keys may be those of different ids: look at the ids themselves."""
        where: dict[int | str | None, list[str]] = {}
        for part in parts:
            ids = read(self._names[part])
            for identity in json_values(ids.filter(pa.array(np.isin(_keys(ids), keys)))):
                where.setdefault(identity, []).append(self._names[part])
        for repeated, names in where.items():
            if len(names) > 1:
                yield f"id {repeated!r} stands there {len(names)} times: {', '.join(names)}"

    def _missing(self, found: np.ndarray, place: int) -> Iterator[str]:
        first = place * _KEYS
        stop = min(first + _KEYS, self._rows)
        for key in found[(found < 0) | (found >= self._rows)].tolist():
            yield f"id {key} is none of the {self._rows:,} rows"
        missing = np.setdiff1d(np.arange(first, stop), found, assume_unique=True)
        for run in np.split(missing, np.flatnonzero(np.diff(missing) > 1) + 1):
            if len(run):
                ends = f"{run[0]}" if len(run) == 1 else f"{run[0]} to {run[-1]}"
                yield f"id {ends} is missing"


def _keys(ids: pa.ChunkedArray) -> np.ndarray:
    """A number for each id; equal ids have equal ones, in this process.

    Which are equal says `nmt.tables.values`.
    """
    form = written(ids)
    if form.type == pa.int64():
        return form.to_numpy()
    return np.fromiter(map(hash, form.to_pylist()), np.int64, len(form))
