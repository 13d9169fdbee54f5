"""Keys of sentences, 128 bits of their text's BLAKE2b hash (RFC 7693); and what is known by them.

Files of a cache are sorted by the first half of the key, and a range of keys is named by the
hexadecimal digits with which they begin.

A table of what is known has a row a sentence: its ``key``, the ``origin`` of its result, the
``reason`` why it has none, and the columns of a `result_schema`, null where there is no result. A
sentence that is not in it is decoded: without a cache nothing is known, and each sentence of a unit
is decoded once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from itertools import repeat

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nmt.reject_reasons import RejectReason
from nmt.segmentation import count_words

_BYTES = 16
_HALF = 64  # bits
KEY = pa.binary(_BYTES)


def keys_of(
    texts: Iterable[str], tags: Iterable[tuple[int, ...]] = repeat(())
) -> pa.FixedSizeBinaryArray:
    """The key of each text.

    Args:
        texts: the texts.
        tags: the tag of each, where texts have tags of their own: a text with another tag is
            another sentence.
    """
    blake2b = hashlib.blake2b
    data = b"".join(
        [
            blake2b(text.encode(), digest_size=_BYTES, person=str(*tag).encode()).digest()
            for text, tag in zip(texts, tags, strict=False)
        ]
    )
    count = len(data) // _BYTES
    return pa.FixedSizeBinaryArray.from_buffers(KEY, count, [None, pa.py_buffer(data)])


def halves_of(keys: pa.FixedSizeBinaryArray) -> np.ndarray:
    """Both halves of each key as numbers, uint64, shape (keys, 2)."""
    return bytes_of(keys).view(">u8").astype(np.uint64)


def bounds_of(digits: str) -> tuple[int, int]:
    """The least and the greatest first half of the keys that begin with hexadecimal digits."""
    bits = _HALF - 4 * len(digits)
    least = int(digits or "0", 16) << bits
    return least, least + (1 << bits) - 1


def range_bounds(number: int, ranges: int) -> tuple[int, int]:
    """The least and the greatest first half of the keys of a range.

    Args:
        number: of the range, from 0.
        ranges: into how many, a power of two, all keys are divided evenly.
    """
    width = (1 << _HALF) // ranges
    return number * width, (number + 1) * width - 1


def between(halves: np.ndarray, bounds: tuple[int, int]) -> slice:
    """Which keys lie within bounds.

    Args:
        halves: of keys in ascending order, shape (keys, 2).
        bounds: see `bounds_of`.
    """
    least, greatest = (np.uint64(bound) for bound in bounds)
    first = halves[:, 0]
    return slice(
        int(np.searchsorted(first, least)), int(np.searchsorted(first, greatest, side="right"))
    )


def matches(wanted: np.ndarray, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The keys that two lists have in common: their places in the first and in the second.

    Args:
        wanted, among: halves of different keys in ascending order, shape (keys, 2).
    """
    if not len(among):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    at = np.minimum(np.searchsorted(among[:, 0], wanted[:, 0]), len(among) - 1)
    same = np.flatnonzero((among[at] == wanted).all(axis=1))
    return same, at[same]


def bytes_of(keys: pa.FixedSizeBinaryArray) -> np.ndarray:
    """The bytes of keys, uint8, shape (keys, 16)."""
    if not len(keys):
        return np.zeros((0, _BYTES), np.uint8)
    data = np.frombuffer(keys.buffers()[1], np.uint8)
    start = keys.offset * _BYTES
    return data[start : start + len(keys) * _BYTES].reshape(-1, _BYTES)


def digest_of(keys: pa.FixedSizeBinaryArray) -> str:
    """A name for these keys in this order, 16 hexadecimal digits."""
    return hashlib.blake2b(bytes_of(keys).tobytes(), digest_size=8).hexdigest()


def distinct(keys: pa.FixedSizeBinaryArray) -> tuple[pa.Array, np.ndarray, np.ndarray]:
    """The different keys in the order in which they first come.

    Returns:
        The keys, for each of them its first place, and for each place the number of its key.
    """
    encoded = keys.dictionary_encode()
    numbers = encoded.indices.to_numpy()
    first = np.empty(len(encoded.dictionary), np.int64)
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]
    return encoded.dictionary, first, numbers


def places(keys: pa.Array, among: pa.Array) -> np.ndarray:
    """For each key its first place among others; -1 where it is not there."""
    return pc.fill_null(pc.index_in(keys, value_set=among), -1).to_numpy()


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
