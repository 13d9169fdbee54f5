"""Keys of sentences: 128 bits of their text's BLAKE2b hash (RFC 7693).

Files of a cache are sorted by the first half of the key, and a range of keys is named by the
hexadecimal digits with which they begin.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import repeat

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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
