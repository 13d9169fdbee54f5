"""Several text columns: each is translated, each text is judged alone, and rows come out whole."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from outputs import translate
from written_rows import jsonl, put, tmx

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.errors import UnusableInput
from nmt.evaluation.request import EvaluateRequest, check
from nmt.storage.location import Location
from nmt.translation.input.corpus import inspect
from nmt.translation.input.unit_rows import read_unit
from nmt.translation.verify.output import verify

COLUMNS = ("title", "body")
ROWS = [
    {"id": f"n{i}", "title": "A cat." if i % 3 else None, "body": "The dog sleeps.", "n": i}
    for i in range(150)
]
OPTIONS = {
    "text_column": COLUMNS,
    "rows_per_file": 256,
    "max_rejected": 1.0,
    "group_by": ("text_column",),
}


class Killed(Exception):
    pass


def kill(number: int) -> None:
    raise Killed


def write(file: Path, rows: list[dict], more: bytes = b"") -> Path:
    if file.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), file)
        return file
    return put(file, jsonl(rows) + more)


@pytest.mark.parametrize("name", ["in.jsonl", "in.parquet"])
def test_texts_are_read_row_by_row(tmp_path: Path, name) -> None:
    corpus = inspect(str(write(tmp_path / name, ROWS)), "title", None, more_columns=("body",))
    units = [read_unit(unit, corpus.text_column, corpus.id_column) for unit in corpus.units()]
    pairs = [(row["id"], text) for row in ROWS for text in (row["title"], row["body"])]
    texts = [None if text is None else text.decode() for unit in units for text in unit.texts]
    ids = [one for unit in units for one in unit.ids.to_pylist()]
    assert [*zip(ids, texts, strict=True)] == pairs
    assert corpus.rows == 300 == sum(unit.rows for unit in corpus.units())
    assert [unit.first for unit in corpus.units()] == [0, 256][: len(corpus.units())]
    assert corpus.columns.names == ["n", "text_column"]
    columns = [name for unit in units for name in unit.others.column("text_column").to_pylist()]
    assert columns == [*COLUMNS] * 150


def test_a_job_of_two_columns(saved_models, tmp_path: Path) -> None:
    file = write(tmp_path / "in.jsonl", ROWS, b"[1, 2]\n")
    out, cache = tmp_path / "out", tmp_path / "cache"
    options = {**OPTIONS, "cache": str(cache), "alignments": True, "heatmaps": 1}
    with pytest.raises(Killed):
        translate(saved_models[0], file, out, interrupt=kill, **options)
    assert verify(Location(out)).violations == []
    translate(saved_models[0], file, out, **options)
    assert verify(Location(out)).violations == []
    assert verify(Location(out)).notes == []
    done = pq.read_table(out / "translations").to_pylist()
    texts = {(row["id"], row["text_column"]): row for row in done}
    rejected = pq.read_table(out / "rejected").to_pylist()
    lost = {(row["id"], row["text_column"]): row["reason"] for row in rejected}
    assert texts.keys().isdisjoint(lost)
    expected = {(row["id"], name): row[name] for row in ROWS for name in COLUMNS}
    assert {pair: row["source"] for pair, row in texts.items()} == {
        pair: text for pair, text in expected.items() if text is not None
    }
    broken = dict.fromkeys((("row 151", name) for name in COLUMNS), "malformed")
    assert lost == broken | {pair: "null" for pair, text in expected.items() if text is None}
    # Of each row one again, in the order of the input, with what was kept of each text.
    rows = pq.read_table(out / "export").to_pylist()
    assert [row["id"] for row in rows] == [*(row["id"] for row in ROWS), "row 151"]
    for row, given in zip(rows[:-1], ROWS, strict=True):
        assert row["n"] == given["n"]
        for name in COLUMNS:
            kept = texts.get((row["id"], name), {})
            assert row[name] == given[name]
            assert row[f"{name}_translation"] == kept.get("translation")
            assert row[f"{name}_score"] == kept.get("score")
            assert row[f"{name}_reason"] == (None if kept else "null")
    aligned = pq.read_table(out / "alignments").to_pylist()
    assert [(row["id"], row["text_column"]) for row in aligned] == [*texts]
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["counts"]["rows"] == 2 * 151
    assert manifest["counts"]["decoded"] == 2  # each text once
    report = json.loads((out / "report/report.json").read_text())
    assert {group["value"] for group in report["groups"][0]["values"]} == {*COLUMNS}
    assert report["rejected"] == [
        *({"id": f"n{i}", "reason": "null", "source": None, "text_column": "title"}
          for i in (0, 3, 6)),
        *({"id": "row 151", "reason": "malformed", "source": "[1, 2]", "text_column": name}
          for name in COLUMNS),
    ]  # fmt: skip
    assert all(
        (sample["id"], sample["text_column"]) in texts
        for sample in (*report["samples"], *report["suspicious"])
    )
    page = (out / "report/index.html").read_text("utf-8")
    assert "Rejected texts" in page
    assert "302 texts" in page
    request = EvaluateRequest(Location(out), Location(tmp_path / "r"), reference_column="n")
    with pytest.raises(UnusableInput, match="translates the columns title, body; name a file of"):
        check(request)


def test_a_text_that_stands_there_twice_or_not_at_all_is_a_violation(
    saved_models, tmp_path: Path
) -> None:
    rows = [{"title": f"A cat {i}.", "body": "The dog sleeps."} for i in range(4)]
    out = tmp_path / "out"
    translate(saved_models[0], write(tmp_path / "in.jsonl", rows), out, text_column=COLUMNS)
    part = next((out / "translations").iterdir())
    table = pq.read_table(part)
    assert table.column("id").to_pylist() == [0, 0, 1, 1, 2, 2, 3, 3]
    other = table.set_column(0, "id", pa.array([0, 0, 0, 1, 2, 2, 3, 9]))
    entry = Location(part).write_table(other).to_json()
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["files"] = {"translations/part-00000.parquet": entry}
    (out / "manifest.json").write_text(json.dumps(manifest))
    violations = " ".join(verify(Location(out)).violations)
    assert "id '0 (title)' stands there 2 times" in violations
    assert "ids 0 to 9, but its unit has 0 to 3" in violations


def test_languages_of_tmx_are_named_as_they_stand_there(saved_models, tmp_path: Path) -> None:
    file = put(tmp_path / "in.tmx", tmx([{"id": "1", "source": "A cat.", "target": "Eine Katze."}]))
    with pytest.raises(UnusableInput, match=r"as the input has them \(en, de-AT\)"):
        translate(saved_models[0], file, tmp_path / "out", text_column=("en", "de"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"references": ("r.txt",)}, "--references goes with one --text-column"),
        ({"reference_column": "n"}, "--reference-column goes with one --text-column"),
        ({"output_format": "text"}, "--output-format text goes with one --text-column"),
        ({"text_column": ("title", "title")}, "a column is named twice"),
        ({"text_column": ("title", "other")}, "no column 'other'"),
        ({"text_column": ("title", "clash")}, "'clash_score' has the name of an output column"),
    ],
)
def test_what_cannot_be_combined_is_one_line(saved_models, tmp_path, options, message) -> None:
    rows = [{"title": "A cat.", "body": "A dog.", "n": "x", "clash": "a", "clash_score": "b"}]
    file = write(tmp_path / "in.jsonl", rows)
    with pytest.raises(UnusableInput, match=message):
        translate(saved_models[0], file, tmp_path / "out", **{"text_column": COLUMNS, **options})
    assert not (tmp_path / "out").exists()
