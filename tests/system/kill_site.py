"""Where jobs are killed or stopped: a store, a cluster, a corpus, and what should come of it."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from commands import ROOT, command, run
from ray_head import RayHead, environment
from rounding import SCORE
from s3 import S3Server

from nmt.storage.location import Location
from nmt.translation.verify.output import verify

ROWS = 6000
_COMMON = ["--alignments", "--heatmaps", "2", "--lease-seconds", "3", "--max-rejected", "1"]
_COMMON += ["--set", "search.max_length_ratio=0.5", "--set", "search.max_length_extra=4"]
OPTIONS = [*_COMMON, "--actors", "2"]
PATIENCE = 600  # seconds for one run of the job


@dataclass
class Site:
    """A store of its own that may be killed, a cluster, and what is translated there.

    Attributes:
        undisturbed: the rows of an output that nobody disturbed.
        seconds: what that took.
    """

    store: S3Server
    head: RayHead
    model: Path
    corpus: Path
    undisturbed: dict[str, dict] = None  # type: ignore[assignment]
    seconds: float = 0.0

    def options(self, output: str, *more: str, actors: int = 2) -> list[str | Path]:
        paths = ["--model", self.model, "--input", self.corpus, "--output", output]
        return [*paths, *_COMMON, "--actors", str(actors), *more]

    def start(self, output: str, *more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command("translate", *self.options(output, *more), head=self.head),
            cwd=ROOT,
            env=environment(**self.store.environment),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory, ray_head: RayHead, saved_models: list[Path]) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("kills")
    lines = [f"The dog number {i} sees {i % 97} cats.".encode() for i in range(ROWS)]
    lines[10], lines[700], lines[701], lines[5000] = b"", b"\xff\xfe", b"x" * 500_000, b"\x00 \x07"
    (folder / "in.txt").write_bytes(b"\n".join(lines) + b"\n")
    store = S3Server(folder)
    store.start()
    patch = pytest.MonkeyPatch()
    for name, value in store.environment.items():
        patch.setenv(name, value)
    new = Site(store, ray_head, saved_models[0], folder / "in.txt")
    try:
        start = time.monotonic()
        options = new.options(store.uri("undisturbed"))
        run("translate", *options, head=ray_head, **store.environment)
        new.seconds = time.monotonic() - start
        new.undisturbed = rows_of(store.uri("undisturbed"))
        yield new
    finally:
        store.kill()
        patch.undo()


def rows_of(output: str) -> dict[str, dict]:
    """The rows of all files that the manifest names, by folder and id."""
    folder = Location(output)
    rows = {}
    for name in (folder / "manifest.json").read_json()["files"]:
        with (folder / name).open() as file:
            for row in pq.read_table(file).to_pylist():
                rows[f"{name.partition('/')[0]} {row['id']}"] = row
    return rows


def assert_undisturbed(site: Site, output: str) -> None:
    """Check an output against the one that nobody disturbed."""
    verification = verify(Location(output))
    assert verification.violations == []
    assert verification.rows == ROWS
    assert_same(rows_of(output), site.undisturbed)


def assert_same(rows: dict[str, dict], expected: dict[str, dict]) -> None:
    """The same rows and texts, scores to 1e-4."""
    assert rows.keys() == expected.keys()
    inexact = ("score", "attention_entropy", "coverage")
    for name, row in rows.items():
        for column, value in expected[name].items():
            if column in inexact and value is not None:
                value = pytest.approx(value, abs=SCORE)
            assert row[column] == value, (name, column)


def wait(site: Site, job: subprocess.Popen[str], output: Location, chance: random.Random) -> str:
    """Wait for a random moment, in every other round one at which units are being committed."""
    start = time.monotonic()
    until = chance.uniform(0.1, 0.8) * site.seconds
    if chance.random() < 0.5:
        while job.poll() is None and not (output / "_units").files(".json"):
            time.sleep(0.2)
        until = time.monotonic() - start + chance.uniform(0.0, 0.15) * site.seconds
    while job.poll() is None and time.monotonic() - start < until:
        time.sleep(0.05)
    units = len((output / "_units").files(".json"))
    return f"after {time.monotonic() - start:.1f} s with {units} units"
