"""A translation of rows with columns: rows in = rows out, ids exact, whatever interrupts it."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from outputs import translate
from written_rows import WRITERS, put

import nmt.model  # noqa: F401  (quiets TensorFlow)
from nmt.errors import JobFailed
from nmt.storage.location import Location
from nmt.translation.verify.output import verify

ROWS = [
    {"id": f"n{i}", "source": "The dog sleeps." if i % 2 else "A cat.", "target": f"Ein Hund {i}."}
    for i in range(700)
]


pytestmark = pytest.mark.system  # whole jobs


class Killed(Exception):
    pass


@pytest.mark.parametrize("ending", ["jsonl.zst", "csv", "tmx.xz"])
def test_a_job_goes_on_where_it_was_killed(tmp_path: Path, saved_models, ending: str) -> None:
    kind = ending.split(".")[0]
    data = WRITERS[kind](ROWS)
    if kind != "tmx":
        data += {"jsonl": b"[1, 2]\n", "csv": b"1,2\n"}[kind]
    file = put(tmp_path / f"in.{ending}", data)
    columns = {"reference_column": "de-AT", "id_column": "tuid"} if kind == "tmx" else {}
    options = {"reference_column": "target", "rows_per_file": 256, **columns, "max_rejected": 1.0}

    def kill(number: int) -> None:
        if number == 0:
            raise Killed

    with pytest.raises(Killed):
        translate(saved_models[0], file, tmp_path / "out", interrupt=kill, **options)
    outcome = translate(saved_models[0], file, tmp_path / "out", **options)
    assert outcome.exit_status == 0
    assert not verify(Location(tmp_path / "out")).count
    rows = pq.read_table(tmp_path / "out" / "translations").to_pylist()
    reference = options["reference_column"]
    assert [(row["id"], row["source"], row[reference]) for row in rows] == [
        (row["id"], row["source"], row["target"]) for row in ROWS
    ]
    if kind != "tmx":
        (rejected,) = pq.read_table(tmp_path / "out" / "rejected").to_pylist()
        text = {"jsonl": "[1, 2]", "csv": "1,2"}[kind]
        assert (rejected["id"], rejected["reason"]) == ("row 701", "malformed")
        assert (rejected["source"], rejected["target"]) == (text, None)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["input_files"][0]["sha256"] == Location(file).sha256()


def test_a_file_that_changes_ends_the_job(tmp_path: Path, saved_models) -> None:
    file = put(tmp_path / "in.jsonl", WRITERS["jsonl"](ROWS))

    def change(number: int) -> None:
        put(file, WRITERS["jsonl"](ROWS[::-1]))

    with pytest.raises(JobFailed, match="changed or removed while the job ran"):
        translate(saved_models[0], file, tmp_path / "out", interrupt=change, rows_per_file=256)
