"""How long the values of Parquet's dictionaries of texts are.

Where a dictionary is read as one, Arrow hashes its values, without a secret: who writes a file can
give it values of one hash, which take the square of their number. So only dictionaries with long
values are, see `nmt.tables.parquet`.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import pyarrow as pa

from nmt.tables.codecs import CODECS

_LENGTH = struct.Struct("<I")


class DictionaryPage(NamedTuple):
    """The values of a dictionary.

    Attributes:
        data: as it stands in the file, without its header.
        unpacked: bytes that it unpacks to.
        entries: how many values it has.
    """

    data: memoryview
    unpacked: int
    entries: int


def longest_text(page: DictionaryPage, codec: str) -> int:
    """The bytes of the longest value of a dictionary of texts, which are PLAIN.

    Args:
        page: the page.
        codec: of its column, `ColumnChunkMetaData.compression`.

    Raises:
        KeyError: nothing here unpacks its codec.
        ValueError: the page ends within a value.
    """
    values: memoryview | bytes = page.data
    if codec != "UNCOMPRESSED":
        values = pa.decompress(page.data, page.unpacked, CODECS[codec], asbytes=True)
    position = longest = 0
    for _ in range(page.entries):
        try:
            (length,) = _LENGTH.unpack_from(values, position)
        except struct.error:
            raise ValueError("a dictionary ends within a length") from None
        position += _LENGTH.size + length
        longest = max(longest, length)
    if position > len(values):
        raise ValueError("a dictionary ends within a value")
    return longest
