"""The result in other formats: every row of the input once, in its order, and what it holds."""

import csv
import datetime
import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outputs import translate

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.errors import UnusableInput
from nmt.storage.location import Location
from nmt.tables.json_columns import as_json
from nmt.translation.export import files
from nmt.translation.export.formats import CommaSeparated, JsonLines, TextLines
from nmt.translation.verify.output import repair, verify

SOURCES = [
    b"The dog sleeps.",
    b"\xffbroken",
    b"",
    b"A cat.",
    b"x " * 200,
    b"The old\xe2\x80\xa8dog.",
]
REJECTED = {1: "broken_utf8", 4: "too_long"}
ANY = st.one_of(st.none(), st.text(max_size=8), st.text("ab,\"'\r\n\x00\u2028\x85 😀", max_size=8))
FEW = settings(max_examples=40)


def table(rows: list[tuple]) -> pa.Table:
    columns = zip(*rows, strict=True)
    names = ("source", "translation", "reason")
    return pa.table({n: pa.array(c, pa.string()) for n, c in zip(names, columns, strict=True)})


ROWS = st.lists(st.tuples(ANY, ANY, ANY), min_size=1, max_size=5)


@FEW
@given(ROWS, st.sampled_from(["blank", "source"]))
def test_text_has_a_line_per_row_for_any_reader_of_lines(rows, rejected) -> None:
    text = TextLines(rejected).rows(table(rows)).decode()
    assert text.count("\n") == len(text.splitlines()) == len(rows)
    for line, (source, translation, _) in zip(text.splitlines(), rows, strict=True):
        shown = translation if translation is not None or rejected == "blank" else source
        assert line.split() == (shown or "").split()


@FEW
@given(ROWS)
def test_json_lines_hold_the_very_values(rows) -> None:
    text = JsonLines().rows(table(rows)).decode()
    assert len(text.splitlines()) == len(rows)  # whatever a reader takes for the end of one
    assert [tuple(json.loads(line).values()) for line in text.splitlines()] == rows


@FEW
@given(ROWS)
def test_csv_holds_the_very_texts(rows) -> None:
    form, columns = CommaSeparated(), table(rows)
    text = (form.head(columns.schema) + form.rows(columns)).decode()
    names, *cells = csv.reader(io.StringIO(text, newline=""))
    assert names == ["source", "translation", "reason"]
    assert cells == [[value or "" for value in row] for row in rows]


def test_columns_of_any_type_are_json() -> None:
    day = datetime.date(2024, 2, 29)
    inner = [{"n": 1, "t": ["a", None]}, None, {"n": None, "t": None}]
    columns = {
        "integer": pa.array([2**62, None, -1]),
        "float": pa.array([0.5, float("nan"), float("-inf")]),
        "bool": pa.array([True, False, None]),
        "date": pa.array([day, None, day]),
        "bytes": pa.array([b"ok", b"\xff", None]),
        "broken": pa.array([b"ok", b"\xff", None]).cast(pa.string(), safe=False).view(pa.string()),
        "struct": pa.array(inner),
        "dictionary": pa.array(["a", "b", "a"]).dictionary_encode(),
        "map": pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64())),
        "fixed": pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int64(), 2)),
        "null": pa.nulls(3),
    }  # fmt: skip
    expected = {
        "integer": [2**62, None, -1],
        "float": [0.5, None, None],
        "bool": [True, False, None],
        "date": ["2024-02-29", None, "2024-02-29"],
        "bytes": ["ok", "0xff", None],
        "broken": ["ok", "\ufffd", None],
        "struct": inner,
        "dictionary": ["a", "b", "a"],
        "map": [[{"key": "k", "value": 1}], None, []],
        "fixed": [[1, 2], None, [3, 4]],
        "null": [None] * 3,
    }
    for name, column in columns.items():
        assert as_json(pa.chunked_array([column[:1], column[1:]])) == expected[name], name


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("corpus") / "in.txt"
    file.write_bytes(b"\n".join(SOURCES * 60) + b"\n")  # two units
    return file


def exported(out: Path) -> bytes:
    """All files of the export, one after the other."""
    data = b""
    for file in sorted((out / "export").iterdir()):
        data += gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    return data


def stored(out: Path) -> dict[int, dict]:
    parts = [*(out / "translations").iterdir()]
    return {row["id"]: row for part in parts for row in pq.read_table(part).to_pylist()}


OPTIONS = {"max_rejected": 1.0, "rows_per_file": 256, "heatmaps": 0}


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_every_row_is_in_the_export_in_the_order_of_the_input(
    saved_models, corpus, tmp_path, monkeypatch, compression
) -> None:
    monkeypatch.setattr(files, "_BYTES", 1000)  # a file a unit
    out, options = tmp_path / "out", {**OPTIONS, "export_compression": compression}
    translate(saved_models[0], corpus, out, output_format="jsonl", **options)
    rows = [json.loads(line) for line in exported(out).decode().splitlines()]
    translated = stored(out)
    assert [row["id"] for row in rows] == [*range(len(SOURCES) * 60)]
    for row in rows:
        if reason := REJECTED.get(row["id"] % len(SOURCES)):
            assert (row["reason"], row["translation"]) == (reason, None)
        else:
            assert {**row, "reason": None} == {**translated[row["id"]], "reason": None}
    entries = json.loads((out / "manifest.json").read_text())["exports"]
    ending = "jsonl" if compression == "none" else "jsonl.gz"
    assert [*entries] == [f"export/part-0000{number}.{ending}" for number in (0, 1)]
    assert sum(entry["rows"] for entry in entries.values()) == len(rows)
    assert verify(Location(out)).violations == []


@pytest.mark.parametrize("rejected", ["blank", "source"])
def test_line_n_translates_line_n(saved_models, corpus, tmp_path, rejected) -> None:
    out = tmp_path / "out"
    options = {**OPTIONS, "rejected_lines": rejected}
    translate(saved_models[0], corpus, out, output_format="text", **options)
    assert [file.name for file in (out / "export").iterdir()] == ["part-00000.txt"]
    lines, translated = exported(out).decode().split("\n"), stored(out)
    assert len(lines) == len(SOURCES) * 60 + 1
    assert lines.pop() == ""
    sources = {1: "\ufffdbroken", 4: SOURCES[4].decode()}
    for number, line in enumerate(lines):
        if number in translated:
            assert line == translated[number]["translation"]
        else:
            assert line == ("" if rejected == "blank" else sources[number % len(SOURCES)])


def test_a_damaged_export_is_found_and_made_again(saved_models, corpus, tmp_path) -> None:
    out, options = tmp_path / "out", {**OPTIONS, "output_format": "csv"}
    translate(saved_models[0], corpus, out, **options)
    before = exported(out)
    names = next(csv.reader(io.StringIO(before.decode(), newline="")))
    assert names[:3] == ["id", "source", "translation"]
    assert names[-1] == "reason"
    units = [(out / f"_units/0000{n}.json").read_bytes() for n in (0, 1)]
    file = out / "export/part-00000.csv"
    for spoil, problem in (
        (lambda: file.write_bytes(before[:-1] + b"x"), "is not the file that was written"),
        (file.unlink, "is missing"),
    ):
        spoil()
        found = verify(Location(out))
        assert [problem in line for line in found.violations] == [True]
        repair(Location(out), found.damaged)
        translate(saved_models[0], corpus, out, **options)
        assert exported(out) == before
        assert verify(Location(out)).violations == []
    # Nothing was decoded again.
    assert units == [(out / f"_units/0000{n}.json").read_bytes() for n in (0, 1)]
    (out / "export/part-00007.csv").write_bytes(b"old")
    assert "part-00007.csv: is not named" in verify(Location(out)).violations[0]


def test_an_interrupted_job_leaves_one_whole_export(saved_models, corpus, tmp_path) -> None:
    out, options = tmp_path / "out", {**OPTIONS, "output_format": "jsonl"}
    translate(saved_models[0], corpus, tmp_path / "whole", **options)

    def die(number: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        translate(saved_models[0], corpus, out, interrupt=die, **options)
    # What an attempt left that had ended otherwise: another number of files.
    (out / "export").mkdir()
    (out / "export/part-00005.jsonl").write_bytes(b"half")
    (out / "export/notes.jsonl").write_bytes(b"somebody's own")
    translate(saved_models[0], corpus, out, **options)
    assert sorted(file.name for file in (out / "export").iterdir()) == [
        *("notes.jsonl", "part-00000.jsonl")
    ]
    (out / "export/notes.jsonl").unlink()
    assert exported(out) == exported(tmp_path / "whole")


def test_another_job_replaces_the_export(saved_models, corpus, tmp_path) -> None:
    out = tmp_path / "out"
    translate(saved_models[0], corpus, out, output_format="text", **OPTIONS)
    with pytest.raises(UnusableInput, match="--output-format text → jsonl"):
        translate(saved_models[0], corpus, out, output_format="jsonl", **OPTIONS)
    translate(saved_models[0], corpus, out, output_format="jsonl", overwrite=True, **OPTIONS)
    assert [file.name for file in (out / "export").iterdir()] == ["part-g2-00000.jsonl"]
    translate(saved_models[0], corpus, out, overwrite=True, **OPTIONS)
    assert not [*(out / "export").iterdir()]
    assert verify(Location(out)).violations == []
    assert verify(Location(out)).notes == []


def test_an_empty_input_has_an_empty_export(saved_models, tmp_path) -> None:
    (tmp_path / "in.txt").write_bytes(b"")
    out = tmp_path / "out"
    translate(
        saved_models[0], tmp_path / "in.txt", out, allow_empty=True, output_format="csv", **OPTIONS
    )
    assert exported(out).startswith(b"id,source,translation,")
    assert exported(out).count(b"\r\n") == 1
    assert verify(Location(out)).violations == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output_format": "xml"}, "--output-format xml: unknown"),
        ({"rejected_lines": "source"}, "--rejected-lines goes with --output-format text"),
        ({"export_compression": "gzip"}, "--export-compression goes with --output-format"),
        (
            {"output_format": "csv", "export_compression": "zip"},
            "zip: unknown",
        ),
    ],
)
def test_options_that_do_not_fit_are_one_line(
    saved_models, corpus, tmp_path, options, message
) -> None:
    with pytest.raises(UnusableInput, match=message):
        translate(saved_models[0], corpus, tmp_path / "out", **{**OPTIONS, **options})
    assert not (tmp_path / "out").exists()
