"""Whole numbers of seven bits a byte, the lowest first, as Thrift and Parquet write them."""

from __future__ import annotations


def varint(data: memoryview, position: int) -> tuple[int, int]:
    """A number, and where it ends.

    Raises:
        IndexError: the bytes end within it.
        ValueError: it has no end.
    """
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("a number without end")
