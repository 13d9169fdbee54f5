"""How a training ends that is asked to, that is one too many, or that has nothing to go on from."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from commands import ROOT, TINY, command, run
from ray_head import RayHead, environment
from trainings import events_of

pytestmark = pytest.mark.system

OPTIONS = [*TINY, "--set", "training.epochs=1000", "--set", "training.patience=1000"]
OPTIONS += ["--set", "training.valid_sentences=4", "--set", "training.heatmaps=0"]
OPTIONS += ["--set", "training.checkpoint_minutes=0.05"]
PATIENCE = 600  # seconds; a generous limit for a loaded machine


def test_one_job_writes_and_sigint_ends_it_and_damage_is_no_new_beginning(
    ray_head: RayHead, tmp_path: Path
) -> None:
    run("prepare", "--demo", "300", "--output", tmp_path / "data", "--valid-fraction", "0.1",
        "--test-fraction", "0")  # fmt: skip
    output = tmp_path / "run"
    words = ["--data", tmp_path / "data", "--output", output, *OPTIONS]
    first, log = command("train", *words, head=ray_head), tmp_path / "log"
    with log.open("wb") as file:
        job = subprocess.Popen(first, cwd=ROOT, env=environment(), stdout=file, stderr=file)
    try:
        deadline = time.monotonic() + PATIENCE
        while not list(output.glob("checkpoint_*/checkpoint.json")):
            assert job.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        done = run("train", *words, head=ray_head, status=1)
        (line,) = [line for line in done.stderr.splitlines() if " ERROR train: " in line]
        assert f"{output}: another job writes to it: process {job.pid} on " in line
        assert "give another --output" in line
        assert job.poll() is None, log.read_text()
        os.kill(job.pid, signal.SIGINT)
        assert job.wait(timeout=PATIENCE) == 130, log.read_text()
    finally:
        job.kill()
        job.wait()
    assert "stopped by SIGINT, with a checkpoint; run the same command again" in log.read_text()
    # Nothing of what was measured until then is missing in TensorBoard.
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    assert sorted(events_of(tmp_path, "training/loss")) == [line["step"] for line in lines]

    kept = list(output.glob("checkpoint_*/state.safetensors"))
    assert kept
    for file in kept:
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    done = run("train", *words, head=ray_head, status=2)
    assert f"ERROR train: {output}: all of its checkpoints are damaged" in done.stderr
    assert "restore them from a copy" in done.stderr
    assert sorted(output.glob("checkpoint_*/state.safetensors")) == sorted(kept)
