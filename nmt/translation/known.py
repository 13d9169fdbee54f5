"""What is known of the sentences of a unit, and which of its rows are decoded.

A table has a row a sentence: its ``key``, the ``origin`` of its result, the ``reason`` why it has
none, and the columns of a `result_schema`, null where there is no result. A sentence that is not
in it is decoded: without a cache nothing is known, and each sentence is decoded once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt.reject_reasons import RejectReason
from nmt.segmentation import count_words
from nmt.translation.cache.keys import KEY, distinct, places


class Origin(IntEnum):
    """Where the result of a sentence comes from."""

    REUSED = 0  # an earlier job
    DECODED = 1  # this unit
    REPEATED = 2  # another unit of this job
    AWAITED = 3  # another unit, which has not decoded it yet


def known_schema(results: pa.Schema) -> pa.Schema:
    """The columns of what is known.

    Args:
        results: see `result_schema`.
    """
    own = {"key": KEY, "origin": pa.int8(), "reason": pa.string()}
    return pa.schema([*own.items(), *zip(results.names, results.types, strict=True)])


def choose(
    keys: pa.FixedSizeBinaryArray, known: pa.Table, attended: Sequence[int]
) -> tuple[np.ndarray, dict[int, int]]:
    """The rows to decode: one of each sentence of which nothing is known, or whose attention
    somebody looks at. What cannot be translated is not tried again.

    Args:
        keys: the sentence of each row.
        known: what is known.
        attended: rows whose attention is looked at.

    Returns:
        The rows, and for those in `attended` the place of each among them.
    """
    names, first, numbers = distinct(keys)
    wanted = places(names, known.column("key")) < 0
    lost = known.column("key").filter(pc.is_valid(known.column("reason")))
    can = places(keys.take(pa.array(attended, pa.int64())), lost) < 0
    shown = np.asarray(attended, np.int64)[can].tolist()
    wanted[numbers[shown]] = True
    place = np.cumsum(wanted) - 1
    return first[wanted], {row: int(place[numbers[row]]) for row in shown}


def aligned(known: pa.Table, keys: pa.FixedSizeBinaryArray, sources: Sequence[str]) -> pa.Table:
    """What is known, without results whose alignment names words that are not there: a cache can
    be changed by others.

    Args:
        known: has a column of alignments.
        keys: the sentence of each row.
        sources: the cleaned source of each row.
    """
    columns = [known.column(name).to_pylist() for name in ("alignment", "translation")]
    rows = places(known.column("key").combine_chunks(), keys).tolist()
    fits = [
        links is None
        or row < 0
        or _fits(links, count_words(sources[row]), count_words(translation))
        for links, translation, row in zip(*columns, rows, strict=True)
    ]
    return known.filter(pa.array(fits, pa.bool_()))


def _fits(links: str, source_words: int, target_words: int) -> bool:
    pairs = (link.split("-") for link in links.split())
    return all(
        int(source) < source_words and int(target) < target_words for source, target in pairs
    )


def as_decoded(
    keys: pa.Array, results: pa.Table, lost: Mapping[int, RejectReason], known: pa.Table
) -> pa.Table:
    """What has been decoded, as a table like `known`, without the sentences that are there.

    Args:
        keys: of the sentences.
        results: of those that have one, in their order.
        lost: why the others have none, by their places.
        known: what was known before.
    """
    reasons = [lost.get(place) for place in range(len(keys))]
    done = np.array([reason is None for reason in reasons], bool)
    rows = results.take(pa.array(np.cumsum(done) - 1, mask=~done))
    columns = {
        "key": keys,
        "origin": pa.array(np.full(len(keys), Origin.DECODED), pa.int8()),
        "reason": pa.array(reasons, pa.string()),
        **{name: rows.column(name) for name in results.column_names},
    }
    table = pa.table(columns, known_schema(results.schema))
    return table.filter(pa.array(places(keys, known.column("key")) < 0))
