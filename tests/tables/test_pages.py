"""What Parquet's pages say they unpack to counts, whatever the footer says."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from thrift_bytes import field, number, varint

from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.tables import pages, parquet
from nmt.tables.pages import ColumnBytes
from nmt.tables.parquet import read_whole

MIB = 1 << 20
LAST = (1 << 31) - 1


def header(
    kind: int = 0, unpacked: int = 7, packed: int = 0, values: int = 1, data: bytes = b""
) -> bytes:
    """A header of a page of data, with its sizes and the number of its values."""
    sizes = b"".join(field(1, 5, number(value)) for value in (kind, unpacked, packed))
    place = {0: 5, 2: 7, 3: 8}[kind]
    own = field(1, 5, number(values)) + field({3: 3}.get(kind, 1), 5, number(0)) + b"\0"
    return sizes + (data or field(place - 3, 12, own)) + b"\0"


def count(data: bytes, values: int = 1) -> tuple:
    return pages._claims(memoryview(data), values)[:4]


PLAIN = frozenset({0})


def whole(location: Location) -> pa.Table:
    with location.open() as handle:
        return read_whole(location, handle)


def test_a_header_says_what_its_page_unpacks_to():
    assert count(header(unpacked=LAST)) == (LAST, LAST, 0, PLAIN)
    assert count(header(values=1) + header(values=2), 3) == (14, 7, 0, PLAIN)
    # A dictionary has no values of the column, and what comes after the last value is not read.
    assert count(header(kind=2, values=7) + header(values=5) + b"rest", 5) == (14, 7, 7, PLAIN)
    with_text = field(
        2, 12, field(1, 5, number(1)) * 2 + field(3, 12, field(1, 8, b"\3abc\0")) + b"\0"
    )
    assert count(header(data=with_text)) == (7, 7, 0, {1})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        header()[:-1],
        header(unpacked=-1),
        header(packed=-1),
        header(packed=1),
        header(values=2),
        header(values=-1),
        header(kind=2, values=8) + header(),
        # What Arrow would cut to 16 or 32 bits, or pass over, and what stands for one of two.
        header(unpacked=1 << 31),
        header(values=(1 << 32) + 1),
        b"\x05" + number((1 << 16) + 2) + number(7) + header(),
        b"\x05" + number(-1) + number(7) + header(),
        header(data=field(2, 12, field(1, 6, number(1)) + b"\0")),
        header(kind=3, data=field(2, 12, field(1, 5, number(1)) + b"\0")),
        field(1, 5, number(5)) + field(1, 5, number(0)) * 2 + b"\0",
        field(1, 5, number(0)) + b"\0",
        header(data=field(2, 9, b"\x15\2")),
        header(data=field(2, 12) * 50),
        b"\x15" + b"\xff" * 20,
    ],
)
def test_what_is_no_header_is_refused(data: bytes):
    with pytest.raises((IndexError, KeyError, ValueError)):
        count(data)


@pytest.fixture
def lying(tmp_path: Path) -> Path:
    """300 pages of 1 MiB in 60 kB, whose footer says 1,000 bytes of each."""
    rows, path = pa.table({"x": [b"z" * MIB]}), tmp_path / "x.parquet"
    with pq.ParquetWriter(
        path, rows.schema, compression="zstd", use_dictionary=False, write_statistics=False
    ) as file:
        for _ in range(300):
            file.write_table(rows)
    data = path.read_bytes()
    true = pq.read_metadata(path).row_group(0).total_byte_size
    assert true > MIB
    told = varint(true << 1)
    assert data.count(told) >= 600
    path.write_bytes(data.replace(told, varint(1000 << 1, len(told))))
    assert pq.read_metadata(path).row_group(0).total_byte_size == 1000
    return path


def test_pages_count_whatever_the_footer_says(lying: Path):
    location = Location(str(lying))
    with (
        location.open() as handle,
        pytest.raises(
            UnusableInput, match=r"bytes that unpack to 268,[0-9,]+, more than 200 times"
        ),
    ):
        read_whole(location, handle, most=1 << 40)


def test_pages_say_their_encodings_whatever_the_footer_says(tmp_path: Path):
    """By DELTA_LENGTH_BYTE_ARRAY each row would get a value of its own."""
    location = Location(str(tmp_path / "x.parquet"))
    shared = pa.DictionaryArray.from_arrays(pa.array([0] * 5000, pa.int32()), ["y" * 60_000])
    pq.write_table(pa.table({"x": shared}), location.path, store_schema=False)
    data = Path(location.path).read_bytes()
    plain_rle_dictionary, delta_length = b"\x35\x00\x06\x10", b"\x35\x00\x06\x0c"
    assert data.count(plain_rle_dictionary) == 1
    Path(location.path).write_bytes(data.replace(plain_rle_dictionary, delta_length))
    assert (
        "DELTA_LENGTH_BYTE_ARRAY"
        in pq.read_metadata(location.path).row_group(0).column(0).encodings
    )
    with location.open() as handle, pytest.raises(UnusableInput, match="5,000 rows share or rep"):
        read_whole(location, handle, most=1 << 40)


@pytest.mark.parametrize("nested", ["alone", "in a struct", "in lists"])
def test_values_that_come_as_no_dictionaries_are_counted(tmp_path: Path, nested: str):
    """Arrow gives each row its own, though dictionaries are asked for."""
    location, rows = Location(str(tmp_path / "x.parquet")), 6000
    texts = pa.array(["y" * 60_000] * rows).cast(pa.json_())
    if nested == "in a struct":
        texts = pa.StructArray.from_arrays([texts], ["s"])
    if nested == "in lists":
        texts = pa.ListArray.from_arrays(pa.array([*range(rows + 1)], pa.int32()), texts)
    pq.write_table(pa.table({"x": texts}), location.path, compression="zstd")
    message = r"column 'x.*' has values in l" if nested == "in lists" else "5,590 rows share or rep"
    with location.open() as handle, pytest.raises(UnusableInput, match=message):
        read_whole(location, handle, most=1 << 40)


def test_the_schema_is_parsed_as_often_whatever_the_row_groups(tmp_path: Path, monkeypatch):
    """It may be long: its size times their number would be quadratic."""
    table, counts, real = pa.table({"x": ["a"] * 64}), [], pq.ParquetFile.schema_arrow
    location = Location(str(tmp_path / "x.parquet"))

    def schema_arrow(self):
        counts[-1] += 1
        return real.__get__(self)

    monkeypatch.setattr(pq.ParquetFile, "schema_arrow", property(schema_arrow))
    for rows in (64, 1):
        pq.write_table(table, location.path, row_group_size=rows)
        counts.append(0)
        with location.open() as handle:
            assert read_whole(location, handle) == table
    assert counts[0] == counts[1]
    pq.write_table(table.replace_schema_metadata({"a": "b" * (1 << 20)}), location.path)
    with location.open() as handle, pytest.raises(UnusableInput, match="bytes of metadata, more"):
        read_whole(location, handle)


def test_each_level_of_lists_counts(tmp_path: Path, monkeypatch):
    value, kind = [1] * 100, pa.list_(pa.int64())
    for _ in range(9):
        value, kind = [value], pa.list_(kind)
    location = Location(str(tmp_path / "x.parquet"))
    pq.write_table(pa.table({"x": pa.array([value], kind)}), location.path)
    monkeypatch.setattr(parquet, "_ROWS_OF_A_BYTE", 0)
    monkeypatch.setattr(parquet, "_FEW_VALUES", 1000)
    assert whole(location).num_rows == 1
    monkeypatch.setattr(parquet, "_FEW_VALUES", 999)
    with pytest.raises(UnusableInput, match="that hold 1,000 values"):
        whole(location)


def test_values_of_dictionaries_count_though_no_row_has_them(tmp_path: Path, monkeypatch):
    words = pa.array([str(number) for number in range(100)])
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 8, pa.int32()), words)
    location = Location(str(tmp_path / "x.parquet"))
    pq.write_table(pa.table({"x": column}), location.path)
    monkeypatch.setattr(parquet, "_ENTRIES_OF_A_BYTE", 0)
    monkeypatch.setattr(parquet, "_FEW_ROWS", 100)
    assert whole(location).num_rows == 8
    monkeypatch.setattr(parquet, "_FEW_ROWS", 99)
    with pytest.raises(UnusableInput, match="that hold 100 values of dictionaries"):
        whole(location)


@pytest.mark.parametrize("wanted", [["text.en"], ["text"], ["text.en", "text"], ["a"], None])
def test_columns_whose_names_are_paths_are_counted_and_read(tmp_path: Path, wanted):
    """pyarrow reads the column ``text.en``, and of the column ``text`` what is called ``en``."""
    path, words = tmp_path / "x.parquet", [f"w{number}" for number in range(5000)]
    columns = {
        "text.en": pa.array(words),
        "text": pa.array([{"en": word, "de": None} for word in words]),
        "a": pa.array(words),
        "a.b": pa.array(words),
    }
    location = Location(str(path))
    pq.write_table(pa.table(columns), path)
    with location.open() as handle:
        rows = read_whole(location, handle, wanted)
        assert rows.equals(pa.table(columns).select(wanted or [*columns]))
    shared = pa.DictionaryArray.from_arrays(pa.array([0] * 5000, pa.int32()), ["y" * 60_000])
    columns["text"] = pa.StructArray.from_arrays([shared, words], ["en", "de"])
    columns["a.b"] = shared
    pq.write_table(pa.table(columns), path)
    with location.open() as handle:
        if wanted == ["a"]:
            assert read_whole(location, handle, wanted).num_rows == 5000
            return
        with pytest.raises(UnusableInput, match=r"5,000 rows share or repeat [0-9,]+ bytes in co"):
            read_whole(location, handle, wanted, most=1 << 40)


@given(
    rows=st.lists(
        st.tuples(st.binary(max_size=30), st.none() | st.integers(0, 3), st.lists(st.text())),
        max_size=40,
    ),
    codec=st.sampled_from(["snappy", "gzip", "brotli", "zstd", "lz4"]),
    version=st.sampled_from(["1.0", "2.0"]),
    dictionary=st.booleans(),
    size=st.sampled_from([64, MIB]),
)
def test_pages_of_any_file_are_counted(tmp_path_factory, rows, codec, version, dictionary, size):
    columns = [[row[n] for row in rows] for n in range(3)]
    kinds = pa.binary(), pa.int32(), pa.list_(pa.string())
    table = pa.table([pa.array(c, k) for c, k in zip(columns, kinds, strict=True)], ["a", "b", "c"])
    folder = tmp_path_factory.mktemp("pages")
    sizes = []
    for name in (codec, "none"):
        location = Location(str(folder / f"{name}.parquet"))
        pq.write_table(
            table,
            location.path,
            compression=name,
            data_page_version=version,
            use_dictionary=dictionary,
            data_page_size=size,
            write_batch_size=4,
        )
        with location.open() as handle:
            assert read_whole(location, handle).equals(pq.read_table(location.path))
            group = pq.ParquetFile(handle).metadata
            if group.num_row_groups:
                claims = ColumnBytes(location, handle).hold(group.row_group(0), [0, 1, 2])
                unpacked = sum(own.unpacked for own in claims.values())
                assert 0 <= unpacked <= group.row_group(0).total_byte_size
                sizes.append([own[:4] for own in claims.values()])
    assert sizes[:1] == sizes[1:]


@given(place=st.floats(0, 1), value=st.integers(0, 255), dictionary=st.booleans())
def test_a_changed_byte_never_makes_other_rows(tmp_path_factory, place, value, dictionary):
    table = pa.table({"a": [f"text {n}" for n in range(50)], "b": [None, [1]] * 25})
    path = tmp_path_factory.mktemp("pages") / "x.parquet"
    pq.write_table(table, path, use_dictionary=dictionary, compression="none", data_page_size=99)
    data = bytearray(path.read_bytes())
    group = pq.read_metadata(path).row_group(0)
    end = max(pages.span_of(group.column(n))[1] for n in range(2))
    data[4 + int(place * (end - 5))] = value
    path.write_bytes(data)
    try:
        expected = pq.read_table(path)
        expected.validate(full=True)
    except (OSError, ValueError):
        expected = None
    location = Location(str(path))
    try:
        with location.open() as handle:
            rows = read_whole(location, handle)
    except (UnusableInput, OSError, ValueError):
        return
    assert expected is None or rows.equals(expected)
