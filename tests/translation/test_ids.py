"""Ids and other columns of any type go through a whole job unchanged, and are told as valid JSON.

Two ids are equal by one rule, from the first look at the input to the last at the output.
"""

from __future__ import annotations

import decimal
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from outputs import translate

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.errors import UnusableInput
from nmt.evaluation.comparison import paired
from nmt.evaluation.job import evaluate
from nmt.evaluation.request import EvaluateRequest
from nmt.storage.location import Location
from nmt.tables.values import json_values
from nmt.translation.unique_ids import OutputIds, check_ids, stored_keys
from nmt.translation.verify.output import verify

SOURCES = ["The dog sleeps.", "A cat.", None]
D = decimal.Decimal
NAN = float("nan")


def moments(kind: pa.DataType, *values: int) -> pa.Array:
    return pa.array(values, pa.int32() if kind.bit_width == 32 else pa.int64()).view(kind)


IDS = {
    "decimal": (pa.array([D("1.50"), D("-2.00"), D("0")], pa.decimal128(38, 2)), "1.50"),
    "large decimal": (pa.array([D(10**60), D(1), D(2)], pa.decimal256(76, 0)), "1" + "0" * 60),
    "date": (moments(pa.date32(), 0, 1, 2), "1970-01-01"),
    "far date": (moments(pa.date32(), 5_000_000, -5_000_000, 0), "15659-07-15"),
    "nanoseconds": (moments(pa.timestamp("ns"), 1, 2, 3), "1970-01-01T00:00:00.000000001"),
    "time zone": (moments(pa.timestamp("us", "Nowhere/At_all"), 0, 1, 2), "1970-01-01T00:00:00Z"),
    "far time": (moments(pa.timestamp("ms"), 86_400_000 * 5_000_000, 1, 2), "15659-07-15T00:00:00"),
    "duration": (moments(pa.duration("ms"), 1500, 2, 3), "1500ms"),
    "time": (moments(pa.time64("ns"), 1, 2, 3), "00:00:00.000000001"),
    "binary": (pa.array([b"\xff\x00", b"a", b""]), "0xff00"),
    "fixed binary": (pa.array([b"ab", b"cd", b"\0\0"], pa.binary(2)), "ab"),
    "UUID": (pa.array([bytes([i] * 16) for i in (7, 8, 9)], pa.uuid()), "-".join(
        ["07" * 4, "07" * 2, "07" * 2, "07" * 2, "07" * 6])),
    "float": (pa.array([NAN, -0.0, float("inf")]), "nan"),
    "half float": (pa.array(np.array([0.5, NAN, 2], np.float16)), "0.5"),
    "unsigned": (pa.array([2**64 - 1, 0, 5], pa.uint64()), 2**64 - 1),
    "large string": (pa.array(["ä", "b", "c"], pa.large_string()), "ä"),
    "dictionary": (pa.array([7.5, 8.5, 9.5]).dictionary_encode(), "7.5"),
    "JSON": (pa.array(["{}", "[]", "1"], pa.json_()), "{}"),
}  # fmt: skip


def strict(file: Path) -> Any:
    """JSON as every reader takes it: without NaN and Infinity, which Python's own writes."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{file}: holds {constant}")

    return json.loads(file.read_text("utf-8"), parse_constant=refuse)


def bits(column: pa.ChunkedArray, rows: list[int]) -> str:
    """Some rows as text in which NaN is NaN, and -0.0 is not 0.0; with their type."""
    taken = column.take(pa.array(rows)).combine_chunks()
    return f"{taken.type} {taken.to_string()}"


WHOLE_JOBS = ["decimal", "far date", "time zone", "duration", "time", "binary", "UUID", "float"]


@pytest.mark.parametrize(
    ("name", "cache"),
    [*((name, False) for name in WHOLE_JOBS), ("far date", True), ("float", True)],
)
def test_ids_of_any_type_are_carried_through(saved_models, tmp_path, name, cache) -> None:
    ids, expected = IDS[name]
    file, out = tmp_path / "in.parquet", tmp_path / "out"
    pq.write_table(pa.table({"key": ids, "source": SOURCES, "again": ids}), file, row_group_size=2)
    options: dict[str, Any] = {"id_column": "key", "alignments": True, "max_rejected": 1}
    options["group_by"] = ("again",)
    if cache:
        options["cache"] = tmp_path / "cache"
    verdict = translate(saved_models[0], file, out, **options)
    stored = pq.read_table(file)
    for folder, rows in (("translations", [0, 1]), ("alignments", [0, 1]), ("rejected", [2])):
        found = pq.ParquetFile(out / folder / "part-00000.parquet").read()
        here = list(range(len(rows)))
        assert bits(found.column("id"), here) == bits(stored.column("key"), rows)
        if folder != "alignments":
            assert bits(found.column("again"), here) == bits(stored.column("again"), rows)
    report = strict(out / "report/report.json")
    for made in out.rglob("*.json"):
        strict(made)
    assert report["samples"][0]["id"] == expected
    assert [entry["value"] for entry in report["groups"][0]["values"]].count(str(expected)) == 1
    assert str(expected) in (out / "report/index.html").read_text("utf-8")
    assert verify(Location(out)).violations == []
    assert verdict.exit_status == 0


def test_a_baseline_has_the_same_ids_whatever_they_are(saved_models, tmp_path) -> None:
    file, out = tmp_path / "in.parquet", tmp_path / "out"
    options: dict[str, Any] = {"max_rejected": 1}
    for name in ("far date", "float"):
        pq.write_table(pa.table({"id": IDS[name][0], "source": SOURCES}), file)
        translate(saved_models[0], file, out, overwrite=True, **options)
        options["baseline"] = Location(out)
        verdict = translate(saved_models[0], file, tmp_path / f"next {name}", **options)
        assert verdict.report.to_json()["comparison"]["paired"] == 2
        del options["baseline"]


@pytest.mark.parametrize("name", IDS)
def test_one_rule_of_equality_from_start_to_end(name) -> None:
    """Of the first look at the input, of the look at the output, of a comparison of two."""
    ids, expected = IDS[name]
    chunks = [ids.slice(0, 2), ids.slice(2)]
    check_ids(lambda: chunks)
    assert json_values(ids)[0] == expected
    part = pa.chunked_array([ids])
    with OutputIds(3, numbered=False) as found:
        found.add("a", stored_keys(part))
        assert list(found.violations(lambda _: part)) == []
        found.add("b", stored_keys(part.slice(0, 1)))
        (line,) = found.violations(lambda name: part.slice(0, 1) if name == "b" else part)
    assert line == f"id {expected!r} stands there 2 times: a, b"
    here, there = paired(part, pa.chunked_array([ids.slice(1), ids.slice(0, 1)]))
    assert (here.tolist(), there.tolist()) == ([0, 1, 2], [2, 0, 1])
    with pytest.raises(UnusableInput, match="is given more than once"):
        check_ids(lambda: [*chunks, ids.slice(0, 1)])


EQUAL = {
    "zeros": pa.array([0.0, -0.0, 1.0]),
    "NaN": pa.array([NAN, 1.0, NAN]),
    "half floats": pa.array(np.array([0.0, -0.0, 1], np.float16)),
    "UUIDs": pa.array([b"a" * 16, b"b" * 16, b"a" * 16], pa.uuid()),
    "dates": moments(pa.date32(), 5_000_000, 1, 5_000_000),
    "times": moments(pa.timestamp("ns"), 1, 2, 1),
    "decimals": pa.array([D("1.5"), D("2"), D("1.50")], pa.decimal128(5, 2)),
    "bytes": pa.array([b"\xff", b"a", b"\xff"]),
}


@pytest.mark.parametrize("name", EQUAL)
def test_equal_ids_are_refused_before_anything_is_written(saved_models, tmp_path, name) -> None:
    file = tmp_path / "in.parquet"
    pq.write_table(pa.table({"id": EQUAL[name], "source": SOURCES}), file)
    with pytest.raises(UnusableInput, match="is given more than once") as caught:
        translate(saved_models[0], file, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1], [2], [3]]),
        pa.array([{"a": 1}, {"a": 2}, {"a": 3}]),
        pa.array([[("a", 1)], [], []], pa.map_(pa.string(), pa.int8())),
    ],
    ids=str,
)
def test_what_holds_other_values_is_no_id(saved_models, tmp_path, column) -> None:
    file = tmp_path / "in.parquet"
    pq.write_table(pa.table({"key": column, "source": SOURCES}), file)
    for options, option in (
        ({"id_column": "key"}, "--id-column"),
        ({"group_by": ("key",)}, "--group-by"),
    ):
        with pytest.raises(UnusableInput, match=f"column 'key' .*{option}") as caught:
            translate(saved_models[0], file, tmp_path / "out", **options)
        assert "\n" not in str(caught.value)


def test_columns_of_every_type_are_carried_through(saved_models, tmp_path) -> None:
    """Among them what pyarrow cannot make Python objects of, and nested ones."""
    views = pa.StructArray.from_arrays([pa.array(["a", "b", "c"], pa.string_view())], ["f"])
    columns = {
        "struct": pa.array([{"a": 1, "b": [1.5]}, None, {"a": None, "b": []}]),
        "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int32())),
        "far": pa.array([[5_000_000], [], None], pa.list_(pa.int32())).cast(pa.list_(pa.date32())),
        "fixed": pa.array([[1, 2], [3, 4], None], pa.list_(pa.int8(), 2)),
        "null": pa.nulls(3),
        "views": views,
        "tensor": pa.FixedShapeTensorArray.from_numpy_ndarray(np.zeros((3, 2), np.float32)),
        "bool8": pa.array([1, 0, None], pa.bool8()),
    }
    file, out = tmp_path / "in.parquet", tmp_path / "out"
    pq.write_table(pa.table({**columns, "source": SOURCES}), file)
    translate(saved_models[0], file, out, max_rejected=1)
    found = [
        pq.ParquetFile(out / n / "part-00000.parquet").read() for n in ("translations", "rejected")
    ]
    for name, given in columns.items():
        joined = pa.chunked_array([c for t in found for c in t.column(name).chunks])
        wanted = given.cast(pa.struct([("f", pa.string())])) if name == "views" else given
        assert joined.combine_chunks().cast(wanted.type).equals(wanted), name
    assert verify(Location(out)).violations == []


def test_a_folder_of_other_writers_and_partitions_is_one_input(saved_models, tmp_path) -> None:
    """The whole job: grouped by the partition, with references, checked, and evaluated."""
    base = tmp_path / "in"
    first = {"id": pa.array([1, 2], pa.int32()), "source": SOURCES[:2], "target": ["x", "y"]}
    other = {
        "target": pa.array(["z", None], pa.large_string()),
        "source": pa.array(["A dog.", "We play."]).dictionary_encode(),
        "id": pa.array([3, 2**40], pa.int64()),
    }
    for folder, columns in (("domain=news", first), ("domain=law%2Fcivil", other)):
        (base / folder).mkdir(parents=True)
        pq.write_table(pa.table(columns), base / folder / "part-0.parquet")
    out = tmp_path / "out"
    verdict = translate(saved_models[0], base, out, group_by=("domain",), reference_column="target")
    found = pq.ParquetFile(out / "translations/part-00000.parquet").read()
    assert found.select(["id", "target", "domain"]).to_pydict() == {
        "id": [3, 2**40, 1, 2],
        "target": ["z", None, "x", "y"],
        "domain": ["law/civil", "law/civil", "news", "news"],
    }
    groups = verdict.report.to_json()["groups"][0]
    assert groups["column"] == "domain"
    assert {g["value"]: g["rows"] for g in groups["values"]} == {"law/civil": 2, "news": 2}
    assert verify(Location(out)).violations == []
    report = evaluate(
        EvaluateRequest(
            Location(out),
            Location(tmp_path / "r"),
            reference_column="target",
            baseline=Location(out),
        )
    ).to_json()
    assert report["comparison"]["sentences"] == 3


def test_the_same_files_named_otherwise_are_another_job(saved_models, tmp_path) -> None:
    """Named by their own folder, they have no column of its name."""
    folder = tmp_path / "in/domain=news"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"source": SOURCES[:2]}), folder / "a.parquet")
    translate(saved_models[0], folder, tmp_path / "out")
    assert "domain" not in pq.read_schema(tmp_path / "out/translations/part-00000.parquet").names
    with pytest.raises(UnusableInput, match="folders of --input not set → domain"):
        translate(saved_models[0], tmp_path / "in", tmp_path / "out")
