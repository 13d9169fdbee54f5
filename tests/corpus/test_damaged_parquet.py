"""Damaged Parquet and Parquet that claims too much are one line, whatever pyarrow raises."""

import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nmt.corpus.readers import open_pairs
from nmt.errors import JobFailed, UnusableInput
from nmt.storage.location import Location
from nmt.tables import parquet
from nmt.translation.input.corpus import inspect
from nmt.translation.input.unit_rows import read_unit


def deep(kind: str, levels: int) -> pa.Table:
    """A column of lists inside of lists."""
    value, of = [1], pa.list_(pa.int64())
    for _ in range(levels):
        value, of = [value], pa.list_(of)
    return pa.table({"source": ["a"], "target": ["b"], kind: pa.array([value], of)})


def write(file: Path, change: Callable[[bytes], bytes] = lambda data: data) -> None:
    rows = [f"A dog {number} sleeps." for number in range(3000)]
    pq.write_table(pa.table({"source": rows, "target": rows, "column_x": rows}), file)
    file.write_bytes(change(file.read_bytes()))


DAMAGES = {
    "a page": lambda data: data[:400] + bytes(b ^ 0x5A for b in data[400:600]) + data[600:],
    "a header": lambda data: data[:4] + b"\xff" * 40 + data[44:],
    "a footer": lambda data: data[:-200] + b"\x9f" * 60 + data[-140:],
    "a name": lambda data: data.replace(b"column_x", b"column_\xff"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_one_line(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "in.parquet"
    write(file, DAMAGES[damage])
    messages = [
        refusal(lambda: inspect(str(file), "source")),
        refusal(lambda: list(open_pairs(Location(file)).rows())),
    ]
    assert any(messages)
    for message in filter(None, messages):
        assert message.startswith(str(file))
        assert "\n" not in message
        assert len(message) < 400


def refusal(use: Callable[[], object]) -> str:
    """The line with which something is refused; empty if it is not, other errors are raised."""
    try:
        use()
    except UnusableInput as error:
        return str(error)
    return ""


def test_deep_columns_are_one_line(tmp_path: Path) -> None:
    pq.write_table(deep("n", 100), tmp_path / "in.parquet")
    with pytest.raises(UnusableInput, match="damaged"):
        open_pairs(Location(tmp_path / "in.parquet")).inspect()


@pytest.mark.parametrize(
    ("columns", "values", "message"),
    [(1200, 1, "1,202 columns, more than 1,000"), (40, 900_000, "values, more than 100 a byte")],
)
def test_many_columns_are_not_read(tmp_path: Path, columns, values, message) -> None:
    zeros = pa.ListArray.from_arrays([0, values], np.zeros(values, np.int64))
    more = {f"c{number}": zeros for number in range(columns)}
    pq.write_table(pa.table({"source": ["a"], "target": ["b"], **more}), tmp_path / "in.parquet")
    with pytest.raises(UnusableInput, match=message):
        inspect(str(tmp_path / "in.parquet"), "source")


def test_a_footer_that_ends_the_interpreter_is_one_line(tmp_path: Path) -> None:
    """A sizes' histogram of another length: pyarrow aborts the process where it meets one."""
    file = tmp_path / "in.parquet"
    pq.write_table(pa.table({"id": ["a"], "source": ["x"], "target": ["y"], "n": [1]}), file)
    whole = file.read_bytes()
    footer = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    places = [i for i in range(footer, len(whole)) if whole[i] == 0x29]
    messages = []
    for place in places:
        file.write_bytes(whole[:place] + b"\x16" + whole[place + 1 :])
        messages += [
            refusal(lambda: inspect(str(file), "source")),
            refusal(lambda: list(open_pairs(Location(file)).rows())),
        ]
    deadly = [message for message in messages if "pyarrow does not survive" in message]
    assert deadly, messages
    assert all(message.startswith(f"{file}: damaged (") for message in deadly)
    file.write_bytes(whole)
    assert inspect(str(file), "source").rows == 1


def pretend(file: Path, column: pa.Array, kind: pa.DataType) -> Path:
    """Write a column ``x``, and say in the metadata for pyarrow that it is of another type."""
    texts = [f"A dog {number} sleeps." for number in range(len(column))]
    table = pa.table({"source": texts, "target": texts, "x": column})
    claim = pa.schema([*list(table.schema)[:-1], pa.field("x", kind)]).serialize().to_pybytes()
    with pq.ParquetWriter(file, table.schema, store_schema=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({"ARROW:schema": base64.b64encode(claim).decode()})
    return file


def lists(size: int, levels: int = 1) -> pa.DataType:
    kind = pa.int32()
    for _ in range(levels):
        kind = pa.list_(kind, size)
    return kind


NULLS = {
    "one": (pa.nulls(3, pa.list_(pa.int32())), lists(1 << 20)),
    "huge": (pa.nulls(3, pa.list_(pa.int32())), lists(2**31 - 1)),
    "inside each other": (pa.nulls(3, pa.list_(pa.list_(pa.int32()))), lists(1500, 2)),
    "inside lists": (
        pa.array([[None] * 9], pa.list_(pa.list_(pa.int32()))),
        pa.list_(lists(1 << 20)),
    ),
    "inside others": (
        pa.array([{"a": None}] * 3, pa.struct({"a": pa.list_(pa.int32())})),
        pa.struct({"a": lists(1 << 20)}),
    ),
}


@pytest.mark.parametrize("what", NULLS)
def test_nulls_that_stand_for_many_values_are_one_line(tmp_path: Path, what: str) -> None:
    """In memory a null of a list of a fixed size is as large as any other."""
    file = pretend(tmp_path / "in.parquet", *NULLS[what])
    for use in (lambda: inspect(str(file), "source"), lambda: open_pairs(Location(file)).inspect()):
        message = refusal(use)
        assert "values of a column, more than 100 a byte" in message
        assert "\n" not in message


def test_nulls_of_many_bytes_are_one_line(tmp_path: Path) -> None:
    nulls = pa.nulls(20_000, pa.binary(60_000))
    pq.write_table(pa.table({"source": ["a"] * 20_000, "x": nulls}), tmp_path / "in.parquet")
    message = refusal(lambda: inspect(str(tmp_path / "in.parquet"), "source"))
    assert "that unpack to 1,2" in message


def test_lists_of_a_fixed_size_are_read(tmp_path: Path) -> None:
    rows = 2000
    numbers = pa.array(np.random.default_rng(1).random(rows * 300), pa.float32())
    vectors = pa.FixedSizeListArray.from_arrays(numbers, 300)
    texts = [f"a {number}" for number in range(rows)]
    pq.write_table(pa.table({"source": texts, "x": vectors}), tmp_path / "in.parquet")
    units = inspect(str(tmp_path / "in.parquet"), "source").units()
    tables = [read_unit(unit, "source", None).others for unit in units]
    assert pa.concat_tables(tables).column("x").combine_chunks().equals(vectors)


def test_lists_of_no_value_are_stored_so_that_they_can_be_read(tmp_path: Path) -> None:
    column = pa.array([[], None, []], pa.list_(pa.int32()))
    file = pretend(tmp_path / "in.parquet", column, lists(0))
    (unit,) = inspect(str(file), "source").units()
    stored = Location(tmp_path / "out.parquet")
    stored.write_table(read_unit(unit, "source", None).others)
    assert pq.read_table(stored.path).column("x").to_pylist() == [[], None, []]


def grouped(file: Path, groups: int, columns: int = 2) -> Path:
    names = ["source", "target", *(f"c{number}" for number in range(columns - 2))]
    table = pa.table({name: ["a"] for name in names})
    with pq.ParquetWriter(file, table.schema, write_statistics=False) as writer:
        for _ in range(groups):
            writer.write_table(table)
    return file


def test_a_footer_is_parsed_once_however_many_row_groups_there_are(tmp_path, monkeypatch) -> None:
    calls: list[str] = []
    for module, name in ((pq, "read_metadata"), (pq, "ParquetFile")):
        real = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *a, _r=real, _n=name, **o: calls.append(_n) or _r(*a, **o)
        )
    counts = []
    for groups in (5, 200):
        file = grouped(tmp_path / f"{groups}.parquet", groups)
        calls.clear()
        assert len(list(open_pairs(Location(file)).rows())) == groups
        for unit in inspect(str(file), "source").units():
            assert len(read_unit(unit, "source", None).texts) == groups
        counts.append(sorted(calls))
    assert counts[0] == counts[1]
    assert len(counts[0]) < 20


@pytest.mark.parametrize(("groups", "columns"), [(41, 2), (11, 10)])
def test_very_many_row_groups_are_one_line(tmp_path, monkeypatch, groups, columns) -> None:
    monkeypatch.setattr(parquet, "_GROUPS", 40)
    monkeypatch.setattr(parquet, "_CHUNKS", 100)
    file = grouped(tmp_path / "in.parquet", groups, columns)
    for use in (lambda: inspect(str(file), "source"), lambda: open_pairs(Location(file)).inspect()):
        assert refusal(use).endswith("; write it with larger row groups")
    assert not refusal(lambda: inspect(str(grouped(file, groups - 1, columns)), "source"))


@pytest.mark.parametrize("encoding", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", "PLAIN"])
def test_texts_in_any_encoding_are_read(tmp_path: Path, encoding: str) -> None:
    file, texts = tmp_path / "in.parquet", [f"A dog {number} sleeps." for number in range(100)]
    table = pa.table({"source": texts, "target": texts})
    encodings = {"source": encoding, "target": encoding}
    pq.write_table(table, file, use_dictionary=False, column_encoding=encodings)
    corpus = inspect(str(file), "source")
    rows = [read_unit(unit, "source", None, 1000).texts for unit in corpus.units()]
    assert [text for some in rows for text in some] == [text.encode() for text in texts]
    assert len(list(open_pairs(Location(file)).rows())) == 100


def test_bytes_that_values_share_are_unpacked_a_few_at_a_time(tmp_path: Path, monkeypatch) -> None:
    sizes, real = [], pq.ParquetFile.iter_batches

    def iter_batches(self, size, **options):
        sizes.append(size)
        return real(self, size, **options)

    file, table = tmp_path / "in.parquet", pa.table({"source": ["a" * 50_000] * 3000})
    encodings = {"source": "DELTA_BYTE_ARRAY"}
    pq.write_table(table, file, use_dictionary=False, column_encoding=encodings)
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", iter_batches)
    (unit, *_) = inspect(str(file), "source").units()
    read_unit(unit, "source", None, 1000)
    assert max(sizes) * 50_000 <= 64 << 20


@pytest.mark.parametrize("seed", range(4))
def test_bytes_that_were_changed_are_one_line(tmp_path: Path, seed: int) -> None:
    """Of the footer, and of the pages; some change nothing that anybody reads."""
    file, random = tmp_path / "in.parquet", np.random.default_rng(seed)
    rows = [f"A dog {number % 7} sleeps." for number in range(50)]
    table = pa.table({"source": rows, "target": rows, "x": [[number] for number in range(50)]})
    pq.write_table(table, file, compression=["none", "zstd", "snappy", "gzip"][seed])
    whole = file.read_bytes()
    for _ in range(12):
        data = bytearray(whole)
        for place in random.integers(4, len(data) - 8, random.integers(1, 4)):
            data[place] = random.choice([0, 1, 0x7F, 0x80, 0xFF, random.integers(256)])
        file.write_bytes(data)

        def read() -> None:
            for unit in inspect(str(file), "source").units():
                read_unit(unit, "source", None, 1000)

        for use in (read, lambda: list(open_pairs(Location(file)).rows())):
            assert "\n" not in refusal(use)


def test_pairs_that_share_long_sides_are_in_proportion_to_their_file(tmp_path: Path) -> None:
    """Each row of them costs what its sides have, however often the file has them."""
    rows, sides = 2000, {}
    for name in ("source", "target"):
        places = pa.array([0] * rows, pa.int32())
        sides[name] = pa.DictionaryArray.from_arrays(places, pa.array([name[0] * 900_000]))
    file = tmp_path / "pairs.parquet"
    pq.write_table(pa.table(sides), file, compression="zstd")
    with pytest.raises(UnusableInput, match=r"its first \d+ rows have more than 67,108,864 bytes"):
        list(open_pairs(Location(file)).rows())


def test_what_needs_more_memory_than_there_is_is_one_line(tmp_path, monkeypatch) -> None:
    """And it is the machine's fault, not that of the file."""
    write(tmp_path / "a.parquet")

    def no_room(*_, **__):
        raise pa.ArrowMemoryError("malloc of size 9 failed")

    monkeypatch.setattr(parquet.Window, "add", no_room)
    reader = open_pairs(Location(tmp_path / "a.parquet"))
    with pytest.raises(JobFailed, match=r"a\.parquet: not enough memory to read it \(malloc of"):
        [*reader.rows()]
