"""Texts that go with translations row by row: lines, or a column by name, in any format."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_rows import PACKERS, WRITERS, put

from nmt.errors import UnusableInput
from nmt.evaluation import job
from nmt.evaluation.files import read_beside
from nmt.evaluation.request import EvaluateRequest
from nmt.storage.location import Location

TEXT = st.text("abAB ü😀,\"'\u2028\t{}<&", max_size=8)
FEW = settings(max_examples=10)


def write_rows(folder: Path, ending: str, rows: list[dict[str, str]]) -> str:
    kind = ending.partition(".")[0]
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), folder / "r.parquet")
        return str(folder / "r.parquet")
    return str(put(folder / f"r.{ending}", WRITERS[kind](rows)))


@pytest.mark.parametrize("ending", ["parquet", "csv.gz", "jsonl.zst", "tmx.xz"])
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4))
@FEW
def test_a_column_holds_what_was_written(tmp_path: Path, ending: str, pairs) -> None:
    rows = [{"id": f"{n}", "source": a, "target": b} for n, (a, b) in enumerate(pairs)]
    rows.append({"id": "z", "source": "A dog.", "target": "Ein Hund."})
    assert f".{ending.partition('.')[2]}" in {*PACKERS, "."}
    name, column = write_rows(tmp_path, ending, rows), "de" if "tmx" in ending else "target"
    texts = read_beside(name, column, "--reference-column", len(rows), "references")
    assert texts == [row["target"] for row in rows]


@pytest.mark.parametrize(
    ("ending", "column", "message"),
    [
        ("csv", None, r"has columns \(there are id, source, target\); name that of the references "
                      "with --reference-column"),
        ("tmx", "fr", "no column 'fr' for --reference-column"),
        ("jsonl", "target", "has 2 rows but the input has 3; references must be line-aligned"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_one_line(tmp_path: Path, ending, column, message) -> None:
    rows = [{"id": f"{n}", "source": "a", "target": "b"} for n in range(2)]
    name, count = write_rows(tmp_path, ending, rows), 3 if column == "target" else 2
    with pytest.raises(UnusableInput, match=message):
        read_beside(name, column, "--reference-column", count, "references")


def test_sources_are_in_the_column_source_unless_another_is_named(tmp_path: Path) -> None:
    rows = [{"id": "1", "source": "a", "target": "b"}, {"id": "2", "source": "c", "target": "d"}]
    name = write_rows(tmp_path, "csv", rows)
    assert read_beside(name, None, "--source-column", 2, "sources", default="source") == ["a", "c"]
    with pytest.raises(UnusableInput, match="name that of the sources with --source-column"):
        read_beside(name, None, "--source-column", 2, "sources", default="text")


def test_an_evaluation_of_languages_of_tmx_is_that_of_their_lines(tmp_path: Path) -> None:
    rows = [
        {"id": f"{n}", "source": f"Ein Hund schläft {n} mal.", "target": f"Der Hund schlief {n}."}
        for n in range(4)
    ]
    file = write_rows(tmp_path, "tmx", rows)
    for name in ("source", "target"):
        (tmp_path / f"{name}.txt").write_text("".join(f"{row[name]}\n" for row in rows))
    reports = []
    for candidate, columns, references in (
        (file, {"candidate_column": "en", "reference_column": "de"}, ()),
        (file, {"candidate_column": "en", "reference_column": "de"}, (file,)),
        (str(tmp_path / "source.txt"), {}, (str(tmp_path / "target.txt"),)),
    ):
        out = tmp_path / f"r{len(reports)}"
        request = EvaluateRequest(Location(candidate), Location(out), references, **columns)
        reports.append(job.evaluate(request).to_json()["scores"])
    assert reports[0] == reports[1] == reports[2]
