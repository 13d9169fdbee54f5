"""Rows and files of every odd kind, through a real job on Ray to a real S3 server."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from commands import run
from corpora import ODD_LINES, REJECTED_LINES
from ray_head import RayHead
from s3 import S3Server

from nmt.storage.location import Location

pytestmark = pytest.mark.system

BASE = "s3://nmt/odd"
GOOD = b"The dog sleeps."
LINES = [line for odd in ODD_LINES.values() for line in (odd, GOOD)]


def translated(trained: Path, given: str, output: str, *more: str, head: RayHead) -> dict:
    """Rows of the output by id: a translation, or the reason why there is none."""
    run("translate", "--model", trained / "run/model", "--input", given, "--output", output,
        "--max-rejected", "1", *more, head=head)  # fmt: skip
    rows = {}
    for name in (Location(output) / "manifest.json").read_json()["files"]:
        with (Location(output) / name).open() as file:
            for row in pq.read_table(file).to_pylist():
                assert row["id"] not in rows
                rows[row["id"]] = row
    return rows


def check(rows: dict, ids: list) -> None:
    """Every row is there, the odd ones cost no other, and what is rejected has its reason."""
    assert set(rows) == set(ids)
    reasons = [rows[number].get("reason") for number in ids[: 2 * len(ODD_LINES) : 2]]
    assert reasons == [*REJECTED_LINES, *[None] * (len(ODD_LINES) - len(REJECTED_LINES))]
    assert len({rows[number]["translation"] for number in ids[1 : 2 * len(ODD_LINES) : 2]}) == 1


@pytest.mark.slow
def test_odd_lines_of_many_files(
    trained: Path, ray_head: RayHead, s3: S3Server, tmp_path: Path
) -> None:
    """One file, many small ones, some of them a .gz: the same rows under the same ids."""
    one = Location(f"{BASE}/one/in.txt")
    one.write_bytes(b"\n".join(LINES) + b"\n")
    for number, line in enumerate(LINES):
        file = Location(f"{BASE}/many/{number:03}.txt" + (".gz" if number % 3 == 0 else ""))
        file.write_bytes(gzip.compress(line + b"\n") if number % 3 == 0 else line + b"\n")
    whole = translated(trained, str(one), f"{BASE}/out-one", head=ray_head)
    check(whole, list(range(len(LINES))))
    parts = translated(trained, f"{BASE}/many", f"{BASE}/out-many", head=ray_head)
    assert parts.keys() == whole.keys()
    for number, row in whole.items():
        for column in ("translation", "reason", "flags"):
            assert parts[number].get(column) == row.get(column), number


def test_odd_rows_of_parquet(trained: Path, ray_head: RayHead, s3: S3Server) -> None:
    """Nulls as well; own ids and other columns are kept."""
    ids = [f"row {number}" for number in range(len(LINES) + 1)]
    table = pa.table({
        "key": ids,
        "text": pa.array([*LINES, None], pa.binary()),
        "weight": [number / 2 for number in range(len(ids))],
    })  # fmt: skip
    Location(f"{BASE}/parquet/in.parquet").write_table(table)
    options = ["--text-column", "text", "--id-column", "key"]
    rows = translated(trained, f"{BASE}/parquet", f"{BASE}/out-parquet", *options, head=ray_head)
    check(rows, ids)
    assert rows[ids[-1]]["reason"] == "null"
    assert all(row["weight"] == ids.index(number) / 2 for number, row in rows.items())
