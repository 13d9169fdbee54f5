"""Keys of sentences: 128 bits of their text's BLAKE2b hash (RFC 7693)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import repeat

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_BYTES = 16
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


def partitions_of(keys: pa.FixedSizeBinaryArray, partitions: int) -> np.ndarray:
    """The partition of each key, evenly spread, shape (keys,)."""
    rows = bytes_of(keys)
    return (rows[:, 0].astype(np.int32) * 256 + rows[:, 1]) % partitions


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
