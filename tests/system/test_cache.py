"""Nights with a cache on a real S3 server, one of them killed."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from commands import ROOT, command, run
from ray_head import RayHead, environment
from rounding import SCORE
from s3 import SECRET, S3Server

from nmt.storage.location import Location

pytestmark = pytest.mark.system

BASE = "s3://nmt/nights"


def rows(output: Location) -> list[dict]:
    """All rows of an output, in the order of its manifest."""
    manifest = (output / "manifest.json").read_json()
    names = [name for name in manifest["files"] if name.startswith("translations/")]
    tables = []
    for name in names:
        with (output / name).open() as file:
            tables.append(pq.read_table(file))
    return [row for table in tables for row in table.to_pylist()]


def counts(output: Location) -> tuple[int, int, int]:
    report = (output / "report/report.json").read_json()
    return tuple(report["counts"][name] for name in ("decoded", "reused", "repeated"))


def assert_same(expected: list[dict], found: list[dict]) -> None:
    inexact = {"score", "attention_entropy", "coverage"}
    for one, other in zip(expected, found, strict=True):
        assert {k: v for k, v in one.items() if k not in inexact} == {
            k: v for k, v in other.items() if k not in inexact
        }
        for name in inexact:
            assert other[name] == pytest.approx(one[name], abs=SCORE)


@pytest.mark.slow
def test_nights_with_a_cache(
    trained: Path, ray_head: RayHead, s3: S3Server, tmp_path: Path
) -> None:
    sources = pq.read_table(trained / "dataset/train", columns=["source"])["source"].to_pylist()
    lines = [source.encode() for source in sources]
    lines = [*lines, b"", b"\xff\xfe broken", *lines[:200], b"  "]
    text = tmp_path / "corpus.txt"
    text.write_bytes(b"\n".join(lines))
    shared = ["--model", trained / "run/model", "--input", text, "--heatmaps", "2"]
    plain, night = Location(tmp_path / "plain"), Location(f"{BASE}/one")
    run("translate", *shared, "--output", str(plain), head=ray_head)
    expected = rows(plain)

    cache = Location(f"{BASE}/cache")
    options = [*shared, "--cache", str(cache)]
    process = subprocess.Popen(
        command("translate", *options, "--output", str(night)),
        cwd=ROOT, env=environment(**s3.environment), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 600
    while not cache.files(".parquet", recursive=True):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (night / "_SUCCESS").is_file()

    run("translate", *options, "--output", str(night), head=ray_head, **s3.environment)
    assert_same(expected, rows(night))
    distinct = len({" ".join(row["source"].split()) for row in expected})
    assert counts(night) == (distinct, 0, len(expected) - distinct)

    text.write_bytes(b"\n".join([b"A whole new dog.", *lines[::-1], b"A whole new dog."]))
    second = Location(f"{BASE}/two")
    run("translate", *options, "--output", str(second), head=ray_head, **s3.environment)
    assert counts(second) == (1, len(expected), 1)
    assert_same(
        [{**row, "id": 0} for row in expected[::-1]],
        [{**row, "id": 0} for row in rows(second)[1:-1]],
    )

    (line,) = run("cache", "list", "--cache", str(cache), **s3.environment).stdout.splitlines()
    run("cache", "prune", "--cache", str(cache), "--generation", line.split()[0], **s3.environment)
    done = run("cache", "list", "--cache", str(cache), status=2, **s3.environment)
    assert "no cache" in done.stderr
    for file in Location(BASE).files(recursive=True):
        assert SECRET.encode() not in file.read_bytes(), f"{file} holds the secret"
