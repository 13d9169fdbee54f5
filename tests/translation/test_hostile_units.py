"""Changed parts of an unfinished output, their records changed with them, are made again."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from outputs import translate

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.errors import JobFailed
from nmt.storage.location import Location
from nmt.translation.verify.output import verify

OPTIONS = {"max_rejected": 1.0, "rows_per_file": 256, "heatmaps": 0}
Change = Callable[[pa.Table], pa.Table]


def put(name: str, value: object) -> Change:
    def change(table: pa.Table) -> pa.Table:
        place = table.column_names.index(name)
        return table.set_column(place, name, pa.array([value] * table.num_rows))

    return change


def drop(name: str) -> Change:
    return lambda table: table.drop_columns([name])


def reasons(table: pa.Table) -> pa.Table:
    return table.append_column("reason", pa.array(["null"] * table.num_rows))


CASES: list[tuple[str, Change]] = [
    ("rejected", put("source", 5)),
    ("rejected", put("id", "a")),
    ("rejected", put("reason", 5)),
    ("rejected", drop("reason")),
    ("rejected", lambda table: table.append_column("more", table["id"])),
    ("translations", reasons),
    ("translations", drop("translation")),
    ("translations", drop("flags")),
    ("translations", put("translation", 5)),
    ("translations", put("score", float("nan"))),
]


@pytest.fixture(scope="module")
def sound(saved_models, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    (folder / "in.txt").write_bytes(b"The dog sleeps.\n\xffbroken\nA cat.\n")
    translate(saved_models[0], folder / "in.txt", folder / "out", output_format="csv", **OPTIONS)
    return folder


def changed_unit(sound: Path, out: Path, change: Change, folder: str = "translations") -> None:
    """An unfinished output, one part of whose unit is changed, and its record with it."""
    name = f"{folder}/part-00000.parquet"
    shutil.copytree(sound, out)
    for file in ("_SUCCESS", "manifest.json"):
        (out / file).unlink()
    pq.write_table(change(pq.read_table(out / name)), out / name)
    data, record = (out / name).read_bytes(), out / "_units/00000.json"
    content = json.loads(record.read_text())
    content["files"][name] |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    record.write_text(json.dumps(content))


def exported(out: Path) -> dict[str, bytes]:
    folder = out / "export"
    return {f"{f.relative_to(folder)}": f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_changed_part_is_named_in_one_line_and_made_again(
    saved_models, sound, tmp_path, number: int
) -> None:
    folder, change = CASES[number]
    out = tmp_path / "out"
    changed_unit(sound / "out", out, change, folder)
    with pytest.raises(JobFailed, match="run the same command again to translate") as caught:
        translate(saved_models[0], sound / "in.txt", out, output_format="csv", **OPTIONS)
    assert "part-00000.parquet" in str(caught.value)
    assert "\n" not in str(caught.value)
    translate(saved_models[0], sound / "in.txt", out, output_format="csv", **OPTIONS)
    assert verify(Location(out)).violations == []
    assert exported(out) == exported(sound / "out")


ROWS = [
    {"id": f"n{i}", "t": "A dog sleeps." if i != 2 else None, "b": "A cat.", "d": f"x{i % 2}"}
    for i in range(4)
]
COLUMNS = {"text_column": ("t", "b"), "partition_by": "d", **OPTIONS}


def take(*places: int) -> Change:
    return lambda table: table.take(pa.array(places))


# Rows of a job of two text columns: n0 t, n0 b, n1 t, n1 b, n2 b, n3 t, n3 b.
SEVERAL: dict[str, tuple[str, Change]] = {
    "two rows change places": ("its rows", take(2, 3, 0, 1, 4, 5, 6)),
    "two texts change places": ("its rows", take(1, 0, 2, 3, 4, 5, 6)),
    "all is reversed": ("its rows", take(*range(6, -1, -1))),
    "a long value": ("too long for the name", put("d", "y" * 300)),
    "a value that means null": ("take for null", put("d", "__HIVE_DEFAULT_PARTITION__")),
    "no value": ("other columns", drop("d")),
}


@pytest.fixture(scope="module")
def of_columns(saved_models, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("columns")
    (folder / "in.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in ROWS))
    translate(saved_models[0], folder / "in.jsonl", folder / "out", **COLUMNS)
    return folder


@pytest.mark.parametrize("case", SEVERAL)
def test_a_unit_with_other_rows_than_the_input_is_made_again(
    saved_models, of_columns, tmp_path, case: str
) -> None:
    message, change = SEVERAL[case]
    out = tmp_path / "out"
    changed_unit(of_columns / "out", out, change)
    with pytest.raises(JobFailed, match=f"{message}.*run the same command again to translate"):
        translate(saved_models[0], of_columns / "in.jsonl", out, **COLUMNS)
    translate(saved_models[0], of_columns / "in.jsonl", out, **COLUMNS)
    assert exported(out) == exported(of_columns / "out")


@pytest.mark.parametrize("output_format", ["csv", None])
def test_rows_in_another_order_are_found(saved_models, sound, tmp_path, output_format) -> None:
    out = tmp_path / "out"
    options = {**OPTIONS, "output_format": output_format}
    translate(saved_models[0], sound / "in.txt", tmp_path / "sound", **options)
    changed_unit(tmp_path / "sound", out, take(1, 0))
    assert any("not in the order" in line for line in verify(Location(out)).violations)
    with pytest.raises(JobFailed, match="order"):
        translate(saved_models[0], sound / "in.txt", out, **options)
    translate(saved_models[0], sound / "in.txt", out, **options)
    assert verify(Location(out)).violations == []
