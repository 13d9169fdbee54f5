"""Statistics that pyarrow does not survive are found by the process that parses footers first."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

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
