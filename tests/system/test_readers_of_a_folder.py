"""Whoever reads the whole folder of an output, and not its manifest, sees no row twice.

DuckDB reads it again and again while the job is killed and run again, and when it has ended.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import duckdb
import pytest
from commands import ROOT, command
from kill_site import PATIENCE, ROWS, Site, assert_undisturbed
from ray_head import environment

pytestmark = [pytest.mark.system, pytest.mark.slow]


def ids(folder: Path) -> list[int]:
    """The ids of all files, as DuckDB finds them."""
    if not any(folder.glob("*.parquet")):
        return []
    query = f"SELECT id FROM read_parquet('{folder}/*.parquet', union_by_name=true)"
    return [row[0] for row in duckdb.sql(query).fetchall()]


def killed_and_read(site: Site, output: Path, chance: random.Random) -> str:
    """A job that is killed at random moments and run again, while its folder is read."""
    reads = kills = 0
    local = ["--cache", f"{output}-cache"] * (chance.random() < 0.5)
    words = command("translate", *site.options(str(output), *local), head=site.head)
    while True:
        job = subprocess.Popen(
            words,
            cwd=ROOT,
            env=environment(),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        end = time.monotonic() + chance.uniform(0.1, 0.7) * site.seconds
        while job.poll() is None:
            seen = ids(output / "translations")
            assert len(seen) == len(set(seen))
            assert set(seen) <= set(range(ROWS))
            reads += 1
            if time.monotonic() > end and kills < 4:
                os.killpg(job.pid, signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.2)
        errors = job.communicate(timeout=PATIENCE)[1]
        if job.returncode == 0:
            break
        assert job.returncode == -signal.SIGKILL, errors
    assert (output / "_SUCCESS").exists()
    seen, rejected = ids(output / "translations"), ids(output / "rejected")
    assert sorted(seen + rejected) == list(range(ROWS))
    assert_undisturbed(site, str(output))
    return f"{kills} kills, {reads} readings"


def test_a_reader_of_the_folder_sees_no_row_twice(site: Site, tmp_path: Path, capsys) -> None:
    seed, count = (int(os.environ.get(f"NMT_READ_{x}", n)) for x, n in (("SEED", 5), ("COUNT", 2)))
    for number in range(count):
        chance = random.Random(1000 * seed + number)
        said = killed_and_read(site, tmp_path / f"{number}", chance)
        with capsys.disabled():
            print(f"read {number}, seed {seed}: {said}; the same output", flush=True)
