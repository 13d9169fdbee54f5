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


@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_changed_part_is_named_in_one_line_and_made_again(
    saved_models, sound, tmp_path, number: int
) -> None:
    folder, change = CASES[number]
    out, name = tmp_path / "out", f"{folder}/part-00000.parquet"
    shutil.copytree(sound / "out", out)
    for file in ("_SUCCESS", "manifest.json"):
        (out / file).unlink()
    pq.write_table(change(pq.read_table(out / name)), out / name)
    data, record = (out / name).read_bytes(), out / "_units/00000.json"
    content = json.loads(record.read_text())
    content["files"][name] |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    record.write_text(json.dumps(content))
    with pytest.raises(JobFailed, match="run the same command again to translate") as caught:
        translate(saved_models[0], sound / "in.txt", out, output_format="csv", **OPTIONS)
    assert "part-00000.parquet" in str(caught.value)
    assert "\n" not in str(caught.value)
    translate(saved_models[0], sound / "in.txt", out, output_format="csv", **OPTIONS)
    assert verify(Location(out)).violations == []
    exported = "export/part-00000.csv"
    assert (out / exported).read_bytes() == (sound / "out" / exported).read_bytes()
