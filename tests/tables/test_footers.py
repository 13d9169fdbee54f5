"""Footers that pyarrow does not survive are found by the process that parses them first."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from thrift_bytes import field, number, structs, text, texts

from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.tables.parquet import open_parquet


@pytest.mark.parametrize("before", [b"text", b"\xff\xfe"], ids=["a text", "no UTF-8"])
def test_a_file_with_such_statistics_is_refused(tmp_path: Path, before: bytes):
    """Whatever else raises an error."""
    path, key = tmp_path / "x.parquet", b"0123456789abcdef"
    texts = pa.array([before]).view(pa.string())
    pq.write_table(pa.table({"a": texts, "k": pa.array([key], pa.binary(16))}), path)
    data = bytearray(path.read_bytes())
    end = len(data) - int.from_bytes(data[-8:-4], "little") - 8
    # A text of a size and its bytes, in Thrift: the text gets shorter, and another field begins.
    places = [n for n in range(end, len(data)) if data.startswith(bytes([16]) + key, n)]
    for place in places:
        data[place : place + 17] = bytes([13]) + key[:-3] + b"\x18\x01z"
    path.write_bytes(data)
    location = Location(str(path))
    with (
        location.open() as handle,
        pytest.raises(UnusableInput, match="pyarrow does not survive its footer"),
    ):
        open_parquet(location, handle)


def footer(chunks: int, columns: int) -> bytes:
    """A file of one row whose only row group has so many chunks, and whose schema so many
    columns; in the place of pages is nothing."""
    meta = [field(1, 5, number(6)), field(1, 9, b"\x15\0"), field(1, 9, texts("c"))]
    meta += [field(1, 5, number(0)), field(1, 6, number(1)), field(1, 6, number(1))]
    meta += [field(1, 6, number(1)), field(2, 6, number(4))]
    chunk = field(2, 6, number(4)) + field(1, 12, b"".join(meta) + b"\0") + b"\0"
    group = field(1, 9, structs(*[chunk] * chunks)) + field(1, 6, number(1))
    leaves = [
        field(1, 5, number(6)) + field(2, 5, number(0)) + field(1, 8, text(f"c{n}")) + b"\0"
        for n in range(columns)
    ]
    root = field(4, 8, text("schema")) + field(1, 5, number(columns)) + b"\0"
    whole = field(1, 5, number(1)) + field(1, 9, structs(root, *leaves)) + field(1, 6, number(1))
    whole += field(1, 9, structs(group + field(1, 6, number(1)) + b"\0")) + b"\0"
    return b"PAR1" + whole + len(whole).to_bytes(4, "little") + b"PAR1"


@pytest.mark.parametrize("chunks", [0, 1, 2, 5])
def test_a_row_group_has_a_chunk_of_each_column(tmp_path: Path, chunks: int):
    path = tmp_path / "x.parquet"
    path.write_bytes(footer(chunks, 2))
    location = Location(str(path))
    problem = "columns share their bytes" if chunks == 2 else "miscounts its columns|not survive"
    with location.open() as handle, pytest.raises(UnusableInput, match=f"damaged .*({problem})"):
        open_parquet(location, handle)
