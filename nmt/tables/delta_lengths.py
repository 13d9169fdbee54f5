"""Texts in Parquet's delta encodings: how many lengths a page has, before there is room for them.

In DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY the lengths of the texts are streams of numbers
within the page, each with a count of its own, in which a few bytes may stand for any number of
lengths: https://parquet.apache.org/docs/file-format/data-pages/encodings/#a-delta-encoding-delta_binary_packed-5
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from nmt.tables.codecs import CODECS
from nmt.tables.varints import varint

DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY = DELTAS = 6, 7  # numbers of the format
_STREAMS = {DELTA_LENGTH_BYTE_ARRAY: 1, DELTA_BYTE_ARRAY: 2}  # of lengths at the beginning
_RLE = 3  # the encoding of levels
_MOST_OF_BLOCK = 1 << 16  # values; writers have 128 to 2,048
_UNIT, _WIDEST = 32, 32  # values of a miniblock are a multiple; bits of a length


class DeltaPage(NamedTuple):
    """A page of texts in a delta encoding.

    Attributes:
        data: as it stands in the file, without its header.
        unpacked: bytes that it unpacks to.
        encoding: of the values.
        values: how many it has, with nulls.
        levels: the encodings of the levels of a page of version 1; None for version 2.
        before: bytes of levels of a page of version 2, which are not packed.
        is_packed: whether the rest is.
    """

    data: memoryview
    unpacked: int
    encoding: int
    values: int
    levels: tuple[int, int] | None
    before: int
    is_packed: bool


def check_lengths(page: DeltaPage, codec: str, column: pq.ColumnSchema) -> None:
    """Check that a page has no more lengths than values.

    Args:
        page: the page.
        codec: of its column, `ColumnChunkMetaData.compression`.
        column: of the file's schema.

    Raises:
        IndexError: it ends within a stream.
        KeyError: nothing here unpacks its codec.
        ValueError: a stream says that it has more lengths, or is none.
    """
    for values in _readings(page, codec):
        position = 0
        if page.levels is not None:
            position = _levels_end(values, page.levels, column)
        for left in reversed(range(_STREAMS[page.encoding])):
            position = _stream_end(values, position, page.values, last=not left)


def _readings(page: DeltaPage, codec: str) -> Iterator[memoryview]:
    """What a page holds, unpacked; all of it, where readers differ."""
    packed, unpacked = page.data[page.before :], page.unpacked - page.before
    if unpacked < 0:
        raise ValueError("levels are longer than their page")
    if codec != "UNCOMPRESSED":
        try:
            yield memoryview(pa.decompress(packed, unpacked, CODECS[codec], asbytes=True))
        except (OSError, ValueError):
            if page.is_packed:
                raise
        if page.is_packed:
            return
    # Of some old writers Arrow unpacks a page that says that it is not packed.
    if len(packed) != unpacked:
        raise ValueError("no sizes of a page")
    yield packed


def _levels_end(data: memoryview, encodings: tuple[int, int], column: pq.ColumnSchema) -> int:
    """Where the levels of a page of version 1 end."""
    position = 0
    deepest = column.max_repetition_level, column.max_definition_level
    for encoding in (own for own, level in zip(encodings, deepest, strict=True) if level):
        if encoding != _RLE:
            raise ValueError("levels in an encoding of the past")
        size = data[position : position + 4]
        position += len(size) + int.from_bytes(size, "little")
    return position


def _stream_end(data: memoryview, position: int, most: int, last: bool) -> int:
    """Where a stream of at most so many numbers ends; of the last one, where its blocks begin."""
    of_block, position = varint(data, position)
    in_block, position = varint(data, position)
    count, position = varint(data, position)
    _, position = varint(data, position)
    if count > most:
        raise ValueError("more lengths than values")
    of_one = of_block // in_block if in_block else 0
    if of_one * in_block != of_block or of_one % _UNIT or not 0 < of_block <= _MOST_OF_BLOCK:
        raise ValueError("no sizes of blocks")
    left = 0 if last else count - 1  # the first value stands before the blocks
    while left > 0:
        _, position = varint(data, position)
        widths = bytes(data[position : position + in_block])
        position += in_block
        used = min(in_block, -(-left // of_one))
        if len(widths) < in_block or max(widths[:used]) > _WIDEST:
            raise ValueError("no widths of lengths")
        position += sum(widths[:used]) * (of_one // 8)
        left -= of_block
    return position
