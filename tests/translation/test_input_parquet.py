"""Parquet to translate, from other writers and in folders that are columns."""

import decimal
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from input_corpora import look, parquet, read, text

from nmt.errors import UnusableInput
from nmt.tables.columns import texts_of
from nmt.tables.values import json_values
from nmt.translation.input import parquet_rows
from nmt.translation.input.corpus import inspect
from nmt.translation.input.unit_rows import read_unit
from nmt.translation.input.units import Unit


def test_units_are_a_partition_of_parquet(tmp_path) -> None:
    texts = [f"t{number}" for number in range(5000)]
    ids = [f"id-{number * 7}" for number in range(5000)]
    for number, (start, stop) in enumerate([(0, 1), (1, 3000), (3000, 5000)]):
        columns = {"source": texts[start:stop], "id": ids[start:stop], "n": range(start, stop)}
        columns = {name: pa.array(list(values)) for name, values in columns.items()}
        parquet(tmp_path / f"{number}.parquet", columns, group=700)
    corpus = look(tmp_path)
    assert corpus.kind == "parquet"
    assert corpus.columns.names == ["n"]
    assert corpus.id_column == "id"
    assert read(corpus) == list(zip(ids, [text.encode() for text in texts], strict=True))
    for unit in corpus.units():
        rows = read_unit(unit, "source", corpus.id_column)
        assert rows.others.column("n").to_pylist() == list(
            range(unit.first, unit.first + unit.rows)
        )
    assert corpus.units() == look(tmp_path).units()


def test_rows_without_an_id_column_are_numbered(tmp_path) -> None:
    parquet(tmp_path / "0.parquet", {"source": ["a", None]})
    parquet(tmp_path / "1.parquet", {"source": ["c"]})
    assert look(tmp_path).id_column is None
    assert read(look(tmp_path)) == [(0, b"a"), (1, None), (2, b"c")]


def test_an_id_column_is_named_found_or_refused(tmp_path) -> None:
    file = parquet(tmp_path / "a.parquet", {"source": ["a", "b"], "id": [5, 6], "key": ["x", "y"]})
    for name, ids, others in ((None, [5, 6], ["key"]), ("key", ["x", "y"], ["id"])):
        corpus = look(file, name)
        assert corpus.id_column == (name or "id")
        assert corpus.columns.names == others
        assert [found for found, _ in read(corpus)] == ids
    for name in ("ids", "source"):
        with pytest.raises(UnusableInput, match="--id-column"):
            look(file, name)
    with pytest.raises(UnusableInput, match="text has no column 'key'"):
        look(text(tmp_path / "a.txt", [b"a"]), "key")
    assert look(text(tmp_path / "a.txt", [b"a"]), "id").id_column is None
    corpus = inspect(str(parquet(tmp_path / "b.parquet", {"id": ["a", "a"]})), "id", None)
    assert corpus.id_column is None


BROKEN = pa.array([b"good", b"caf\xe9", None, b"last"], pa.binary())


def broken(kind: pa.DataType) -> pa.Array:
    """Text of a type with a row that is no UTF-8, as other writers leave it."""
    if pa.types.is_dictionary(kind):
        return BROKEN.cast(kind.value_type, safe=False).dictionary_encode()
    if kind == pa.string_view():
        return BROKEN.cast(pa.binary_view()).view(kind)
    return BROKEN.cast(kind, safe=False)


@pytest.mark.parametrize(
    "kind",
    [
        *(pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary()),
        pa.dictionary(pa.int32(), pa.string()),
    ],
)
def test_broken_utf8_is_a_row_not_a_crash(tmp_path, kind) -> None:
    columns = {"source": broken(kind), "reference": broken(kind), "n": [1, 2, 3, 4]}
    corpus = look(parquet(tmp_path / "a.parquet", columns, group=3))
    assert read(corpus) == list(enumerate(BROKEN.to_pylist()))
    (unit,) = corpus.units()
    others = read_unit(unit, "source", None).others
    expected = ["good", "caf\ufffd", None, "last"]
    assert texts_of(others.column("reference")) == expected
    # What the output keeps of them can be taken and stored.
    taken = pa.table({"r": others.column("reference").take(pa.array([0, 1, 3]))})
    pq.write_table(taken, tmp_path / "out.parquet")
    assert texts_of(pq.read_table(tmp_path / "out.parquet").column("r")) == [
        "good",
        "caf\ufffd",
        "last",
    ]


def test_ids_may_be_dictionary_encoded_but_must_be_utf8(tmp_path) -> None:
    ids = pa.array(["x", "y", "z"])
    for encoded in (ids.dictionary_encode(), ids.cast(pa.string_view())):
        file = parquet(tmp_path / "a.parquet", {"source": list("abc"), "id": encoded}, group=2)
        corpus = look(file)
        assert [found for found, _ in read(corpus)] == ["x", "y", "z"]
        (unit,) = corpus.units()
        assert read_unit(unit, "source", "id").ids.type == pa.string()
    bad = pa.array([b"x", b"\xff"]).cast(pa.string(), safe=False)
    file = parquet(tmp_path / "b.parquet", {"source": list("ab"), "id": bad})
    with pytest.raises(UnusableInput, match="no UTF-8"):
        look(file)


def test_a_unit_of_a_huge_row_group_is_not_all_of_it(tmp_path, monkeypatch) -> None:
    rows = 60_000
    file = parquet(tmp_path / "a.parquet", {"source": [f"t{i}" for i in range(rows)]}, group=rows)
    corpus = look(file)
    decoded = []
    real = pq.ParquetFile.iter_batches

    def counting(self: pq.ParquetFile, *args: object, **options: object):
        for batch in real(self, *args, **options):
            decoded.append(batch.num_rows)
            yield batch

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counting)
    read_unit(corpus.units()[0], "source", None)
    assert sum(decoded) < rows / 4
    assert max(decoded) <= 8192


def test_files_of_other_writers_are_read_as_one(tmp_path) -> None:
    """Order, nullability, widths, encodings, and what an empty file knows of its columns."""
    numbers = pa.array([1, 2], pa.int32())
    parquet(tmp_path / "a.parquet", {"source": ["a", None], "n": numbers, "t": ["x", "y"]})
    required = pa.schema([pa.field("t", pa.large_string(), False), ("n", pa.int64()),
                          ("source", pa.large_string())])  # fmt: skip
    table = pa.table({"t": ["z"], "n": [2**40], "source": ["c"]}).cast(required)
    pq.write_table(table.replace_schema_metadata({"writer": "another"}), tmp_path / "b.parquet")
    encoded = pa.DictionaryArray.from_arrays(pa.array([0, None], pa.int8()), ["ä"])
    parquet(tmp_path / "c.parquet", {"n": pa.nulls(2), "t": encoded, "source": encoded})
    parquet(tmp_path / "d.parquet", {"n": pa.nulls(0), "source": pa.nulls(0), "t": pa.nulls(0)})
    corpus = look(tmp_path)
    assert corpus.columns == pa.schema([("n", pa.int64()), ("t", pa.large_string())])
    assert read(corpus) == list(enumerate([b"a", None, b"c", "ä".encode(), None]))
    (unit,) = corpus.units()
    others = read_unit(unit, "source", None).others
    assert others.to_pydict() == {"n": [1, 2, 2**40, None, None], "t": ["x", "y", "z", "ä", None]}


def test_values_of_small_dictionaries_are_more_than_their_index_counts(tmp_path) -> None:
    """Of row groups and of files: 300 values with an index of 8 bits."""
    for number in range(3):
        values = [f"{number}-{i}" for i in range(100)]
        encoded = pa.DictionaryArray.from_arrays(pa.array(range(100), pa.int8()), values)
        parquet(tmp_path / f"{number}.parquet", {"source": values, "t": encoded})
    corpus = look(tmp_path)
    found = [
        value
        for unit in corpus.units()
        for value in read_unit(unit, "source", None).others.column("t").to_pylist()
    ]
    assert found == [f"{number}-{i}" for number in range(3) for i in range(100)]


def test_row_groups_without_rows(tmp_path) -> None:
    schema = pa.schema([("source", pa.string())])
    with pq.ParquetWriter(tmp_path / "a.parquet", schema) as writer:
        for rows in ([], ["a"], [], ["b"], []):
            writer.write_table(pa.table({"source": rows}, schema), row_group_size=10)
    assert pq.ParquetFile(tmp_path / "a.parquet").num_row_groups == 5
    assert read(look(tmp_path / "a.parquet")) == [(0, b"a"), (1, b"b")]


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (pa.array([decimal.Decimal("1.5")]), pa.array([decimal.Decimal("1.50")]), True),
        (pa.array([0.1], pa.float32()), pa.array([0.1]), False),
        (pa.array([5], pa.int8()), pa.array([5], pa.int64()), True),
        (pa.array([5], pa.uint8()), pa.array([2**64 - 5], pa.uint64()), False),
        (pa.array(["a"]), pa.array(["a"]).dictionary_encode(), True),
        (pa.array(["a"]), pa.array([b"a"]), True),
    ],
)
def test_ids_of_two_types_are_compared_as_they_are_stored(tmp_path, one, other, equal) -> None:
    """In the one type that they get in the output."""
    for name, ids in (("a", one), ("b", other)):
        parquet(tmp_path / f"{name}.parquet", {"source": ["x"], "id": ids})
    if equal:
        with pytest.raises(UnusableInput, match="is given more than once"):
            look(tmp_path)
    else:
        (unit,) = look(tmp_path).units()
        assert len(set(json_values(read_unit(unit, "source", "id").ids))) == 2


def test_a_column_whose_name_begins_like_that_of_the_ids(tmp_path) -> None:
    columns = {"id.first": [9, 9], "id": [1, 2], "source": ["a", "b"], "source.2": ["c", "d"]}
    assert read(look(parquet(tmp_path / "a.parquet", columns))) == [(1, b"a"), (2, b"b")]


def test_far_times_of_the_obsolete_type_are_themselves(tmp_path) -> None:
    """Spark's INT96, which pyarrow reads as nanoseconds; those end with the year 2262."""
    times = pa.array([253_402_300_799_000_000, 0, 5 * 10**17], pa.timestamp("us"))
    table = pa.table({"source": list("abc"), "t": times, "id": times})
    pq.write_table(table, tmp_path / "a.parquet", use_deprecated_int96_timestamps=True)
    (unit,) = look(tmp_path).units()
    rows = read_unit(unit, "source", "id")
    assert rows.ids.equals(times)
    assert rows.others.column("t").combine_chunks().equals(times)


def hive(base: Path, kind: str) -> None:
    for number, folder in enumerate(
        ("d=b/m=02", "d=a%2Fc/m=01", "m=01/d=__HIVE_DEFAULT_PARTITION__")
    ):
        (base / folder).mkdir(parents=True)
        if kind == "text":
            text(base / folder / "x.txt", [b"%d" % number] * 2)
        else:
            parquet(base / folder / "x.parquet", {"source": [f"{number}"] * 2})


@pytest.mark.parametrize("kind", ["text", "parquet"])
def test_folders_are_columns(tmp_path, kind) -> None:
    """Below what is named: a folder, or the first wildcard; whatever their order is."""
    hive(tmp_path / "run=1/in", kind)
    expected = {b"0": ("b", "02"), b"1": ("a/c", "01"), b"2": (None, "01")}
    for name in (tmp_path / "run=1/in", tmp_path / "run=1/in/*/*/*", f"{tmp_path}/run=1/in/"):
        corpus = look(name)
        assert set(corpus.columns.names) == {"d", "m"} == set(corpus.folders)
        assert {column.type for column in corpus.columns} == {pa.string()}
        for unit in corpus.units():
            rows = read_unit(unit, "source", None)
            found = zip(*(rows.others.column(n).to_pylist() for n in "dm"), strict=True)
            assert list(found) == [expected[line] for line in rows.texts if line is not None]
        read(corpus)
    assert look(tmp_path / "run=1/in/d=b").columns.names == ["m"]
    assert look(next((tmp_path / "run=1/in/d=b").rglob("x.*"))).columns.names == []


def test_a_column_of_the_file_comes_before_that_of_its_folder(tmp_path) -> None:
    (tmp_path / "d=folder").mkdir()
    parquet(tmp_path / "d=folder/a.parquet", {"d": ["file"], "source": ["a"]})
    parquet(tmp_path / "d=folder/b.parquet", {"source": ["b"]})
    (unit,) = look(tmp_path).units()
    rows = read_unit(unit, "source", None)
    assert rows.others.to_pydict() == {"d": ["file", "folder"]}


def test_a_folder_may_be_the_id_of_a_file_of_one_row(tmp_path) -> None:
    for name in "ab":
        (tmp_path / f"id={name}").mkdir()
        parquet(tmp_path / f"id={name}/x.parquet", {"source": [name]})
    assert read(look(tmp_path)) == [("a", b"a"), ("b", b"b")]
    parquet(tmp_path / "id=b/x.parquet", {"source": ["b", "c"]})
    with pytest.raises(UnusableInput, match="id 'b' is given more than once"):
        look(tmp_path)


def test_folders_of_an_object_store_are_columns(store) -> None:
    folder, _ = store
    hive(folder / "in", "text")
    for name in ("s3://bucket/in?region=us-east-1", "s3://bucket/in/*/*/*?region=us-east-1"):
        corpus = look(name)
        (unit,) = corpus.units()
        found = read_unit(unit, "source", None).others.select(["d", "m"]).to_pydict()
        assert found == {
            "d": ["a/c"] * 2 + ["b"] * 2 + [None] * 2,
            "m": ["01"] * 2 + ["02"] * 2 + ["01"] * 2,
        }


def test_a_process_reads_a_row_group_once_for_all_its_units(tmp_path, monkeypatch) -> None:
    """In order, and with gaps, which are other processes' units; backwards it begins anew."""
    values = range(9000)
    columns = {"source": [f"t{n}" for n in values], "n": pa.array(values)}
    parquet(tmp_path / "a.parquet", columns, group=7000)
    units, begun = look(tmp_path).units(), []
    real = parquet_rows.read_batches
    monkeypatch.setattr(parquet_rows, "read_batches", lambda *more: begun.append(1) or real(*more))

    def check(some: list[Unit]) -> int:
        begun.clear()
        for unit in some:
            rows = read_unit(unit, "source", None)
            span = range(unit.first, unit.first + unit.rows)
            assert rows.texts == [f"t{n}".encode() for n in span]
            assert rows.others.column("n").to_pylist() == list(span)
        return len(begun)

    assert len(units) > 30
    assert check(units) == 1
    assert check(units[::3]) == 1  # back to the start
    assert check([units[-1], units[-1]]) == 1  # on, and back
    assert check(units[::-1]) == len(units)
    shuffled = random.Random(3).sample(units, len(units))
    assert check(shuffled) < len(units)
