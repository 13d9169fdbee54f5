"""Pages in delta encodings have no more lengths than values, and honest ones are read."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thrift_bytes import number, varint

from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.tables.delta_lengths import (
    DELTA_BYTE_ARRAY,
    DELTA_LENGTH_BYTE_ARRAY,
    DeltaPage,
    check_lengths,
)
from nmt.tables.parquet import read_whole

ENCODINGS = {
    "DELTA_LENGTH_BYTE_ARRAY": DELTA_LENGTH_BYTE_ARRAY,
    "DELTA_BYTE_ARRAY": DELTA_BYTE_ARRAY,
}
CODECS = ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]


def stream(count: int, of_block: int = 1 << 15, width: int = 0) -> bytes:
    """Lengths that are all 0, but there need not be so many."""
    head = varint(of_block) + varint(4) + varint(count) + number(0)
    return head + (number(0) + bytes([width] * 4)) * -(-(min(count, 1 << 20) - 1) // of_block)


def whole(path: Path) -> pa.Table:
    location = Location(str(path))
    with location.open() as handle:
        return read_whole(location, handle)


@settings(max_examples=30)
@given(
    st.lists(st.none() | st.text(max_size=40), max_size=300),
    st.sampled_from([*ENCODINGS]),
    st.sampled_from(CODECS),
    st.sampled_from(["1.0", "2.0"]),
    st.sampled_from([100, 1 << 20]),
    st.booleans(),
)
def test_honest_pages_are_read(
    tmp_path_factory, texts, encoding, codec, version, size, in_lists
) -> None:
    path = tmp_path_factory.mktemp("delta") / "x.parquet"
    column, place = pa.array(texts, pa.string()), "x"
    if in_lists and encoding == "DELTA_LENGTH_BYTE_ARRAY":
        column, place = (
            pa.array([[text, "y"][: len(text or "") % 3] for text in texts]),
            "x.list.element",
        )
    if pa.types.is_null(column.type) or column.type == pa.list_(pa.null()):
        return
    pq.write_table(
        pa.table({"x": column}),
        path,
        use_dictionary=False,
        column_encoding={place: encoding},
        compression=codec,
        data_page_version=version,
        data_page_size=size,
        row_group_size=200,
    )
    assert whole(path).column("x").to_pylist() == column.to_pylist()


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_long_pages_of_several_blocks_are_read(tmp_path, encoding, codec) -> None:
    texts = [f"{'y' * (number % 300)} {number % 7}" for number in range(20_000)]
    path = tmp_path / "x.parquet"
    options = {"use_dictionary": False, "column_encoding": {"x": encoding}}
    pq.write_table(pa.table({"x": texts}), path, compression=codec, **options)
    assert whole(path).column("x").to_pylist() == texts


@pytest.mark.parametrize(
    "streams",
    [
        {DELTA_LENGTH_BYTE_ARRAY: stream(9)},
        {DELTA_LENGTH_BYTE_ARRAY: stream(10**9)},
        {DELTA_BYTE_ARRAY: stream(10**9) + stream(8)},
        {DELTA_BYTE_ARRAY: stream(8) + stream(10**9)},
        {DELTA_BYTE_ARRAY: stream(8, width=5) + bytes(5 << 10) + stream(10**9)},
        {DELTA_LENGTH_BYTE_ARRAY: b""},
        {DELTA_LENGTH_BYTE_ARRAY: stream(8)[:3]},
        {DELTA_BYTE_ARRAY: stream(8)},
        {DELTA_BYTE_ARRAY: stream(8, width=33)},
        {DELTA_BYTE_ARRAY: stream(8, of_block=1 << 20)},
        {DELTA_BYTE_ARRAY: stream(8, of_block=100)},
    ],
)
def test_a_page_with_more_lengths_than_values_is_refused(tmp_path, streams) -> None:
    """The second one stood for 4 GB of memory."""
    ((encoding, data),) = streams.items()
    path = tmp_path / "x.parquet"
    schema = pa.schema([pa.field("x", pa.string(), nullable=False)])
    (name,) = (name for name, value in ENCODINGS.items() if value == encoding)
    # What stands for the page, and is replaced by it: eight equal texts.
    room = max(200, len(data))
    table = pa.table({"x": ["z" * room] * 8}, schema)
    options = {"use_dictionary": False, "column_encoding": {"x": name}, "compression": "none"}
    pq.write_table(table, path, write_statistics=False, **options)
    whole_file = path.read_bytes()
    first = whole_file.index(varint(128) + varint(4) + varint(8))
    own = data + bytes(max(0, whole_file.index(b"z" * 100) - first + 100 - len(data)))
    path.write_bytes(whole_file[:first] + own + whole_file[first + len(own) :])
    with pytest.raises(UnusableInput, match="a page of column 'x' cannot be read"):
        whole(path)


@pytest.mark.parametrize("is_packed", [True, False])
def test_a_page_that_says_it_is_not_packed_is_read_as_if_it_were_too(tmp_path, is_packed) -> None:
    """Of some old writers Arrow unpacks it (ARROW-17100)."""
    pq.write_table(pa.table({"x": ["a"]}), tmp_path / "x.parquet")
    column = pq.read_metadata(tmp_path / "x.parquet").schema.column(0)
    literal = stream(10**9)[:10] + bytes(300)
    data = literal + literal[:7]
    # Snappy: a literal, and a copy of seven bytes, which take five fewer. So there are as many
    # bytes packed as unpacked, as in an honest page that is not packed.
    copy = bytes([(7 - 4) << 2 | 1 | len(literal) >> 8 << 5, len(literal) & 255])
    packed = varint(len(data)) + b"\xf4" + (len(literal) - 1).to_bytes(2, "little") + literal + copy
    assert pa.decompress(packed, len(data), "snappy", asbytes=True) == data
    assert len(packed) == len(data)
    page = DeltaPage(memoryview(packed), len(data), DELTA_LENGTH_BYTE_ARRAY, 8, None, 0, is_packed)
    with pytest.raises(ValueError, match="more lengths than values"):
        check_lengths(page, "SNAPPY", column)
    with pytest.raises(ValueError, match="no sizes of a page"):
        check_lengths(page._replace(data=page.data[:-1], is_packed=False), "SNAPPY", column)
    honest = stream(8)
    unpacked = page._replace(data=memoryview(honest), unpacked=len(honest), is_packed=False)
    check_lengths(unpacked, "SNAPPY", column)
