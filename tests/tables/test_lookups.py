"""Values of one hash of Arrow's take no longer to look up than others."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from effort import growth
from hypothesis import given
from hypothesis import strategies as st

from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.tables import parquet
from nmt.tables.lookups import numbers_of, places_in, with_one_dictionary
from nmt.tables.parquet import read_whole

TEXTS = st.lists(st.none() | st.text(max_size=3))
# Of XXH64, which Arrow hashes texts of up to 16 bytes by.
P1, P2 = np.uint64(11400714785074694791), np.uint64(14029467366897019727)
INVERSE = np.uint64(pow(int(P1), -1, 2**64))


def colliding(count: int) -> list[bytes]:
    """Different values of 16 bytes whose hash is the same in all 64 bits."""
    last = np.arange(1, count + 1, dtype=np.uint64)
    first = (np.uint64(0x1234567890ABCDEF ^ 16) ^ (last * P2).byteswap()).byteswap() * INVERSE
    data = np.stack([last, first], 1).tobytes()
    return [data[start : start + 16] for start in range(0, len(data), 16)]


def whole(path) -> pa.Table:
    location = Location(str(path))
    with location.open() as handle:
        return read_whole(location, handle)


@pytest.fixture(scope="module")
def texts() -> list[bytes]:
    return colliding(12_000)


def test_dictionaries_of_texts_are_read_in_linear_time(tmp_path, texts) -> None:
    for count in (1500, 12_000):
        table = pa.table({"x": texts[:count]})
        pq.write_table(table, tmp_path / f"{count}.parquet", dictionary_pagesize_limit=1 << 24)
    assert growth(lambda n: whole(tmp_path / f"{n}.parquet"), 1500, 12_000) < 30


def test_values_are_looked_up_in_linear_time(texts) -> None:
    arrays = {n: pa.chunked_array([texts[:n]]) for n in (1500, 12_000)}
    assert growth(lambda n: places_in(arrays[n], arrays[n]), 1500, 12_000) < 30
    assert growth(lambda n: numbers_of(arrays[n]), 1500, 12_000) < 30


def test_categories_become_one_dictionary_in_linear_time(texts) -> None:
    def table(count: int) -> pa.Table:
        parts = [texts[start : start + 100] for start in range(0, count, 100)]
        zeros = pa.array(np.zeros(8, np.int32))
        chunks = [pa.DictionaryArray.from_arrays(zeros, pa.array(part)) for part in parts]
        return pa.table({"x": pa.chunked_array(chunks)})

    tables = {n: table(n) for n in (1500, 12_000)}
    assert growth(lambda n: with_one_dictionary(tables[n]), 1500, 12_000) < 30


@pytest.mark.parametrize("longest", [1, 9000])
def test_texts_of_dictionaries_are_as_before(tmp_path, longest, monkeypatch) -> None:
    """Short ones are read as they are, long ones as dictionaries, unless there are many."""
    texts = [f"{number % 97} {'y' * longest}" for number in range(3000)]
    pq.write_table(pa.table({"x": texts}), tmp_path / "x.parquet")
    for most in (10_000, 50):
        monkeypatch.setattr(parquet, "_MOST_HASHED", most)
        assert whole(tmp_path / "x.parquet").column("x").to_pylist() == texts


def test_a_column_of_very_many_categories_is_refused(tmp_path) -> None:
    values = pa.array([f"{number}" for number in range(10_001)]).dictionary_encode()
    pq.write_table(pa.table({"x": values}), tmp_path / "x.parquet")
    with pytest.raises(UnusableInput, match="'x' has dictionaries of 10,001 values, more than 10,"):
        whole(tmp_path / "x.parquet")


@given(TEXTS, TEXTS)
def test_lookups_find_what_arrow_finds(values, among) -> None:
    arrays = [pa.chunked_array([x[:3], x[3:]], pa.string()) for x in (values, among)]
    expected = pa.compute.index_in(arrays[0], value_set=arrays[1]).fill_null(-1)
    # Arrow finds no null, and here nulls are equal.
    found = places_in(*arrays)
    for value, place, other in zip(values, found, expected.to_pylist(), strict=True):
        assert place == other or value is None
    first = [values.index(value) for value in values]
    assert [sorted({*first}).index(place) for place in first] == numbers_of(arrays[0]).tolist()


@given(st.lists(TEXTS, min_size=1))
def test_one_dictionary_holds_the_same_values(parts) -> None:
    chunks = [pa.array(part, pa.string()).dictionary_encode() for part in parts]
    column = pa.chunked_array(chunks)
    table = with_one_dictionary(pa.table({"x": column}))
    assert table.column("x").to_pylist() == column.to_pylist()
    assert table.schema == pa.schema({"x": column.type})
    chunks = table.column("x").chunks
    assert all(chunk.dictionary.equals(chunks[0].dictionary) for chunk in chunks)
