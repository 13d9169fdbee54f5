"""Whether ids are there and unique: of an input before it is translated, and of an output.

Ids are equal where they are written alike, see `nmt.tables.values`. Neither check needs memory that
grows with the number of ids: they become numbers in files on the local disk, 8 to 12 bytes each, so
that all that may be equal are in one file.
"""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt.errors import UnusableInput
from nmt.printable import join_names
from nmt.tables.values import json_values, written

_WAITING = 1 << 20  # keys that wait to be written together
_LOOKED_UP = 10_000  # keys whose ids are looked at, because they stand there several times
_KEYS = 1 << 18  # in one file, at most if they are spread evenly
# Multiplicative hashing (Dietzfelbinger et al. 1997), by a factor that no writer of ids knows:
# equal keys come to the same file, and others only by chance.
_SPREAD = np.uint64(secrets.randbits(64) | 1)
_NAMED = 20  # ids that are looked up because they stand there several times
_ENTRY = np.dtype([("key", "<i8"), ("part", "<i4")])

Read = Callable[[], Iterable[pa.Array]]


def check_ids(read: Read) -> None:
    """Look through a column of ids.

    Ids that ascend are seen to be unique on the way. Others are read once more.

    Args:
        read: gives the ids from their beginning, some at a time, of a type that
            `nmt.tables.values.is_scalar`.

    Raises:
        UnusableInput: ids that are missing, no UTF-8, or given twice.
    """
    count, nulls, ascending = 0, 0, True
    last: pa.Scalar | None = None
    for array in read():
        _check_text(array)
        ids = written(array).combine_chunks()
        count, nulls = count + len(ids), nulls + ids.null_count
        ascending = ascending and not nulls and _ascend(last, ids)
        last = ids[-1] if len(ids) else last
    if nulls:
        raise UnusableInput(f"{nulls} rows have no id; fill the id column")
    if not ascending and len(keys := _repeated_keys(map(_keys, read()), count)):
        _refuse_repeated(read(), keys)


def _ascend(last: pa.Scalar | None, ids: pa.Array) -> bool:
    """Whether the written ids ascend; those of some types do not, although their values do."""
    if not len(ids):
        return True
    inside = pc.all(pc.less(ids[:-1], ids[1:]), min_count=0).as_py()
    return inside and (last is None or pc.less(last, ids[0]).as_py())


def _check_text(ids: pa.Array) -> None:
    if pa.types.is_dictionary(ids.type):
        ids = ids.dictionary
    if ids.type not in (pa.string(), pa.large_string(), pa.string_view()):
        return
    try:
        ids.validate(full=True)
    except pa.ArrowInvalid:
        raise UnusableInput(
            "the id column holds bytes that are no UTF-8; mend them, or name another column "
            "with --id-column"
        ) from None


def _repeated_keys(arrays: Iterable[np.ndarray], count: int) -> np.ndarray:
    """Some of the keys that stand there several times, among so many in all."""
    files = -(-count // _KEYS)
    with tempfile.TemporaryDirectory(prefix="nmt-ids-") as folder:
        waiting: list[np.ndarray] = []
        for keys in chain(arrays, [None]):
            if keys is not None:
                waiting.append(keys)
            if keys is None or sum(map(len, waiting)) >= _WAITING:
                _append(Path(folder), files, np.concatenate(waiting or [np.empty(0, np.int64)]))
                waiting = []
        repeated = np.empty(0, np.int64)
        for file in Path(folder).iterdir():
            keys, counts = np.unique(np.fromfile(file, np.int64), return_counts=True)
            repeated = np.concatenate([repeated, keys[counts > 1]])[:_LOOKED_UP]
    return repeated


def _append(folder: Path, files: int, keys: np.ndarray) -> None:
    """Write keys to files, equal ones to the same."""
    places = _spread(keys, files)
    order = np.argsort(places, kind="stable")
    keys, places = keys[order], places[order]
    bounds = np.flatnonzero(np.diff(places, prepend=places[:1] + np.uint64(1)))
    for start, stop in pairwise([*bounds.tolist(), len(keys)]):
        with open(folder / f"{places[start]}", "ab") as file:
            keys[start:stop].tofile(file)


def _spread(keys: np.ndarray, files: int) -> np.ndarray:
    """A file for each key, uint64."""
    high = keys.view(np.uint64) * _SPREAD >> np.uint64(32)
    return high * np.uint64(files) >> np.uint64(32)


def _refuse_repeated(arrays: Iterable[pa.Array], keys: np.ndarray) -> None:
    """Look at the ids of these keys: those of different ids may be equal."""
    seen: set[object] = set()
    for array in arrays:
        for identity in written(array).filter(pa.array(np.isin(_keys(array), keys))).to_pylist():
            if identity in seen:
                raise UnusableInput(
                    f"id {identity!r} is given more than once; ids must be unique: mend them, or "
                    "name another column with --id-column"
                )
            seen.add(identity)


class OutputIds:
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

    def __enter__(self) -> OutputIds:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def add(self, name: str, keys: np.ndarray) -> None:
        """Add the ids of a part, as `stored_keys`."""
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
        return _spread(keys, self._files)

    def _file(self, place: int) -> Path:
        return Path(self._folder.name) / f"{place}"

    def violations(self, read: Callable[[str], pa.ChunkedArray]) -> Iterator[str]:
        """What is wrong with the ids, one line each.

        Of those that stand there several times only the first are looked up.

        Args:
            read: the ids of a part again, by its name.
        """
        room, others = _NAMED, 0
        for place in range(self._files):
            file = self._file(place)
            entries = np.fromfile(file, _ENTRY) if file.exists() else np.empty(0, _ENTRY)
            keys, counts = np.unique(entries["key"], return_counts=True)
            repeated = keys[counts > 1]
            others += max(0, len(repeated) - room)
            if len(named := repeated[:room]):
                parts = np.unique(entries["part"][np.isin(entries["key"], named)])
                yield from self._repeated(named, parts, read)
                room -= len(named)
            if self._numbered:
                yield from self._missing(keys, place)
        if others:
            yield f"{others:,} other ids stand there several times"

    def _repeated(
        self, keys: np.ndarray, parts: np.ndarray, read: Callable[[str], pa.ChunkedArray]
    ) -> Iterator[str]:
        """Equal keys may be those of different ids: look at the ids themselves."""
        where: dict[int | str | None, list[str]] = {}
        for part in parts:
            ids = read(self._names[part])
            for identity in json_values(ids.filter(pa.array(np.isin(stored_keys(ids), keys)))):
                where.setdefault(identity, []).append(self._names[part])
        for repeated, names in where.items():
            if len(names) > 1:
                yield f"id {repeated!r} stands there {len(names)} times: {join_names(names)}"

    def _missing(self, keys: np.ndarray, place: int) -> Iterator[str]:
        first = place * _KEYS
        stop = min(first + _KEYS, self._rows)
        for key in keys[(keys < 0) | (keys >= self._rows)].tolist():
            yield f"id {key} is none of the {self._rows:,} rows"
        missing = np.setdiff1d(np.arange(first, stop), keys, assume_unique=True)
        for run in np.split(missing, np.flatnonzero(np.diff(missing) > 1) + 1):
            if len(run):
                ends = f"{run[0]}" if len(run) == 1 else f"{run[0]} to {run[-1]}"
                yield f"id {ends} is missing"


def stored_keys(ids: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """A number for each id, int64; equal ids have equal ones, in every process.

    Which are equal says `nmt.tables.values`.
    """
    return _keys(ids, _digest)


def _digest(identity: str) -> int:
    digest = hashlib.blake2b(identity.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def _keys(ids: pa.Array | pa.ChunkedArray, digest: Callable[[str], int] = hash) -> np.ndarray:
    """The same, by another function of the written ids; `hash` is fast, and of this process."""
    form = written(ids)
    if pa.types.is_integer(form.type):
        return form.to_numpy().view(np.int64)
    return np.fromiter(map(digest, form.to_pylist()), np.int64, len(form))
