"""Small tables beside translations that stand for far more: one line, in little memory."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from memory import peak

from nmt.errors import UnusableInput
from nmt.evaluation import files, job, tables
from nmt.evaluation.files import TEXTS, open_table, read_beside
from nmt.evaluation.request import EvaluateRequest
from nmt.formats import packed
from nmt.formats.file_list import list_files
from nmt.storage.location import Location
from nmt.tables.parquet import read_whole

LONG = 900_000  # bytes of a value that stands once in a file
LITTLE = 64 << 20  # bytes of Python's memory; each of these files stands for some 2 GB


def repeated(rows: int, text: str) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([text]))


def write(folder: Path, rows: int, types: bool = True, **columns: str | float) -> str:
    """A file with the same values in all rows; with the types of dictionaries, or of texts."""
    values = {
        name: repeated(rows, value) if isinstance(value, str) else pa.array([value] * rows)
        for name, value in columns.items()
    }
    file = folder / "t.parquet"
    pq.write_table(pa.table(values), file, compression="zstd", store_schema=types)
    assert file.stat().st_size < 2000
    return str(file)


def refused(call, message: str) -> None:
    def expect() -> None:
        with pytest.raises(UnusableInput, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)

    assert peak(expect) < LITTLE


@pytest.mark.parametrize("types", [True, False])
def test_a_long_reference_of_all_rows_is_held_once(tmp_path: Path, types: bool) -> None:
    rows = 2000
    given = write(tmp_path, rows, types, ref="y" * LONG), "ref", "--reference-column"
    refused(lambda: read_beside(*given, 20, "references"), "has more than 20 rows")
    texts: list[str | None] = []

    def read() -> None:
        texts.extend(read_beside(*given, rows, "references"))

    assert peak(read) < LITTLE
    assert {*texts} == {texts[0]}
    assert files.MOST_CHARACTERS < len(texts[0] or "") < LONG  # cut off, and still too long


@pytest.mark.parametrize("types", [True, False])
@pytest.mark.parametrize("option", ["id", "group", "scores"])
def test_long_ids_and_groups_of_all_rows_are_one_line(tmp_path, option, types) -> None:
    rows, lines = 3000, tmp_path / "lines.txt"
    lines.write_text("A dog sleeps.\n" * rows)
    column = "group" if option == "group" else "id"
    name = write(tmp_path, rows, types, translation="a b", m=0.5, **{column: "y" * LONG})
    candidate, more = {
        "id": (name, {"id_column": "id"}),
        "group": (name, {"group_by": ("group",)}),
        "scores": (str(lines), {"scores": (name,)}),
    }[option]
    request = EvaluateRequest(
        Location(candidate),
        Location(tmp_path / "out"),
        references=(str(lines),),
        target_language="de",
        **more,
    )
    refused(lambda: job.evaluate(request), "3,000 rows share or repeat 2,69[0-9,]+ bytes in column")


def test_rows_beyond_those_of_the_translations_are_not_read(tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "r.csv"
    file.write_text("ref\n" + "x\n" * 50_000)
    read, held = files.RowTable, list[files.RowTable]()

    def keep(*given) -> files.RowTable:
        held.append(read(*given))
        return held[-1]

    monkeypatch.setattr(files, "RowTable", keep)
    with pytest.raises(UnusableInput, match="has more than 20 rows but the input has 20"):
        read_beside(str(file), "ref", "--reference-column", 20, "references")
    assert held[0].rows == 21


def test_many_empty_rows_of_a_small_file_are_one_line(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(tables, "_FEW_VALUES", 1000)
    monkeypatch.setattr(tables, "_VALUES_OF_A_BYTE", 0.1)
    for name, row in (("r.csv", "x\n"), ("r.jsonl", "{}\n")):
        file = tmp_path / name
        file.write_text(("ref\n" if name == "r.csv" else "") + row * 5000)
        with pytest.raises(UnusableInput, match=r"has more than [\d,.]+ values, those in lists"):
            open_table(list_files(str(file), TEXTS))


@pytest.mark.parametrize("nested", ["list", "struct"])
def test_values_inside_of_others_count_in_every_row(tmp_path: Path, nested: str) -> None:
    rows = 8000
    values = repeated(rows, "y" * 60_000)
    column = {
        "list": lambda: pa.ListArray.from_arrays(pa.array(range(rows + 1), pa.int32()), values),
        "struct": lambda: pa.StructArray.from_arrays([values], ["text"]),
    }[nested]()
    file = Location(tmp_path / "t.parquet")
    pq.write_table(pa.table({"x": column}), str(file), compression="zstd")
    refused(
        lambda: file.read(lambda handle: read_whole(file, handle)),
        "8,000 rows share or repeat 4[0-9,]+ bytes in column 'x'",
    )


@pytest.mark.parametrize("types", [True, False])
def test_lists_of_values_that_rows_share_are_counted_before_they_are_read(tmp_path, types) -> None:
    """Many values of one long one among short ones are none too much."""
    rows, each, file = 300, 100, Location(tmp_path / "t.parquet")
    ends = pa.array(range(0, rows * each + 1, each), pa.int32())

    def read() -> pa.Table:
        return file.read(lambda handle: read_whole(file, handle))

    for places, problem in (
        ([0] * rows * each, "300 rows share or repeat 1,[0-9,]+ bytes in column 'x'"),
        ([0] + [1] * (rows * each - 1), ""),
    ):
        values = pa.DictionaryArray.from_arrays(
            pa.array(places, pa.int32()), pa.array(["y" * 60_000, "b"])
        )
        column = pa.ListArray.from_arrays(ends, values)
        pq.write_table(pa.table({"x": column}), str(file), compression="zstd", store_schema=types)
        if problem:
            refused(read, problem)
        else:
            assert read()["x"].to_pylist() == column.to_pylist()


def test_columns_that_share_values_count_together(tmp_path: Path) -> None:
    file, rows = Location(tmp_path / "t.parquet"), 8192
    columns = {f"c{number}": repeated(rows, "y" * 20_000) for number in range(3)}
    pq.write_table(pa.table(columns), str(file), compression="zstd", store_schema=False)
    refused(
        lambda: file.read(lambda handle: read_whole(file, handle)),
        "8,192 rows share or repeat 163,[0-9,]+ bytes in column 'c.', and 491,[0-9,]+ in all",
    )


def test_texts_in_lists_share_no_beginnings(tmp_path: Path) -> None:
    file, lists = Location(tmp_path / "t.parquet"), [["y" * 6000] * 100] * 300
    pq.write_table(
        pa.table({"x": lists}),
        str(file),
        use_dictionary=False,
        column_encoding={"x.list.element": "DELTA_BYTE_ARRAY"},
    )
    assert Path(str(file)).stat().st_size < 20_000
    message = r"column 'x\.list\.element' has values in lists, of which a few bytes"
    refused(lambda: file.read(lambda handle: read_whole(file, handle)), message)


def test_a_first_row_without_values_hides_none(tmp_path: Path) -> None:
    file, rows = Location(tmp_path / "t.parquet"), 8192
    ends = pa.array([0, 0, *range(4, 4 * rows, 4)], pa.int32())
    values = repeated(4 * (rows - 1), "y" * 20_000)
    column = pa.ListArray.from_arrays(ends, values)
    pq.write_table(pa.table({"x": column}), str(file), compression="zstd", store_schema=False)
    refused(
        lambda: file.read(lambda handle: read_whole(file, handle)),
        "8,192 rows share or repeat 655,[0-9,]+ bytes in column 'x'",
    )


@pytest.mark.parametrize("long", ["x.y", "x"])
def test_a_path_that_two_columns_have_hides_neither(tmp_path: Path, long: str) -> None:
    file, rows = Location(tmp_path / "t.parquet"), 8192
    values = {name: repeated(rows, "y" * (60_000 if name == long else 1)) for name in ("x.y", "x")}
    table = pa.table({"x.y": values["x.y"], "x": pa.StructArray.from_arrays([values["x"]], ["y"])})
    pq.write_table(table, str(file), compression="zstd", store_schema=False)
    refused(
        lambda: file.read(lambda handle: read_whole(file, handle)),
        f"8,192 rows share or repeat 491,[0-9,]+ bytes in column '{long}'",
    )


def test_values_that_small_row_groups_repeat_count_together(tmp_path: Path) -> None:
    file, rows = Location(tmp_path / "t.parquet"), 8000
    table = pa.table({"x": repeated(rows, "y" * 60_000)})
    pq.write_table(table, str(file), row_group_size=1000, compression="zstd", store_schema=False)
    refused(
        lambda: file.read(lambda handle: read_whole(file, handle, most=1 << 40)),
        "5,000 rows share or repeat 29[0-9,]+ bytes in column 'x'",
    )


def test_beginnings_that_values_share_count_in_each_row(tmp_path: Path) -> None:
    file, rows, columns = Location(tmp_path / "t.parquet"), 1000, [f"c{n}" for n in range(8)]
    pq.write_table(
        pa.table({name: ["y" * 60_000] * rows for name in columns}),
        str(file),
        use_dictionary=False,
        column_encoding=dict.fromkeys(columns, "DELTA_BYTE_ARRAY"),
    )
    refused(
        lambda: file.read(lambda handle: read_whole(file, handle, most=1 << 40)),
        r"\d\d\d rows share or repeat [34][0-9,]+ bytes in column 'c.', and [0-9,]{11} in all",
    )


def test_values_inside_of_lists_and_objects_count(tmp_path: Path, monkeypatch) -> None:
    """As values of one file, and as what all files may unpack to."""
    monkeypatch.setattr(tables, "_FEW_VALUES", 10_000)
    row = json.dumps({"mt": "a", "x": [[], {"k": {}}] * 250}) + "\n"  # some 1,250 values
    for name, rows in (("few", 4), ("many", 1000)):
        (tmp_path / f"{name}.jsonl.gz").write_bytes(gzip.compress(row.encode() * rows))

    def table(name: str) -> int:
        return open_table(list_files(str(tmp_path / f"{name}.jsonl.gz"), TEXTS)).rows

    assert table("few") == 4
    assert (tmp_path / "many.jsonl.gz").stat().st_size < 10_000
    refused(lambda: table("many"), "those in lists and objects among them")
    monkeypatch.setattr(tables, "_FEW_VALUES", 10_000_000)
    assert table("many") == 1000
    monkeypatch.setattr(packed, "_MOST_UNPACKED", 5_000)
    monkeypatch.setattr(packed, "_RATIO", 1)
    (tmp_path / "folder").mkdir()
    for number in range(9):
        row = json.dumps({"mt": "a", "x": [[]] * 1000}) + "\n"
        (tmp_path / f"folder/{number}.jsonl.gz").write_bytes(gzip.compress(row.encode()))
    files = list_files(str(tmp_path / "folder"), TEXTS)
    with pytest.raises(UnusableInput, match="out of all proportion"):
        open_table(files)


def test_a_column_of_a_folder_is_held_once_for_all_rows(tmp_path: Path) -> None:
    rows, folder = 500_000, tmp_path / f"domain={'n' * 240}"
    folder.mkdir()
    pq.write_table(pa.table({"mt": ["a"] * rows}), folder / "a.parquet", compression="zstd")
    table = open_table(list_files(str(tmp_path), TEXTS))
    before = pa.total_allocated_bytes()
    column = table.column("--group-by", "domain")
    assert pa.total_allocated_bytes() - before < LITTLE // 8
    assert len(column) == rows
    assert pc.unique(column).to_pylist() == ["n" * 240]
    values: list[object] = []
    assert peak(lambda: values.extend(table.json_values("--group-by", "domain"))) < LITTLE
    assert {*values} == {"n" * 240}
