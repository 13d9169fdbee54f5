"""Translations, references and sources in several files are those of one file."""

import io
import itertools
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_rows import WRITERS, put

from nmt.errors import UnusableInput
from nmt.evaluation import job, tables
from nmt.evaluation.files import TEXTS, open_table, read_beside
from nmt.evaluation.request import EvaluateRequest
from nmt.formats import packed
from nmt.formats.file_list import list_files
from nmt.storage.location import Location

LINE = st.text("abc ABC.,!?-%1\u2028äß。😀", max_size=12)
ROWS = st.lists(st.tuples(LINE, LINE, LINE), min_size=2, max_size=7)
COLUMNS = ("mt", "target", "source")
ENDINGS = ["txt", "txt.gz", "csv", "jsonl.zst", "parquet", "zip"]


def content(ending: str, rows: list[dict[str, str]], column: str) -> bytes:
    kind = ending.partition(".")[0]
    if kind == "parquet":
        stream = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows, pa.schema(dict.fromkeys(rows[0], "str"))), stream)
        return stream.getvalue()
    if kind in WRITERS:
        return WRITERS[kind](rows)
    return "".join(f"{row[column]}\n" for row in rows).encode()


def split(rows: list[dict[str, str]], *cuts: int) -> list[list[dict[str, str]]]:
    places = [0, *sorted(min(place, len(rows)) for place in cuts), len(rows)]
    return [rows[a:b] for a, b in itertools.pairwise(places)]


def write(folder: Path, ending: str, parts: list[list[dict[str, str]]], column: str) -> str:
    """Files of one column, or with all columns; returns what names them."""
    folder.mkdir()
    some = [content("txt" if ending == "zip" else ending, rows, column) for rows in parts if rows]
    if ending == "zip":
        with zipfile.ZipFile(folder / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for number, data in enumerate(some):
                archive.writestr(f"part-{number}.txt", data)
        return str(folder / "all.zip")
    for number, data in enumerate(some):
        put(folder / f"part-{number}.{ending}", data)
    return str(folder / f"part-*.{ending}") if len(some) > 1 else str(folder)


@pytest.mark.parametrize("ending", ENDINGS)
@settings(max_examples=6)
@given(ROWS, st.lists(st.integers(1, 6), max_size=2))
def test_parts_hold_the_texts_of_one_file(tmp_path_factory, ending, texts, cuts) -> None:
    folder = tmp_path_factory.mktemp("parts")
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in texts]
    column = None if ending.partition(".")[0] in ("txt", "zip") else "mt"
    name = write(folder / "c", ending, split(rows, *cuts), "mt")
    found = read_beside(name, column, "--reference-column", len(rows), "references")
    assert found == [row["mt"] for row in rows]


@pytest.mark.parametrize("ending", ["txt", "parquet"])
def test_parts_are_scored_as_one_file_to_the_last_digit(tmp_path: Path, ending) -> None:
    texts = [(f"The dog {n} sleeps.", f"The old dog {n} sleeps.", "x " * n) for n in range(9)]
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in texts]
    reports = []
    for number, cuts in enumerate(((), (2, 7))):
        own = tmp_path / f"{number}"
        own.mkdir()
        names = [write(own / name, ending, split(rows, *cuts), name) for name in COLUMNS]
        columns = {}
        if ending == "parquet":
            columns = {"candidate_column": "mt", "reference_column": "target"}
        request = EvaluateRequest(
            *(Location(names[0]), Location(own / "report"), (names[1],)), source=names[2], **columns
        )
        one = job.evaluate(request).to_json()
        assert [entry["rows"] for entry in one["inputs"]] == [[9], [2, 5, 2]][number]
        reports.append([one[key] for key in ("scores", "rates", "by_length", "samples", "counts")])
    assert reports[0] == reports[1]


def lines(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a_txt": "x\n"}, r"/r\.txt has more lines but the input has 1 rows"),
        ({"a_txt": "x\ny\n", "b_txt": "z\n"}, r"/r\.txt has 2 lines but the input has 3 rows"),
        ({"a_txt": "x\n", "b_csv": "mt\nx\n"}, "/c: holds a CSV file and plain text; give one"),
        ({"a_csv": "mt\nx\n", "b_csv": "text\nx\n"}, r"/b\.csv: no column 'mt' for --candidate"),
        ({"a_csv": "mt\nx\n", "b_csv": 'mt\n"x\n'}, r"/b\.csv: the row of line 2 cannot be read"),
        ({"a_txt": "", "b_txt": ""}, "/c: all its files are empty"),
        ({}, "/c: an empty folder; give UTF-8 text"),
    ],
)
def test_what_does_not_go_together_is_one_line(tmp_path: Path, files, message) -> None:
    candidate = lines(tmp_path / "c", **files)
    (tmp_path / "r.txt").write_text("x\ny\n")
    request = EvaluateRequest(
        *(Location(candidate), Location(tmp_path / "report"), (str(tmp_path / "r.txt"),)),
        candidate_column="mt" if "csv" in str(files) and "a_txt" not in files else None,
    )
    with pytest.raises(UnusableInput, match=message) as caught:
        job.evaluate(request)
    assert "\n" not in str(caught.value)


def test_references_in_parts_of_another_number_are_one_line(tmp_path: Path) -> None:
    candidate = lines(tmp_path / "c", a_txt="x\n", b_txt="y\n")
    references = lines(tmp_path / "r", a_txt="x\n", b_txt="y\nz\n")
    request = EvaluateRequest(
        Location(candidate), Location(tmp_path / "report"), (f"{references}/*.txt",)
    )
    with pytest.raises(UnusableInput, match=r"r/\*\.txt has in its 2 files more lines but the "):
        job.evaluate(request)


def test_an_empty_part_shifts_nothing(tmp_path: Path) -> None:
    candidate = lines(tmp_path / "c", a_txt="A b c d.\n", b_txt="", c_txt="E f g h.\n")
    references = lines(tmp_path / "r", a_txt="A b c d.\nE f g h.\n")
    request = EvaluateRequest(Location(candidate), Location(tmp_path / "out"), (str(references),))
    assert job.evaluate(request).to_json()["scores"][0]["score"] == 100


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_folders_of_partitions_are_columns(tmp_path: Path, ending) -> None:
    for domain in ("news", "talks"):
        rows = [{"mt": f"A {domain} text of {n}.", "target": f"A text of {n}."} for n in range(3)]
        (tmp_path / f"c/domain={domain}").mkdir(parents=True)
        file = tmp_path / f"c/domain={domain}/part.{ending}"
        file.write_bytes(content(ending, rows, "mt"))
    request = EvaluateRequest(
        *(Location(tmp_path / "c"), Location(tmp_path / "out")),
        reference_column="target",
        candidate_column="mt",
        group_by=("domain",),
    )
    (grouping,) = job.evaluate(request).to_json()["groups"]
    values = {group["value"]: group["sentences"] for group in grouping["values"]}
    assert values == {"news": 3, "talks": 3}


def test_columns_of_several_files_get_a_type_that_holds_all(tmp_path: Path) -> None:
    for number, kind in enumerate((pa.string(), pa.large_string(), pa.string_view())):
        columns = {
            "mt": pa.array(["a", None], kind),
            "n": pa.array([1, 2], (pa.int8(), pa.int64())[number % 2]),
        }
        pq.write_table(pa.table(columns), tmp_path / f"{number}.parquet")
    table = open_table(list_files(str(tmp_path), TEXTS))
    assert table.counts == [2, 2, 2]
    assert table.texts("", "mt") == ["a", None] * 3
    assert table.column("", "mt").to_pylist() == ["a", None] * 3
    assert table.column("", "n").type == pa.int64()


@pytest.mark.parametrize("ending", ["txt.gz", "csv.gz", "parquet"])
def test_many_small_files_stand_for_no_more_than_one(tmp_path: Path, monkeypatch, ending) -> None:
    monkeypatch.setattr(packed, "_MOST_UNPACKED", 50_000)
    monkeypatch.setattr(packed, "_RATIO", 1)
    monkeypatch.setattr(tables, "_LITTLE", 50_000)
    monkeypatch.setattr(tables, "_RATIO", 1)
    rows = [{"mt": f"{'x' * 300}{n}"} for n in range(100)]
    for number in range(3):
        put(tmp_path / f"{number}.{ending}", content(ending, rows, "mt"))
    column = None if "txt" in ending else "mt"
    for name, count in ((f"0.{ending}", 100), ("", 300)):
        given = str(tmp_path / name), column, "--reference-column", count, "references"
        if count == 100:
            assert len(read_beside(*given)) == count
        else:
            with pytest.raises(UnusableInput, match="out of all proportion"):
                read_beside(*given)


def test_many_small_files_have_no_more_rows_than_one_large_one(tmp_path: Path) -> None:
    """A file of some hundred bytes may have a million rows, and two of them no more."""
    rows = pa.table({"mt": ["a"] * 600_000})
    for number in range(2):
        pq.write_table(rows, tmp_path / f"{number}.parquet", compression="zstd")
    files = list_files(str(tmp_path), TEXTS)
    with pytest.raises(UnusableInput, match=r"bytes that hold 1,200,000 rows, more than 100 a"):
        _ = tables.Table(files).schema
