"""Whatever is killed, and whenever: the same command, run again, ends with the same output."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from commands import ROOT, command, run
from processes import descendants
from ray_head import RayHead, environment
from s3 import S3Server

from nmt import bundle
from nmt.storage import Location
from nmt.translation.verification import verify

pytestmark = pytest.mark.system

ROWS = 6000
OPTIONS = ["--alignments", "--heatmaps", "2", "--lease-seconds", "3", "--max-rejected", "1"]
OPTIONS += ["--set", "search.max_length_ratio=0.5", "--set", "search.max_length_extra=4"]
OPTIONS += ["--actors", "2"]
VICTIMS = ("actor", "worker", "driver", "store")
_PATIENCE = 600  # seconds for one run of the job
_RUNS = 6  # of one command until it must be done


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

    def options(self, output: str) -> list[str | Path]:
        return ["--model", self.model, "--input", self.corpus, "--output", output, *OPTIONS]

    def start(self, output: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command("translate", *self.options(output), head=self.head),
            cwd=ROOT,
            env=environment(**self.store.environment),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory, ray_head: RayHead, demo_bundle, demo_dataset) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("kills")
    vocabularies = demo_bundle.source_vocabulary, demo_bundle.target_vocabulary
    bundle.save(
        *(demo_bundle.model, *vocabularies),
        {
            "data": demo_dataset.settings,
            "direction": {"source": "en", "target": "de"},
            "validation": {},
        },
        Location(folder / "model"),
    )
    lines = [f"The dog number {i} sees {i % 97} cats.".encode() for i in range(ROWS)]
    lines[10], lines[700], lines[701], lines[5000] = b"", b"\xff\xfe", b"x" * 500_000, b"\x00 \x07"
    (folder / "in.txt").write_bytes(b"\n".join(lines) + b"\n")
    store = S3Server(folder)
    store.start()
    patch = pytest.MonkeyPatch()
    for name, value in store.environment.items():
        patch.setenv(name, value)
    found = Site(store, ray_head, folder / "model", folder / "in.txt")
    try:
        start = time.monotonic()
        run(
            "translate",
            *found.options(store.uri("undisturbed")),
            head=ray_head,
            **store.environment,
        )
        found.seconds = time.monotonic() - start
        found.undisturbed = rows_of(store.uri("undisturbed"))
        yield found
    finally:
        store.stop()
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
    found = verify(Location(output))
    assert found.violations == []
    assert found.rows == ROWS
    rows, expected = rows_of(output), site.undisturbed
    assert rows.keys() == expected.keys()
    inexact = ("score", "attention_entropy", "coverage")
    for name, row in rows.items():
        for column, value in expected[name].items():
            if column in inexact and value is not None:
                value = pytest.approx(value, abs=1e-4)
            assert row[column] == value, (name, column)


def kill(site: Site, victim: str, job: subprocess.Popen[str], chance: random.Random) -> str:
    """Kill something, and bring the store back; returns what it was."""
    if victim == "driver":
        os.killpg(job.pid, signal.SIGKILL)
        return "the driver"
    if victim == "store":
        away = chance.uniform(0.0, 8.0)
        site.store.kill()
        time.sleep(away)
        site.store.start()
        return f"the S3 server, away for {away:.1f} s and its start"
    below = descendants(site.head.pid)
    # Not Ray's own agents: without them the whole node ends.
    workers = {pid: t for pid, t in below.items() if t.startswith("ray::") and "Agent" not in t}
    if victim == "actor":
        workers = {pid: title for pid, title in workers.items() if "MapWorker" in title}
    if not workers:
        return f"no {victim}, for there was none"
    pid = chance.choice(sorted(workers))
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return f"no {victim}, for it ended by itself"
    return f"the {victim} {workers[pid].split('(')[0]}"


def wait(site: Site, job: subprocess.Popen[str], output: Location, chance: random.Random) -> str:
    """Wait for a random moment, in every other round one at which units are being committed."""
    start = time.monotonic()
    until = chance.uniform(0.1, 1.0) * site.seconds
    if chance.random() < 0.5:
        while job.poll() is None and not (output / "_units").files(".json"):
            time.sleep(0.2)
        until = time.monotonic() - start + chance.uniform(0.0, 0.15) * site.seconds
    while job.poll() is None and time.monotonic() - start < until:
        time.sleep(0.05)
    units = len((output / "_units").files(".json"))
    return f"after {time.monotonic() - start:.1f} s with {units} units"


def rounds(site: Site, count: int, seed: int, say: Callable[[str], None]) -> None:
    """Run the same command with a kill at a random moment, again until it is done."""
    say(f"{count} rounds, seed {seed}; undisturbed: {len(site.undisturbed)} rows of files in "
        f"{site.seconds:.0f} s")  # fmt: skip
    for number in range(count):
        chance = random.Random(1000 * seed + number)
        victim, output = VICTIMS[number % len(VICTIMS)], site.store.uri(f"{seed}-{number}")
        start, history = time.monotonic(), []
        while True:
            job = site.start(output)
            if not history:
                moment = wait(site, job, Location(output), chance)
                killed = kill(site, victim, job, chance) if job.poll() is None else "nothing"
                history.append(f"{killed} {moment}")
            _, errors = job.communicate(timeout=_PATIENCE)
            if job.returncode == 0:
                break
            last = (errors.strip().splitlines() or [""])[-1]
            history.append(f"status {job.returncode} ({last[-110:]})")
            assert len(history) <= _RUNS, history
        assert_undisturbed(site, output)
        say(f"round {number + 1:2}: killed {'; '.join(history)}; then done; the same output, no "
            f"violation; {time.monotonic() - start:.0f} s")  # fmt: skip


def test_after_any_kill_the_output_is_that_of_an_undisturbed_run(site: Site) -> None:
    rounds(site, len(VICTIMS), seed=1, say=print)


@pytest.mark.slow
def test_twenty_kills(site: Site, capsys: pytest.CaptureFixture) -> None:
    def say(line: str) -> None:
        with capsys.disabled():
            print(line, flush=True)

    rounds(site, 20, seed=int(os.environ.get("NMT_KILL_SEED", "2")), say=say)


def test_of_two_jobs_on_one_output_one_wins(site: Site) -> None:
    output = site.store.uri("two")
    jobs = [site.start(output) for _ in range(2)]
    ends = [job.communicate(timeout=_PATIENCE)[1].strip().splitlines()[-1] for job in jobs]
    assert sorted(job.returncode for job in jobs) == [0, 1], ends
    line = next(end for job, end in zip(jobs, ends, strict=True) if job.returncode)
    assert line.startswith(f"error: {output}: another job writes to it: process ")
    assert "holds it until" in line
    assert_undisturbed(site, output)
    done = run("verify", "--output", output, **site.store.environment)
    assert f"no violation in {ROWS:,} rows" in done.stderr


# jobs/translate.py with an actor that some rows kill.
DEADLY = """
import os, runpy, signal, sys
sys.path.insert(0, ".")
from nmt.translation import job

class DeadlyActor(job.DecodeActor):
    def __init__(self, work):
        super().__init__(work)
        translate = self._translator.translate

        def deadly(texts):
            if any("deadly" in text for text in texts):
                os.kill(os.getpid(), signal.SIGKILL)
            return translate(texts)

        self._translator.translate = deadly

def begin(self, *arguments, begin=job.Output.begin):
    manifest = begin(self, *arguments)
    # Some of its deaths lie behind it already: each costs the start of an actor.
    attempts = self.location / "_units/00000.attempts"
    attempts.write_json({"begun": 3, "spans": {"0-64": 1}})
    return manifest

job.DecodeActor, job.Output.begin = DeadlyActor, begin
runpy.run_path("jobs/translate.py", run_name="__main__")
"""


def test_a_row_that_kills_its_actor_is_rejected(site: Site, tmp_path: Path) -> None:
    lines = [f"The dog number {i} sleeps." for i in range(300)]
    lines[5] = "A deadly dog."
    (tmp_path / "in.txt").write_text("\n".join(lines))
    output = Location(tmp_path / "out")
    options = ["--model", site.model, "--input", tmp_path / "in.txt", "--output", output, *OPTIONS]
    words = [sys.executable, "-c", DEADLY, *map(str, options), "--address", site.head.address]
    job = {"cwd": ROOT, "env": environment(), "capture_output": True, "text": True}
    done = subprocess.run(words, **job, timeout=_PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    found = verify(output)
    assert found.violations == []
    rows = rows_of(str(output))
    rejected = {name: row["reason"] for name, row in rows.items() if name.startswith("rejected")}
    assert rejected == {"rejected 5": "crashed"}
    assert sum(name.startswith("translations") for name in rows) == 299
