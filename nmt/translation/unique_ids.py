"""Whether ids are there and unique: of an input before it is translated, and of an output.

Ids are equal where they are written alike, see `nmt.tables.values`. Neither check needs memory that
grows with the number of ids: an input is read again part by part, and the ids of an output become
numbers in files on the local disk, so that all that may be equal are in one file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt.errors import UnusableInput
from nmt.printable import join_names
from nmt.tables.values import json_values, written
from nmt.translation.cache.keys import bytes_of, keys_of

_AT_ONCE = 1_000_000  # ids compared with each other at a time
_KEYS = 1 << 18  # in one file, at most if they are spread evenly
_NAMED = 20  # ids that are looked up because they stand there several times
_ENTRY = np.dtype([("key", "<i8"), ("part", "<i4")])

Read = Callable[[], Iterable[pa.Array]]


def check_ids(read: Read) -> None:
    """Look through a column of ids.

    Ids that ascend are seen to be unique on the way. Others are compared part by part, each part
    read anew: those whose hashes leave the same remainder.

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
    parts = 0 if ascending else -(-count // _AT_ONCE)
    for part in range(parts):
        _check_part(_share(read(), part, parts))


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


def _share(arrays: Iterable[pa.Array], part: int, parts: int) -> Iterator[pa.Array]:
    """The written ids of one part."""
    for array in arrays:
        ids = written(array).combine_chunks()
        if parts == 1:
            yield ids
            continue
        keys = bytes_of(keys_of(map(str, ids.to_pylist())))
        yield ids.filter(pa.array(keys[:, :2].copy().view("<u2")[:, 0] % parts == part))


def _check_part(arrays: Iterable[pa.Array]) -> None:
    ids = pa.chunked_array(list(arrays))
    if pc.count_distinct(ids).as_py() == len(ids):
        return
    counts = pc.value_counts(ids.combine_chunks())
    twice = counts.filter(pc.greater(counts.field("counts"), 1)).field("values")
    raise UnusableInput(
        f"id {twice[0].as_py()!r} is given more than once; ids must be unique: mend them, or name "
        "another column with --id-column"
    )


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
            for identity in json_values(ids.filter(pa.array(np.isin(_keys(ids), keys)))):
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


def _keys(ids: pa.ChunkedArray) -> np.ndarray:
    """A number for each id; equal ids have equal ones, in this process.

    Which are equal says `nmt.tables.values`.
    """
    form = written(ids)
    if form.type == pa.int64():
        return form.to_numpy()
    return np.fromiter(map(hash, form.to_pylist()), np.int64, len(form))
