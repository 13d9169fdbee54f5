"""Ids are given, and each but once; checked in memory that does not grow with the corpus.

Ids are equal where they are written alike, see `nmt.tables.values`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from nmt.errors import UnusableInput
from nmt.tables.values import written
from nmt.translation.cache.keys import bytes_of, keys_of

_AT_ONCE = 1_000_000  # ids compared with each other at a time

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
    for given in read():
        _check_text(given)
        ids = written(given).combine_chunks()
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
    for given in arrays:
        ids = written(given).combine_chunks()
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
