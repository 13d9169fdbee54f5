"""A training that sleeps with all its processes, and wakes when another has finished its RUN."""

import contextlib
import hashlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from commands import ROOT, TINY, command, run
from processes import descendants
from ray_head import environment

pytestmark = [pytest.mark.system, pytest.mark.slow]
PATIENCE = 600  # seconds; a generous limit for a loaded machine


def test_a_training_that_sleeps_and_wakes_changes_nothing(tmp_path: Path) -> None:
    run("prepare", "--demo", "300", "--output", tmp_path / "data", "--valid-fraction", "0.1",
        "--test-fraction", "0")  # fmt: skip
    output, log = tmp_path / "run", tmp_path / "log"
    words = ["--data", tmp_path / "data", "--output", output, *TINY]
    words += ["--set", "training.checkpoint_minutes=0.02", "--set", "training.patience=1000"]
    words += ["--set", "training.valid_sentences=4"]
    long = [*words, "--set", "training.epochs=1000"]
    with log.open("wb") as file:
        first = subprocess.Popen(
            command("train", *long),
            cwd=ROOT,
            env=environment(),
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    asleep: list[int] = []
    try:
        deadline = time.monotonic() + PATIENCE
        while not list(output.glob("checkpoint_*/checkpoint.json")):
            assert first.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        asleep = [first.pid, *descendants(first.pid)]
        for pid in asleep:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        run("train", *words, "--set", "training.max_minutes=0.05")
        before = contents(output)
        assert "status.json" in before
    finally:
        for pid in asleep:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        if not asleep:
            first.kill()
    assert first.wait(timeout=PATIENCE) == 1, log.read_text()
    assert "this job lost its lease" in log.read_text()
    assert contents(output) == before


def contents(folder: Path) -> dict[str, str]:
    """The hashes of the files of a RUN, by name, but for the lease and what is half written."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file() and not file.name.startswith(("_lease", "."))
    }
