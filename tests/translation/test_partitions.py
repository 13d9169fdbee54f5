"""Exports in Hive partitions: whoever reads them back has the very rows, whatever the values."""

import json
from collections import defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outputs import translate
from written_rows import jsonl, put

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.errors import UnusableInput
from nmt.formats.hive import NULL
from nmt.storage.location import Location
from nmt.translation.export import files
from nmt.translation.export.formats import Parquet
from nmt.translation.export.partitions import MOST_PARTITIONS, Partitions
from nmt.translation.input.corpus import inspect
from nmt.translation.input.unit_rows import read_unit
from nmt.translation.verify.output import repair, verify

HOSTILE = ["", ".", "..", "../x", "/", "a/b", "\0", "\n", "\x1b[31m", "%2F", "%", "=", "a=b", " "]
VALUES = st.one_of(
    st.none(), st.sampled_from([*HOSTILE, "ü😀", "_x", ".x", "\u2028", "k=part-"]),
    st.text(max_size=5).filter(lambda text: text != NULL),
)  # fmt: skip
NAMES = st.sampled_from(["k", "Kind of text", "a/b", "part-0", "Größe", "ü=%"])
FEW = settings(max_examples=15)


def as_text(schema: pa.Schema) -> ds.Partitioning:
    return ds.partitioning(schema, flavor="hive")


@FEW
@given(NAMES, st.lists(VALUES, min_size=1, max_size=8))
def test_the_folders_hold_the_very_rows(tmp_path_factory, column, values) -> None:
    top = tmp_path_factory.mktemp("parts") / "export"
    rows = pa.table({"id": [*range(len(values))], column: pa.array(values, pa.string())})
    partitions = Partitions(column)
    partitions.check("in", [rows.column(column)])
    written = defaultdict(list)
    for folder, some in partitions.split(rows):
        assert "/" not in folder
        assert folder.isprintable()
        file = Parquet().open(some.schema)
        file.add(some)
        (top / folder).mkdir(parents=True)
        (top / folder / "part-00000.parquet").write_bytes(file.close())
        written[folder] += some.column("id").to_pylist()
    assert all(ids == sorted(ids) for ids in written.values())
    assert sum(map(len, written.values())) == len(values)
    expected = dict(enumerate(values))
    if column not in ("a/b", "ü=%"):  # Arrow does not decode the names of columns
        schema = pa.schema([(column, pa.string())])
        back = ds.dataset(top, partitioning=as_text(schema)).to_table().to_pylist()
        assert {row["id"]: row[column] for row in back} == expected


def test_our_own_reader_has_the_very_rows(tmp_path: Path) -> None:
    values = [None, *HOSTILE, "ü😀", "_x", ".x"]
    for number, column in enumerate(("k", "a/b", "ü=%")):
        top = tmp_path / f"{number}"
        rows = pa.table({"source": [f"n{i}" for i in range(len(values))], column: values})
        for folder, some in Partitions(column).split(rows):
            (top / folder).mkdir(parents=True)
            put(top / folder / "part-00000.jsonl", jsonl(some.to_pylist()))
        back = {}
        for unit in inspect(str(top), "source").units():
            read = read_unit(unit, "source", None)
            texts = [text.decode() for text in read.texts]
            back |= dict(zip(texts, read.others.column(column).to_pylist(), strict=True))
        assert back == {f"n{i}": value for i, value in enumerate(values)}


ROWS = [
    {"id": f"n{i}", "source": "A cat." if i % 7 else None, "kind": [None, "a/b", "..", 1][i % 4]}
    for i in range(300)
]


def test_a_job_parts_its_rows(saved_models, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(files, "_MOST_OPEN", 3000)  # so that files are closed on the way
    file, out = put(tmp_path / "in.jsonl", jsonl(ROWS)), tmp_path / "out"
    options = {"partition_by": "kind", "max_rejected": 1.0, "heatmaps": 0}
    translate(saved_models[0], file, out, **options)
    assert verify(Location(out)).violations == []
    assert verify(Location(out)).notes == []
    schema = pa.schema([("kind", pa.string())])
    rows = ds.dataset(out / "export", partitioning=as_text(schema)).to_table().to_pylist()
    texts = {row["id"]: row for row in pq.read_table(out / "translations").to_pylist()}
    assert len(rows) == len(ROWS)
    for row in rows:
        given = ROWS[int(row["id"][1:])]
        assert row["kind"] == (None if given["kind"] is None else str(given["kind"]))
        kept = texts.get(row["id"], {"translation": None})
        assert row["translation"] == kept["translation"]
        assert row["reason"] == (None if given["source"] else "null")
    entries = json.loads((out / "manifest.json").read_text())["exports"]
    assert {name.split("/")[1] for name in entries} == {
        *("kind=1", "kind=..", "kind=a%2Fb", f"kind={NULL}")
    }
    # What is damaged is found, and made again; what another job leaves is swept away.
    name = min(entries)
    before = (out / name).read_bytes()
    (out / name).unlink()
    found = verify(Location(out))
    assert [f"{name}: is missing" in line for line in found.violations][:1] == [True]
    repair(Location(out), found.damaged)
    translate(saved_models[0], file, out, **options)
    assert (out / name).read_bytes() == before
    more = {**options, "partition_by": None, "output_format": "csv", "overwrite": True}
    translate(saved_models[0], file, out, **more)
    left = [path.name for path in (out / "export").rglob("*") if path.is_file()]
    assert left == ["part-g2-00000.csv"]
    assert verify(Location(out)).violations == []


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([str(number) for number in range(MOST_PARTITIONS + 1)], "has more than 1,000 values"),
        (["x" * 300], "too long for the name of a folder"),
        (["😀" * 25], "too long for the name of a folder"),
        ([NULL], "which readers of partitions take for null"),
    ],
)
def test_values_that_cannot_name_folders_are_refused(values, message) -> None:
    with pytest.raises(UnusableInput, match="readers pass over folders"):
        Partitions("_k").check("in", [])
    with pytest.raises(UnusableInput, match=message):
        Partitions("k").check("in", [pa.chunked_array([values])])


def test_stored_values_are_checked_again() -> None:
    folders: set[str] = set()
    for first in range(0, MOST_PARTITIONS, 250):
        table = pa.table({"k": [*range(first, first + 250)]})
        assert Partitions("k").problem(table, folders) is None
        assert Partitions("k").problem(table, folders) is None
    more = pa.table({"k": [MOST_PARTITIONS]})
    assert "more than 1,000 values" in (Partitions("k").problem(more, folders) or "")
    lists = pa.table({"k": [[1]]})
    for table in (lists, lists.drop_columns(["k"])):
        assert "names no partitions" in (Partitions("k").problem(table, set()) or "")


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary(1)])
def test_bytes_name_no_folders(saved_models, tmp_path, kind) -> None:
    """As text b'\\xff' would be 0xff, and so is the text 0xff."""
    rows = {"source": ["A cat."], "k": pa.array([b"\xff"], kind)}
    pq.write_table(pa.table(rows), tmp_path / "in.parquet")
    with pytest.raises(UnusableInput, match=r"--partition-by k: it holds .*binary.*; give"):
        translate(saved_models[0], tmp_path / "in.parquet", tmp_path / "out", partition_by="k")


def test_values_of_other_types_are_as_they_are_written() -> None:
    table = pa.table({"k": [True, False, None], "i": [1, 2, 3]})
    assert [name for name, _ in Partitions("k").split(table)] == ["k=true", "k=false", f"k={NULL}"]
