"""Tables whose texts have more bytes than an array of 32-bit offsets can have (2 GiB)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

_CHUNK = 1 << 30  # bytes of rows that are put into one chunk
_STEP = 1024  # rows that are taken from several chunks at once


def combined(tables: Iterable[pa.Table]) -> pa.Table:
    """The rows of tables in few chunks, each of at most 1 GiB unless it was larger before.

    Args:
        tables: of one schema; one at least.
    """
    return pa.concat_tables(_joined(tables))


def _joined(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    waiting: list[pa.Table] = []
    held = 0
    for table in tables:
        for batch in table.to_batches() or [pa.RecordBatch.from_pylist([], table.schema)]:
            if waiting and held + batch.nbytes > _CHUNK:
                yield pa.concat_tables(waiting).combine_chunks()
                waiting, held = [], 0
            waiting.append(pa.Table.from_batches([batch]))
            held += batch.nbytes
    yield pa.concat_tables(waiting).combine_chunks()


def take(table: pa.Table, places: np.ndarray) -> pa.Table:
    """Rows of a table, from each of its chunks by themselves.

    Args:
        table: with any number of chunks.
        places: of the rows, int64, shape (rows,); -1 makes a row of nulls.
    """
    batches = table.to_batches()
    if len(batches) <= 1:
        return table.take(pa.array(places, mask=places < 0))
    ends = np.cumsum([len(batch) for batch in batches])
    steps = range(0, len(places), _STEP)
    some = [_take(batches, ends, places[start : start + _STEP]) for start in steps]
    return pa.concat_tables([table.schema.empty_table(), *some])


def _take(batches: list[pa.RecordBatch], ends: np.ndarray, places: np.ndarray) -> pa.Table:
    there = np.flatnonzero(places >= 0)
    chunks = np.searchsorted(ends, places[there], side="right")
    order = there[np.argsort(chunks, kind="stable")]
    parts = [
        batches[chunk].take(
            pa.array(places[there[chunks == chunk]] - ends[chunk] + len(batches[chunk]))
        )
        for chunk in np.unique(chunks).tolist()
    ]
    rows = pa.Table.from_batches(parts, batches[0].schema).combine_chunks()
    at = np.full(len(places), -1)
    at[order] = np.arange(len(order))
    return rows.take(pa.array(at, mask=at < 0))
